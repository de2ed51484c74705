"""The daemon's socket: who may do what, and that no client keeps another from being served."""

import json
import os
import pwd
import signal
import stat
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness import daemon_log
from harness.activation import activated, credential
from harness.journal import fields
from harness.machine import ACCOUNT, DAEMON, HOST_KEY, NOTIFIER, POLICY, PROMPT_SERVICE, ROOT, SUCCESS, VAULT, Key, as_user, default_policy, write
from harness.wait import until
from harness.wire import INTERFACE, SOCKET, Client, Closed, Refused, refusal_on

SERVICE = "org.varlink.service"


# rights


def test_only_root_begins_an_enrolment(machine, user):
    other = machine.new_user()
    with Client(uid=user.uid) as client:
        answers = [str(refusal_on(client, "BeginEnrolment", user=name)) for name in (user.name, other.name, "root", "nobody-at-all")]
    assert all(answer.startswith("NotAllowed") for answer in answers)
    assert len(set(answers)) == 1, "the answer must not tell who exists"


def test_a_user_sees_the_own_state_and_nobody_elses(machine, enrolled):
    user, _ = enrolled
    other, _ = machine.enrolled_user()
    stranger = machine.new_user()
    with Client(uid=user.uid) as client:
        assert client.call("Status")["status"]["user"] == user.name
        assert client.call("Status", user=user.name)["status"]["enrolled"] is True
        answers = [str(refusal_on(client, "Status", user=name)) for name in (other.name, stranger.name, "nobody-at-all")]
    assert set(answers) == {answers[0]} and answers[0].startswith("NotAllowed")


def test_the_own_state_has_no_counts_that_tell_a_wrong_code_from_a_replayed_one(machine, enrolled):
    user, key = enrolled
    with Client(uid=user.uid) as client:
        def seen():
            return {origin["origin"]: origin["failures"] for origin in client.call("Status")["status"]["origins"]}

        before = seen()
        assert client.call("Verify", code=key.wrong())["verdict"]["accepted"] is False
        assert seen() == before == dict.fromkeys(before)
    assert {origin["failures"] for origin in machine.status(user)["origins"]} == {0, 1}


def test_what_is_allowed_to_be_read_is_logged_but_cannot_flood(machine, enrolled):
    user, _ = enrolled
    start = daemon_log.position()
    machine.status(user)
    with Client() as client:
        client.call("List")
    with Client(uid=user.uid) as client:
        begun = time.monotonic()
        for _ in range(50):
            client.call("Status")
        took = time.monotonic() - begun
    lines = [fields(line) for line in daemon_log.since(start) if "event=allowed" in line]
    by_root = [(line["act"], line["reason"]) for line in lines if line["by"] == "0"]
    assert by_root == [("ReadStatus", "root"), ("List", "root")]
    own = [line for line in lines if line["by"] == str(user.uid)]
    assert own[0]["reason"] == "own" and len(own) <= 2 + took


def test_the_list_is_for_root(machine, enrolled):
    user, _ = enrolled
    with Client(uid=user.uid) as client:
        assert refusal_on(client, "List").name == "NotAllowed"
    with Client() as client:
        users = {entry["user"]: entry for entry in client.call("List")["users"]}
    assert users[user.name]["enrolled"] and len(users[user.name]["keys"]) == 1


def test_the_account_of_the_daemon_itself_is_no_administrator(machine, user):
    with Client(uid=pwd.getpwnam(ACCOUNT).pw_uid) as client:
        assert refusal_on(client, "BeginEnrolment", user=user.name).name == "NotAllowed"
        assert refusal_on(client, "List").name == "NotAllowed"


def test_rights_are_those_of_the_one_who_connected(machine, user):
    """Being root later, or passing the socket on, changes nothing."""
    with Client(uid=user.uid) as client:
        assert os.geteuid() == 0
        assert refusal_on(client, "List").name == "NotAllowed"


# enrolment


