"""kill -9 at any moment of a login: a code that may have been seen as good never works again, and the next login works."""

import fcntl
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from harness.enrolment import invited_and_enrolled
from harness.machine import ACCOUNT, AUTH_ERR, AUTHINFO_UNAVAIL, CODE_PROMPT, SUCCESS, replace
from harness.strace import STRACE_LOG, calls_of, fail, kill_at, parsed, run_under
from harness.sweeps import login_command, strays
from harness.terminal import Terminal

RANDOM_KILLS = 100
DURABLE = ("fdatasync", "fsync")
ENOUGH = 40  # logins, one for each call after the decision


def with_a_code(machine):
    """A user and two codes of the key, of which each opens once."""
    user, key = machine.enrolled_user()
    return user, key.first, key.second


def with_a_recovery_code(machine):
    user, _, _, recovery = invited_and_enrolled(machine)
    return user, recovery[3], recovery[4]


@pytest.fixture(params=[with_a_code, with_a_recovery_code], ids=["a code", "a recovery code"])
def enrolled_with(request):
    return request.param


def put_first_in_passwd(names):
    """Behind root and the daemon's account: one read has them all, where a line further down may take one read more than the next."""
    lines = Path("/etc/passwd").read_text().splitlines()
    order = {name: at for at, name in enumerate(["root", ACCOUNT, *names])}
    replace("/etc/passwd", sorted(lines, key=lambda line: order.get(line.split(":")[0], len(order))))


def calls_of_the_decision(machine, person):
    """The system calls of a successful login, from the opening of the state file to the answer."""
    user, code, _ = person
    calls = calls_of(login_command(machine, user, code))
    opened = next(at for at, call in enumerate(calls) if call.name.startswith("openat") and f'{user.uid}"' in call.arguments)
    answered = next(at for at, call in enumerate(calls) if call.name == "write" and "authenticate 0" in call.arguments)
    return calls[opened : answered + 1]


def test_killed_between_persist_and_answer_the_code_is_used(machine, enrolled_with):
    # all of them before the first login: files of accounts that grow are read in more calls
    first, *others = people = [enrolled_with(machine) for _ in range(ENOUGH)]
    put_first_in_passwd([user.name for user, *_ in people])
    calls = calls_of_the_decision(machine, first)
    persisted = max(at for at, call in enumerate(calls) if call.name in DURABLE)
    rest = calls[persisted + 1 :]
    assert 0 < len(rest) <= len(others)
    for call, (user, code, another) in zip(rest, others, strict=False):
        done = run_under(kill_at(call), login_command(machine, user, code))
        assert "authenticate" not in done.stdout, f"{call} was not reached in time"
        assert machine.ask("otp", user, code)[0] == AUTH_ERR, f"killed at {call}, the code worked again"
        assert machine.ask("otp", user, another)[0] == SUCCESS, f"killed at {call}"


def test_killed_at_any_call_of_the_decision_the_next_login_works(machine, enrolled_with):
    again = set()
    for call in calls_of_the_decision(machine, enrolled_with(machine)):
        user, code, another = enrolled_with(machine)
        done = run_under(kill_at(call), login_command(machine, user, code))
        assert "authenticate" not in done.stdout, f"{call} was not reached in time"
        again.add(machine.ask("otp", user, code)[0])
        assert machine.ask("otp", user, code)[0] == AUTH_ERR, f"killed at {call}"
        assert machine.ask("otp", user, another)[0] == SUCCESS, f"killed at {call}"
    assert again == {SUCCESS, AUTH_ERR}, "before it was used up, and after"
    assert strays() == []


def test_real_sudo_killed_after_the_code_was_made_durable_does_not_open_and_the_code_is_used(machine):
    def sudo_under(options, user, key):
        machine.sudo_asks(user, "required pam_otp.so")
        terminal = Terminal(["strace", "-f", "-qq", "-s", "256", "-o", STRACE_LOG, "-u", user.name, *options, "sudo", "id", "-u"])
        terminal.awaits(CODE_PROMPT)
        terminal.types_hidden(key.first)
        return terminal.ends(), terminal.transcript

    user, key = machine.enrolled_user()
    status, transcript = sudo_under([], user, key)
    assert status == 0, transcript
    calls = parsed(STRACE_LOG)
    persisted = max(at for at, call in enumerate(calls) if call.name in DURABLE)
    after = next(call for call in calls[persisted + 1 :] if call.task == calls[persisted].task)

    user, key = machine.enrolled_user()
    status, transcript = sudo_under(kill_at(after), user, key)
    assert status != 0 and "\n0\n" not in transcript
    assert machine.ask("otp", user, key.first)[0] == AUTH_ERR
    assert machine.ask("otp", user, key.second)[0] == SUCCESS


def seconds_of_a_login(machine):
    user, key = machine.enrolled_user()
    begun = time.monotonic()
    subprocess.run(login_command(machine, user, key.first), stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - begun


def test_a_hundred_kills_at_random_moments_leave_nothing_behind(machine, request):
    chance = random.Random(4226)
    usual = min(seconds_of_a_login(machine) for _ in range(5))
    unused = 0
    for _ in range(RANDOM_KILLS * request.config.getoption("--rounds")):
        user, key = machine.enrolled_user()
        process = subprocess.Popen(login_command(machine, user, key.first), stdout=subprocess.PIPE, text=True)
        end = time.monotonic() + chance.random() * usual
        while time.monotonic() < end:
            pass
        process.send_signal(signal.SIGKILL)
        printed, _ = process.communicate()
        again = machine.ask("otp", user, key.first)[0]
        assert again == AUTH_ERR or "authenticate 0" not in printed, "a code worked twice"
        assert again in (SUCCESS, AUTH_ERR)
        unused += again == SUCCESS
        assert machine.ask("otp", user, key.second)[0] == SUCCESS
    assert strays() == []
    assert unused > 0, "no kill came before the end of the login"


@pytest.mark.parametrize("fault", ["EIO", "ENOSPC", "EROFS"])
@pytest.mark.parametrize("call", ["pwrite64", "fdatasync"])
def test_what_cannot_be_persisted_is_refused_whatever_the_code_was(machine, enrolled, journal, call, fault):
    user, key = enrolled
    results = []
    for code in (key.first, key.wrong()):
        results.append(run_under(fail(call, fault), login_command(machine, user, code)).stdout)
    assert results[0] == results[1] and "authenticate 9" in results[0]


def test_a_lock_that_fails_refuses(machine, enrolled):
    user, key = enrolled
    assert "authenticate 9" in run_under(fail("flock", "ENOLCK"), login_command(machine, user, key.first)).stdout


def test_a_lock_that_is_held_refuses_after_ten_seconds_and_names_the_holder(machine, enrolled, journal):
    user, key = enrolled
    with open(user.state_file, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        start, begun = journal.position(), time.monotonic()
        assert machine.ask("otp", user, key.first)[0] == AUTHINFO_UNAVAIL
        assert 9 < time.monotonic() - begun < 15
    (line,) = [line for line in journal.since(start) if "outcome=" in line]
    assert "reason=lock-timeout" in line
    assert any(str(os.getpid()) in line for line in journal.since(start))
    assert machine.ask("otp", user, key.first)[0] == SUCCESS
