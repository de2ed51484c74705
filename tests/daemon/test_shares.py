"""Nobody takes the places of others: neither with uids that were lent to them, nor where /proc hides who started what, nor by
holding their own lock."""

import fcntl
import json
import select
import subprocess
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from harness.machine import CODE_PROMPT, PROMPT_SERVICE, SUCCESS, as_user, run
from harness.rotation import stack
from harness.terminal import Terminal
from harness.wait import until
from harness.wire import INTERFACE, SOCKET, Client, Refused

SUBUID = Path("/etc/subuid")
FIRST, MANY, CROWD = 400000, 65536, 40
SU = ("auth required pam_otp.so", "auth required pam_permit.so", "account required pam_permit.so", "session required pam_permit.so")


@contextmanager
def lends(*lines):
    """So /etc/subuid says."""
    before = SUBUID.read_text() if SUBUID.exists() else ""
    SUBUID.write_text(before + "".join(f"{line}\n" for line in lines))
    try:
        yield
    finally:
        SUBUID.write_text(before)  # an empty one says what a missing one does


@contextmanager
def holding_own_lock(*users):
    with ExitStack() as opened:
        for user in users:
            held = opened.enter_context(open(user.state_file, "rb"))
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


@contextmanager
def crowd_of_su(machine, user, real_uids):
    """Root-owned processes that these uids started, each with a code of this user, who keeps them waiting."""
    command = [machine.hosts / "oddconv", "otp", user.name, "text", "000000"]
    started = [subprocess.Popen([*command[:1], "-r", str(uid), *command[1:]], stdout=subprocess.PIPE) for uid in real_uids]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


def connections():
    """How many are open on the daemon's side."""
    lines = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()]
    return sum(fields[-1] == SOCKET and fields[5] == "03" for fields in lines)


def crowd_settled():
    """The crowd is in, or was turned away."""
    seen = []

    def steady():
        seen.append(connections())
        return len(seen) > 100 and len(set(seen[-100:])) == 1

    until(steady, "a crowd that has settled")


def su_opens(machine, user, code):
    """A bystander's real su to another account, which asks the daemon."""
    bystander = machine.new_user()
    begun = time.monotonic()
    terminal = Terminal([*as_user(bystander), "su", user.name, "-c", "id -u"])
    terminal.awaits(CODE_PROMPT)
    terminal.types_hidden(code)
    return terminal.ends() == 0 and time.monotonic() - begun < PROMPT_SERVICE + 1


