"""Sweeps: a program killed, or a call made to fail, at each of its steps; and what may be left behind."""

import os

import pytest

from harness.enrolment import labels, works
from harness.machine import VAULT
from harness.wire import Client, Refused


def login(machine, user, code):
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


def refused(client, method, **parameters):
    with pytest.raises(Refused) as refusal:
        client.call(method, **parameters)
    return refusal.value


def spent(user, code):
    """A key was made with this code, and it makes no other."""
    with Client(uid=user.uid) as client:
        return refused(client, "Redeem", registration=code).name == "RegistrationSpent"


def one_of_two(machine, user, old, new, recovery, where):
    """Exactly one of two keys works; says whether it is the new one. Each of the codes is still unused."""
    changed = works(machine, user, new.first)
    assert works(machine, user, old.second) != changed, f"{where}: both or none; the new one {changed}"
    assert changed or recovery is None, where
    assert works(machine, user, new.second) == changed, where
    up(machine)
    assert labels(machine, user) == ["phone"], where
    return changed
