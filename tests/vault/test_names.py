"""An enrolled user is enrolled under any uid: an account whose uid or name was changed is told from one that was never enrolled."""

import json
import signal
import subprocess
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest

from harness import daemon_log
from harness.journal import code_and_reason, decisions
from harness.machine import ACCOUNT as DAEMON_ACCOUNT
from harness.machine import (
    AUTH_ERR,
    AUTHINFO_UNAVAIL,
    OTPCTL,
    PASSWORD,
    PASSWORD_PROMPT,
    REFUSAL,
    SUCCESS,
    VAULT,
    Machine,
    User,
    as_user,
    codes_of_both_stages,
    otpctl,
    pam_code,
    policy,
    run,
    write,
)
from harness.otpctl import DONE, REFUSED, USAGE
from harness.places import overwrite
from harness.services import opened
from harness.strace import STRACE_LOG, WRITES, answering, attached, kill_at, parsed, run_under
from harness.sweeps import EVERY, warm_up
from harness.wire import Client, Closed, Refused

ABOUT = VAULT / "vault.toml"


def with_another_uid(user):
    """By real usermod, which would look for files of the user's below a home directory that is there."""
    uid = next(Machine.numbers)
    run("usermod", "-d", "/nonexistent", user.name)
    run("usermod", "-u", uid, user.name)
    return User(user.name, uid)


def with_another_name(user):
    run("usermod", "-l", f"new{user.name}", user.name)
    return User(f"new{user.name}", user.uid)


def index_entries():
    """The uid of each name in the index, and whether it is local."""
    found = {}
    for path in (VAULT / "names").iterdir():
        fields = dict(line.split(" = ") for line in path.read_text().splitlines())
        assert path.name == run("sh", "-c", f"printf %s '{json.loads(fields['user'])}' | sha256sum").split()[0]
        found[json.loads(fields["user"])] = (int(fields["uid"]), fields["local"] == "true")
    return found


@contextmanager
def version_1(machine):
    """The vault as it is before the daemon of this version has ever started; the daemon is stopped meanwhile."""
    with machine.daemon_stopped():
        text = ABOUT.read_text()
        lines = [line for line in text.splitlines() if not line.startswith(("version", "needs"))]
        overwrite(ABOUT, ("version = 1\n" + "\n".join(lines) + "\n").encode())
        yield


TOLERANT = {
    "skip": ("required pam_otp.so unenrolled=skip", ""),
    "nullok": ("required pam_otp.so nullok", ""),
    "policy": ("required pam_otp.so", '[service.otp-tolerant]\nunenrolled = "skip"\n'),
    "report-only": ("required pam_otp.so", "[service.otp-tolerant]\nreport_only = true\n"),
    "allow-until": ("required pam_otp.so", f"[service.otp-tolerant]\nallow_until = {datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}\n"),
}


@pytest.fixture(params=TOLERANT)
def tolerant(machine, request):
    line, text = TOLERANT[request.param]
    with policy(text):
        yield machine.service("otp-tolerant", line, "required pam_permit.so", account="required pam_otp.so")


def test_an_enrolled_user_whose_uid_was_changed_is_refused_wherever_the_unenrolled_pass(machine, tolerant, journal):
    user, key = machine.enrolled_user()
    never = machine.new_user()
    moved = with_another_uid(user)
    start = journal.position()
    assert code_and_reason(machine, journal, moved, "000000", tolerant) == (AUTHINFO_UNAVAIL, "uid-changed")
    assert any("uid changed: adopt" in line and str(user.key_file) in line for line in journal.since(start))
    assert pam_code(machine, never, "000000", tolerant) == SUCCESS
    assert otpctl("adopt", moved.name, "--from", user.name).returncode == DONE
    assert pam_code(machine, moved, key.first, tolerant) == SUCCESS


@pytest.mark.parametrize("who", ["self", "other", "root"])
def test_nor_does_it_pass_by_way_of_the_daemon_or_at_the_account_stage(machine, skip, who):
    user, _ = machine.enrolled_user()
    moved = with_another_uid(user)
    real = {"self": moved.uid, "other": 4243, "root": 0}[who]
    printed = machine.converse(skip, moved, "text", "000000", "-a", "-r", real)[1]
    assert f"authenticate {AUTHINFO_UNAVAIL}" in printed and f"account {AUTHINFO_UNAVAIL}" in printed
    never = machine.converse(skip, machine.new_user(), "text", "000000", "-a", "-r", real)[1]
    assert f"authenticate {SUCCESS}" in never and f"account {SUCCESS}" in never


# a changed uid shows where it matters whether somebody was never enrolled
CHANGED = {"uid-changed": (with_another_uid, "required pam_otp.so unenrolled=skip"), "renamed": (with_another_name, "required pam_otp.so")}


