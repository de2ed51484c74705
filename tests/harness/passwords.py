"""The watch over passwords: its records, and the ways by which a password changes."""

import json
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.machine import BOOT, User, otpctl, run
from harness.wire import Client, Refused, call

RECORDS = Path("/var/lib/otp-watch")
NOTE = Path("/etc/otp/watch")
USERS = Path("/etc/userdb")  # read by nss-systemd
HOUR = 3600
WAIT = 72 * HOUR


@contextmanager
def watching():
    """A host that watches passwords for a while."""
    assert not RECORDS.exists() and not NOTE.exists()
    look()
    try:
        yield RECORDS
    finally:
        shutil.rmtree(RECORDS)
        NOTE.unlink(missing_ok=True)


@pytest.fixture
def watched():
    """A host that watches passwords from now on, for as long as the test runs."""
    with watching() as records:
        yield records


def look():
    """One pass, as the unit makes it."""
    done = otpctl("watch-passwords")
    assert done.returncode == 0, done.stderr
    return done.stdout


def why_no_new_key(user, uid=0, **wishes):
    """The reason for which no code is made that replaces the keys; nothing where one is made."""
    with Client(uid=uid) as client:
        try:
            client.call("Invite", user=user.name, form="mail", replaces=True, **wishes)
        except Refused as refused:
            return refused.parameters.get("reason", refused.name)
    return None


@contextmanager
def boot_clock():
    """The clock that nobody can set stands still; a function that moves it by so many seconds from then."""
    start = int(time.clock_gettime(time.CLOCK_BOOTTIME))
    later = lambda seconds: BOOT.write_text(str(start + seconds))  # noqa: E731
    later(0)
    try:
        yield later
    finally:
        BOOT.unlink()


@contextmanager
def elsewhere(machine):
    """An account of another database than /etc/passwd, for a while."""
    uid = next(machine.numbers)
    user = User(f"elsewhere{uid}", uid)
    record = {"userName": user.name, "uid": uid, "gid": uid, "homeDirectory": "/", "shell": "/bin/sh"}
    USERS.mkdir()
    by_name = USERS / f"{user.name}.user"
    by_name.write_text(json.dumps(record))
    (USERS / f"{uid}.user").symlink_to(by_name.name)
    try:
        yield user
    finally:
        call("Forget", user=user.name)
        shutil.rmtree(USERS)


def hashed(password):
    return run("perl", "-e", "print crypt($ARGV[0], q($6$rounds=1000$lab$))", password)


def edit_shadow(user, password):
    """As an editor does: in place, whatever locks there are."""
    shadow = Path("/etc/shadow")
    lines = shadow.read_text().splitlines(keepends=True)
    own = f"{user.name}:"
    shadow.write_text("".join(f"{own}{hashed(password)}:{line.split(':', 2)[2]}" if line.startswith(own) else line for line in lines))
