"""`otpctl doctor` finds nothing on the stock stacks of Debian with the gates that `otpctl gate enable` makes."""

import shutil

import pytest

from harness.doctor import examined, ids, sound_host
from harness.machine import CODE_PROMPT, OTPCTL, PASSWORD, ROOT
from harness.stacks import PAM, VENDOR
from harness.terminal import dialogue

GATES = ("sudo", "su", "login", "sshd", "polkit-1")
GIVEN = ROOT / "tests/hosts/debian13"


def debian_12():
    """That of this machine."""


def debian_13():
    for directory in (PAM, VENDOR):
        shutil.rmtree(directory)
        shutil.copytree(GIVEN / directory.relative_to("/"), directory)


@pytest.mark.parametrize("release", [debian_12, debian_13])
def test_the_gates_that_otpctl_makes_before_the_stock_stacks_are_in_order(machine, release):
    with sound_host(machine) as host:
        release()
        assert examined() == []
        for service in GATES:
            user, key = machine.enrolled_user()
            codes = (key.first, key.second) if service in ("sudo", "su") else (key.first,)  # sudo-i and su-l are asked, too
            answers = [answer for code in codes for answer in (("Password: ", PASSWORD), (CODE_PROMPT, code))]
            done = dialogue([OTPCTL, "gate", "enable", service, "--admin", user.name, "--no-rollback"], answers)
            assert done.status == 0, done
            assert examined() == [], service
        assert "pam_otp.so" in (PAM / "sshd").read_text()
        host.shell("sed -i 's/required pam_otp.so/sufficient pam_otp.so/; s/required   pam_otp.so/sufficient pam_otp.so/' /etc/pam.d/sshd")
        assert "stack-lets-past" in ids(examined()), "it would be found"
