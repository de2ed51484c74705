"""Looking up users: the list and the status as root, admins, helpdesk, viewers and others see them, of a group and of those without a key."""

import json
import os
import re
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.enrolment import confirm, enrol, invitation, invite, redeem
from harness.machine import DAY, OTPCTL, VAULT, otpctl, policy, run, write
from harness.otpctl import DONE
from harness.terminal import Terminal
from harness.wire import Client, Refused, call, daemon_of_before

LOOKERS = ("root", "otp-admin", "otp-helpdesk", "otp-viewer")
COUNTS = {"root"}
IDS = {"root", "otp-admin"}
LEFT, STOPPED = 8, 1
GROUP = "staff"


@pytest.fixture(scope="module")
def askers(machine):
    """Of each kind somebody with a key, and one more who is only looked at."""

    def somebody(group=None):
        user, _ = machine.enrolled_user()
        if group:
            machine.join(user, group)
        return user

    actors = {group: somebody(group) for group in ("otp-admin", "otp-helpdesk", "otp-viewer", "otp-verify")}
    with policy('resets = "simple"\n'):
        yield {**actors, "user": somebody()}
    for group, user in actors.items():
        machine.leave(user, group)


@pytest.fixture(scope="module")
def looked_at(machine, askers):
    """Somebody with a wrong code, recovery codes and an invitation by the helpdesk."""
    user = machine.new_user()
    key, recovery = enrol(user, invite(user))
    with Client() as root:
        root.call("Verify", user=user.name, code=key.wrong(), real_uid=0, rhost="192.0.2.1")
        root.call("Verify", user=user.name, code=recovery[0], real_uid=0, tty="tty1")
        root.call("Verify", user=user.name, code=key.wrong(1), real_uid=0, rhost="192.0.2.1")
    ends = invitation(user, askers["otp-helpdesk"].uid, form="letter", replaces=True)["ends"]
    return user, ends


def uid_of(askers, actor):
    return 0 if actor == "root" else askers[actor].uid


def status(uid, user):
    return call("Status", uid, user=user.name)["status"]


def in_the_list(uid, user, **wishes):
    with Client(uid=uid, timeout=30) as client:
        found = [one for one in client.call("List", **wishes)["users"] if one["user"] == user.name]
    return found[0] if found else None


@pytest.mark.parametrize("method", [status, in_the_list])
@pytest.mark.parametrize("actor", LOOKERS)
def test_each_who_may_look_sees_this_and_no_more(askers, looked_at, actor, method):
    user, ends = looked_at
    found = method(uid_of(askers, actor), user)
    counts = [one.get("failures") for one in found["origins"]]
    assert any(counts) if actor in COUNTS else counts == [None] * 5
    assert all(bool(key["id"]) == (actor in IDS) for key in found["keys"]) and found["keys"]
    assert found["recovery_left"] == 7
    code = found["invitation"]
    helpdesk = askers["otp-helpdesk"]
    assert (code["form"], code["ends"], code["by"], code["by_user"]) == ("letter", ends, helpdesk.uid, helpdesk.name)
    assert (code["replaces"], code["redeemed"], code.get("over")) == (True, False, None)


@pytest.mark.parametrize("actor", ["otp-verify", "user"])
def test_nobody_else_sees_anything_of_others(askers, looked_at, actor):
    for method in ({"user": looked_at[0].name}, {"user": "no-such-user"}):
        with pytest.raises(Refused, match="NotAllowed") as refused:
            call("Status", uid_of(askers, actor), **method)
        assert "read a status" in refused.value.parameters["reason"]
    for wishes in ({}, {"invited": True}):
        with pytest.raises(Refused, match="NotAllowed"):
            call("List", uid_of(askers, actor), **wishes)
    for words in (["list"], ["list", "--not-enrolled"], ["list", "--group", GROUP], ["list", "--not-enrolled", "--group", GROUP, "--json"]):
        done = otpctl(*words, user=askers[actor])
        assert done.returncode != DONE and looked_at[0].name not in done.stdout, done


@pytest.mark.parametrize("actor", ["otp-helpdesk", "otp-viewer", "user"])
def test_of_oneself_there_are_ids_and_no_counts(askers, actor):
    user = askers[actor]
    found = status(user.uid, user)
    assert found["keys"][0]["id"] and all(one.get("failures") is None for one in found["origins"])
    if actor != "user":
        assert in_the_list(user.uid, user)["keys"][0]["id"]


