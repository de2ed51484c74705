"""Registration codes through the real socket, with real uids: what each presented code is told and what follows (REQUIREMENTS 3.1)."""

import base64
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import daemon_log
from harness.enrolment import REGISTRATION_CODE, confirm, enrol, invitation, invite, other_code, random_secret, redeem, redeemed, shown, spoken_code
from harness.machine import AUTH_ERR, DAY, SUCCESS, VAULT, otpctl, policy
from harness.notices import noticed
from harness.places import copy
from harness.totp import totp
from harness.wait import until
from harness.wire import Client, Refused, refusal


def refused_registration(uid, code, **wishes):
    found = refusal(uid, "Redeem", registration=code, **wishes)
    assert found.name == "RegistrationRefused", found
    return found.parameters["reason"], found.parameters["wait"]


@pytest.fixture
def admin(machine):
    user = machine.new_user()
    machine.join(user, "otp-admin")
    return user


@pytest.fixture
def helpdesk(machine):
    user = machine.new_user()
    machine.join(user, "otp-helpdesk")
    return user


# making


@pytest.mark.parametrize(("form", "groups", "lasts"), [("spoken", 2, 600), ("mail", 5, DAY), ("letter", 5, 14 * DAY), ("split", 3, 14 * DAY)])
def test_each_form_has_its_length_and_its_end(machine, user, form, groups, lasts):
    invited = invitation(user, form=form)
    assert abs(invited["ends"] - time.time() - lasts) < 60
    assert len(invited["codes"]) == (2 if form == "split" else 1)
    for code in invited["codes"]:
        assert REGISTRATION_CODE.fullmatch(code) and code.count("-") == groups
    enrol(user, " ".join(invited["codes"]))


@pytest.mark.parametrize(("form", "lasts"), [("spoken", 601), ("mail", DAY + 1), ("letter", 30 * DAY + 1), ("split", 30 * DAY + 1), ("mail", 59), ("mail", 0)])
def test_no_life_beyond_the_hard_limits(machine, user, form, lasts):
    found = refusal(0, "Invite", user=user.name, form=form, lasts=lasts)
    assert (found.name, found.parameters["field"], found.parameters["found"]) == ("InvalidValue", "lasts", str(lasts))
    assert "60 to" in found.parameters["wanted"]


def test_helpdesk_invites_and_suspends_users_but_no_admins_and_sees_no_key(machine, user, admin, helpdesk):
    code = spoken_code(user, uid=helpdesk.uid)
    for method in ("Invite", "Suspend", "RevokeInvitation"):
        for target in (admin.name, "root"):
            assert refusal(helpdesk.uid, method, user=target).name == "NotAllowed"
    for method, more in [("Resume", {}), ("BeginEnrolment", {}), ("AddToken", {"secret": "A" * 32}), ("Notices", {}), ("Revoke", {"key": "phone"})]:
        assert refusal(helpdesk.uid, method, user=user.name, **more).name == "NotAllowed", method
    # the code of somebody else is of no use to the one who made it
    assert refusal(helpdesk.uid, "Redeem", user=user.name, registration=code).name == "NotAllowed"
    assert refused_registration(helpdesk.uid, code)[0] == "refused"
    enrol(user, code)
    with Client(uid=helpdesk.uid) as client:
        client.call("Suspend", user=user.name)


def test_admins_invite_bring_tokens_and_resume_but_neither_see_nor_forget(machine, user, admin):
    code = spoken_code(user, uid=admin.uid)
    enrol(user, code)
    with Client(uid=admin.uid) as client:
        client.call("Suspend", user=user.name)
        client.call("Resume", user=user.name)
        assert client.call("Status", user=user.name)["status"]["enrolled"]
    for method in ("BeginEnrolment", "Forget"):
        assert refusal(admin.uid, method, user=user.name).name == "NotAllowed"
    assert refusal(admin.uid, "Redeem", user=user.name, registration=code).name == "NotAllowed"


def test_a_user_invites_nobody_and_learns_nothing_of_names(machine, user):
    other = machine.new_user()
    answers = {str(refusal(user.uid, "Invite", user=name)) for name in (user.name, other.name, "root", "nobody-at-all")}
    assert len(answers) == 1 and answers.pop().startswith("NotAllowed")


