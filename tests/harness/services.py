"""PAM services that several tests ask: plain ones, and what a sudo that asks came to."""

import pytest

from harness.machine import REFUSAL, SUCCESS

CODE_ALONE = ("required pam_otp.so",)
OPENED = "\n0\n"  # what `id -u` prints as root


@pytest.fixture(scope="module")
def gate(machine):
    """A service that lets everybody in whom the module accepts or ignores."""
    return machine.service("otp-gate", "required pam_otp.so", "required pam_permit.so", account="required pam_otp.so")


@pytest.fixture(scope="module")
def skip(machine):
    """The same, and the module ignores those without a key."""
    return machine.service("otp-skip", "required pam_otp.so nullok", "required pam_permit.so", account="required pam_otp.so")


def opened(outcome):
    return outcome.status == 0 and OPENED in outcome.text


def refused(outcome, said=REFUSAL):
    return outcome.status == 1 and OPENED not in outcome.text and said in outcome.text


def lets_past(machine, gate, user):
    """Is somebody who knows no code let past this service?"""
    return machine.ask(gate, user, "000000")[0] == SUCCESS
