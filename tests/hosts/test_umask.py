"""Modes that root's umask, or an earlier one, has left: they must not keep the daemon, users and screen lockers out."""

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.machine import DAEMON, DEFAULT_POLICY, HOST_KEY, MARKS, POLICY, VAULT, as_user, otpctl, write
from harness.otpctl import DONE, REFUSED
from harness.places import changed
from harness.stacks import of_debian_alone
from harness.wire import SOCKET

SERVICE = "otp-umask"
SOCKET_PATH = Path(SOCKET)
RUN = SOCKET_PATH.parent


@pytest.fixture(scope="module", autouse=True)
def locker_service(machine):
    """A service that asks for the code alone, as a locker may."""
    machine.service(SERVICE, "[success=ok ignore=ignore default=die] pam_otp.so", "required pam_permit.so")


def under(umask, *command, **environment):
    done = subprocess.run(["sh", "-c", f'umask {umask}; exec "$0" "$@"', *command], capture_output=True, text=True, env={**os.environ, **environment}, timeout=60)
    assert done.returncode == DONE, done.stderr
    return done


def unlocks(user, code):
    """Does a program without root open, real pamtester by way of the daemon?"""
    command = [*as_user(user), "pamtester", SERVICE, user.name, "authenticate"]
    return subprocess.run(command, input=f"{code}\n", capture_output=True, text=True, timeout=60).returncode == 0


def modes(*paths):
    return [path.stat().st_mode & 0o7777 for path in paths]


@contextmanager
def nothing_made(machine):
    """A host on which `otp-enrolld init` was never run."""
    places = [HOST_KEY.parent, VAULT]
    machine.stop()
    for path in (*places, RUN):
        path.rename(path.with_suffix(".aside"))
    try:
        yield
    finally:
        machine.stop()
        for path in (*places, RUN):
            subprocess.run(["rm", "-rf", path], check=True)
            path.with_suffix(".aside").rename(path)
        machine.start()


@pytest.mark.parametrize("umask", ["077", "0177", "0777"])
def test_a_host_is_set_up_under_any_umask(machine, user, umask, tmp_path):
    """init, the daemon's start, an edit of the policy and a bypass: each as root with this umask."""
    editor = tmp_path / "editor"
    write(editor, f"#!/bin/sh\nprintf '{DEFAULT_POLICY.encode('unicode_escape').decode()}' >\"$1\"\n", 0o755)
    with nothing_made(machine):
        under(umask, DAEMON, "init")
        machine.start("sh", "-c", f'umask {umask}; exec "$0"')
        under(umask, "otpctl", "config", "edit", EDITOR=str(editor))
        assert modes(HOST_KEY.parent, HOST_KEY, POLICY, RUN, SOCKET_PATH) == [0o755, 0o400, 0o644, 0o755, 0o666]
        key = machine.enrol(user)
        assert modes(VAULT, user.key_file.parent, user.key_file, user.state_file) == [0o700, 0o700, 0o600, 0o600]
        assert otpctl("status", user=user).returncode == DONE
        assert unlocks(user, key.first) and not unlocks(user, key.first)
        other = machine.new_user()
        assert not unlocks(other, "000000")
        done = under(umask, "otpctl", "emergency", "bypass", other.name, "--reason", "umask")
        assert done.stderr == "" and modes(MARKS, MARKS / str(other.uid)) == [0o755, 0o644]
        assert unlocks(other, "000000")
        with of_debian_alone():
            assert otpctl("config", "check").returncode == DONE


# what a mode closes, and the command that opens it again
CLOSED = [
    (HOST_KEY.parent, 0o700, "chmod o+x"),
    (HOST_KEY.parent, 0o750, "chmod o+x"),
    (POLICY, 0o600, "chmod o+r"),
    (POLICY, 0o640, "chmod o+r"),
    (MARKS, 0o700, "chmod o+x"),
    (RUN, 0o750, "chmod o+x"),
    (SOCKET_PATH, 0o600, "chmod o+rw"),
]


@pytest.mark.parametrize("path, mode, remedy", CLOSED, ids=lambda one: str(one).replace("/", "-") if isinstance(one, Path) else None)
def test_check_names_what_programs_without_root_cannot_reach(machine, user, path, mode, remedy):
    assert otpctl("emergency", "bypass", user.name, "--reason", "umask").returncode == DONE
    try:
        with of_debian_alone():
            before = otpctl("config", "check")
            with changed(path, mode=mode):
                done = otpctl("config", "check")
                subprocess.run([*remedy.split(), path], check=True)
                assert otpctl("config", "check").returncode == DONE
        assert before.returncode == DONE
        assert done.returncode == REFUSED and f"{path}: mode {mode:04o}" in done.stderr and f"`{remedy} {path}`" in done.stderr
        assert path not in (POLICY, HOST_KEY.parent) or "in order" not in done.stdout
    finally:
        otpctl("emergency", "end", user.name)


@pytest.mark.parametrize("mode", [0o700, 0o750, 0o754])
def test_a_bypass_says_that_lockers_do_not_see_its_mark(machine, user, mode):
    path = HOST_KEY.parent
    with changed(path, mode=mode):
        done = otpctl("emergency", "bypass", user.name, "--reason", "umask")
        assert done.returncode == DONE and "is not asked for a code" in done.stdout
        assert "screen lockers do not see the bypass" in done.stderr and f"`chmod o+x {path}`" in done.stderr
        assert not unlocks(user, "000000")
    assert unlocks(user, "000000")
    otpctl("emergency", "end", user.name)


@pytest.mark.parametrize("mode", [0o700, 0o750])
def test_a_bypass_opens_the_directory_of_marks_to_lockers(machine, user, mode):
    MARKS.mkdir(mode=0o755, exist_ok=True)
    with changed(MARKS, mode=mode):
        done = under("077", "otpctl", "emergency", "bypass", user.name, "--reason", "umask")
        assert done.stderr == "" and unlocks(user, "000000")
    otpctl("emergency", "end", user.name)


def test_an_edit_says_that_the_daemon_cannot_read_the_policy(machine, user, tmp_path):
    editor = tmp_path / "editor"
    write(editor, '#!/bin/sh\necho "# edited" >>"$1"\n', 0o755)
    with changed(POLICY, mode=0o600):
        done = under("077", "otpctl", "config", "edit", EDITOR=str(editor))
        assert "now in effect" in done.stdout and f"`chmod o+r {POLICY}`" in done.stderr
    done = under("077", "otpctl", "config", "edit", EDITOR=str(editor))
    assert done.stderr == "" and modes(POLICY) == [0o644]
    write(POLICY, DEFAULT_POLICY, 0o644)