def test_an_enrolment_says_all_that_an_app_needs(machine, user):
    with Client() as client:
        enrolment = client.call("BeginEnrolment", user=user.name)["enrolment"]
    assert (enrolment["user"], enrolment["uid"], enrolment["kind"]) == (user.name, user.uid, "totp")
    assert (enrolment["algorithm"], enrolment["digits"], enrolment["period"]) == ("SHA1", 6, 30)
    assert len(enrolment["secret"]) == 32 and 0 < enrolment["expires_in"] <= 900 and enrolment["tries"] > 0


def test_every_enrolment_has_a_secret_of_its_own(machine, user):
    secrets = set()
    with Client() as client:
        for _ in range(20):
            secrets.add(client.call("BeginEnrolment", user=user.name)["enrolment"]["secret"])
    assert len(secrets) == 20


@pytest.mark.parametrize("algorithm, characters", [("SHA1", 32), ("SHA256", 52), ("SHA512", 103)])
def test_a_secret_is_as_long_as_its_hash(machine, user, algorithm, characters):
    with Client() as client:
        assert len(client.call("BeginEnrolment", user=user.name, algorithm=algorithm)["enrolment"]["secret"]) == characters


def test_a_confirmed_key_works_and_is_listed(machine, user):
    with Client() as client:
        key = machine.begin(client, user, label="phone")
        confirmed = client.call("ConfirmEnrolment", code=key.confirming)
        assert (confirmed["user"], confirmed["generation"], confirmed["key"]["label"]) == (user.name, 1, "phone")
    status = machine.status(user)
    assert status["enrolled"] and status["keys"] == [confirmed["key"]]
    assert abs(status["keys"][0]["confirmed"] - time.time()) < 60
    assert machine.ask("otp", user, key.first)[0] == SUCCESS
    assert abs(machine.status(user)["keys"][0]["last_used"] - time.time()) < 120


def test_nothing_is_stored_before_the_code_is_right(machine, user):
    with Client() as client:
        key = machine.begin(client, user)
        assert refusal_on(client, "ConfirmEnrolment", code=key.wrong()).name == "CodeRefused"
        assert not user.key_file.exists()
        assert not machine.status(user)["enrolled"]
        machine.confirm(client, key)
        assert user.key_file.exists()


def test_the_tries_of_an_enrolment_run_out(machine, user):
    with Client() as client:
        enrolment = client.call("BeginEnrolment", user=user.name)["enrolment"]
        key = Key(enrolment)
        for left in reversed(range(enrolment["tries"])):
            refusal = refusal_on(client, "ConfirmEnrolment", code=key.wrong(left))
            assert (refusal.name, refusal.parameters["tries_left"]) == ("CodeRefused", left)
        assert refusal_on(client, "ConfirmEnrolment", code=key.first).name == "NothingPending"
    assert not user.key_file.exists()


def test_a_pending_key_belongs_to_its_connection(machine, user):
    with Client() as first, Client() as second:
        key = machine.begin(first, user)
        assert refusal_on(second, "ConfirmEnrolment", code=key.confirming).name == "NothingPending"
        machine.confirm(first, key)


def test_cancelling_throws_the_key_away(machine, user):
    with Client() as client:
        key = machine.begin(client, user)
        assert client.call("CancelEnrolment") == {}
        assert refusal_on(client, "ConfirmEnrolment", code=key.confirming).name == "NothingPending"


def test_a_second_beginning_on_one_connection_throws_the_first_key_away(machine, user):
    with Client() as client:
        first = machine.begin(client, user)
        second = machine.begin(client, user)
        assert refusal_on(client, "ConfirmEnrolment", code=first.confirming).name == "CodeRefused"
        machine.confirm(client, second)


def test_an_enrolled_user_gets_no_second_key_of_the_same_label(machine, enrolled):
    user, key = enrolled
    before = user.key_file.read_bytes()
    with Client() as client:
        assert refusal_on(client, "BeginEnrolment", user=user.name).parameters["reason"] == "label-taken"
    assert user.key_file.read_bytes() == before
    assert machine.ask("otp", user, key.first)[0] == SUCCESS


