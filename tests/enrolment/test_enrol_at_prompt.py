"""Anyone who was never enrolled types a registration code at the prompt, is handed a key on the screen, and is logged in."""

import re
import shlex
import time
from pathlib import Path

import pytest

from harness.enrolment import NEVER_ISSUED, invite, spoken_code
from harness.hosts import HOSTS, Ssh, gates, listens, one_try_at_login, server, sshd
from harness.journal import decisions
from harness.machine import AUTH_ERR, CODE_PROMPT, REFUSAL, SUCCESS, UNKNOWN, policy
from harness.prompts import APP_PROMPT, KEEP_PROMPT, LETTERS, begins, confirms, enrolling, key_on
from harness.screen import DARK, LIGHT, Pane, read_qr
from harness.wait import until
from harness.wire import Client, Refused

SERVICES = sorted({host.service for host in HOSTS.values()})
# hosts on whose terminal a sheet and several prompts find room; a screen locker would give one answer to all of them
SHEETS = ["sudo", "su-by-root", "su-own", "su-by-another", "ssh", "ssh-key-then-code", "login", "doas"]


@pytest.fixture(scope="module")
def enrolling_hosts(machine):
    machine.somebody = machine.new_user()
    with one_try_at_login(), gates(machine), sshd(), enrolling(*SERVICES):
        yield


def is_enrolled(machine, user):
    return machine.status(user)["enrolled"]


# a first key


@pytest.mark.parametrize("name", SHEETS)
def test_a_registration_code_makes_a_first_key_and_this_login_goes_on(machine, enrolling_hosts, name, user, journal):
    host = HOSTS[name]
    start = journal.position()
    terminal = begins(machine, host, user, spoken_code(user))
    key, codes = confirms(terminal)
    attempt = host.conclude(terminal, user)
    assert attempt.opened and attempt.asked == 1, attempt
    assert len(set(codes)) == 8
    (line,) = [line for line in decisions(journal.since(start)) if "stage" not in line]
    assert (line["outcome"], line["reason"], line["key"], line["service"]) == ("accepted", "enrolled", "phone", host.service)
    assert host.attempt(machine, user, key.first).opened
    assert host.attempt(machine, user, codes[0]).opened
    assert not host.attempt(machine, user, codes[0]).opened


def test_the_code_that_confirmed_the_key_is_used_up(machine, enrolling_hosts, user):
    host = HOSTS["sudo"]
    terminal = begins(machine, host, user, spoken_code(user))
    key, _ = confirms(terminal)
    assert host.conclude(terminal, user).opened
    assert not host.attempt(machine, user, key.confirming).opened


@pytest.mark.parametrize("wish", [{"form": "spoken"}, {"form": "mail"}, {"form": "letter"}, {"form": "split"}], ids=lambda wish: wish["form"])
def test_every_form_of_registration_code_is_taken(machine, enrolling_hosts, user, wish):
    host = HOSTS["ssh"]
    terminal = begins(machine, host, user, invite(user, **wish).lower())
    confirms(terminal)
    assert host.conclude(terminal, user).opened


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("name", ["sudo", "su-by-root", "ssh"])
def test_the_picture_can_be_read_off_the_screen(machine, enrolling_hosts, user, tmp_path, name, theme):
    host = HOSTS[name]
    host.prepare(machine, user)
    command = shlex.join(map(str, host.command(machine, user)))
    with Pane(f"prompt-{name}-{theme}", command, columns=100, rows=90) as pane:
        pane.awaits(CODE_PROMPT)
        pane.types(spoken_code(user))
        pane.awaits(APP_PROMPT)
        if theme == "light":
            pane.types("")
            pane.awaits("for a light screen")
            pane.awaits(APP_PROMPT, times=2)
        key = key_on(pane.text())
        (uri,) = read_qr(pane.coloured(), {"dark": DARK, "light": LIGHT}[theme], tmp_path / "screen.png")
        assert uri.startswith("otpauth://totp/") and f"secret={key.base32}&" in uri
        pane.types(key.confirming)
        pane.awaits(KEEP_PROMPT)
        pane.types("")
        assert pane.ended() == 0, pane.text()


