"""One machine for the whole run, inside packaging/private-root; every test brings users of its own."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from harness.boot import booting, keep_etc
from harness.journal import SYSLOG, Journal
from harness.left_over import Beforehand, members_by_group
from harness.machine import ROOT, Machine, change_members, run
from harness.wait import TooLate
from harness.wire import SOCKET

pytest_plugins = ["harness.marks", "harness.notices", "harness.packages", "harness.passwords", "harness.rotation", "harness.services", "harness.stacks"]  # their fixtures

HAS_FAILED = pytest.StashKey()


def pytest_addoption(parser):
    parser.addoption("--artefacts", default=ROOT / "target/release", help="directory of what was built")
    parser.addoption("--older", help="directory of what an earlier commit's build left, to upgrade from")
    parser.addoption("--write-pictures", help="directory for the pictures that tests/documents/test_pictures.py draws")
    parser.addoption("--rounds", type=int, default=1, help="campaigns: how many times the usual number of rounds")


def pytest_sessionstart():
    if os.uname().nodename != "private" or not os.path.ismount("/run"):
        pytest.exit("these tests change accounts and services: run them by tests/run", 64)
    keep_etc()
    with suppress(OSError):  # the login of who runs this is behind no account here
        Path("/proc/self/loginuid").write_text("4294967295")


@pytest.fixture(scope="session")
def journal():
    assert not os.path.lexists(SYSLOG)
    return Journal()


@pytest.fixture(scope="session")
def hosts():
    """The C programs of tests/hosts, compiled."""
    directory = Path("/usr/local/lib/otp-hosts")
    directory.mkdir()
    source = ROOT / "tests/hosts"
    warnings = ["-Wall", "-Wextra", "-Werror", "-O1"]
    for program in ("race", "oddconv", "threads"):
        run("gcc", *warnings, "-o", directory / program, source / f"{program}.c", "-lpam")
    run("gcc", *warnings, "-shared", "-fPIC", "-o", directory / "clockshift.so", source / "clockshift.c")
    return directory


@pytest.fixture(scope="session")
def machine(request, journal, hosts):
    it = Machine(request.config.getoption("--artefacts"), hosts)
    it.journal = journal
    it.rounds = request.config.getoption("--rounds")
    it.install_clock()
    it.install()
    it.service("otp", "required pam_otp.so", account="required pam_otp.so")
    it.start()
    yield it
    it.stop()


@pytest.fixture(autouse=True)
def helpers_leave():
    """A site with helpers wants resets: those who join otp-helpdesk in a test leave it with that test."""
    before = members_by_group().get("otp-helpdesk", [])
    yield
    if members_by_group().get("otp-helpdesk") not in (None, before):
        change_members("otp-helpdesk", lambda _: before)


@pytest.fixture(scope="module")
def booted(request):
    """A machine with systemd as process 1 and logind; of a module's own, so that no other test meets its processes."""
    with booting(request.config.getoption("--artefacts")) as it:
        yield it


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """A test that fails shows what came into the system's log meanwhile: what the person at the terminal is not told. It leaves nothing
    open."""
    machine = item.funcargs.get("machine")
    journal = item.funcargs.get("journal") or (machine and machine.journal)
    start = len(journal.lines) if journal else 0
    before = Beforehand()
    outcome = yield
    item.stash[HAS_FAILED] = bool(outcome.excinfo)
    if outcome.excinfo:
        before.brings_back(spared=machine and machine.process and machine.process.pid)
    if journal and outcome.excinfo:
        item.add_report_section("call", "system log", "\n".join(journal.lines[start:]))
    if outcome.excinfo and "booted" in item.funcargs:
        with suppress(Exception):  # what the test itself says must not be lost
            item.add_report_section("call", "machine", item.funcargs["booted"].report())


@pytest.fixture(autouse=True)
def the_daemon_survives(request):
    """Whatever a test does to it, the daemon must not have died of it; and the next test finds it left alone."""
    yield
    if "machine" in request.fixturenames:
        machine = request.getfixturevalue("machine")
        trouble = None
        if not machine.running() or not Path(SOCKET).is_socket():
            trouble = "the daemon did not run any more at the end of this test"
        else:
            try:
                machine.left_alone()
            except TooLate as late:
                trouble = str(late)
        if trouble:
            machine.stop(signal.SIGKILL)
            machine.start()
        if trouble and not request.node.stash.get(HAS_FAILED, True):  # that it has failed is told
            pytest.fail(trouble)


@pytest.fixture
def user(machine):
    return machine.new_user()


@pytest.fixture
def enrolled(machine, user):
    """A user with a fresh key: (user, key)."""
    return user, machine.enrol(user)
