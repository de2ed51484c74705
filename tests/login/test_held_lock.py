"""A user who holds the lock of their own state, by a sudo that they have stopped, is suspended and forgotten all the same."""

import os
import signal
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness import daemon_log
from harness.machine import AUTH_ERR, CODE_PROMPT, SUCCESS, VAULT, otpctl, pam_code, pam_codes
from harness.otpctl import DONE, REFUSED
from harness.services import OPENED
from harness.strace import attached, parsed
from harness.terminal import Terminal
from harness.wait import until
from harness.wire import Client

OFFLINE = pytest.mark.parametrize("offline", [(), ("--offline",)], ids=["daemon", "offline"])
ABOUT = VAULT / "vault.toml"
pytestmark = pytest.mark.usefixtures("nobody_stays_marked")


def holder_of(user):
    """The process that has the lock, and is stopped."""
    if not user.state_file.exists():
        return None
    inode = str(user.state_file.stat().st_ino)
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if fields[1] == "FLOCK" and fields[5].endswith(f":{inode}"):
            pid = int(fields[4])
            stopped = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] in "Tt"
            return pid if stopped else None
    return None


def stopped_for_long(seen):
    """The process that was seen again and again: strace stops it for a moment at each of its calls."""
    return seen[-1] if seen[-LOOKS:] == seen[-1:] * LOOKS else None


LOOKS = 10


@contextmanager
def stopped_sudo(machine, user, code, call):
    """Real sudo, started by the user and stopped when it comes back from this call with the lock held. Yields a function that lets it go on, to
    its end, and returns what it showed."""
    machine.sudo_asks(user, "required pam_otp.so", account="required pam_permit.so")
    terminal = Terminal(["strace", "-f", "-qq", "-o", "/dev/null", "-u", user.name, "-e", f"inject={call}:signal=STOP:when=1", "sudo", "id", "-u"])
    terminal.awaits(CODE_PROMPT)
    terminal.types_hidden(code)
    seen = []
    pid = until(lambda: seen.append(holder_of(user)) or stopped_for_long(seen), "sudo stopped with the lock held")

    def go_on():
        os.kill(pid, signal.SIGCONT)
        status = terminal.ends()
        return status, terminal.transcript

    try:
        yield go_on
    finally:
        if holder_of(user) == pid:
            os.kill(pid, signal.SIGKILL)


@OFFLINE
def test_who_holds_the_own_lock_is_suspended_before_the_decision(machine, enrolled, offline):
    user, key = enrolled
    with stopped_sudo(machine, user, key.first, "flock") as go_on:
        start = daemon_log.position()
        done = otpctl(*offline, "suspend", user.name)
        assert done.returncode == DONE and done.stdout.splitlines()[0] == f"{user.name}: suspended; every code is refused until root or another member of otp-admin runs `otpctl resume {user.name}`", done.stderr
        if not offline:
            (line,) = [line for line in daemon_log.since(start) if "event=suspended" in line]
            assert "holder=" in line and "holder=unknown" not in line
        assert (VAULT / "suspended" / str(user.uid)).exists() and '"suspended"' in ABOUT.read_text()
        status, shown = go_on()
    assert status != 0 and OPENED not in shown, shown
    assert pam_codes(machine, "otp", user, "text", key.second)[0] == AUTH_ERR
    assert machine.status(user)["suspended"] is True
    assert otpctl(*offline, "resume", user.name).returncode == DONE
    assert not (VAULT / "suspended" / str(user.uid)).exists() and '"suspended"' not in ABOUT.read_text()
    assert pam_code(machine, user, key.second) == SUCCESS


def test_the_suspension_outlives_the_daemon_and_is_in_the_state_once_all_are_listed(machine, skip, enrolled):
    user, key = enrolled
    with stopped_sudo(machine, user, key.first, "flock"):
        assert otpctl("suspend", user.name).returncode == DONE
        with machine.daemon_stopped():
            pass
        assert (VAULT / "suspended" / str(user.uid)).exists()
    assert pam_codes(machine, skip, user, "text", key.second)[0] == AUTH_ERR
    assert otpctl("list").returncode in (DONE, REFUSED)
    assert not (VAULT / "suspended" / str(user.uid)).exists() and '"suspended"' not in ABOUT.read_text()
    assert machine.status(user)["suspended"] is True
    assert pam_codes(machine, skip, user, "text", key.second)[0] == AUTH_ERR


@pytest.mark.parametrize("call", ["flock", "pwrite64"], ids=["before the decision", "after it"])
@OFFLINE
def test_who_holds_the_own_lock_is_forgotten_and_the_stopped_program_does_not_open(machine, enrolled, offline, call):
    user, key = enrolled
    with stopped_sudo(machine, user, key.first, call) as go_on:
        done = otpctl(*offline, "forget", user.name)
        assert done.returncode == DONE, done.stderr
        assert not user.key_file.exists() and not user.state_file.exists()
        status, shown = go_on()
    assert status != 0 and OPENED not in shown, shown
    again = machine.enrol(user)
    assert pam_code(machine, user, again.first) == SUCCESS


def test_the_way_back_to_version_1_waits_for_the_lock(machine, enrolled):
    user, key = enrolled
    with stopped_sudo(machine, user, key.first, "flock"):
        assert otpctl("suspend", user.name).returncode == DONE
        blocked = otpctl("--offline", "vault-version", "1")
        assert blocked.returncode == REFUSED and f"uid {user.uid}: suspended while a process holds the lock" in blocked.stderr
    otpctl("--offline", "vault-version", "1")
    assert not (VAULT / "suspended" / str(user.uid)).exists(), "its lock was free, and the state says so now"
    assert machine.status(user)["suspended"] is True
    with machine.daemon_stopped():
        pass


def order(log):
    """Renames and removals in the vault, in the order of the calls."""
    places = {"vault.toml": f'<{VAULT}>, "vault.toml"', "mark": f'<{VAULT}/suspended>, "'}
    found = []
    for call in parsed(log):
        if call.name.startswith(("rename", "unlink")):
            found += [f"{call.name[:6]} {what}" for what, where in places.items() if where in call.arguments]
    return found


def test_the_word_is_there_before_the_mark_and_goes_after_it(machine, enrolled):
    """So an older program refuses, and never overlooks the mark."""
    user, key = enrolled
    with stopped_sudo(machine, user, key.first, "flock"):
        with attached(machine.process.pid, "-y") as log, Client(timeout=60) as root:
            root.call("Suspend", user=user.name)
        assert [step for step in order(log) if step.startswith("rename")] == ["rename vault.toml", "rename mark"]
    with attached(machine.process.pid, "-y") as log, Client(timeout=60) as root:
        root.call("Resume", user=user.name)
    assert [step for step in order(log) if step in ("unlink mark", "rename vault.toml")] == ["unlink mark", "rename vault.toml"]
