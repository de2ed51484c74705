"""One uid, several names: the uid is the person, whichever name they log in by and whichever comes first. And names
that are not UTF-8, which go by their uid."""

import itertools
import json
import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.enrolment import enrol, invite
from harness.hosts import KBDINT_PORT, PlainApplication, Ssh, Su, gates, oneself, root, sshd
from harness.journal import decisions
from harness.machine import AUTH_ERR, MARKS, OTPCTL, SUCCESS, Key, User, otpctl, pam_codes, policy, run
from harness.otpctl import DONE, REFUSED, USAGE
from harness.services import CODE_ALONE, opened
from harness.wire import Client, call, refusal

numbers = itertools.count(1)
FILES = ("/etc/passwd", "/etc/shadow", "/etc/group")


@pytest.fixture
def two_names(machine):
    """A user with a second name, made as an administrator makes one; removed again, as the first line of passwd matters."""
    first = machine.new_user()
    second = User(f"toor{next(numbers)}", first.uid)
    lent = {path: path.read_text() for path in (Path("/etc/subuid"), Path("/etc/subgid")) if path.exists()}  # useradd lends uids, too
    run("useradd", "--non-unique", "--uid", second.uid, "--gid", first.uid, "--no-create-home", "--home-dir", "/", "--shell", "/bin/sh", second.name)
    hashed = next(line for line in Path("/etc/shadow").read_text().splitlines() if line.startswith(f"{first.name}:")).split(":")[1]
    run("usermod", "--password", hashed, second.name)
    yield first, second
    machine.remove_user(second)
    for path in (Path("/etc/subuid"), Path("/etc/subgid")):
        path.write_text(lent.get(path, ""))
    otpctl("forget", f"uid:{first.uid}")  # its file may have the name that is gone


@contextmanager
def first_in_passwd(user):
    """This name comes before every other one, so that the uid means it."""
    path = Path("/etc/passwd")
    before = path.read_text()
    lines = before.splitlines(keepends=True)
    own = [line for line in lines if line.startswith(f"{user.name}:")]
    path.write_text("".join(own + [line for line in lines if line not in own]))
    try:
        assert run("id", "-un", user.uid).strip() == user.name
        yield
    finally:
        path.write_text(before)


@pytest.mark.parametrize("order", ["first", "second"])
def test_whichever_name_comes_first_every_name_of_the_uid_gets_in(machine, two_names, order):
    """The key was enrolled under the first name. sudo knows its caller by uid, the others take the name that is typed; a screen locker asks the daemon."""
    first, second = two_names
    key = machine.enrol(first)
    steps = itertools.count(key.step)
    hosts = {"su": Su(root, "console"), "su-own": Su(oneself, "self"), "ssh": Ssh(KBDINT_PORT), "locker": PlainApplication()}
    machine.sudo_asks(first, *CODE_ALONE)
    machine.sudo_asks(second, *CODE_ALONE)
    with first_in_passwd(first if order == "first" else second), gates(machine, hosts), sshd():
        for user in (first, second):
            for host in hosts.values():
                with machine.clock(30 * (next(steps) - key.step)):
                    attempt = host.attempt(machine, user, lambda: key.code(key.step_now()))
                    assert attempt.opened, (user.name, host.service, attempt)
        with machine.clock(30 * (next(steps) - key.step)):
            assert opened(machine.sudo(first, [("One-time code: ", key.code(key.step_now()))]))


@pytest.mark.parametrize("order", ["first", "second"])
def test_a_key_made_by_one_name_is_that_of_the_other_and_a_second_one_opens_too(machine, gate, two_names, order):
    """Invited by the second name, redeemed by the uid; then another key, made while the other name comes first."""
    first, second = two_names
    ahead, behind = (first, second) if order == "first" else (second, first)
    with first_in_passwd(ahead):
        key, _ = enrol(second, invite(second))
    assert f'user = "{second.name}"' in first.key_file.read_text(), "the name that was invited"
    with first_in_passwd(behind), Client(uid=first.uid) as client:
        added = Key(client.call("AddKey", code=key.first, label="tablet")["enrolment"])
        client.call("ConfirmEnrolment", code=added.confirming)
    with first_in_passwd(ahead):
        assert machine.ask(gate, first, key.second)[0] == SUCCESS
        assert machine.ask(gate, second, added.first)[0] == SUCCESS
        assert machine.ask(gate, first, added.first)[0] == AUTH_ERR, "one state for both"
    assert f'user = "{second.name}"' in first.key_file.read_text(), "the file keeps its name, to which the seals are bound"


