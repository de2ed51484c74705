"""A local account that was deleted and made again is another one: its keys are refused until root says whose they are."""

import json
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness import daemon_log
from harness.journal import code_and_reason, decisions
from harness.machine import AUTH_ERR, AUTHINFO_UNAVAIL, CODE_PROMPT, ROOT, SUCCESS, VAULT, Machine, User, otpctl, pam_code, run
from harness.otpctl import DONE, REFUSED
from harness.services import OPENED, opened
from harness.strace import calls_of
from harness.sweeps import login_command
from harness.wait import until

ABOUT = VAULT / "vault.toml"
HOOKS = Path("/etc/shadow-maint/userdel-post.d")
# a line in each file, and no home directory
NEW = ["useradd", "--no-create-home", "--home-dir", "/nonexistent", "--no-log-init"]


def added(machine, uid=None, name=None):
    uid = uid or next(Machine.numbers)
    user = User(name or f"zoe{uid}", uid)
    run(*NEW, "-u", uid, user.name)
    run("usermod", "-p", machine.password_hash, user.name)
    return user


def made_again(machine, user, uid=None):
    run("userdel", user.name)
    return added(machine, uid or user.uid, user.name)


def gone_mark(user):
    return VAULT / "gone" / str(user.uid)


@contextmanager
def hook():
    HOOKS.mkdir(parents=True, exist_ok=True)
    installed = HOOKS / "otp-enrolld"
    shutil.copy(ROOT / "packaging/userdel-post.d/otp-enrolld", installed)
    installed.chmod(0o755)
    try:
        yield
    finally:
        installed.unlink()


@contextmanager
def no_hook():
    yield


@contextmanager
def hook_alone(machine):
    with machine.daemon_stopped(), hook():
        yield


WATCHED = {"daemon": lambda machine: no_hook(), "hook": hook_alone, "both": lambda machine: hook()}


@pytest.mark.parametrize("watched", WATCHED)
def test_the_old_key_does_not_open_sudo_for_the_new_account(machine, watched):
    zoe = added(machine)
    key = machine.enrol(zoe)
    machine.sudo_asks(zoe, "required pam_otp.so")
    assert opened(machine.sudo(zoe, [(CODE_PROMPT, key.first)]))
    with WATCHED[watched](machine):
        run("userdel", zoe.name)
        until(gone_mark(zoe).exists, "the mark")
        zoe = added(machine, zoe.uid, zoe.name)
    found = machine.sudo(zoe, [(CODE_PROMPT, key.second)])
    assert found.status != 0 and OPENED not in found.text and "otpctl adopt" in found.text, found


def test_with_the_hook_no_moment_is_too_short(machine, skip):
    with hook():
        for _ in range(5):
            zoe = added(machine)
            key = machine.enrol(zoe)
            again = made_again(machine, zoe)
            assert pam_code(machine, again, key.first, skip) == AUTHINFO_UNAVAIL


def test_another_uid_does_not_help(machine, skip):
    zoe = added(machine)
    machine.enrol(zoe)
    again = made_again(machine, zoe, next(Machine.numbers))
    assert pam_code(machine, again, "000000", skip) == AUTHINFO_UNAVAIL


def test_the_log_and_gc_name_who_is_refused_and_adopt_or_forget_end_it(machine, skip, journal):
    zoe, amy = added(machine), added(machine)
    keys = machine.enrol(zoe), machine.enrol(amy)
    start = daemon_log.position()
    for one in (zoe, amy):
        run("userdel", one.name)
        until(gone_mark(one).exists, "the mark")
        added(machine, one.uid, one.name)
        assert code_and_reason(machine, journal, one, "000000", skip) == (AUTHINFO_UNAVAIL, "account-gone")
        asked = journal.position()
        assert machine.ask(skip, one, "000000", "-r", 4242)[0] == AUTHINFO_UNAVAIL, "by way of the daemon"
        assert [line["reason"] for line in decisions(journal.since(asked))] == ["account-gone"]
    gone = {line.split("user=")[1].split()[0] for line in daemon_log.since(start) if "event=account-gone" in line}
    assert gone == {zoe.name, amy.name}
    listed = {one["uid"]: one["user"] for one in json.loads(otpctl("gc", "--json").stdout)["users"]}
    assert {zoe.uid: zoe.name, amy.uid: amy.name}.items() <= listed.items()
    assert f"{zoe.name} (uid {zoe.uid}): gone since" in otpctl("--offline", "gc").stdout
    assert "otpctl adopt" in otpctl("invite", zoe.name, "--replace", "--allow-pipe").stderr
    assert zoe.uid in {one["uid"] for one in json.loads(otpctl("adopt", "--all", "--json").stdout)["left"]}, "not by the way"
    assert otpctl("adopt", zoe.name).returncode == DONE
    assert otpctl("forget", amy.name).returncode == DONE
    assert pam_code(machine, zoe, keys[0].first, skip) == SUCCESS
    assert pam_code(machine, amy, "000000", skip) == SUCCESS, "never enrolled"
    assert not gone_mark(zoe).exists() and not gone_mark(amy).exists()


