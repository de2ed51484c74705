"""otpctl config edit, with editors that are programs of a line."""

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from harness.machine import OTPCTL, POLICY, as_user, default_policy, otpctl, write
from harness.otpctl import DONE, REFUSED
from harness.wait import until

LOCK = ".otp.toml.lock"
GOOD = "version = 1\nissuer = \"before\"\n"


@pytest.fixture
def editor(tmp_path):
    """Makes `program` the editor: a shell script with the copy in $1."""

    def make(program):
        path = tmp_path / "editor"
        write(path, f"#!/bin/sh\n{program}\n", 0o755)
        return path

    return make


@pytest.fixture
def policy_file(machine):
    write(POLICY, GOOD, 0o744)
    os.chown(POLICY, 0, 4)
    yield POLICY
    default_policy()
    assert not left_over()


def left_over():
    return [name for name in os.listdir(POLICY.parent) if name.startswith(".otp.toml") and name != LOCK]


def edit(editor, answers="", **environment):
    environment = {**os.environ, "EDITOR": str(editor), **environment}
    return subprocess.run([OTPCTL, "config", "edit"], input=answers, capture_output=True, text=True, env=environment, timeout=30)


def test_what_is_in_order_takes_the_files_place_with_its_owner_and_mode(editor, policy_file, journal):
    start, inode = journal.position(), policy_file.stat().st_ino
    done = edit(editor("sed -i s/before/after/ $1"))
    assert done.returncode == DONE and "now in effect" in done.stdout
    about = policy_file.stat()
    assert (about.st_uid, about.st_gid, about.st_mode & 0o7777) == (0, 4, 0o744) and about.st_ino != inode
    assert policy_file.read_text() == GOOD.replace("before", "after")
    assert any("event=policy-changed" in line for line in journal.since(start))


def test_what_is_not_in_order_is_asked_about_and_can_be_mended(editor, policy_file):
    program = editor('if grep -q nonsense $1; then sed -i /nonsense/d $1; else echo nonsense = 1 >> $1; echo "[window]\nback = 2" >> $1; fi')
    done = edit(program, answers="e\n")
    assert done.returncode == DONE and "nonsense" in done.stdout and "line 3" in done.stdout
    assert policy_file.read_text() == GOOD + "[window]\nback = 2\n"


@pytest.mark.parametrize("answer", ["x\n", "\n", ""], ids=["thrown-away", "blank", "end-of-input"])
def test_what_is_not_in_order_never_comes_into_force(editor, policy_file, answer):
    done = edit(editor("echo nonsense = 1 >> $1"), answers=answer)
    assert done.returncode == REFUSED and "unchanged" in done.stderr
    assert policy_file.read_text() == GOOD


@pytest.mark.parametrize("program, code", [("exit 0", DONE), ("exit 3", REFUSED), ("kill -KILL $$", REFUSED)])
def test_an_editor_that_changes_nothing_or_fails_changes_nothing(editor, policy_file, program, code):
    inode = policy_file.stat().st_ino
    done = edit(editor(program))
    assert done.returncode == code and "unchanged" in done.stdout + done.stderr
    assert policy_file.stat().st_ino == inode and policy_file.read_text() == GOOD


def test_visual_goes_before_editor_and_may_have_arguments(editor, policy_file):
    program = editor("[ $1 = -w ] && sed -i s/before/after/ $2")
    assert edit("/bin/false", VISUAL=f"{program} -w").returncode == DONE
    assert "after" in policy_file.read_text()


def test_an_editor_that_is_not_there_is_named(policy_file):
    done = edit("/nonexistent/editor")
    assert done.returncode == REFUSED and "/nonexistent/editor" in done.stderr


def test_without_a_policy_one_is_made(editor):
    POLICY.unlink()
    try:
        assert edit(editor("echo 'issuer = \"x\"' >> $1")).returncode == DONE
        assert POLICY.read_text() == 'version = 1\nissuer = "x"\n' and POLICY.stat().st_mode & 0o7777 == 0o644
    finally:
        default_policy()


def test_two_do_not_edit_at_once(editor, policy_file):
    done = edit(editor(f"EDITOR=true {OTPCTL} config edit 2>&1; sed -i s/before/after/ $1"))
    assert done.returncode == DONE and "somebody else is editing" in done.stdout


def test_what_a_user_may_open_he_may_lock_and_that_keeps_nobody_from_editing(editor, policy_file, user):
    with open(POLICY) as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # as a user could whom its mode allows to read it
        holder = subprocess.Popen([*as_user(user), "flock", "-x", POLICY.parent, "cat"], stdin=subprocess.PIPE)
        try:
            until(lambda: holder.poll() is None and f" {holder.pid} " in Path("/proc/locks").read_text(), "the lock")
            assert edit(editor("sed -i s/before/after/ $1")).returncode == DONE
        finally:
            holder.communicate()
    about = (POLICY.parent / LOCK).stat()
    assert (about.st_uid, about.st_mode & 0o7777) == (0, 0o600)


def test_another_file_can_be_edited(editor, policy_file):
    other = POLICY.with_name("other.toml")
    program = editor("echo 'version = 1' > $1; echo 'issuer = \"x\"' >> $1")
    environment = {**os.environ, "EDITOR": str(program)}
    done = subprocess.run([OTPCTL, "config", "edit", other.name], capture_output=True, text=True, env=environment, cwd=other.parent, timeout=30)
    try:
        assert done.returncode == DONE and str(other) in done.stdout
        assert other.read_text() == 'version = 1\nissuer = "x"\n' and POLICY.read_text() == GOOD
    finally:
        other.unlink()


def test_no_file_is_edited_where_others_can_write(editor, policy_file, user, tmp_path):
    ran = tmp_path / "ran"
    environment = {**os.environ, "EDITOR": str(editor(f"touch {ran}"))}
    home = Path("/srv/home-of-somebody")
    home.mkdir()
    try:
        os.chown(home, user.uid, user.uid)
        done = subprocess.run([OTPCTL, "config", "edit", home / "x.toml"], capture_output=True, text=True, env=environment, timeout=30)
        assert done.returncode == REFUSED and str(home) in done.stderr and not ran.exists() and not list(home.iterdir())
    finally:
        home.rmdir()


def test_it_is_for_root(policy_file, user):
    done = subprocess.run([*as_user(user), OTPCTL, "config", "edit"], capture_output=True, text=True, timeout=30)
    assert done.returncode == REFUSED and "root" in done.stderr


def test_check_and_edit_agree(editor, policy_file, stock):
    assert otpctl("config", "check").returncode == DONE
    done = edit(editor("printf '[service.sudo]\\ndigits = [8]\\n' >> $1"))
    assert done.returncode == REFUSED and "a new key has 6" in done.stdout
