"""Whatever the application answers to the prompt, the module refuses and the application lives on."""

import pytest

from harness.journal import decisions
from harness.machine import AUTH_ERR, CONV_ERR, IGNORE, SUCCESS


@pytest.mark.parametrize("reply", ["null", "error", "noarray", "noconv"])
def test_a_conversation_that_fails_refuses(machine, skip, enrolled, journal, reply):
    user, _ = enrolled
    start = journal.position()
    result, _ = machine.converse(skip, user, reply)
    assert result == CONV_ERR
    assert [line["reason"] for line in decisions(journal.since(start))] == ["conversation"]


@pytest.mark.parametrize("reply", ["huge", "long", "binary"])
def test_an_answer_that_is_no_code_refuses_and_is_not_counted(machine, skip, enrolled, reply):
    user, key = enrolled
    for _ in range(5):
        assert machine.converse(skip, user, reply)[0] in (AUTH_ERR, CONV_ERR)
    assert machine.ask(skip, user, key.first)[0] == SUCCESS


def test_a_code_hidden_behind_a_nul_refuses(machine, skip, enrolled):
    user, key = enrolled
    assert machine.converse(skip, user, "nul", key.first)[0] == AUTH_ERR
    assert machine.ask(skip, user, key.first)[0] == SUCCESS


@pytest.mark.parametrize("typed", ["１２３４５６", "123456\n", "\n123456", "12\u00a03456", "+123456", "-123456", "0x12345", "1e5", "٣٣٣٣٣٣", "%n%n%n%n"])
def test_digits_of_another_script_and_near_codes_refuse(machine, skip, enrolled, typed):
    user, _ = enrolled
    assert machine.ask(skip, user, typed)[0] == AUTH_ERR


@pytest.mark.parametrize("spoilt", ["{}x", "x{}", "{}\u0660", "{}0", "0{}", "{}\xff"])
def test_a_right_code_with_something_more_refuses(machine, skip, enrolled, spoilt):
    user, key = enrolled
    assert machine.ask(skip, user, spoilt.format(key.first))[0] == AUTH_ERR
    assert machine.ask(skip, user, key.first)[0] == SUCCESS


def test_an_application_that_answers_what_nobody_asked_is_served(machine, skip, enrolled):
    user, key = enrolled
    assert machine.converse(skip, user, "count", key.wrong())[0] == AUTH_ERR
    assert machine.converse(skip, user, "count", key.first)[0] == SUCCESS


def test_a_user_name_of_any_bytes_is_refused_and_never_ignored(machine, skip):
    for name in ("", " ", "x" * 5000, "a/../b", "../../etc/passwd", "\xff\xfe", "a\tb", "-r", "0", "%s%n"):
        result, _ = machine.ask(skip, name if name != "-r" else "x-r", "123456")
        assert result not in (SUCCESS, IGNORE), repr(name)


def test_credentials_are_granted_so_that_sshd_does_not_drop_the_login(machine, enrolled):
    user, key = enrolled
    result, printed = machine.ask("otp", user, key.first, "-a")
    assert result == SUCCESS and "credentials 0" in printed and "account 0" in printed
