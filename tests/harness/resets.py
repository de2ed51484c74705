"""A site with a helpdesk, the resets that wait on it, and the time that their delays count by."""

import subprocess
import time
from contextlib import contextmanager

from harness.machine import BOOT, DAY, DEFAULT_POLICY, OTPCTL, POLICY, as_user, change_members, write
from harness.wire import call, refusal

HOURS = 3600
OF_A_USER, OF_AN_ADMIN = DAY, 3 * DAY


@contextmanager
def resets_mode(word=None):
    """A policy with this word about resets for a while, or with none."""
    before = POLICY.read_text()
    line = f'resets = "{word}"\n' if word else ""
    write(POLICY, DEFAULT_POLICY + line, 0o644)
    try:
        yield
    finally:
        write(POLICY, before, 0o644)


@contextmanager
def only_members(group, *users):
    """These are all the members of a group for a while."""
    before = []

    def these(names):
        before.extend(names)
        return [user.name for user in users]

    change_members(group, these)
    try:
        yield
    finally:
        change_members(group, lambda _: before)


@contextmanager
def uptime(seconds):
    """So much later by the clock that nobody can set, which stands still there."""
    BOOT.write_text(str(int(time.clock_gettime(time.CLOCK_BOOTTIME)) + seconds))
    try:
        yield
    finally:
        BOOT.unlink()


def logged_in_as(person, *words, user=None):
    """otpctl of a process that descends from the login of `person`, as root or as a user: through sudo, say, or su."""
    login = ["sh", "-c", f'echo {person.uid} > /proc/self/loginuid; exec "$@"', "sh"]
    return subprocess.run([*login, *(as_user(user) if user else []), OTPCTL, *words], capture_output=True, text=True, timeout=60)


def request(user, uid=0, proof="callback", reason="phone lost in the river"):
    return call("RequestReset", uid, user=user.name, reason=reason, proof=proof)["reset"]


def waiting(user, uid=0):
    """The reset of this user's keys, if one waits."""
    found = [reset for reset in call("ListResets", uid)["resets"] if reset["uid"] == user.uid]
    assert len(found) <= 1
    return found[0] if found else None


def what_bars(method, uid=0, **parameters):
    """The reason of a refusal, or its name where it has none."""
    refused = refusal(uid, method, **parameters)
    return refused.parameters["reason"] if refused.name == "NotPossible" else refused.name
