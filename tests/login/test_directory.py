"""Users from a directory, and what an outage of it means: a group that cannot be read lets nobody past."""

import grp
import json
import re
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.daemon_log import position, since
from harness.directory import ADA, ALICE, BOB, CAROL, Directory, Sssd, accounts_from
from harness.journal import decisions
from harness.machine import (
    ACCT_EXPIRED,
    AUTH_ERR,
    AUTHINFO_UNAVAIL,
    CODE_PROMPT,
    OTPCTL,
    PASSWORD,
    PASSWORD_PROMPT,
    ROOT,
    SUCCESS,
    append,
    codes_of_both_stages,
    otpctl,
    pam_codes,
    policy,
    run,
    write,
)
from harness.otpctl import DONE, REFUSED
from harness.stacks import of_debian_alone, write_stack
from harness.wire import call, refusal

CREW, LISTED = 79000, 78999  # gids
NOTHING_KEPT = "memcache_timeout = 0"  # in the memory that sssd shares with its callers
PATIENCE = 3.0  # seconds that the daemon waits for the account database


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


@pytest.fixture(autouse=True)
def nobody_stays_enrolled(local):
    """These users are of every test here; one that has failed leaves the next none of their keys."""
    yield
    for user in (ADA, ALICE, BOB, CAROL, local):
        if user.key_file.exists():
            otpctl("forget", "--gone", str(user.uid))


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
    with corp.nslcd(), corp.stopped():
        yield


@contextmanager
def nscd_with_slapd_away(corp):
    """nscd has account and group, but not who is in which groups, and hides that the directory does not answer."""
    with corp.nslcd(), corp.nscd():
        run("getent", "passwd", ALICE.name)
        run("getent", "group", "listed")
        with corp.stopped():
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


def test_the_log_says_that_the_directory_does_not_answer(machine, gate, corp, journal):
    with nslcd_stopped(corp):
        start = journal.position()
        assert machine.ask(gate, ALICE, "123456")[0] == AUTHINFO_UNAVAIL
        refused = refusal(0, "Status", user=ALICE.name)
    ((reason, detail),) = [(line["reason"], line["detail"]) for line in decisions(journal.since(start)) if line["outcome"] == "failed"]
    assert reason == "user-lookup"
    for text in (detail, refused.parameters["reason"]):
        assert "account database" in text and "does not answer" in text and "No such file" not in text


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


def test_a_directory_that_hangs_hangs_nobody_of_this_machine(machine, gate, corp, journal):
    """Their own status, notices and locker ask the directory nothing; a list tells them, and whom the directory has by the name in
    the file."""
    user, key = machine.enrolled_user()
    with corp.sssd(NOTHING_KEPT) as sssd:
        machine.enrol(ALICE)
        with sssd.hanging():
            begun = time.monotonic()
            for words in (["status"], ["status", user.name], ["notices"]):
                assert run_as(user, OTPCTL, *words).returncode == DONE
            assert pam_codes_of(machine, gate, user, key.first) == (SUCCESS, SUCCESS)
            assert time.monotonic() - begun < PATIENCE
            start = position()
            begun = time.monotonic()
            done = otpctl("list")
            assert time.monotonic() - begun < 2 * PATIENCE
        assert f"{user.name} " in done.stdout
        assert f"cannot read {ALICE.name} (uid {ALICE.uid}): the account database does not answer" in done.stdout
        assert len(about_the_database(since(start))) == 1
        assert otpctl("forget", ALICE.name).returncode == DONE


def about_the_database(lines):
    """Those of files without an account; not the one of a user whom another test left deleted and made again."""
    return [line for line in lines if re.search("event=(without-account|unreadable) ", line) and "the account database does not answer" in line]


def pam_codes_of(machine, service, user, code):
    """Of a screen locker that the user runs."""
    return codes_of_both_stages(run_as(user, machine.hosts / "oddconv", "-a", "--", service, user.name, "text", code).stdout)


def run_as(user, *command):
    """setpriv would ask the directory whether somebody has this number for a name."""
    return subprocess.run(command, user=user.uid, group=user.uid, extra_groups=[], capture_output=True, text=True, timeout=20)


def test_a_question_about_groups_ends_and_is_told_once(machine, corp, user):
    other = machine.new_user()
    with corp.sssd(NOTHING_KEPT) as sssd, sssd.hanging():
        start = position()
        for _ in range(2):
            begun = time.monotonic()
            refused = refusal(user.uid, "Status", user=other.name)
            assert refused.name == "Unavailable" and time.monotonic() - begun < 2 * PATIENCE
        told = [line for line in since(start) if "event=account-database-slow" in line]
    assert len(told) == 1
    assert refusal(user.uid, "Status", user=other.name).name in ("NotAllowed", "NoSuchUser"), "and works again"


def test_a_list_in_an_outage_is_one_line_in_the_log(machine, corp):
    with corp.sssd(NOTHING_KEPT) as sssd:
        for user in (ALICE, BOB, CAROL):
            machine.enrol(user)
        with sssd.stopped():
            start = position()
            done = otpctl("list")
        told = about_the_database(since(start))
        assert len(told) == 1 and int(re.search(r" users=(\d+) ", told[0])[1]) >= 3
        for user in (ALICE, BOB, CAROL):
            assert f"cannot read {user.name} (uid {user.uid})" in done.stdout
            assert otpctl("forget", user.name).returncode == DONE


