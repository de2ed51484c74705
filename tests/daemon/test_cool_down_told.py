"""Until when, and why, a key is not replaced or a password not set by others: to those who may know, in local time."""

import json
import time

import pytest

from harness.enrolment import enrol, invite
from harness.machine import otpctl, policy
from harness.passwords import RECORDS, WAIT, boot_clock, edit_shadow, look
from harness.resets import request, resets_mode, waiting
from harness.strace import attached
from harness.wire import Client, call, daemon_of_before


@pytest.fixture
def helpers(machine):
    """One for each group that may look at others."""
    people = {group: machine.new_user() for group in ("otp-admin", "otp-helpdesk", "otp-viewer")}
    for group, person in people.items():
        machine.join(person, group)
    yield people
    for group, person in people.items():
        machine.leave(person, group)


@pytest.fixture
def with_fresh_password(machine, enrolled, helpers, watched):
    """An enrolled user whose password somebody changed just now."""
    user, _ = enrolled
    look()
    edit_shadow(user, "new")
    look()
    return user


def status_of(user, uid):
    with Client(uid=uid) as client:
        return client.call("Status", user=user.name, cool_down=True)["status"]


def in_local_time(seconds):
    return time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(seconds))


def test_root_admins_helpers_and_the_owner_are_told_and_viewers_are_not(machine, with_fresh_password, helpers):
    admin, desk, viewer = (helpers[group].uid for group in ("otp-admin", "otp-helpdesk", "otp-viewer"))
    for uid in (0, admin, desk, with_fresh_password.uid):
        told = status_of(with_fresh_password, uid)["cool_down"]
        assert told["reason"] == "password-changed" and 0 < told["until"] - time.time() <= WAIT, uid
    assert "cool_down" not in status_of(with_fresh_password, viewer)
    assert "cool_down" not in call("List")["users"][-1]


def test_who_changed_it_and_the_other_direction_are_not_for_helpers(machine, enrolled, watched, helpers):
    user, _ = enrolled
    look()
    admin, desk, viewer = (helpers[group].uid for group in ("otp-admin", "otp-helpdesk", "otp-viewer"))
    with boot_clock() as later:
        later(WAIT)
        with resets_mode("simple"):
            enrol(user, invite(user, replaces=True))
        for uid in (0, admin, user.uid):
            told = status_of(user, uid)
            assert 0 < told["password_until"] - time.time() <= WAIT and "cool_down" not in told, uid
        for uid in (desk, viewer):
            assert "password_until" not in status_of(user, uid)
    shown = otpctl("status", user=user).stdout
    assert f"until {in_local_time(status_of(user, 0)['password_until'])} only {user.name} can change the password" in shown


def test_otpctl_says_it_in_local_time_with_and_without_the_daemon(machine, with_fresh_password):
    for words in ((), ("--offline",)):
        until = json.loads(otpctl(*words, "status", with_fresh_password.name, "--json").stdout)["status"]["cool_down"]["until"]
        assert abs(until - time.time() - WAIT) < 600
        shown = otpctl(*words, "status", with_fresh_password.name).stdout
        # rounded to the minute twice
        assert any(f"no reset until {in_local_time(at)}: the password was changed" in shown for at in range(until - 2, until + 3)), shown


def test_nothing_is_told_once_it_is_over_or_switched_off(machine, with_fresh_password):
    with boot_clock() as later:
        later(WAIT + 60)
        assert "cool_down" not in status_of(with_fresh_password, 0) and "no reset" not in otpctl("status", with_fresh_password.name).stdout
    with policy("[cool_down]\nhours = 0\n"):
        assert "cool_down" not in status_of(with_fresh_password, 0)


def test_a_status_as_the_module_asks_for_it_looks_at_no_password(machine, with_fresh_password):
    """Every account stage asks for one."""
    user = with_fresh_password
    told = []
    for wishes in ({"cool_down": True}, {"cool_down": False}, {}):
        with attached(machine.process.pid, "-e", "trace=%file") as log:
            told.append("cool_down" in machine.status(user, **wishes))
        told.append("otp-watch" in log.read_text())
    assert told == [True, True, False, False, False, False]


def test_a_daemon_of_an_earlier_version_is_asked_for_the_rest(machine):
    known = {"user": "alice", "uid": 1, "enrolled": True, "generation": 1, "suspended": False, "disabled": False, "expired": False, "restored": False, "keys": [], "origins": []}

    def answer(asked):
        if "cool_down" in asked["parameters"]:
            return {"error": "org.varlink.service.InvalidParameter", "parameters": {"parameter": "cool_down"}}
        return {"parameters": {"status": known}}

    with daemon_of_before(machine, answer) as calls:
        done = otpctl("status", "alice")
    assert done.returncode == 0 and "alice" in done.stdout and "reset" not in done.stdout, done
    assert [asked["parameters"] for asked in calls] == [{"user": "alice", "cool_down": True}, {"user": "alice"}]


def test_a_reset_that_waits_says_why_no_code_is_made_on_it(machine, enrolled, watched, helpers):
    user, _ = enrolled
    look()
    with boot_clock() as later:
        later(WAIT)
        reset = request(user)
        assert "cool_down" not in reset
        edit_shadow(user, "new")
        look()
        for uid in (0, helpers["otp-helpdesk"].uid, user.uid):
            assert waiting(user, uid)["cool_down"]["reason"] == "password-changed", uid
        assert "cool_down" not in waiting(user, helpers["otp-viewer"].uid)
        shown = otpctl("resets", "list").stdout
        assert f"no reset until {in_local_time(waiting(user)['cool_down']['until'])}" in shown
        call("CancelReset", id=reset["id"])


def test_without_a_record_the_way_out_is_named(machine, with_fresh_password):
    (RECORDS / str(with_fresh_password.uid)).unlink()
    shown = otpctl("status", with_fresh_password.name).stdout
    assert "it is not known when" in shown and "otpctl watch-passwords" in shown
