"""The AppArmor profiles: they parse, they allow what the daemon does, and nothing more. `tests/enforced` has a kernel enforce them."""

import re
import shutil
import socket
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from harness.activation import activated, credential
from harness.apparmor import PROFILES, TRACED, accesses, file_rules, not_allowed_accesses, preprocessed
from harness.enrolment import confirm, invite, redeem
from harness.machine import ACCOUNT, DAEMON, MARKS, NOTIFIER, OUTBOX, otpctl, policy
from harness.notices import notify_once
from harness.passwords import watching, why_no_new_key
from harness.wire import Client, Refused, call

LOGS = Path("/usr/local/lib/otp-traces")
# The shifted clock, which the tests put before every program.
OF_THE_TESTS = re.compile(r"/etc/clock\w+|/usr/local/lib/otp-hosts/.*|/etc/ld\.so\.preload")
# Permissions that no trace here shows the need of, each with its reason.
SHOWN_ELSEWHERE = {
    "/usr/sbin/otp-enrolld mr": "the kernel asks for them where a confined program starts it",
    "@{PROC}/locks r": "a lock that is held for ten seconds",
}


def test_the_parser_has_no_complaint():
    command = ["apparmor_parser", "-Q", "-K", "-M", "/etc/apparmor.d/abi/3.0", "--warn=all", "--Werror", PROFILES]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.fixture(scope="module")
def traces(machine):
    """By profile: (path, permissions) of all that the program did in a life that has everything in it."""
    LOGS.mkdir()
    logs = {name: LOGS / name for name in ("otp-enrolld", "otp-notify")}
    account = ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", f"--groups={NOTIFIER}"]
    with credential() as directory, systemd_hears() as variables, policy('notify_command = ["/usr/bin/true"]\n'):
        environment = [word for variable in (directory, *variables) for word in ("-E", variable)]
        with activated(machine, *environment, *TRACED, "-o", logs["otp-enrolld"], *account, DAEMON):
            a_whole_life(machine)
        notify_once(*TRACED, "-o", logs["otp-notify"])
    yield {name: [one for one in accesses(log, DAEMON) if not OF_THE_TESTS.fullmatch(one[0])] for name, log in logs.items()}
    shutil.rmtree(LOGS)


@contextmanager
def systemd_hears():
    """The variables by which the daemon finds systemd, who wants to hear of it."""
    place = Path("/run/systemd/notify")
    place.parent.mkdir(exist_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(place))
        place.chmod(0o666)
        yield f"NOTIFY_SOCKET={place}", "WATCHDOG_USEC=60000000"
    place.unlink()


def a_whole_life(machine):
    """Invitation, keys, tokens, codes at all gates, suspension, a new key, an account that goes, another name, an end, and what is kept by the hour."""
    alice, bob, carol = (machine.new_user() for _ in range(3))
    code = invite(alice)
    with Client(uid=alice.uid) as client:
        key = redeem(client, code)
        confirm(client, key)
    machine.enrol(bob)
    for method in ("Status", "Notices", "Suspend", "Resume"):
        call(method, user=bob.name)
    call("List")
    with watching() as records:
        why_no_new_key(bob)
        (records / str(bob.uid)).unlink()  # the note of the first pass says that there was one
        why_no_new_key(bob)
    machine.converse("otp", alice, "text", key.first, "-r", bob.uid)
    call("Verify", alice.uid, code=key.second)
    with suppress(Refused):
        call("Verify", 100_000, user=alice.name, code="123456")
    otpctl("emergency", "bypass", alice.name, "--reason", "a trace")
    call("Verify", alice.uid, code="123456")
    shutil.move(MARKS, "/run/otp-emergency")
    call("Verify", alice.uid, code="123456")
    shutil.rmtree("/run/otp-emergency")
    machine.remove_user(bob)
    call("Forget", user=alice.name)


@pytest.mark.parametrize("name", ["otp-enrolld", "otp-notify"])
def test_the_profile_allows_what_the_program_does(traces, name):
    profiles, variables = preprocessed()
    assert len(traces[name]) > 30
    letters = {path for path, wanted in traces["otp-enrolld"] if path.startswith(f"{OUTBOX}/") and "w" in wanted}
    of_others = letters if name == "otp-notify" else set()
    assert not_allowed_accesses(file_rules(profiles[name], variables), traces[name], of_others) == []


@pytest.mark.parametrize("name", ["otp-enrolld", "otp-notify"])
def test_the_profile_allows_nothing_that_the_program_does_not_do(traces, name):
    """Every letter of every rule that is not an include's."""
    own = re.search(rf"^profile {name} .*?^\}}", PROFILES.read_text(), re.M | re.S)[0]
    rules = file_rules(own, preprocessed()[1])
    unused = {f"{rule.path} {rule.permissions}": unused_letters(rule, traces[name]) for rule in rules}
    assert {rule: letters for rule, letters in unused.items() if letters and rule not in SHOWN_ELSEWHERE} == {}


def unused_letters(rule, seen):
    used = {letter for path, wanted in seen if rule.matches(path) for letter in wanted}
    return "".join(letter for letter in rule.permissions if letter.islower() and letter not in used)
