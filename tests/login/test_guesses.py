"""Wrong codes are counted for each origin, cost time, and close that origin alone."""

import pytest

from harness.journal import decisions
from harness.machine import AUTH_ERR, CODE_PROMPT, SUCCESS
from harness.wait import until

NO_WAIT = 'version = 1\n[guesses]\nself = 4\nother = 3\nremote = 3\nconsole = 3\nsocket = 3\nwait = "none"\n'


def guess_wrongly(machine, user, key, times, *options):
    for number in range(times):
        assert machine.ask("otp", user, key.wrong(number), *options)[0] == AUTH_ERR


def origins(machine, user):
    return {origin["origin"]: origin for origin in machine.status(user)["origins"]}


def reasons(journal, start):
    return [decision["reason"] for decision in decisions(journal.since(start))]


def test_three_wrong_codes_are_free(machine, enrolled):
    user, key = enrolled
    guess_wrongly(machine, user, key, 3)
    assert machine.ask("otp", user, key.first)[0] == SUCCESS


def test_the_fourth_makes_even_the_right_code_wait_and_then_it_opens(machine, enrolled, journal):
    user, key = enrolled
    with machine.no_wait_passes():
        guess_wrongly(machine, user, key, 4)
        start = journal.position()
        assert machine.ask("otp", user, key.first)[0] == AUTH_ERR
        assert reasons(journal, start) == ["waiting"]
        assert origins(machine, user)["console"]["wait"] == 2
    until(lambda: machine.ask("otp", user, key.first)[0] == SUCCESS, "the end of the wait", deadline=6)


@pytest.fixture
def long_wait(machine):
    with machine.no_wait_passes():
        yield


def test_nothing_is_counted_or_written_during_a_wait(machine, enrolled, long_wait):
    user, key = enrolled
    guess_wrongly(machine, user, key, 4)
    before = user.state_file.read_bytes(), user.state_file.stat().st_mtime_ns
    guess_wrongly(machine, user, key, 3)
    assert (user.state_file.read_bytes(), user.state_file.stat().st_mtime_ns) == before
    assert origins(machine, user)["console"]["failures"] == 4


def test_a_step_of_the_clock_does_not_shorten_the_wait(machine, enrolled, journal, long_wait):
    user, key = enrolled
    guess_wrongly(machine, user, key, 4)
    with machine.clock(+7200):
        start = journal.position()
        assert machine.ask("otp", user, key.code(key.step_now()))[0] == AUTH_ERR
        assert reasons(journal, start) == ["waiting"]


def test_a_wait_of_one_origin_does_not_touch_another(machine, enrolled, long_wait):
    user, key = enrolled
    guess_wrongly(machine, user, key, 4, "-h", "stranger.example")
    assert machine.ask("otp", user, key.first, "-h", "stranger.example")[0] == AUTH_ERR
    assert machine.ask("otp", user, key.first)[0] == SUCCESS
    counted = {name: origin["failures"] for name, origin in origins(machine, user).items()}
    assert counted == {"self": 0, "other": 0, "remote": 4, "console": 0, "socket": 0}


def test_an_accepted_code_clears_its_own_origin_only(machine, enrolled):
    user, key = enrolled
    guess_wrongly(machine, user, key, 2)
    guess_wrongly(machine, user, key, 3, "-h", "stranger.example")
    assert machine.ask("otp", user, key.first)[0] == SUCCESS
    assert (origins(machine, user)["console"]["failures"], origins(machine, user)["remote"]["failures"]) == (0, 3)


@pytest.mark.parametrize("typed", ["junk", "12345", "", "12345678901"])
def test_junk_and_replays_are_not_counted(machine, enrolled, typed):
    user, key = enrolled
    assert machine.ask("otp", user, key.first)[0] == SUCCESS
    for _ in range(6):
        assert machine.ask("otp", user, typed)[0] == AUTH_ERR
        assert machine.ask("otp", user, key.first)[0] == AUTH_ERR
    assert origins(machine, user)["console"]["failures"] == 0
    assert machine.ask("otp", user, key.second)[0] == SUCCESS


def test_at_its_limit_an_origin_is_closed_and_the_others_are_not(machine, journal):
    with machine.policy(NO_WAIT):
        user, key = machine.enrolled_user()
        guess_wrongly(machine, user, key, 3, "-h", "stranger.example")
        start = journal.position()
        assert machine.ask("otp", user, key.first, "-h", "stranger.example")[0] == AUTH_ERR
        assert reasons(journal, start) == ["closed"]
        assert [name for name, origin in origins(machine, user).items() if origin["closed"]] == ["remote"]
        assert machine.ask("otp", user, key.first)[0] == SUCCESS


def test_only_the_own_session_is_told_about_the_wait(machine, enrolled, long_wait):
    user, key = enrolled
    machine.sudo_asks(user, "required pam_otp.so")
    guess_wrongly(machine, user, key, 4, "-r", user.uid)
    guess_wrongly(machine, user, key, 4, "-h", "stranger.example")
    assert "wait" in machine.sudo(user, [(CODE_PROMPT, key.first)]).text.replace("wait for the next", "")
    _, printed = machine.ask("otp", user, key.first, "-h", "stranger.example")
    assert "wait" not in printed.replace("wait for the next", "")


def test_a_wrong_and_a_used_code_are_not_told_apart(machine, enrolled):
    user, key = enrolled
    assert machine.ask("otp", user, key.first)[0] == SUCCESS
    assert machine.ask("otp", user, key.first) == machine.ask("otp", user, key.wrong())
