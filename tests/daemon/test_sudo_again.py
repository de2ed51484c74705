"""sudo asks again after keys were replaced or suspended: the daemon leaves a mark, and `otpctl end-sudo` ends the time stamps of sudo."""

import json
import re
import stat
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.enrolment import enrol, invite, shown
from harness.machine import ACCOUNT, CODE_PROMPT, OTPCTL, as_user, otpctl, run, write
from harness.strace import calls_of, kill_at, run_under
from harness.sweeps import daemon_killed_at_each, up
from harness.terminal import Terminal
from harness.wire import Client, call

MARKS = Path("/run/otp-sudo")
STAMPS = Path("/run/sudo/ts")
ROOT_ITSELF = SimpleNamespace(uid=0, name="root")


@pytest.fixture(autouse=True)
def no_marks():
    otpctl("end-sudo")
    assert marks() == []


def marks():
    return sorted(path.name for path in MARKS.iterdir())


def ended():
    done = otpctl("end-sudo", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


class SudoShell:
    """A user's shell on a terminal, in which sudo keeps a time stamp."""

    def __init__(self, machine, user):
        service = machine.service(f"sudo-{user.name}", "required pam_otp.so")
        rule = f"Defaults:{user.name} pam_service={service}, timestamp_timeout=5\n{user.name} ALL=(ALL:ALL) ALL\n"
        write(Path("/etc/sudoers.d") / f"zz-{user.name}", rule, 0o440)
        self.terminal = Terminal([*as_user(user), "sh"])

    def proves(self, code):
        self.runs("sudo -v")
        self.terminal.awaits(CODE_PROMPT)
        self.terminal.types_hidden(code)
        self.terminal.awaits("status 0")

    def runs(self, command):
        self.terminal.awaits(r"\$ ")
        self.terminal.types(f"{command}; echo status $?")

    def is_asked(self):
        self.runs("sudo -n true")
        self.terminal.awaits(r"status \d")
        return re.findall(r"status (\d)", self.terminal.transcript)[-1] != "0"


@pytest.fixture
def proven(machine, enrolled):
    """A user whom sudo does not ask at the moment."""
    user, key = enrolled
    shell = SudoShell(machine, user)
    shell.proves(key.first)
    assert not shell.is_asked()
    return user, key, shell


def test_after_a_suspension_sudo_asks_again(machine, proven):
    user, _, shell = proven
    another, code = machine.enrolled_user()
    other = SudoShell(machine, another)
    other.proves(code.first)
    call("Suspend", user=user.name)
    assert marks() == [str(user.uid)]
    assert ended() == {"users": [user.name], "time_stamps": 1, "strange": 0}
    assert shell.is_asked() and not other.is_asked() and marks() == []
    call("Resume", user=user.name)
    assert shell.is_asked(), "the time stamp does not come back"
    assert ended() == {"users": [], "time_stamps": 0, "strange": 0}


def test_after_a_suspension_offline_sudo_asks_again(proven):
    user, _, shell = proven
    done = otpctl("--offline", "suspend", user.name)
    assert (done.returncode, done.stderr) == (0, "") and marks() == [str(user.uid)]
    assert "as root, run `otpctl end-sudo`" in " ".join(done.stdout.split()), "there is no systemd here"
    assert ended()["users"] == [user.name] and shell.is_asked()


def test_after_a_replacement_sudo_asks_again_and_after_another_key_it_does_not(machine, proven):
    user, key, shell = proven
    code = key.second
    with Client(uid=user.uid) as client:
        new = shown(client.call("AddKey", code=code, label="tablet"))
        client.call("ConfirmEnrolment", code=new.confirming)
    assert marks() == [] and not shell.is_asked()
    enrol(user, invite(user, replaces=True))
    assert marks() == [str(user.uid)]
    assert ended()["time_stamps"] == 1 and shell.is_asked()


def test_a_suspension_before_the_first_key_leaves_no_mark(machine):
    user = machine.new_user()
    invite(user)
    call("Suspend", user=user.name)
    assert marks() == []


def test_the_directory_is_roots_and_the_daemon_may_only_add(machine):
    about = MARKS.stat()
    group = int(run("id", "-g", ACCOUNT))
    assert (about.st_uid, about.st_gid, stat.S_IMODE(about.st_mode)) == (0, group, 0o730)


@contextmanager
def mounted(options):
    run("mount", "-t", "tmpfs", "-o", options, "marks", MARKS)
    try:
        yield
    finally:
        run("umount", MARKS)


@pytest.mark.parametrize("options", ["nr_inodes=1,mode=0733", "ro", "mode=0700"], ids=["full", "read-only", "closed"])
def test_a_mark_that_cannot_be_made_is_logged_and_bars_nothing(machine, enrolled, journal, options):
    user, _ = enrolled
    start = journal.position()
    with mounted(options):
        assert call("Suspend", user=user.name) == {}
        assert call("Status", user=user.name)["status"]["suspended"]
        done = otpctl("--offline", "suspend", user.name)
        assert done.returncode == 0 and "sudo may not ask for some minutes" in done.stderr
    lines = [line for line in journal.all_since(start) if "event=sudo-not-ended" in line]
    assert len(lines) == 1 and f"uid={user.uid}" in lines[0] and str(MARKS) in lines[0]


def test_suspended_once_more_leaves_the_mark_that_a_kill_prevented(machine):
    outcomes = set()
    for (_, user), _, done, where in daemon_killed_at_each(
        machine, "Suspend", lambda: (ROOT_ITSELF, machine.enrolled_user()[0]), lambda client, prepared, _: client.call("Suspend", user=prepared[1].name)
    ):
        up(machine)
        marked = str(user.uid) in marks()
        assert marked or done is None, where
        call("Suspend", user=user.name)
        assert str(user.uid) in marks(), where
        outcomes.add(marked)
    assert outcomes == {False, True}


def test_end_sudo_killed_at_each_step_ends_them_the_next_time(machine):
    user = machine.new_user()
    STAMPS.mkdir(mode=0o700, parents=True, exist_ok=True)
    stamp, mark = STAMPS / user.name, MARKS / str(user.uid)

    def prepare():
        stamp.touch(mode=0o600)
        mark.touch()

    prepare()
    command = [OTPCTL, "end-sudo"]
    steps = [step for step in calls_of(command) if step.name == "unlinkat"]
    assert len(steps) >= 3 and not stamp.exists() and not mark.exists()
    for step in steps:
        prepare()
        run_under(kill_at(step), command)
        assert mark.exists() or not stamp.exists(), step
        ended()
        assert not mark.exists() and not stamp.exists(), step


def test_only_root_ends_time_stamps_and_others_are_told_how_to_end_their_own(machine):
    done = otpctl("end-sudo", user=machine.new_user())
    assert done.returncode == 1 and "sudo -K" in done.stderr


def test_what_the_daemon_puts_there_else_goes_and_reaches_nothing(machine, user):
    """As a daemon would whose account is lost."""
    STAMPS.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = Path("/run/kept")
    kept.touch()
    stamp = STAMPS / user.name
    stamp.touch(mode=0o600)
    script = f"cd {MARKS} && touch {user.name} 007 && ln -s {kept} {user.uid}7 && ln -s {STAMPS} link && mkdir dir"
    run("setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--clear-groups", "sh", "-c", script)
    assert ended() == {"users": [f"uid:{user.uid}7"], "time_stamps": 0, "strange": 4}
    assert kept.exists() and stamp.exists() and marks() == []
    run("setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--clear-groups", "mkdir", "-p", MARKS / "dir/full")
    MARKS.joinpath(str(user.uid)).touch()
    done = otpctl("end-sudo")
    assert done.returncode == 1 and "otp-sudo: " in done.stderr and not stamp.exists(), "the rest is done"
    run("rm", "-r", MARKS / "dir")
    kept.unlink()
