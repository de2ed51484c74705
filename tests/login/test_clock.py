"""A clock that was wrong: what is believed of it, what it leaves behind, and the documented way back."""

import pytest

from harness.enrolment import invite, invited_and_enrolled, redeem
from harness.machine import ACCT_EXPIRED, AUTH_ERR, AUTHINFO_UNAVAIL, DAY, SUCCESS, VAULT, YEAR, otpctl, pam_code, pam_codes, policy, shifted_now
from harness.otpctl import DONE
from harness.places import overwrite, with_slots
from harness.wire import Client

MARK = VAULT / "clock"


@pytest.fixture
def mark():
    """The clock mark as it was, afterwards."""
    before = MARK.read_bytes()
    yield MARK
    MARK.write_bytes(before)


@pytest.mark.parametrize("command", [("status",), ("suspend",), ("accept-restore",)], ids=" ".join)
def test_what_root_mends_offline_under_a_wild_clock_locks_nobody_out_for_years(machine, enrolled, command):
    user, key = enrolled
    overwrite(user.state_file, with_slots(user.state_file.read_bytes(), 0))
    with machine.synchronised(False), machine.clock(73 * YEAR):
        otpctl("--offline", *command, user.name)
    otpctl("--offline", "resume", user.name)
    with machine.synchronised(True), machine.clock(40 * DAY):
        assert pam_code(machine, user, key.code(key.step_now())) == SUCCESS


@pytest.mark.parametrize("text", ["", "not a time\n", "9999999999\n"], ids=["empty", "no-number", "year-2286"])
def test_root_says_offline_that_the_clock_is_right_and_the_mark_is_mended(machine, enrolled, mark, text):
    user, key = enrolled
    overwrite(mark, text.encode())
    damaged = not text.startswith("9")
    if damaged:
        assert pam_code(machine, user, key.first) == AUTHINFO_UNAVAIL
    done = otpctl("--offline", "clock")
    assert done.returncode == DONE, done.stderr
    assert ("could not be read" if damaged else "was ahead, at 2286-11-20") in done.stdout
    assert abs(int(mark.read_text()) - shifted_now()) < 60
    assert pam_code(machine, user, key.first) == SUCCESS


def test_root_offline_ends_the_refusal_of_a_clock_that_nobody_vouches_for(machine, enrolled, mark):
    user, key = enrolled
    with machine.synchronised(False), machine.clock(40 * DAY):
        code = key.code(key.step_now())
        assert pam_code(machine, user, code) == AUTH_ERR
        assert otpctl("--offline", "clock").returncode == DONE
        assert pam_code(machine, user, code) == SUCCESS


def test_who_was_let_in_under_a_wrong_clock_comes_back_by_a_recovery_code_or_a_new_key(machine):
    user, _, key, recovery = invited_and_enrolled(machine)
    with machine.synchronised(True), machine.clock(73 * YEAR):
        assert pam_code(machine, user, key.code(key.step_now())) == SUCCESS
    assert pam_code(machine, user, key.code(key.step_now())) == AUTH_ERR
    assert pam_code(machine, user, recovery[0]) == SUCCESS
    with Client(uid=user.uid) as client:
        new = redeem(client, invite(user, replaces=True))
        client.call("ConfirmEnrolment", code=new.confirming)
    assert pam_code(machine, user, new.first) == SUCCESS


@pytest.mark.parametrize("options", [(), ("-r", "4242")], ids=["files", "daemon"])
def test_under_a_wild_clock_no_key_is_too_old_and_a_recovery_code_opens(machine, options):
    """Nobody vouches for the clock: by it no code is accepted, and no key is overdue. A clock that is vouched for is believed."""
    user, _, _, recovery = invited_and_enrolled(machine)

    def both(code):
        return pam_codes(machine, "otp", user, "text", code, *options)

    with policy("[rotation]\nmax_age = 365\n"), machine.clock(73 * YEAR):
        with machine.synchronised(False):
            assert both(recovery[0]) == (SUCCESS, SUCCESS)
        with machine.synchronised(True):
            assert both(recovery[1]) == (SUCCESS, ACCT_EXPIRED)


def test_a_date_that_is_over_does_not_come_back_with_an_empty_battery(machine, user):
    """The unenrolled pass until then; the clock falls back to 1970, before any network is there."""
    service = machine.service("until", "required pam_otp.so", "required pam_permit.so")
    with policy("[service.until]\nallow_until = 2026-01-01\n"):
        assert pam_code(machine, user, "000000", service) == AUTH_ERR
        for seconds in (-50 * YEAR, -int(shifted_now())):
            with machine.synchronised(False), machine.clock(seconds):
                assert pam_code(machine, user, "000000", service) == AUTH_ERR
    with policy("[service.until]\nallow_until = 2099-01-01\n"):
        assert pam_code(machine, user, "000000", service) == SUCCESS


@pytest.mark.parametrize("line", ["", "nullok", "unenrolled=skip"])
def test_a_date_that_is_over_denies_whatever_the_pam_line_says(machine, user, line):
    service = machine.service("until", f"required pam_otp.so {line}", "required pam_permit.so")
    for date, wanted in (("2099-01-01", SUCCESS), ("2026-01-01", AUTH_ERR)):
        with policy(f"[service.until]\nallow_until = {date}\n"):
            assert pam_code(machine, user, "000000", service) == wanted
