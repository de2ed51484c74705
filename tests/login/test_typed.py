"""Codes as people type and paste them, and what they read when one is not taken."""

import subprocess

import pytest

from harness.enrolment import invited_and_enrolled
from harness.journal import decisions
from harness.machine import AUTH_ERR, CODE_PROMPT, HOST_KEY, NOT_A_CODE, PASSWORD, PASSWORD_PROMPT, REFUSAL, SUCCESS, VAULT, as_user, otpctl
from harness.places import moved_away
from harness.prompts import RECOVERY_CODE
from harness.rotation import set_password
from harness.terminal import dialogue
from harness.wire import Client

CANNOT_CHECK = "codes cannot be checked on this host right now; tell an administrator"
HABITS = {
    "as it is": lambda code: code,
    "blank": lambda code: f"{code[:3]} {code[3:]}",
    "blanks around": lambda code: f"  {code} ",
    "non-breaking blank": lambda code: f"{code[:3]}\u00a0{code[3:]}",
    "narrow blank": lambda code: f"{code[:3]}\u202f{code[3:]}",
    "hyphen": lambda code: f"{code[:3]}-{code[3:]}",
    "en dash": lambda code: f"{code[:3]}–{code[3:]}",
    "minus sign": lambda code: f"{code[:3]}−{code[3:]}",
    "full width": lambda code: "".join(chr(0xFF10 + int(digit)) for digit in code),
    "Arabic": lambda code: "".join(chr(0x660 + int(digit)) for digit in code),
    "Persian": lambda code: "".join(chr(0x6F0 + int(digit)) for digit in code),
    "full stop": lambda code: f"{code}.",
    "ideographic full stop": lambda code: f"{code}。",
    "quotes": lambda code: f'"{code}"',
    "curly quotes": lambda code: f"“{code}.”",
    "angle quotes": lambda code: f"«\u00a0{code}\u00a0»",
    "brackets": lambda code: f"({code})",
    "bold": lambda code: f"**{code}**",
    "invisible": lambda code: f"\ufeff{code[:3]}\u200b{code[3:]}",
    "right to left": lambda code: f"\u200f\u2066{code}\u2069",
}
OTHERS = ["hunter2", "", "12345", "123456789", "12.34.56", "+123456", "123456 and more", "¹²³⁴⁵⁶", "E-12345", "R-12345-12345", "otpauth://totp/x", "pässwörd"]


@pytest.mark.parametrize("habit", HABITS.values(), ids=HABITS)
def test_a_code_opens_once_however_it_is_typed(machine, enrolled, habit):
    user, key = enrolled
    assert machine.ask("otp", user, habit(key.first))[0] == SUCCESS
    assert machine.ask("otp", user, key.first)[0] == AUTH_ERR, "it is the same code"


def test_sudo_takes_a_pasted_code(machine, enrolled):
    user, key = enrolled
    machine.sudo_asks(user, "requisite pam_unix.so", "required pam_otp.so")
    outcome = machine.sudo(user, [(PASSWORD_PROMPT, PASSWORD), (CODE_PROMPT, HABITS["curly quotes"](key.first))])
    assert outcome.status == 0, outcome.text


@pytest.mark.parametrize("habit", ["full width", "curly quotes"])
def test_the_daemon_takes_a_pasted_code_as_well(machine, enrolled, habit):
    """As from su by somebody else, whose process asks the daemon."""
    user, key = enrolled
    assert machine.ask("otp", user, HABITS[habit](key.first), "-r", 4242)[0] == SUCCESS
    with Client(uid=user.uid) as client:
        assert client.call("Verify", code=HABITS[habit](key.second))["verdict"]["accepted"] is True


@pytest.mark.parametrize("change", [lambda code: code[2:], lambda code: code.replace("-", "–"), lambda code: f"“{code}.”", lambda code: code.lower()[2:], lambda code: code.replace("-", "\u00a0")], ids=["no prefix", "en dashes", "quoted", "small, no prefix", "non-breaking blanks"])
def test_a_recovery_code_opens_once_however_it_is_typed(machine, change):
    user, _, _, recovery = invited_and_enrolled(machine)
    assert machine.ask("otp", user, change(recovery[0]))[0] == SUCCESS
    assert machine.ask("otp", user, recovery[0])[0] == AUTH_ERR
    mistyped = recovery[1][2:-1] + ("0" if recovery[1][-1] != "0" else "1")
    code, printed = machine.ask("otp", user, mistyped)
    assert code == AUTH_ERR and NOT_A_CODE in printed, "without its letter only the check symbol tells it"


@pytest.mark.parametrize("typed", OTHERS)
def test_what_is_no_code_says_so_to_everybody_alike_and_is_not_counted(machine, enrolled, journal, typed):
    user, key = enrolled
    suspended, _ = machine.enrolled_user()
    assert otpctl("suspend", suspended.name).returncode == 0
    start = journal.position()
    said = set()
    for name in (user, machine.new_user(), suspended, "nobody-at-all"):
        code, printed = machine.ask("otp", name, typed)
        assert code == AUTH_ERR
        said.add(printed.replace(getattr(name, "name", str(name)), "NAME"))
    assert len(said) == 1 and NOT_A_CODE in said.pop()
    assert all(line["reason"] in ("junk", "not-enrolled", "unknown-user", "suspended") for line in decisions(journal.since(start)))
    assert machine.ask("otp", user, key.wrong())[0] == AUTH_ERR
    code, printed = machine.ask("otp", user, key.wrong(1))
    assert REFUSAL in printed, "a wrong code has another text"
    assert sum(origin["failures"] for origin in machine.status(user)["origins"]) == 2, "the junk did not count"


