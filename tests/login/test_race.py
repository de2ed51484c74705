"""Many processes at the same prompt, released together."""

from harness.machine import AUTH_ERR, SUCCESS

PROCESSES = 50
ROUNDS = 100
GUESSES = 64
POLICY_80_5 = """version = 1
[guesses]
self = 80
other = 5
remote = 5
console = 5
socket = 5
wait = "none"
"""


def test_fifty_processes_with_one_code_are_one_success_a_hundred_times_over(machine, request):
    for _ in range(ROUNDS * request.config.getoption("--rounds")):
        user, key = machine.enrolled_user()
        assert machine.race("otp", user, key.first, PROCESSES) == {SUCCESS: 1, AUTH_ERR: PROCESSES - 1}


def test_sixty_four_parallel_wrong_guesses_are_sixty_four_recorded(machine, request):
    for _ in range(request.config.getoption("--rounds")):
        with machine.policy(POLICY_80_5):
            user, key = machine.enrolled_user()
            assert machine.race("otp", user, key.wrong(), GUESSES, real_uid=user.uid) == {AUTH_ERR: GUESSES}
            counted = {origin["origin"]: origin["failures"] for origin in machine.status(user)["origins"]}
            assert counted == {"self": GUESSES, "other": 0, "remote": 0, "console": 0, "socket": 0}
            assert machine.ask("otp", user, key.first, "-r", user.uid)[0] == SUCCESS


def test_parallel_guesses_past_the_limit_close_the_origin_at_its_limit(machine):
    with machine.policy(POLICY_80_5):
        user, key = machine.enrolled_user()
        assert machine.race("otp", user, key.wrong(), GUESSES) == {AUTH_ERR: GUESSES}
        origins = {origin["origin"]: origin for origin in machine.status(user)["origins"]}
        assert (origins["console"]["failures"], origins["console"]["closed"]) == (5, True)
        assert not origins["self"]["closed"]
        assert machine.ask("otp", user, key.first)[0] == AUTH_ERR
        assert machine.ask("otp", user, key.first, "-r", user.uid)[0] == SUCCESS


def test_a_right_code_among_parallel_wrong_ones_of_another_origin_opens(machine):
    user, key = machine.enrolled_user()
    assert machine.race("otp", user, key.wrong(), 20)[AUTH_ERR] == 20
    assert machine.ask("otp", user, key.first, "-r", user.uid)[0] == SUCCESS
