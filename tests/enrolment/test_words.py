"""The texts for people whose command comes to nothing, whose keys stay off or who meant another command: why, and what to do next."""

import os
import re
import shlex
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from harness.enrolment import invite, invited_and_enrolled, spoken_code
from harness.hosts import HOSTS, gates, one_try_at_login, sshd
from harness.machine import CODE_PROMPT, OTPCTL, PASSWORD, PASSWORD_PROMPT, as_user, otpctl, pam_code
from harness.newcomer import flat
from harness.notices import noticed
from harness.otpctl import DONE, REFUSED, USAGE, answers, key_shown, session
from harness.prompts import APP_PROMPT, begins, enrolling, key_on
from harness.rotation import OFFER, changes_password
from harness.terminal import Terminal, dialogue
from harness.wait import until
from harness.wire import Refused, call

HOST = socket.gethostname()


def said_by(terminal):
    """All that was said, once the program has ended."""
    status = terminal.ends()
    return status, flat(terminal.transcript)


def waits_for_an_answer(process):
    """In recvfrom(2): what it asks is sent."""
    return Path(f"/proc/{process}/syscall").read_text().split()[0] == "45"


# a key that was shown and not stored


def ends_by(terminal, end, user, key):
    match end:
        case "wrong codes":
            terminal.types(key.wrong())
            for _ in range(5):
                answers(terminal, APP_PROMPT, key.wrong())
        case "interrupt":
            terminal.interrupts()
        case "end of input":
            terminal.pty.sendeof()
        case "terminate":
            os.kill(terminal.pty.pid, signal.SIGTERM)
        case "something else":
            with suppress(Refused):  # there is one for a first key alone
                call("RevokeInvitation", user=user.name)
            with suppress(Refused):  # there is something to suspend for anybody else
                call("Suspend", user=user.name)
            terminal.types(key.confirming)
        case "a long line":
            terminal.types("1" * 2000)


ENDS = {
    "wrong codes": "code refused: no tries left",
    "interrupt": "interrupted",
    "end of input": "no code was given",
    "terminate": "interrupted",
    "something else": "too late: the key waited too long for its code, or something else changed your keys, and it was thrown away",
    "a long line": "input: a line has more than 1024 bytes",
}
THEN = {"enrol": "then begin again", "add": "your other keys still work", "rotate": "the old key still works"}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("command", THEN)
def test_every_way_that_a_key_comes_to_nothing_names_the_entry_to_delete(machine, command, end):
    user = machine.new_user()
    words = {"enrol": ["enrol"], "add": ["add", "--label", "tablet"], "rotate": ["rotate"]}[command]
    if command == "enrol":
        prompt, code = "Registration code: ", spoken_code(user)
    else:
        prompt, code = "Code of ", machine.enrol(user).first
    terminal = session(user, *words)
    answers(terminal, prompt, code)
    key = key_shown(terminal)
    terminal.awaits(APP_PROMPT)
    ends_by(terminal, end, user, key)
    status, text = said_by(terminal)
    entry = f"{user.name}@{HOST}{' tablet' if command == 'add' else ''} ({HOST})"
    assert status == REFUSED
    assert f"{ENDS[end]} nothing was stored; delete the entry you scanned, {entry}; {THEN[command]}" in text, text
    assert [one["label"] for one in machine.status(user)["keys"]] == ([] if command == "enrol" else ["phone"])


def test_a_terminal_that_hangs_up_takes_the_key_with_it(machine, user):
    code = spoken_code(user)
    terminal = session(user, "enrol")
    answers(terminal, "Registration code: ", code)
    key_shown(terminal)
    terminal.awaits(APP_PROMPT)
    terminal.pty.close(force=False)
    machine.left_alone()
    assert not machine.status(user)["enrolled"]
    terminal = session(user, "enrol")
    answers(terminal, "Registration code: ", code)
    terminal.awaits("That does no harm")
    terminal.interrupts()
    terminal.ends()


def test_an_interrupt_while_the_daemon_stores_the_key_does_not_lose_the_recovery_codes(machine, user):
    terminal = session(user, "enrol")
    answers(terminal, "Registration code: ", spoken_code(user))
    key = key_shown(terminal)
    terminal.awaits(APP_PROMPT)
    with machine.daemon_hanging():
        terminal.types(key.confirming)
        until(lambda: waits_for_an_answer(terminal.pty.pid), "the question to the daemon")
        terminal.interrupts()
        terminal.awaits(r"\^C")  # only now the terminal has thrown away what was not read yet
    status, text = said_by(terminal)
    assert status == DONE and "recovery codes, shown only now" in text and machine.status(user)["enrolled"]


