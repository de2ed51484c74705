"""Hostile local users while others enrol: nobody keeps others from their codes, and no setuid program lends root's rights."""

import fcntl
import re
import shutil
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness import daemon_log
from harness.enrolment import enrol, invite, labels, other_code, redeem, works
from harness.hosts import HOSTS, gates
from harness.machine import SUCCESS, as_user, early_in_a_step, key_of
from harness.origins import all_failures
from harness.rotation import OFFER, changes_password, rotates
from harness.strace import attached
from harness.terminal import Terminal
from harness.wait import until
from harness.wire import Client, Refused, refusal

PROMPT_ENROLMENT = 8.0  # seconds within which everybody is served whatever the others do; a lock is waited for ten
PER_USER = 8  # connections
FREE_TRIES, FIRST_WAIT = 4, 2  # codes that are looked at before there is a wait, and its seconds; later ones are longer
OFTEN = 500  # calls
# what a host of the module may ask for; none of these gives a key for nothing
OF_THE_MODULE = {"Verify", "Status", "Notices", "NoticesShown", "Redeem", "Rotate", "ConfirmEnrolment", "CancelEnrolment"}


def others_enrol(machine):
    """Somebody else is invited, redeems and confirms promptly."""
    other = machine.new_user()
    early_in_a_step(left=2 + PROMPT_ENROLMENT)  # the wait for the next one is not the daemon's
    begun = time.monotonic()
    key, _ = enrol(other, invite(other))
    took = time.monotonic() - begun
    assert works(machine, other, key.first)
    return took < PROMPT_ENROLMENT, took


@contextmanager
def all_connections(machine, user, method, **parameters):
    """The user calls this over and over, on as many connections as one user gets. Yields how many calls each has been answered."""
    over, answered = threading.Event(), [0] * PER_USER

    def call(client, number):
        while not over.is_set():
            try:
                client.call(method, **parameters)
            except Refused:
                answered[number] += 1

    machine.left_alone()
    clients = [Client(uid=user.uid, timeout=60) for _ in range(PER_USER)]
    with ThreadPoolExecutor(PER_USER) as pool:
        running = [pool.submit(call, client, number) for number, client in enumerate(clients)]
        try:
            until(lambda: machine.threads() >= machine.idle_threads + PER_USER, "a thread of the daemon for each connection")
            yield answered
        finally:
            over.set()
            for one in running:
                one.result()
    assert all(answered), answered
    for client in clients:
        client.socket.close()


# others are served


