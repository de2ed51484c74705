"""One line of syslog for each decision; nothing in it that a stranger wrote unescaped, and never a code."""

import os
import subprocess

import pytest

from harness import daemon_log
from harness.journal import decisions
from harness.machine import AUTH_ERR, AUTHINFO_UNAVAIL, CODE_PROMPT, POLICY, SERVICE_ERR, SUCCESS, UNKNOWN, as_user, default_policy, otpctl, policy, write
from harness.stacks import of_debian_alone
from harness.wait import until
from harness.wire import Refused


def decision_lines(journal, start):
    lines = [line for line in journal.since(start) if "outcome=" in line]
    return lines, decisions(lines)


def test_an_accepted_code_is_one_line_with_who_where_and_which_key(machine, user, journal):
    key = machine.enrol(user, label="blue phone")
    start = journal.position()
    assert machine.ask("otp", user, key.first, "-t", "pts/7", "-h", "host.example")[0] == SUCCESS
    lines, (decision,) = decision_lines(journal, start)
    assert decision["outcome"] == "accepted" and decision["reason"] == "code"
    assert (decision["user"], decision["uid"]) == (user.name, str(user.uid))
    assert (decision["origin"], decision["service"]) == ("remote", "otp")
    assert (decision["tty"], decision["rhost"]) == ("pts/7", "host.example")
    assert decision["key"] == "blue phone"
    assert "(otp:auth)" in lines[0]
    assert lines[0].startswith("<8")  # facility authpriv: 10 * 8 + severity


@pytest.mark.parametrize(
    "options, origin",
    [(("-h", "elsewhere"), "remote"), ((), "console"), (("-r", "USER"), "self")],
    ids=["remote", "console", "self"],
)
def test_the_origin_is_what_the_kernel_says(machine, enrolled, journal, options, origin):
    user, key = enrolled
    start = journal.position()
    machine.ask("otp", user, key.first, *(str(user.uid) if word == "USER" else word for word in options))
    assert [decision["origin"] for decision in decision_lines(journal, start)[1]] == [origin]


def test_a_wrong_a_replayed_and_a_junk_answer_are_told_apart_in_the_log_only(machine, enrolled, journal):
    user, key = enrolled
    start = journal.position()
    results = [machine.ask("otp", user, code)[0] for code in (key.first, key.first, key.wrong(), "junk")]
    assert results == [SUCCESS, AUTH_ERR, AUTH_ERR, AUTH_ERR]
    decided = [(line["outcome"], line["reason"]) for line in decision_lines(journal, start)[1]]
    assert decided == [("accepted", "code"), ("refused", "replayed"), ("refused", "wrong"), ("refused", "junk")]


LONG = "a-service-" + "x" * 240


@pytest.mark.parametrize("length", [60, 61, 128, 200, 250])
def test_the_name_of_a_service_is_whole_in_each_log_and_finds_its_table_on_the_files_and_by_the_daemon(machine, enrolled, journal, length):
    user, key = enrolled
    name = machine.service(LONG[:length], "required pam_otp.so")
    with policy(f'[guesses]\nwait = "none"\n[service.{name}]\nguesses = {{ other = 3, console = 3 }}\n'):
        start, position = journal.position(), daemon_log.position()
        for number in range(3):
            assert machine.ask(name, user, key.wrong(number), "-r", "3999999")[0] == AUTH_ERR, "the daemon decides"
            assert machine.ask(name, user, key.wrong(3 + number))[0] == AUTH_ERR
    closed = {one["origin"] for one in machine.status(user)["origins"] if one["closed"]}
    assert closed == {"other", "console"}
    assert [decision["service"] for decision in decision_lines(journal, start)[1]] == [name] * 6
    assert [line["service"] for line in daemon_log.verdicts(position)] == [name] * 3


@pytest.mark.parametrize("place", ["[service.NAME]\nprompt = 'x'\n", "[rotation]\nmax_age = 90\nrotate_services = ['NAME']\n"])
def test_config_check_refuses_the_name_of_a_service_that_earlier_modules_cut(machine, place):
    for length, status in ((60, 0), (61, 1)):
        with policy(place.replace("NAME", LONG[:length])), of_debian_alone():
            done = otpctl("config", "check")
        assert done.returncode == status, done
        assert ("61 characters; wanted at most 60" in done.stderr) == (status == 1)


def test_no_code_is_ever_logged(machine, enrolled, journal):
    user, key = enrolled
    machine.service("otp-debug", "required pam_otp.so debug")
    machine.sudo_asks(user, "required pam_otp.so debug")
    start = journal.position()
    typed = [key.wrong(), key.first, key.first, "not a code quartz", "123456789"]  # no process has that number
    for code in typed:
        machine.ask("otp-debug", user, code)
    machine.sudo(user, [(CODE_PROMPT, key.second)])
    lines = "\n".join(journal.since(start))
    assert "outcome=accepted" in lines
    for code in (*typed, key.second, "quartz", key.base32):
        assert code not in lines


