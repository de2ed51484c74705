"""A device that its owner reports as lost: the keys stop at once, and for an hour the owner can take that back, with a factor that the
thief of the device does not have."""

import json

import pytest

from harness import daemon_log
from harness.enrolment import labels, works
from harness.machine import VAULT, otpctl
from harness.notices import noticed
from harness.otpctl import REFUSED, USAGE, session
from harness.resets import uptime, what_bars
from harness.sweeps import daemon_killed_at_each, up
from harness.wire import Client, call

AN_HOUR = 3600
pytestmark = pytest.mark.usefixtures("nobody_stays_marked")


@pytest.fixture
def holder(machine):
    """With a key and recovery codes, and a code of the key that is not used yet."""
    user, key = machine.enrolled_user()
    return user, key.second, call("RenewRecoveryCodes", user.uid, code=key.first)["recovery_codes"]


def lost_by(user, code):
    return call("ReportLost", user.uid, code=code)["until"]


def bars_taking_back(user, code):
    return what_bars("TakeBackLost", user.uid, code=code)


def has_own_mark(user):
    return (VAULT / "suspended" / str(user.uid)).exists()


def test_a_lost_phone_is_reported_with_a_recovery_code_and_found_within_the_hour(machine, holder):
    user, code, recovery = holder
    start = daemon_log.position()
    done = otpctl("lost", user=user, stdin=f"{recovery[0]}\n")
    assert done.returncode == 0 and "all your codes are now refused" in done.stdout and "otpctl lost --found" in done.stdout, done
    assert not works(machine, user, code) and not works(machine, user, recovery[1])
    assert noticed(user)[-1] == "reported-lost" and "reported-lost" in daemon_log.events(start)
    shown = otpctl("status", user.name).stdout
    assert f"{user.name}: suspended" in shown and "reported lost" in shown and "the owner can take that back" in shown
    assert what_bars("ReportLost", user.uid, code=recovery[1]) == "suspended", "it is so already"
    done = otpctl("lost", "--found", user=user, stdin=f"{recovery[1]}\n")
    assert done.returncode == 0 and "your codes are accepted again" in done.stdout, done
    assert works(machine, user, code) and not has_own_mark(user)
    assert noticed(user)[-1] == "keys-resumed" and "lost-taken-back" in daemon_log.events(start)
    assert not works(machine, user, recovery[0]) and not works(machine, user, recovery[1]), "both are used up"
    assert "lost_since" not in machine.status(user)


def test_a_phone_left_with_a_thief_at_an_unlocked_terminal(machine, holder):
    user, code, recovery = holder
    lost_by(user, recovery[0])
    terminal = session(user, "lost", "--found")
    terminal.awaits("Recovery code, or a code of the key")
    terminal.types("")
    assert terminal.ends() == REFUSED, "nobody takes it back without a code"
    wrong = "000000" if code != "000000" else "000001"
    assert bars_taking_back(user, wrong) == "code-refused"
    assert bars_taking_back(user, recovery[0]) in ("waiting", "code-refused"), "it was used to report"
    assert bars_taking_back(user, code) == "perhaps-the-lost-key"
    assert machine.status(user)["suspended"] and machine.status(user)["origins"][-1]["failures"] <= 1
    assert call("TakeBackLost", user.uid, code=recovery[1]) == {}


def test_the_key_with_which_it_was_reported_takes_it_back(machine, holder):
    user, code, recovery = holder
    lost_by(user, code)
    until = machine.status(user)["lost_until"]
    assert 0 < until - machine.status(user)["lost_since"] <= AN_HOUR
    assert bars_taking_back(user, code) == "code-refused", "each code works once"
    assert call("TakeBackLost", user.uid, code=recovery[0]) == {}
    assert labels(machine, user) and not machine.status(user)["suspended"]


def test_it_can_be_taken_back_for_an_hour_by_the_clock_that_nobody_can_set(machine, holder):
    user, _, recovery = holder
    lost_by(user, recovery[0])
    with uptime(AN_HOUR + 1):
        assert bars_taking_back(user, recovery[1]) == "lost-too-long"
        shown = otpctl("status", user.name).stdout
        assert "reported lost" in shown and "an administrator can end that" in shown
        assert json.loads(otpctl("status", user.name, "--json").stdout)["status"].get("lost_until") is None
    with uptime(AN_HOUR - 60):
        assert call("TakeBackLost", user.uid, code=recovery[1]) == {}, "no code was looked at when it was too late"


