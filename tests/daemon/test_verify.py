"""Checking codes over the socket: for the user, for root's hosts, and for applications that gate an action of their own."""

import fcntl
import grp
import json
import select
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import varlink

from harness import daemon_log
from harness.machine import AUTH_ERR, SERVICE_ERR, SUCCESS, UNKNOWN, Key, otpctl, policy, write
from harness.origins import closed_origins, failures, no_wait
from harness.wire import INTERFACE, SOCKET, Client, Refused, acting_as

ACCEPTED = {"accepted": True, "reason": "code", "key": None, "wait": 0}
REFUSED = {"accepted": False, "reason": "refused", "key": None, "wait": 0}
AT_A_TIME = 8

# what root says of the process that it asks for -> the origin that it makes
CLAIMS = {
    "self": lambda user, other: {"real_uid": user.uid},
    "other": lambda user, other: {"real_uid": other.uid},
    "remote": lambda user, other: {"real_uid": 0, "rhost": "192.0.2.7"},
    "console": lambda user, other: {"real_uid": 0, "tty": "tty1"},
}


def verdict(client, code, user=None, **words):
    named = {"user": user if isinstance(user, str) else user.name} if user else {}
    return client.call("Verify", code=code, **named, **words)["verdict"]


@pytest.fixture
def application(machine):
    """An account whose programs may check the codes of others."""
    account = machine.new_user()
    machine.join(account, "otp-verify")
    return account


@pytest.fixture
def connected_as(user, application):
    """A connection of the user, of root or of an application, by name."""
    with ExitStack() as stack:
        uids = {"owner": user.uid, "root": 0, "application": application.uid}
        yield lambda who: stack.enter_context(Client(uid=uids[who]))


# who may, and what comes of it


@pytest.mark.parametrize("who", ["owner", "root", "application"])
def test_a_code_is_accepted_once(machine, enrolled, connected_as, who):
    user, key = enrolled
    client = connected_as(who)
    assert verdict(client, key.first, user)["accepted"] is True
    assert verdict(client, key.first, user)["accepted"] is False
    assert verdict(client, key.second, user)["accepted"] is True


@pytest.mark.parametrize("who", ["owner", "root", "application"])
def test_under_an_emergency_mark_the_answer_is_neither_yes_nor_no(machine, enrolled, connected_as, who):
    user, key = enrolled
    client, start = connected_as(who), daemon_log.position()
    assert otpctl("emergency", "bypass", user.name, "--reason", "phone in the lake").returncode == 0
    try:
        verdicts = [verdict(client, code, user) for code in (key.first, key.wrong())]
    finally:
        assert otpctl("emergency", "end", user.name).returncode == 0
    assert verdicts == [{"accepted": False, "reason": "emergency", "key": None, "wait": 0}] * 2
    line = daemon_log.verdicts(start)[0]
    assert (line["outcome"], line["reason"], line["user"]) == ("ignored", "emergency", user.name)
    assert failures(machine, user) == {}
    assert verdict(client, key.first, user)["accepted"] is True, "the code was not looked at"


def test_nobody_named_means_the_one_who_asks(machine, enrolled):
    user, key = enrolled
    with Client(uid=user.uid) as client:
        assert verdict(client, key.first) == ACCEPTED
        assert verdict(client, key.first) == REFUSED


def test_root_without_a_name_asks_for_root(machine):
    with Client() as client:
        assert verdict(client, "123456")["reason"] == "not-enrolled"


def test_a_code_checked_on_the_socket_is_used_up_for_every_login(machine, enrolled):
    user, key = enrolled
    with Client(uid=user.uid) as client:
        assert verdict(client, key.first) == ACCEPTED
        assert machine.ask("otp", user, key.first)[0] == AUTH_ERR
        assert machine.ask("otp", user, key.second)[0] == SUCCESS
        assert verdict(client, key.second) == REFUSED


