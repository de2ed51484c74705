"""Troubles while somebody logs in: each is a context manager, of the machine and of anything else that it is about."""

from contextlib import contextmanager, nullcontext

from harness.machine import HOST_KEY, POLICY, VAULT, YEAR, default_policy, write
from harness.places import changed, moved_away


def no_trouble(machine, *_):
    return nullcontext()


@contextmanager
def policy_broken(machine, *_):
    write(POLICY, "version = 1\nthis is no policy\n", 0o644)
    try:
        yield
    finally:
        default_policy()


def vault_gone(machine, *_):
    return moved_away(VAULT)


def vault_open_to_all(machine, *_):
    return changed(VAULT, mode=0o777)


def host_key_lost(machine, *_):
    return moved_away(HOST_KEY)


def daemon_dead(machine, *_):
    return machine.daemon_stopped()


@contextmanager
def clock_in_2099(machine, *_):
    """And nobody vouches for it."""
    with machine.synchronised(False), machine.clock(73 * YEAR):
        yield


def clock_in_1971(machine, *_):
    return machine.clock(-55 * YEAR)


@contextmanager
def everything(machine, *_):
    with daemon_dead(machine), policy_broken(machine), host_key_lost(machine), vault_gone(machine), clock_in_2099(machine):
        yield
