"""Real sudo on a terminal, started by an ordinary user."""

import subprocess
from pathlib import Path

import pytest

from harness.journal import decisions
from harness.machine import CODE_PROMPT, NOT_A_CODE, PASSWORD, PASSWORD_PROMPT, REFUSAL, SERVICE_ERR, as_user, write
from harness.services import CODE_ALONE, OPENED, opened, refused
from harness.terminal import Terminal

PASSWORD_THEN_CODE = ("requisite pam_unix.so", "required pam_otp.so")


def test_password_then_code_opens_sudo(machine, enrolled):
    user, key = enrolled
    machine.sudo_asks(user, *PASSWORD_THEN_CODE)
    assert opened(machine.sudo(user, [(PASSWORD_PROMPT, PASSWORD), (CODE_PROMPT, key.first)]))


def test_the_code_alone_opens_sudo(machine, enrolled):
    user, key = enrolled
    machine.sudo_asks(user, *CODE_ALONE)
    assert opened(machine.sudo(user, [(CODE_PROMPT, key.first)]))


def test_the_service_named_sudo_asks_for_the_code_after_the_password(machine, enrolled):
    user, key = enrolled
    debians = Path("/etc/pam.d/sudo").read_text()
    machine.service("sudo", *PASSWORD_THEN_CODE)
    try:
        assert opened(machine.sudo(user, [(PASSWORD_PROMPT, PASSWORD), (CODE_PROMPT, key.first)]))
    finally:
        write(Path("/etc/pam.d/sudo"), debians, 0o644)


def test_a_code_works_once(machine, enrolled):
    user, key = enrolled
    machine.sudo_asks(user, *CODE_ALONE)
    assert opened(machine.sudo(user, [(CODE_PROMPT, key.first)]))
    assert refused(machine.sudo(user, [(CODE_PROMPT, key.first)]))
    assert opened(machine.sudo(user, [(CODE_PROMPT, key.second)]))


def test_the_confirming_code_is_used_up(machine, enrolled):
    user, key = enrolled
    machine.sudo_asks(user, *CODE_ALONE)
    assert refused(machine.sudo(user, [(CODE_PROMPT, key.confirming)]))


def test_an_older_code_than_the_last_accepted_is_refused(machine, enrolled):
    user, key = enrolled
    machine.sudo_asks(user, *CODE_ALONE)
    assert opened(machine.sudo(user, [(CODE_PROMPT, key.second)]))
    assert refused(machine.sudo(user, [(CODE_PROMPT, key.first)]))


@pytest.mark.parametrize("typed", ["", " ", "12345", "123456789", "abcdef", "12345a", "R-12345", "\t\t"])
def test_what_is_no_code_is_refused_and_not_counted(machine, enrolled, journal, typed):
    user, key = enrolled
    machine.sudo_asks(user, *CODE_ALONE)
    start = journal.position()
    assert refused(machine.sudo(user, [(CODE_PROMPT, typed)]), NOT_A_CODE)
    assert [line["reason"] for line in decisions(journal.since(start))] == ["junk"]
    assert opened(machine.sudo(user, [(CODE_PROMPT, key.first)]))


def test_a_wrong_code_is_refused_and_the_right_one_still_works(machine, enrolled):
    user, key = enrolled
    machine.sudo_asks(user, *CODE_ALONE)
    assert refused(machine.sudo(user, [(CODE_PROMPT, key.wrong())]))
    assert opened(machine.sudo(user, [(CODE_PROMPT, key.first)]))


def test_spaces_and_hyphens_in_a_code_do_not_matter(machine, enrolled):
    user, key = enrolled
    machine.sudo_asks(user, *CODE_ALONE)
    assert opened(machine.sudo(user, [(CODE_PROMPT, f"{key.first[:3]} {key.first[3:]}")]))
    assert opened(machine.sudo(user, [(CODE_PROMPT, f"{key.second[:3]}-{key.second[3:]}")]))


def test_a_late_code_is_refused(machine, enrolled):
    user, key = enrolled
    machine.sudo_asks(user, *CODE_ALONE)
    with machine.clock(+90):
        assert refused(machine.sudo(user, [(CODE_PROMPT, key.first)]))
        assert opened(machine.sudo(user, [(CODE_PROMPT, key.code(key.step_now()))]))


