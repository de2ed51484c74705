"""The worked examples of docs/examples, run as a service account: what they let through and what they do not."""

import os
import socket
import subprocess
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from machine import DAEMON_LOG, ROOT, User, as_user, run
from wire import SOCKET, acting_as

EXAMPLES = ROOT / "docs/examples"
ACCEPTED, REFUSED, USAGE, NOT_DECIDED = 0, 1, 2, 3
YES = b'{"parameters":{"verdict":{"accepted":true,"reason":"code","key":null,"wait":0}}}'


@pytest.fixture(scope="module")
def examples(hosts):
    """Where the service account can run them: the checkout may be closed to it."""
    python, c = hosts / "verify.py", hosts / "verify"
    python.write_bytes((EXAMPLES / "verify.py").read_bytes())
    python.chmod(0o755)
    run("gcc", "-Wall", "-Wextra", "-Werror", "-O2", "-o", c, EXAMPLES / "verify.c")
    return {"python": python, "c": c}


@pytest.fixture(params=["python", "c"])
def example(request, examples):
    return examples[request.param]


@pytest.fixture
def verifier(machine):
    """A service account in the group otp-verify."""
    account = machine.new_user()
    run("gpasswd", "--add", account.name, "otp-verify")
    return account


def gate(example, caller, user, code, action="release the payroll"):
    name = user.name if isinstance(user, User) else user
    return subprocess.run([*as_user(caller), example, name, action], input=code, capture_output=True, text=True, timeout=60)


def test_a_code_opens_once(machine, enrolled, verifier, example):
    user, key = enrolled
    assert gate(example, verifier, user, key.first).returncode == ACCEPTED
    assert gate(example, verifier, user, key.first).returncode == REFUSED
    assert gate(example, verifier, user, key.first).returncode == REFUSED
    assert gate(example, verifier, user, key.second + "\n").returncode == ACCEPTED


def test_everything_else_is_refused_in_the_same_way(machine, enrolled, verifier, example):
    user, key = enrolled
    answers = [gate(example, verifier, user, code) for code in (key.wrong(), "hunter2", "x" * 70)]
    answers += [gate(example, verifier, name, key.first) for name in (machine.new_user(), "nobody-at-all", "root")]
    assert {(answer.returncode, answer.stdout, answer.stderr) for answer in answers} == {(REFUSED, "", "")}


def test_a_wrong_code_counts_for_other_and_not_for_the_users_own_origins(machine, enrolled, verifier, example):
    user, key = enrolled
    gate(example, verifier, user, key.wrong())
    failures = {origin["origin"]: origin["failures"] for origin in machine.status(user)["origins"]}
    assert failures == {"self": 0, "other": 1, "remote": 0, "console": 0, "socket": 0}


def test_whoever_is_not_in_the_group_decides_nothing(machine, enrolled, example):
    user, key = enrolled
    outsider = machine.new_user()
    answers = [gate(example, outsider, who, key.first) for who in (user, "nobody-at-all")]
    assert [answer.returncode for answer in answers] == [NOT_DECIDED, NOT_DECIDED]
    assert all("NotAllowed" in answer.stderr for answer in answers)
    assert gate(example, user, user, key.first).returncode == ACCEPTED, "the user's own code, and it was not used up"


def test_the_action_is_in_the_log(machine, enrolled, verifier, example):
    user, key = enrolled
    begin = len(DAEMON_LOG.read_text())
    gate(example, verifier, user, key.first, 'pay "4711"\nevent=verify outcome=forged')
    lines = [line for line in DAEMON_LOG.read_text()[begin:].splitlines() if "event=verify" in line]
    assert len(lines) == 1 and f"by={verifier.uid} " in lines[0] and " outcome=accepted " in lines[0]
    assert r'action="pay \x224711\x22\x0aevent=verify outcome=forged"' in lines[0]
    assert key.first not in lines[0]


def test_what_the_daemon_will_not_take_is_not_decided(machine, enrolled, verifier, example):
    user, key = enrolled
    assert gate(example, verifier, user, key.first, "x" * 257).returncode == NOT_DECIDED
    assert gate(example, verifier, user, "").returncode == NOT_DECIDED
    assert subprocess.run([*as_user(verifier), example, user.name], capture_output=True, timeout=60).returncode == USAGE
    with machine.daemon_stopped():
        assert gate(example, verifier, user, key.first).returncode == NOT_DECIDED


@contextmanager
def false_daemon(machine, uid, reply):
    """Somebody with this uid answers on the socket."""
    machine.stop()
    Path(SOCKET).unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX)
    server.bind(SOCKET)
    os.chmod(SOCKET, 0o666)
    with acting_as(uid):
        server.listen()

    def answer():
        peer, _ = server.accept()
        with peer, suppress(OSError):  # it may hang up on us
            peer.recv(65536)
            peer.sendall(reply)

    threading.Thread(target=answer, daemon=True).start()
    try:
        yield
    finally:
        server.close()
        machine.start()


def test_somebody_else_who_answers_is_not_believed(machine, user, verifier, example):
    with false_daemon(machine, verifier.uid, YES + b"\0"):
        answer = gate(example, verifier, user, "123456")
    assert answer.returncode == NOT_DECIDED and "belongs to uid" in answer.stderr


REPLIES = {
    YES + b"\0": ACCEPTED,
    YES.replace(b"true", b"false") + b"\0": REFUSED,
    b' { "parameters" : {"verdict":{"key":"a\\"}","more":[1,{"accepted":false}],"accepted":true}} }\0': ACCEPTED,
    YES: NOT_DECIDED,
    b"\0": NOT_DECIDED,
    b"": NOT_DECIDED,
    YES + b"x\0": NOT_DECIDED,
    YES[:-1] + b"\0": NOT_DECIDED,
    YES + YES + b"\0": NOT_DECIDED,
    YES.replace(b"true", b'"true"') + b"\0": NOT_DECIDED,
    YES.replace(b"true", b"1") + b"\0": NOT_DECIDED,
    YES.replace(b"true", b"null") + b"\0": NOT_DECIDED,
    YES.replace(b"true", b'false,"accepted":true') + b"\0": NOT_DECIDED,
    YES.replace(b'{"par', b'{"error":"io.pam-otp.Otp1.Busy","par', 1) + b"\0": NOT_DECIDED,
    b'{"accepted":true}\0': NOT_DECIDED,
    b'{"parameters":{"accepted":true}}\0': NOT_DECIDED,
    b'{"parameters":{"x":{"verdict":{"accepted":true}}}}\0': NOT_DECIDED,
    b'{"parameters":[{"verdict":{"accepted":true}}]}\0': NOT_DECIDED,
    b'"accepted":true\0': NOT_DECIDED,
    b"true\0": NOT_DECIDED,
    b"[" * 60000 + b"\0": NOT_DECIDED,
    b"x" * 100000: NOT_DECIDED,
}


def test_only_a_clear_yes_opens(machine, user, verifier, example):
    for reply, wanted in REPLIES.items():
        with false_daemon(machine, 0, reply):
            assert gate(example, verifier, user, "123456").returncode == wanted, reply[:120]
