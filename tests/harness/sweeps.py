"""Sweeps: a program killed, or a call made to fail, at each of its steps; and what may be left behind."""

import os
import signal
from contextlib import contextmanager

from harness.enrolment import labels, perhaps_dead, works
from harness.machine import VAULT
from harness.strace import CHANGES, answering, attached, kill_at, parsed
from harness.wait import until
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
        until(lambda: machine.process.poll() is not None, f"the daemon {where}", deadline=60)
        assert machine.process.returncode == -signal.SIGKILL, where


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


def steps_to_the_answer(machine, method, prepare, before, act):
    prepared = prepare()
    warm_up(machine, prepared[0])
    with attached(machine.process.pid) as log, Client(uid=prepared[0].uid * (method != "Invite")) as client:
        act(client, prepared, before(client, prepared))
    calls = parsed(log)
    received, own = answering(calls, f"Otp1.{method}")
    answered = next(at for at, call in enumerate(own) if call.name == "sendto" and "parameters" in call.arguments)
    changes = [call for call in own[:answered] if call.name in CHANGES]
    return [*changes, received._replace(arguments="after the answer", number=received.number + 1)]


def nothing_before(client, prepared):
    """Nothing is said before."""


def daemon_killed_at_each(machine, method, prepare, act, before=nothing_before, every=EVERY):
    """`act` once for each of its steps (for every third one, unless this is a campaign or `every` says so), killed there, and once killed when its
    answer had left. Yields what `prepare` and `before` gave, what `act` gave if the answer came in time, and where it was. At
    every other step the daemon runs again; else the next login finds what was left."""
    machine.stop()
    machine.start()
    steps = steps_to_the_answer(machine, method, prepare, before, act)
    for at, step in enumerate(steps):
        if machine.rounds == 1 and at % every and step is not steps[-1]:
            continue
        prepared, begun, done = prepare(), None, None
        where = f"killed at step {at} of {len(steps)}, {step}"
        warm_up(machine, prepared[0])
        with killed_at(machine, step, where, uid=prepared[0].uid * (method != "Invite")) as client:
            begun = before(client, prepared)
            done = act(client, prepared, begun)
        assert (done is not None) == (step is steps[-1]), where
        if at % 2:
            machine.start()
        yield prepared, begun, done, where
        up(machine)
    assert strays() == [] and not [path for directory in ("tickets", "notices", "tokens", "resets") for path in VAULT.glob(f"{directory}/.*")]
