"""A policy that is not TOML refuses every service; no part of it is used."""

import os
import subprocess

import pytest

from harness.journal import decisions
from harness.machine import OTPCTL, POLICY, default_policy, otpctl, policy, write

SUCCESS, SERVICE_ERR, AUTH_ERR = 0, 3, 7

BROKEN = [
    *("=[service.otp-su]", "x = [service.otp-su]", "= [service.otp-su] # since spring", 'prompt = "a" [service.otp-su]', "[[service.otp-su]", "service.otp-su]"),
    *('prompt = "a"\nprompt = "b"', "window = { back = 1, back = 1 }", "allow_until = 2027-02-29", "prompt = unquoted", "digits = [6", 'prompt = "no end'),
    *('prompt = """no end', 'exempt = ["user:EX\\kim"]', "# a line end of old\r[service.otp-su]\r", 'x = """\n[service.otp-su]\nunenrolled = "deny"\n"""'),
]


@pytest.fixture(scope="module")
def services(machine):
    """One whose table is broken, one whose table follows, one that has none; all of them let the unenrolled pass unless told."""
    return [machine.service(name, "required pam_otp.so nullok", "required pam_permit.so") for name in ("otp-sudo", "otp-su", "otp-none")]


@pytest.mark.parametrize("broken", BROKEN, ids=repr)
def test_a_file_that_is_not_toml_refuses_every_service(machine, services, user, journal, broken):
    with policy(f'[service.otp-sudo]\n{broken}\n[service.otp-after]\nunenrolled = "deny"\n'):
        start = journal.position()
        assert [machine.ask(service, user, "123456")[0] for service in services] == [SERVICE_ERR] * 3
        lines = journal.since(start)
        assert [line["reason"] for line in decisions(lines)] == ["bad-policy"] * 3
        assert all("line " in line and "column " in line for line in lines if "outcome=" in line)
        done = otpctl("config", "check")
        assert done.returncode == 1 and "column" in done.stderr and "in order" not in done.stdout
    assert [machine.ask(service, user, "123456")[0] for service in services] == [SUCCESS] * 3


SWALLOWED = {
    "quotes of a command": 'notify_command = ["/usr/bin/true", """\n[service.otp-su]\nunenrolled = "deny"\n"""]',
    "a dotted key in a command": "notify_command = ['/usr/bin/true', '''\nservice.otp-su.unenrolled = \"deny\"\n''']",
    "a dotted key in a prompt": "[service]\notp-sudo.prompt = '''a\notp-su.unenrolled = \"deny\"\n'''",
    "a header below another": '[service.otp-sudo]\n[service.otp-sudo.otp-su]\nunenrolled = "deny"',
    "a dotted key below another": '[service.otp-sudo]\nservice.otp-su.unenrolled = "deny"',
    "a table in a line": 'service = { otp-sudo = { unenrolled = "skip", otp-su = { unenrolled = "deny" } } }',
    "guesses": '[service.otp-sudo.guesses]\nservice.otp-su.unenrolled = "deny"',
    "the last exemption": '[[service.otp-sudo.exempt]]\nwho = "uid:1"\n[service.otp-sudo.exempt.otp-su]\nunenrolled = "deny"',
}


@pytest.mark.parametrize("how", SWALLOWED)
def test_a_table_that_became_part_of_something_else_refuses_every_service(machine, services, user, journal, how):
    with policy(f"{SWALLOWED[how]}\n"):
        start = journal.position()
        assert [machine.ask(service, user, "123456")[0] for service in services] == [SERVICE_ERR] * 3
        assert [line["reason"] for line in decisions(journal.since(start))] == ["bad-policy"] * 3
        done = otpctl("config", "check")
        assert done.returncode == 1 and "; wanted " in done.stderr and "in order" not in done.stdout


@pytest.mark.parametrize("name", ["Otp-su", "OTP-SU", '"otp-su "', '" otp-su"', '"otp-su/"', '""', '"otp-\\tsu"'])
def test_a_table_for_a_service_that_no_program_can_have_is_more_than_a_note(stock, name):
    with policy(f'[service.{name}]\nunenrolled = "deny"\n'):
        done = otpctl("config", "check")
        assert done.returncode == 1 and "wanted the name of a PAM service, in lower case" in done.stderr and "in order" not in done.stdout
    with policy("[service.otp-later]\n"):
        done = otpctl("config", "check")
        assert done.returncode == 0 and "applies to nobody yet" in done.stderr, "the PAM file may come later"


@pytest.mark.parametrize("wrong", ['unenrolled = "maybe"', 'colour = { shade = "dark" }', "digits = [5]", "window = { back = 3 }", "colour = 1"])
def test_a_wrong_value_in_a_file_that_is_toml_refuses_its_service_alone(machine, services, user, wrong):
    with policy(f'[service.otp-sudo]\n{wrong}\n[service.otp-su]\nunenrolled = "deny"\n'):
        assert [machine.ask(service, user, "123456")[0] for service in services] == [SERVICE_ERR, AUTH_ERR, SUCCESS]


@pytest.mark.parametrize("broken", BROKEN, ids=repr)
def test_edit_puts_no_broken_file_into_force(machine, tmp_path, broken):
    text, editor = tmp_path / "text", tmp_path / "editor"
    write(text, f"version = 1\n[service.otp-sudo]\n{broken}\n", 0o644)
    write(editor, f"#!/bin/sh\ncat {text} > $1\n", 0o755)
    before = POLICY.read_text()
    for answer in ("", "x\n", "e\n"):  # again, it is still broken, and then the input ends
        done = subprocess.run([OTPCTL, "config", "edit"], input=answer, capture_output=True, text=True, env={**os.environ, "EDITOR": str(editor)}, timeout=30)
        assert done.returncode == 1 and "line " in done.stdout and "unchanged" in done.stderr
        assert POLICY.read_text() == before


def test_the_way_back_in_needs_no_policy(machine, services, user):
    with policy("=[service.otp-su]\n"):
        assert otpctl("emergency", "bypass", user.name, "--reason", "broken policy").returncode == 0
        try:
            assert machine.ask(services[0], user, "")[0] == SUCCESS
        finally:
            assert otpctl("emergency", "end", user.name).returncode == 0
    default_policy()
