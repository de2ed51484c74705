"""A service that runs as an account of its own and logs others in by PAM, as a database or a web server does."""

import json
import os
import socket
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.journal import decisions
from harness.machine import as_user, disable, otpctl, policy
from harness.origins import no_wait
from harness.otpctl import DONE
from harness.wire import SOCKET, Refused, call

SERVICE = "otp-database"


@pytest.fixture(scope="module")
def database(machine):
    """The service's account, in the group that may have anybody's codes checked."""
    machine.service(SERVICE, "required pam_otp.so", "required pam_permit.so", account="required pam_otp.so")
    account = machine.new_user("database")
    machine.join(account, "otp-verify")
    return account


def login(account, user, code):
    """By pamtester as that account: does authenticate succeed, and then the account stage?"""
    command = [*as_user(account), "pamtester", SERVICE, user.name, "authenticate", "acct_mgmt"]
    done = subprocess.run(command, input=f"{code}\n", capture_output=True, text=True, timeout=60)
    return "successfully authenticated" in done.stdout, done.returncode == 0


def test_a_login_by_a_service_account_passes_the_account_stage_once(machine, database, enrolled):
    user, key = enrolled
    assert login(database, user, key.wrong()) == (False, False)
    assert login(database, user, key.first) == (True, True)
    assert login(database, user, key.first) == (False, False)


def barred_by(machine, way, user, key):
    if way == "disabled":
        with policy(no_wait(20)):
            disable(machine, user, key)
        return
    command = {"suspended": ("suspend", user.name), "keyless": ("revoke", user.name, "phone")}[way]
    assert otpctl(*command).returncode == DONE


@pytest.mark.parametrize("way", ["suspended", "keyless", "disabled"])
def test_the_account_stage_keeps_out_who_is_barred_and_the_service_hears_no_reason(machine, database, enrolled, journal, way):
    user, key = enrolled
    assert call("Barred", uid=database.uid, user=user.name) == {"barred": False}
    barred_by(machine, way, user, key)
    assert call("Barred", uid=database.uid, user=user.name) == call("Barred", user=user.name) == call("Barred", uid=user.uid) == {"barred": True}
    start = journal.position()
    command = [*as_user(database), "pamtester", SERVICE, user.name, "acct_mgmt"]
    assert subprocess.run(command, capture_output=True, timeout=60).returncode != 0
    (line,) = [line for line in decisions(journal.since(start)) if line.get("stage") == "account"]
    assert (line["outcome"], line["reason"]) == ("refused", "barred")


def test_a_user_without_a_key_is_not_barred(machine, database, user):
    assert call("Barred", uid=database.uid, user=user.name) == {"barred": False}


def test_it_reads_no_status_and_a_stranger_hears_neither(machine, database, enrolled):
    user, key = enrolled
    stranger = machine.new_user()
    for uid, method in ((database.uid, "Status"), (stranger.uid, "Barred"), (stranger.uid, "Status")):
        with pytest.raises(Refused) as refused:
            call(method, uid=uid, user=user.name)
        assert refused.value.name == "NotAllowed"
    assert login(stranger, user, key.first) == (False, False)


@contextmanager
def daemon_of_an_earlier_version(machine, replies):
    """Answers each method as `replies` says; it is root's, so it is believed. Yields the methods that were called."""
    machine.stop()
    Path(SOCKET).unlink(missing_ok=True)
    server, called = socket.socket(socket.AF_UNIX), []
    server.bind(SOCKET)
    os.chmod(SOCKET, 0o666)
    server.listen()

    def serve():
        for _ in range(10):
            try:
                peer, _ = server.accept()
            except OSError:  # it is over
                return
            with peer:
                method = json.loads(peer.recv(65536).rstrip(b"\0"))["method"].rpartition(".")[2]
                called.append(method)
                peer.sendall(json.dumps(replies[method]).encode() + b"\0")

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield called
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        machine.start()


UNKNOWN_METHOD = {"error": "org.varlink.service.MethodNotFound", "parameters": {"method": "io.pam-otp.Otp1.Barred"}}
DENIED = {"error": "io.pam-otp.Otp1.NotAllowed", "parameters": {"reason": "no"}}


@pytest.mark.parametrize(
    "answer, passes, asked",
    [
        ({"parameters": {"barred": False}}, True, ["Barred"]),
        ({"parameters": {"barred": True}}, False, ["Barred"]),
        ({"parameters": {"barred": "no"}}, False, ["Barred"]),
        ({"parameters": {}}, False, ["Barred"]),
        (UNKNOWN_METHOD, False, ["Barred", "Status"]),
        (DENIED, False, ["Barred", "Status"]),
    ],
    ids=["no", "yes", "text", "nothing", "unknown", "denied"],
)
def test_nothing_but_a_clear_no_lets_in_and_an_earlier_daemon_is_understood(machine, database, user, answer, passes, asked):
    with daemon_of_an_earlier_version(machine, {"Barred": answer, "Status": DENIED}) as called:
        done = subprocess.run([*as_user(database), "pamtester", SERVICE, user.name, "acct_mgmt"], capture_output=True, timeout=60)
    assert (done.returncode == 0, called) == (passes, asked)
