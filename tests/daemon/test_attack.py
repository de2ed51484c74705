"""The daemon under attack: whatever one client does, others are served, and what failed leaves nothing half done."""

import json
import resource
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from harness.machine import PROMPT_SERVICE, SUCCESS, as_user
from harness.wait import until
from harness.wire import INTERFACE, SOCKET, Client, Refused, call

SUBUID = Path("/etc/subuid")


def both_served(user):
    """Root and a user are both answered, soon."""
    begun = time.monotonic()
    try:
        with Client(timeout=5) as client:
            assert client.call("Status", user=user.name)["status"]["user"] == user.name
        with Client(uid=user.uid, timeout=5) as client:
            assert client.call("Status")["status"]["user"] == user.name
    except Refused as refusal:
        assert refusal.name == "Busy", refusal
        return False
    return time.monotonic() - begun < PROMPT_SERVICE


@contextmanager
def many_descriptors(count):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, max(count, before[1])))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def memory(machine):
    """Resident, in MiB."""
    status = open(f"/proc/{machine.process.pid}/status").read()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def test_a_hundred_megabytes_are_not_even_read(machine, user):
    attacker, before, sent = machine.new_user(), memory(machine), 0
    with Client(uid=attacker.uid) as client:
        try:
            while sent < 100 << 20:
                sent += client.socket.send(b"x" * 65536)
        except OSError:
            pass
    assert sent < 1 << 20
    assert memory(machine) - before < 5 and both_served(user)


def test_nesting_without_end_is_refused(machine, user):
    attacker = machine.new_user()
    for opened in (b'{"a":', b"["):
        for depth in (200, 9000):
            with Client(uid=attacker.uid) as client:
                head = b'{"method":"' + INTERFACE.encode() + b'.Status","parameters":{"user":'
                client.send(head + opened * depth + b"\0")
                assert b"InvalidParameter" in client.receive()
    assert both_served(user)


def test_three_thousand_connections(machine, user):
    crowd = []
    with many_descriptors(8192):
        try:
            for number in range(3000):
                client = Client.__new__(Client)
                try:
                    client.__init__(uid=40000 + number % 100, timeout=2)
                except OSError:
                    continue
                crowd.append(client)
            assert len(crowd) > 2000
            with Client(timeout=5) as root:
                assert root.call("Status", user=user.name)["status"]["user"] == user.name
        finally:
            for client in crowd:
                client.socket.close()
    machine.left_alone()
    assert both_served(user)


CROWD, SHARE = 300, 8  # connections that one uid wants, and gets
STATUS = b'{"method":"' + INTERFACE.encode() + b'.Status","parameters":{}}\0'

# what those of the crowd do who are let in
PASTIMES = {"say nothing": b"", "stop within a message": STATUS[:40], "read no answer": STATUS * 1000}


@pytest.mark.parametrize("pastime", PASTIMES)
def test_a_crowd_of_one_uid_keeps_nobody_out_but_itself(machine, enrolled, pastime):
    user, key = enrolled
    attacker, bystander = machine.new_user(), machine.new_user()
    with ExitStack() as stack:
        crowd = [stack.enter_context(Client(uid=attacker.uid)) for _ in range(CROWD)]
        assert all(b"Busy" in client.receive() for client in crowd[SHARE:])
        for client in crowd[:SHARE]:
            client.send(PASTIMES[pastime])
        assert both_served(user) and both_served(bystander)
        with Client(uid=user.uid) as client:
            assert client.call("Verify", code=key.first)["verdict"]["accepted"] is True
        assert machine.ask("otp", user, key.second, "-r", bystander.uid)[0] == SUCCESS, "by the daemon, for su"
        with Client(uid=attacker.uid) as late:
            assert b"Busy" in late.receive(), "the crowd is there all the while"


@contextmanager
def lent_uids(user, first, count):
    """Uids that the user may take in an own namespace (subuid(5))."""
    before = SUBUID.read_text() if SUBUID.exists() else ""
    SUBUID.write_text(f"{before}{user.name}:{first}:{count}\n")
    try:
        yield
    finally:
        SUBUID.write_text(before)  # an empty one says what a missing one does


def test_a_range_of_subordinate_uids_keeps_nobody_out_and_fills_no_log(machine, enrolled, journal):
    user, key = enrolled
    attacker = machine.new_user()
    first = 300000
    machine.left_alone()
    with lent_uids(attacker, first, 65536):
        with ExitStack() as stack:
            uids = [attacker.uid, *range(first, first + 40)]
            crowd = [stack.enter_context(Client(uid=uid)) for uid in uids for _ in range(2)]
            assert all(b"Busy" in client.receive() for client in crowd[SHARE:])
            with Client(uid=user.uid) as client:
                assert client.call("Verify", code=key.first)["verdict"]["accepted"] is True
        machine.left_alone()
        start, begun = journal.position(), time.monotonic()
        for uid in range(first, first + 200):
            with Client(uid=uid) as client, pytest.raises(Refused, match="NotAllowed"):
                client.call("Status", user=user.name)
            if uid % 10 == 0:
                machine.left_alone()
        seconds = time.monotonic() - begun
        denied = [line for line in journal.all_since(start) if "event=denied" in line]
        assert 1 <= len(denied) <= seconds + 2
        assert f"by={first}" in denied[0]


