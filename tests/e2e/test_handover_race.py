"""A swap of keys while people log in, and everything that is used up or counted when many do it at once."""

import random
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from handover import confirm, invite, redeem, shown, works
from machine import SUCCESS
from test_registration import other_code
from wire import Client, Refused

LOGINS = 50
ROUNDS = 5


def login(machine, user, code):
    """(accepted, begun, ended) of one process that gives this code."""
    begun = time.monotonic()
    done = subprocess.run([machine.hosts / "oddconv", "otp", user.name, "text", code], capture_output=True, text=True, timeout=60)
    return f"authenticate {SUCCESS}\n" in done.stdout, begun, time.monotonic()


def test_race_of_a_swap_with_fifty_logins_by_old_and_new_codes(machine, request):
    chance = random.Random(6238)
    seen = set()
    for number in range(ROUNDS * request.config.getoption("--rounds")):
        user, old = machine.enrolled_user()
        with Client(uid=user.uid) as client, ThreadPoolExecutor(LOGINS) as pool:
            new = shown(client.call("Rotate", code=old.first))
            codes = [old.second] * (LOGINS // 2) + [new.first, new.second] * (LOGINS // 4)
            chance.shuffle(codes)
            before, after = codes[: LOGINS * number // ROUNDS], codes[LOGINS * number // ROUNDS :]
            logins = [(code, pool.submit(login, machine, user, code)) for code in before]
            asked = time.monotonic()
            confirm(client, new)
            answered = time.monotonic()
            logins += [(code, pool.submit(login, machine, user, code)) for code in after]
            results = [(code, *done.result()) for code, done in logins]
        accepted = [(code, begun, ended) for code, opened, begun, ended in results if opened]
        for code, begun, ended in accepted:
            if code == old.second:
                assert begun < answered, "the old key worked after the answer"
            else:
                assert ended > asked, "the new key worked before it was confirmed"
            seen.add(code == old.second)
        words = [code for code, *_ in accepted]
        assert len(words) == len(set(words)), "a code worked twice"
        with Client() as root:  # the wait for the many that were wrong would refuse all that follows
            root.call("Reopen", user=user.name)
        assert not works(machine, user, old.code(old.step + 2)) and not works(machine, user, old.second)
        assert works(machine, user, new.second) or new.second in words
    assert True not in seen or False in seen


def test_race_of_many_guesses_is_no_more_guesses_than_one_after_the_other(machine, user):
    """Eight connections a user: whoever waits for the same lock is counted before the next is looked at."""
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