@pytest.mark.parametrize("owner", ["name", "uid"])
def test_a_user_with_subordinate_uids_stops_nobodys_su(machine, enrolled, owner):
    """Set-uid files of such uids give real uids."""
    user, key = enrolled
    attacker, _ = machine.enrolled_user()
    named = attacker.name if owner == "name" else attacker.uid
    uids = [*range(FIRST, FIRST + CROWD // 2), *range(FIRST + MANY, FIRST + MANY + CROWD // 2), attacker.uid]
    machine.left_alone()
    with stack("su", *SU), lends(f"{named}:{FIRST}:{MANY}", f"{named}:{FIRST + MANY}:{MANY}"), holding_own_lock(attacker):
        with crowd_of_su(machine, attacker, uids):
            crowd_settled()
            assert connections() <= 8, "all of these are one user"
            assert su_opens(machine, user, key.first)
            assert machine.status(user)["enrolled"], "root is served"


def test_those_of_many_users_leave_half_of_su_to_others(machine, enrolled):
    user, key = enrolled
    attackers = [machine.enrolled_user()[0] for _ in range(8)]
    machine.left_alone()
    lines = [f"{one.name}:{FIRST + number * MANY}:{MANY}" for number, one in enumerate(attackers)]
    with stack("su", *SU), lends(*lines), holding_own_lock(*attackers), ExitStack() as crowds:
        for number, one in enumerate(attackers):
            first = FIRST + number * MANY
            crowds.enter_context(crowd_of_su(machine, one, range(first, first + 10)))
        crowd_settled()
        assert connections() <= 32
        assert su_opens(machine, user, key.first)


def test_a_range_of_roots_is_not_root(machine, enrolled):
    """Containers of others run there."""
    with lends(f"root:{FIRST}:{MANY}"), ExitStack() as crowd:
        machine.left_alone()
        clients = [crowd.enter_context(Client(uid=FIRST + number)) for number in range(CROWD)]
        assert all(b"Busy" in client.receive() for client in clients[8:])
        with pytest.raises(Refused, match="NotAllowed"):
            clients[0].call("List")


@contextmanager
def hidden_processes():
    run("mount", "-o", "remount,hidepid=2", "/proc")
    try:
        yield
    finally:
        run("mount", "-o", "remount,hidepid=0", "/proc")


def test_where_proc_hides_processes_a_users_su_does_not_take_what_is_roots(machine, enrolled):
    user, key = enrolled
    attacker, _ = machine.enrolled_user()
    machine.left_alone()
    with stack("su", *SU), hidden_processes(), holding_own_lock(attacker):
        hidden = subprocess.run([*as_user(attacker), "cat", f"/proc/{machine.process.pid}/status"], capture_output=True)
        assert hidden.returncode != 0, "it is hidden"
        with crowd_of_su(machine, attacker, [attacker.uid] * CROWD):
            crowd_settled()
            assert connections() <= 8, "each has told its real uid with its first byte"
            assert su_opens(machine, user, key.first)
            for _ in range(20):
                assert machine.status(user)["enrolled"], "root is served"


def test_those_that_say_nothing_have_a_second_and_a_pool_of_their_own(machine, enrolled):
    user, _ = enrolled
    machine.left_alone()
    with hidden_processes(), ExitStack() as silent:
        crowd = [silent.enter_context(Client()) for _ in range(CROWD)]
        assert all(b"Busy" in client.receive() for client in crowd[16:])
        until(lambda: connections() == 0, "the end of those that say nothing", deadline=8)
        assert machine.status(user)["enrolled"]


@pytest.mark.parametrize("who", ["application", "root"])
def test_users_who_hold_their_own_locks_keep_an_application_from_nobody_else(machine, enrolled, who):
    user, key = enrolled
    application = machine.new_user()
    machine.join(application, "otp-verify")
    uid, places = (application.uid, 8) if who == "application" else (0, 32)
    attackers = [machine.enrolled_user()[0] for _ in range(places)]
    machine.left_alone()
    with holding_own_lock(*attackers), ExitStack() as opened:
        clients = [opened.enter_context(Client(uid=uid)) for _ in range(places - 1)]
        for client, attacker in zip(clients, attackers, strict=False):
            parameters = {"user": attacker.name, "code": "000000"}
            client.send(json.dumps({"method": f"{INTERFACE}.Verify", "parameters": parameters}).encode() + b"\0")
        begun = time.monotonic()
        with Client(uid=uid) as client:
            assert client.call("Verify", user=user.name, code=key.first)["verdict"]["accepted"] is True
        assert time.monotonic() - begun < PROMPT_SERVICE

        def answered():
            return select.select([client.socket for client in clients], [], [], 0)[0]

        until(lambda: len(answered()) == places - 1 - places // 2, "a no for those for whom there is no room", deadline=8)
        for client in [client for client in clients if client.socket in answered()]:
            assert b"Busy" in client.receive()
            client.socket.close()
            clients.remove(client)
        until(lambda: connections() <= places // 2, "the end of these", deadline=8)
        for attacker in attackers:  # more of them are turned away at once
            begun = time.monotonic()
            with Client(uid=uid) as client, pytest.raises(Refused, match="Busy"):
                client.call("Verify", user=attacker.name, code="000000")
            assert time.monotonic() - begun < PROMPT_SERVICE
    with Client(uid=uid) as client:
        assert client.call("Verify", user=user.name, code=key.second)["verdict"]["accepted"] is True


def test_a_lock_that_is_held_for_a_moment_is_waited_for(machine, enrolled):
    user, key = enrolled
    application = machine.new_user()
    machine.join(application, "otp-verify")
    with Client(uid=application.uid) as client:
        with holding_own_lock(user):
            message = {"method": f"{INTERFACE}.Verify", "parameters": {"user": user.name, "code": key.first}}
            client.send(json.dumps(message).encode() + b"\0")
            end = time.monotonic() + 1
            until(lambda: time.monotonic() > end, "a second")
        assert json.loads(client.receive())["parameters"]["verdict"]["accepted"] is True
    assert machine.ask("otp", user, key.second)[0] == SUCCESS
