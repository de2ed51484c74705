"""Notices: the outbox, and a program that it is handed to."""

import shutil
import subprocess
from pathlib import Path

import pytest

from harness.machine import DAEMON, NOTIFIER, OUTBOX, POLICY, VAULT, default_policy, write
from harness.wire import call

HEADING = "About your one-time codes:"


def spool(user):
    return VAULT / "notices" / str(user.uid)


def notices(user, uid=0):
    return call("Notices", uid, user=user.name)["notices"]


def noticed(user, uid=0):
    """The event of each notice."""
    return [notice["event"] for notice in notices(user, uid)]


@pytest.fixture
def program():
    """Writes the program that notices are handed to, and the policy that names it; gives the directory that it may write to."""
    place = Path("/tmp/notified")
    place.mkdir()
    empty_outbox()  # where the policy was broken, nobody could know that notices stay here
    shutil.chown(place, NOTIFIER, NOTIFIER)

    def make(script, deadline=30):
        write(Path("/usr/local/sbin/notified"), f"#!/bin/sh\n{script}\n", 0o755)
        words = '["/usr/local/sbin/notified", "a word; $(not) `for` a shell"]'
        write(POLICY, f"version = 1\nadmin_enrol = true\nnotify_command = {words}\nnotify_deadline = {deadline}\n", 0o644)
        return place

    yield make
    default_policy()
    shutil.rmtree(place)
    empty_outbox()


def empty_outbox():
    for letter in OUTBOX.iterdir():
        letter.unlink()


def notify_once(*prefix):
    return subprocess.run([*prefix, DAEMON, "notify", "--once"], capture_output=True, text=True, timeout=60)