@pytest.mark.parametrize("why", CHANGED)
@pytest.mark.parametrize("program", ["su", "locker"])
def test_where_the_daemon_decides_the_log_has_its_reason_and_only_the_owner_hears_it(machine, journal, enrolled, why, program):
    user, key = enrolled
    change, line = CHANGED[why]
    moved = change(user)
    service = machine.service("otp-asks-daemon", line, account="required pam_otp.so")
    command = [machine.hosts / "oddconv", "-a", "--", service, moved.name, "text", key.first]
    command = [*as_user(moved), *command] if program == "locker" else [*command[:2], "-r", 4243, *command[2:]]
    start = journal.position()
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60)
    assert codes_of_both_stages(done.stdout) == (AUTHINFO_UNAVAIL, AUTHINFO_UNAVAIL)
    found = decisions(journal.since(start))
    assert [(line["outcome"], line["reason"]) for line in found] == [("failed", why), ("refused", why)]
    assert all(f"the daemon answers: the vault cannot answer: {why}" in line["detail"] for line in found)
    assert ("otpctl adopt" in done.stdout, REFUSAL in done.stdout) == ((True, False) if program == "locker" else (False, True))


def test_real_sudo_does_not_open_for_the_password_alone_and_tells_the_owner_why(machine, enrolled):
    user, _ = enrolled
    machine.sudo_asks(user, "requisite pam_unix.so", "required pam_otp.so nullok")
    moved = with_another_uid(user)
    found = machine.sudo(moved, [(PASSWORD_PROMPT, PASSWORD)])
    assert not opened(found) and "otpctl adopt" in found.text, found
    never = machine.new_user()
    machine.sudo_asks(never, "requisite pam_unix.so", "required pam_otp.so nullok")
    assert opened(machine.sudo(never, [(PASSWORD_PROMPT, PASSWORD)]))


def test_an_account_with_another_name_is_called_renamed(machine, skip, journal, enrolled):
    user, key = enrolled
    new = with_another_name(user)
    start = journal.position()
    assert code_and_reason(machine, journal, new, key.first, skip) == (AUTHINFO_UNAVAIL, "renamed")
    assert any("renamed: adopt" in line for line in journal.since(start))
    assert otpctl("adopt", new.name, "--from", user.name).returncode == DONE
    assert pam_code(machine, new, key.first, skip) == SUCCESS


def test_the_daemon_takes_an_account_with_another_uid_for_no_new_one(machine, enrolled):
    user, _ = enrolled
    moved = with_another_uid(user)
    with Client() as client:
        for method in ("Invite", "Status", "Suspend"):
            with pytest.raises(Refused, match="uid-changed.*otpctl adopt"):
                client.call(method, user=moved.name)
    assert "otpctl adopt" in otpctl("status", moved.name).stderr
    assert "otpctl adopt" in otpctl("status", user=moved).stderr


def test_the_index_follows_enrolling_adopting_and_forgetting_with_and_without_the_daemon(machine, enrolled):
    user, _ = enrolled
    assert index_entries()[user.name] == (user.uid, True)
    for offline in ((), ("--offline",)):
        before, user = user, with_another_name(user)
        assert otpctl(*offline, "adopt", user.name, "--from", before.name).returncode == DONE
        assert before.name not in index_entries() and index_entries()[user.name] == (user.uid, True)
        before, user = user, with_another_uid(user)
        assert otpctl(*offline, "adopt", user.name, "--from", before.name).returncode == DONE
        assert index_entries()[user.name] == (user.uid, True)
    modes = run("stat", "-c", "%U %a", VAULT / "names", *(VAULT / "names").iterdir()).splitlines()
    assert {*modes} == {f"{DAEMON_ACCOUNT} 700", f"{DAEMON_ACCOUNT} 600"}
    assert otpctl("--offline", "forget", user.name).returncode == DONE
    assert user.name not in index_entries()


# a killed writer


def adopt(user, moved):
    with Client() as client:
        client.call("Adopt", **{"user": moved.name, "from": user.name})


def steps_of_an_adoption(machine):
    user, _ = machine.enrolled_user()
    moved = with_another_uid(user)
    warm_up(machine, machine.new_user())
    with attached(machine.process.pid):
        adopt(user, moved)
    _, calls = answering(parsed(STRACE_LOG), "Otp1.Adopt")
    return [call for call in calls if call.name in WRITES]


def adopted_although_killed(machine, skip, step, where):
    user, key = machine.enrolled_user()
    moved = with_another_uid(user)
    warm_up(machine, machine.new_user())
    with attached(machine.process.pid, *kill_at(step)):
        with suppress(Closed):
            adopt(user, moved)
        assert machine.process.wait(60) == -signal.SIGKILL, where
    assert pam_code(machine, moved, "000000", skip) in (AUTHINFO_UNAVAIL, AUTH_ERR), where
    machine.start()
    assert pam_code(machine, moved, "000000", skip) in (AUTHINFO_UNAVAIL, AUTH_ERR), where
    again = otpctl("adopt", moved.name, "--from", str(user.uid))
    assert pam_code(machine, moved, key.first, skip) == SUCCESS, f"{where}: {again.stderr}"
    assert index_entries()[moved.name][0] == moved.uid, where


