"""kill -9 at each step of an enrolment's commit: afterwards the user has the key or has none, and either is whole."""

import json
import signal

import pytest

from harness.machine import AUTH_ERR, SUCCESS
from harness.strace import CHANGES, attached, kill_at, parsed
from harness.sweeps import strays
from harness.wire import Client, Closed


def steps_of_a_confirmation(machine):
    """The file system calls that the daemon makes from the confirming code to its answer."""
    user = machine.new_user()
    with attached(machine.process.pid) as log, Client() as client:
        machine.confirm(client, machine.begin(client, user))
    calls = parsed(log)
    received = next(at for at, call in enumerate(calls) if "ConfirmEnrolment" in call.arguments)
    return [call for call in calls[received + 1 :] if call.task == calls[received].task and call.name in CHANGES]


def test_an_enrolment_killed_at_each_step_is_done_or_undone(machine):
    steps = steps_of_a_confirmation(machine)
    outcomes = set()
    for at, step in enumerate(steps):
        where = f"killed at step {at} of {len(steps)}, {step}"
        user = machine.new_user()
        machine.left_alone()  # a thread that is about to end makes calls, too
        with attached(machine.process.pid, *kill_at(step)):
            with Client() as client:
                key = machine.begin(client, user)
                try:
                    machine.confirm(client, key)
                except Closed:
                    pass
            assert machine.process.wait(60) == -signal.SIGKILL, where
        if at % 2:
            machine.start()  # either the daemon finds what was left, or the next login does
        outcomes.add(outcome_of(machine, user, key, where))
    assert outcomes == {"old", "new"}
    assert strays() == []


def outcome_of(machine, user, key, where):
    result, printed = machine.ask("otp", user, key.first)
    if not machine.running():
        machine.start()
    status = machine.status(user)
    if result == SUCCESS:
        assert status["enrolled"] and len(status["keys"]) == 1, f"{where}: {status}"
        assert machine.ask("otp", user, key.first)[0] == AUTH_ERR, where
        assert machine.ask("otp", user, key.second)[0] == SUCCESS, where
        return "new"
    assert not status["enrolled"] and status["keys"] == [], f"{where}: the login gave {result}, but {json.dumps(status)}\n{printed}"
    again = machine.enrol(user)
    assert machine.ask("otp", user, again.first)[0] == SUCCESS, where
    return "old"


def test_a_daemon_killed_with_an_enrolment_pending_leaves_nothing(machine):
    user = machine.new_user()
    with Client() as client:
        machine.begin(client, user)
        machine.stop(signal.SIGKILL)
        machine.start()
        with pytest.raises(Closed):
            client.call("ConfirmEnrolment", code="123456")
    assert not user.key_file.exists() and not user.state_file.exists()
    assert strays() == []
    assert not machine.status(user)["enrolled"]


def test_a_hung_up_client_leaves_nothing(machine):
    user = machine.new_user()
    with Client() as client:
        machine.begin(client, user)
    assert not user.key_file.exists() and not user.state_file.exists()
    machine.left_alone()
    key = machine.enrol(user)  # the first key is forgotten
    assert machine.ask("otp", user, key.first)[0] == SUCCESS