def test_without_replace_only_a_first_key(machine, enrolled):
    user, _ = enrolled
    found = refusal(0, "Invite", user=user.name)
    assert (found.name, found.parameters["reason"]) == ("NotPossible", "already-enrolled")


# the owner's way


def test_a_code_gives_a_key_recovery_codes_and_a_login(machine, user):
    start = daemon_log.position()
    key, recovery = enrol(user, spoken_code(user), label="my phone")
    assert machine.ask("otp", user, key.first)[0] == SUCCESS
    assert len(recovery) == len(set(recovery)) == 8 and all(re.fullmatch(r"R(-[0-9A-HJKMNP-TV-Z]{5}){5}", code) for code in recovery)
    assert [event for event in daemon_log.events(start) if event != "verify"] == [
        "registration-code-issued", "registration-code-used", "enrolment-begun", "enrolled",
    ]
    assert noticed(user, uid=user.uid) == ["registration-code-issued", "registration-code-used", "key-enrolled"]
    assert machine.status(user)["keys"][0]["label"] == "my phone"


def test_nothing_is_needed_of_case_hyphens_or_look_alikes(machine, user):
    code = invite(user, form="mail")
    enrol(user, "e" + code[1:].lower().replace("-", " ").replace("0", "o").replace("1", "l"))


def test_before_it_is_confirmed_the_gate_knows_nothing_and_its_end_leaves_nothing(machine, user):
    with Client(uid=user.uid) as client:
        key = redeem(client, spoken_code(user))
        assert machine.ask("otp", user, key.confirming)[0] == AUTH_ERR
        assert not machine.status(user)["enrolled"]
    assert not (VAULT / "keys" / f"{user.uid}.toml").exists()
    assert machine.ask("otp", user, key.confirming)[0] == AUTH_ERR


def test_redeemed_but_not_confirmed_it_may_be_redeemed_again_and_the_earlier_key_is_dead(machine, user):
    code = spoken_code(user)
    with Client(uid=user.uid) as first, Client(uid=user.uid) as second:
        one, earlier = redeemed(first, code, tty="pts/7")
        assert earlier is None
        two, earlier = redeemed(second, code)
        assert earlier["tty"] == "pts/7" and abs(earlier["at"] - time.time()) < 60
        assert one.secret != two.secret
        with pytest.raises(Refused) as refused:
            first.call("ConfirmEnrolment", code=one.confirming)
        assert refused.value.name == "EnrolmentExpired"
        second.call("ConfirmEnrolment", code=two.confirming)
    assert machine.ask("otp", user, two.first)[0] == SUCCESS


def test_each_redemption_hears_of_the_one_before_it_by_anybody(machine, user):
    """The owner began and gave up, somebody else did the same, the owner begins again: it is the other one that counts."""
    code = spoken_code(user)
    heard = []
    for tty in ("pts/1", "pts/666", "pts/2"):
        with Client(uid=user.uid) as client:
            _, earlier = redeemed(client, code, tty=tty)
            heard.append(earlier and earlier["tty"])
    assert heard == [None, "pts/1", "pts/666"]


def test_five_times_and_not_a_sixth(machine, user):
    code = invite(user, form="mail")
    for _ in range(5):
        with Client(uid=user.uid) as client:
            redeem(client, code)
    assert refused_registration(user.uid, code) == ("stale", 0)


# what is presented, and what follows


def test_the_65th_code_of_a_user_makes_the_oldest_give_way_with_one_alert(machine, user, journal):
    codes = [invite(user)]
    with Client(uid=user.uid) as client:
        redeem(client, codes[0])
        for number in range(1, 64):
            codes.append(invite(user))
            redeem(client, codes[number])
        start = journal.position()
        codes.append(invite(user))
        alerts = [line for line in journal.all_since(start) if "registration-code-unrecognised" in line]
        assert len(alerts) == 1 and f"user={user.name}" in alerts[0] and alerts[0].startswith("<81>"), alerts
        key = redeem(client, codes[64])
        recovery = confirm(client, key)
    assert recovery and refused_registration(user.uid, codes[0])[0] == "refused"
    assert refused_registration(user.uid, codes[1])[0] == "stale", "it is told from an unknown one"
    start = daemon_log.position()
    with pytest.raises(Refused, match="RegistrationSpent"), Client(uid=user.uid) as client:
        redeem(client, codes[64])
    assert "registration-code-replayed" in daemon_log.events(start)