def test_of_two_enrolments_of_one_user_the_second_waits_for_the_end_of_the_first(machine, user):
    with Client() as second:
        with Client() as first:
            machine.begin(first, user)
            assert refusal_on(second, "BeginEnrolment", user=user.name).name == "Busy"
    machine.left_alone()
    key = machine.enrol(user)  # the first key is forgotten
    assert machine.ask("otp", user, key.first)[0] == SUCCESS


@pytest.mark.parametrize(
    "wish",
    [
        {"algorithm": "MD5"},
        {"algorithm": "sha1"},
        {"algorithm": ""},
        {"digits": 5},
        {"digits": 9},
        {"digits": -6},
        {"period": 14},
        {"period": 121},
        {"period": 0},
        {"label": "x" * 1000},
        {"label": "two\nlines"},
    ],
    ids=str,
)
def test_an_impossible_wish_is_refused_with_its_field(machine, user, wish):
    (field,) = wish
    with Client() as client:
        refusal = refusal_on(client, "BeginEnrolment", user=user.name, **wish)
    assert (refusal.name, refusal.parameters["field"]) == ("InvalidValue", field)


@pytest.mark.parametrize("name", ["", "nobody-at-all", "../../etc/passwd", "a" * 10000, "a\u0000b", "é"])
def test_a_user_who_does_not_exist_is_not_enrolled(machine, name):
    with Client() as client:
        assert refusal_on(client, "BeginEnrolment", user=name).name in ("NoSuchUser", "InvalidValue")


def test_policy_decides_what_a_new_key_is(machine):
    with machine.policy('version = 1\nissuer = "Example Ltd"\n[key]\nalgorithm = "SHA256"\ndigits = 8\nperiod = 60\n'):
        user, key = machine.enrolled_user()
        assert (key.algorithm, key.digits, key.period) == ("SHA256", 8, 60)
        assert "issuer=Example%20Ltd" in key.uri
        assert machine.ask("otp", user, key.first)[0] == SUCCESS


# hostile clients


@pytest.mark.parametrize(
    "message",
    [
        b"\0",
        b"{}\0",
        b"[]\0",
        b"null\0",
        b"nonsense\0",
        b'{"method": 5}\0',
        b'{"method": "x"}\0',
        b'{"method": "io.pam-otp.Otp1.List", "parameters": []}\0',
        b'{"method": "io.pam-otp.Otp1.List", "parameters": {"extra": 1}}\0',
        b'{"method": "io.pam-otp.Otp1.Status", "parameters": {"user": 7}}\0',
        b'{"method": "io.pam-otp.Otp1.BeginEnrolment"}\0',
        b'{"method": "io.pam-otp.Otp1.ConfirmEnrolment", "parameters": {"code": 123456}}\0',
        b'{"method": "io.pam-otp.Otp1.Nonsense"}\0',
        b'{"method": "io.pam-otp.Otp2.List"}\0',
        b'{"method": "org.varlink.service.Nonsense"}\0',
        b'{"method": "io.pam-otp.Otp1.List", "method": "io.pam-otp.Otp1.Status"}\0',
        b'{"method": "io.pam-otp.Otp1.List", "upgrade": true}\0',
        b'{"method": "io.pam-otp.Otp1.Status", "parameters": {"user": "\xff\xfe"}}\0',
        b"[" * 60000 + b"\0",
        b'{"a":' * 10000 + b"\0",
        b'{"method": "io.pam-otp.Otp1.Status", "parameters": {"user": "\\ud800"}}\0',
    ],
    ids=lambda message: message[:40].decode("latin-1") + f" ({len(message)})",
)
def test_a_malformed_message_gets_an_error_or_the_door(machine, message):
    with Client() as client:
        client.send(message)
        try:
            assert "error" in json.loads(client.receive())
        except Closed:
            pass
    assert root_is_served(machine)


def root_is_served(machine):
    """Root gets an answer promptly."""
    begun = time.monotonic()
    with Client() as client:
        try:
            client.call("GetInfo", interface=SERVICE)
        except Refused as refusal:
            assert refusal.name == "Busy"
            return False
    return time.monotonic() - begun < PROMPT_SERVICE


def test_a_message_of_more_than_64_kib_is_cut_off(machine):
    with Client() as client:
        with pytest.raises(Closed):
            for _ in range(100):
                client.send(b"x" * 4096)
            client.receive()
    assert root_is_served(machine)