def test_a_picture_for_the_other_background_comes_as_often_as_enter_is_typed(machine, enrolling_hosts, user):
    terminal = begins(machine, HOSTS["ssh"], user, spoken_code(user))
    for _ in range(3):
        terminal.awaits(APP_PROMPT)
        terminal.types_hidden("")
    confirms(terminal)
    assert HOSTS["ssh"].conclude(terminal, user).opened
    shown = re.findall(r"This picture is for a (\w+) screen", terminal.transcript)
    assert shown == ["dark", "light", "dark", "light"]
    assert len(set(LETTERS.findall(terminal.transcript))) == 1, "one key all the time"


def test_ssh_is_never_sent_more_messages_than_it_takes(machine, enrolling_hosts, user):
    """It allows 32; here are as many as can come."""
    terminal = begins(machine, HOSTS["ssh"], user, spoken_code(user))
    for _ in range(11):
        terminal.awaits(APP_PROMPT)
        terminal.types_hidden("not a code")
    confirms(terminal)
    assert HOSTS["ssh"].conclude(terminal, user).opened


# codes that are not of the key


@pytest.mark.parametrize("name", SHEETS)
def test_a_wrong_code_is_told_and_another_one_may_be_typed(machine, enrolling_hosts, name, user):
    host = HOSTS[name]
    terminal = begins(machine, host, user, spoken_code(user))
    terminal.awaits(APP_PROMPT)
    terminal.types_hidden(key_on(terminal.transcript).wrong())
    terminal.awaits("that is not a code of this key; [0-9] more tries")
    confirms(terminal)
    assert host.conclude(terminal, user).opened


def test_the_likely_cause_of_a_wrong_code_is_told(machine, enrolling_hosts, user):
    terminal = begins(machine, HOSTS["ssh"], user, spoken_code(user))
    terminal.awaits(APP_PROMPT)
    key = key_on(terminal.transcript)
    terminal.types_hidden(key.code(key.step - 8))
    terminal.awaits("the phone's clock is slow by about 4 minutes, or this host's is fast")
    confirms(terminal)


def test_after_too_many_wrong_codes_nothing_is_there_and_its_owner_hears_so(machine, enrolling_hosts, user, journal):
    host = HOSTS["sudo"]
    code = spoken_code(user)
    start = journal.position()
    terminal = begins(machine, host, user, code)
    terminal.awaits(APP_PROMPT)
    key = key_on(terminal.transcript)
    for number in range(6):
        terminal.types_hidden(key.wrong(number))
        if number < 5:
            terminal.awaits(APP_PROMPT)
    attempt = host.conclude(terminal, user)
    assert not attempt.opened and "Too many codes were wrong. Nothing was stored" in attempt.text and REFUSAL not in attempt.text, attempt
    assert [line["reason"] for line in decisions(journal.since(start))] == ["not-confirmed"]
    assert not is_enrolled(machine, user)
    again = begins(machine, host, user, code)  # the owner may try again with the same code
    confirms(again)
    assert host.conclude(again, user).opened


# given up on the way


@pytest.mark.parametrize("name", SHEETS)
def test_given_up_at_the_picture_nothing_is_there_and_the_code_can_be_used_again(machine, enrolling_hosts, name, user):
    host = HOSTS[name]
    code = spoken_code(user)
    terminal = begins(machine, host, user, code)
    terminal.awaits(APP_PROMPT)
    first = key_on(terminal.transcript)
    host.given_up(terminal)
    assert not is_enrolled(machine, user) and not user.key_file.exists()
    again = begins(machine, host, user, code)
    key, _ = confirms(again)
    assert host.conclude(again, user).opened
    assert key.base32 != first.base32, "no key is shown twice"
    assert "You used this code" not in terminal.transcript
    assert re.search(rf"You used this code just now \(2\S+Z\), .*through {host.service}, and did not finish", again.transcript), again.transcript


@pytest.fixture
def hurried(enrolling_hosts):
    """An sshd that gives a login fifteen seconds; the host, and the server's process."""
    process = server(2204, "keyboard-interactive", "LoginGraceTime 15\n")
    until(lambda: listens(2204), "sshd at 2204")
    yield Ssh(2204), process
    process.terminate()
    process.wait(10)


