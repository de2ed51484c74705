"""The lines that the daemon wrote to its log; every line of it is written before the answer that it is about."""

from harness.journal import fields
from harness.machine import DAEMON_LOG


def position():
    return DAEMON_LOG.stat().st_size


def since(position):
    return DAEMON_LOG.read_bytes()[position:].decode("utf-8", "backslashreplace").splitlines()


def calls(position):
    """The lines since then about what somebody asked, without those of what the daemon does unasked."""
    return [line for line in since(position) if " by=" in line and "event=left-out" not in line]


def verdicts(position):
    """The lines of Verify since then, each as a dict of its fields."""
    return [fields(line) for line in since(position) if "event=verify" in line]


def events(position):
    """The event of each line since then that has one."""
    return [found["event"] for found in (fields(line) for line in since(position)) if "event" in found]