@pytest.mark.parametrize("host", ["sudo", "su-own", "login"])
@pytest.mark.parametrize("end", ["wrong codes", "interrupt"])
def test_at_a_prompt_the_module_names_the_entry_too(machine, user, host, end):
    host = HOSTS[host]
    with one_try_at_login(), gates(machine), enrolling(host.service):
        terminal = begins(machine, host, user, spoken_code(user))
        terminal.awaits(APP_PROMPT)
        if end == "interrupt":
            host.given_up(terminal)
        else:
            for _ in range(6):
                terminal.types_hidden(key_on(terminal.transcript).wrong())
                terminal.awaits(r"not a code of this key|Nothing was stored")
            terminal.ends()
    text = flat(terminal.transcript)
    if end == "wrong codes" or host.service.startswith("sudo"):  # an interrupt kills su and login
        why = "Too many codes were wrong" if end == "wrong codes" else "No code came"
        want = f"{why}. Nothing was stored; delete the entry you scanned, {user.name}@{HOST} ({HOST}). Then begin again, with the same registration code."
        assert want in text, text
    assert "code refused" not in text, "that would speak of another code"


def test_passwd_says_which_entry_goes_and_which_one_stays(machine, enrolled, passwd):
    user, key = enrolled
    entry = f"{user.name}@{HOST} ({HOST})"
    terminal = changes_password(passwd, user)
    terminal.awaits(OFFER)
    terminal.types_hidden(key.first)
    terminal.awaits(APP_PROMPT)
    for _ in range(6):
        terminal.types_hidden(key_on(terminal.transcript).wrong())
        terminal.awaits(r"not a code of this key|Nothing was stored")
    assert f"Nothing was stored; delete the entry you scanned, {entry}. The old key still works." in said_by(terminal)[1]


# a retry


def test_beginning_again_is_told_as_what_it_is_and_raises_no_alarm(machine, journal, user):
    code, start = spoken_code(user), journal.position()
    for _ in range(3):
        terminal = session(user, "enrol")
        answers(terminal, "Registration code: ", code)
        key = key_shown(terminal)
        terminal.awaits(APP_PROMPT)
        terminal.interrupts()
        terminal.ends()
    terminal = session(user, "enrol")
    answers(terminal, "Registration code: ", code)
    key = key_shown(terminal)
    answers(terminal, APP_PROMPT, key.confirming)
    status, text = said_by(terminal)
    assert status == DONE and "That does no harm" in text
    assert not any(line.startswith("<81>") for line in journal.since(start)), "an alert"
    lines = call("Notices", user=user.name)["lines"]
    assert len(lines) == 4 and "was used to begin an enrolment, 4 times; from your account" in lines[1], lines
    assert "alarm" not in {one["severity"] for one in call("Notices", user=user.name)["notices"]}


# sudo, and ssh without a terminal


@pytest.mark.parametrize("command", ["enrol", "add", "rotate", "recovery-codes"])
def test_under_sudo_a_person_is_sent_back_before_any_prompt_and_nobody_is_alarmed(machine, journal, user, command):
    code, start = spoken_code(user), journal.position()
    seen = dialogue([*as_user(user), "sudo", "--", OTPCTL, command], [(PASSWORD_PROMPT, PASSWORD)])
    assert seen.status == USAGE and "Registration code" not in seen.text and "Code of" not in seen.text
    assert f"for {user.name}: run it without sudo: otpctl {command}" in flat(seen.text), seen
    assert noticed(user) == ["registration-code-issued"]
    assert not any(line.startswith("<81>") and "otp" in line for line in journal.since(start))
    terminal = session(user, "enrol")
    answers(terminal, "Registration code: ", code)
    answers(terminal, APP_PROMPT, key_shown(terminal).confirming)
    assert terminal.ends() == DONE


@pytest.mark.parametrize("command", ["status", "notices"])
def test_under_sudo_it_is_said_whose_keys_are_told_of(machine, user, command):
    seen = dialogue([*as_user(user), "sudo", "--", OTPCTL, command], [(PASSWORD_PROMPT, PASSWORD)])
    assert f"this is about root; without sudo it is about {user.name}" in flat(seen.text), seen
    assert "about root" not in dialogue([*as_user(user), OTPCTL, command], []).text


@pytest.mark.parametrize("words", [("enrol",), ("add", "--label", "my tablet"), ("rotate",), ("recovery-codes",)], ids=" ".join)
def test_over_ssh_without_a_terminal_the_way_to_one_is_named(machine, user, words):
    ssh = HOSTS["ssh"]
    with gates(machine), sshd():
        key = machine.enrol(user)
        ssh.prepare(machine, user)
        terminal = Terminal([*ssh.command(machine, user)[:-1], shlex.join(["otpctl", *words])])
        terminal.awaits(CODE_PROMPT)
        terminal.types_hidden(key.first)
        status, text = said_by(terminal)
    assert status == USAGE and f"ssh -t HOST otpctl {shlex.join(words)}" in text, text


def test_the_first_line_of_an_enrolment_says_what_is_asked_and_who_gives_it(user):
    terminal = session(user, "enrol")
    terminal.awaits("Registration code: ")
    text = flat(terminal.transcript)
    assert text.startswith("A registration code begins with E-; you get it from an administrator"), text


