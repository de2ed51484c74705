"""Where a secret must not stand: on disk in any plain form, in the process that asked, in the daemon once confirmed."""

import os
import pwd
import re
from pathlib import Path

import pytest

from harness.machine import ACCOUNT, DAEMON_LOG, SUCCESS
from harness.screen import Pane
from harness.traces import ends, forms, in_memory, on_disk, searched_files
from harness.wire import Client


@pytest.fixture(scope="module")
def used(machine):
    """A user who enrolled at a terminal and logged in by sudo and by a plain application."""
    user = machine.new_user()
    with Pane("leftovers", f"otpctl enrol {user.name}") as pane:
        key = machine.enrol_on_screen(pane)
    assert machine.ask("otp", user, key.first)[0] == SUCCESS
    machine.sudo_asks(user, "required pam_otp.so debug")
    machine.sudo(user, [("One-time code: ", key.second)])
    return user, key


def test_no_plain_form_of_the_secret_stands_on_disk(used):
    _, key = used
    assert DAEMON_LOG in set(searched_files())
    assert on_disk(forms(key)) == []


def test_the_search_on_disk_finds_what_is_there(used):
    _, key = used
    planted = Path("/var/tmp/planted")
    planted.write_bytes(b"\n".join(forms(key).values()))
    try:
        assert len(on_disk(forms(key))) == len(forms(key))
    finally:
        planted.unlink()


def complement(secret):
    return bytes(255 - byte for byte in secret).hex()


def test_no_form_of_the_secret_is_left_in_the_application(machine, enrolled):
    user, key = enrolled
    secrets = forms(key) | ends(forms(key))
    needles = [word for secret in secrets.values() for word in ("-f", complement(secret))]
    result, printed = machine.ask("otp", user, key.first, "-a", *needles)
    assert result == SUCCESS
    found = re.findall(r"found (\w+) (\d+)", printed)
    assert len(found) == 2 * len(secrets)
    assert {count for _, count in found} == {"0"}


def test_the_search_in_the_application_finds_what_is_there(machine, enrolled):
    user, key = enrolled
    _, printed = machine.ask("otp", user, key.first, "-f", complement(user.name.encode()))
    assert all(int(count) > 0 for _, count in re.findall(r"found (\w+) (\d+)", printed))


def test_the_daemon_forgets_a_confirmed_secret(machine, enrolled):
    _, key = enrolled
    machine.left_alone()
    assert in_memory(machine.process.pid, forms(key) | ends(forms(key))) == []


def test_the_daemon_forgets_a_key_that_nobody_confirmed(machine, user):
    with Client() as client:
        key = machine.begin(client, user)
        assert in_memory(machine.process.pid, forms(key)) != [], "a pending key is in the daemon's memory"
    machine.left_alone()
    assert in_memory(machine.process.pid, forms(key) | ends(forms(key))) == []


def test_the_daemon_leaves_no_core_and_lets_nobody_read_its_memory(machine):
    """A process that is not dumpable has its /proc files owned by root, whatever it runs as."""
    assert f"Uid:\t{pwd.getpwnam(ACCOUNT).pw_uid}" in Path(f"/proc/{machine.process.pid}/status").read_text()
    assert os.stat(f"/proc/{machine.process.pid}/mem").st_uid == 0


def test_command_lines_and_environments_carry_no_secret(machine, user):
    with Pane("cmdline", f"otpctl enrol {user.name}") as pane:
        key = machine.read_screen(pane)
        for pid in filter(str.isdigit, os.listdir("/proc")):
            for part in ("cmdline", "environ"):
                try:
                    content = Path("/proc", pid, part).read_bytes()
                except (FileNotFoundError, ProcessLookupError):
                    continue
                assert not any(secret in content for secret in forms(key).values())
        pane.interrupts()
        pane.ended()
