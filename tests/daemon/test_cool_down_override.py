"""The ways past a cool-down: two admins and a reason; the second admin where the password is elsewhere; and the only administrator of a host. And
a code that was made past it is good for that change of the password alone, whatever clocks say."""

import json

import pytest

from harness.enrolment import enrol, invite, works
from harness.journal import ALERT
from harness.machine import otpctl, policy
from harness.passwords import HOUR, WAIT, boot_clock, edit_shadow, elsewhere, look, why_no_new_key
from harness.resets import OF_A_USER, only_members, request, resets_mode, uptime, waiting, what_bars
from harness.wire import Client, call, refusal, refusal_on


@pytest.fixture
def staff(machine):
    """Two admins and a helper, and nobody else in their groups."""
    one, two, desk = (machine.new_user() for _ in range(3))
    with only_members("otp-admin", one, two), only_members("otp-helpdesk", desk):
        yield one, two, desk


@pytest.fixture
def just_changed(machine, enrolled, staff, watched):
    """An enrolled user whose password somebody changed just now."""
    user, _ = enrolled
    look()
    change(user, "new")
    return user


@pytest.fixture(autouse=True)
def no_reset_is_left(machine):
    yield
    for reset in call("ListResets")["resets"]:
        call("CancelReset", id=reset["id"])


def change(user, password):
    edit_shadow(user, password)
    look()


def overrides(machine, start):
    return [line for line in machine.journal.all_since(start) if "event=cool-down-overridden" in line]


def agree(reset, admin, reason="seen in person, with a passport"):
    return call("ApproveReset", admin.uid, id=reset["id"], **({"reason": reason} if reason else {}))["reset"]


# two admins and a reason


def test_two_admins_and_a_reason_go_past_it_at_alert(machine, just_changed, staff):
    one, two, _ = staff
    reset = request(just_changed, one.uid, "in-person")
    assert reset["state"] == "needs-approval" and reset["approval_wanted"] and reset["cool_down"]["reason"] == "password-changed"
    assert why_no_new_key(just_changed, one.uid) == "reset-not-approved"
    assert what_bars("ApproveReset", one.uid, id=reset["id"], reason="I say so") == "same-person"
    without = refusal(two.uid, "ApproveReset", id=reset["id"])
    assert without.name == "InvalidValue" and without.parameters["field"] == "reason"
    start = machine.journal.position()
    done = otpctl("resets", "approve", reset["id"], "--reason", "seen in person", "--json", user=two)
    agreed = json.loads(done.stdout)["reset"]
    assert agreed["state"] == "ready" and "cool_down" not in agreed
    lines = overrides(machine, start)
    assert len(lines) == 1 and lines[0].startswith(ALERT) and 'detail="seen in person"' in lines[0]
    assert f"by={two.uid}" in lines[0] and "reason=password-changed" in lines[0] and f"reset={reset['id']}" in lines[0]
    new, _ = enrol(just_changed, invite(just_changed, uid=one.uid, replaces=True))
    assert works(machine, just_changed, new.first) and waiting(just_changed) is None


def test_the_code_goes_to_an_admin_who_did_not_set_the_password(machine, just_changed, staff):
    one, two, desk = staff
    agree(request(just_changed, one.uid, "in-person"), two)
    assert why_no_new_key(just_changed, desk.uid) == "lower-tier"
    invite(just_changed, uid=two.uid, replaces=True)


def test_a_helper_and_an_admin_are_not_two_admins(machine, just_changed, staff):
    one, _, desk = staff
    assert what_bars("RequestReset", desk.uid, user=just_changed.name, reason="lost", proof="in-person") == "cool-down"
    with boot_clock() as later:
        later(WAIT + HOUR)
        reset = request(just_changed, desk.uid, "in-person")
        change(just_changed, "newer")
        assert waiting(just_changed)["state"] == "cool-down"
        assert what_bars("ApproveReset", one.uid, id=reset["id"], reason="I say so") == "cool-down"
        assert why_no_new_key(just_changed, desk.uid) == why_no_new_key(just_changed, one.uid) == "cool-down"


def test_the_second_admin_agrees_to_one_change_and_no_later_one(machine, just_changed, staff):
    one, two, _ = staff
    reset = request(just_changed, one.uid, "in-person")
    agree(reset, two)
    code = invite(just_changed, uid=one.uid, replaces=True)
    change(just_changed, "newer")
    assert why_no_new_key(just_changed, one.uid) == "reset-not-approved" and waiting(just_changed)["state"] == "needs-approval"
    with Client(uid=just_changed.uid) as client:
        assert refusal_on(client, "Redeem", registration=code).parameters["reason"] == "cool-down"
    agree(reset, two)
    enrol(just_changed, invite(just_changed, uid=one.uid, replaces=True))


def test_an_agreement_from_before_the_change_says_nothing_about_it(machine, enrolled, staff, watched):
    user, _ = enrolled
    one, two, _ = staff
    look()
    machine.join(user, "otp-admin")
    with boot_clock() as later:
        later(WAIT)
        reset = request(user, one.uid, "in-person")
        assert agree(reset, two, reason=None)["state"] == "ready"
        change(user, "new")
        assert waiting(user)["state"] == "needs-approval" and why_no_new_key(user, one.uid) == "reset-not-approved"
        assert agree(reset, two)["state"] == "ready"
    machine.leave(user, "otp-admin")


