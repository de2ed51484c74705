"""A call that anybody can repeat without end leaves one line a second of its kind in the log, and the number of the rest."""

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress

import pytest

from harness import daemon_log
from harness.journal import fields
from harness.machine import POLICY, write
from harness.wait import until
from harness.wire import Client, Refused

CALLS = 3000
BROKEN = "version = 1\nno-such-key = 1\n"


@contextmanager
def broken_policy():
    before = POLICY.read_text()
    write(POLICY, BROKEN, 0o644)
    try:
        yield
    finally:
        write(POLICY, before, 0o644)


@contextmanager
def held_lock(user):
    """Somebody holds this user's lock and does not let go."""
    holder = subprocess.Popen(["flock", user.state_file, "sleep", "600"])
    try:
        until(lambda: str(user.state_file.stat().st_ino) in open("/proc/locks").read(), "the lock")
        yield
    finally:
        holder.kill()
        holder.wait()


def asked(times, uid, user):
    """So many calls about this user, well or badly answered; how long they took."""
    with Client(uid=uid) as client:
        return asked_by(client, times, user)


def asked_by(client, times, user):
    begun = time.monotonic()
    for _ in range(times):
        with suppress(Refused):
            client.call("Status", user=user.name)
    return time.monotonic() - begun


def lines_with(start, name, value):
    found = map(fields, (line for line in daemon_log.since(start) if "event=" in line))
    return [line for line in found if line.get(name) == value]


def all_counted(start, name, value):
    """Those lines, and how many others they and later ones say were left out."""
    found = lines_with(start, name, value)
    return len(found) + sum(int(line.get("left_out", 0)) for line in found)


def a_second_passes():
    end = time.monotonic() + 1
    until(lambda: time.monotonic() > end, "the next second")


@pytest.mark.parametrize("who", ["user", "root"])
def test_a_broken_policy_is_a_line_a_second_however_often_somebody_asks(machine, enrolled, who):
    """Root, too: strangers ask through its programs."""
    user, _ = enrolled
    uid = user.uid if who == "user" else 0
    with broken_policy():
        start = daemon_log.position()
        seconds = asked(CALLS, uid, user)
        lines = lines_with(start, "event", "obstacle")
        assert 0 < len(lines) <= seconds + 2 and "no-such-key" in lines[0]["detail"]
        a_second_passes()
        asked(1, uid, user)
        assert all_counted(start, "event", "obstacle") == CALLS + 1


def test_the_trouble_of_one_user_does_not_push_out_that_of_another(machine, enrolled):
    user, other = enrolled[0], machine.new_user()
    with broken_policy(), Client(uid=user.uid) as flood, Client(uid=other.uid) as client:
        start = daemon_log.position()
        asked_by(flood, CALLS // 10, user)
        asked_by(client, 1, other)
        asked_by(flood, CALLS // 10, user)
    allowed = [number for number, line in enumerate(daemon_log.since(start)) if f"by={other.uid} " in line]
    assert allowed and "event=obstacle" in daemon_log.since(start)[allowed[0] + 1], "told with the call that it belongs to"


def test_locks_that_are_not_had_are_a_line_a_second(machine, enrolled):
    user, _ = enrolled
    with held_lock(user), ExitStack() as opened, ThreadPoolExecutor(8) as crowd:
        clients = [opened.enter_context(Client(uid=user.uid)) for _ in range(7)]
        start = daemon_log.position()
        took = list(crowd.map(lambda client: asked_by(client, 3, user), clients))
        lines = lines_with(start, "reason", "lock-timeout")
        assert 0 < len(lines) <= max(took) + 2 < 21
        a_second_passes()
        asked(1, user.uid, user)
        assert all_counted(start, "reason", "lock-timeout") == 22


def test_a_file_that_cannot_be_read_is_a_line_a_second(machine, enrolled):
    user, _ = enrolled
    user.state_file.chmod(0o644)
    try:
        start = daemon_log.position()
        seconds = asked(CALLS, user.uid, user)
        assert 0 < len(lines_with(start, "event", "vault")) <= seconds + 2
    finally:
        user.state_file.chmod(0o600)
