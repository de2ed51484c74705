"""A device reported as lost with the UNIX password, at the prompt of real passwd: for the owner alone, and where a module before ours
has asked for the password."""

import pytest

from harness import daemon_log
from harness.enrolment import works
from harness.journal import decisions
from harness.machine import NOT_A_CODE, PASSWORD, SUCCESS, as_user, otpctl
from harness.notices import noticed
from harness.resets import what_bars
from harness.rotation import NEW_PASSWORD, OFFER, changes_password, days_later, has_password, rotating, stack
from harness.terminal import Terminal
from harness.wire import call

OR_LOST = ", or lost if the device is gone: "
OURS = "password requisite pam_otp.so rotate=ask"
UNIX = "password required pam_unix.so"
ACCOUNT = "account required pam_permit.so"
pytestmark = pytest.mark.usefixtures("nobody_stays_marked")


@pytest.fixture
def with_a_phone(machine):
    """With a key, a code of it that is not used yet, and recovery codes."""
    user, key = machine.enrolled_user()
    return user, key, call("RenewRecoveryCodes", user.uid, code=key.first)["recovery_codes"]


def at_the_key(user, prompt=OFFER):
    """passwd up to the question for the key, in the order that the page recommends."""
    terminal = Terminal([*as_user(user), "passwd"])
    terminal.awaits("Current password: ")
    terminal.types_hidden(PASSWORD)
    terminal.awaits(prompt + OR_LOST)
    return terminal


def goes_on(terminal):
    for prompt in ("New password: ", "Retype new password: "):
        terminal.awaits(prompt)
        terminal.types_hidden(NEW_PASSWORD)
    assert terminal.ends() == 0, terminal.transcript


def test_the_keys_stop_at_once_and_the_password_is_changed_all_the_same(machine, with_a_phone, journal):
    user, key, recovery = with_a_phone
    call("Invite", user=user.name, replaces=True)
    start, log = journal.position(), daemon_log.position()
    with stack("passwd", OURS, UNIX, ACCOUNT):
        terminal = at_the_key(user)
        terminal.types_hidden(" Lost ")
        terminal.awaits("all your codes are now refused")
        assert not works(machine, user, key.second) and machine.ask("otp", user, recovery[0])[0] != SUCCESS, "before passwd ends"
        goes_on(terminal)
    assert "otpctl lost --found" in terminal.transcript and has_password(user, NEW_PASSWORD)
    assert ("ignored", "reported-lost") in [(line["outcome"], line["reason"]) for line in decisions(journal.since(start))]
    assert noticed(user)[-1] == "reported-lost" and "reported-lost" in daemon_log.events(log)
    assert what_bars("RevokeInvitation", user=user.name) == "no-invitation", "what was on its way has ended"
    shown = otpctl("status", user.name).stdout
    assert "reported lost" in shown and "the owner can take that back" in shown
    assert what_bars("TakeBackLost", user.uid, code=key.second) == "perhaps-the-lost-key"
    done = otpctl("lost", "--found", user=user, stdin=f"{recovery[1]}\n")
    assert done.returncode == 0, done
    assert works(machine, user, recovery[2])


def test_where_the_password_is_changed_first_the_word_is_taken_too(machine, with_a_phone):
    user, key, _ = with_a_phone
    with stack("passwd", "password requisite pam_unix.so", OURS, ACCOUNT):
        terminal = changes_password(["passwd"], user)
        terminal.awaits(OFFER + OR_LOST)
        terminal.types_hidden("lost")
        assert terminal.ends() == 0, terminal.transcript
    assert machine.status(user)["suspended"] and not works(machine, user, key.second) and has_password(user, NEW_PASSWORD)


def test_a_due_key_is_reported_at_passwd(machine, with_a_phone):
    user, key, _ = with_a_phone
    with rotating("passwd"), stack("passwd", OURS, UNIX, ACCOUNT), days_later(machine, 8, key):
        terminal = at_the_key(user, 'Code of the key "phone", to replace it')
        terminal.types_hidden("lost")
        goes_on(terminal)
        assert machine.status(user)["suspended"]


def test_without_the_password_the_word_is_no_code_and_nothing_changes(machine, with_a_phone):
    user, key, _ = with_a_phone
    with stack("passwd", "password required pam_otp.so rotate=ask", ACCOUNT):
        terminal = Terminal([*as_user(user), "passwd"])
        terminal.awaits(OFFER + ": ")
        terminal.types_hidden("lost")
        assert terminal.ends() != 0 and NOT_A_CODE in terminal.transcript, terminal.transcript
    assert not machine.status(user)["suspended"] and works(machine, user, key.second)


def test_with_a_wrong_password_nobody_is_asked(machine, with_a_phone):
    user, key, _ = with_a_phone
    with stack("passwd", OURS, UNIX, ACCOUNT):
        terminal = Terminal([*as_user(user), "passwd"])
        terminal.awaits("Current password: ")
        terminal.types_hidden("not the password")
        assert terminal.ends() != 0 and OFFER not in terminal.transcript, terminal.transcript
    assert works(machine, user, key.second)


def test_root_and_others_are_not_offered_it(machine, with_a_phone):
    user, key, _ = with_a_phone
    with stack("passwd", OURS, UNIX, ACCOUNT):
        terminal = Terminal(["passwd", user.name])
        goes_on(terminal)
        assert "lost" not in terminal.transcript
        other = Terminal([*as_user(machine.new_user()), "passwd", user.name])
        assert other.ends() != 0 and "lost" not in other.transcript
    assert works(machine, user, key.second)


def test_keys_that_somebody_else_has_suspended_are_not_reported(machine, with_a_phone):
    user, _, recovery = with_a_phone
    with stack("passwd", OURS, UNIX, ACCOUNT):
        terminal = at_the_key(user)
        call("Suspend", user=user.name)
        terminal.types_hidden("lost")
        assert terminal.ends() != 0 and "the loss could not be reported" in terminal.transcript, terminal.transcript
    assert what_bars("TakeBackLost", user.uid, code=recovery[0]) == "not-reported-lost"
    assert has_password(user, PASSWORD)


def test_on_the_socket_nobody_reports_without_a_code(machine, with_a_phone):
    """Root neither, whose process here is its own: it suspends."""
    user, key, _ = with_a_phone
    assert what_bars("ReportLost", user.uid) == "needs-password"
    assert what_bars("ReportLost", user.uid, user=user.name) == "needs-password"
    assert what_bars("ReportLost", user=user.name) == "needs-password"
    assert what_bars("ReportLost") == "needs-password"
    assert what_bars("ReportLost", user="nobody-of-that-name") == "NoSuchUser"
    assert what_bars("ReportLost", machine.new_user().uid, user=user.name) == "NotAllowed"
    assert works(machine, user, key.second)
    assert not machine.status(user)["suspended"]


@pytest.mark.parametrize("by", ["owner", "root"])
def test_with_a_code_the_user_may_be_named(machine, with_a_phone, by):
    user, _, recovery = with_a_phone
    uid = user.uid if by == "owner" else 0
    assert what_bars("ReportLost", uid, user=user.name, code="000-no-code") == "code-refused"
    assert call("ReportLost", uid, user=user.name, code=recovery[0])["until"]
    assert machine.status(user)["suspended"]
