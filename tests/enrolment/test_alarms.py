"""The log has alert lines, facility authpriv, for events that somebody should look at now, and for no others."""

import pytest

from harness.enrolment import enrol, invite, invited_and_enrolled, token_key
from harness.journal import ALERT, INFO, NOTICE, fields
from harness.machine import DAY
from harness.wire import Client, refusal

WEEK = 7 * DAY


def typed_again(machine):
    user, code, _, _ = invited_and_enrolled(machine)
    yield
    assert refusal(user.uid, "Redeem", registration=code).name == "RegistrationSpent"


def tried_by_another(machine):
    code, another = invite(machine.new_user()), machine.new_user()
    yield
    assert refusal(another.uid, "Redeem", registration=code).name == "RegistrationRefused"


def repudiated(machine):
    user, code, _, _ = invited_and_enrolled(machine)
    yield
    with Client(uid=user.uid) as client:
        client.call("Repudiate", registration=code)


def repudiated_late(machine):
    user, code, _, _ = invited_and_enrolled(machine)
    with machine.clock(WEEK + 60):
        yield
        assert refusal(user.uid, "Repudiate", registration=code).parameters["reason"] == "too-late"


def enrolled_by_an_admin(machine):
    user = machine.new_user()
    yield
    machine.enrol(user)


def enrolled_with_a_token(machine):
    user, key = machine.new_user(), token_key()
    yield
    with Client() as client:
        client.call("AddToken", user=user.name, secret=key.base32)
        client.call("ConfirmEnrolment", code=key.confirming)


def lines_meanwhile(machine, journal, what):
    """(priority, event, notice) of each line that the daemon writes meanwhile; what is yielded before is prepared."""
    running = what(machine)
    next(running)
    start = journal.position()
    assert next(running, None) is None
    found = [(line, fields(line)) for line in journal.all_since(start) if ">otp-enrolld[" in line and "event=" in line]
    return [(line[:4], words["event"], words.get("notice")) for line, words in found]


ALARMS = {
    typed_again: {"registration-code-replayed", "notice registration-code-replayed"},
    tried_by_another: {"registration-code-of-another", "notice registration-code-tried-by-another"},
    repudiated: {"registration-code-repudiated", "notice repudiated"},
    repudiated_late: {"registration-code-repudiated-late"},
    enrolled_by_an_admin: {"notice admin-enrolled"},
    enrolled_with_a_token: {"notice admin-enrolled"},
}


@pytest.mark.parametrize("what", ALARMS, ids=lambda what: what.__name__)
def test_each_alarm_of_a_handing_over_is_at_alert_in_the_systems_log(machine, journal, what):
    lines = lines_meanwhile(machine, journal, what)
    loud = [f"{event} {notice or ''}".strip() for priority, event, notice in lines if priority == ALERT]
    assert set(loud) == ALARMS[what] and len(loud) == len(ALARMS[what]), lines
    assert {priority for priority, *_ in lines} <= {ALERT, NOTICE, INFO}


def in_order(machine):
    user = machine.new_user()
    yield
    enrol(user, invite(user))


def test_a_handing_over_that_is_in_order_alarms_nobody(machine, journal):
    lines = lines_meanwhile(machine, journal, in_order)
    assert {event for _, event, _ in lines} >= {"registration-code-issued", "registration-code-used", "enrolled"}
    assert {priority for priority, *_ in lines} == {NOTICE}, lines