def test_a_typing_error_is_named_and_is_no_guess(machine, user):
    code = spoken_code(user)
    for _ in range(6):
        typo = code[:-1] + ("0" if code[-1] != "0" else "1")
        found = refusal(user.uid, "Redeem", registration=typo)
        assert found.name == "InvalidValue" and "mistyped" in found.parameters["found"] and typo not in str(found)
    enrol(user, code)


@pytest.fixture
def no_other_tickets(machine):
    """A wrong code is counted, and then looked for among all others' codes that are good: that takes time from the wait."""
    with machine.small_vault(4):
        yield


def redeem_unless_waiting(client, code):
    try:
        return redeem(client, code)
    except Refused as refused:
        assert refused.name == "RegistrationRefused" and refused.parameters["wait"] > 0, refused
        return None


def test_unknown_codes_are_refused_and_then_wait(machine, no_other_tickets, user):
    code = spoken_code(user)
    wrong = other_code(code)
    for _ in range(4):
        assert refused_registration(user.uid, wrong) == ("refused", 0)
    reason, wait = refused_registration(user.uid, code)
    assert reason == "refused" and 1 <= wait <= 2
    # guesses at a prompt do not keep the owner waiting, nor the other way round
    with Client() as client:
        shown(client.call("Redeem", user=user.name, registration=code, real_uid=0, service="sshd", rhost="192.0.2.1"))
    with Client(uid=user.uid) as client:
        key = until(lambda: redeem_unless_waiting(client, code), "the end of the wait", deadline=wait + 3)
        confirm(client, key)


def test_a_code_of_another_user_is_refused_alike_and_its_owner_and_the_admins_hear_of_it(machine, user):
    other = machine.new_user()
    for form in ("spoken", "mail"):
        code = invite(other, form=form)
        start = daemon_log.position()
        assert refused_registration(user.uid, code) == ("refused", 0)
        assert "registration-code-of-another" in daemon_log.events(start)
        assert noticed(other, uid=other.uid)[-1] == "registration-code-tried-by-another"
    enrol(other, code)


@pytest.mark.parametrize("how", ["expired", "superseded", "revoked", "suspended"])
def test_what_is_no_longer_valid_is_told_to_its_owner_alone(machine, user, how):
    code = spoken_code(user)
    if how == "superseded":
        assert invitation(user)["superseded"] is True
    elif how == "revoked":
        with Client() as client:
            client.call("RevokeInvitation", user=user.name)
    elif how == "suspended":
        enrol(user, code)
        code = spoken_code(user, replaces=True)
        with Client() as client:
            client.call("Suspend", user=user.name)

    def check():
        assert refused_registration(user.uid, code) == ("stale", 0)
        assert refused_registration(0, code, user=user.name, real_uid=0, service="sshd", rhost="192.0.2.1") == ("refused", 0)

    if how == "expired":
        with machine.clock(601):
            check()
    else:
        check()


def test_a_clock_before_its_making_refuses_without_using_it_up(machine, user):
    code = spoken_code(user)
    with machine.clock(-3600):
        assert refused_registration(user.uid, code) == ("early", 0)
    enrol(user, code)


def test_a_spent_code_asks_its_owner_and_tells_nobody_else(machine, user):
    code = spoken_code(user)
    with Client(uid=user.uid) as client:
        key = redeem(client, code, tty="pts/9", rhost="192.0.2.7")
        client.call("ConfirmEnrolment", code=key.confirming)
    start = daemon_log.position()
    found = refusal(user.uid, "Redeem", registration=code)
    assert found.name == "RegistrationSpent"
    assert found.parameters["used"]["tty"] == "pts/9" and found.parameters["used"]["rhost"] == "192.0.2.7"
    assert refused_registration(0, code, user=user.name, real_uid=0, service="sshd", rhost="192.0.2.1") == ("refused", 0)
    assert daemon_log.events(start).count("registration-code-replayed") == 2
    assert noticed(user, uid=user.uid)[-1] == "registration-code-replayed"
    assert machine.ask("otp", user, key.first)[0] == SUCCESS, "asking alone suspends nothing"


