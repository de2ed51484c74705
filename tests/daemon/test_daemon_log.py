"""Where the daemon's lines go, and that no logger, however it fails, keeps anybody from being served."""

import os
import re
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

import pytest

from harness import daemon_log
from harness.machine import DAEMON, DAEMON_LOG, otpctl, run
from harness.wait import until
from harness.wire import Client

LOG = Path("/dev/log")
AUTHPRIV_INFO = "<86>"
JOURNAL = ("journalctl", "--directory", "/run/log/journal")  # that of the test, not the machine's own
A_LINE = 0.1  # seconds that a line waits for a logger that hangs; the next ones do not wait
ZONE = "TEST-05:30"  # five and a half hours east of Greenwich (tzset(3))


@contextmanager
def no_logger():
    away = LOG.with_name("log.away")
    LOG.rename(away)
    try:
        yield
    finally:
        LOG.unlink(missing_ok=True)
        away.rename(LOG)


@contextmanager
def another_logger():
    """A socket in the logger's place; nobody reads it unless the test does."""
    with no_logger(), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as logger:
        logger.bind(str(LOG))
        LOG.chmod(0o666)
        yield logger


@contextmanager
def real_logger(*command):
    """The logger of a real machine, started in a zone that is not that of the test."""
    with no_logger():
        logger = subprocess.Popen(command, stdin=subprocess.DEVNULL, env={**os.environ, "TZ": ZONE})
        try:
            until(lambda: LOG.exists() or logger.poll() is not None, command[0])
            assert logger.poll() is None, f"{command[0]} ended with {logger.returncode}"
            yield
        finally:
            logger.terminate()
            logger.wait(10)


@pytest.fixture
def journald():
    """A command that starts systemd's journal on /dev/log; its files are gone after the test."""
    directory = Path("/run/systemd/journal")
    run("mount", "-t", "cgroup2", "-o", "ro", "cgroup2", "/sys/fs/cgroup")
    yield ["sh", "-c", f"ln -s {directory}/dev-log {LOG} && exec /lib/systemd/systemd-journald"]
    run("umount", "/sys/fs/cgroup")
    shutil.rmtree(directory, ignore_errors=True)
    shutil.rmtree("/run/log/journal", ignore_errors=True)


def restart(machine):
    """A new daemon: to the old one a logger may have failed a moment ago, and it would leave it alone."""
    machine.stop()
    machine.start()


def usual_call(times=1):
    """Calls that leave a line each; how long the middle one of them took. None may take as long as a client waits."""
    took = []
    with Client() as client:
        for _ in range(times):
            begun = time.monotonic()
            client.call("Status")
            took.append(time.monotonic() - begun)
    return median(took)


def lines_taken(logger):
    lines = []
    logger.setblocking(False)
    while True:
        try:
            lines.append(logger.recv(8192).decode())
        except BlockingIOError:
            return lines


def once_written(lines):
    """Lines of the first call that leaves any: a logger that has failed is left alone for a second."""

    def called():
        usual_call()
        return lines()

    return until(called, "a line in the logger")


@contextmanager
def daemon_with(machine, stderr, **environment):
    """A daemon of the test's own instead of the usual one."""
    machine.stop()
    daemon = subprocess.Popen([DAEMON], stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, env={**os.environ, **environment})
    try:
        until(lambda: otpctl("list").returncode != 3, "the daemon")
        yield daemon
    finally:
        daemon.terminate()
        daemon.wait(10)
        machine.start()


def test_lines_go_to_the_systems_log_under_authpriv_and_to_standard_error(machine, journal, enrolled):
    start, own = journal.position(), daemon_log.position()
    usual_call()
    lines = [line for line in journal.all_since(start) if "otp-enrolld[" in line]
    assert len(lines) == 1 and lines[0].startswith(f"{AUTHPRIV_INFO}otp-enrolld[{machine.process.pid}]: event=allowed act=ReadStatus")
    assert [line for line in daemon_log.since(own) if "act=ReadStatus" in line] == [f"otp-enrolld: {lines[0].split(': ', 1)[1]}"]


def test_without_a_logger_the_daemon_serves_and_finds_the_next_one(machine, journal, enrolled):
    with no_logger():
        restart(machine)
        assert usual_call(20) < A_LINE
    start = journal.position()
    lines = once_written(lambda: [line for line in journal.all_since(start) if "otp-enrolld[" in line])
    assert re.search(r"event=lines-lost count=\d+", lines[0]) and "act=ReadStatus" in lines[1]


def test_a_logger_that_hangs_holds_nobody_up(machine, enrolled):
    with another_logger() as logger:
        restart(machine)
        assert usual_call(400) < A_LINE
        assert (machine.status(enrolled[0]) or {})["enrolled"]
        queued = lines_taken(logger)
        assert 1 <= len(queued) < 400, "its queue was full"
        later = once_written(lambda: lines_taken(logger))
        assert "event=lines-lost" in later[0] and "act=ReadStatus" in later[1]