def something_is_pending(user):
    """Root's own way to a key is barred while there is one under way."""
    with Client() as client:
        try:
            client.call("BeginEnrolment", user=user.name)
        except Refused as refusal:
            assert refusal.name == "Busy", refusal
            return True
        return False


def test_where_sshd_waits_no_longer_nothing_is_there_and_the_code_can_be_used_again(machine, hurried, user):
    hasty, process = hurried
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    code = spoken_code(user)
    until(lambda: not children.read_text(), "the end of the fixture's own connection")
    begun = time.monotonic()
    terminal = begins(machine, hasty, user, code)
    terminal.awaits(APP_PROMPT)
    first = key_on(terminal.transcript)
    assert something_is_pending(user) and children.read_text()
    until(lambda: not children.read_text(), "the end of sshd's patience", deadline=40)
    assert time.monotonic() - begun > 14
    until(lambda: not something_is_pending(user), "the end of the pending key")
    terminal.types_hidden(first.confirming)  # ssh listens on, and nobody hears it
    assert terminal.ends() == 255
    assert not is_enrolled(machine, user) and not user.key_file.exists()
    patient = HOSTS["ssh"]
    assert not patient.attempt(machine, user, first.first).opened
    again = begins(machine, patient, user, code)
    key, _ = confirms(again)
    assert patient.conclude(again, user).opened
    assert key.base32 != first.base32, "no key is shown twice"
    assert not patient.attempt(machine, user, first.second).opened
    assert patient.attempt(machine, user, key.first).opened


def test_given_up_at_the_recovery_codes_the_key_is_there(machine, enrolling_hosts, user):
    host = HOSTS["ssh"]
    terminal = begins(machine, host, user, spoken_code(user))
    terminal.awaits(APP_PROMPT)
    key = key_on(terminal.transcript)
    terminal.types_hidden(key.confirming)
    terminal.awaits(KEEP_PROMPT)
    terminal.interrupts_hidden()
    assert terminal.ends() != 0
    assert host.attempt(machine, user, key.first).opened


def test_without_the_daemon_the_refusal_is_the_usual_one(machine, enrolling_hosts, user, journal):
    host = HOSTS["sudo"]
    code = spoken_code(user)
    start = journal.position()
    with machine.daemon_stopped():
        attempt = host.attempt(machine, user, code)
    assert not attempt.opened and REFUSAL in attempt.text
    lines = journal.since(start)
    assert any("enrolment=not-begun" in line and "reason=no-daemon" in line for line in lines), lines


def test_a_host_that_gives_one_answer_to_everything_enrols_nobody(machine, enrolling_hosts, user):
    """A screen locker: what it types at the picture is no code of the key."""
    machine.service("one-answer", "required pam_otp.so", account="required pam_otp.so")
    code = spoken_code(user)
    with enrolling("one-answer"):
        result, printed = machine.ask("one-answer", user, code)
        assert result == AUTH_ERR and printed.count("that is not a code") == 12
    assert not is_enrolled(machine, user)


# R8


def seen(machine, host, user, typed):
    """All that can be told of an attempt, with the name left out."""
    attempt = host.attempt(machine, user, typed)
    assert not attempt.opened, attempt
    return attempt.asked, attempt.text


@pytest.mark.parametrize("name", ["sudo", "su-by-another", "ssh", "login"])
def test_who_types_no_good_registration_code_sees_no_difference(machine, enrolling_hosts, user, name):
    host = HOSTS[name]
    enrolled, _ = machine.enrolled_user()
    other = machine.new_user()
    whose = spoken_code(other)
    code_of_enrolled = spoken_code(enrolled, replaces=True)
    with policy(""):
        usual = seen(machine, host, enrolled, "123456")
        no_code = seen(machine, host, enrolled, "junk")
    superseded = spoken_code(user)
    spoken_code(user)
    for person, typed in [(user, "junk"), (user, NEVER_ISSUED[:-1] + "N"), (enrolled, "junk"), (enrolled, NEVER_ISSUED[:-1] + "N")]:
        assert seen(machine, host, person, typed) == no_code, "by its shape alone"
    attempts = {
        "a code": (user, "123456"),
        "never issued": (user, NEVER_ISSUED),
        "superseded": (user, superseded),
        "somebody else's": (user, whose),
        "never issued, an enrolled user": (enrolled, NEVER_ISSUED),
        "good, but the user is enrolled": (enrolled, code_of_enrolled),
    }
    if host.takes_any_name:
        attempts["an unknown user"] = (UNKNOWN, NEVER_ISSUED)
    for what, (name, typed) in attempts.items():
        assert seen(machine, host, name, typed) == usual, what
    assert not is_enrolled(machine, user)
    fresh = machine.new_user()  # it was a prompt that takes good ones
    terminal = begins(machine, host, fresh, spoken_code(fresh))
    terminal.awaits(APP_PROMPT)
    host.given_up(terminal)