def test_an_override_shortens_no_delay_and_ends_with_the_cool_down(machine, just_changed, staff):
    one, two, _ = staff
    reset = request(just_changed, one.uid, "callback")
    assert agree(reset, two)["state"] == "waits" and why_no_new_key(just_changed, one.uid) == "reset-waits"
    with uptime(OF_A_USER + 60):
        assert waiting(just_changed)["state"] == "ready"
    call("CancelReset", id=reset["id"])
    request(just_changed, one.uid, "in-person")
    with uptime(WAIT + 60):
        assert waiting(just_changed)["state"] == "ready" and not waiting(just_changed)["approval_wanted"]


def test_a_change_of_which_nothing_is_known_is_looked_for_first(machine, just_changed, staff):
    one, _, _ = staff
    edit_shadow(just_changed, "newer")
    assert what_bars("RequestReset", one.uid, user=just_changed.name, reason="lost", proof="in-person") == "cool-down"
    with only_members("otp-admin", one):
        assert why_no_new_key(just_changed, reason="I am alone") == "cool-down"
        look()
        with resets_mode("simple"):
            assert why_no_new_key(just_changed, reason="I am alone") is None


# the only administrator


def test_a_code_of_the_only_administrator_is_good_for_that_change_alone(machine, just_changed, staff):
    one, _, _ = staff
    with only_members("otp-admin", one), resets_mode("simple"):
        start = machine.journal.position()
        code = invite(just_changed, replaces=True, reason="seen in person")
        assert len(overrides(machine, start)) == 1
        change(just_changed, "newer")
        with Client(uid=just_changed.uid) as client:
            assert refusal_on(client, "Redeem", registration=code).parameters["reason"] == "cool-down"
        new, _ = enrol(just_changed, invite(just_changed, replaces=True, reason="seen once more"))
        assert works(machine, just_changed, new.first)


# clocks


@pytest.mark.parametrize("made", [0, HOUR])
@pytest.mark.parametrize("changed", [0, 10 * WAIT])
def test_no_step_of_the_clock_makes_a_change_after_the_code_one_before_it(machine, enrolled, watched, made, changed):
    user, _ = enrolled
    look()
    with boot_clock() as later, resets_mode("simple"):
        later(WAIT)
        with machine.clock(made):
            code = invite(user, replaces=True, form="letter")
        with machine.clock(changed):
            change(user, "new")
        for now in (made, 2 * HOUR):
            with machine.clock(now), Client(uid=user.uid) as client:
                for passed in (WAIT, 2 * WAIT - 1):
                    later(passed)
                    assert refusal_on(client, "Redeem", registration=code).parameters["reason"] == "cool-down"
        later(2 * WAIT)
        with machine.clock(made), Client(uid=user.uid) as client:
            assert client.call("Redeem", registration=code)["enrolment"]


# a password that is elsewhere


def test_a_password_elsewhere_takes_a_second_admin(machine, staff, watched):
    one, two, desk = staff
    with elsewhere(machine) as user:
        look()
        machine.enrol(user)
        assert machine.status(user, cool_down=True)["cool_down"] == {"reason": "four-eyes"}
        for mode in ("simple", "guarded"):
            with resets_mode(mode):
                assert why_no_new_key(user) == "password-elsewhere"
        reset = request(user, desk.uid, "in-person")
        assert reset["state"] == "needs-approval" and why_no_new_key(user, desk.uid) == "reset-not-approved"
        assert what_bars("ApproveReset", desk.uid, id=reset["id"]) == "NotAllowed"
        start = machine.journal.position()
        assert agree(reset, two, reason="a word that nobody asked for")["state"] == "ready"
        assert overrides(machine, start) == [], "there is no change to override"
        enrol(user, invite(user, uid=desk.uid, replaces=True))
        assert waiting(user) is None


def test_or_nobody_gets_one_where_the_policy_says_so(machine, staff, watched):
    one, two, desk = staff
    with elsewhere(machine) as user, policy('[cool_down]\nelsewhere = "refuse"\n'):
        look()
        machine.enrol(user)
        assert machine.status(user, cool_down=True)["cool_down"] == {"reason": "password-elsewhere"}
        for who in (desk, one):
            assert what_bars("RequestReset", who.uid, user=user.name, reason="lost", proof="in-person") == "password-elsewhere"
        with policy('[cool_down]\nelsewhere = "four-eyes"\n'):
            reset = request(user, one.uid, "in-person")
            agree(reset, two, reason=None)
        assert why_no_new_key(user, one.uid) == "password-elsewhere" and waiting(user)["state"] == "password-elsewhere"
        call("CancelReset", id=reset["id"])
        with only_members("otp-admin", one), policy('resets = "simple"\n[cool_down]\nelsewhere = "refuse"\n'):
            assert why_no_new_key(user) == "password-elsewhere"
            enrol(user, invite(user, replaces=True, reason="I am alone"))
