"""A recovery code opens once, whatever becomes of the daemon and the clock: it is what is left when nothing else works."""

import time
from contextlib import contextmanager

import pytest
from harness.enrolment import invited_and_enrolled
from harness.journal import decisions
from harness.machine import AUTH_ERR, SUCCESS
from harness.places import overwrite, with_slots
from harness.wire import Client

YEAR = 365 * 86400


@contextmanager
def daemon_stopped(machine, user, key):
    with machine.daemon_stopped():
        yield


@contextmanager
def clock_far_behind_the_last_code(machine, user, key):
    with machine.synchronised(True), machine.clock(5 * YEAR):
        assert machine.ask("otp", user, key.code(key.step_now()))[0] == SUCCESS
    yield


@contextmanager
def clock_in_2099(machine, user, key):
    with machine.synchronised(False), machine.clock(73 * YEAR):
        yield


# what a code of the key is told meanwhile
TROUBLES = {daemon_stopped: "code", clock_far_behind_the_last_code: "clock-behind", clock_in_2099: "clock-ahead"}


def asked(machine, journal, user, code):
    """(PAM code, reason) of one login."""
    start = journal.position()
    result, _ = machine.ask("otp", user, code)
    (decision,) = decisions(journal.since(start))
    return result, decision["reason"]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
def test_a_recovery_code_opens_once_whatever_is_wrong(machine, journal, trouble):
    user, _, key, recovery = invited_and_enrolled(machine)
    with trouble(machine, user, key):
        assert asked(machine, journal, user, key.code(key.step_now()))[1] == TROUBLES[trouble]
        assert asked(machine, journal, user, recovery[0]) == (SUCCESS, "code")
        assert asked(machine, journal, user, recovery[0]) == (AUTH_ERR, "replayed")
        assert asked(machine, journal, user, recovery[1]) == (SUCCESS, "code"), "the others go on"
    assert asked(machine, journal, user, recovery[0]) == (AUTH_ERR, "replayed")
    assert asked(machine, journal, user, recovery[2]) == (SUCCESS, "code")


def test_a_recovery_code_opens_in_1970(machine, journal):
    """Once only: the kernel notes the change of the file by its own clock, which is not moved, so that the file then looks restored."""
    user, _, key, recovery = invited_and_enrolled(machine)
    assert machine.ask("otp", user, key.first)[0] == SUCCESS
    with machine.clock(1000 - int(time.time())):
        assert asked(machine, journal, user, key.second) == (AUTH_ERR, "clock-behind")
        assert asked(machine, journal, user, recovery[0]) == (SUCCESS, "code")


def test_a_recovery_code_used_in_2099_moves_no_clock(machine, journal):
    user, _, key, recovery = invited_and_enrolled(machine)
    with clock_in_2099(machine, user, key):
        assert asked(machine, journal, user, recovery[0]) == (SUCCESS, "code")
        assert asked(machine, journal, user, key.code(key.step_now())) == (AUTH_ERR, "clock-ahead")
    assert asked(machine, journal, user, key.first) == (SUCCESS, "code")


@pytest.mark.parametrize("slot", [0, 1])
def test_what_was_written_in_2099_and_damaged_since_locks_nobody_out_for_years(machine, journal, slot):
    user, _, key, recovery = invited_and_enrolled(machine)
    with clock_in_2099(machine, user, key):
        assert asked(machine, journal, user, recovery[0]) == (SUCCESS, "code")
        with Client() as root:
            root.call("Reopen", user=user.name)
    with machine.synchronised(True):
        overwrite(user.state_file, with_slots(user.state_file.read_bytes(), slot))
        assert asked(machine, journal, user, key.first) != (SUCCESS, "code"), "raised, as ever"
        with machine.clock(32 * 86_400):
            assert asked(machine, journal, user, key.code(key.step_now())) == (SUCCESS, "code")