def test_a_message_in_a_thousand_pieces_is_answered(machine):
    message = json.dumps({"method": f"{SERVICE}.GetInfo"}).encode() + b"\0"
    with Client() as client:
        for at in range(len(message)):
            client.send(message[at : at + 1])
        assert json.loads(client.receive())["parameters"]["interfaces"]


def test_two_messages_in_one_piece_are_both_answered_in_order(machine, enrolled):
    user, _ = enrolled
    status = {"method": f"{INTERFACE}.Status", "parameters": {"user": user.name}}
    with Client() as client:
        client.send(json.dumps({"method": f"{SERVICE}.GetInfo"}).encode() + b"\0" + json.dumps(status).encode() + b"\0")
        assert "interfaces" in json.loads(client.receive())["parameters"]
        assert json.loads(client.receive())["parameters"]["status"]["user"] == user.name


def test_a_client_that_trickles_is_cut_off_and_keeps_nobody_waiting(machine, user):
    """The deadline of a message counts from its first byte; more bytes do not extend it."""
    with Client(uid=user.uid, timeout=0.2) as client:
        begun = time.monotonic()

        def gone():
            try:
                client.send(b" ")
                return client.socket.recv(1) == b""
            except TimeoutError:
                return False
            except OSError:
                return True

        client.send(b"{")
        until(lambda: root_is_served(machine) and gone(), "the end of the connection")
        assert time.monotonic() - begun > 1


def test_clients_that_say_nothing_never_keep_root_or_others_waiting(machine, user):
    other = machine.new_user()
    idle = []
    try:
        for uid in [user.uid] * 200:
            try:
                idle.append(Client(uid=uid, timeout=1))
            except OSError:
                break
        assert root_is_served(machine)
        begun = time.monotonic()
        with Client(uid=other.uid) as client:
            assert client.call("Status")["status"]["user"] == other.name
        assert time.monotonic() - begun < PROMPT_SERVICE
    finally:
        for client in idle:
            client.socket.close()


def test_strangers_of_many_uids_never_keep_root_waiting(machine):
    idle = []
    try:
        for uid in range(30001, 30101):
            for _ in range(4):
                try:
                    idle.append(Client(uid=uid, timeout=1))
                except OSError:
                    break
        assert root_is_served(machine)
    finally:
        for client in idle:
            client.socket.close()
    machine.left_alone()
    assert root_is_served(machine)


CROWD = """
import os, socket, sys
os.setresuid(int(sys.argv[1]), 0, 0)  # as su, which a user has started
sockets = [socket.socket(socket.AF_UNIX) for _ in range(40)]
for one in sockets:
    one.connect("/run/otp/otp.sock")
turned_away = sum(b"Busy" in one.recv(4096) for one in sockets[8:])  # they are met in their order
for one in sockets[:8]:
    one.setblocking(False)
    try:
        turned_away += b"Busy" in one.recv(4096)
    except BlockingIOError:
        pass
print(turned_away, flush=True)
sys.stdin.read()
"""