@pytest.mark.parametrize("method", ["Redeem", "Repudiate"])
def test_a_user_whose_lock_hangs_keeps_nobody_from_the_tickets(machine, enrolled, method):
    """Users can stop their own sudo while it holds it."""
    user, _ = enrolled
    code = invite(user, replaces=True)
    with open(user.state_file, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with all_connections(machine, user, method, registration=code):
            assert others_enrol(machine)[0]


def test_a_user_with_a_worthless_code_keeps_nobody_from_the_tickets(machine, user):
    """Each look at a spoken code costs a slow hash under the lock."""
    with Client() as client:
        code = client.call("Invite", user=user.name, form="spoken")["invitation"]["codes"][0]
        client.call("RevokeInvitation", user=user.name)
    with all_connections(machine, user, "Redeem", registration=code) as answered:
        until(lambda: all(answered), "an answer on each connection")
        assert others_enrol(machine)[0]


def test_a_spent_code_typed_over_and_over_floods_neither_log_nor_spool(machine, user):
    code = invite(user)
    enrol(user, code)
    start, begun = daemon_log.position(), time.monotonic()

    def lines():
        return daemon_log.events(start).count("registration-code-replayed")

    with all_connections(machine, user, "Redeem", registration=code) as answered:
        until(lambda: sum(answered) >= OFTEN and lines() > FREE_TRIES, "many answers, and a line after the first wait")
    took = time.monotonic() - begun
    assert lines() <= FREE_TRIES + 1 + took / FIRST_WAIT, (lines(), took)


def test_slow_hashes_leave_the_daemon_no_larger(machine):
    """19 MiB each, one at a time, and given back."""

    def resident(which="VmRSS"):
        status = Path(f"/proc/{machine.process.pid}/status").read_text()
        return int(re.search(rf"{which}:\s+(\d+)", status)[1]) // 1024

    users = [machine.new_user() for _ in range(24)]
    machine.stop()
    machine.start()
    before = resident()

    def invited(client, user):
        return client.call("Invite", user=user.name, form="spoken")["invitation"]["codes"][0]

    def all_at_once(call, clients, words):
        with ThreadPoolExecutor(len(users)) as pool:
            results = list(pool.map(call, clients, words))
        for client in clients:
            client.socket.close()
        return results

    codes = all_at_once(invited, [Client(timeout=60) for _ in users], users)
    all_at_once(redeem, [Client(uid=user.uid, timeout=60) for user in users], codes)
    for user in users:  # so many good spoken codes are more than the daemon looks through for a stranger's
        with Client() as client:
            client.call("RevokeInvitation", user=user.name)
    assert resident("VmHWM") < before + 64
    until(lambda: resident() < before + 16, f"memory given back: {before} MiB before, {resident()} after, {resident('VmHWM')} at most")


# setuid programs


@pytest.fixture(scope="module")
def setuid_host(machine):
    """A setuid root program with a conversation in the caller's hand."""
    path = Path("/usr/local/bin/setuid-host")
    shutil.copyfile(machine.hosts / "oddconv", path)
    path.chmod(0o4755)
    yield path
    path.unlink()


def methods_in(log):
    return set(re.findall(r'\\"method\\":\\"io\.pam-otp\.Otp1\.(\w+)', log.read_text()))


def users_in(log):
    """The users named in calls and answers."""
    return set(re.findall(r'\\"user\\":\\"([^"\\]+)\\"', log.read_text()))


@pytest.mark.parametrize("typed", ["code", "wrong", "registration", "recovery", "junk"])
def test_a_setuid_program_of_another_user_has_none_of_roots_rights(machine, setuid_host, typed):
    mallory, alice = machine.new_user(), machine.new_user()
    code = invite(alice)
    if typed != "registration":
        key, recovery = enrol(alice, code)
    text = {"code": lambda: key.first, "wrong": key_wrong(locals()), "registration": lambda: code, "recovery": lambda: recovery[0], "junk": lambda: "junk"}[typed]()
    with attached(machine.process.pid) as log:
        done = subprocess.run([*as_user(mallory), setuid_host, "-a", "--", "otp", alice.name, "text", text], capture_output=True, text=True, timeout=60)
        asked = methods_in(log)
    opened = f"authenticate {SUCCESS}\n" in done.stdout
    assert opened == (typed in ("code", "recovery")), done.stdout
    assert asked <= OF_THE_MODULE, asked
    if typed == "registration":
        assert not alice.key_file.exists()
    if typed == "wrong":
        counted = all_failures(machine, alice)
        assert counted == {"self": 0, "other": 1, "remote": 0, "console": 0, "socket": 0}


def key_wrong(names):
    return lambda: names["key"].wrong()


@pytest.mark.parametrize("host", ["su-by-another", "su-own", "sudo"])
def test_real_setuid_hosts_ask_for_nothing_but_what_the_module_may(machine, host):
    machine.somebody = machine.new_user()
    user, key = machine.enrolled_user()
    with gates(machine), attached(machine.process.pid) as log:
        assert HOSTS[host].attempt(machine, user, key.wrong()).opened is False
        assert HOSTS[host].attempt(machine, user, key.first).opened
        assert methods_in(log) <= OF_THE_MODULE
    assert labels(machine, user) == ["phone"]


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [("code", {"Rotate", "ConfirmEnrolment"}), ("wrong", {"Rotate"}), ("registration", set())],
    ids=["code", "wrong", "registration"],
)
def test_real_passwd_asks_for_nothing_but_what_the_module_may(machine, passwd, enrolled, typed, wanted):
    """With rotate=ask, which hands out keys."""
    user, key = enrolled
    text = {"code": lambda: key.first, "wrong": key.wrong, "registration": lambda: invite(user, replaces=True)}[typed]()
    with attached(machine.process.pid) as log:
        terminal = changes_password(passwd, user)
        terminal.awaits(OFFER)
        terminal.types_hidden(text)
        new = rotates(terminal) if typed == "code" else None
        assert (terminal.ends() == 0) == (typed == "code"), terminal.transcript
        asked, named = methods_in(log), users_in(log)
    assert wanted <= asked <= OF_THE_MODULE and named <= {user.name}, (asked, named)
    assert bool(asked - {"Status"}) == bool(wanted), asked  # whether the daemon answers is asked before anything is offered
    assert works(machine, user, key.second) == (new is None) and labels(machine, user) == ["phone"]
    assert new is None or works(machine, user, new.first)


