"""Commands whose output somebody keeps: not one byte of notices and reminders lands there, and what nobody sees is not used up."""

import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.hosts import IDENTITY, KBDINT_PORT, Ssh, listens, server, sshd
from harness.machine import as_user, write
from harness.notices import HEADING, notices
from harness.rotation import days_later, rotating, stack
from harness.terminal import Terminal
from harness.wait import until

UNASKED = ("auth required pam_permit.so", "account required pam_otp.so", "session required pam_permit.so")
ASKING = ("sudo-kept", "sudo-i-kept", "sudo", "su", "su-l", "doas")
SERVICES = (*ASKING, "sshd")
KEYS_ALONE = 2203
SOON, DUE, OVERDUE = 6, 8, 18  # days of a key that is due after seven and overdue after ten more
REMINDER, OVERDUE_TEXT = "is due in 1 day", "no longer lets you in"
DATA = bytes(range(256)) * 3
FILE = Path("/tmp/kept-data")


def by_sudo(user, *options):
    return [*as_user(user), "sudo", *options, "--", "cat", FILE]


def ssh(user, command, *options):
    words = Ssh(KEYS_ALONE, "-i", IDENTITY, "-o", "IdentitiesOnly=yes").words()
    return ["ssh", *options, "-p", KEYS_ALONE, *words, f"{user.name}@127.0.0.1", command]


# each prints DATA, as somebody about whose keys there is something to say
PROGRAMS = {
    "sudo": lambda user: by_sudo(user),
    "sudo-n": lambda user: by_sudo(user, "-n"),
    "sudo-i": lambda user: by_sudo(user, "-n", "-i"),
    "sudo-to-the-user": lambda user: ["sudo", "-n", "-u", user.name, "--", "cat", FILE],
    "su-by-root": lambda user: ["su", user.name, "-c", f"cat {FILE}"],
    "su-login-by-root": lambda user: ["su", "-", user.name, "-c", f"cat {FILE}"],
    "su-own": lambda user: [*as_user(user), "su", user.name, "-c", f"cat {FILE}"],
    "doas": lambda user: [*as_user(user), "doas", "cat", FILE],
    "ssh": lambda user: ssh(user, f"cat {FILE}"),
    "ssh-sudo": lambda user: ssh(user, f"sudo -n cat {FILE}"),
    "ssh-su": lambda user: ssh(user, f"su {user.name} -c 'cat {FILE}'"),
}
# what the person at a terminal sees: sshd takes the text and drops it, and the invoker of this sudo is root
ON_A_TERMINAL = ["sudo", "sudo-n", "sudo-i", "su-by-root", "su-login-by-root", "su-own", "doas"]


@pytest.fixture(scope="module")
def unasking(machine):
    """All these programs ask for nothing and run our account stage."""
    FILE.write_bytes(DATA)
    FILE.chmod(0o644)
    with ExitStack() as opened:
        for service in SERVICES:
            opened.enter_context(stack(service, *UNASKED))
        opened.enter_context(sshd())
        process = server(KEYS_ALONE, "publickey")
        opened.callback(process.wait, 10)
        opened.callback(process.terminate)
        until(lambda: listens(KEYS_ALONE), "sshd")
        yield


@pytest.fixture
def noticed_user(machine, unasking, enrolled):
    """A user with a notice: the key was made by root."""
    user, key = enrolled
    rules = f"Defaults:{user.name} pam_service=sudo-kept, pam_login_service=sudo-i-kept\n{user.name} ALL=(ALL) NOPASSWD: ALL\n"
    write(Path("/etc/sudoers.d") / user.name, rules, 0o440)
    write(Path("/etc/doas.conf"), f"permit nopass {user.name}\n", 0o600)
    return user, key


def shown_times(user):
    return [one["shown"] for one in notices(user)]


def captured(command):
    """Run without a terminal: what came out of it, and what went to standard error."""
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert done.returncode == 0, done
    return done.stdout, done.stderr


def on_a_terminal(command, redirection):
    """Run by a shell on a terminal with this redirection: (what the person sees, what is in the file)."""
    place = Path("/tmp/kept-output")
    place.unlink(missing_ok=True)
    words = " ".join(f"'{word}'" if "'" not in str(word) else f'"{word}"' for word in command)
    terminal = Terminal(["sh", "-c", f"{words} {redirection.format(place)}"])
    assert terminal.ends() == 0, terminal.transcript
    return terminal.transcript, place.read_bytes() if place.exists() else b""


