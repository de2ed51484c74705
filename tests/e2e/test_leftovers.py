"""Where a secret must not stand: on disk in any plain form, in the process that asked, in the daemon once confirmed."""

import base64
import os
import pwd
import re
from pathlib import Path

import pytest
from machine import ACCOUNT, DAEMON_LOG, SUCCESS
from screen import Pane
from wire import Client

# all that the machine's parts write; the tests' own programs and the machine's software are elsewhere
SEARCHED = ("/etc", "/var", "/run", "/tmp", "/home", "/root/.bash_history", "/dev/shm")
LARGEST = 64 << 20


def forms(key):
    """The secret as it could stand somewhere: name -> bytes."""
    text = key.base32.encode()
    return {
        "raw": key.secret,
        "base32": text,
        "lower base32": text.lower(),
        "base32 in groups": b" ".join(text[at : at + 4] for at in range(0, len(text), 4)),
        "hex": key.secret.hex().encode(),
        "upper hex": key.secret.hex().upper().encode(),
        "base64": base64.b64encode(key.secret).rstrip(b"="),
    }


def ends(secrets):
    """What is left of a piece of memory that was given back and not wiped: malloc notes its own things in the first 16 bytes."""
    return {f"{name}, the end": secret[16:] for name, secret in secrets.items() if len(secret) >= 24}


def on_disk(secrets, since=0):
    """Where they stand, in files that were changed since then."""
    found = []
    for path in files():
        if path.stat().st_ctime < since:
            continue
        content = path.read_bytes()
        found += [f"{name} in {path}" for name, secret in secrets.items() if secret in content]
    return found


def files():
    for top in SEARCHED:
        for directory, _, names in os.walk(top):
            for name in names:
                path = Path(directory, name)
                if path.is_file() and not path.is_symlink() and path.stat().st_size <= LARGEST:
                    yield path


def in_memory(pid, secrets):
    found = []
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            start, end, rights, name = re.match(r"(\w+)-(\w+) (\S+) \S+ \S+ \S+\s*(.*)", line).groups()
            if rights[0] != "r" or name.startswith("[v"):
                continue
            memory.seek(int(start, 16))
            try:
                content = memory.read(int(end, 16) - int(start, 16))
            except OSError:  # the stack of a thread that has just ended
                continue
            found += [f"{what} in {name or 'anonymous memory'}" for what, secret in secrets.items() if secret in content]
    return found


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
    assert DAEMON_LOG in set(files())
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