def test_twenty_connections_with_one_code_are_told_yes_once(machine, enrolled):
    user, key = enrolled
    machine.left_alone()
    with ExitStack() as stack:
        clients = [stack.enter_context(Client()) for _ in range(20)]
        start, answers = threading.Barrier(len(clients)), []

        def one(client):
            start.wait()
            try:
                answers.append(verdict(client, key.first, user)["accepted"])
            except Refused as refused:  # of one user's codes only so many are looked at at a time
                assert refused.name == "Busy"
                answers.append(False)

        threads = [threading.Thread(target=one, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(answers) == [False] * 19 + [True]


@pytest.mark.parametrize("claims", [{}, {"real_uid": 0, "service": "sshd", "rhost": "192.0.2.7"}], ids=["plain", "with-claims"])
def test_a_stranger_is_told_the_same_of_everybody(machine, enrolled, claims):
    user, key = enrolled
    unenrolled, stranger = machine.new_user(), machine.new_user()
    answers = set()
    with Client(uid=stranger.uid) as client:
        for name, code in [(user.name, key.first), (user.name, key.wrong()), (unenrolled.name, "123456"), (UNKNOWN, "123456"), ("root", "123456")]:
            with pytest.raises(Refused) as refused:
                verdict(client, code, name, **claims)
            answers.add(str(refused.value))
    assert len(answers) == 1 and answers.pop().startswith("NotAllowed")
    assert failures(machine, user) == {}
    assert machine.ask("otp", user, key.first)[0] == SUCCESS


def test_membership_is_looked_up_at_every_call(machine, enrolled):
    user, key = enrolled
    stranger = machine.new_user()
    with Client(uid=stranger.uid) as client:
        with pytest.raises(Refused, match="NotAllowed"):
            verdict(client, key.first, user)
        machine.join(stranger, "otp-verify")
        assert verdict(client, key.first, user) == ACCEPTED
        machine.leave(stranger, "otp-verify")
        with pytest.raises(Refused, match="NotAllowed"):
            verdict(client, key.second, user)


def test_the_primary_group_counts_too(machine, enrolled):
    user, key = enrolled
    application = machine.new_user(gid=grp.getgrnam("otp-verify").gr_gid)
    with Client(uid=application.uid) as client:
        assert verdict(client, key.first, user) == ACCEPTED


def test_a_process_that_merely_runs_with_the_groups_gid_is_no_member(machine, enrolled):
    user, key = enrolled
    stranger = machine.new_user()
    with Client(uid=stranger.uid, gid=grp.getgrnam("otp-verify").gr_gid) as client, pytest.raises(Refused, match="NotAllowed"):
        verdict(client, key.first, user)


@pytest.mark.parametrize("group", ["otp-admin", "otp-helpdesk"])
def test_other_groups_of_ours_may_not(machine, enrolled, group):
    user, key = enrolled
    member = machine.new_user()
    machine.join(member, group)
    with Client(uid=member.uid) as client, pytest.raises(Refused, match="NotAllowed"):
        verdict(client, key.first, user)


# origins


@pytest.mark.parametrize("origin", CLAIMS)
def test_root_says_for_whom_it_asks(machine, enrolled, origin):
    user, key = enrolled
    claims = CLAIMS[origin](user, machine.new_user())
    start = daemon_log.position()
    with Client() as client:
        assert verdict(client, key.wrong(), user, **claims)["reason"] == "wrong"
        assert failures(machine, user) == {origin: 1}
        assert verdict(client, key.first, user, **claims)["accepted"] is True
    assert failures(machine, user) == {}
    assert [line["origin"] for line in daemon_log.verdicts(start)] == [origin, origin]


def test_an_empty_rhost_is_the_console(machine, enrolled):
    user, key = enrolled
    with Client() as client:
        verdict(client, key.wrong(), user, real_uid=0, rhost="", tty=":0")
    assert failures(machine, user) == {"console": 1}


def test_root_on_the_far_side_is_remote_even_for_root(machine):
    start = daemon_log.position()
    with Client() as client:
        verdict(client, "123456", "root", real_uid=0, rhost="192.0.2.7")
    assert [line["origin"] for line in daemon_log.verdicts(start)] == ["remote"]


def test_the_owner_is_origin_socket_and_an_application_origin_other(machine, enrolled, connected_as):
    user, key = enrolled
    start = daemon_log.position()
    verdict(connected_as("owner"), key.wrong(), user)
    verdict(connected_as("application"), key.wrong(), user)
    assert failures(machine, user) == {"socket": 1, "other": 1}
    assert [line["origin"] for line in daemon_log.verdicts(start)] == ["socket", "other"]


@pytest.mark.parametrize("closing", ["owner", "application", *CLAIMS])
def test_each_origin_closes_alone_and_the_code_still_opens_the_others(machine, application, closing):
    origin = {"owner": "socket", "application": "other"}.get(closing, closing)
    with policy(no_wait(20)):
        user, key = machine.enrolled_user()
        uid = {"owner": user.uid, "application": application.uid}.get(closing, 0)
        claims = CLAIMS[closing](user, application) if closing in CLAIMS else {}
        with Client(uid=uid) as client:
            for number in range(20):
                assert verdict(client, key.wrong(number), user, **claims)["accepted"] is False
            assert verdict(client, key.first, user, **claims)["accepted"] is False
        assert closed_origins(machine, user) == {origin} and failures(machine, user) == {origin: 20}
        open_ones = [name for name in CLAIMS if name != origin]
        with Client() as client:
            assert verdict(client, key.first, user, **CLAIMS[open_ones[0]](user, application))["accepted"] is True


def test_strangers_and_malware_together_close_neither_self_nor_console_and_disable_nothing(machine, application):
    with policy(no_wait(20)):
        user, key = machine.enrolled_user()
        stranger = machine.new_user()
        with Client(uid=user.uid) as malware, Client(uid=application.uid) as gate, Client() as root:
            for number in range(60):
                verdict(malware, key.wrong(number), user, real_uid=user.uid, service="sudo")
                verdict(gate, key.wrong(number), user, real_uid=user.uid)
                verdict(root, key.wrong(number), user, real_uid=stranger.uid)
                verdict(root, key.wrong(number), user, real_uid=0, rhost="192.0.2.7")
        assert closed_origins(machine, user) == {"socket", "other", "remote"}
        assert machine.status(user)["disabled"] is False
        key.step = key.step_now()  # so many guesses take their time
        assert machine.ask("otp", user, key.first, "-r", user.uid)[0] == SUCCESS
        assert machine.ask("otp", user, key.second)[0] == SUCCESS


def test_a_hundred_wrong_codes_from_everywhere_disable_the_keys(machine, application):
    with policy(no_wait(20)):
        user, key = machine.enrolled_user()
        with Client() as root, Client(uid=user.uid) as own:
            for number in range(20):
                for origin in CLAIMS:
                    assert verdict(root, key.wrong(number), user, **CLAIMS[origin](user, application))["reason"] == "wrong"
                assert machine.status(user)["disabled"] is False
                assert verdict(own, key.wrong(number)) == REFUSED
            assert machine.status(user)["disabled"] is True
            assert verdict(own, key.first)["reason"] == "disabled"
            assert verdict(root, key.first, user)["reason"] == "disabled"


# what others claim


@pytest.mark.parametrize("who, origin", [("owner", "socket"), ("application", "other")])
@pytest.mark.parametrize(
    "claims",
    [{"real_uid": 0}, {"real_uid": 0, "rhost": "192.0.2.7"}, {"real_uid": 4242}, {"service": "sshd", "tty": "tty1"}],
    ids=str,
)
def test_what_others_than_root_claim_is_logged_and_selects_nothing(machine, enrolled, connected_as, who, origin, claims):
    user, key = enrolled
    start = daemon_log.position()
    assert verdict(connected_as(who), key.wrong(), user, **claims) == REFUSED
    assert failures(machine, user) == {origin: 1}
    (line,) = daemon_log.verdicts(start)
    assert line["origin"] == origin and {name: line[name] for name in claims} == {name: str(value) for name, value in claims.items()}


def test_the_rules_of_a_service_hold_for_root_who_names_it_and_for_nobody_else(machine, connected_as, user):
    with machine.policy("version = 1\n[service.wide.window]\nforward = 2\n"):
        key = machine.enrol(user)
        with machine.mid_step():
            early = key.code(key.step_now() + 2)
            assert verdict(connected_as("owner"), early, user, service="wide") == REFUSED
            assert verdict(connected_as("application"), early, user, service="wide") == REFUSED
            assert verdict(connected_as("root"), early, user)["reason"] == "wrong"
            assert verdict(connected_as("root"), early, user, service="wide")["accepted"] is True


def test_the_policy_file_of_a_pam_line_holds_where_the_daemon_decides_and_for_root_alone(machine, connected_as, user):
    own = write_policy("/etc/otp/own.toml", "[guesses]\nother = 3\nwait = \"none\"\n")
    key = machine.enrol(user)
    service = machine.service("own-policy", f"required pam_otp.so config={own}")
    stranger = machine.new_user()
    for number in range(3):
        assert machine.ask(service, user, key.wrong(number), "-r", stranger.uid)[0] == AUTH_ERR
    assert closed_origins(machine, user) == {"other"}
    missing = machine.service("no-policy", "required pam_otp.so config=/etc/otp/nothing.toml")
    assert machine.ask(missing, user, key.first, "-r", stranger.uid)[0] == SERVICE_ERR
    with pytest.raises(Refused) as refused:
        connected_as("root").call("Verify", user=user.name, code=key.first, config="/etc/otp/nothing.toml")
    assert refused.value.name == "Unavailable"
    assert verdict(connected_as("owner"), key.first, user, config="/etc/otp/nothing.toml")["accepted"], "a claim of his is passed over"


def write_policy(path, text):
    write(Path(path), text, 0o644)
    return path


# what is told to whom


SITUATIONS = {
    "wrong": lambda machine, user, key, client: key.wrong(),
    "replayed": lambda machine, user, key, client: key.confirming,
    "junk": lambda machine, user, key, client: "hunter2",
    "waiting": lambda machine, user, key, client: [verdict(client, key.wrong(n), user) for n in range(4)] and key.first,
}


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("who", ["owner", "root", "application"])
def test_what_is_told_of_a_refusal(machine, enrolled, connected_as, who, situation):
    user, key = enrolled
    client = connected_as(who)
    with machine.no_wait_passes():
        found = verdict(client, SITUATIONS[situation](machine, user, key, client), user)
    if who == "root" or (who == "owner" and situation == "waiting"):
        assert found["reason"] == situation
        assert found["wait"] == (2 if situation == "waiting" else 0)
    else:
        assert found == REFUSED


def test_the_label_of_the_key_is_told_to_root_alone(machine, user, connected_as):
    key = machine.enrol(user, label="blue phone")
    assert verdict(connected_as("root"), key.first, user) == {**ACCEPTED, "key": "blue phone"}
    assert verdict(connected_as("owner"), key.second, user) == ACCEPTED


def test_r8_an_application_cannot_tell_enrolled_from_unenrolled_from_unknown(machine, enrolled, connected_as):
    user, key = enrolled
    client = connected_as("application")
    unenrolled = machine.new_user()
    for code in (key.wrong(), "junk"):
        answers = [verdict(client, code, name) for name in (user, unenrolled, UNKNOWN)]
        assert answers == [REFUSED] * 3


def test_root_is_told_which_of_them_it_is(machine, user, connected_as):
    client = connected_as("root")
    assert [verdict(client, "123456", name)["reason"] for name in (user, UNKNOWN)] == ["not-enrolled", "unknown-user"]


def test_an_application_asking_for_itself_is_the_owner(machine, application):
    key = machine.enrol(application)
    start = daemon_log.position()
    with Client(uid=application.uid) as client:
        assert verdict(client, key.first) == ACCEPTED
    assert [line["origin"] for line in daemon_log.verdicts(start)] == ["socket"]


def test_the_owner_is_told_that_the_clock_runs_behind(machine, enrolled, connected_as):
    user, key = enrolled
    assert machine.ask("otp", user, key.second)[0] == SUCCESS
    with machine.clock(-3600):
        assert verdict(connected_as("owner"), key.first)["reason"] == "clock-behind"
        assert verdict(connected_as("application"), key.first, user) == REFUSED


# junk and bounds


@pytest.mark.parametrize("typed", ["x", " ", "12345", "123456789", "12345a", "１２３４５", "R-12345", "hunter2" * 9])
def test_what_is_no_code_is_refused_and_not_counted(machine, enrolled, typed):
    user, key = enrolled
    with Client() as client:
        for _ in range(6):
            assert verdict(client, typed, user, real_uid=user.uid)["reason"] == "junk"
        assert failures(machine, user) == {}
        assert verdict(client, key.first, user, real_uid=user.uid)["accepted"] is True


@pytest.mark.parametrize(
    "field, value",
    [
        ("code", ""),
        ("code", "1" * 65),
        ("code", "123456\n"),
        ("action", "x" * 257),
        ("service", "x" * 257),
        ("rhost", "x" * 257),
        ("tty", "x" * 257),
        ("user", ""),
        ("user", "a\nb"),
        ("real_uid", -1),
        ("real_uid", 1 << 32),
        ("real_uid", "0"),
        ("code", 123456),
        ("nonsense", True),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_an_impossible_parameter_is_refused_by_name_and_a_code_is_not_repeated(machine, enrolled, field, value):
    user, key = enrolled
    start = daemon_log.position()
    with Client(uid=user.uid) as client:
        with pytest.raises(Refused) as refused:
            client.call("Verify", **{"code": key.first, field: value})
        assert refused.value.name in ("InvalidValue", "org.varlink.service.InvalidParameter")
        assert field in json.dumps(refused.value.parameters)
        assert field != "code" or not value or str(value) not in str(refused.value)
        assert verdict(client, key.first) == ACCEPTED
    assert key.first not in "\n".join(daemon_log.since(start))


@contextmanager
def decisions_held_up(user):
    """Nobody gets the user's lock."""
    with open(user.state_file, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def test_a_ninth_code_at_once_for_one_person_is_turned_away_and_the_others_are_served(machine, enrolled):
    user, key = enrolled
    other, others_key = machine.enrolled_user()
    message = json.dumps({"method": f"{INTERFACE}.Verify", "parameters": {"user": user.name, "code": key.first, "real_uid": user.uid}})
    with ExitStack() as stack:
        clients = [stack.enter_context(Client()) for _ in range(AT_A_TIME + 1)]
        with decisions_held_up(user):
            for client in clients:
                client.send(message.encode() + b"\0")
            (quick,), _, _ = select.select([client.socket for client in clients], [], [], 30)
            (turned_away,) = [client for client in clients if client.socket is quick]
            assert json.loads(turned_away.receive())["error"] == f"{INTERFACE}.Busy"
            with Client() as root, Client(uid=other.uid) as elsewhere:
                assert verdict(root, others_key.first, other, real_uid=other.uid)["accepted"] is True
                assert verdict(elsewhere, others_key.second) == ACCEPTED
        rest = [json.loads(client.receive())["parameters"]["verdict"]["accepted"] for client in clients if client is not turned_away]
    assert sorted(rest) == [False] * (AT_A_TIME - 1) + [True]
    with Client() as client:
        assert verdict(client, key.second, user, real_uid=user.uid)["accepted"] is True


@pytest.mark.parametrize(("who", "most"), [("application", 2), ("root", 8)])
def test_who_holds_his_own_lock_keeps_an_application_from_nobody_else(machine, enrolled, application, who, most):
    user, key = enrolled
    other, others_key = machine.enrolled_user()
    uid = {"application": application.uid, "root": 0}[who]
    message = json.dumps({"method": f"{INTERFACE}.Verify", "parameters": {"user": user.name, "code": key.wrong()}}).encode() + b"\0"
    machine.left_alone()
    with ExitStack() as stack, decisions_held_up(user):
        clients = [stack.enter_context(Client(uid=uid)) for _ in range(most + 1)]
        for client in clients:
            client.send(message)
        (quick,), _, _ = select.select([client.socket for client in clients], [], [], 30)  # and so the others wait
        (turned_away,) = [client for client in clients if client.socket is quick]
        turned_away.socket.close()
        for _ in range(30):  # each would wait ten seconds for the lock, and take a place of the application's all the while
            with Client(uid=uid) as client:
                client.send(message)
                assert json.loads(client.receive())["error"] == f"{INTERFACE}.Busy"
        with Client(uid=uid) as client:
            assert verdict(client, others_key.first, other)["accepted"] is True


# the log


@pytest.mark.parametrize("who, origin", [("owner", "socket"), ("root", "other"), ("application", "other")])
def test_the_log_says_who_asked_for_whom_and_for_what(machine, enrolled, connected_as, application, who, origin):
    user, key = enrolled
    start = daemon_log.position()
    verdict(connected_as(who), key.first, user, action="pay 100 EUR to Bob")
    (line,) = daemon_log.verdicts(start)
    by = {"owner": user.uid, "root": 0, "application": application.uid}[who]
    assert (line["user"], line["uid"], line["by"], line["origin"]) == (user.name, str(user.uid), str(by), origin)
    assert (line["outcome"], line["reason"], line["action"]) == ("accepted", "code", "pay 100 EUR to Bob")


@pytest.mark.parametrize("field", ["action", "service", "rhost", "tty"])
def test_control_characters_forge_no_line(machine, enrolled, field):
    user, key = enrolled
    start = daemon_log.position()
    with Client(uid=user.uid) as client:
        verdict(client, key.wrong(), **{field: 'x" outcome=accepted\nforged: event=verify outcome=accepted by=0\x1b[2J\r\x7fé'})
    (line,) = [line for line in daemon_log.since(start) if "forged" in line]
    assert all(" " <= sign <= "~" for sign in line)
    assert r"\x0a" in line and r"\x1b" in line and r"\x22" in line
    assert line.index("outcome=refused") < line.index("outcome=accepted")


def test_a_denial_is_logged_with_its_reason(machine, enrolled):
    user, key = enrolled
    stranger = machine.new_user()
    start = daemon_log.position()
    with Client(uid=stranger.uid) as client, pytest.raises(Refused):
        verdict(client, key.first, user)
    (line,) = [line for line in daemon_log.since(start) if "event=denied" in line]
    assert f"by={stranger.uid}" in line and "act=Verify" in line and "otp-verify" in line


def test_no_code_is_ever_logged(machine, enrolled, connected_as, journal):
    user, key = enrolled
    position, start = journal.position(), daemon_log.position()
    typed = [key.wrong(), key.first, key.first, "hunter4711", "123456789", "123456\x01", "1" * 65]
    for who in ("owner", "root", "application"):
        client = connected_as(who)
        for code in typed:
            try:
                verdict(client, code, user)
            except Refused as refusal:
                assert refusal.name == "InvalidValue"
    lines = "\n".join(journal.since(position) + daemon_log.since(start))
    # wrong and right codes have a line each; of the rest, which has no end, one a second for each asker
    assert lines.count("reason=wrong") == 3 and lines.count("reason=code") == 1
    assert lines.count("reason=junk") + lines.count("reason=replayed") >= 1
    for code in typed:
        assert code not in lines


# a client that nobody here wrote


CHANGING_METHODS = [
    ("Suspend", {}),
    ("Resume", {}),
    ("Reopen", {"origin": "console"}),
    ("Rename", {"key": "phone", "label": "tablet"}),
    ("SetExpiry", {"key": "tablet"}),
    ("Revoke", {"key": "tablet"}),
    ("Forget", {}),
]


def test_the_varlink_client_of_pypi_introspects_and_calls_every_method(machine, user):
    with varlink.Client.new_with_address(f"unix:{SOCKET}") as client:
        assert INTERFACE in client.get_interfaces()
        interface = client.get_interface(INTERFACE)
        methods = {name for name, member in interface.members.items() if type(member).__name__ == "_Method"}
        called = set()
        with client.open(INTERFACE) as otp:

            def call(method, **parameters):
                called.add(method)
                return getattr(otp, method)(**parameters)

            call("BeginEnrolment", user=user.name)
            assert call("CancelEnrolment") == {}
            key = Key(call("BeginEnrolment", user=user.name, label="phone", algorithm="SHA1", digits=6, period=120)["enrolment"])
            assert call("ConfirmEnrolment", code=key.confirming)["user"] == user.name
            assert call("Status", user=user.name)["status"]["enrolled"] is True
            assert call("Barred", user=user.name) == {"barred": False}
            assert user.name in [status["user"] for status in call("List")["users"]]
            assert call("Verify", user=user.name, code=key.first, action="a test")["verdict"]["accepted"] is True
            assert call("Verify", user=user.name, code=key.first)["verdict"]["accepted"] is False
            (notice,) = call("Notices", user=user.name)["notices"]
            assert notice["event"] == "admin-enrolled" and call("NoticesShown", user=user.name, last=notice["id"]) == {}
            asked = call("RequestReset", user=user.name, reason="a test", proof="callback")["reset"]
            assert [one["id"] for one in call("ListResets")["resets"]] == [asked["id"]]
            with pytest.raises(varlink.VarlinkError) as refused:
                call("ApproveReset", id=asked["id"])
            assert refused.value.parameters()["reason"] == "approval-not-wanted"
            assert call("CancelReset", id=asked["id"]) == {"user": user.name}
            for method, parameters in CHANGING_METHODS:
                assert call(method, user=user.name, **parameters) in ({}, {"changed": False}), method
            with pytest.raises(varlink.VarlinkError) as refused:
                call("BeginEnrolment", user=UNKNOWN)
            assert refused.value.error() == f"{INTERFACE}.NoSuchUser"
            for method, parameters in [("Adopt", {"from": UNKNOWN}), ("Restored", {})]:
                with pytest.raises(varlink.VarlinkError) as refused:
                    call(method, user=user.name, **parameters)
                assert refused.value.error() == f"{INTERFACE}.NotPossible"
            assert set(call("AdoptAll", dry_run=True)) == {"adopted", "left"}
            assert "users" in call("ListGone")
            call("Invite", user=user.name)
            assert call("ExtendInvitation", user=user.name)["changed"] is False
            assert call("RevokeInvitation", user=user.name) == {}
            (code,) = call("Invite", user=user.name, form="mail")["invitation"]["codes"]
            assert call("ImportKey", user=user.name, secret="JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXQ", dry_run=True)["already"] is False
            assert call("AddToken", user=user.name, secret="GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJT", label="token")["tries"] == 6
            assert call("ImportToken", serial="S-1", secret="MFRGGZDFMZTWQ2LKMFRGGZDFMZTWQ2LK") == {"already": False}
            assert [token["serial"] for token in call("ListTokens")["tokens"]] == ["S-1"]
            assert call("AssignToken", user=user.name, serial="S-1")["tries"] == 6
            assert call("RemoveToken", serial="S-1") == {}
        with acting_as(user.uid), varlink.Client.new_with_address(f"unix:{SOCKET}") as mine, mine.open(INTERFACE) as otp:
            key = Key(call("Redeem", registration=code, label="phone", period=120)["enrolment"])
            assert len(call("ConfirmEnrolment", code=key.confirming)["recovery_codes"]) == 8
            assert call("AddKey", code=key.first, label="tablet")["enrolment"]["label"] == "tablet"
            assert len(call("RenewRecoveryCodes", code=key.second)["recovery_codes"]) == 8
            assert call("TryCode", code=key.second)["verdict"]["accepted"] is False
            for lost in ("ReportLost", "TakeBackLost"):
                with pytest.raises(varlink.VarlinkError) as refused:
                    call(lost, code=key.second)
                assert refused.value.parameters()["reason"] == {"ReportLost": "code-refused", "TakeBackLost": "not-reported-lost"}[lost]
            with pytest.raises(varlink.VarlinkError) as refused:
                call("Rotate", code=key.second)
            assert refused.value.error() == f"{INTERFACE}.NotPossible"
            assert call("Repudiate", registration=code) == {"keys": 1}
        assert called == methods