def test_a_code_that_got_late_while_the_prompt_waited_is_refused(machine, enrolled):
    user, key = enrolled
    machine.sudo_asks(user, *CODE_ALONE)
    terminal = Terminal([*as_user(user), "sudo", "id", "-u"])
    terminal.awaits(CODE_PROMPT)
    with machine.clock(+120):
        terminal.types_hidden(key.first)
        assert terminal.ends() == 1
    assert REFUSAL in terminal.transcript


def test_a_code_of_tomorrow_is_refused(machine, enrolled):
    user, key = enrolled
    machine.sudo_asks(user, *CODE_ALONE)
    assert refused(machine.sudo(user, [(CODE_PROMPT, key.code(key.step + 2880))]))


def test_a_wrong_password_never_gets_as_far_as_the_code(machine, enrolled, journal):
    user, key = enrolled
    machine.sudo_asks(user, *PASSWORD_THEN_CODE)
    start = journal.position()
    outcome = machine.sudo(user, [(PASSWORD_PROMPT, "not it")])
    assert outcome.status == 1 and outcome.asked(CODE_PROMPT) == 0
    assert decisions(journal.since(start)) == []


def test_another_users_code_is_refused(machine, enrolled):
    user, _ = enrolled
    _, others = machine.enrolled_user()
    machine.sudo_asks(user, *CODE_ALONE)
    assert refused(machine.sudo(user, [(CODE_PROMPT, others.first)]))


def test_sudo_n_fails_and_uses_no_code(machine, enrolled, journal):
    user, key = enrolled
    machine.sudo_asks(user, *CODE_ALONE)
    start = journal.position()
    outcome = machine.sudo(user, [], options=["-n"])
    assert outcome.status == 1 and outcome.asked(CODE_PROMPT) == 0
    assert decisions(journal.since(start)) == []
    assert opened(machine.sudo(user, [(CODE_PROMPT, key.first)]))