def test_an_account_in_a_range_of_subordinate_uids_is_lent_to_nobody(machine):
    """As an id mapping of a directory may put it there."""
    first = 400000
    own = machine.new_user(uid=first + 5000)
    machine.enrol(own)
    machine.left_alone()
    with lent_uids(machine.new_user(), first, 65536):
        assert call("Status", uid=own.uid)["status"]["enrolled"] is True  # from now on the daemon knows whose it is
        with ExitStack() as stack:
            crowd = [stack.enter_context(Client(uid=uid)) for uid in range(first, first + 40) for _ in range(SHARE)]
            assert all(b"Busy" in client.receive() for client in crowd[32:])
            assert call("Status", uid=own.uid)["status"]["enrolled"] is True
    call("Forget", user=own.name)
    machine.remove_user(own)


# Holds the newest of its connections, and so those that were let in come and go.
FLOOD = """
import socket, sys
crowd = []
while True:
    crowd.append(socket.socket(socket.AF_UNIX))
    crowd[-1].connect(sys.argv[1])
    if len(crowd) > int(sys.argv[2]):
        crowd.pop(0).close()
        print("more", flush=True)
"""


def test_one_uid_that_connects_without_end_keeps_nobody_out(machine, enrolled):
    user, key = enrolled
    attacker, bystander = machine.new_user(), machine.new_user()
    flood = subprocess.Popen([*as_user(attacker), sys.executable, "-c", FLOOD, SOCKET, str(CROWD)], stdout=subprocess.PIPE)
    try:
        assert flood.stdout.readline() == b"more\n"
        for _ in range(20):
            assert both_served(user) and both_served(bystander)
        assert machine.ask("otp", user, key.first, "-r", bystander.uid)[0] == SUCCESS, "by the daemon, for su"
        assert flood.poll() is None
    finally:
        flood.kill()
        flood.communicate()


def test_a_client_that_dies_at_every_byte_leaves_nothing(machine, user):
    begin = {"method": f"{INTERFACE}.BeginEnrolment", "parameters": {"user": user.name}}
    call = json.dumps(begin).encode() + b"\0"
    for length in range(len(call) + 1):
        with Client() as client:
            client.send(call[:length])
    machine.left_alone()  # till then root's own dead clients count
    assert both_served(user)
    assert not machine.status(user)["enrolled"] and not user.key_file.exists() and not user.state_file.exists()
    key = machine.enrol(user)
    assert machine.ask("otp", user, key.first)[0] == SUCCESS


def test_a_client_that_dies_instead_of_reading_leaves_nothing(machine, user):
    for _ in range(50):
        with Client() as client:
            client.send(json.dumps({"method": f"{INTERFACE}.BeginEnrolment", "parameters": {"user": user.name}}).encode() + b"\0")
    machine.left_alone()  # till then root's own dead clients count
    assert both_served(user)
    assert not user.key_file.exists() and not machine.status(user)["enrolled"]


def test_without_descriptors_the_daemon_waits_for_some(machine, enrolled):
    user, key = enrolled
    clients = []
    machine.stop()
    machine.start("prlimit", "--nofile=16")
    try:
        for _ in range(30):
            clients.append(Client(timeout=1))
        with pytest.raises((Refused, OSError)):
            clients[-1].call("Status", user=user.name)
        assert machine.running()
        for client in clients:
            client.socket.close()
        until(lambda: both_served(user), "service")
        assert machine.ask("otp", user, key.first, "-r", 4242)[0] == SUCCESS, "by the daemon"
    finally:
        for client in clients:
            client.socket.close()
        machine.stop()
        machine.start()


def test_a_full_disk_refuses_enrolments_and_leaves_nothing_half_done(machine):
    with machine.small_vault(4) as fill_up:
        user, other = machine.new_user(), machine.new_user()
        known = machine.enrol(other)
        fill_up()
        with Client() as client:
            key = machine.begin(client, user)
            with pytest.raises(Refused) as refused:
                client.call("ConfirmEnrolment", code=key.confirming)
            assert refused.value.name == "Unavailable"
        assert not user.key_file.exists() and not machine.status(user)["enrolled"]
        assert machine.ask("otp", other, known.first)[0] == SUCCESS, "others are served"


def test_a_hundred_who_enrol_at_once_keep_nobody_out(machine, enrolled):
    user, key = enrolled
    machine.left_alone()
    with ExitStack() as stack, Client() as root:
        for other in [machine.new_user() for _ in range(100)]:
            code = root.call("Invite", user=other.name, form="mail")["invitation"]["codes"][0]
            assert stack.enter_context(Client(uid=other.uid)).call("Redeem", registration=code)["enrolment"]
        assert both_served(user)
        with Client(uid=user.uid) as client:
            assert client.call("Verify", code=key.first)["verdict"]["accepted"] is True