def test_not_me_ends_all_that_the_thief_has(machine, user):
    """A thief redeems first, rotates, adds a key, keeps recovery codes; the owner types the letter's code and says: not me."""
    letter = invite(user, form="letter")
    key, recovery = enrol(user, letter)
    with Client(uid=user.uid) as thief:
        rotated = shown(thief.call("Rotate", code=key.first))
        thief.call("ConfirmEnrolment", code=rotated.confirming)
        added = shown(thief.call("AddKey", code=rotated.first, label="second"))
        thief.call("ConfirmEnrolment", code=added.confirming)
        fresh = thief.call("RenewRecoveryCodes", code=rotated.second)["recovery_codes"]
    with Client(uid=user.uid) as on_the_way:
        pending = shown(on_the_way.call("AddKey", code=added.first, label="third"))
        assert refusal(user.uid, "Redeem", registration=letter).name == "RegistrationSpent"
        start = daemon_log.position()
        with Client(uid=user.uid) as owner:
            assert owner.call("Repudiate", registration=letter) == {"keys": 2}
        with pytest.raises(Refused) as refused:
            on_the_way.call("ConfirmEnrolment", code=pending.confirming)
        assert refused.value.name == "EnrolmentExpired"
    assert "registration-code-repudiated" in daemon_log.events(start) and "repudiated" in noticed(user, uid=user.uid)
    for code in (rotated.second, added.second, added.code(added.step + 1), recovery[0], fresh[0], fresh[7]):
        assert machine.ask("otp", user, code)[0] == AUTH_ERR
    assert refused_registration(user.uid, letter) == ("stale", 0)
    # the way on: an admin invites again, and none of the thief's keys comes back
    new, codes = enrol(user, spoken_code(user, replaces=True))
    assert machine.ask("otp", user, new.first)[0] == SUCCESS
    assert machine.ask("otp", user, fresh[1])[0] == AUTH_ERR and machine.ask("otp", user, codes[1])[0] == SUCCESS


def test_after_a_week_a_repudiation_is_only_an_alarm(machine, user):
    code = spoken_code(user)
    key, recovery = enrol(user, code)
    start = daemon_log.position()
    with machine.clock(7 * DAY + 60):
        found = refusal(user.uid, "Repudiate", registration=code)
    assert (found.name, found.parameters["reason"]) == ("NotPossible", "too-late")
    assert "registration-code-repudiated-late" in daemon_log.events(start)
    assert machine.ask("otp", user, recovery[0])[0] == SUCCESS


def test_a_backup_of_the_tickets_is_worth_nothing_until_root_says_so(machine, user):
    code = spoken_code(user)
    path = VAULT / "tickets" / str(user.uid)
    aside = path.with_name("copy")
    copy(aside, path)
    aside.rename(path)
    assert refused_registration(user.uid, code) == ("restored-copy", 0)
    with Client() as client:
        assert client.call("Restored", user=user.name)["users"] == [user.name]
    enrol(user, code)


def test_not_me_does_not_bring_back_another_code_that_came_from_a_backup(machine, user):
    """Once the tickets are written, nothing tells any more that root has not said `restored`."""
    stolen = spoken_code(user)
    enrol(user, stolen)
    later = spoken_code(user, replaces=True)
    path = VAULT / "tickets" / str(user.uid)
    aside = path.with_name("copy")
    copy(aside, path)
    with Client() as client:
        client.call("RevokeInvitation", user=user.name)
    aside.rename(path)
    assert refused_registration(user.uid, later) == ("restored-copy", 0)
    with Client(uid=user.uid) as client:
        assert client.call("Repudiate", registration=stolen) == {"keys": 1}
    assert refused_registration(user.uid, later) == ("stale", 0)


