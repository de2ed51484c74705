"""Every option of the PAM line and every number of the policy: what is out of bounds refuses, and what is in bounds does what it says."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.enrolment import invited_and_enrolled
from harness.journal import decisions
from harness.machine import (
    ACCT_EXPIRED,
    AUTH_ERR,
    CODE_PROMPT,
    HUGE,
    NOT_A_CODE,
    PASSWORD,
    PASSWORD_PROMPT,
    POLICY,
    SERVICE_ERR,
    SUCCESS,
    as_user,
    codes_of_both_stages,
    otpctl,
    policy,
    write,
)
from harness.places import changed
from harness.rotation import set_password
from harness.services import opened, refused
from harness.terminal import Terminal, dialogue
from harness.wait import until


def with_password(machine, password):
    """A user with a password and a key."""
    user = machine.new_user()
    set_password(user, password)
    return user, machine.enrol(user)


# the PAM line


@pytest.mark.parametrize(
    "options",
    [
        *(f"forward_pass={number}" for number in ("", 0, -1, -6, 5, 9, "+6", "06", "6.0", "0x6", "6x", "six", 2**31, 2**32 + 6, 2**64 + 6, HUGE)),
        *("echo=", "echo=1", "echo=0", "try_first_pass=0", "use_first_pass=yes", "ECHO", "-1", "0", HUGE),
        *("whose", "whose=", "whose=0", "whose=root", "whose=-1", "whose=Invoker", "whose=invoker,user"),
        *("echo echo", "try_first_pass try_first_pass", "use_first_pass use_first_pass", "try_first_pass use_first_pass"),
        *("forward_pass forward_pass", "forward_pass forward_pass=6", "forward_pass=6 forward_pass=7", "whose=user whose=user", "whose=user whose=invoker"),
        *("config=/etc/otp/otp.toml config=/etc/otp/otp.toml", "config=otp.toml", "config=/etc/otp/../otp/otp.toml", "nullok nullok"),
        *(f"prompt={'x' * 129}", "[prompt=a\tb]", "unenrolled=0", "unenrolled=-1", f"unenrolled={HUGE}", "debug=0", "secret=/tmp/x", "user=root"),
    ],
    ids=lambda options: options[:40],
)
def test_an_option_out_of_bounds_refuses_at_both_stages_and_is_logged(machine, enrolled, journal, options):
    user, key = enrolled
    service = machine.service("otp-options", f"required pam_otp.so {options}", "required pam_permit.so", account=f"required pam_otp.so {options}")
    start = journal.position()
    code, printed = machine.converse(service, user, "text", key.first, "-a")
    assert (code, codes_of_both_stages(printed)[1]) == (SERVICE_ERR, SERVICE_ERR)
    assert [line["reason"] for line in decisions(journal.since(start))] == ["bad-option"] * 2
    assert machine.ask("otp", user, key.first)[0] == SUCCESS, "the code must not be used up"


def test_the_longest_prompt_is_128_bytes(machine, enrolled):
    user, key = enrolled
    machine.sudo_asks(user, f"required pam_otp.so prompt={'x' * 128}")
    assert opened(machine.sudo(user, [("x" * 128, key.first)]))


def test_echo_shows_what_is_typed(machine, enrolled):
    user, key = enrolled
    service = machine.service("otp-echo", "required pam_otp.so echo")
    terminal = Terminal(["pamtester", service, user.name, "authenticate"])
    terminal.awaits(CODE_PROMPT)
    until(terminal.is_read, "pamtester reading")
    terminal.types(key.first)
    assert terminal.ends() == 0 and key.first in terminal.transcript


def test_without_echo_nothing_is_shown(machine, enrolled):
    user, key = enrolled
    outcome = dialogue(["pamtester", "otp", user.name, "authenticate"], [(CODE_PROMPT, key.first)])
    assert outcome.status == 0 and key.first not in outcome.text


# what a module before has asked for


def test_use_first_pass_never_asks_and_a_password_is_no_code_and_not_counted(machine, enrolled, journal):
    user, key = enrolled
    machine.sudo_asks(user, "requisite pam_unix.so", "required pam_otp.so use_first_pass")
    start = journal.position()
    outcome = machine.sudo(user, [(PASSWORD_PROMPT, PASSWORD)])
    assert refused(outcome, NOT_A_CODE) and outcome.asked(CODE_PROMPT) == 0
    assert [line["reason"] for line in decisions(journal.since(start))] == ["junk"]


def test_use_first_pass_without_anything_before_it_refuses(machine, enrolled, journal):
    user, key = enrolled
    service = machine.service("otp-use", "required pam_otp.so use_first_pass")
    start = journal.position()
    assert machine.ask(service, user, key.first)[0] == AUTH_ERR
    assert [line["reason"] for line in decisions(journal.since(start))] == ["junk"]


def test_use_first_pass_takes_a_code_that_another_module_asked_for(machine, enrolled):
    user, key = enrolled
    machine.sudo_asks(user, "optional pam_unix.so", "required pam_otp.so use_first_pass")
    assert opened(machine.sudo(user, [(PASSWORD_PROMPT, key.first)]))
    assert refused(machine.sudo(user, [(PASSWORD_PROMPT, key.first)]))


def test_try_first_pass_asks_when_the_password_is_no_code(machine, enrolled):
    user, key = enrolled
    machine.sudo_asks(user, "requisite pam_unix.so", "required pam_otp.so try_first_pass")
    assert opened(machine.sudo(user, [(PASSWORD_PROMPT, PASSWORD), (CODE_PROMPT, key.first)]))


@pytest.mark.parametrize("typed", [lambda code: f"{code[:3]} {code[3:]}", lambda code: f" {code}", lambda code: f"{code[:3]}-{code[3:]}"])
def test_from_another_module_only_bare_digits_are_a_code(machine, enrolled, typed):
    """The answer to pam_unix may be a password with digits and blanks."""
    user, key = enrolled
    machine.sudo_asks(user, "optional pam_unix.so", "required pam_otp.so use_first_pass")
    assert refused(machine.sudo(user, [(PASSWORD_PROMPT, typed(key.first))]), NOT_A_CODE)
    assert opened(machine.sudo(user, [(PASSWORD_PROMPT, key.first)]))


PASSWORDS = ["secret", "two words", " in front", "behind ", "12 34 56", "123456", "tail123456", "8 digits 12345678", "1", "-", "pässwörd", "x" * 200]


@pytest.mark.parametrize("password", PASSWORDS, ids=lambda password: password[:20])
def test_forward_pass_takes_the_code_off_and_leaves_the_password_untouched(machine, password):
    user, key = with_password(machine, password)
    service = machine.service("otp-forward", "requisite pam_otp.so forward_pass", "required pam_unix.so use_first_pass")
    assert machine.ask(service, user, password + key.first)[0] == SUCCESS
    assert machine.ask(service, user, password + key.first)[0] == AUTH_ERR
    assert machine.ask(service, user, password + " " + key.second)[0] == AUTH_ERR  # another password, and the code is used up
    assert machine.ask(service, user, password + key.second)[0] == AUTH_ERR


@pytest.mark.parametrize("password", ["secret", "tail123456"])
def test_forward_pass_refuses_a_wrong_half(machine, password):
    user, key = with_password(machine, password)
    service = machine.service("otp-forward", "requisite pam_otp.so forward_pass", "required pam_unix.so use_first_pass")
    for typed in (password, password + key.wrong(), key.first, "", password + key.first + " ", key.first + password, "no" + key.first):
        assert machine.ask(service, user, typed)[0] == AUTH_ERR
    assert machine.ask(service, user, password + key.second)[0] == SUCCESS


@pytest.mark.parametrize("digits", [6, 7, 8])
def test_forward_pass_knows_how_long_a_code_is(machine, user, digits):
    set_password(user, "99999999")
    key = machine.enrol(user, digits=digits)
    service = machine.service("otp-forward", f"requisite pam_otp.so forward_pass={digits}", "required pam_unix.so use_first_pass")
    assert machine.ask(service, user, "99999999" + key.first)[0] == SUCCESS


def test_one_answer_to_every_prompt_unlocks_as_a_screen_locker_gives_it(machine):
    """pam_unix fails with password and code in one; our module takes the code off; pam_unix is content with the rest."""
    user, key = with_password(machine, "12 monkeys 654321")
    service = machine.service("otp-locker", "optional pam_unix.so", "requisite pam_otp.so use_first_pass forward_pass", "required pam_unix.so use_first_pass")
    assert machine.ask(service, user, "12 monkeys 654321" + key.first)[0] == SUCCESS
    assert machine.ask(service, user, "12 monkeys 654321" + key.wrong())[0] == AUTH_ERR


def test_a_recovery_code_opens_also_where_password_and_code_are_one_or_taken_over(machine):
    """As it is written down, because it opens every gate; a password may look like anything else."""
    user, _, key, recovery = invited_and_enrolled(machine)
    set_password(user, "two words")
    joined = machine.service("otp-forward", "requisite pam_otp.so forward_pass", "required pam_unix.so use_first_pass")
    locker = machine.service("otp-locker", "optional pam_unix.so", "requisite pam_otp.so use_first_pass forward_pass", "required pam_unix.so use_first_pass")
    taken = {how: machine.service(f"otp-{how}", "optional pam_unix.so", f"required pam_otp.so {how}_first_pass") for how in ("use", "try")}
    fold = recovery[0].replace("0", "o").lower()
    assert machine.ask(joined, user, "two words" + recovery[0][:-1])[0] == AUTH_ERR
    assert machine.ask(joined, user, "two words" + recovery[0].replace("-", ""))[0] == AUTH_ERR
    for service, typed in [(joined, "two words" + fold), (locker, "two words" + recovery[1]), (taken["use"], recovery[2]), (taken["try"], recovery[3])]:
        assert machine.ask(service, user, typed)[0] == SUCCESS, typed
        assert machine.ask(service, user, typed)[0] == AUTH_ERR, "once"
    assert machine.ask(joined, user, "another" + recovery[4])[0] == AUTH_ERR
    assert machine.ask(joined, user, "two words" + key.first)[0] == SUCCESS


# whose code


def test_whose_invoker_asks_for_the_invokers_code_in_su(machine, enrolled, journal):
    user, key = enrolled
    target, targets_key = machine.enrolled_user()
    service = machine.service("otp-invoker", "required pam_otp.so whose=invoker")
    start = journal.position()
    assert machine.ask(service, target, targets_key.first, "-r", user.uid)[0] == AUTH_ERR
    assert machine.ask(service, target, key.first, "-r", user.uid)[0] == SUCCESS
    assert [(line["user"], line["origin"]) for line in decisions(journal.since(start))] == [(user.name, "self")] * 2


@pytest.mark.parametrize("whose, opens", [("whose=invoker", True), ("whose=user", False), ("", False)])
def test_sudo_that_wants_roots_password_asks_the_invoker_only_if_told(machine, enrolled, whose, opens):
    user, key = enrolled
    machine.sudo_asks(user, f"required pam_otp.so {whose}")
    rule = Path("/etc/sudoers.d") / user.name
    write(rule, rule.read_text() + f"Defaults:{user.name} rootpw\n", 0o440)
    assert opened(machine.sudo(user, [(CODE_PROMPT, key.first)])) == opens


def test_whose_invoker_is_nobody_where_root_asks(machine, enrolled, journal):
    user, key = enrolled
    service = machine.service("otp-invoker", "required pam_otp.so whose=invoker", "required pam_permit.so")
    start = journal.position()
    assert machine.ask(service, user, key.first)[0] == AUTH_ERR
    assert [line["reason"] for line in decisions(journal.since(start))] == ["unknown-user"]


def test_whose_invoker_reaches_the_account_stage(machine, enrolled, journal):
    user, _ = enrolled
    target, _ = machine.enrolled_user()
    service = machine.service("otp-invoker-account", "required pam_permit.so", account="required pam_otp.so whose=invoker")

    def account(*options):
        return int(re.search(r"account (\d+)", machine.converse(service, target, "text", "", "-a", *options)[1])[1])

    assert otpctl("suspend", target.name).returncode == 0
    assert account("-r", user.uid) == SUCCESS, "the target's keys do not matter"
    assert account() == SUCCESS, "root, whom another module let in, has no key as such"
    assert otpctl("suspend", user.name).returncode == 0
    start = journal.position()
    assert account("-r", user.uid) == ACCT_EXPIRED
    assert [(line["reason"], line["user"]) for line in decisions(journal.since(start))] == [("suspended", user.name)]


@pytest.mark.parametrize("option, digits, outcome", [("forward_pass=8", "[6]", SERVICE_ERR), ("forward_pass", "[8]", SERVICE_ERR), ("forward_pass=8", "[6, 8]", AUTH_ERR)])
def test_a_length_that_no_code_of_the_service_has_is_a_contradiction(machine, enrolled, journal, option, digits, outcome):
    user, _ = enrolled
    service = machine.service("otp-contradiction", f"required pam_otp.so {option}")
    start = journal.position()
    with policy(f"[service.otp-contradiction]\ndigits = {digits}\n"):
        assert machine.ask(service, user, "password")[0] == outcome
    if outcome == SERVICE_ERR:
        assert [line["reason"] for line in decisions(journal.since(start))] == ["contradiction"]


def test_whose_invoker_is_nobody_where_root_asks_even_if_the_unenrolled_may_pass(machine, user):
    service = machine.service("otp-invoker", "required pam_otp.so whose=invoker nullok", "required pam_permit.so")
    assert machine.ask(service, user, "123456")[0] == AUTH_ERR


# the policy


BAD = [
    *(f"[window]\nback = {number}\n" for number in (-1, 3, 2**63 - 1, 2**63, HUGE, "1.5", '"1"', "true")),
    *(f"[window]\nforward = {number}\n" for number in (-1, 3, 2**64)),
    *(f"[guesses]\nself = {number}\n" for number in (0, -1, 2, 89, 2**32 + 20, 2**64, '"20"')),
    "[guesses]\nself = 20\nother = 20\nremote = 20\nconsole = 20\nsocket = 21\n",
    "[guesses]\nself = 5\nself = 5\n",
    '[guesses]\nwait = "never"\n',
    "[window]\n[window]\n",
    "[nonsense]\n",
]


@pytest.mark.parametrize("text", BAD, ids=lambda text: text.replace("\n", " ")[:40])
@pytest.mark.parametrize("where", ["everywhere", "service"])
def test_a_number_out_of_bounds_in_the_policy_refuses_and_is_logged_with_its_place(machine, enrolled, journal, where, text):
    user, key = enrolled
    if where == "service":
        text = text.replace("[", "[service.otp.") if not text.startswith("[nonsense]") else "[service.otp]\nnonsense = 1\n"
    with policy(text):
        assert_bad_policy(machine, user, key, journal)
    assert machine.ask("otp", user, key.first)[0] == SUCCESS


FOR_ALL_SERVICES = [
    *(f"notify_deadline = {number}\n" for number in (0, -1, 601, 2**32 + 30, 2**64 + 30, HUGE, "30.0", '"30"', "true", "[30]")),
    *(f"[key]\ndigits = {number}\n" for number in (0, -6, 5, 9, 2**8 + 6, 2**32 + 6, 2**64 + 6, HUGE, "6.0", '"6"', "[6]")),
    *(f"[key]\nperiod = {number}\n" for number in (0, -30, 14, 121, 2**16 + 30, 2**32 + 30, 2**64 + 30, HUGE, "30.0", '"30"', "30s")),
    *(f"[key]\nalgorithm = {word}\n" for word in (1, "true", '""', '"MD5"', '"sha1"')),
    *(f"[rotation]\nmax_age = {number}\n" for number in (0, -90, 6, 3651, 2**32 + 90, 2**64 + 90, HUGE, "90.0", '"90"', "90d")),
    *(f"[rotation]\nmax_age = 90\ngrace = {number}\n" for number in (0, -1, 366, 2**32 + 14, 2**64 + 14, HUGE, "14.0", '"14"')),
    *("[rotation]\n", "[rotation]\ngrace = 14\n", "[rotation]\nmax_age = 90\nrotate_services = 1\n", '[rotation]\nmax_age = 90\nrotate_services = "sudo"\n'),
    *("notify_deadline = 30\nnotify_deadline = 30\n", "[key]\ndigits = 6\ndigits = 6\n", "[key]\nperiod = 30\nperiod = 30\n", "[key]\n[key]\n"),
    *("[rotation]\nmax_age = 90\nmax_age = 90\n", "[rotation]\nmax_age = 90\ngrace = 14\ngrace = 14\n", "[rotation]\nmax_age = 90\n[rotation]\n"),
    *("key = 6\n", "rotation = 90\n", "window = 1\n", "guesses = 20\n", "service = 1\n", "version = 1\n", '[service.otp]\nnotify_deadline = 30\n', "[service.otp.key]\ndigits = 6\n"),
]


@pytest.mark.parametrize("text", FOR_ALL_SERVICES, ids=lambda text: text.replace("\n", " ")[:40])
def test_a_value_out_of_bounds_in_what_holds_for_all_services_refuses_and_is_told_with_its_place(machine, enrolled, journal, text):
    user, key = enrolled
    with policy(text):
        place = assert_bad_policy(machine, user, key, journal)
        done = otpctl("config", "check")
        assert done.returncode == 1 and place in done.stderr, "the command says the same"
    assert machine.ask("otp", user, key.first)[0] == SUCCESS


def assert_bad_policy(machine, user, key, journal):
    """Where the fault is, as the log says it."""
    start = journal.position()
    assert machine.ask("otp", user, key.first)[0] == SERVICE_ERR
    (line,) = [line for line in journal.since(start) if "outcome=" in line]
    assert "reason=bad-policy" in line
    return re.search(r"line \d+, column \d+", line)[0]


@pytest.mark.parametrize(
    "rule",
    [
        *("digits = [5]", "digits = [9]", "digits = [0]", "digits = [-6]", "digits = 6", f"digits = [{HUGE}]", 'digits = ["6"]'),
        *('unenrolled = "ask"', "unenrolled = true", 'allow_until = "2027-01-31"', "allow_until = 2027-01-31T00:00:00Z", "allow_until = 1", "report_only = 1"),
        *('exempt = "user:x"', 'exempt = ["x"]', 'exempt = ["user:"]', 'exempt = ["gid:-1"]', f'exempt = ["gid:{2**32}"]', 'exempt = ["net:localhost"]'),
        *('exempt = ["net:10.0.0.0/33"]', 'exempt = ["net:::/129"]', 'exempt = ["net:10.0.0.0/-1"]', 'require = ["host:example.org"]', 'prompt = ""', 'prompt = "\\u0007"'),
        *('prompt = """a\nb"""', "window = { back = 3 }", "allow_until = 1969-12-31", "guesses = { remote = 21 }"),
    ],
)
def test_an_impossible_rule_refuses_its_service_and_no_other(machine, enrolled, journal, rule):
    user, key = enrolled
    other = machine.service("otp-other", "required pam_otp.so")
    with policy(f"[service.otp]\n{rule}\n"):
        start = journal.position()
        assert machine.ask("otp", user, key.first)[0] == SERVICE_ERR
        assert [line["reason"] for line in decisions(journal.since(start))] == ["bad-policy"]
        assert machine.ask(other, user, key.first)[0] == SUCCESS


def test_a_length_that_the_service_does_not_take_is_junk(machine, user, journal):
    key = machine.enrol(user, digits=8)
    with policy("[service.otp]\ndigits = [6, 7]\n"):
        start = journal.position()
        assert machine.ask("otp", user, key.first)[0] == AUTH_ERR
        assert [line["reason"] for line in decisions(journal.since(start))] == ["junk"]
    with policy("[service.otp]\ndigits = [8]\n"):
        assert machine.ask("otp", user, key.first)[0] == SUCCESS


@pytest.mark.parametrize("line, shown", [("", "From the policy: "), ("[prompt=From the line: ]", "From the line: ")])
def test_the_prompt_of_the_line_goes_before_that_of_the_policy(machine, enrolled, line, shown):
    user, key = enrolled
    service = machine.service("otp-prompt", f"required pam_otp.so {line}")
    with policy(f'[service.{service}]\nprompt = "From the policy: "\n'):
        outcome = dialogue(["pamtester", service, user.name, "authenticate"], [(shown, key.first)])
    assert outcome.status == 0 and outcome.asked("From the") == 1


@pytest.mark.parametrize(
    "line, rule, passes",
    [
        ("", "", False),
        ("nullok", "", True),
        ("", 'unenrolled = "skip"', True),
        ("nullok", 'unenrolled = "skip"', True),
        ("nullok", 'unenrolled = "deny"', False),
        ("unenrolled=deny", 'unenrolled = "skip"', False),
        ("unenrolled=deny", "report_only = true", False),
        ("unenrolled=deny", "allow_until = 2099-01-01", False),
        ("", "allow_until = 2099-01-01", True),
        ("", "report_only = true", True),
        ("", "report_only = false", False),
    ],
)
def test_where_line_and_policy_both_speak_the_stricter_holds(machine, user, line, rule, passes):
    service = machine.service("otp-strict", f"required pam_otp.so {line}", "required pam_permit.so")
    with policy(f"[service.{service}]\n{rule}\n"):
        assert machine.ask(service, user, "123456")[0] == (SUCCESS if passes else AUTH_ERR)


# what a service has of its own

DECIDERS = {"on-the-files": (), "by-the-daemon": ("-r", 4242)}  # the module as root; su by somebody else


@pytest.fixture(params=DECIDERS)
def answer_of(request, machine):
    """Gives a code to a service, wherever the module has it checked."""
    return lambda service, user, code: machine.ask(service, user, code, *DECIDERS[request.param])[0]


@pytest.fixture(scope="module")
def special(machine):
    """A service for which the policy can say something else than for `otp`."""
    return machine.service("otp-special", "required pam_otp.so")


def test_the_window_of_a_service_is_its_own(machine, enrolled, answer_of, special):
    user, key = enrolled
    with policy(f"[service.{special}]\nwindow = {{ back = 0, forward = 0 }}\n"), machine.mid_step(later=2):
        before, now, after = (key.code(key.step_now() + offset) for offset in (-1, 0, 1))
        assert [answer_of(special, user, code) for code in (before, after)] == [AUTH_ERR] * 2
        assert answer_of("otp", user, before) == SUCCESS
        assert answer_of(special, user, now) == SUCCESS
        assert answer_of("otp", user, after) == SUCCESS


def test_a_service_may_have_a_wider_window_than_the_rest(machine, enrolled, answer_of, special):
    user, key = enrolled
    with policy(f"[window]\nback = 0\nforward = 0\n[service.{special}.window]\nback = 2\n"), machine.mid_step(later=3):
        two_before, before, now, after = (key.code(key.step_now() + offset) for offset in (-2, -1, 0, 1))
        assert [answer_of("otp", user, code) for code in (two_before, before, after)] == [AUTH_ERR] * 3
        assert answer_of(special, user, two_before) == SUCCESS
        assert answer_of(special, user, after) == AUTH_ERR, "what it does not say is as for all"
        assert answer_of("otp", user, now) == SUCCESS


def test_the_guesses_of_a_service_are_its_own(machine, answer_of, special, journal):
    (here, key), (elsewhere, other_key) = machine.enrolled_user(), machine.enrolled_user()
    with policy(f"[service.{special}]\nguesses = {{ console = 3, other = 3 }}\n"):
        for number in range(3):
            assert answer_of(special, here, key.wrong(number)) == AUTH_ERR
            assert answer_of("otp", elsewhere, other_key.wrong(number)) == AUTH_ERR
        start = journal.position()
        assert answer_of(special, here, key.first) == AUTH_ERR
        assert answer_of("otp", elsewhere, other_key.first) == SUCCESS
    assert [line["reason"] for line in decisions(journal.since(start))] == ["closed", "code"]


def test_the_wait_of_a_service_is_its_own(machine, enrolled, answer_of, special, journal):
    user, key = enrolled
    with policy(f'[service.{special}]\nguesses = {{ wait = "none" }}\n'):
        start = journal.position()
        for number in range(6):
            assert answer_of(special, user, key.wrong(number)) == AUTH_ERR
        assert answer_of("otp", user, key.first) == AUTH_ERR
        assert answer_of(special, user, key.first) == SUCCESS
    assert [line["reason"] for line in decisions(journal.since(start))] == ["wrong"] * 6 + ["waiting", "code"]


# another policy file

NAMED = Path("/etc/otp/named.toml")


@pytest.fixture
def named(machine):
    """Makes the file and a service whose lines name it."""
    line = f"required pam_otp.so config={NAMED}"
    service = machine.service("otp-named", line, "required pam_permit.so", account=line)

    def make(text, mode=0o644):
        write(NAMED, f"version = 1\n[service.{service}]\n{text}\n", mode)
        return service

    yield make
    NAMED.unlink(missing_ok=True)


def test_the_prompt_is_that_of_the_file_that_is_named_and_the_standard_one_is_not_read(machine, enrolled, named):
    user, key = enrolled
    service = named('prompt = "From the named file: "')
    with policy("nonsense\n"):
        outcome = dialogue(["pamtester", service, user.name, "authenticate", "acct_mgmt"], [("From the named file: ", key.first)])
    assert outcome.status == 0, outcome


@pytest.mark.parametrize("there, here", [("window = { back = 0 }", ""), ("", "window = { back = 0 }")], ids=["stricter", "milder"])
def test_on_the_files_the_window_is_that_of_the_file_that_is_named(machine, enrolled, named, there, here):
    user, key = enrolled
    service = named(there)
    with policy(f"[service.{service}]\n{here}\n"), machine.mid_step(later=2):
        assert machine.ask(service, user, key.code(key.step_now() - 1))[0] == (AUTH_ERR if there else SUCCESS)
        assert machine.ask(service, user, key.code(key.step_now()))[0] == SUCCESS


def test_on_the_files_the_guesses_are_those_of_the_file_that_is_named(machine, enrolled, named, journal):
    user, key = enrolled
    service = named("guesses = { console = 3 }")
    start = journal.position()
    for number in range(3):
        assert machine.ask(service, user, key.wrong(number))[0] == AUTH_ERR
    assert machine.ask(service, user, key.first)[0] == AUTH_ERR
    assert [line["reason"] for line in decisions(journal.since(start))] == ["wrong"] * 3 + ["closed"]


def test_where_the_daemon_decides_window_and_guesses_are_those_of_the_named_file_too(machine, enrolled, named):
    user, key = enrolled
    service = named("window = { back = 0 }\nguesses = { other = 3 }")
    with machine.mid_step(later=2):
        assert machine.ask(service, user, key.code(key.step_now() - 1), "-r", 4242)[0] == AUTH_ERR
        for number in range(2):
            assert machine.ask(service, user, key.wrong(number), "-r", 4242)[0] == AUTH_ERR
        assert machine.ask(service, user, key.code(key.step_now()), "-r", 4242)[0] == AUTH_ERR, "closed after three"
        assert machine.ask("otp", user, key.code(key.step_now()))[0] == SUCCESS, "another origin"


def gone():
    NAMED.unlink()


def out_of_bounds():
    write(NAMED, "[window]\nback = 3\n", 0o644)


def too_long():
    write(NAMED, "#" * (64 * 1024 + 1), 0o644)


def writable_by_its_group():
    NAMED.chmod(0o664)


def writable_by_all():
    NAMED.chmod(0o646)


def somebody_elses():
    shutil.chown(NAMED, "nobody")


def behind_a_link():
    NAMED.unlink()
    NAMED.symlink_to(POLICY)


def no_file():
    NAMED.unlink()
    os.mkfifo(NAMED, 0o644)


@pytest.mark.parametrize("fault", [gone, out_of_bounds, too_long, writable_by_its_group, writable_by_all, somebody_elses, behind_a_link, no_file], ids=lambda fault: fault.__name__)
def test_a_named_file_that_is_not_in_order_refuses_at_both_stages_and_is_logged(machine, enrolled, named, journal, fault):
    user, key = enrolled
    service = named("")
    fault()
    start = journal.position()
    code, printed = machine.converse(service, user, "text", key.first, "-a")
    assert (code, codes_of_both_stages(printed)[1]) == (SERVICE_ERR, SERVICE_ERR)
    lines = journal.since(start)
    assert [line["reason"] for line in decisions(lines)] == ["bad-policy"] * 2 and all(str(NAMED) in line for line in lines)
    assert machine.ask("otp", user, key.first)[0] == SUCCESS, "the code must not be used up"


def test_a_named_file_in_a_directory_that_others_may_write_to_refuses(machine, enrolled, journal):
    user, key = enrolled
    write(Path("/etc/otp-special/otp.toml"), "version = 1\n", 0o644)
    service = machine.service("otp-named", "required pam_otp.so config=/etc/otp-special/otp.toml")
    with changed(Path("/etc/otp-special"), mode=0o757):
        start = journal.position()
        assert machine.ask(service, user, key.first)[0] == SERVICE_ERR
        assert [line["reason"] for line in decisions(journal.since(start))] == ["bad-policy"]
    assert machine.ask(service, user, key.first)[0] == SUCCESS


def test_the_account_stage_reads_the_file_that_its_line_names(machine, enrolled, named):
    """Anyone who is exempt is not looked at, so the file shows."""
    user, _ = enrolled
    named(f'exempt = ["user:{user.name}"]')
    plain = machine.service("otp-account-plain", "required pam_permit.so", account="required pam_otp.so")
    with_a_file = machine.service("otp-named", "required pam_permit.so", account=f"required pam_otp.so config={NAMED}")
    assert otpctl("suspend", user.name).returncode == 0

    def account(service):
        return codes_of_both_stages(machine.converse(service, user, "text", "", "-a")[1])[1]

    assert (account(plain), account(with_a_file)) == (ACCT_EXPIRED, SUCCESS)
    writable_by_all()
    assert account(with_a_file) == SERVICE_ERR
    gone()
    assert account(with_a_file) == SERVICE_ERR


@pytest.mark.parametrize("root", [True, False])
def test_window_and_guesses_of_a_service_hold_in_processes_of_root(machine, enrolled, root):
    """The service name of a process without root is a claim: the daemon goes by the general ones, and the service is no stricter."""
    user, key = enrolled
    service = machine.service("otp-narrow", "required pam_otp.so", account="required pam_otp.so")
    with policy(f"[service.{service}]\nwindow = {{ back = 0, forward = 0 }}\n"), machine.mid_step():
        key.step = key.step_now()
        host = [machine.hosts / "oddconv", "--", service, user.name, "text", key.second]
        done = subprocess.run([*([] if root else as_user(user)), *host], capture_output=True, text=True, timeout=30)
    assert f"authenticate {AUTH_ERR if root else SUCCESS}" in done.stdout


def test_the_code_for_which_a_key_is_replaced_goes_by_the_general_window(machine, enrolled):
    user, key = enrolled
    passwd, narrow = Path("/etc/pam.d/passwd"), Path("/etc/otp/narrow.toml")
    before = passwd.read_text()
    write(narrow, "[window]\nback = 0\nforward = 0\n", 0o644)
    write(passwd, f"password requisite pam_otp.so rotate=ask config={narrow}\n", 0o644)
    try:
        with policy("[service.passwd]\nwindow = { back = 0, forward = 0 }\n"), machine.mid_step():
            key.step = key.step_now()
            terminal = Terminal([*as_user(user), "passwd"])
            terminal.awaits("keep it: ")
            terminal.types_hidden(key.second)
            terminal.awaits("Code from the app: ")
            terminal.ends_input_hidden()
            assert terminal.ends() != 0
    finally:
        write(passwd, before, 0o644)
        narrow.unlink()