def test_standard_error_that_nobody_reads_holds_nobody_up(machine, enrolled):
    read, write = os.pipe()
    try:
        with daemon_with(machine, write):
            assert usual_call(2000) < A_LINE  # far more than a pipe holds
            assert machine.status(enrolled[0])["enrolled"]
    finally:
        os.close(read)
        os.close(write)


def test_under_systemd_lines_go_to_the_journal_alone(machine, journal, enrolled):
    start = journal.position()
    with open(DAEMON_LOG, "ab") as log:
        about, own = os.fstat(log.fileno()), daemon_log.position()
        with daemon_with(machine, log, JOURNAL_STREAM=f"{about.st_dev}:{about.st_ino}"):
            usual_call()
    lines = daemon_log.since(own)
    assert any(line.startswith("<6>event=allowed act=ReadStatus") for line in lines)
    assert not [line for line in journal.all_since(start) if "act=ReadStatus" in line]


@pytest.mark.parametrize("stream", ["1:1", "nonsense"])
def test_a_journal_that_standard_error_does_not_lead_to_is_none(machine, journal, enrolled, stream):
    with open(DAEMON_LOG, "ab") as log, daemon_with(machine, log, JOURNAL_STREAM=stream):
        start = journal.position()
        usual_call()
        assert [line for line in journal.all_since(start) if "act=ReadStatus" in line]


def test_a_logger_that_hangs_does_not_keep_root_from_an_emergency(machine, user):
    with another_logger():
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as flood:
            flood.setblocking(False)
            with pytest.raises(BlockingIOError):
                while True:
                    flood.sendto(b"x", str(LOG))
        begun = time.monotonic()
        assert otpctl("emergency", "bypass", user.name, "--reason", "x").returncode == 0
        assert otpctl("emergency", "end", user.name).returncode == 0
        assert time.monotonic() - begun < 5


def leave_lines(machine, user):
    """One line from the daemon and one from otpctl; returns the moment before, in whole seconds."""
    begun = int(time.time())
    restart(machine)
    usual_call()
    assert otpctl("emergency", "bypass", user.name, "--reason", "x").returncode == 0
    assert otpctl("emergency", "end", user.name).returncode == 0
    return begun


def stands_beside(lines, machine, begun):
    """The logger's own time, with its zone, before both lines; after the logger's header nothing but what was sent."""
    lines = [line.split(" ", 3) for line in lines]
    for program, text in ((f"otp-enrolld[{machine.process.pid}]:", "event=allowed act=ReadStatus "), ("otpctl[", "event=emergency-end ")):
        stamp, host, _, _ = next(line for line in lines if line[2].startswith(program) and line[3].startswith(text))
        when = datetime.fromisoformat(stamp)
        assert when.utcoffset() == timedelta(hours=5, minutes=30) and begun <= when.timestamp() <= time.time()
        assert host == os.uname().nodename


@pytest.mark.parametrize("believes", ["", 'SysSock.IgnoreTimestamp="off" SysSock.UseSysTimeStamp="off"'], ids=["itself", "the line"])
def test_rsyslog_puts_its_own_time_beside_a_line_that_brings_none(machine, user, believes):
    """Also where it would believe a line that brings one, and take UTC for the time here."""
    config, lines = Path("/tmp/rsyslog.conf"), Path("/var/log/auth.log")
    lines.unlink(missing_ok=True)
    debian = re.sub(r"(?m)^.*imklog.*\n", "", Path("/etc/rsyslog.conf").read_text())  # the kernel's lines are the machine's
    assert '"imuxsock"' in debian, "the line that names the socket"
    config.write_text(debian.replace('"imuxsock"', f'"imuxsock" {believes}'))
    with real_logger("/usr/sbin/rsyslogd", "-n", "-f", config, "-i", "/tmp/rsyslog.pid"):
        begun = leave_lines(machine, user)
        until(lambda: lines.exists() and "event=emergency-end" in lines.read_text(), "the lines")
    stands_beside(lines.read_text().splitlines(), machine, begun)


def test_the_journal_puts_its_own_time_beside_a_line_that_brings_none(machine, user, journald):
    def lines():
        return run("env", f"TZ={ZONE}", *JOURNAL, "--output", "short-iso")

    with real_logger(*journald):
        begun = leave_lines(machine, user)
        until(lambda: "event=emergency-end" in lines(), "the lines")
    stands_beside(lines().splitlines(), machine, begun)
    assert run(*JOURNAL, "--field", "SYSLOG_TIMESTAMP") == "", "the field for a time that a line brings"