@pytest.mark.parametrize("order", ["first", "second"])
def test_the_commands_take_each_name_and_the_uid(machine, gate, two_names, order):
    first, second = two_names
    key = machine.enrol(first)
    with first_in_passwd(first if order == "first" else second):
        for name in (first.name, second.name, f"uid:{first.uid}"):
            for caller in (None, first):
                done = otpctl("status", name, "--json", user=caller)
                assert done.returncode == DONE and json.loads(done.stdout)["status"]["enrolled"] is True, (name, caller, done)
            assert otpctl("notices", name, user=first).returncode == DONE
            for offline in ([], ["--offline"]):
                assert otpctl(*offline, "suspend", name).returncode == DONE
                assert machine.status(first)["suspended"] is True
                assert otpctl(*offline, "resume", name).returncode == DONE
        with policy('[service.otp-skip]\nunenrolled = "skip"\n'):
            assert machine.ask(gate, second, key.first)[0] == SUCCESS
        assert otpctl("list").returncode == DONE
        assert otpctl("forget", second.name).returncode == DONE
    assert not first.key_file.exists()


@pytest.mark.parametrize("order", ["first", "second"])
@pytest.mark.parametrize("by", ["first", "second", "uid"])
def test_an_emergency_mark_lets_each_name_past(machine, gate, two_names, order, by):
    first, second = two_names
    machine.enrol(first)
    name = {"first": first.name, "second": second.name, "uid": f"uid:{first.uid}"}[by]
    with first_in_passwd(first if order == "first" else second):
        assert otpctl("emergency", "bypass", name, "--reason", "lost the phone").returncode == DONE
        assert pam_codes(machine, gate, first) == pam_codes(machine, gate, second) == (SUCCESS, SUCCESS)
        assert otpctl("emergency", "end", name).returncode == DONE
        assert pam_codes(machine, gate, first)[0] == pam_codes(machine, gate, second)[0] == AUTH_ERR


def test_an_entry_by_another_name_of_the_uid_requires_and_does_not_exempt(machine, gate, two_names):
    first, second = two_names
    for named, logs_in in ((first, second), (second, first)):
        with policy(f'[service.{gate}]\nrequire = ["user:{named.name}"]\n'):
            assert machine.ask(gate, logs_in, "000000")[0] == AUTH_ERR
        with policy(f'[service.{gate}]\nexempt = ["user:{named.name}"]\n'):
            assert machine.ask(gate, logs_in, "000000")[0] == AUTH_ERR
            assert machine.ask(gate, named, "000000")[0] == SUCCESS


def test_a_name_that_is_another_uids_by_now_owns_nothing(machine, gate, two_names, journal):
    """The second name was given to somebody else: the files that have it are no longer those of the first."""
    first, second = two_names
    key = machine.enrol(second)
    assert otpctl("emergency", "bypass", second.name, "--reason", "lost the phone").returncode == DONE
    mark = (MARKS / str(first.uid)).read_text()
    assert otpctl("emergency", "end", second.name).returncode == DONE
    machine.remove_user(second)
    machine.new_user(second.name)
    start = journal.position()
    assert machine.ask(gate, first, key.first)[0] != SUCCESS
    assert [line["reason"] for line in decisions(journal.since(start))] == ["renamed"]
    path = MARKS / str(first.uid)
    path.write_text(mark)
    path.chmod(0o644)
    try:
        assert pam_codes(machine, gate, first)[0] != SUCCESS
    finally:
        path.unlink()


# A name that is not UTF-8

RAW = b"j\xf6rg"


@pytest.fixture
def raw_name(machine):
    """An account whose name is Latin-1, as a passwd from an old machine has it."""
    twin = machine.new_user()
    name = RAW + str(next(numbers)).encode()
    for path in FILES:
        text = Path(path).read_bytes()
        Path(path).write_bytes(text.replace(twin.name.encode() + b":", name + b":"))
    yield User(name, twin.uid)
    without_lines_of(name)


def without_lines_of(name):
    for path in FILES:
        lines = Path(path).read_bytes().splitlines(keepends=True)
        Path(path).write_bytes(b"".join(line for line in lines if not line.startswith(name + b":")))


def converse_raw(machine, service, user):
    """The PAM codes that an application with that name in its arguments gets."""
    done = subprocess.run([machine.hosts / "oddconv", "-a", "--", service, user.name, "text", "123456"], capture_output=True, timeout=60)
    words = done.stdout.split()
    return int(words[words.index(b"authenticate") + 1]), int(words[words.index(b"account") + 1])


def test_a_name_that_is_not_utf_8_is_asked_or_skipped_by_uid(machine, gate, skip, raw_name, journal):
    start = journal.position()
    assert converse_raw(machine, gate, raw_name)[0] == AUTH_ERR
    assert converse_raw(machine, skip, raw_name) == (SUCCESS, SUCCESS)
    uids = [line.get("uid") for line in decisions(journal.since(start)) if "stage" not in line]
    assert uids == [str(raw_name.uid)] * 2
    with policy(f'[service.otp-gate]\nexempt = ["uid:{raw_name.uid}"]\n'):
        assert converse_raw(machine, gate, raw_name) == (SUCCESS, SUCCESS)
    with policy(f'[service.otp-skip]\nunenrolled = "deny"\nrequire = ["uid:{raw_name.uid}"]\n'):
        assert converse_raw(machine, skip, raw_name)[0] == AUTH_ERR