def test_in_an_outage_users_are_known_by_name_and_uid_of_their_files(machine, gate, corp):
    with corp.sssd(NOTHING_KEPT) as sssd:
        machine.enrol(ALICE)
        with sssd.stopped():
            for name in (ALICE.name, f"uid:{ALICE.uid}"):
                for offline in ([], ["--offline"]):
                    assert otpctl(*offline, "suspend", name).returncode == DONE
                    assert json.loads(otpctl(*offline, "status", "--json", name).stdout)["status"]["suspended"] is True
                    assert otpctl(*offline, "resume", name).returncode == DONE
                assert otpctl("emergency", "bypass", name, "--reason", "lost the phone").returncode == DONE
        assert pam_codes(machine, gate, ALICE) == (SUCCESS, SUCCESS)
        assert otpctl("emergency", "end", ALICE.name).returncode == DONE
        assert otpctl("suspend", "nobody-of-that-name").returncode == REFUSED
        assert otpctl("forget", ALICE.name).returncode == DONE


@contextmanager
def no_sssd(sssd):
    """It is not begun again: its directory is away."""
    sssd.end()
    yield


@pytest.mark.parametrize("outage", [no_sssd, Sssd.knowing_nobody], ids=lambda outage: outage.__name__)
def test_in_an_outage_nobody_of_a_directory_is_forgotten_or_given_away_by_mistake(machine, corp, local, outage):
    leaver, _ = machine.enrolled_user()
    machine.remove_user(leaver)
    with corp.sssd(NOTHING_KEPT) as sssd:
        for user in (ALICE, BOB, CAROL):
            machine.enrol(user)
        with corp.stopped(), outage(sssd):
            for words in (["forget", str(ALICE.uid)], ["forget", ALICE.name], ["--offline", "forget", f"uid:{ALICE.uid}"]):
                done = otpctl(*words)
                assert done.returncode == REFUSED and "--gone" in done.stderr, done
            for offline in ([], ["--offline"]):
                done = otpctl(*offline, "adopt", local.name, "--from", ALICE.name)
                assert done.returncode == REFUSED and "--gone" in done.stderr, done
            assert ALICE.key_file.exists()
            assert otpctl("adopt", "--gone", local.name, "--from", ALICE.name).returncode == DONE
            assert otpctl("forget", local.name).returncode == DONE
            assert otpctl("forget", "--gone", str(CAROL.uid)).returncode == DONE
    with corp.sssd(NOTHING_KEPT):
        assert otpctl("forget", str(leaver.uid)).returncode == DONE, "others are there: this one has left"
        assert otpctl("forget", BOB.name).returncode == DONE


@contextmanager
def shadowed_by_a_local_line(user, uid):
    """Another account has the name of a user of the directory, and comes first."""
    before = Path("/etc/passwd").read_text()
    append("/etc/passwd", f"{user.name}:x:{uid}:{uid}::/nonexistent:/bin/sh")
    try:
        yield
    finally:
        write(Path("/etc/passwd"), before, 0o644)


def test_a_local_account_with_the_name_of_a_directory_user_does_not_get_their_keys(machine, corp):
    with corp.sssd(NOTHING_KEPT):
        machine.enrol(ALICE)
        with shadowed_by_a_local_line(ALICE, 64321):
            for offline in ([], ["--offline"]):
                done = otpctl(*offline, "adopt", ALICE.name)
                assert done.returncode == REFUSED and "still exists" in done.stderr, done
                assert ALICE.name not in {one["user"] for one in json.loads(otpctl(*offline, "adopt", "--all", "--dry-run", "--json").stdout)["adopted"]}
        assert otpctl("forget", ALICE.name).returncode == DONE


def test_the_stack_of_the_page_asks_a_local_user_too_and_check_has_nothing_against_it(machine, corp, local):
    block = re.search(r"(?:^    .*\n)+", (ROOT / "docs/directories.md").read_text(), re.M)[0]
    key = machine.enrol(local)
    with of_debian_alone(), corp.sssd():
        for name in ("sudo", "sudo-i"):
            write_stack(re.sub("^    ", "", block, flags=re.M), name)
        assert "sudo" not in otpctl("config", "check").stderr
        asked = [(PASSWORD_PROMPT, PASSWORD), (CODE_PROMPT, key.first)]
        assert [machine.sudo(local, asked).status for _ in range(2)] == [0, 1]
    assert otpctl("forget", local.name).returncode == DONE


def test_check_notes_a_group_of_the_directory_in_require(machine, corp):
    with corp.sssd(), of_debian_alone(), policy('[service.sudo]\nrequire = ["group:listed", "group:crew"]\nexempt = ["gid:78999"]\n'):
        done = otpctl("config", "check")
    noted = [line for line in done.stderr.splitlines() if "group of a directory" in line]
    assert len(noted) == 1 and '"group:listed"' in noted[0] and "exempt" in noted[0]