def test_an_adoption_killed_at_each_step_lets_nobody_pass_and_can_be_repeated(machine, skip, request):
    every = 1 if request.config.getoption("--rounds") > 1 else EVERY
    with machine.small_vault(4):
        steps = steps_of_an_adoption(machine)
        for at, step in list(enumerate(steps))[::every]:
            adopted_although_killed(machine, skip, step, f"killed at step {at} of {len(steps)}, {step}")


# versions of vault.toml


def test_a_vault_of_version_1_is_as_it_was_until_the_daemon_starts_and_has_an_index_then(machine, skip):
    user, _ = machine.enrolled_user()
    moved = with_another_uid(user)
    with version_1(machine):
        run("rm", "-r", VAULT / "names")
        assert pam_code(machine, moved, "000000", skip) == SUCCESS
    assert 'needs = ["names"]' in ABOUT.read_text() and "version = 2\n" in ABOUT.read_text()
    assert pam_code(machine, moved, "000000", skip) == AUTHINFO_UNAVAIL
    assert run("stat", "-c", "%U %a", ABOUT).split() == [DAEMON_ACCOUNT, "600"]


def test_a_vault_with_a_key_file_that_cannot_be_read_stays_of_version_1_and_the_log_says_which(machine, skip):
    user, _ = machine.enrolled_user()
    before, log = user.key_file.read_bytes(), daemon_log.position()
    with version_1(machine):
        overwrite(user.key_file, b"crc32")
    try:
        assert ABOUT.read_text().startswith("version = 1\n")
        assert any("event=names-incomplete" in line and f"uid={user.uid}" in line for line in daemon_log.since(log))
        assert pam_code(machine, machine.new_user(), "000000", skip) == SUCCESS
    finally:
        with machine.daemon_stopped():
            overwrite(user.key_file, before)
    assert ABOUT.read_text().startswith("version = 2\n")


@pytest.mark.parametrize("words", ['["colour"]', '["names", "colour"]'])
def test_a_word_that_is_not_known_refuses_everybody_and_is_named(machine, skip, journal, words):
    never = machine.new_user()
    before = ABOUT.read_bytes()
    try:
        overwrite(ABOUT, before.replace(b'["names"]', words.encode()))
        start = journal.position()
        assert pam_code(machine, never, "000000", skip) == AUTHINFO_UNAVAIL
        (line,) = decisions(journal.since(start))
        assert line["reason"] == "malformed-file" and "colour" in line["detail"], line
    finally:
        overwrite(ABOUT, before)


def nobody_is_elsewhere():
    """Those of earlier tests are forgotten."""
    for other in json.loads(otpctl("list", "--json").stdout)["unreadable"]:
        assert otpctl("forget", str(other["uid"])).returncode == DONE


def test_the_way_back_to_version_1_is_open_once_nothing_is_left_that_it_could_not_see(machine, skip):
    user, _ = machine.enrolled_user()
    moved = with_another_uid(user)
    blocked = otpctl("--offline", "vault-version", "1")
    assert blocked.returncode == REFUSED and f"{user.name}: enrolled under uid {user.uid}, and has uid {moved.uid} now" in blocked.stderr
    whole = ABOUT.read_text()
    assert otpctl("adopt", moved.name, "--from", user.name).returncode == DONE
    nobody_is_elsewhere()
    for fault in ("write:error=ENOSPC", "fsync:error=EIO", "renameat:error=EIO"):
        failed = run_under(["-P", VAULT, "-P", VAULT / ".vault.toml.new", "-e", f"inject={fault}"], [OTPCTL, "--offline", "vault-version", "1"])
        assert failed.returncode == REFUSED and ABOUT.read_text() == whole, fault
    done = otpctl("--offline", "vault-version", "1")
    assert done.returncode == DONE and "version 1" in done.stdout, done.stderr
    try:
        assert ABOUT.read_text().startswith("version = 1\n") and "needs" not in ABOUT.read_text()
        assert otpctl("--offline", "vault-version", "1").stdout == "the vault already has version 1; nothing was changed\n"
        assert pam_code(machine, machine.new_user(), "000000", skip) == SUCCESS
        assert otpctl("vault-version", "1").returncode == USAGE, "the daemon does not do that"
        assert otpctl("--offline", "vault-version", "3").returncode == USAGE
    finally:
        with machine.daemon_stopped():
            pass
    assert ABOUT.read_text().startswith("version = 2\n")


def test_no_file_but_the_index_is_in_its_directory(machine, enrolled):
    write(VAULT / "names/.half.new", "half", 0o600)
    run("chown", DAEMON_ACCOUNT, VAULT / "names/.half.new")
    with machine.daemon_stopped():
        pass
    assert not (VAULT / "names/.half.new").exists()
