"""More users than fit into one reply: the list comes in parts, reads each file once, and holds no lock meanwhile."""

import json
import re
import subprocess
from collections import Counter

import pytest

from harness.crowd import accounts, crowd, crowd_name, make_files, remove_files
from harness.machine import OTPCTL, VAULT, otpctl
from harness.otpctl import DONE
from harness.strace import calls_of
from harness.wait import until
from harness.wire import INTERFACE, Client, Closed

MANY = 1000
A_PART = 256
MARKS_AT_A_TIME = 64


@pytest.fixture(scope="module")
def many(machine):
    with crowd(machine.enrolled_user()[0], MANY) as uids:
        yield uids


def parts_of(client, **parameters):
    client.send(json.dumps({"method": f"{INTERFACE}.List", "parameters": parameters, "more": True}).encode() + b"\0")
    while True:
        reply = json.loads(client.receive())
        assert "error" not in reply, reply
        yield reply["parameters"]
        if not reply.get("continues"):
            return


def uids_of(part):
    return [one["uid"] for one in part["users"]] + [one["uid"] for one in part["unreadable"]]


def test_a_list_comes_in_parts_by_rising_uid_and_goes_on_where_it_is_told(many):
    with Client(timeout=60) as client:
        parts = list(parts_of(client))
        rest = list(parts_of(client, after=many[100]))
        whole = client.call("List")
    uids = [uid for part in parts for uid in sorted(uids_of(part))]
    assert len(parts) >= MANY // A_PART and all(len(uids_of(part)) <= A_PART for part in parts)
    assert uids == sorted(uids) and set(many) <= set(uids)
    assert [uid for part in rest for uid in uids_of(part)] == list(many[101:])
    assert uids_of(whole) == [uid for part in parts for uid in (one["uid"] for one in part["users"])] + [one["uid"] for part in parts for one in part["unreadable"]]


def test_text_and_json_are_the_same_users_each_once(many):
    as_text, as_json, offline = otpctl("list"), otpctl("list", "--json"), otpctl("--offline", "list", "--json")
    lines = [line for line in as_text.stdout.splitlines() if line.startswith("crowd")]
    assert [line.split()[:3] for line in lines] == [[crowd_name(uid), str(uid), "enrolled"] for uid in many]
    assert as_text.stdout.count("USER ") == 1
    found = [one["user"] for one in json.loads(as_json.stdout)["users"]]
    assert [user for user in found if user.startswith("crowd")] == [crowd_name(uid) for uid in many]
    assert list(json.loads(as_json.stdout)) == ["users", "unreadable", "bypasses"]
    assert json.loads(offline.stdout)["users"] == json.loads(as_json.stdout)["users"]


def test_each_file_is_opened_as_often_with_many_users_as_with_few(machine, many):
    """Neither list nor doctor nor a look for accounts that are gone asks for a user again."""
    for words in (["--offline", "list"], ["doctor"], ["--offline", "gc"]):
        calls = calls_of([OTPCTL, *words])
        opened = Counter(call.arguments.split('"')[1] for call in calls if call.name in ("openat", "openat2") and '"' in call.arguments)
        keys = {opened[f"{uid}.toml"] for uid in many}
        assert len(keys) == 1 and max(keys) <= 3, (words, keys)
        assert opened["/etc/passwd"] <= MANY // 10, (words, opened["/etc/passwd"])


def test_a_caller_that_does_not_read_holds_no_lock_and_is_closed(machine, many):
    """The daemon makes as much as the socket takes, then it waits, with every lock free, and gives up."""
    machine.left_alone()
    with Client(timeout=60) as client:
        client.send(json.dumps({"method": f"{INTERFACE}.List", "more": True}).encode() + b"\0")
        until(lambda: machine.threads() > machine.idle_threads, "the list")
        for words in (["suspend", crowd_name(many[-1])], ["resume", crowd_name(many[-1])]):
            done = otpctl("--offline", *words)
            assert done.returncode == DONE, done.stderr
        until(lambda: machine.threads() == machine.idle_threads, "the end of the thread", deadline=30)
        with pytest.raises(Closed):
            for _ in parts_of(client):
                pass


def test_a_list_in_a_pager_goes_on_where_the_daemon_hung_up(machine, many):
    """Nobody reads the pipe for longer than the daemon waits."""
    machine.left_alone()
    process = subprocess.Popen([OTPCTL, "list", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(lambda: machine.threads() > machine.idle_threads, "the list")
    until(lambda: machine.threads() == machine.idle_threads, "the daemon's end of it", deadline=30)
    assert process.poll() is None
    out, errors = process.communicate(timeout=60)
    found = [one["uid"] for one in json.loads(out)["users"]]
    # other tests leave users who cannot be read
    assert (process.returncode, errors) == (DONE, b"") or b"users that cannot be read" in errors, errors
    assert [uid for uid in found if uid in many] == list(many)


def test_accounts_that_are_gone_are_marked_some_at_a_time(machine):
    """The lock of the vault is free in between, and is not held while the index is read."""
    user, _ = machine.enrolled_user()
    uids = range(3_000_000, 3_000_000 + 2 * MARKS_AT_A_TIME + 1)
    make_files(user, uids)
    try:
        with accounts(uids), machine.daemon_stopped():
            pass  # its index says that they are of this machine
        with machine.daemon_stopped():
            calls = calls_of([OTPCTL, "--offline", "gc"])
            marked = {int(path.name) for path in (VAULT / "gone").iterdir()}
            again = calls_of([OTPCTL, "--offline", "gc"])
            remove_files(uids)
    finally:
        remove_files(uids)
    assert set(uids) <= marked
    locks = [at for at, call in enumerate(calls) if call.name == "flock" and "LOCK_EX" in call.arguments]
    marks = [at for at, call in enumerate(calls) if call.name.startswith("renameat") and re.search(r'"\.3\d{6}\.new"', call.arguments)]
    assert len(marks) == len(uids)
    under_one = Counter(sum(lock < mark for lock in locks) for mark in marks)
    assert max(under_one.values()) <= MARKS_AT_A_TIME and len(under_one) >= 3, under_one
    looks = [at for at, call in enumerate(calls) if call.name == "openat2" and re.search(r'"[0-9a-f]{64}"', call.arguments)]
    assert sum(look < locks[0] for look in looks) >= len(uids), "all of it is read before the first lock"
    assert not [call for call in again if call.name == "flock"], "nothing is left to be marked"
