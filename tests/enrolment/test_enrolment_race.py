"""A swap of keys while people log in, and everything that is used up or counted when many do it at once."""

import fcntl
import os
import random
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from harness.enrolment import confirm, invite, other_code, redeem, shown, token_key, works
from harness.machine import AUTH_ERR, SUCCESS, VAULT, policy
from harness.origins import no_wait
from harness.sweeps import login_command
from harness.wait import until
from harness.wire import Client, Refused

LOGINS = 50
ROUNDS = 5
# wrong codes are not what this is about: none keeps a right one waiting
MANY_GUESSES = no_wait(10, console=60)


def timed_login(machine, user, code):
    """(accepted, begun, ended) of one process that gives this code."""
    begun = time.monotonic()
    done = subprocess.run(login_command(machine, user, code), capture_output=True, text=True, timeout=60)
    return f"authenticate {SUCCESS}\n" in done.stdout, begun, time.monotonic()


def test_race_of_a_swap_with_fifty_logins_by_old_and_new_codes(machine, request):
    """From round to round more logins begin before the swap, from none to four of five. In the last of five rounds one of the
    old key's has ended before."""
    chance = random.Random(6238)
    opened_by = set()
    for number in range(ROUNDS * request.config.getoption("--rounds")):
        user, old = machine.enrolled_user()
        with policy(MANY_GUESSES), Client(uid=user.uid) as client, ThreadPoolExecutor(LOGINS) as pool:
            new = shown(client.call("Rotate", code=old.first))
            codes = [old.second] * (LOGINS // 2) + [new.first, new.second] * (LOGINS // 4)
            chance.shuffle(codes)
            early = LOGINS * (number % ROUNDS) // ROUNDS
            logins = [(code, pool.submit(timed_login, machine, user, code)) for code in codes[:early]]
            if number % ROUNDS == ROUNDS - 1:
                next(done for code, done in logins if code == old.second).result()
            asked = time.monotonic()
            confirm(client, new)
            answered = time.monotonic()
            logins += [(code, pool.submit(timed_login, machine, user, code)) for code in codes[early:]]
            results = [(code, *done.result()) for code, done in logins]
            accepted = {code: (begun, ended) for code, opened, begun, ended in results if opened}
            assert len(accepted) == sum(opened for _, opened, *_ in results), "a code worked twice"
            assert not works(machine, user, old.code(old.step + 2)) and not works(machine, user, old.second)
            assert new.second in accepted or works(machine, user, new.second)
        for code, (begun, ended) in accepted.items():
            if code == old.second:
                assert begun < answered, "the old key worked after the answer"
            else:
                assert ended > asked, "the new key worked before it was confirmed"
        if any(code == old.second and ended < asked for code, _, _, ended in results):
            assert old.second in accepted, "the old key did not work before the swap"
        if any(code == new.second and begun > answered for code, _, begun, _ in results):
            assert new.second in accepted, "the new key did not work after the answer"
        opened_by |= {code == old.second for code in accepted}
    assert opened_by == {True, False}, "logins by the old key and by the new one"


@contextmanager
def begun_logins(machine, user, codes):
    """Logins by these codes which have opened the vault and wait for the lock; stopped there, before any has had it. Yields what
    lets them go on and gives their PAM codes."""
    with open(user.state_file, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        logins = [subprocess.Popen(login_command(machine, user, code), stdout=subprocess.PIPE, text=True) for code in codes]
        for process in logins:
            until(lambda: has_open(process, VAULT), "a login at the lock")
            process.send_signal(signal.SIGSTOP)
            until(lambda: Path(f"/proc/{process.pid}/stat").read_text().rsplit(") ", 1)[1][0] == "T", "a login stopped")

    def go_on():
        for process in logins:
            process.send_signal(signal.SIGCONT)
        return [int(process.communicate(timeout=30)[0].split("authenticate ")[1].split()[0]) for process in logins]

    try:
        yield go_on
    finally:
        for process in logins:
            process.kill()
            process.wait()


def has_open(process, path):
    place = Path(f"/proc/{process.pid}/fd")
    try:
        return str(path) in {os.readlink(place / number) for number in os.listdir(place)}
    except FileNotFoundError:  # closed meanwhile
        return False


def test_a_code_of_the_old_key_whose_check_had_begun_before_the_swap_is_refused(machine, enrolled):
    """One of the new key, begun just as early, is accepted: what was begun goes on, and is decided on what is there then."""
    user, old = enrolled
    with Client(uid=user.uid) as client:
        new = shown(client.call("Rotate", code=old.first))
        with begun_logins(machine, user, [old.second, new.first]) as go_on:
            confirm(client, new)
            assert go_on() == [AUTH_ERR, SUCCESS]


def test_a_code_of_the_old_key_whose_check_had_begun_before_its_suspension_is_refused(machine, enrolled):
    user, key = enrolled
    with begun_logins(machine, user, [key.first]) as go_on:
        with Client() as root:
            root.call("Suspend", user=user.name)
        assert go_on() == [AUTH_ERR]


def test_a_login_that_waited_at_the_lock_opens_if_nothing_changed_meanwhile(machine, enrolled):
    user, key = enrolled
    with begun_logins(machine, user, [key.first]) as go_on:
        assert go_on() == [SUCCESS]


def test_race_of_many_guesses_is_no_more_guesses_than_one_after_the_other(machine, user):
    """Eight connections a user: a connection that waits for the same lock is counted before the next is looked at."""
    code = invite(user)
    start, refused = threading.Barrier(8), []

    def guess(client):
        start.wait()
        try:
            client.call("Redeem", registration=other_code(code))
        except Refused as refusal:
            refused.append(refusal.parameters["wait"])

    clients = [Client(uid=user.uid) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(guess, clients))
    for client in clients:
        client.socket.close()
    assert refused.count(0) == 4 and len(refused) == 8, refused


def test_race_of_a_suspension_with_a_confirmation_that_replaces_all_ends_suspended(machine, request):
    for _ in range(40 * request.config.getoption("--rounds")):
        user, old = machine.enrolled_user()
        code = invite(user, replaces=True)
        with Client(uid=user.uid) as owner, Client() as root, ThreadPoolExecutor(2) as pool:
            key = redeem(owner, code)
            start = threading.Barrier(2)

            def confirmed():
                start.wait()
                try:
                    confirm(owner, key)
                    return True
                except Refused as refused:
                    assert refused.name in ("EnrolmentExpired", "RegistrationRefused"), refused
                    return False

            def suspended():
                start.wait()
                root.call("Suspend", user=user.name)

            done = pool.submit(confirmed)
            pool.submit(suspended).result()
            done.result()
        assert machine.status(user)["suspended"] is True
        assert not works(machine, user, key.first) and not works(machine, user, old.first)


def test_race_of_one_tokens_secret_for_two_users_which_one_gets(machine):
    """R4: one secret is never in two keys, or each of its codes would be good twice."""
    for _ in range(20):
        key, users = token_key(), [machine.new_user(), machine.new_user()]
        with Client() as one, Client() as other, ThreadPoolExecutor(2) as pool:
            for client, user in zip((one, other), users, strict=True):
                client.call("AddToken", user=user.name, secret=key.base32)
            together = threading.Barrier(2)

            def confirmed(client):
                together.wait()
                try:
                    client.call("ConfirmEnrolment", code=key.confirming)
                except Refused as refusal:
                    assert refusal.parameters["reason"] == "secret-in-use"
                    return False
                return True

            assert sorted(pool.map(confirmed, (one, other))) == [False, True]
        assert sorted(works(machine, user, key.first) for user in users) == [False, True]