@pytest.mark.parametrize("where", ["-t", "-h"])
def test_control_characters_are_escaped_and_forge_no_second_line(machine, enrolled, journal, where):
    user, key = enrolled
    hostile = 'x" outcome=accepted\nforged: outcome=accepted reason=code user=root\x1b[2J\r\x7f\xe9'
    start = journal.position()
    machine.ask("otp", user, key.wrong(), where, hostile)
    (line,) = [line for line in journal.since(start) if "forged" in line]
    assert all(" " <= sign <= "~" for sign in line)
    assert r"\x0a" in line and r"\x1b" in line and r"\x22" in line
    assert line.index("outcome=refused") < line.index("outcome=accepted")


def test_a_hostile_user_name_is_escaped(machine, journal):
    start = journal.position()
    machine.ask("otp", "no\nbody\x1b[1m", "123456")
    (line,) = [line for line in journal.since(start) if "outcome=" in line]
    assert all(" " <= sign <= "~" for sign in line) and r"no\x0abody\x1b" in line


def test_a_hostile_label_is_refused_or_escaped(machine, user, journal):
    try:
        key = machine.enrol(user, label='a"b\x1b[2J')
    except Refused as refusal:
        assert (refusal.name, refusal.parameters["field"]) == ("InvalidValue", "label")
        return
    start = journal.position()
    machine.ask("otp", user, key.first)
    (line,) = [line for line in journal.since(start) if "outcome=" in line]
    assert all(" " <= sign <= "~" for sign in line)


def test_an_unknown_user_is_refused_like_any_other(machine, journal):
    start = journal.position()
    assert machine.ask("otp", UNKNOWN, "123456")[0] == AUTH_ERR
    assert [line["reason"] for line in decision_lines(journal, start)[1]] == ["unknown-user"]


def test_an_unknown_user_is_not_skipped(machine, skip):
    assert machine.ask(skip, UNKNOWN, "123456")[0] == AUTH_ERR


def test_skipping_is_logged_too(machine, skip, user, journal):
    start = journal.position()
    assert machine.ask(skip, user, "123456")[0] == SUCCESS  # pam_permit's
    assert [(line["outcome"], line["reason"]) for line in decision_lines(journal, start)[1]] == [("ignored", "not-enrolled")]


def test_a_bad_policy_is_logged_with_line_and_column_and_refuses(machine, enrolled, journal):
    user, key = enrolled
    write(POLICY, "version = 1\nissuer = \"x\"\nnonsense = 3\n", 0o644)
    try:
        start = journal.position()
        assert machine.ask("otp", user, key.first)[0] == SERVICE_ERR
        lines, (decision,) = decision_lines(journal, start)
        assert decision["reason"] == "bad-policy"
        assert any("line 3" in line and "column 1" in line for line in journal.since(start))
    finally:
        default_policy()
    assert machine.ask("otp", user, key.first)[0] == SUCCESS


def test_a_policy_that_others_may_write_refuses(machine, enrolled):
    user, key = enrolled
    write(POLICY, "version = 1\n", 0o666)
    try:
        assert machine.ask("otp", user, key.first)[0] in (SERVICE_ERR, AUTHINFO_UNAVAIL)
    finally:
        default_policy()


def test_logging_to_nobody_changes_no_decision(machine, enrolled):
    """As when no syslog daemon runs."""
    user, key = enrolled
    os.rename("/dev/log", "/dev/log.away")
    try:
        assert machine.ask("otp", user, key.first)[0] == SUCCESS
        assert machine.ask("otp", user, key.first)[0] == AUTH_ERR
    finally:
        os.rename("/dev/log.away", "/dev/log")


def test_a_guess_is_in_the_log_also_if_its_refusal_is_never_read(machine, enrolled, journal):
    """A guesser can leave sudo's refusal unread in a full pipe, and kill sudo there: it runs with the guesser's real uid."""
    user, key = enrolled
    machine.sudo_asks(user, "required pam_otp.so")
    start = journal.position()
    reading, writing = os.pipe()
    command = ["setsid", *as_user(user), "sudo", "-S", "id", "-u"]
    with open(reading, "rb", buffering=0) as unread, open(writing, "wb", buffering=0) as full:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=full) as sudo:
            try:
                assert unread.read(1000) == CODE_PROMPT.encode()
                os.set_blocking(writing, False)
                while full.write(bytes(4096)):
                    pass
                os.set_blocking(writing, True)
                sudo.stdin.write(f"{key.wrong()}\n".encode())
                sudo.stdin.flush()
                (decision,) = until(lambda: decisions(journal.since(start)), "the line of the guess")
                assert sudo.poll() is None and decision["reason"] == "wrong" and decision["user"] == user.name
            finally:
                subprocess.run([*as_user(user), "kill", "-KILL", str(sudo.pid)])
