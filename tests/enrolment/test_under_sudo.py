"""Under real sudo, which may log all that a command shows, otpctl shows no key unless it is told to."""

import gzip
import re
from pathlib import Path

import pytest

from harness.enrolment import spoken_code
from harness.machine import OTPCTL, PASSWORD, PASSWORD_PROMPT, as_user, write
from harness.otpctl import DONE, USAGE, answers, finishes, key_shown
from harness.terminal import Terminal, dialogue

LOGS = Path("/var/log/sudo-kept")
SHOWING = [("enrol",), ("add",), ("rotate",), ("recovery-codes",)]


@pytest.fixture
def sudoer_with_log(machine, user):
    """This user may do everything, and sudo logs what commands show."""
    rules = f"Defaults:{user.name} log_output, iolog_dir={LOGS}/{user.name}\nDefaults>{user.name} log_output, iolog_dir={LOGS}/{user.name}\n"
    write(Path("/etc/sudoers.d") / user.name, rules, 0o440)
    return user


def logged_by_sudo(user):
    """All that sudo has sudoer_with_log of what commands showed."""
    return "".join(gzip.open(path, "rt", errors="replace").read() for path in (LOGS / user.name).rglob("ttyout"))


def as_themselves(user, *words):
    """As an admin does it for a user."""
    return ["sudo", "-u", user.name, "--", OTPCTL, *words]


def as_root(user, *words):
    return [*as_user(user), "sudo", "--", OTPCTL, *words]


@pytest.mark.parametrize("words", SHOWING, ids=" ".join)
def test_whatever_shows_a_key_or_recovery_codes_refuses_and_says_why(machine, sudoer_with_log, words):
    seen = dialogue(as_themselves(sudoer_with_log, *words), [])
    assert seen.status == USAGE and "its log may keep the key" in seen.text and "--allow-sudo" in seen.text, seen
    assert not machine.status(sudoer_with_log)["enrolled"]


def test_root_who_makes_a_key_for_a_user_is_refused_too(machine, sudoer_with_log):
    seen = dialogue(as_root(sudoer_with_log, "enrol", sudoer_with_log.name), [(PASSWORD_PROMPT, PASSWORD)])
    assert seen.status == USAGE and "--allow-sudo" in seen.text and "otpauth" not in seen.text, seen
    assert not machine.status(sudoer_with_log)["enrolled"]


def test_neither_does_a_shell_that_sudo_has_started(machine, sudoer_with_log):
    seen = dialogue(["sudo", "-u", sudoer_with_log.name, "-s", "--", OTPCTL, "enrol"], [])
    assert seen.status == USAGE and "--allow-sudo" in seen.text, seen


def test_a_pipe_that_is_allowed_does_not_allow_sudo(machine, sudoer_with_log):
    seen = dialogue(as_themselves(sudoer_with_log, "enrol", "--registration-stdin", "--json", "--allow-pipe"), [])
    assert seen.status == USAGE and "--allow-sudo" in seen.text, seen


def test_told_to_it_shows_the_key_and_the_log_of_sudo_keeps_it(machine, sudoer_with_log):
    """The reason for all this: nothing that the command sees tells it so."""
    terminal = Terminal(as_themselves(sudoer_with_log, "enrol", "--allow-sudo"), columns=200, rows=80)
    answers(terminal, "Registration code: ", spoken_code(sudoer_with_log))
    key = key_shown(terminal)
    finishes(terminal, key)
    assert key.base32 in logged_by_sudo(sudoer_with_log)


def test_an_admin_invites_under_sudo_and_the_user_enrols_without(machine, sudoer_with_log):
    seen = dialogue(as_root(sudoer_with_log, "invite", sudoer_with_log.name), [(PASSWORD_PROMPT, PASSWORD)])
    assert seen.status == DONE, seen
    code = re.search(r"E-[0-9A-Z-]+", seen.text)[0]
    terminal = Terminal([*as_user(sudoer_with_log), OTPCTL, "enrol"], columns=200, rows=80)
    answers(terminal, "Registration code: ", code)
    finishes(terminal, key_shown(terminal))
    assert machine.status(sudoer_with_log)["enrolled"] and "otpauth" not in logged_by_sudo(sudoer_with_log)