def test_the_owner_at_sudo_hears_the_same_also_where_the_keys_are_suspended(machine, enrolled):
    user, key = enrolled
    machine.sudo_asks(user, "required pam_otp.so")
    assert NOT_A_CODE in machine.sudo(user, [(CODE_PROMPT, "hunter2")]).text
    assert otpctl("suspend", user.name).returncode == 0
    assert NOT_A_CODE in machine.sudo(user, [(CODE_PROMPT, "hunter2")]).text
    assert "your keys are suspended" in machine.sudo(user, [(CODE_PROMPT, key.first)]).text


@pytest.mark.parametrize("gone", [VAULT, HOST_KEY], ids=["vault", "host key"])
def test_a_broken_gate_is_called_broken_to_its_owner_alone(machine, enrolled, gone):
    user, key = enrolled
    machine.sudo_asks(user, "required pam_otp.so")
    with moved_away(gone):
        told = machine.sudo(user, [(CODE_PROMPT, key.first)]).text
        assert CANNOT_CHECK in told and REFUSAL not in told, told
        code, printed = machine.ask("otp", user, key.first)  # from nowhere: it may be anybody
        assert code != SUCCESS and REFUSAL in printed and CANNOT_CHECK not in printed
    assert machine.ask("otp", user, key.first)[0] == SUCCESS


def test_a_user_without_the_daemon_hears_that_the_gate_is_broken(machine, enrolled):
    user, key = enrolled
    service = machine.service("otp-locker", "required pam_otp.so")
    with machine.daemon_stopped():
        done = dialogue([*as_user(user), "pamtester", service, user.name, "authenticate"], [(CODE_PROMPT, key.first)])
    assert done.status != 0 and CANNOT_CHECK in done.text and REFUSAL not in done.text, done.text


# a password of six digits


def test_try_first_pass_counts_a_password_of_six_digits_and_then_asks(machine, enrolled, journal):
    user, key = enrolled
    set_password(user, "135790")
    machine.sudo_asks(user, "requisite pam_unix.so", "required pam_otp.so try_first_pass")
    for code in (key.first, key.second):
        start = journal.position()
        outcome = machine.sudo(user, [(PASSWORD_PROMPT, "135790"), (CODE_PROMPT, code)], options=["-k"])
        assert outcome.status == 0, outcome.text
        assert [line["reason"] for line in decisions(journal.since(start))] == ["wrong", "code"]
    assert not any(origin["failures"] for origin in machine.status(user)["origins"]), "an accepted code forgets them"


def test_try_first_pass_asks_everybody_alike(machine, enrolled):
    """A password of six digits is no code of anybody, and a user without a key is asked as well."""
    user, key = enrolled
    service = machine.service("otp-try", "optional pam_unix.so", "required pam_otp.so try_first_pass")
    asked = {}
    for name in (user.name, machine.new_user().name, "nobody-at-all"):
        done = dialogue(["pamtester", service, name, "authenticate"], [("Password: ", "135790"), (CODE_PROMPT, key.wrong())])
        asked[name] = (done.status, done.asked(CODE_PROMPT), REFUSAL in done.text)
    assert set(asked.values()) == {(1, 1, True)}, asked


# forward_pass


def test_forward_pass_asks_for_both_and_does_not_use_up_a_code_without_a_password(machine, enrolled, journal):
    user, key = enrolled
    service = machine.service("otp-forward", "requisite pam_otp.so forward_pass", "required pam_unix.so use_first_pass")
    start = journal.position()
    done = dialogue(["pamtester", service, user.name, "authenticate"], [("Password and code: ", key.first)])
    assert done.status != 0 and NOT_A_CODE in done.text, done.text
    assert [line["reason"] for line in decisions(journal.since(start))] == ["junk"]
    assert machine.ask(service, user, PASSWORD + key.first)[0] == SUCCESS, "it was not used up"


def test_forward_pass_with_another_prompt_keeps_it(machine, enrolled):
    user, key = enrolled
    service = machine.service("otp-forward", "requisite pam_otp.so forward_pass [prompt=Both: ]", "required pam_unix.so use_first_pass")
    done = dialogue(["pamtester", service, user.name, "authenticate"], [("Both: ", PASSWORD + key.first)])
    assert done.status == 0, done.text


# otpctl


def test_otpctl_takes_a_code_as_it_is_pasted(machine, enrolled):
    user, key = enrolled
    done = subprocess.run([*as_user(user), "otpctl", "recovery-codes", "--allow-pipe"], input=HABITS["full width"](key.first) + "\n", capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and len(RECOVERY_CODE.findall(done.stdout)) == 8, done
