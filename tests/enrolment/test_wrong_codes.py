"""Half a success: the password right and the codes wrong, and a code that is accepted after many wrong ones. The owner and the admins hear
of both."""

import pytest

from harness import daemon_log
from harness.machine import AUTH_ERR, CODE_PROMPT, PASSWORD, PASSWORD_PROMPT, SUCCESS, VAULT
from harness.notices import HEADING, noticed, notices
from harness.resets import uptime
from harness.services import refused
from harness.wire import call

NO_WAIT = 'version = 1\n[guesses]\nwait = "none"\n'
GUESSED = "one of your codes was accepted after five or more wrong ones in a row"


@pytest.fixture(autouse=True)
def nobody_waits(machine):
    with machine.policy(NO_WAIT):
        yield


def types_wrong_codes(machine, user, key, times, *options):
    for number in range(times):
        assert machine.ask("otp", user, key.wrong(number), *options)[0] == AUTH_ERR


def severities(user):
    return {one["event"]: one["severity"] for one in notices(user)}


def test_after_many_wrong_codes_sudo_tells_at_the_right_one_and_the_log_is_alarmed(machine, enrolled):
    user, key = enrolled
    machine.sudo_asks(user, "requisite pam_unix.so", "required pam_otp.so", account="required pam_otp.so")
    start = daemon_log.position()

    def sudo(code):
        return machine.sudo(user, [(PASSWORD_PROMPT, PASSWORD), (CODE_PROMPT, code)])

    assert all(refused(sudo(key.wrong(number))) for number in range(5))
    seen = sudo(key.first)
    told = " ".join(seen.text.split())
    assert seen.status == 0 and HEADING in told and GUESSED in told and "Tell an administrator at once" in told, seen
    assert severities(user)["accepted-after-wrong-codes"] == "alarm"
    assert [line for line in daemon_log.since(start) if "event=notice" in line and "notice=accepted-after-wrong-codes" in line]
    assert refused(sudo(key.first)), "each code works once"
    assert sudo(key.second).status == 0
    assert noticed(user).count("accepted-after-wrong-codes") == 1


def test_after_four_nobody_is_told(machine, enrolled):
    user, key = enrolled
    types_wrong_codes(machine, user, key, 4)
    call("List")
    assert machine.ask("otp", user, key.first)[0] == SUCCESS
    call("List")
    assert not {"wrong-codes", "accepted-after-wrong-codes"} & set(noticed(user))


def test_wrong_codes_that_go_on_are_told_once_and_end_with_an_accepted_one(machine, enrolled):
    user, key = enrolled
    start = daemon_log.position()
    for times in (5, 2):
        types_wrong_codes(machine, user, key, times)
        call("List")
    assert severities(user)["wrong-codes"] == "warning" and noticed(user).count("wrong-codes") == 1
    lines = [line for line in daemon_log.since(start) if "event=wrong-codes" in line and f"user={user.name}" in line]
    assert len(lines) == 1 and "origin=console failures=5" in lines[0], lines
    for _ in range(3):
        call("NoticesShown", user=user.name, last=2**40)
    call("List")
    assert noticed(user) == []
    assert machine.ask("otp", user, key.first)[0] == SUCCESS
    call("List")
    assert severities(user) == {"accepted-after-wrong-codes": "alarm"}
    types_wrong_codes(machine, user, key, 5)
    call("List")
    assert noticed(user)[-1] == "wrong-codes", "a second time"


def test_those_of_one_origin_are_told_where_another_one_is_used(machine, enrolled):
    user, key = enrolled
    types_wrong_codes(machine, user, key, 5)
    assert machine.ask("otp", user, key.first, "-r", user.uid)[0] == SUCCESS
    call("List")
    assert "wrong-codes" in noticed(user) and "accepted-after-wrong-codes" not in noticed(user)


def test_those_of_an_earlier_boot_are_told_no_more(machine, enrolled):
    user, key = enrolled
    types_wrong_codes(machine, user, key, 5)
    machine.stop()
    with uptime(-5):  # after a boot the clock begins again
        machine.start()
        call("List")
        assert "wrong-codes" not in noticed(user)
        machine.stop()
    machine.start()


def test_a_daemon_that_starts_again_tells_of_them_only_when_there_are_more(machine, enrolled):
    user, key = enrolled
    told = VAULT / "notices" / f"{user.uid}.wrong-codes"

    def starts_again_and_tells():
        machine.stop()
        machine.start()
        call("List")
        found = noticed(user)
        for _ in range(3):
            call("NoticesShown", user=user.name, last=2**40)
        return found

    assert "wrong-codes" not in starts_again_and_tells()
    types_wrong_codes(machine, user, key, 5)
    assert starts_again_and_tells() == ["wrong-codes"] and told.read_text() == "console 5\n"
    assert starts_again_and_tells() == []
    types_wrong_codes(machine, user, key, 1)
    assert starts_again_and_tells() == ["wrong-codes"] and told.read_text() == "console 6\n"
    assert machine.ask("otp", user, key.first)[0] == SUCCESS
    assert starts_again_and_tells() == ["accepted-after-wrong-codes"] and not told.exists()
    types_wrong_codes(machine, user, key, 5)
    assert starts_again_and_tells() == ["wrong-codes"]


def test_the_daemon_tells_of_what_it_accepted_itself(machine, enrolled):
    user, key = enrolled
    for number in range(5):
        assert not call("Verify", user.uid, code=key.wrong(number))["verdict"]["accepted"]
    assert call("Verify", user.uid, code=key.first)["verdict"]["accepted"]
    assert noticed(user)[-1] == "accepted-after-wrong-codes"


def test_a_recovery_code_after_many_wrong_ones_is_told_too(machine, enrolled):
    user, key = enrolled
    recovery = call("RenewRecoveryCodes", user.uid, code=key.first)["recovery_codes"]
    types_wrong_codes(machine, user, key, 5)
    assert machine.ask("otp", user, recovery[0])[0] == SUCCESS
    assert noticed(user)[-2:] == ["recovery-code-used", "accepted-after-wrong-codes"]