@pytest.mark.parametrize("name", PROGRAMS)
def test_notices_are_not_in_the_output_of_a_command_and_are_not_used_up(noticed_user, name):
    user, _ = noticed_user
    for _ in range(4):
        assert captured(PROGRAMS[name](user)) == (DATA, b"")
    if "ssh" not in name:  # sshd takes the text and drops it
        assert shown_times(user) == [0]


def test_nor_in_that_of_ssh_with_keyboard_interactive(noticed_user):
    user, _ = noticed_user
    words = Ssh(KBDINT_PORT).words()
    assert captured(["ssh", "-p", KBDINT_PORT, *words, f"{user.name}@127.0.0.1", f"cat {FILE}"])[0] == DATA


@pytest.mark.parametrize("name", ON_A_TERMINAL)
def test_at_a_terminal_they_are_on_standard_error_and_counted(noticed_user, name):
    user, _ = noticed_user
    seen, output = on_a_terminal(PROGRAMS[name](user), ">{}")
    assert output == DATA and seen.count(HEADING) == 1, seen
    assert shown_times(user) == [1]


@pytest.mark.parametrize("name", ON_A_TERMINAL)
def test_at_a_terminal_whose_standard_error_is_kept_there_is_nothing_and_nothing_is_counted(noticed_user, name):
    user, _ = noticed_user
    for redirection in (">{} 2>&1", ">{} 2>/dev/null", ">{} 2>&-"):
        seen, output = on_a_terminal(PROGRAMS[name](user), redirection)
        assert (seen, output) == ("", DATA), redirection
    assert shown_times(user) == [0]


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name != "sudo-to-the-user"])
@pytest.mark.parametrize("days", [SOON, DUE])
def test_reminders_are_not_in_the_output_of_a_command_and_nobody_is_asked_for_a_new_key(machine, noticed_user, name, days):
    user, key = noticed_user
    with rotating(*ASKING), days_later(machine, days, key):
        assert captured(PROGRAMS[name](user))[0] == DATA


@pytest.mark.parametrize("name", ON_A_TERMINAL)
def test_at_a_terminal_reminders_are_on_standard_error(machine, noticed_user, name):
    user, key = noticed_user
    with rotating("none"), days_later(machine, SOON, key):
        seen, output = on_a_terminal(PROGRAMS[name](user), ">{}")
        assert output == DATA and REMINDER in seen, seen
        assert on_a_terminal(PROGRAMS[name](user), ">{} 2>/dev/null") == ("", DATA)


@pytest.mark.parametrize("name", [name for name in ON_A_TERMINAL if name != "sudo-n"])
def test_that_a_key_is_overdue_is_said_on_standard_error(machine, noticed_user, name):
    user, key = noticed_user
    with rotating("none"), days_later(machine, OVERDUE, key):
        done = subprocess.run([str(word) for word in PROGRAMS[name](user)], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert done.returncode != 0 and done.stdout == b"" and OVERDUE_TEXT in done.stderr.decode(), done


def test_sudo_with_its_own_conversation_on_standard_input_is_no_exception(noticed_user):
    """sudo -S, by which programs give the password, and a sudo that was noticed_user to name nobody."""
    user, _ = noticed_user
    assert captured(by_sudo(user, "-S")) == (DATA, b"")
    rules = Path("/etc/sudoers.d") / user.name
    write(rules, rules.read_text() + "Defaults !pam_ruser\n", 0o440)
    assert captured(by_sudo(user)) == (DATA, b"")
    assert shown_times(user) == [0]


def test_tar_through_sudo_gets_what_it_was_sent(noticed_user):
    user, _ = noticed_user
    copy = Path("/tmp/kept-copy")
    copy.unlink(missing_ok=True)
    done = subprocess.run(
        [*as_user(user), "sh", "-c", f"tar cf - -C / {str(FILE)[1:]} | sudo -n tar xf - -O >{copy}"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr, copy.read_bytes()) == (0, "", "", DATA)
