"""Where the daemon's lines go, and that no logger, however it fails, keeps anybody from being served."""

import os
import re
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness import daemon_log
from harness.machine import DAEMON, DAEMON_LOG, otpctl
from harness.wait import until
from harness.wire import Client

LOG = Path("/dev/log")
AUTHPRIV_INFO = "<86>"


@contextmanager
def another_logger():
    """A socket instead of the logger's; nobody reads it unless the test does."""
    away = LOG.with_name("log.away")
    LOG.rename(away)
    logger = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    logger.bind(str(LOG))
    LOG.chmod(0o666)
    try:
        yield logger
    finally:
        logger.close()
        LOG.unlink(missing_ok=True)
        away.rename(LOG)


def restart(machine):
    """A logger that was found is kept while it lives, wherever its name went: a new daemon looks for one anew."""
    machine.stop()
    machine.start()


def ask(times):
    """Calls that leave a line each; the longest that one of them took."""
    longest = 0
    with Client() as client:
        for _ in range(times):
            begun = time.monotonic()
            client.call("List")
            longest = max(longest, time.monotonic() - begun)
    return longest


def taken(logger):
    lines = []
    logger.setblocking(False)
    while True:
        try:
            lines.append(logger.recv(8192).decode())
        except BlockingIOError:
            return lines


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
    ask(1)
    lines = [line for line in journal.all_since(start) if "otp-enrolld[" in line]
    assert len(lines) == 1 and lines[0].startswith(f"{AUTHPRIV_INFO}otp-enrolld[{machine.process.pid}]: event=allowed act=List")
    assert [line for line in daemon_log.since(own) if "act=List" in line] == [f"otp-enrolld: {lines[0].split(': ', 1)[1]}"]


def test_without_a_logger_the_daemon_serves_and_finds_the_next_one(machine, journal, enrolled):
    away = LOG.with_name("log.away")
    LOG.rename(away)
    try:
        restart(machine)
        assert ask(20) < 1
    finally:
        away.rename(LOG)
    time.sleep(1.1)  # a way that failed is left alone for a second
    start = journal.position()
    ask(1)
    lines = [line for line in journal.all_since(start) if "otp-enrolld[" in line]
    assert re.search(r"event=lines-lost count=\d+", lines[0]) and "act=List" in lines[1]


def test_a_logger_that_hangs_holds_nobody_up(machine, enrolled):
    with another_logger() as logger:
        restart(machine)
        assert ask(400) < 1, "a line waits a tenth of a second"
        assert (machine.status(enrolled[0]) or {})["enrolled"]
        queued = taken(logger)
        assert 1 <= len(queued) < 400, "its queue was full"
        time.sleep(1.1)
        ask(1)
        later = taken(logger)
        assert "event=lines-lost" in later[0] and "act=List" in later[1]


def test_standard_error_that_nobody_reads_holds_nobody_up(machine, enrolled):
    read, write = os.pipe()
    try:
        with daemon_with(machine, write):
            assert ask(2000) < 1  # far more than a pipe holds
            assert machine.status(enrolled[0])["enrolled"]
    finally:
        os.close(read)
        os.close(write)


def test_under_systemd_lines_go_to_the_journal_alone(machine, journal, enrolled):
    start = journal.position()
    with open(DAEMON_LOG, "ab") as log:
        about, own = os.fstat(log.fileno()), daemon_log.position()
        with daemon_with(machine, log, JOURNAL_STREAM=f"{about.st_dev}:{about.st_ino}"):
            ask(1)
    lines = daemon_log.since(own)
    assert any(line.startswith("<6>event=allowed act=List") for line in lines)
    assert not [line for line in journal.all_since(start) if "act=List" in line]


@pytest.mark.parametrize("stream", ["1:1", "nonsense"])
def test_a_journal_that_standard_error_does_not_lead_to_is_none(machine, journal, enrolled, stream):
    with open(DAEMON_LOG, "ab") as log, daemon_with(machine, log, JOURNAL_STREAM=stream):
        start = journal.position()
        ask(1)
        assert [line for line in journal.all_since(start) if "act=List" in line]


def test_a_logger_that_hangs_does_not_keep_root_from_an_emergency(machine, user):
    with another_logger() as logger:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as flood:
            flood.setblocking(False)
            with pytest.raises(BlockingIOError):
                while True:
                    flood.sendto(b"x", str(LOG))
        begun = time.monotonic()
        assert otpctl("emergency", "bypass", user.name, "--reason", "x").returncode == 0
        assert otpctl("emergency", "end", user.name).returncode == 0
        assert time.monotonic() - begun < 5
        logger.close()