def test_what_users_start_as_root_counts_for_them_and_never_keeps_root_waiting(machine, user):
    others = [machine.new_user() for _ in range(4)]
    crowds = [
        subprocess.Popen([sys.executable, "-c", CROWD, str(one.uid)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for one in [user, *others]
    ]
    try:
        assert {int(crowd.stdout.readline()) for crowd in crowds} == {32}, "eight for each uid"
        with ExitStack() as stack:
            own = [stack.enter_context(Client()) for _ in range(30)]
            assert all(client.call("GetInfo", interface=SERVICE) for client in own)
        with Client(uid=user.uid) as client:
            assert client.call("Status")["status"]["user"] == user.name
    finally:
        for crowd in crowds:
            crowd.communicate()


def test_a_client_that_never_reads_keeps_nobody_waiting(machine, user):
    call = json.dumps({"method": f"{SERVICE}.GetInterfaceDescription", "parameters": {"interface": INTERFACE}}).encode() + b"\0"
    with Client(uid=user.uid, timeout=1) as client:
        try:
            while True:
                client.socket.sendall(call)
        except OSError:
            pass
        assert root_is_served(machine)


def test_a_client_that_hangs_up_in_the_middle_is_survived(machine, user):
    for cut in range(1, 60, 3):
        client = Client()
        client.send(json.dumps({"method": f"{INTERFACE}.BeginEnrolment", "parameters": {"user": user.name}}).encode()[:cut])
        client.socket.close()
    for _ in range(20):
        client = Client()
        client.send(json.dumps({"method": f"{INTERFACE}.List"}).encode() + b"\0")
        client.socket.close()
    until(lambda: root_is_served(machine), "service")


def test_a_hundred_clients_at_once_are_all_answered(machine, enrolled):
    user, _ = enrolled
    answers, failures = [], []

    def ask():
        try:
            with Client() as client:
                answers.append(client.call("Status", user=user.name)["status"]["enrolled"])
        except (Refused, OSError) as failure:
            failures.append(failure)

    idle = len(os.listdir(f"/proc/{machine.process.pid}/fd"))
    for _ in range(10):
        threads = [threading.Thread(target=ask) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        until(lambda: len(os.listdir(f"/proc/{machine.process.pid}/fd")) <= idle, "the end of these")  # root's share is 32
    assert failures == [] and answers == [True] * 100


def test_no_descriptor_is_left_open_by_any_of_this(machine, enrolled):
    user, _ = enrolled

    def descriptors():
        return len(os.listdir(f"/proc/{machine.process.pid}/fd"))

    until(lambda: descriptors() < 40, "old connections closed", deadline=15)
    before = descriptors()
    for _ in range(50):
        with Client() as client:
            client.call("Status", user=user.name)
    until(lambda: descriptors() <= before, "connections closed")


# introspection


def test_the_interface_can_be_asked_for_and_is_the_reference_file(machine):
    reference = (ROOT / "otp-protocol/src/interface/io.pam-otp.Otp1.varlink").read_text()
    with Client() as client:
        information = client.call("GetInfo", interface=SERVICE)
        assert {SERVICE, INTERFACE} <= set(information["interfaces"])
        client.send(json.dumps({"method": f"{SERVICE}.GetInterfaceDescription", "parameters": {"interface": INTERFACE}}).encode() + b"\0")
        assert json.loads(client.receive())["parameters"]["description"] == reference


# the process and its files


def test_the_daemon_has_given_root_up_for_good(machine):
    account = pwd.getpwnam(ACCOUNT)
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{machine.process.pid}/status").read_text().splitlines() if ":\t" in line)
    assert status["Uid"].split() == [str(account.pw_uid)] * 4
    assert status["Gid"].split() == [str(account.pw_gid)] * 4
    assert status["Groups"].split() == [str(pwd.getpwnam(NOTIFIER).pw_gid)], "that of the outbox alone"
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == int(status["CapInh"], 16) == 0


def test_the_socket_is_for_everybody_in_a_directory_that_only_root_may_change(machine):
    directory, entry = os.stat("/run/otp"), os.stat(SOCKET)
    assert (directory.st_uid, stat.S_IMODE(directory.st_mode)) == (0, 0o755)
    assert stat.S_ISSOCK(entry.st_mode) and stat.S_IMODE(entry.st_mode) == 0o666


def test_what_init_made_has_the_owners_and_modes_of_the_design(machine):
    account = pwd.getpwnam(ACCOUNT).pw_uid
    wanted = {
        HOST_KEY: (0, 0o400),
        HOST_KEY.parent: (0, 0o755),
        VAULT: (account, 0o700),
        VAULT / "keys": (account, 0o700),
        VAULT / "state": (account, 0o700),
        VAULT / "notices": (account, 0o700),
        VAULT / "tickets": (account, 0o700),
        VAULT / "audit": (account, 0o700),
    }
    found = {path: (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) for path in wanted}
    assert found == wanted
    assert (VAULT / "vault.toml").stat().st_uid == account and (VAULT / "vault.toml").stat().st_mode & 0o077 == 0


def test_files_of_an_enrolled_user_are_the_daemons_alone(machine, enrolled):
    user, _ = enrolled
    for path in (user.key_file, user.state_file):
        assert path.stat().st_uid == pwd.getpwnam(ACCOUNT).pw_uid and path.stat().st_mode & 0o077 == 0 and path.stat().st_nlink == 1


def test_a_second_daemon_refuses_and_the_first_serves_on(machine):
    done = subprocess.run([DAEMON], capture_output=True, text=True, timeout=10)
    assert done.returncode != 0 and "otp-enrolld:" in done.stderr
    assert root_is_served(machine)


def test_a_socket_left_by_a_dead_daemon_is_replaced(machine):
    machine.stop(signal.SIGKILL)
    assert os.path.exists(SOCKET)
    machine.start()
    assert root_is_served(machine)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told_to(machine, how):
    process = machine.process
    with Client() as client:
        client.call("GetInfo", interface=SERVICE)
        machine.stop(how)
    ended = process.returncode
    machine.start()
    assert ended in (0, -how)


def test_it_refuses_to_run_as_somebody_else(machine, user):
    done = subprocess.run([*as_user(user), DAEMON], capture_output=True, text=True, timeout=10)
    assert done.returncode != 0 and done.stderr.startswith("otp-enrolld:")


def test_systemd_may_hold_the_socket(machine):
    with activated(machine, DAEMON):
        user = machine.new_user()
        key = machine.enrol(user)
        assert machine.ask("otp", user, key.first)[0] == SUCCESS
        with Client(uid=user.uid) as client:
            assert client.call("Status")["status"]["enrolled"]


def test_with_systemds_socket_and_credential_it_needs_no_root_at_all(machine):
    account = ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--clear-groups"]
    with credential() as directory, activated(machine, "-E", directory, *account, DAEMON):
        user = machine.new_user()
        key = machine.enrol(user)
        assert machine.ask("otp", user, key.first)[0] == SUCCESS


def test_a_bad_policy_keeps_the_daemon_from_starting_and_says_where(machine):
    machine.stop()
    write(POLICY, 'version = 1\nissuer = "x"\nnonsense = 3\n', 0o644)
    try:
        done = subprocess.run([DAEMON], capture_output=True, text=True, timeout=10)
        assert done.returncode != 0
        assert "otp.toml" in done.stderr and "line 3" in done.stderr
    finally:
        default_policy()
        machine.start()


# init


def test_init_a_second_time_changes_nothing(machine):
    before = HOST_KEY.read_bytes(), (VAULT / "vault.toml").read_bytes()
    done = subprocess.run([DAEMON, "init"], capture_output=True, text=True, timeout=10)
    assert done.returncode == 0 and done.stdout + done.stderr
    assert (HOST_KEY.read_bytes(), (VAULT / "vault.toml").read_bytes()) == before


@pytest.mark.parametrize("lost", [HOST_KEY, VAULT / "vault.toml", VAULT / "keys", VAULT / "state"], ids=lambda path: path.name)
def test_init_of_half_a_machine_refuses_and_makes_nothing(machine, lost):
    away = lost.with_name("away")
    lost.rename(away)
    try:
        done = subprocess.run([DAEMON, "init"], capture_output=True, text=True, timeout=10)
        assert done.returncode != 0 and done.stderr.startswith("otp-enrolld:")
        assert not lost.exists()
    finally:
        away.rename(lost)


def test_init_without_the_account_says_how_to_make_it(machine):
    away = Path("/etc/passwd").read_text()
    Path("/etc/passwd").write_text("".join(line for line in away.splitlines(keepends=True) if not line.startswith(ACCOUNT)))
    try:
        done = subprocess.run([DAEMON, "init"], capture_output=True, text=True, timeout=10)
    finally:
        Path("/etc/passwd").write_text(away)
    assert done.returncode != 0 and "useradd --system --user-group " in done.stderr and "sysusers" in done.stderr


def test_init_is_for_root(machine, user):
    done = subprocess.run([*as_user(user), DAEMON, "init"], capture_output=True, text=True, timeout=10)
    assert done.returncode != 0
