"""A daemon that somebody hides from su, by a tool that mounts for its caller: it is no daemon that is down."""

import signal

import pytest

from harness.journal import decisions
from harness.machine import CODE_PROMPT, REFUSAL, SUCCESS, as_user, run
from harness.rotation import stack
from harness.terminal import Terminal

STACK = ("auth required pam_otp.so", "auth required pam_permit.so", "account required pam_permit.so", "session required pam_permit.so")
DEAD = "/tmp/dead.sock"
MADE_DEAD = f"import os, socket; os.path.exists('{DEAD}') or socket.socket(socket.AF_UNIX).bind('{DEAD}')"

# what a set-uid sandbox mounts for the person who runs it
HIDING = {
    "an empty directory": "mkdir -p /tmp/empty && mount --bind /tmp/empty /run/otp",
    "an empty file system": "mount -t tmpfs -o mode=755 none /run/otp",
    "an empty /run": "mount -t tmpfs -o mode=755 none /run",
    "no file": "mount --bind /dev/null /run/otp/otp.sock",
    "a dead socket": f'python3 -c "{MADE_DEAD}" && mount --bind {DEAD} /run/otp/otp.sock',
    "another's directory": "mkdir -p /tmp/theirs && chown 12345 /tmp/theirs && mount --bind /tmp/theirs /run/otp",
}


@pytest.fixture
def su():
    with stack("su", *STACK):
        yield


def tried(machine, user, code, hiding="true"):
    """Whether somebody else's su opens with this code, and the reason in the log, where these mounts were made before."""
    stranger = machine.new_user()
    start = machine.journal.position()
    inside = f"{hiding} && exec {' '.join(as_user(stranger))} su {user.name} -c 'id -u'"
    terminal = Terminal(["unshare", "--mount", "--propagation", "private", "sh", "-c", inside])
    terminal.awaits(CODE_PROMPT)
    terminal.types_hidden(code)
    opened = terminal.ends() == 0
    assert opened == (f"\n{user.uid}\n" in terminal.transcript) and opened != (REFUSAL in terminal.transcript), terminal.transcript
    (line,) = decisions(machine.journal.since(start))
    return opened, line["reason"], line.get("detail", "")


@pytest.mark.parametrize("how", HIDING)
def test_where_it_is_hidden_su_does_not_decide_for_itself(machine, su, enrolled, how):
    user, key = enrolled
    opened, reason, detail = tried(machine, user, key.first, HIDING[how])
    assert (opened, reason) == (False, "no-daemon") and "/run/otp" in detail, (opened, reason, detail)
    assert machine.ask("otp", user, key.first)[0] == SUCCESS, "the code was not looked at"


@pytest.mark.parametrize("how", HIDING)
def test_nor_where_there_is_none_behind_it(machine, su, enrolled, how):
    """Nobody can tell."""
    user, key = enrolled
    with machine.daemon_stopped():
        assert tried(machine, user, key.first, HIDING[how])[:2] == (False, "no-daemon")


def test_a_private_mount_that_hides_nothing_changes_nothing(machine, su, enrolled):
    user, key = enrolled
    assert tried(machine, user, key.first, "mount -t tmpfs none /mnt") == (True, "code", "")


def test_a_daemon_that_is_down_leaves_su_to_the_files(machine, su, enrolled):
    """Without a socket, and with one that is left over from a daemon that was killed."""
    user, key = enrolled
    run("rm", "/run/otp/otp.sock")
    assert tried(machine, user, key.first)[:2] == (True, "code")
    machine.stop()
    machine.start()
    machine.stop(signal.SIGKILL)
    try:
        assert tried(machine, user, key.first)[:2] == (False, "replayed")
        assert tried(machine, user, key.second)[:2] == (True, "code")
    finally:
        machine.start()


def test_without_its_directory_su_refuses(machine, su, enrolled):
    """A directory that is gone cannot be told from one that is hidden; tmpfiles.d makes it at every boot."""
    user, key = enrolled
    with machine.daemon_stopped():
        run("mv", "/run/otp", "/run/otp.away")
        try:
            assert tried(machine, user, key.first)[:2] == (False, "no-daemon")
        finally:
            run("mv", "/run/otp.away", "/run/otp")
