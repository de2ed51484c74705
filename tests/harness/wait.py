"""Waiting for a condition with a deadline: the only way that time passes in these tests."""

import time

LONGEST_LOOK = 1.0


class TooLate(AssertionError):
    """The condition did not come true before its deadline."""


def until(condition, what, deadline=20.0):
    """Polls until condition() is true and returns what it returned. Where the machine stands still for some seconds they count as one:
    what is waited for stood still, too."""
    left, looked = deadline, time.monotonic()
    while True:
        result = condition()
        if result:
            return result
        if left < 0:
            raise TooLate(f"{what}: not within {deadline} s")
        time.sleep(0.005)
        before, looked = looked, time.monotonic()
        left -= min(looked - before, LONGEST_LOOK)