# what stays off


@pytest.mark.parametrize("offline", [(), ("--offline",)], ids=["daemon", "offline"])
def test_resume_after_not_me_says_what_stays_off_and_what_turns_it_on(machine, offline):
    user, code, *_ = invited_and_enrolled(machine)
    call("Repudiate", user.uid, registration=code)
    done = otpctl(*offline, "resume", user.name)
    text = flat(done.stdout)
    assert done.returncode == DONE and "accepted again" not in text
    assert f'off for good: "phone", because {user.name} said that somebody else had used the registration code' in text, text
    assert f"`otpctl invite {user.name} --replace`" in text and "otpctl resume" not in text


@pytest.mark.parametrize("offline", [(), ("--offline",)], ids=["daemon", "offline"])
def test_resume_of_a_suspension_alone_says_that_codes_are_accepted_again(machine, enrolled, offline):
    user, key = enrolled
    call("Suspend", user=user.name)
    assert otpctl(*offline, "resume", user.name).stdout == f"{user.name}: the suspension has ended; codes are accepted again\n"
    assert pam_code(machine, user, key.first) == 0


def test_a_suspension_outlives_a_new_key_and_everybody_is_told(machine, enrolled):
    user, _ = enrolled
    call("Suspend", user=user.name)
    done = otpctl("invite", user.name, "--replace", "--form", "mail", "--allow-pipe")
    still = f"{user.name} is suspended: every code is refused until an administrator runs `otpctl resume {user.name}`"
    assert still in flat(done.stdout) and "the new key does not change that" in flat(done.stdout)
    terminal = session(user, "enrol")
    answers(terminal, "Registration code: ", re.search(r"E-[0-9A-Z-]+", done.stdout)[0])
    answers(terminal, APP_PROMPT, key_shown(terminal).confirming)
    status, text = said_by(terminal)
    assert status == DONE and still in text
    assert f"Earlier keys no longer work: delete their entries in the app. The new one is {user.name}@{HOST} ({HOST})." in text


# invitations and adoptions that come to nothing


def test_an_invitation_of_somebody_with_a_key_speaks_of_a_new_key_and_not_of_files(machine, enrolled):
    user, _ = enrolled
    done = otpctl("invite", user.name, "--allow-pipe")
    assert done.returncode == REFUSED and "--replace" in done.stderr and "otpctl add" in done.stderr
    assert "adopt" not in done.stderr and "file" not in done.stderr, done.stderr


def test_a_first_code_of_somebody_who_has_a_key_by_now_says_what_they_can_do(machine, user):
    code = invite(user)
    machine.enrol(user)
    terminal = session(user, "enrol")
    answers(terminal, "Registration code: ", code)
    status, text = said_by(terminal)
    assert status == REFUSED and "otpctl add" in text and "otpctl rotate" in text and f"otpctl invite {user.name} --replace" in text, text


@pytest.mark.parametrize("offline", [(), ("--offline",)], ids=["daemon", "offline"])
def test_an_adoption_that_was_made_already_is_told_so(machine, offline):
    user, _ = machine.enrolled_user()
    machine.remove_user(user)
    moved = machine.new_user(f"new{user.name}")
    assert otpctl(*offline, "adopt", moved.name, "--from", user.name).returncode == DONE
    for words in (("--from", user.name), ("--from", str(user.uid)), ()):
        again = otpctl(*offline, "adopt", moved.name, *words)
        assert again.returncode == DONE and "already has the keys; nothing was changed" in again.stdout, again
    never = otpctl(*offline, "adopt", machine.new_user().name, "--from", user.name)
    assert never.returncode == REFUSED and "not enrolled" in never.stderr


def test_an_account_with_keys_of_its_own_is_told_how_to_take_others_over(machine, enrolled):
    own, _ = enrolled
    gone, _ = machine.enrolled_user()
    machine.remove_user(gone)
    done = otpctl("adopt", own.name, "--from", gone.name)
    assert done.returncode == REFUSED and f"`otpctl forget {own.name}`" in done.stderr and "--replace" not in done.stderr, done.stderr


# names of a directory


def test_a_backslash_in_a_name_is_one_wherever_it_is_told(machine, tmp_path):
    user = machine.new_user("CORP\\alice")
    cover = tmp_path / "cover.txt"
    done = otpctl("invite", user.name, "--letter", tmp_path / "letter.txt", "--cover", cover)
    assert done.returncode == DONE and "CORP\\alice" in done.stdout and "CORP\\\\" not in done.stdout
    assert "For CORP\\alice, who" in cover.read_text() and "\\\\" not in cover.read_text()
    machine.enrol(user)
    said = subprocess.run([OTPCTL, "suspend", user.name], capture_output=True, text=True)
    assert said.stdout.splitlines()[0] == "CORP\\alice: suspended; every code is refused until root or another member of otp-admin runs `otpctl resume 'CORP\\alice'`"
    machine.remove_user(user)
