"""Keys that grow old, and passwd(1), which replaces them."""

from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.machine import CODE_PROMPT, DAY, PASSWORD, as_user, policy, run, write
from harness.prompts import APP_PROMPT, key_on
from harness.terminal import Terminal

NEW_PASSWORD = "another pass word 42"
OFFER = "Code of your one-time-code key to replace it, or Enter to keep it"  # the word for a lost device may follow
DUE_PROMPT = 'Code of the key "phone", to replace it: '


@contextmanager
def stack(service, *lines):
    """A PAM service of these lines for a while."""
    path = Path("/etc/pam.d") / service
    before = path.read_text() if path.exists() else None
    write(path, "\n".join(lines) + "\n", 0o644)
    try:
        yield service
    finally:
        write(path, before, 0o644) if before is not None else path.unlink()


@pytest.fixture
def passwd():
    with stack("passwd", "password requisite pam_unix.so", "password required pam_otp.so rotate=ask", "account required pam_permit.so"):
        yield ["passwd"]


def changes_password(command, user, old=PASSWORD, new=NEW_PASSWORD):
    """passwd until it has the new password."""
    terminal = Terminal([*as_user(user), *command])
    types_old_password(terminal, old)
    types_new_password(terminal, new)
    return terminal


def types_old_password(terminal, old=PASSWORD):
    terminal.awaits("Current password: ")
    terminal.types_hidden(old)


def types_new_password(terminal, new=NEW_PASSWORD):
    terminal.awaits("New password: ")
    terminal.types_hidden(new)
    terminal.awaits("Retype new password: ")
    terminal.types_hidden(new)


def rotates(terminal):
    """From the sheet to the new key. A rotation makes no recovery codes: the old ones go on."""
    terminal.awaits(APP_PROMPT)
    key = key_on(terminal.transcript)
    terminal.types_hidden(key.confirming)
    return key


def set_password(user, password):
    hashed = run("perl", "-e", "print crypt($ARGV[0], q($6$rounds=1000$lab$))", password)
    lines = Path("/etc/shadow").read_text().splitlines()
    Path("/etc/shadow").write_text("".join(f"{user.name}:{hashed}:19000:0:99999:7:::\n" if line.startswith(f"{user.name}:") else f"{line}\n" for line in lines))


def has_password(user, password):
    terminal = Terminal([*as_user(user), "su", user.name, "-c", "id -u"])
    terminal.awaits("Password: ")
    terminal.types_hidden(password)
    return terminal.ends() == 0


def rotating(*services, days=7, grace=10):
    names = ", ".join(f'"{name}"' for name in services)
    return policy(f"[rotation]\nmax_age = {days}\ngrace = {grace}\nrotate_services = [{names}]\n")


@contextmanager
def days_later(machine, days, key):
    with machine.synchronised(True), machine.clock(days * DAY):
        key.step = key.step_now()
        yield


def replaced_at_the_login(machine, host, user, key):
    """A login that meets a due key: (the new key, what the login came to)."""
    host.prepare(machine, user)
    terminal = Terminal(host.command(machine, user))
    terminal.awaits(CODE_PROMPT)
    terminal.types_hidden(key.first)
    terminal.awaits(DUE_PROMPT)
    terminal.types_hidden(key.second)
    return rotates(terminal), host.conclude(terminal, user)
