"""Root-owned programs that serve nobody knows whom: without a terminal they are no console, and cannot close an admin's."""

import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.daemon_log import position, since, verdicts
from harness.enrolment import NEVER_ISSUED
from harness.journal import decisions, fields
from harness.machine import AUTH_ERR, SERVICE_ERR, SUCCESS, otpctl, pam_code, policy, write
from harness.origins import closed_origins, failures, no_wait
from harness.wait import until
from harness.wire import Client, Refused

SCREENS = ["tty1", "/dev/tty6", "/dev/pts/3", "/dev/console", "ttyS0", ":0", ":1.0"]
NO_SCREENS = ["", "cron", "ftpd4711", "/dev/ftpd4711", "/dev/pts/", "/tmp/tty1", "/dev/../tty1", "host:0", "localhost:10.0", "tty1x"]
MUX = Path("/run/saslauthd")


def by_the_module(machine, user, code, *options):
    """The origin in the log of a root-owned program that gives this code."""
    start = machine.journal.position()
    machine.ask("otp", user, code, *options)
    (line,) = decisions(machine.journal.since(start))
    return line["origin"]


def by_the_daemon(user, code, **claims):
    start = position()
    with Client() as client:
        client.call("Verify", user=user.name, code=code, real_uid=0, **claims)
    (line,) = verdicts(start)
    return line["origin"]


@contextmanager
def saslauthd():
    """It serves mail programs as root, and sets neither PAM_RHOST nor PAM_TTY."""
    MUX.mkdir(exist_ok=True)
    command = ["/usr/sbin/saslauthd", "-d", "-a", "pam", "-m", MUX, "-n", "1"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(command, **quiet, start_new_session=True)  # at its end it signals its whole process group
    try:
        until((MUX / "mux").exists, "saslauthd")
        yield
    finally:
        server.terminate()
        server.wait(10)


def guesses_by_mail(user, code):
    """Is somebody let in whose mail program gives this code?"""
    done = subprocess.run(["testsaslauthd", "-f", MUX / "mux", "-s", "otp", "-u", user.name, "-p", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith(("0: OK", "0: NO")), done
    return done.stdout.startswith("0: OK")


def test_strangers_at_saslauthd_close_no_console(machine):
    with policy(no_wait(20)), saslauthd():
        user, key = machine.enrolled_user()
        for number in range(20):
            assert not guesses_by_mail(user, key.wrong(number))
        assert closed_origins(machine, user) == {"other"} and failures(machine, user) == {"other": 20}
        assert not guesses_by_mail(user, key.first)
        key.step = key.step_now()  # so many guesses take their time
        assert machine.ask("otp", user, key.first, "-t", "tty1")[0] == SUCCESS


def test_saslauthd_lets_in_with_a_code_also_without_the_daemon(machine, enrolled):
    """It is root's all the way, so nobody can stop it while it holds a lock: it needs no daemon."""
    user, key = enrolled
    with saslauthd(), machine.daemon_stopped():
        assert guesses_by_mail(user, key.first) and not guesses_by_mail(user, key.first)


@pytest.mark.parametrize("tty", SCREENS)
def test_a_terminal_or_display_of_this_machine_is_a_console_for_module_and_daemon(machine, enrolled, tty):
    user, key = enrolled
    assert by_the_module(machine, user, key.wrong(), "-t", tty) == by_the_daemon(user, key.wrong(1), tty=tty) == "console"


@pytest.mark.parametrize("tty", NO_SCREENS)
def test_anything_else_is_none_for_module_and_daemon(machine, enrolled, tty):
    user, key = enrolled
    claims = {"tty": tty} if tty else {}
    assert by_the_module(machine, user, key.wrong(), "-t", tty) == by_the_daemon(user, key.wrong(1), **claims) == "other"


@pytest.mark.parametrize(
    "most, options, claims, origin",
    [
        ("remote", (), {"tty": "tty1"}, "remote"),
        ("other", (), {"tty": "tty1"}, "other"),
        ("other", ("-h", "192.0.2.7"), {"rhost": "192.0.2.7"}, "other"),
        ("remote", ("-h", "192.0.2.7"), {"rhost": "192.0.2.7"}, "remote"),
        ("remote", ("-t", ""), {}, "other"),
    ],
)
def test_a_service_lowers_it_for_module_and_daemon_and_raises_nothing(machine, enrolled, most, options, claims, origin):
    """As for a terminal in the browser, which starts login(1) on a terminal of its own."""
    user, key = enrolled
    with policy(f'[service.otp]\norigin = "{most}"\n'):
        assert by_the_module(machine, user, key.wrong(), *options) == origin
        assert by_the_daemon(user, key.wrong(1), service="otp", **claims) == origin
        assert by_the_daemon(user, key.wrong(2), service="another", tty="tty1") == "console"
    assert failures(machine, user) == ({origin: 2, "console": 1})


@pytest.fixture
def of_its_own(machine):
    """A service whose PAM line names a policy file, which lowers its origin: (the service, the file)."""
    file = Path("/etc/otp/own-origin.toml")
    write(file, '[service.own-origin]\nunenrolled = "enrol"\norigin = "other"\n', 0o644)
    yield machine.service("own-origin", f"required pam_otp.so config={file}"), str(file)
    file.unlink()


def test_the_policy_file_of_a_pam_line_lowers_it_where_a_first_key_is_wanted(machine, user, of_its_own):
    service, _ = of_its_own
    start = position()
    assert machine.ask(service, user, NEVER_ISSUED, "-t", "tty1")[0] == AUTH_ERR
    (line,) = [fields(line) for line in since(start) if "event=registration-code-unknown" in line]
    assert (line["origin"], line["service"]) == ("other", service)


def test_the_policy_file_of_a_pam_line_lowers_it_where_a_key_is_replaced(machine, enrolled, of_its_own):
    user, key = enrolled
    service, file = of_its_own
    for claims, origin in [({"config": file}, "other"), ({}, "console")]:
        with Client() as client, pytest.raises(Refused):
            client.call("Rotate", user=user.name, code=key.wrong(), real_uid=0, service=service, tty="tty1", **claims)
        assert failures(machine, user).get(origin) == 1


def test_a_persons_own_origin_is_never_lowered(machine, enrolled):
    user, key = enrolled
    with policy('[service.otp]\norigin = "other"\n'):
        assert by_the_module(machine, user, key.wrong(), "-r", user.uid) == "self"
    assert failures(machine, user) == {"self": 1}


@pytest.mark.parametrize("value", ['"console"', '"self"', '"socket"', '""', "1"])
def test_an_origin_that_would_raise_it_refuses_the_service_and_is_named(machine, enrolled, value):
    user, key = enrolled
    with policy(f"[service.otp]\norigin = {value}\n"):
        assert pam_code(machine, user, key.first) == SERVICE_ERR
        checked = otpctl("config", "check")
        assert checked.returncode == 1 and "origin is" in checked.stdout + checked.stderr
    assert pam_code(machine, user, key.wrong()) == AUTH_ERR