def test_real_passwd_asks_nothing_for_somebody_else(machine, passwd, enrolled):
    user, key = enrolled
    mallory = machine.new_user()
    with attached(machine.process.pid) as log:
        terminal = Terminal([*as_user(mallory), *passwd, user.name])
        assert terminal.ends() != 0 and OFFER not in terminal.transcript
        assert methods_in(log) == set()
    assert works(machine, user, key.first)


def test_what_a_user_says_of_himself_is_not_believed(machine, user):
    mallory = machine.new_user()
    code = invite(user)
    for claims in ({}, {"real_uid": 0}, {"real_uid": user.uid}, {"real_uid": user.uid, "service": "passwd"}):
        for method, more in (("Redeem", {"registration": code}), ("Rotate", {"code": "000000"})):
            assert refusal(mallory.uid, method, user=user.name, **more, **claims).name == "NotAllowed"
    for method, more in (("Invite", {}), ("BeginEnrolment", {}), ("AddToken", {"secret": "A" * 32}), ("Resume", {})):
        assert refusal(mallory.uid, method, user=user.name, **more).name == "NotAllowed"


def test_guesses_through_a_setuid_host_count_for_whoever_runs_it(machine, user):
    """As the module forwards them: root's process, another's real uid."""
    mallory = machine.new_user()
    code = invite(user)
    claims = {"user": user.name, "real_uid": mallory.uid, "service": "su"}
    waits = [refusal(0, "Redeem", registration=other_code(code), **claims).parameters["wait"] for _ in range(5)]
    assert waits[:4] == [0] * 4 and waits[4] > 0
    assert refusal(0, "Redeem", registration=code, **claims).parameters["wait"] > 0, "mallory waits, with the right one too"
    key, _ = enrol(user, code)  # and the owner does not
    assert refusal(0, "Rotate", code=key.wrong(), **claims).name == "NotPossible"
    counted = all_failures(machine, user)
    assert counted == {"self": 0, "other": 1, "remote": 0, "console": 0, "socket": 0}
    assert works(machine, user, key.first)


def test_through_a_setuid_host_a_code_replaces_nothing(machine, enrolled):
    user, key = enrolled
    code = invite(user, replaces=True)
    for real_uid in (user.uid, machine.new_user().uid, 0):
        found = refusal(0, "Redeem", user=user.name, registration=code, real_uid=real_uid, service="su")
        assert (found.name, found.parameters["reason"]) == ("NotPossible", "already-enrolled")
    assert works(machine, user, key.first)


def test_no_invitation_that_is_taken_back_ends_a_rotation(machine, enrolled):
    user, key = enrolled
    helpdesk = machine.new_user()
    machine.join(helpdesk, "otp-helpdesk")
    with Client(uid=user.uid) as client, Client(uid=helpdesk.uid) as other:
        new = key_of(client.call("Rotate", code=key.first)["enrolment"]["uri"])
        with pytest.raises(Refused) as refused:
            other.call("RevokeInvitation", user=user.name)
        assert refused.value.parameters["reason"] == "no-invitation"
        assert client.call("ConfirmEnrolment", code=new.confirming)["key"]
