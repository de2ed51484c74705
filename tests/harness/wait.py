"""Waiting for a condition with a deadline: the only way that time passes in these tests."""

import time


class TooLate(AssertionError):
    """The condition did not come true before its deadline."""


def until(condition, what, deadline=10.0):
    """Polls until condition() is true and returns what it returned."""
    end = time.monotonic() + deadline
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise TooLate(f"{what}: not within {deadline} s")
        time.sleep(0.005)
