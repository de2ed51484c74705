"""A recovery code opens once, whatever happens to the daemon and the clock: it is left when nothing else works."""

import time
from contextlib import contextmanager

import pytest

from harness.enrolment import invited_and_enrolled
from harness.journal import code_and_reason
from harness.machine import AUTH_ERR, DAY, SUCCESS, YEAR
from harness.places import overwrite, with_slots
from harness.troubles import clock_in_2099, daemon_dead
from harness.wire import Client


@contextmanager
def clock_far_behind_the_last_code(machine, user, key):
    with machine.synchronised(True), machine.clock(5 * YEAR):
        assert machine.ask("otp", user, key.code(key.step_now()))[0] == SUCCESS
    yield


# what a code of the key is told meanwhile
TOLD_MEANWHILE = {daemon_dead: "code", clock_far_behind_the_last_code: "clock-behind", clock_in_2099: "clock-ahead"}


@pytest.mark.parametrize("trouble", TOLD_MEANWHILE, ids=lambda trouble: trouble.__name__)
def test_a_recovery_code_opens_once_whatever_is_wrong(machine, journal, trouble):
    user, _, key, recovery = invited_and_enrolled(machine)
    with trouble(machine, user, key):
        assert code_and_reason(machine, journal, user, key.code(key.step_now()))[1] == TOLD_MEANWHILE[trouble]
        assert code_and_reason(machine, journal, user, recovery[0]) == (SUCCESS, "code")
        assert code_and_reason(machine, journal, user, recovery[0]) == (AUTH_ERR, "replayed")
        assert code_and_reason(machine, journal, user, recovery[1]) == (SUCCESS, "code"), "the others go on"
    assert code_and_reason(machine, journal, user, recovery[0]) == (AUTH_ERR, "replayed")
    assert code_and_reason(machine, journal, user, recovery[2]) == (SUCCESS, "code")


def test_a_recovery_code_opens_in_1970(machine, journal):
    """Once only: the kernel notes the change of the file by its own clock, which is not moved, so that the file then looks restored."""
    user, _, key, recovery = invited_and_enrolled(machine)
    assert machine.ask("otp", user, key.first)[0] == SUCCESS
    with machine.clock(1000 - int(time.time())):
        assert code_and_reason(machine, journal, user, key.second) == (AUTH_ERR, "clock-behind")
        assert code_and_reason(machine, journal, user, recovery[0]) == (SUCCESS, "code")


def test_a_recovery_code_used_in_2099_moves_no_clock(machine, journal):
    user, _, key, recovery = invited_and_enrolled(machine)
    with clock_in_2099(machine):
        assert code_and_reason(machine, journal, user, recovery[0]) == (SUCCESS, "code")
        assert code_and_reason(machine, journal, user, key.code(key.step_now())) == (AUTH_ERR, "clock-ahead")
    assert code_and_reason(machine, journal, user, key.first) == (SUCCESS, "code")


@pytest.mark.parametrize("slot", [0, 1])
def test_what_was_written_in_2099_and_damaged_since_locks_nobody_out_for_years(machine, journal, slot):
    user, _, key, recovery = invited_and_enrolled(machine)
    with clock_in_2099(machine):
        assert code_and_reason(machine, journal, user, recovery[0]) == (SUCCESS, "code")
        with Client() as root:
            root.call("Reopen", user=user.name)
    with machine.synchronised(True):
        overwrite(user.state_file, with_slots(user.state_file.read_bytes(), slot))
        assert code_and_reason(machine, journal, user, key.first) != (SUCCESS, "code"), "raised, as ever"
        with machine.clock(32 * DAY):
            assert code_and_reason(machine, journal, user, key.code(key.step_now())) == (SUCCESS, "code")
