"""`otpctl suspend` of somebody who was invited and never enrolled ends the registration code and stores nothing else."""

import hashlib
import re
from contextlib import nullcontext

import pytest

from harness import daemon_log
from harness.enrolment import enrol, invite, redeem, works
from harness.machine import HOST_KEY, SUCCESS, VAULT, otpctl, run
from harness.otpctl import DONE, REFUSED
from harness.places import moved_away
from harness.wire import Client, Refused, refusal

FORMS = ("spoken", "mail", "letter", "split")
GROUPS = ("root", "otp-admin", "otp-helpdesk")
OFFLINE = pytest.mark.parametrize("offline", [(), ("--offline",)], ids=["daemon", "offline"])


def who(machine, group):
    """An actor with these rights; None is root."""
    if group == "root":
        return None
    one = machine.new_user()
    machine.join(one, group)
    return one


def stored(user):
    """Every file of the vault about this user but for the tickets, by content. An index entry is named by a hash, which may
    begin with the digits of any uid."""
    files = [path for path in VAULT.rglob("*") if path.is_file() and not {"tickets", "names"} & set(path.parts) and path.name.startswith(str(user.uid))]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def tickets(user):
    path = VAULT / "tickets" / str(user.uid)
    return path.read_bytes() if path.exists() else None


def assert_worthless(user, code):
    assert refusal(user.uid, "Redeem", registration=code).parameters["reason"] == "stale"


@OFFLINE
@pytest.mark.parametrize("form", FORMS)
def test_the_code_of_somebody_never_enrolled_ends_and_nothing_else_is_stored(machine, user, form, offline):
    code, before = invite(user, form), stored(user)
    done = otpctl(*offline, "suspend", user.name)
    assert done.returncode == DONE, done.stderr
    assert done.stdout == f"{user.name}: never enrolled; the registration code no longer works, and nothing else is stored\n"
    assert stored(user) == before
    assert_worthless(user, code)
    status = machine.status(user)
    assert (status["enrolled"], status["suspended"]) == (False, False)
    again = otpctl(*offline, "suspend", user.name)
    assert again.returncode == DONE and "nothing was changed" in again.stdout, "there is nothing left to end"
    key, _ = enrol(user, invite(user, form))
    assert works(machine, user, key.first), "invited again and enrolled, nothing bars them"


@pytest.mark.parametrize("group", GROUPS)
def test_admins_and_the_helpdesk_end_it_with_their_rights_and_the_log_names_them(machine, user, group):
    actor = who(machine, group)
    code, start = invite(user, "letter"), daemon_log.position()
    done = otpctl("suspend", user.name, user=actor)
    assert done.returncode == DONE and "no longer works" in done.stdout, done.stderr
    (line,) = [line for line in daemon_log.since(start) if "event=registration-code-revoked" in line]
    assert f"user={user.name} " in line and f"by={actor.uid if actor else 0}" in line and re.search(r"ticket=[0-9a-f]{32}", line)
    assert not any("event=suspended" in line for line in daemon_log.since(start))
    assert_worthless(user, code)


def test_the_helpdesk_ends_no_code_of_an_admin_and_a_user_nobodys(machine, user):
    helpdesk, admin = who(machine, "otp-helpdesk"), who(machine, "otp-admin")
    code = invite(admin, "mail")
    for actor, target in ((helpdesk, admin), (user, admin), (user, user)):
        assert otpctl("suspend", target.name, user=actor).returncode == REFUSED
    assert works(machine, admin, enrol(admin, code)[0].first)


@pytest.mark.parametrize("used", [1, 5])
@OFFLINE
def test_a_key_that_was_begun_with_the_code_is_never_stored(machine, user, used, offline):
    """Also one that was begun with the last use of the code, of which no further key can come."""
    code = invite(user)
    with Client(uid=user.uid) as client:
        for _ in range(used):
            key = redeem(client, code)
        before = stored(user)
        done = otpctl(*offline, "suspend", user.name)
        assert done.returncode == DONE and "no longer works" in done.stdout, done.stderr
        with pytest.raises(Refused) as refused:
            client.call("ConfirmEnrolment", code=key.confirming)
        assert refused.value.name in ("EnrolmentExpired", "RegistrationRefused", "NothingPending")
    assert stored(user) == before and not machine.status(user)["enrolled"]
    assert_worthless(user, code)


@OFFLINE
@pytest.mark.parametrize("end", ["nothing", "revoked", "expired", "forgotten"])
def test_somebody_neither_enrolled_nor_invited_is_not_enrolled(machine, user, end, offline):
    if end != "nothing":
        invite(user, "spoken")
    if end == "revoked":
        otpctl("invite", user.name, "--revoke")
    elif end == "forgotten":
        assert otpctl("forget", user.name).returncode == DONE
    with machine.clock(+900) if end == "expired" else nullcontext():
        done = otpctl(*offline, "suspend", user.name)
    assert done.returncode == DONE and "not suspended: never enrolled" in done.stdout
    assert stored(user).keys() <= {str(VAULT / "notices" / str(user.uid))}
    if end == "nothing":
        assert not list((VAULT / "tickets").glob(f"{user.uid}*")), "not even a lock is made"


def test_the_wire_keeps_its_words_and_says_so_in_a_new_member(machine, user):
    enrolled, _ = machine.enrolled_user()
    invite(user)
    with Client() as client:
        assert client.call("Suspend", user=user.name) == {"invitation_only": True}
        assert client.call("Suspend", user=enrolled.name) == {}
        with pytest.raises(Refused) as refused:
            client.call("Suspend", user=user.name)
    assert (refused.value.name, refused.value.parameters["reason"]) == ("NotPossible", "not-enrolled")


def test_an_enrolled_user_with_a_code_is_suspended_as_ever(machine, enrolled):
    user, key = enrolled
    code = invite(user, replaces=True)
    done = otpctl("suspend", user.name)
    assert done.returncode == DONE and done.stdout.splitlines()[0] == f"{user.name}: suspended; every code is refused until root or another member of otp-admin runs `otpctl resume {user.name}`"
    assert machine.status(user)["suspended"]
    assert_worthless(user, code)
    assert machine.ask("otp", user, key.first)[0] != SUCCESS


@OFFLINE
def test_a_code_that_cannot_be_ended_is_told_and_stays_what_it_was(machine, user, offline):
    """A failure is never told as success."""
    invite(user, "letter")
    before = tickets(user)
    run("chmod", "0640", VAULT / "tickets" / str(user.uid))
    try:
        done = otpctl(*offline, "suspend", user.name)
    finally:
        run("chmod", "0600", VAULT / "tickets" / str(user.uid))
    assert done.returncode != DONE and done.stdout == "" and "not enrolled" not in done.stderr, done.stderr
    assert tickets(user) == before


def test_what_is_done_offline_is_logged_as_what_it_was(machine, user, journal):
    invite(user)
    start = journal.position()
    assert otpctl("--offline", "suspend", user.name).returncode == DONE
    (line,) = [line for line in journal.since(start) if "event=offline" in line]
    assert "registration code no longer works" in line and "every code is refused" not in line


def test_offline_it_needs_no_host_key_and_no_daemon(machine, user):
    code = invite(user, "letter")
    with machine.daemon_stopped(), moved_away(HOST_KEY):
        assert otpctl("--offline", "suspend", user.name).returncode == DONE
    assert_worthless(user, code)