@pytest.mark.parametrize("words", [["suspend"], ["--offline", "suspend"]])
def test_a_suspension_by_somebody_else_takes_the_way_back_away(machine, holder, words):
    user, code, recovery = holder
    lost_by(user, recovery[0])
    start = daemon_log.position()
    done = otpctl(*words, user.name)
    assert done.returncode == 0 and "already" not in done.stdout, done
    assert words != ["suspend"] or "suspended" in daemon_log.events(start)
    assert not has_own_mark(user) and "lost_since" not in machine.status(user)
    assert bars_taking_back(user, recovery[1]) == "not-reported-lost"
    call("Resume", user=user.name)
    assert works(machine, user, recovery[1]), "it was not looked at"


def test_a_suspension_by_somebody_else_comes_first(machine, holder):
    user, _, recovery = holder
    call("Suspend", user=user.name)
    assert what_bars("ReportLost", user.uid, code=recovery[0]) == "suspended"
    assert bars_taking_back(user, recovery[0]) == "not-reported-lost"
    assert not has_own_mark(user)


def test_an_admin_ends_it_and_a_list_does_not(machine, holder):
    user, code, recovery = holder
    lost_by(user, recovery[0])
    call("List")
    machine.stop()
    machine.start()
    assert has_own_mark(user) and machine.status(user)["suspended"] and "lost_until" in machine.status(user), "a restart of the daemon ends nothing"
    call("Resume", user=user.name)
    assert works(machine, user, code) and not has_own_mark(user)
    assert bars_taking_back(user, recovery[1]) == "not-reported-lost"


def test_it_ends_a_code_that_is_on_its_way(machine, holder):
    user, _, recovery = holder
    call("Invite", user=user.name, replaces=True)
    lost_by(user, recovery[0])
    assert what_bars("RevokeInvitation", user=user.name) == "no-invitation"


def test_it_is_for_oneself_and_not_under_sudo(machine, holder):
    user, _, recovery = holder
    assert what_bars("ReportLost", machine.new_user().uid, code=recovery[0]) == "not-enrolled"
    assert otpctl("--offline", "lost", stdin=recovery[0]).returncode == USAGE
    assert not machine.status(user)["suspended"]


def test_killed_at_each_step_it_is_reported_or_not_and_can_be_repeated(machine):
    def prepare():
        user, key = machine.enrolled_user()
        return user, key, call("RenewRecoveryCodes", user.uid, code=key.first)["recovery_codes"]

    def act(client, prepared, _):
        return client.call("ReportLost", code=prepared[2][0])

    first, _, codes = prepare()
    lost_by(first, codes[0])  # the directory is made once
    outcomes = set()
    for (user, _, recovery), _, done, where in daemon_killed_at_each(machine, "ReportLost", prepare, act):
        up(machine)
        suspended = machine.status(user)["suspended"]
        assert suspended or done is None, where
        assert suspended == has_own_mark(user), where
        outcomes.add(suspended)
        if not suspended:
            lost_by(user, recovery[1])
        assert call("TakeBackLost", user.uid, code=recovery[2]) == {}, where
        assert not machine.status(user)["suspended"], where
    assert outcomes == {False, True}


def test_killed_at_each_step_it_is_taken_back_or_not_and_can_be_repeated(machine):
    def prepare():
        user, key = machine.enrolled_user()
        recovery = call("RenewRecoveryCodes", user.uid, code=key.first)["recovery_codes"]
        lost_by(user, recovery[0])
        return user, recovery

    def act(client, prepared, _):
        return client.call("TakeBackLost", code=prepared[1][1])

    outcomes = set()
    for (user, recovery), _, done, where in daemon_killed_at_each(machine, "TakeBackLost", prepare, act):
        up(machine)
        suspended = machine.status(user)["suspended"]
        assert not suspended or done is None, where
        assert suspended == has_own_mark(user), where
        outcomes.add(suspended)
        if suspended:
            with Client(uid=user.uid) as client:
                assert client.call("TakeBackLost", code=recovery[2]) == {}, where
        assert works(machine, user, recovery[3]), where
    assert outcomes == {False, True}