def test_the_mark_outlives_the_daemon_and_a_start_finds_who_went_meanwhile(machine, skip):
    zoe, amy = added(machine), added(machine)
    for one in (zoe, amy):
        machine.enrol(one)
    run("userdel", zoe.name)
    until(gone_mark(zoe).exists, "the mark")
    before = gone_mark(zoe).read_text()
    with machine.daemon_stopped():
        run("userdel", amy.name)
    until(gone_mark(amy).exists, "the other mark")
    assert gone_mark(zoe).read_text() == before, "the first sighting counts"
    for one in (zoe, amy):
        added(machine, one.uid, one.name)
        assert pam_code(machine, one, "000000", skip) == AUTHINFO_UNAVAIL
    assert '"gone"' in ABOUT.read_text()


def test_renaming_and_renumbering_mark_nobody(machine):
    zoe = added(machine)
    machine.enrol(zoe)
    run("usermod", "-l", f"new{zoe.name}", zoe.name)
    run("usermod", "-u", next(Machine.numbers), f"new{zoe.name}")
    assert otpctl("gc").returncode == DONE
    assert gone_mark(zoe).exists(), "by then neither name nor uid is there any more"
    other = added(machine)
    machine.enrol(other)
    run("usermod", "-u", next(Machine.numbers), other.name)
    assert otpctl("gc").returncode == DONE
    assert not gone_mark(other).exists()


def test_a_passwd_that_is_not_whole_marks_nobody(machine):
    zoe = added(machine)
    machine.enrol(zoe)
    passwd = Path("/etc/passwd")
    whole = passwd.read_bytes()
    line = next(line for line in whole.splitlines(keepends=True) if line.startswith(f"{zoe.name}:".encode()))
    without = whole.replace(line, b"")
    try:
        for text in (b"", without[:-20], without.replace(b"root:x:0:0", b"root:x:1:1"), without + b"half:x:77"):
            passwd.write_bytes(text)
            assert otpctl("--offline", "gc").returncode in (REFUSED, 0)
            assert not gone_mark(zoe).exists(), text[-40:]
    finally:
        passwd.write_bytes(whole)
    assert pam_code(machine, zoe, "000000") == AUTH_ERR


def test_who_never_was_in_passwd_is_never_marked(machine):
    """Somebody of a directory: here the entry says so, for the index was made while the line was not there."""
    zoe = added(machine)
    machine.enrol(zoe)
    with machine.daemon_stopped():
        for entry in (VAULT / "names").iterdir():
            if f'"{zoe.name}"' in entry.read_text():
                entry.unlink()
        passwd = Path("/etc/passwd")
        whole = passwd.read_text()
        passwd.write_text("".join(line for line in whole.splitlines(keepends=True) if not line.startswith(f"{zoe.name}:")))
    try:
        assert otpctl("gc").returncode == DONE
        assert not gone_mark(zoe).exists()
    finally:
        passwd.write_text(whole)


def test_the_hook_says_nothing_and_fails_nothing_where_there_is_no_vault_or_another_act(machine):
    script = ROOT / "packaging/userdel-post.d/otp-enrolld"
    assert run("env", "ACTION=useradd", "SUBJECT=zoe", script) == ""
    away = VAULT.with_name("otp.away")
    with machine.daemon_stopped():
        VAULT.rename(away)
        try:
            assert run("env", "ACTION=userdel", "SUBJECT=zoe", script) == ""
        finally:
            away.rename(VAULT)


def test_a_login_where_nobody_is_marked_reads_vault_toml_once_for_all_marks(machine):
    """In a vault of its own: one in which somebody was marked before has the directories."""
    with machine.small_vault(megabytes=2):
        user, key = machine.enrolled_user()
        calls = calls_of(["-y", *login_command(machine, user, key.first)])
    reads = [call for call in calls if call.name.startswith("openat") and f'<{VAULT}>, "vault.toml"' in call.arguments]
    assert len(reads) == 1, "when the vault is opened: what it says then is as new as a login needs"