def test_sudo_S_takes_password_and_code_from_its_input(machine, enrolled):
    user, key = enrolled
    machine.sudo_asks(user, *PASSWORD_THEN_CODE)
    command = ["setsid", "--wait", *as_user(user), "sudo", "-S", "id", "-u"]
    done = subprocess.run(command, input=f"{PASSWORD}\n{key.first}\n", capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr
    again = subprocess.run(command, input=f"{PASSWORD}\n{key.first}\n", capture_output=True, text=True, timeout=20)
    assert (again.returncode, again.stdout) == (1, "") and REFUSAL in again.stderr


def test_sudo_S_with_an_input_that_ends_is_refused(machine, enrolled):
    user, _ = enrolled
    machine.sudo_asks(user, *CODE_ALONE)
    command = ["setsid", "--wait", *as_user(user), "sudo", "-S", "id", "-u"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout) == (1, "")


def test_a_prompt_that_is_interrupted_uses_no_code(machine, enrolled):
    user, key = enrolled
    machine.sudo_asks(user, *CODE_ALONE)
    terminal = Terminal([*as_user(user), "sudo", "id", "-u"])
    terminal.awaits(CODE_PROMPT)
    terminal.interrupts_hidden()
    assert terminal.ends() != 0
    assert opened(machine.sudo(user, [(CODE_PROMPT, key.first)]))


def test_sudo_opens_once_with_the_daemon_stopped(machine, enrolled):
    user, key = enrolled
    machine.sudo_asks(user, *PASSWORD_THEN_CODE)
    with machine.daemon_stopped():
        answers = [(PASSWORD_PROMPT, PASSWORD), (CODE_PROMPT, key.first)]
        assert opened(machine.sudo(user, answers))
        assert refused(machine.sudo(user, answers))


def test_a_user_without_a_key_is_asked_and_refused_in_the_same_words(machine, user, enrolled):
    stranger = machine.new_user()
    owner, key = enrolled
    transcripts = []
    for who in (stranger, owner):
        machine.sudo_asks(who, *CODE_ALONE)
        outcome = machine.sudo(who, [(CODE_PROMPT, key.wrong())])
        assert refused(outcome)
        transcripts.append(outcome.text.replace(who.name, "USER"))
    assert transcripts[0] == transcripts[1]


@pytest.mark.parametrize("option", ["nullok", "unenrolled=skip"])
def test_skip_lets_a_user_without_a_key_in_by_the_password_alone(machine, user, option):
    machine.sudo_asks(user, "requisite pam_unix.so", f"required pam_otp.so {option}")
    outcome = machine.sudo(user, [(PASSWORD_PROMPT, PASSWORD)])
    assert opened(outcome) and outcome.asked(CODE_PROMPT) == 0


def test_skip_still_asks_a_user_with_a_key(machine, enrolled):
    user, key = enrolled
    machine.sudo_asks(user, "requisite pam_unix.so", "required pam_otp.so nullok")
    assert refused(machine.sudo(user, [(PASSWORD_PROMPT, PASSWORD), (CODE_PROMPT, key.wrong())]))
    assert opened(machine.sudo(user, [(PASSWORD_PROMPT, PASSWORD), (CODE_PROMPT, key.first)]))


def test_skip_alone_in_the_stack_lets_nobody_in(machine, user):
    machine.sudo_asks(user, "required pam_otp.so nullok")
    outcome = machine.sudo(user, [])
    assert outcome.status == 1 and OPENED not in outcome.text


@pytest.mark.parametrize(
    "options",
    [
        "nonsense",
        "nullok=yes",
        "unenrolled=",
        "unenrolled=maybe",
        "unenrolled",
        "prompt",
        "prompt=",
        "config=",
        "config=otp.toml",
        "debug=1",
        "nullok nullok",
        "debug debug",
        "nullok unenrolled=deny",
        "unenrolled=deny unenrolled=deny",
        "[prompt=a: ] [prompt=b: ]",
        "Nullok",
    ],
)
def test_an_option_that_is_not_understood_refuses_and_is_logged(machine, enrolled, journal, options):
    user, key = enrolled
    service = machine.sudo_asks(user, f"required pam_otp.so {options}", "required pam_permit.so")
    start = journal.position()
    assert machine.ask(service, user, key.first)[0] == SERVICE_ERR
    assert [line["reason"] for line in decisions(journal.since(start))] == ["bad-option"]
    outcome = Terminal([*as_user(user), "sudo", "id", "-u"])
    assert outcome.ends() != 0


def test_the_prompt_can_be_chosen(machine, enrolled):
    user, key = enrolled
    machine.sudo_asks(user, "required pam_otp.so [prompt=Code from the app, please: ]")
    outcome = machine.sudo(user, [("Code from the app, please: ", key.first)])
    assert opened(outcome) and outcome.asked(CODE_PROMPT) == 0


def test_the_code_is_not_echoed(machine, enrolled):
    user, key = enrolled
    machine.sudo_asks(user, *CODE_ALONE)
    outcome = machine.sudo(user, [(CODE_PROMPT, key.first)])
    assert opened(outcome) and key.first not in outcome.text


def test_the_account_stack_lets_users_with_and_without_a_key_in(machine, enrolled):
    user, key = enrolled
    stranger = machine.new_user()
    for who in (user, stranger):
        machine.sudo_asks(who, "required pam_unix.so", account="required pam_otp.so")
        assert opened(machine.sudo(who, [(PASSWORD_PROMPT, PASSWORD)]))


@pytest.mark.parametrize("limit", ["fsize", "nproc", "memlock", "core", "stack"])
def test_limits_that_a_user_sets_never_open_sudo_twice(machine, enrolled, limit):
    user, key = enrolled
    machine.sudo_asks(user, *CODE_ALONE)
    value = {"fsize": 0, "nproc": 1, "memlock": 0, "core": 0, "stack": 65536}[limit]
    command = [*as_user(user), "prlimit", f"--{limit}={value}", "sudo", "id", "-u"]
    results = []
    for _ in range(2):
        terminal = Terminal(command)
        try:
            terminal.awaits(CODE_PROMPT)
            terminal.types_hidden(key.first)
        except AssertionError:
            pass  # sudo itself may give up under this limit
        results.append(terminal.ends() == 0)
    assert results.count(True) <= 1 and results[1] is False
    if limit == "fsize":
        assert results == [False, False]
    assert opened(machine.sudo(user, [(CODE_PROMPT, key.second)]))


@pytest.mark.parametrize(
    "wish",
    [
        {"algorithm": "SHA256"},
        {"algorithm": "SHA512"},
        {"digits": 7},
        {"digits": 8, "algorithm": "SHA512", "period": 60},
        {"period": 15},
        {"period": 120},
    ],
    ids=str,
)
def test_every_kind_of_key_opens_sudo_once(machine, user, wish):
    key = machine.enrol(user, **wish)
    machine.sudo_asks(user, *CODE_ALONE)
    assert opened(machine.sudo(user, [(CODE_PROMPT, key.first)]))
    assert refused(machine.sudo(user, [(CODE_PROMPT, key.first)]))
