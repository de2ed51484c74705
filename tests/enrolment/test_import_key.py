"""A key that another program kept, taken over by root without a confirming code: which codes work, what is refused, what is told. And
the daemon's knowledge of all secrets, which must not fall behind what root does to the files."""

import os

import pytest

from harness.enrolment import random_secret, token_key
from harness.machine import AUTH_ERR, SUCCESS, otpctl
from harness.notices import notices
from harness.totp import totp, unbase32
from harness.wire import Client, call, refusal


def taken_over(user, secret, **more):
    return call("ImportKey", user=user.name, secret=secret, **more)


def in_use(user, secret):
    found = refusal(0, "ImportKey", user=user.name, secret=secret)
    return (found.name, found.parameters.get("reason")) == ("NotPossible", "secret-in-use")


def test_codes_that_the_other_program_may_have_taken_are_dead_and_later_ones_work(machine, user):
    key = token_key()
    with machine.mid_step():
        assert taken_over(user, key.base32) == {"user": user.name, "uid": user.uid, "already": False}
        now = key.step_now()
        for step in (now - 1, now, now + 1):
            assert machine.ask("otp", user, key.code(step))[0] == AUTH_ERR, step - now
    with machine.clock(180):
        code = key.code(key.step_now())
        assert [machine.ask("otp", user, code)[0] for _ in range(2)] == [SUCCESS, AUTH_ERR]


def test_the_parameters_are_those_of_the_other_program(machine, user):
    secret = random_secret()
    taken_over(user, secret, label="old app", algorithm="SHA256", digits=8, period=60)
    [key] = call("Status", user=user.name)["status"]["keys"]
    assert [key[name] for name in ("label", "kind", "algorithm", "digits", "period")] == ["old app", "totp", "SHA256", 8, 60]
    assert key.get("last_used") is None and key["confirmed"] >= key["created"]


def test_a_counter_goes_on_where_it_is(machine, user):
    secret = random_secret()
    taken_over(user, secret, kind="hotp", counter=38)
    code = lambda counter: totp(unbase32(secret), counter)  # noqa: E731
    assert machine.ask("otp", user, code(37))[0] == AUTH_ERR, "the last one that was used"
    assert machine.ask("otp", user, code(38))[0] == SUCCESS
    assert machine.ask("otp", user, code(38))[0] == AUTH_ERR


def test_a_counter_ends_where_the_files_end(machine, user):
    secret, most = random_secret(), 4611686018427387903
    assert taken_over(user, secret, kind="hotp", counter=most)["already"] is False
    assert machine.ask("otp", user, totp(unbase32(secret), most))[0] == SUCCESS
    for beyond in (most + 1, 2**63 - 1, -1):
        found = refusal(0, "ImportKey", user=user.name, secret=random_secret(), kind="hotp", counter=beyond)
        assert found.name in ("InvalidValue", "org.varlink.service.InvalidParameter"), beyond


def test_an_import_that_begins_again_imports_nobody_twice(machine, user):
    secret = random_secret()
    assert [taken_over(user, secret)["already"] for _ in range(3)] == [False, True, True]
    status = call("Status", user=user.name)["status"]
    assert (len(status["keys"]), status["generation"]) == (1, 1)
    assert [one["event"] for one in notices(user)] == ["key-imported"]
    assert in_use(machine.new_user(), secret)


def test_a_dry_run_says_what_would_come_and_leaves_nothing(machine, user):
    secret = random_secret()
    assert taken_over(user, secret, dry_run=True)["already"] is False
    assert call("Status", user=user.name)["status"]["enrolled"] is False and not user.key_file.exists()
    assert notices(user) == []
    taken_over(user, secret)
    assert taken_over(user, secret, dry_run=True)["already"] is True
    found = refusal(0, "ImportKey", user=machine.new_user().name, secret=secret, dry_run=True)
    assert found.parameters["reason"] == "secret-in-use"
    taken = refusal(0, "ImportKey", user=user.name, secret=random_secret(), dry_run=True)
    assert taken.parameters["reason"] == "label-taken"


def test_its_owner_hears_of_it_quietly_and_the_log_without_alarm(machine, user, journal):
    start = journal.position()
    taken_over(user, random_secret())
    [notice] = notices(user)
    assert (notice["event"], notice["severity"], notice["key"]) == ("key-imported", "info", "phone")
    assert "otpctl recovery-codes" in notice["text"] and "Tell an administrator" not in notice["text"]
    lines = [line for line in journal.all_since(start) if "otp-enrolld[" in line and user.name in line]
    assert [line for line in lines if "event=imported" in line] and not [line for line in lines if "event=notice" in line], lines


def test_recovery_codes_come_with_the_first_code(machine, user):
    key = token_key()
    taken_over(user, key.base32)
    with machine.clock(180), Client(uid=user.uid) as client:
        codes = client.call("RenewRecoveryCodes", code=key.code(key.step_now()))["recovery_codes"]
    assert len(codes) == 8 and machine.ask("otp", user, codes[0])[0] == SUCCESS


# what the daemon knows of all secrets


def test_a_key_that_is_revoked_frees_its_secret_also_behind_the_daemons_back(machine, user):
    secret, other = random_secret(), machine.new_user()
    taken_over(user, secret)
    assert in_use(other, secret)
    done = otpctl("--offline", "revoke", user.name, "phone")
    assert done.returncode == 0, done.stderr
    assert taken_over(other, secret)["already"] is False and in_use(user, secret)


def put_back_in_place(path, content):
    """As `cp` does it: the same file, no other name in its directory."""
    with open(path, "r+b") as file:
        file.write(content)
        file.truncate()


def put_back_by_rename(path, content):
    aside = path.with_name("restored")
    aside.write_bytes(content)
    os.chown(aside, path.stat().st_uid, path.stat().st_gid)
    aside.chmod(0o600)
    aside.rename(path)


@pytest.mark.parametrize("put_back", [put_back_in_place, put_back_by_rename])
def test_a_key_file_that_root_puts_back_takes_its_secret_again(machine, user, put_back):
    secret, other = random_secret(), machine.new_user()
    taken_over(user, secret)
    before = user.key_file.read_bytes()
    call("Revoke", user=user.name, key="phone")
    assert taken_over(other, secret, dry_run=True)["already"] is False, "free"
    put_back(user.key_file, before)
    assert in_use(other, secret)


def test_a_file_that_cannot_be_read_stops_nobody_else_and_counts_again_once_it_is_mended(machine, user):
    secret, other = random_secret(), machine.new_user()
    taken_over(user, secret)
    user.key_file.chmod(0o644)
    assert taken_over(other, random_secret())["already"] is False
    user.key_file.chmod(0o600)
    assert in_use(machine.new_user(), secret)


def test_more_changes_than_the_kernel_remembers_are_not_missed(machine, user):
    """The queue runs over, and what was in it is lost."""
    secret, other = random_secret(), machine.new_user()
    taken_over(user, secret)
    before = user.key_file.read_bytes()
    call("Revoke", user=user.name, key="phone")
    assert taken_over(other, secret, dry_run=True)["already"] is False
    aside = user.key_file.with_name("nobody")
    aside.touch()
    for _ in range(20_000):  # events of one file that follow each other are one to the kernel
        os.utime(user.key_file)
        os.utime(aside)
    aside.unlink()
    put_back_in_place(user.key_file, before)
    assert in_use(other, secret)
