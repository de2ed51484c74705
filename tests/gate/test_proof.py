"""`otpctl gate test`: an admin passes the gate of a service as it would be, by libpam and with a real code, and nothing changes."""

import json

import pytest

from harness.machine import CODE_PROMPT, OTPCTL, PASSWORD, REFUSAL, otpctl, policy, run
from harness.stacks import PAM, VENDOR, gate_services
from harness.terminal import dialogue

ASKED = ("sudo", "su", "login", "sshd", "doas", "polkit-1")


TWINS = {"sudo": "sudo-i", "su": "su-l"}


def proof(service, admin, *codes, words=(), password=PASSWORD):
    """`otpctl gate test` on a terminal, with password and code for each of the services."""
    answers = [answer for code in codes for answer in (("Password: ", password), (CODE_PROMPT, code))]
    return dialogue([OTPCTL, "gate", "test", service, "--admin", admin.name, *words], answers)


def stock_files():
    return {str(path): path.read_bytes() for directory in (PAM, VENDOR) for path in directory.iterdir() if path.is_file()}


@pytest.mark.parametrize("service", ASKED)
def test_an_admin_proves_the_gate_of_a_service_that_has_none_and_nothing_changes(stock, enrolled, service):
    user, key = enrolled
    before = stock_files()
    done = proof(service, user, *((key.first, key.second) if service in TWINS else (key.first,)))
    assert done.status == 0 and "would pass the gate" in done.text and "codes are not asked for there yet" in done.text, done
    assert stock_files() == before
    again = proof(service, user, key.first)
    assert again.status == 1 and "the stage auth answers auth_err" in again.text, again


@pytest.mark.parametrize("service", TWINS)
def test_each_of_two_services_wants_a_code_of_its_own(stock, machine, enrolled, service):
    user, key = enrolled
    start = machine.journal.position()
    done = proof(service, user, key.first, key.first)
    assert done.status == 1 and f"was not let in by the stack of {TWINS[service]}" in done.text, done
    said = [line for line in machine.journal.since(start) if f"user={user.name} " in line]
    assert f"pam_otp({service}:auth): outcome=accepted" in said[0] and f"pam_otp({TWINS[service]}:auth): outcome=refused" in said[-1], said


def test_what_is_in_force_is_proved_as_it_is(stock, enrolled):
    user, key = enrolled
    gate_services("sudo", "sudo-i")
    done = proof("sudo", user, key.first, key.second, words=["--json"])
    told = json.loads(done.text.splitlines()[-1])
    assert done.status == 0 and told == {"service": "sudo", "services": ["sudo", "sudo-i"], "admin": user.name, "in_force": True}


def test_the_program_is_to_the_module_what_the_real_one_is(stock, machine, enrolled):
    user, key = enrolled
    codes = iter([key.first, key.second])
    for service, origin in (("doas", "self"), ("sshd", "remote")):
        start = machine.journal.position()
        assert proof(service, user, next(codes)).status == 0
        said = [line for line in machine.journal.since(start) if f"pam_otp({service}:auth): outcome=accepted" in line and f"user={user.name} " in line]
        assert f" origin={origin} service={service} " in said[-1]


def test_a_wrong_password_or_code_proves_nothing(stock, enrolled):
    user, key = enrolled
    done = dialogue([OTPCTL, "gate", "test", "sudo", "--admin", user.name], [("Password: ", "another")])
    assert done.status == 1 and "was not let in" in done.text and "auth" in done.text
    done = proof("sudo", user, key.wrong())
    assert done.status == 1 and REFUSAL in done.text


def test_an_account_that_is_barred_proves_nothing(stock, machine, enrolled):
    user, key = enrolled
    run("chage", "-d", "0", user.name)
    done = proof("sudo", user, key.first)
    assert done.status == 1 and "the stage account answers new_authtok_reqd" in done.text, done


def test_to_be_let_in_without_a_code_proves_nothing(stock, machine, enrolled):
    user, _ = enrolled
    with policy(f'[service.sudo]\nexempt = ["user:{user.name}"]\n'):
        done = dialogue([OTPCTL, "gate", "test", "sudo", "--admin", user.name], [("Password: ", PASSWORD)])
    assert done.status == 1 and "without a code" in done.text and "exempt" in done.text, done


def refused_proof(*words):
    done = otpctl("gate", "test", *words)
    assert done.returncode in (1, 2) and done.stdout == "", done
    return done.stderr


def test_an_admin_without_a_working_key_is_refused(stock, machine, enrolled):
    able, _ = enrolled
    stranger = machine.new_user().name
    assert f"{stranger} is not enrolled" in refused_proof("sudo", "--admin", stranger)
    assert f"first run `otpctl invite {stranger}`, or name another admin with --admin USER" in refused_proof("sudo", "--admin", stranger)
    assert "name the admin who types a code here with --admin USER" in refused_proof("sudo")
    assert "sudo never asks root for a code; name the admin" in refused_proof("sudo", "--admin", "root")
    assert "no such user" in refused_proof("sudo", "--admin", "nobody-of-that-name")
    otpctl("suspend", able.name)
    assert "is suspended" in refused_proof("sudo", "--admin", able.name)
    otpctl("resume", able.name)
    otpctl("emergency", "bypass", able.name, "--reason", "test")
    try:
        assert "otpctl emergency end" in refused_proof("sudo", "--admin", able.name)
    finally:
        otpctl("emergency", "end", able.name)
    assert "standard input is not a terminal" in refused_proof("sudo", "--admin", able.name)


def test_what_is_no_service_to_gate_is_refused(stock, enrolled):
    user, _ = enrolled
    for name, why in {"common-auth": "is a part of other services", "no-such": "no PAM file has the name", "../sudo": "is not a service", "Sudo": "is not a service"}.items():
        assert why in refused_proof(name, "--admin", user.name), name


def test_only_root_may(stock, enrolled):
    user, _ = enrolled
    done = otpctl("gate", "test", "sudo", user=user)
    assert done.returncode == 1 and "only root" in done.stderr
