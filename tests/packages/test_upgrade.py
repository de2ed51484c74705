"""An upgrade from packages of an earlier build, with everything that people can have, and back. `tests/upgrade` builds an earlier
commit for it; without that the earlier packages are made of the same binaries."""

import json

import pytest

from harness.boot import booting_without_the_product
from harness.machine import HOST_KEY, POLICY, Key
from harness.packages import UNITS, accounts_of_everybody, dpkg_install, gated_sudo, let_root_enrol, never_had_the_product, package_files, verified
from harness.stacks import lines_by_hand


@pytest.fixture(scope="module")
def older_machine(packages, older_packages):
    """A booted machine with the packages of the earlier build."""
    with booting_without_the_product() as it:
        never_had_the_product(it)
        dpkg_install(it, older_packages)
        let_root_enrol(it)
        yield it


def statuses(machine, *users):
    """Keys and state as `otpctl status` tells them, without fields that an upgrade may add."""
    said = [json.loads(machine.run("otpctl", "status", "--json", user.name)) for user in users]
    told = ("user", "uid", "generation", "suspended", "disabled", "recovery_codes")
    keys = ("id", "label", "kind", "algorithm", "digits", "period", "created")
    return [
        {name: status.get(name) for name in told} | {"keys": [{name: key.get(name) for name in keys} for key in status["keys"]]}
        for status in (one.get("status", one) for one in said)
    ]


def test_everything_of_an_older_build_works_after_the_upgrade_and_after_the_way_back(older_machine, packages, older_packages):
    machine = older_machine
    alice, key, recovery, bob, token, carol, letter = accounts_of_everybody(machine)
    dave, _ = machine.enrolled_user("suspended")
    machine.run("otpctl", "suspend", dave.name)
    machine.run("sh", "-c", lines_by_hand())
    with machine.policy('[service.sudo]\nunenrolled = "deny"\n'):
        assert gated_sudo(machine, alice, key.first) == 0
        assert verified(machine, bob, token.code(2)) and verified(machine, alice, recovery[0])
        before = statuses(machine, alice, bob, dave)
        kept = machine.run("sha256sum", HOST_KEY, POLICY)

        dpkg_install(machine, packages)
        assert all(machine.is_active(unit) for unit in UNITS) and machine.failed_units() == []
        assert machine.run("sha256sum", HOST_KEY, POLICY) == kept and statuses(machine, alice, bob, dave) == before
        assert [verified(machine, alice, code) for code in (key.first, recovery[0], recovery[1])] == [False, False, True]
        assert [verified(machine, bob, token.code(count)) for count in (2, 3)] == [False, True]
        assert "suspended" in machine.run("otpctl", "status", dave.name)
        with machine.asks(uid=carol.uid) as client:
            redeemed = Key(client.call("Redeem", registration=letter)["enrolment"])
            client.call("ConfirmEnrolment", code=redeemed.confirming)
        assert gated_sudo(machine, carol, redeemed.first) == 0

        machine.run("dpkg", "--force-downgrade", "--install", *package_files(older_packages))
        if machine.is_active("otp-enrolld.service"):
            assert gated_sudo(machine, carol, redeemed.later) == 0 and verified(machine, bob, token.code(4))
        else:  # an older program refuses what it must not overlook, and says which
            assert "wanted" in "\n".join(machine.journal("otp-enrolld.service"))
