"""One user can repeat some acts without end: codes of a counter are right as often as the user likes. That fills nobody's log or outbox."""

import subprocess
from pathlib import Path

import pytest

from harness import daemon_log
from harness.enrolment import invite, redeem
from harness.journal import fields
from harness.machine import policy, write
from harness.notices import OUTBOX, empty_outbox
from harness.totp import totp as hotp  # the counter instead of the step
from harness.wire import Client, Refused

OFTEN = 70
AN_HOUR = 60


@pytest.fixture
def counter(machine, user):
    """A user whose key counts, and the codes one after the other."""
    with Client(uid=user.uid) as client:
        key = redeem(client, invite(user), kind="hotp")
        client.call("ConfirmEnrolment", code=hotp(key.secret, 1))
    numbers = iter(range(2, 10_000))
    return user, lambda: hotp(key.secret, next(numbers))


@pytest.fixture
def outbox():
    write(Path("/usr/local/sbin/kept"), "#!/bin/sh\nexit 1\n", 0o755)
    empty_outbox()
    with policy('notify_command = ["/usr/local/sbin/kept"]\n'):
        yield OUTBOX
    empty_outbox()


def lines(start, event):
    return [fields(line) for line in daemon_log.since(start) if f"event={event} " in line]


def test_right_codes_without_end_are_not_a_line_each(machine, counter):
    user, code = counter
    start = daemon_log.position()
    with Client(uid=user.uid) as client:
        for _ in range(OFTEN):
            assert client.call("Verify", code=code())["verdict"]["accepted"]
    told = lines(start, "verify")
    assert 1 <= len(told) < OFTEN / 2
    other, key = machine.enrolled_user()
    with Client(uid=other.uid) as client:
        assert client.call("Verify", code=key.first)["verdict"]["accepted"]
    assert [line["user"] for line in lines(start, "verify")][-1] == other.name, "the lines of others are not left out"


def test_one_user_does_not_fill_the_outbox_of_all(machine, counter, outbox):
    user, code = counter
    start = daemon_log.position()
    with Client(uid=user.uid) as client:
        for _ in range(OFTEN):
            client.call("RenewRecoveryCodes", code=code())
    assert AN_HOUR - 10 <= len(list(outbox.iterdir())) <= AN_HOUR
    assert len(lines(start, "outbox-paced")) == 1
    machine.enrolled_user()  # an alarm about somebody else
    assert len(list(outbox.iterdir())) > AN_HOUR - 10


def test_not_me_said_again_alarms_nobody_again(machine, user):
    code = invite(user)
    with Client(uid=user.uid) as client:
        key = redeem(client, code)
        client.call("ConfirmEnrolment", code=key.confirming)
    start = daemon_log.position()
    for _ in range(20):
        with Client(uid=user.uid) as client:
            assert client.call("Repudiate", registration=code) == {"keys": 1}
    assert len(lines(start, "registration-code-repudiated")) == 1
    with Client() as client:
        (told,) = [one for one in client.call("Notices", user=user.name)["notices"] if one["event"] == "repudiated"]
    assert told["times"] == 1


def test_whoever_asks_stands_in_the_log_whatever_he_claims(machine, enrolled):
    user, _ = enrolled
    stranger = machine.new_user()
    machine.join(stranger, "otp-verify")
    start = daemon_log.position()
    claims = dict.fromkeys(("action", "service", "rhost", "tty"), "é" * 128)
    with Client(uid=stranger.uid) as client:
        assert client.call("Verify", user=user.name, code="000000", **claims)["verdict"]["accepted"] is False
    (line,) = lines(start, "verify")
    assert line["by"] == str(stranger.uid) and line["pid"].isdigit()


def test_a_held_lock_keeps_no_invitation_and_no_pending_key_alive(machine):
    """A user can stop a root-owned program that holds their own lock; that puts neither their suspension off nor the end of what is on its way."""
    user, _ = machine.enrolled_user()
    code = invite(user, replaces=True)
    with Client(uid=user.uid) as client, Client(timeout=60) as root:
        redeem(client, code)
        holder = subprocess.Popen(["flock", "-x", user.state_file, "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            holder.stdin.write(b"x")
            holder.stdin.flush()
            assert holder.stdout.read(1) == b"x", "it holds the lock"
            start = daemon_log.position()
            root.call("Suspend", user=user.name)
            (line,) = lines(start, "suspended")
            assert line["holder"] == str(holder.pid)
        finally:
            holder.communicate()
        assert machine.status(user)["suspended"] is True
        with pytest.raises(Refused) as refused:
            client.call("ConfirmEnrolment", code="000000")
        assert refused.value.name in ("EnrolmentExpired", "NothingPending")
    with Client(uid=user.uid) as client, pytest.raises(Refused) as refused:
        client.call("Redeem", registration=code)
    assert refused.value.parameters["reason"] == "stale"
