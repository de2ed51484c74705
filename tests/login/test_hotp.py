"""HOTP (RFC 4226): tokens that count. The codes come from oathtool."""

import os

import pytest

from harness.journal import reason
from harness.machine import AUTH_ERR, SUCCESS, VAULT, key_of, otpctl, pam_code
from harness.places import SLOT, copy, overwrite
from harness.screen import Pane
from harness.tokens import enrol_token
from harness.totp import totp
from harness.wire import Client, Refused


@pytest.fixture
def held(machine, user):
    return user, enrol_token(user)


def test_oathtool_and_the_tests_own_codes_agree(machine, held):
    _, token = held
    assert token.code(7) == totp(key_of(token.uri + "&period=30").secret, 7)


def test_the_address_is_that_of_a_counter(machine, user):
    with Client() as client:
        enrolment = client.call("BeginEnrolment", user=user.name, kind="hotp")["enrolment"]
    assert enrolment["kind"] == "hotp" and enrolment["counter"] == 1
    assert enrolment["uri"].startswith("otpauth://hotp/") and enrolment["uri"].endswith("&counter=1") and "period" not in enrolment["uri"]


def test_a_counter_is_accepted_once_and_those_before_it_never(machine, held, journal):
    user, token = held
    assert pam_code(machine, user, token.code(3)) == SUCCESS
    for counter in (1, 2, 3):
        assert reason(machine, journal, user, token.code(counter)) == "replayed"
    assert pam_code(machine, user, token.code(4)) == SUCCESS


def test_the_confirming_code_is_used_up(machine, user):
    token = enrol_token(user, confirm_at=4)
    for counter in (1, 4):
        assert pam_code(machine, user, token.code(counter)) == AUTH_ERR
    assert pam_code(machine, user, token.code(5)) == SUCCESS


@pytest.mark.parametrize("counter, answer", [(11, SUCCESS), (12, AUTH_ERR)])
def test_ten_counters_ahead_open_and_no_more(machine, held, counter, answer):
    user, token = held
    assert pam_code(machine, user, token.code(counter)) == answer


def test_a_token_pressed_too_often_comes_back_by_two_codes_in_a_row(machine, held, journal):
    user, token = held
    assert reason(machine, journal, user, token.code(40)) == "resync"
    assert pam_code(machine, user, token.code(42)) == AUTH_ERR
    assert pam_code(machine, user, token.code(43)) == SUCCESS
    assert pam_code(machine, user, token.code(43)) == AUTH_ERR
    assert pam_code(machine, user, token.code(44)) == SUCCESS
    origins = machine.status(user)["origins"]
    assert sum(origin["failures"] for origin in origins) == 0, "half of two codes is no guess"


def test_farther_than_fifty_is_a_wrong_code(machine, held, journal):
    user, token = held
    assert reason(machine, journal, user, token.code(52)) == "wrong"


def test_a_clock_does_not_matter_to_a_counter(machine, held):
    user, token = held
    for counter, shift in [(2, +3600), (3, 0), (4, +86400 * 20), (5, +60)]:
        with machine.clock(shift):
            assert pam_code(machine, user, token.code(counter)) == SUCCESS


def test_both_kinds_of_key_work_for_one_user(machine, user):
    key = machine.enrol(user, label="phone")
    token = enrol_token(user)
    assert pam_code(machine, user, token.code(2)) == SUCCESS
    assert pam_code(machine, user, key.first) == SUCCESS
    assert pam_code(machine, user, token.code(3)) == SUCCESS
    assert pam_code(machine, user, key.first) == pam_code(machine, user, token.code(3)) == AUTH_ERR
    kinds = {key["label"]: key["kind"] for key in machine.status(user)["keys"]}
    assert kinds == {"phone": "totp", "token": "hotp"}


@pytest.mark.parametrize("digits, algorithm", [(6, "SHA1"), (8, "SHA1")])
def test_digits_are_those_of_the_token(machine, user, digits, algorithm):
    token = enrol_token(user, digits=digits, algorithm=algorithm)
    assert len(token.code(2)) == digits and pam_code(machine, user, token.code(2)) == SUCCESS


def test_fifty_processes_with_one_code_are_one_success(machine, held):
    user, token = held
    assert machine.race("otp", user, token.code(2), 50).get(SUCCESS) == 1


@pytest.mark.parametrize("slot", [0, 1])
def test_a_lost_slot_brings_no_counter_back_and_wants_two_codes(machine, held, journal, slot):
    user, token = held
    assert pam_code(machine, user, token.code(5)) == SUCCESS
    whole = user.state_file.read_bytes()
    overwrite(user.state_file, whole[: slot * SLOT] + bytes(SLOT) + whole[(slot + 1) * SLOT :])
    for counter in (2, 5):
        assert reason(machine, journal, user, token.code(counter)) == "replayed"
    assert machine.status(user)["keys"][0]["resync"] is True
    assert pam_code(machine, user, token.code(6)) == AUTH_ERR
    assert pam_code(machine, user, token.code(7)) == SUCCESS
    assert machine.status(user)["keys"][0]["resync"] is False


def restore(user, saved):
    """As a backup does: the old bytes in a new file."""
    user.state_file.unlink()
    os.rename(saved, user.state_file)


@pytest.mark.parametrize("command", [("accept-restore", "USER"), ("restored", "--all"), ("--offline", "restored", "USER"), ("--offline", "accept-restore", "--all")], ids=" ".join)
def test_a_counter_from_a_backup_is_off_until_root_says_restored(machine, held, journal, command):
    user, token = held
    saved = VAULT / "state" / ".saved"
    copy(saved, user.state_file)
    assert pam_code(machine, user, token.code(5)) == SUCCESS
    restore(user, saved)
    for counter in (5, 6):
        assert reason(machine, journal, user, token.code(counter)) == "restored-copy"
    assert machine.status(user)["restored"] is True
    assert "from a backup" in otpctl("status", user.name).stdout
    done = otpctl(*(user.name if word == "USER" else word for word in command))
    assert done.returncode == 0 and user.name in done.stdout, done.stderr
    assert pam_code(machine, user, token.code(7)) == AUTH_ERR, "one code is not enough after that"
    assert pam_code(machine, user, token.code(8)) == SUCCESS
    again = otpctl("accept-restore", user.name)
    assert (again.returncode, again.stdout) == (0, "nothing came from a backup\n")


def test_enrolling_at_a_terminal_shows_the_counter(machine, user):
    with Pane("hotp", f"otpctl enrol --kind hotp --label token {user.name}") as pane:
        pane.awaits("Code from the app: ")
        assert "counter-based (HOTP), beginning with counter 1" in pane.text()
        pane.interrupts()
        pane.ended()


def test_a_wrong_kind_is_refused(machine, user):
    assert otpctl("enrol", "--kind", "motp", user.name).returncode == 2
    with Client() as client, pytest.raises(Refused) as refused:
        client.call("BeginEnrolment", user=user.name, kind="motp")
    assert refused.value.parameters["field"] == "kind"
