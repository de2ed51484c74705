"""Users from a directory, and what an outage of it means: a group that cannot be read lets nobody past."""

import grp
import subprocess
from contextlib import contextmanager

import pytest

from harness.directory import ADA, ALICE, BOB, CAROL, Directory, accounts_from
from harness.machine import ACCT_EXPIRED, AUTH_ERR, SUCCESS, append, otpctl, pam_codes, policy, run
from harness.otpctl import DONE
from harness.stacks import of_debian_alone
from harness.wire import call, refusal

CREW, LISTED = 79000, 78999  # gids


@pytest.fixture(scope="module")
def local(machine):
    """A user of /etc/passwd who is in groups of the directory."""
    return machine.new_user()


@pytest.fixture(scope="module")
def corp(machine, local):
    """`crew` is in /etc/group, without members; the directory has them under the same gid, as `crew-members`. `listed` is in the
    directory alone. So is the membership of ada in otp-admin, whose gid is local."""
    append("/etc/group", f"crew:x:{CREW}:")
    members = [ALICE.name, local.name]
    groups = {
        "people": (70000, [BOB.name]),
        "crew-members": (CREW, members),
        "listed": (LISTED, members),
        "admins": (grp.getgrnam("otp-admin").gr_gid, [ADA.name]),
    }
    it = Directory(groups)
    yield it
    it.end()


@contextmanager
def sssd_without_initgroups(corp):
    """sssd is stopped, with accounts and groups in its cache, but not who is in which groups."""
    with corp.sssd() as sssd:
        for user in (ALICE, BOB, ADA):
            run("getent", "passwd", user.name)
        run("getent", "group", "listed")
        with sssd.stopped():
            yield


@contextmanager
def nslcd_stopped(corp):
    with accounts_from("files ldap"):
        yield


@contextmanager
def slapd_away(corp):
    with corp.nslcd(), corp.away():
        yield


@contextmanager
def nscd_with_slapd_away(corp):
    """nscd has account and group, but not who is in which groups, and hides that the directory does not answer."""
    with corp.nslcd(), corp.nscd():
        run("getent", "passwd", ALICE.name)
        run("getent", "group", "listed")
        with corp.away():
            yield


def requires(gate, group):
    return policy(f'[service.{gate}]\nunenrolled = "deny"\nrequire = ["group:{group}"]\n')


def test_a_member_is_asked_and_others_are_not_while_the_directory_answers(machine, gate, corp, local):
    for source in (corp.sssd, corp.nslcd):
        with source(), requires(gate, "crew"):
            assert pam_codes(machine, gate, ALICE)[0] == AUTH_ERR
            assert pam_codes(machine, gate, BOB) == (SUCCESS, SUCCESS)


OUTAGES = {
    "sssd": (sssd_without_initgroups, "crew", ALICE),
    "nslcd": (nslcd_stopped, "crew", None),
    "slapd": (slapd_away, "crew", None),
    "nscd": (nscd_with_slapd_away, "listed", ALICE),
}


@pytest.mark.parametrize("name", OUTAGES)
def test_an_outage_lets_no_member_past(machine, gate, corp, local, name):
    """In both stages. In an outage nslcd knows nothing of the directory's own users."""
    outage, group, user = OUTAGES[name]
    user = user or local
    with corp.nslcd():
        machine.enrol(user)
        assert otpctl("suspend", user.name).returncode == DONE
    with outage(corp), requires(gate, group):
        assert pam_codes(machine, gate, user) == (AUTH_ERR, ACCT_EXPIRED)
    with corp.nslcd():
        assert otpctl("forget", user.name).returncode == DONE


def test_a_user_in_require_is_known_by_any_spelling_and_in_an_outage_everybody_is_asked(machine, gate, corp, local):
    with corp.sssd() as sssd:
        with policy(f'[service.{gate}]\nrequire = ["user:{ALICE.name}@corp"]\n'):
            assert pam_codes(machine, gate, ALICE)[0] == AUTH_ERR
            assert pam_codes(machine, gate, f"{ALICE.name}@corp")[0] == AUTH_ERR
            assert pam_codes(machine, gate, BOB) == (SUCCESS, SUCCESS)
        with sssd.stopped(), policy(f'[service.{gate}]\nrequire = ["user:{CAROL.name}"]\n'):
            assert pam_codes(machine, gate, BOB)[0] == AUTH_ERR
            assert pam_codes(machine, gate, local)[0] == AUTH_ERR


def test_an_outage_exempts_nobody_who_cannot_be_said_to_be_a_member(machine, gate, corp, journal):
    with sssd_without_initgroups(corp), policy(f'[service.{gate}]\nexempt = ["group:crew"]\n'):
        start = journal.position()
        assert pam_codes(machine, gate, ALICE)[0] == AUTH_ERR
    assert any("policy=unmatched list=exempt entry=group:crew reason=lookup-failed" in line for line in journal.since(start))


def test_with_hardly_a_descriptor_left_no_member_is_let_past(machine, gate, corp):
    """The person who starts a setuid program chooses the limit. From few to enough, with sssd's answers about accounts in its cache."""
    with corp.sssd(), requires(gate, "listed"):
        run("getent", "group", "listed")
        codes = [code_with_descriptors(machine, gate, ALICE, limit) for limit in range(4, 16)]
        assert SUCCESS not in codes and codes[-1] == AUTH_ERR, codes
        assert code_with_descriptors(machine, gate, BOB, 16) == SUCCESS


def code_with_descriptors(machine, service, user, limit):
    """The answer of authenticate; None where there were too few for libpam itself."""
    command = ["prlimit", f"--nofile={limit}", machine.hosts / "oddconv", "--", service, user.name, "text", "123456"]
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return int(done.stdout.split("authenticate ")[1].split()[0]) if "authenticate" in done.stdout else None


def test_the_helpdesk_reaches_no_admin_whose_group_cannot_be_read(machine, corp):
    """The directory alone knows that ada is in otp-admin."""
    helper = machine.new_user()
    machine.join(helper, "otp-helpdesk")
    with corp.sssd():
        for user in (ADA, BOB):
            machine.enrol(user)
        assert refusal(helper.uid, "Suspend", user=ADA.name).name == "NotAllowed"
        call("Suspend", uid=helper.uid, user=BOB.name)
    with sssd_without_initgroups(corp):
        for user in (ADA, BOB):
            assert refusal(helper.uid, "Suspend", user=user.name).name == "NotAllowed"
    with corp.sssd():
        for user in (ADA, BOB):
            assert otpctl("forget", user.name).returncode == DONE


def test_check_notes_a_group_of_the_directory_in_require(machine, corp):
    with corp.sssd(), of_debian_alone(), policy('[service.sudo]\nrequire = ["group:listed", "group:crew"]\nexempt = ["gid:78999"]\n'):
        done = otpctl("config", "check")
    noted = [line for line in done.stderr.splitlines() if "group of a directory" in line]
    assert len(noted) == 1 and '"group:listed"' in noted[0] and "exempt" in noted[0]