def test_real_sudo_knows_a_caller_whose_name_is_not_utf_8(machine, raw_name):
    service = machine.service("sudo-raw", "required pam_otp.so nullok", "required pam_permit.so", account="required pam_otp.so")
    rule = Path("/etc/sudoers.d/raw")
    rule.write_text(f"Defaults pam_service={service}\n")
    rule.chmod(0o440)
    try:
        command = ["setpriv", f"--reuid={raw_name.uid}", f"--regid={raw_name.uid}", "--clear-groups", "--", "sudo", "-S", "--", "id", "-u"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        assert done.stdout == b"0\n", done
    finally:
        rule.unlink()


def test_a_user_whose_name_is_not_utf_8_is_not_invited_and_goes_by_uid(machine, gate, raw_name):
    done = subprocess.run([OTPCTL, "invite", raw_name.name], capture_output=True, timeout=60)
    assert done.returncode == USAGE and b"uid:NUMBER" in done.stderr
    uid = f"uid:{raw_name.uid}"
    for command in (["invite", "--allow-pipe", uid], ["enrol", "--allow-pipe", uid]):
        done = otpctl(*command)
        assert done.returncode == REFUSED and "not UTF-8" in done.stderr, done
    for method, parameters in (("Invite", {}), ("BeginEnrolment", {}), ("AddToken", {"secret": "A" * 32})):
        assert refusal(0, method, user=uid, **parameters).parameters["reason"] == "unusable-name"
    assert call("Status", user=uid)["status"]["enrolled"] is False
    assert call("Status", uid=raw_name.uid)["status"]["uid"] == raw_name.uid
    assert otpctl("status", user=User("", raw_name.uid)).returncode == DONE
    assert not raw_name.key_file.exists()
    assert otpctl("emergency", "bypass", uid, "--reason", "new here").returncode == DONE
    assert uid in otpctl("emergency", "list").stdout
    assert converse_raw(machine, gate, raw_name) == (SUCCESS, SUCCESS)
    assert otpctl("emergency", "end", uid).returncode == DONE
    assert converse_raw(machine, gate, raw_name)[0] == AUTH_ERR


def test_a_name_that_no_login_takes_is_not_invited_either(machine, gate, skip, journal):
    user = machine.new_user("corp/bob")
    try:
        for name in (user.name, f"uid:{user.uid}"):
            done = otpctl("invite", "--allow-pipe", name)
            assert done.returncode == REFUSED and "slash" in done.stderr
            assert json.loads(otpctl("status", "--json", name).stdout)["status"]["user"] == f"uid:{user.uid}"
        start = journal.position()
        assert machine.ask(gate, user, "123456")[0] == machine.ask(skip, user, "123456")[0] == AUTH_ERR
        assert [line["reason"] for line in decisions(journal.since(start))] == ["unknown-user"] * 2
    finally:
        machine.remove_user(user)


def test_beside_a_name_that_is_not_utf_8_another_one_of_the_uid_has_a_key(machine, gate, raw_name):
    """Whichever comes first, the key of the name that a file can hold is that of both."""
    plain = machine.new_user(f"joerg{next(numbers)}", uid=raw_name.uid)
    try:
        key, _ = enrol(plain, invite(plain))
        steps = [key.first, key.second]
        for ahead, code in zip((plain, raw_name), steps, strict=True):
            with raw_first(ahead):
                done = subprocess.run([machine.hosts / "oddconv", "--", gate, raw_name.name, "text", code], capture_output=True, timeout=60)
                assert b"authenticate 0" in done.stdout, done
                assert call("Status", uid=plain.uid)["status"]["enrolled"] is True
                assert call("Status", user=plain.name)["status"]["enrolled"] is True
    finally:
        without_lines_of(plain.name.encode())
        otpctl("forget", f"uid:{plain.uid}")


@contextmanager
def raw_first(user):
    path = Path("/etc/passwd")
    before = path.read_bytes()
    lines = before.splitlines(keepends=True)
    own = [line for line in lines if line.startswith(os.fsencode(user.name) + b":")]
    path.write_bytes(b"".join(own + [line for line in lines if line not in own]))
    try:
        yield
    finally:
        path.write_bytes(before)


def test_no_name_that_is_typed_means_a_uid(machine, gate, skip, enrolled, journal):
    """`uid:NUMBER` is for otpctl and the socket; at a login it is nobody's name."""
    user, key = enrolled
    start = journal.position()
    assert machine.ask(gate, f"uid:{user.uid}", key.first)[0] == AUTH_ERR
    assert machine.ask(skip, f"uid:{user.uid}", "123456")[0] == AUTH_ERR
    assert [line["reason"] for line in decisions(journal.since(start))] == ["unknown-user"] * 2
    for written in (f"uid:0{user.uid}", f"uid: {user.uid}", "uid:", "uid:-1", "uid:4294967296"):
        assert otpctl("status", written).returncode == REFUSED, written