def test_a_helpdesk_that_looks_puts_nothing_right_and_makes_no_notice(machine, askers, looked_at):
    user, _ = looked_at
    before = {path: path.read_bytes() for path in (user.state_file, VAULT / "tickets" / str(user.uid))}
    times = {path: path.stat().st_mtime_ns for path in before}
    assert otpctl("list", user=askers["otp-helpdesk"]).returncode in (DONE, STOPPED)
    assert times == {path: path.stat().st_mtime_ns for path in before}


# invitations


def test_an_invited_user_is_listed_on_request_alone(machine, askers):
    user = machine.new_user()
    ends = invitation(user, askers["otp-helpdesk"].uid, form="mail")["ends"]
    assert in_the_list(0, user) is None, "as clients of earlier versions know it"
    found = in_the_list(0, user, invited=True)
    assert found["enrolled"] is False and found["keys"] == [] and "recovery_left" not in found
    assert (found["invitation"]["ends"], found["invitation"]["form"]) == (ends, "mail")
    assert status(user.uid, user)["invitation"]["by_user"] == askers["otp-helpdesk"].name, "the invited may know who invited them"


def test_what_became_of_a_code_is_told_until_a_key_is_made(machine):
    user = machine.new_user()

    def told():
        found = status(0, user).get("invitation")
        return found and (found.get("over"), found["redeemed"])

    assert told() is None
    code = invite(user)
    assert told() == (None, False)
    with Client(uid=user.uid) as client:
        redeem(client, code)
        assert told() == (None, True)
    call("RevokeInvitation", user=user.name)
    assert told() == ("revoked", True)
    invite(user)
    with machine.clock(2 * DAY):
        assert told() == ("expired", False)
    code = invite(user)
    for _ in range(5):
        with Client(uid=user.uid) as client:
            redeem(client, code)
    with machine.clock(DAY // 24):
        assert told() == ("redeemed-too-often", True)
    with Client(uid=user.uid) as client:
        key = redeem(client, invite(user))
        confirm(client, key)
    assert told() is None and status(0, user)["recovery_left"] == LEFT
    invite(user, replaces=True)
    assert told() == (None, False)


def test_tickets_that_cannot_be_read_hide_nobody(machine, askers):
    """The invited is told as unreadable; of the enrolled the rest is told."""
    invited, (enrolled, _) = machine.new_user(), machine.enrolled_user()
    for user in (invited, enrolled):
        invite(user, replaces=True)
        (VAULT / "tickets" / str(user.uid)).write_text("nonsense")
    try:
        done = otpctl("list", "--json", user=askers["otp-viewer"])
        found = json.loads(done.stdout)
        assert done.returncode == STOPPED
        assert any(one["uid"] == invited.uid and "tickets" in one["reason"] for one in found["unreadable"])
        (one,) = [one for one in found["users"] if one["uid"] == enrolled.uid]
        assert one["enrolled"] and "invitation" not in one
        assert status(0, enrolled)["enrolled"]
    finally:
        for user in (invited, enrolled):
            (VAULT / "tickets" / str(user.uid)).unlink()


# as a helpdesk uses it


@contextmanager
def joined_to_the_group(machine, users):
    for user in users:
        machine.join(user, GROUP)
    try:
        yield
    finally:
        for user in users:
            machine.leave(user, GROUP)


def cells_by_user(text):
    """The cells of each line, by the first one."""
    lines = [re.split(r" {2,}", line) for line in text.splitlines() if "  " in line]
    return {cells[0]: cells for cells in lines}


def test_a_helpdesk_finds_out_about_each_of_a_group_of_thirty(machine, askers):
    helpdesk = askers["otp-helpdesk"]
    everybody = [machine.new_user() for _ in range(30)]
    with joined_to_the_group(machine, everybody):
        keyed, lost, good, revoked, never = everybody[:15], everybody[15:17], everybody[17:24], everybody[24:26], everybody[26:]
        for user in keyed:
            machine.enrol(user)
        for user in lost:
            invite(user, "letter", helpdesk.uid)
        with machine.clock(15 * DAY):
            for user in good + revoked:
                invite(user, "letter", helpdesk.uid)
            for user in revoked:
                call("RevokeInvitation", helpdesk.uid, user=user.name)
            suspended, bypassed, gone = keyed[0], keyed[1], keyed[2]
            call("Suspend", helpdesk.uid, user=suspended.name)
            assert otpctl("emergency", "bypass", bypassed.name, "--reason", "x", "--for", "2h").returncode == DONE
            try:
                done = otpctl("list", "--group", GROUP, user=helpdesk)
                machine.remove_user(gone)
                without_gone = otpctl("list", "--group", GROUP, user=helpdesk)
                everybody_else = otpctl("list", user=helpdesk)
                left = otpctl("list", "--not-enrolled", "--group", GROUP, user=helpdesk)
            finally:
                otpctl("emergency", "end", bypassed.name)
        call("Forget", user=str(gone.uid))
    assert done.returncode == DONE, done
    found = cells_by_user(done.stdout)
    assert list(found["USER"]) == ["USER", "UID", "STATE", "KEYS", "RECOVERY", "LAST USED", "CODE", "FORM", "BY", "BYPASS"]
    assert set(found) == {"USER", *(user.name for user in everybody if user not in never)}
    assert all(len(cells) == 10 for cells in found.values()), found
    state = {name: cells[2] for name, cells in found.items()}
    assert [state[user.name] for user in (suspended, bypassed, *lost)] == ["suspended", "enrolled", "not enrolled", "not enrolled"]
    assert {state[user.name] for user in good} == {"invited"}
    assert found[bypassed.name][9].startswith("until ")
    for users, word in ((lost, "expired"), (good, "until"), (revoked, "revoked")):
        for user in users:
            code, *rest = found[user.name][6:9]
            assert code.split()[0] == word and rest == ["letter", helpdesk.name], found[user.name]
    assert done.stdout.count(f"{bypassed.name} (uid ") == 1 and f"{bypassed.name} (uid" not in left.stdout
    assert f"cannot read {gone.name} " in without_gone.stdout, "while the group still names them"
    assert f"cannot read {gone.name} " in everybody_else.stdout and everybody_else.returncode == STOPPED
    unkeyed = cells_by_user(left.stdout)
    assert set(unkeyed) - {"USER"} == {user.name for user in lost + good + revoked + never}, left
    assert {unkeyed[user.name][2] for user in never} == {"not enrolled"} and {unkeyed[user.name][6] for user in never} == {"-"}
    assert f"no account has the name {gone.name}" in left.stderr


def test_members_by_primary_group_and_by_a_second_name_count(machine):
    gid = int(next(line for line in Path("/etc/group").read_text().splitlines() if line.startswith(f"{GROUP}:")).split(":")[2])
    primary, enrolled = machine.new_user(gid=gid), machine.new_user(gid=gid)
    machine.enrol(enrolled)
    assert enrolled.name in cells_by_user(otpctl("list", "--group", GROUP).stdout)
    left = otpctl("list", "--not-enrolled", "--group", GROUP)
    assert left.returncode == DONE and set(cells_by_user(left.stdout)) == {"USER", primary.name}, left
    done = otpctl("list", "--group", "no-such-group")
    assert done.returncode == STOPPED and "no group has the name no-such-group" in done.stderr and done.stdout == ""


def test_without_a_group_persons_are_looked_at_and_the_rest_is_counted(machine, askers):
    user = machine.new_user()
    done = otpctl("list", "--not-enrolled", user=askers["otp-viewer"])
    found = cells_by_user(done.stdout)
    assert user.name in found and "daemon" not in found and askers["user"].name not in found
    assert re.search(r"not shown: \d+ system accounts or accounts without a login shell", done.stderr)
    as_json = json.loads(otpctl("list", "--not-enrolled", "--json").stdout)
    assert list(as_json) == ["users", "unreadable", "bypasses", "complete", "left_out"]
    assert as_json["complete"] is True and as_json["left_out"] > 0
    assert {one["user"] for one in as_json["users"]} >= {user.name} and not any(one["enrolled"] for one in as_json["users"])


def test_offline_it_is_the_same_list(machine):
    user, (enrolled, _) = machine.new_user(), machine.enrolled_user()
    with joined_to_the_group(machine, [user, enrolled]):
        invite(user)
        for words in (["--group", GROUP], ["--not-enrolled", "--group", GROUP]):
            online, offline = otpctl("list", *words), otpctl("--offline", "list", *words)
            assert (online.returncode, online.stdout) == (offline.returncode, offline.stdout) and user.name in online.stdout


def test_a_directory_that_does_not_list_its_accounts_is_named(machine):
    """nsswitch.conf has a source besides files; that it lists nobody cannot be told from having nobody."""
    switch = Path("/etc/nsswitch.conf")
    before = switch.read_text()
    write(switch, re.sub(r"(?m)^passwd:.*$", "passwd: files sss", before), 0o644)
    try:
        done = otpctl("list", "--not-enrolled")
        assert "accounts are missing if their directory does not list them: name a group with --group" in done.stderr, done
        assert json.loads(otpctl("list", "--not-enrolled", "--json").stdout)["complete"] is False
        assert "primary group" in otpctl("list", "--not-enrolled", "--group", GROUP).stderr
    finally:
        write(switch, before, 0o644)


def test_ctrl_c_ends_a_list_that_waits_for_the_account_database(machine, tmp_path):
    pipe, hangs = tmp_path / "pipe", tmp_path / "hangs"
    os.mkfifo(pipe)
    write(hangs, f"#!/bin/sh\nexec cat {pipe}\n", 0o755)
    run("mount", "--bind", hangs, "/usr/bin/getent")
    try:
        with subprocess.Popen([OTPCTL, "list", "--not-enrolled"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as process:
            with open(pipe, "wb"):  # somebody reads it, and nothing comes
                os.killpg(process.pid, signal.SIGINT)
                process.communicate(timeout=10)
            assert process.returncode == -signal.SIGINT
    finally:
        run("umount", "/usr/bin/getent")


# screens


@pytest.mark.parametrize("columns, gone", [(200, []), (80, ["UID", "KEYS"]), (40, ["UID", "KEYS", "FORM", "RECOVERY"])])
def test_a_narrow_terminal_lacks_the_least_and_says_which(machine, columns, gone):
    user = machine.new_user()
    with joined_to_the_group(machine, [user]):
        invite(user)
        terminal = Terminal([OTPCTL, "--color", "never", "list", "--group", GROUP], columns=columns)
        assert terminal.ends() == DONE
    heads, text = terminal.transcript.splitlines()[0].split(), " ".join(terminal.transcript.split())
    assert heads[0] == "USER" and "STATE" in heads and not set(gone) & set(heads), terminal.transcript
    assert ("this window is too narrow for" in text) == bool(gone) and all(head in text.split("too narrow for")[-1] for head in gone), text
    assert max(len(line) for line in terminal.transcript.splitlines()) <= columns


# of another version


def test_a_daemon_of_before_is_asked_again_without_the_new_parameter(machine):
    known = {"user": "alice", "uid": 1, "enrolled": True, "generation": 1, "suspended": False, "disabled": False, "expired": False, "restored": False, "keys": [], "origins": []}

    def answer(asked):
        if "invited" in asked["parameters"]:
            return {"error": "org.varlink.service.InvalidParameter", "parameters": {"parameter": "invited"}}
        return {"parameters": {"users": [known], "unreadable": []}}

    with daemon_of_before(machine, answer) as calls:
        done = otpctl("list")
    assert done.returncode == DONE and "the daemon is an earlier version" in done.stderr, done
    assert cells_by_user(done.stdout)["alice"] == ["alice", "1", "enrolled, no key", "0", "-", "never", "-", "-", "-", "-"]
    assert [asked["parameters"] for asked in calls] == [{"invited": True}, {}]


def test_a_client_of_before_hears_nothing_that_it_cannot_read(machine):
    """It passes new members over; nobody without a key is in its list, and every key has an id, if an empty one."""
    user, _ = machine.enrolled_user()
    viewer = machine.new_user()
    with_code = machine.new_user()
    invite(with_code)
    machine.join(viewer, "otp-viewer")
    try:
        with Client(uid=viewer.uid, timeout=30) as client:
            found = client.call("List")["users"]
    finally:
        machine.leave(viewer, "otp-viewer")
    assert user.name in [one["user"] for one in found] and with_code.name not in [one["user"] for one in found]
    assert all(one["enrolled"] and all(key["id"] == "" for key in one["keys"]) for one in found)
