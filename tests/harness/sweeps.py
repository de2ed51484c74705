"""Sweeps: a program killed, or a call made to fail, at each of its steps; and what may be left behind."""

import os
import signal
from contextlib import contextmanager

from harness.enrolment import labels, perhaps_dead, works
from harness.machine import VAULT
from harness.strace import attached, kill_at
from harness.wire import Client, refusal

EVERY = 3  # only each third step, for a whole sweep takes minutes: `tests/campaign 2`


def login_command(machine, user, code):
    return [machine.hosts / "oddconv", "otp", user.name, "text", code]


def strays():
    """Files in the vault's directories that are no user's."""
    found = []
    for directory in ("keys", "state"):
        for entry in os.scandir(VAULT / directory):
            if not entry.name.removesuffix(".toml").isdigit():
                found.append(f"{directory}/{entry.name}")
    return found


def warm_up(machine, user):
    """A daemon that has looked up users and groups before, and on which nobody is: its calls are the same every time."""
    with Client(uid=user.uid) as client:
        client.call("Status")
    machine.left_alone()


def up(machine):
    if not machine.running():
        machine.start()


@contextmanager
def killed_at(machine, step, where, uid=0):
    """A client of a daemon that is killed at this step, which is reached by what the client is used for."""
    with attached(machine.process.pid, *kill_at(step)):
        with Client(uid=uid) as client, perhaps_dead():
            yield client
        assert machine.process.wait(10) == -signal.SIGKILL, where


def spent(user, code):
    """A key was made with this code, and it makes no other."""
    return refusal(user.uid, "Redeem", registration=code).name == "RegistrationSpent"


def one_of_two(machine, user, old, new, recovery, where):
    """Exactly one of two keys works; says whether it is the new one. Each of the codes is still unused."""
    changed = works(machine, user, new.first)
    assert works(machine, user, old.second) != changed, f"{where}: both or none; the new one {changed}"
    assert changed or recovery is None, where
    assert works(machine, user, new.second) == changed, where
    up(machine)
    assert labels(machine, user) == ["phone"], where
    return changed