@pytest.mark.parametrize("name", SHEETS)
def test_a_code_that_replaces_is_not_redeemed_at_a_prompt_of_an_enrolled_user(machine, enrolling_hosts, name, enrolled):
    host = HOSTS[name]
    user, key = enrolled
    code = spoken_code(user, replaces=True)
    assert not host.attempt(machine, user, code).opened
    assert host.attempt(machine, user, key.first).opened
    with Client(uid=user.uid) as client:  # it is still good, for its owner
        assert client.call("Redeem", registration=code)["enrolment"]["user"] == user.name


def test_a_confirmed_code_that_comes_back_is_refused_and_noticed(machine, enrolling_hosts, user):
    host, code = HOSTS["ssh"], spoken_code(user)
    terminal = begins(machine, host, user, code)
    confirms(terminal)
    assert host.conclude(terminal, user).opened
    assert not host.attempt(machine, user, code).opened
    with Client() as client:
        events = {notice["event"] for notice in client.call("Notices", user=user.name)["notices"]}
    assert {"registration-code-used", "registration-code-replayed"} <= events


# where it is not enabled


@pytest.mark.parametrize("text", ["", '[service.SERVICE]\nunenrolled = "deny"\n', '[service.other]\nunenrolled = "enrol"\n'])
@pytest.mark.parametrize("name", SHEETS)
def test_where_the_policy_does_not_list_the_service_a_registration_code_is_junk(machine, enrolling_hosts, name, user, journal, text):
    host = HOSTS[name]
    code = spoken_code(user)
    start = journal.position()
    with policy(text.replace("SERVICE", host.service)):
        attempt = host.attempt(machine, user, code)
    assert not attempt.opened and LETTERS.search(attempt.text) is None
    reasons = {line["reason"] for line in decisions(journal.since(start)) if "stage" not in line}
    assert reasons <= {"junk", "not-enrolled"}, reasons
    with Client(uid=user.uid) as client:
        client.call("Redeem", registration=code)


def test_the_pam_line_alone_does_not_open_this_way(machine, user, journal):
    service = machine.service("line-enrol", "required pam_otp.so unenrolled=enrol")
    start = journal.position()
    result, printed = machine.ask(service, user, spoken_code(user))
    assert result != SUCCESS and "app" not in printed
    assert any("reason=bad-option" in line and "otp.toml" in line for line in journal.since(start))


def test_the_pam_line_can_forbid_it(machine, user):
    service = machine.service("line-denies", "required pam_otp.so unenrolled=deny")
    with enrolling(service):
        assert machine.ask(service, user, spoken_code(user))[0] == AUTH_ERR
    assert not is_enrolled(machine, user)


@pytest.mark.parametrize("options", ["use_first_pass", "forward_pass"])
def test_what_another_module_asked_for_is_no_registration_code(machine, user, options):
    service = machine.service("first-pass-enrol", "required pam_otp.so", f"required pam_otp.so {options}")
    with enrolling(service):
        result, printed = machine.ask(service, user, "x" + spoken_code(user))
    assert result == AUTH_ERR and LETTERS.search(printed) is None


def test_the_module_leaves_no_form_of_a_key_that_it_has_shown(machine, user):
    """oddconv remembers what it was shown and searches its memory for it, when the key was thrown away."""
    service = machine.service("shows-a-key", "required pam_otp.so", account="required pam_otp.so")
    with enrolling(service):
        _, printed = machine.converse(service, user, "key", spoken_code(user))
    assert re.findall(r"found (\w+) (\d+)", printed) == [("before", "0")] * 3 + [("after", "0")] * 3