def stored_token(user, secret):
    """Stores a key that was not made here; the step whose code is still unused."""
    with Client() as client:
        client.call("AddToken", user=user.name, secret=secret, label="token")
        step = int(time.time() // 30)
        client.call("ConfirmEnrolment", code=totp(secret, step - 1))
        return step


def test_beside_repudiated_keys_the_one_that_works_is_the_last(machine, user):
    letter = invite(user, form="letter")
    enrol(user, letter)
    secret = random_secret()
    step = stored_token(user, secret)
    with Client(uid=user.uid) as client:
        client.call("Repudiate", registration=letter)
        recovery = client.call("RenewRecoveryCodes", code=totp(secret, step))["recovery_codes"]
    found = refusal(user.uid, "Revoke", key="token", code=totp(secret, step + 1))
    assert (found.name, found.parameters["reason"]) == ("NotPossible", "last-key")
    asked = otpctl("revoke", "token", user=user)
    assert asked.returncode == 1 and '"token" is the last key' in asked.stderr
    with Client(uid=user.uid) as client:
        client.call("Revoke", key="token", code=totp(secret, step + 1), last=True)
    assert machine.ask("otp", user, recovery[0])[0] == AUTH_ERR, "they go with it"


@pytest.mark.parametrize("what", ["the key file", "the state"])
def test_what_was_repudiated_stays_off_when_it_comes_back_from_a_backup(machine, user, what):
    letter = invite(user, form="letter")
    key, recovery = enrol(user, letter)
    path = user.key_file if what == "the key file" else user.state_file
    aside = path.with_name(".copy")
    copy(aside, path)
    with Client(uid=user.uid) as client:
        if what == "the key file":
            rotated = shown(client.call("Rotate", code=key.first))
            client.call("ConfirmEnrolment", code=rotated.confirming)
        client.call("Repudiate", registration=letter)
    aside.rename(path)
    with Client() as client:
        assert client.call("Restored", user=user.name)["users"] == [user.name]
    (kept,) = machine.status(user)["keys"]
    assert kept["suspended"] is True
    assert machine.ask("otp", user, key.code(key.step + 2))[0] == AUTH_ERR
    assert machine.ask("otp", user, recovery[0])[0] == AUTH_ERR


def test_a_token_that_was_handed_on_is_nobody_elses_again_after_a_restore(machine, user):
    secret = random_secret()
    stored_token(user, secret)
    aside = user.key_file.with_name(".copy")
    copy(aside, user.key_file)
    other = machine.new_user()
    with Client(timeout=60) as client:  # a look at all users
        client.call("Revoke", user=user.name, key="token")
        step = stored_token(other, secret)
        aside.rename(user.key_file)
        found = refusal(0, "Restored", user=user.name)
        assert (found.name, found.parameters["reason"]) == ("NotPossible", "secret-in-use")
        assert user.name not in client.call("Restored")["users"]
        assert machine.ask("otp", other, totp(secret, step))[0] == SUCCESS
        client.call("Revoke", user=other.name, key="token")
        assert client.call("Restored", user=user.name)["users"] == [user.name]


@pytest.mark.parametrize("offline", [(), ("--offline",)], ids=["daemon", "offline"])
def test_a_code_whose_end_could_not_be_written_is_spent_also_when_its_key_is_gone(machine, enrolled, offline):
    user, _ = enrolled
    code = invite(user, form="letter", replaces=True)
    with Client(uid=user.uid) as client:
        key = redeem(client, code)
        in_the_way = VAULT / "tickets" / f".{user.uid}.new"
        in_the_way.mkdir()
        client.call("ConfirmEnrolment", code=key.confirming)
        in_the_way.rmdir()
    assert machine.ask("otp", user, key.first)[0] == SUCCESS
    assert otpctl(*offline, "revoke", user.name, "phone").returncode == 0
    assert refusal(user.uid, "Redeem", registration=code).name == "RegistrationSpent"


# replacing and rotating


def test_an_invitation_that_replaces_kills_every_old_key_at_its_confirmation(machine, enrolled):
    user, old = enrolled
    with Client(uid=user.uid) as client:
        key = redeem(client, spoken_code(user, replaces=True))
        assert machine.ask("otp", user, old.first)[0] == SUCCESS, "the old key works until then"
        client.call("ConfirmEnrolment", code=key.confirming)
    assert machine.ask("otp", user, old.second)[0] == AUTH_ERR
    assert machine.ask("otp", user, key.first)[0] == SUCCESS


def test_at_a_prompt_nothing_is_replaced(machine, enrolled):
    user, _ = enrolled
    code = spoken_code(user, replaces=True)
    found = refusal(0, "Redeem", user=user.name, registration=code, real_uid=0, service="sshd", rhost="192.0.2.1")
    assert (found.name, found.parameters["reason"]) == ("NotPossible", "already-enrolled")


def test_rotating_takes_a_fresh_code_and_the_old_key_dies_with_the_new_ones_confirmation(machine, enrolled):
    user, old = enrolled
    with Client(uid=user.uid) as client:
        with pytest.raises(Refused):
            client.call("Rotate", code=old.wrong())
        new = shown(client.call("Rotate", code=old.first))
        assert machine.ask("otp", user, old.first)[0] == AUTH_ERR, "the code is burnt"
        assert machine.ask("otp", user, old.second)[0] == SUCCESS
        client.call("ConfirmEnrolment", code=new.confirming)
    assert machine.ask("otp", user, old.code(old.step + 2))[0] == AUTH_ERR
    assert machine.ask("otp", user, new.first)[0] == SUCCESS
    assert [key["label"] for key in machine.status(user)["keys"]] == ["phone"]


def test_a_rotation_that_is_given_up_leaves_the_old_key(machine, enrolled):
    user, old = enrolled
    with Client(uid=user.uid) as client:
        client.call("Rotate", code=old.first)
        client.call("CancelEnrolment")
    assert machine.ask("otp", user, old.second)[0] == SUCCESS


def test_the_last_key_goes_only_when_that_is_meant_and_the_recovery_codes_go_with_it(machine, user):
    key, recovery = enrol(user, spoken_code(user))
    found = refusal(user.uid, "Revoke", key="phone", code=key.first)
    assert (found.name, found.parameters["reason"]) == ("NotPossible", "last-key")
    with Client(uid=user.uid) as client:
        client.call("Revoke", key="phone", code=key.first, last=True)
    assert machine.status(user)["enrolled"] and machine.status(user)["keys"] == []
    assert machine.ask("otp", user, recovery[0])[0] == AUTH_ERR


def test_root_rotates_nobodys_key_without_a_code(machine, enrolled):
    user, key = enrolled
    found = refusal(0, "Rotate", user=user.name, code=key.wrong(), real_uid=user.uid)
    assert (found.name, found.parameters["reason"]) == ("NotPossible", "code-refused")
    assert refusal(machine.new_user().uid, "Rotate", user=user.name, code=key.first).name == "NotAllowed"
    assert machine.ask("otp", user, key.first)[0] == SUCCESS, "what a stranger sent was not spent"


def test_a_recovery_code_replaces_a_key_only_through_pam(machine, user):
    key, recovery = enrol(user, spoken_code(user))
    found = refusal(user.uid, "Rotate", code=recovery[0])
    assert (found.name, found.parameters["reason"]) == ("NotPossible", "needs-password")
    with Client() as client:
        new = shown(client.call("Rotate", user=user.name, code=recovery[0], real_uid=user.uid, service="passwd"))
        client.call("ConfirmEnrolment", code=new.confirming)
    assert machine.ask("otp", user, key.first)[0] == AUTH_ERR and machine.ask("otp", user, new.first)[0] == SUCCESS
    assert machine.ask("otp", user, recovery[0])[0] == AUTH_ERR, "it was used up"


def test_a_recovery_code_is_not_spent_where_one_new_key_would_not_help(machine):
    with machine.policy('version = 1\n[guesses]\nwait = "none"\n'):
        user = machine.new_user()
        key, recovery = enrol(user, spoken_code(user))
        stored_token(user, random_secret())
        for number in range(100):
            if number % 10 == 0:
                with Client() as client:
                    client.call("Reopen", user=user.name)
            assert machine.ask("otp", user, key.wrong(number))[0] == AUTH_ERR
        found = refusal(0, "Rotate", user=user.name, code=recovery[0], key="phone", real_uid=user.uid, service="passwd")
        assert (found.name, found.parameters["reason"]) == ("NotPossible", "keys-disabled")
        assert machine.ask("otp", user, recovery[0])[0] == SUCCESS


# recovery codes at the gate


def test_each_recovery_code_opens_once_whatever_is_closed(machine, user):
    key, recovery = enrol(user, spoken_code(user))
    with machine.no_wait_passes():
        for number in range(5):
            machine.ask("otp", user, key.wrong(number))
        assert machine.ask("otp", user, key.first)[0] == AUTH_ERR, "waiting"
    for code in recovery[:2]:
        assert machine.ask("otp", user, code.lower())[0] == SUCCESS
        assert machine.ask("otp", user, code)[0] == AUTH_ERR
    assert machine.ask("otp", user, key.first)[0] == SUCCESS, "its origin is open again"


def test_the_use_of_a_recovery_code_is_noticed_wherever_it_was_decided(machine, user):
    key, recovery = enrol(user, spoken_code(user))
    assert machine.ask("otp", user, recovery[0])[0] == SUCCESS
    with Client(uid=user.uid) as client:
        assert client.call("Verify", code=recovery[5])["verdict"]["accepted"] is True
        found = [(notice["event"], notice.get("left")) for notice in client.call("Notices")["notices"]]
        assert ("recovery-code-used", 6) in found
        assert client.call("Notices")["notices"][-1]["times"] == 1, "told once for each use"


def test_a_new_set_needs_a_code_and_kills_the_old(machine, user):
    key, recovery = enrol(user, spoken_code(user))
    assert refusal(user.uid, "RenewRecoveryCodes", code=recovery[0]).name == "NotPossible"
    with Client(uid=user.uid) as client:
        fresh = client.call("RenewRecoveryCodes", code=key.first)["recovery_codes"]
    assert machine.ask("otp", user, recovery[0])[0] == AUTH_ERR and machine.ask("otp", user, fresh[0])[0] == SUCCESS


# tokens


def test_a_time_token_is_confirmed_by_one_code(machine, user, admin):
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJR"
    with Client(uid=admin.uid) as client:
        assert client.call("AddToken", user=user.name, secret=secret.lower(), digits=8, period=60)["tries"] == 6
        step = int(time.time() // 60)
        client.call("ConfirmEnrolment", code=totp(secret, step - 1, "SHA1", 8))
    assert machine.ask("otp", user, totp(secret, step, "SHA1", 8))[0] == SUCCESS
    other = machine.new_user()
    found = refusal(0, "AddToken", user=other.name, secret=secret)
    assert (found.name, found.parameters["reason"]) == ("NotPossible", "secret-in-use")


def test_a_counter_token_that_was_used_before_is_found_by_two_codes_in_a_row(machine, user):
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJS"
    with Client() as client:
        client.call("AddToken", user=user.name, secret=secret, kind="hotp")
        with pytest.raises(Refused) as refused:
            client.call("ConfirmEnrolment", code=totp(secret, 37))
        assert refused.value.parameters["diagnosis"] == "next-code" and refused.value.parameters["tries_left"] == 6
        client.call("ConfirmEnrolment", code=totp(secret, 38))
    assert machine.ask("otp", user, totp(secret, 39))[0] == SUCCESS
    assert machine.ask("otp", user, totp(secret, 38))[0] == AUTH_ERR


@pytest.mark.parametrize("secret", ["AAAA", "A" * 24 + "!", "1" * 32, "A" * 120])
def test_a_secret_that_is_none_is_refused_without_being_repeated(machine, user, secret):
    found = refusal(0, "AddToken", user=user.name, secret=secret)
    assert found.name == "InvalidValue" and secret not in str(found)


# diagnosis


def test_what_the_app_did_wrong_is_told_and_never_accepted(machine, user):
    code = invite(user, form="mail")
    with Client(uid=user.uid) as client:
        key = redeem(client, code, algorithm="SHA256")
        now = key.step_now()
        wrongs = {
            totp(key.secret, now, "SHA1", 6): "SHA1",
            totp(key.secret, now - 8, "SHA256", 6): "clock-slow 240",
            totp(key.secret, now, "SHA256", 8): "digits 8",
            totp(key.secret, int(time.time() // 60), "SHA256", 6): "period 60",
        }
        for typed, diagnosis in wrongs.items():
            with pytest.raises(Refused) as refused:
                client.call("ConfirmEnrolment", code=typed)
            assert refused.value.parameters["diagnosis"] == diagnosis
        assert not machine.status(user)["enrolled"]


@pytest.mark.parametrize(("period", "wrong"), [(30, 3600), (30, -2700), (60, 86400), (15, -86400)])
def test_a_zone_set_by_hand_is_told_in_quarter_hours_and_never_accepted(machine, user, period, wrong):
    code = invite(user, form="mail")
    with Client(uid=user.uid) as client:
        key = redeem(client, code, period=period)
        with pytest.raises(Refused) as refused:
            client.call("ConfirmEnrolment", code=totp(key.secret, int(time.time() + wrong) // period, "SHA1", 6))
        assert refused.value.parameters["diagnosis"] == f"clock-{'fast' if wrong > 0 else 'slow'} {abs(wrong)}"
        assert not machine.status(user)["enrolled"]


# races


def test_race_of_two_redemptions_which_one_wins(machine, request):
    """A thousand times: `tests/campaign 25`."""
    for _ in range(40 * request.config.getoption("--rounds")):
        user = machine.new_user()
        code = invite(user, form="mail")
        start = threading.Barrier(2)

        def run(client, user=user, code=code, start=start):
            start.wait()
            try:
                key = redeem(client, code)
                client.call("ConfirmEnrolment", code=key.confirming)
                return key
            except Refused as refused:
                # Busy: the other redemption came later and has begun first.
                assert refused.name in ("EnrolmentExpired", "RegistrationRefused", "RegistrationSpent", "NotPossible", "Busy"), refused

        with Client(uid=user.uid) as one, Client(uid=user.uid) as two, ThreadPoolExecutor(2) as pool:
            won = [key for key in pool.map(run, (one, two)) if key]
        assert len(won) == 1
        assert len(machine.status(user)["keys"]) == 1
        assert machine.ask("otp", user, won[0].first)[0] == SUCCESS


# what is written down


def test_no_code_and_no_secret_is_in_any_file_or_log(machine, user):
    start = daemon_log.position()
    code = invite(user, form="mail")
    key, recovery = enrol(user, code)
    for typed in (code, code.replace("-", ""), recovery[0]):
        refusal(user.uid, "Redeem", registration=typed)
    machine.ask("otp", user, recovery[1])
    hidden = [key.secret, key.secret.hex().encode(), base64.b64encode(key.secret), base64.b32encode(key.secret)]
    hidden += [form.encode() for text in (code, *recovery) for form in (text, text.replace("-", ""), text[2:])]
    places = [path.read_bytes() for path in VAULT.rglob("*") if path.is_file()] + ["\n".join(daemon_log.since(start)).encode()]
    for place in places:
        assert not any(text in place or text.lower() in place for text in hidden)


def test_a_used_code_is_known_however_many_came_after_it(machine, user):
    """Anyone who may invite cannot take "not me" away from its owner."""
    for form in ("spoken", "letter"):
        owner = machine.new_user()
        code = invite(owner, form=form)
        key, _ = enrol(owner, code)
        for _ in range(20):
            invite(owner, form=form, replaces=True)
        found = refusal(owner.uid, "Redeem", registration=code)
        assert found.name == "RegistrationSpent", found
        with Client(uid=owner.uid) as client:
            assert client.call("Repudiate", registration=code) == {"keys": 1}
        assert machine.ask("otp", owner, key.first)[0] == AUTH_ERR


@pytest.mark.parametrize(("days", "policy_says", "in_time"), [(6.9, "", True), (7.1, "", False), (1.1, "repudiate_within = 1\n", False), (29, "repudiate_within = 30\n", True)])
def test_how_long_not_me_may_be_said_is_for_the_policy(machine, user, days, policy_says, in_time):
    code = invite(user, form="letter")
    enrol(user, code)
    with policy(policy_says), machine.clock(int(days * DAY)), Client(uid=user.uid) as client:
        if in_time:
            assert client.call("Repudiate", registration=code) == {"keys": 1}
        else:
            with pytest.raises(Refused) as refused:
                client.call("Repudiate", registration=code)
            assert refused.value.parameters["reason"] == "too-late"


def test_a_recovery_code_is_not_spent_on_removing_a_key(machine, user):
    _, recovery = enrol(user, spoken_code(user))
    found = refusal(user.uid, "Revoke", key="phone", code=recovery[0], last=True)
    assert (found.name, found.parameters["reason"]) == ("NotPossible", "code-refused")
    assert machine.ask("otp", user, recovery[0])[0] == SUCCESS
