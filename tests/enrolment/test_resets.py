"""Resets: who asks, who agrees, how long it takes, who hears of it, and what ends it; and the stories of people who lose a phone, or lie."""

import json
import os
import shutil
import time

import pytest

from harness import daemon_log
from harness.enrolment import enrol, invite, random_secret, redeem, works
from harness.machine import ACCOUNT, DAY, VAULT, otpctl
from harness.notices import HEADING, noticed
from harness.resets import OF_A_USER, OF_AN_ADMIN, logged_in_as, only_members, request, resets_mode, uptime, waiting, what_bars
from harness.wire import Client, LeftBehind, Refused, call, refusal, refusal_on

ABOUT = VAULT / "vault.toml"


@pytest.fixture
def guarded():
    with resets_mode("guarded"):
        yield


@pytest.fixture
def desk(machine):
    user = machine.new_user()
    machine.join(user, "otp-helpdesk")
    yield user
    machine.leave(user, "otp-helpdesk")


@pytest.fixture
def admins(machine):
    """Two, with keys."""
    both = [machine.enrolled_user()[0] for _ in range(2)]
    for one in both:
        machine.join(one, "otp-admin")
    yield both
    for one in both:
        machine.leave(one, "otp-admin")


@pytest.fixture(autouse=True)
def none_is_left(machine):
    yield
    if not machine.running():
        machine.start()
    found = call("ListResets")
    for reset in found["resets"] + found["unreadable"]:
        call("CancelReset", id=reset["id"])
    assert '"resets"' not in ABOUT.read_text()


def invitation_refused(user, uid=0):
    return what_bars("Invite", uid, user=user.name, replaces=True)


# when a reset is wanted


def test_without_a_word_in_the_policy_the_helpdesk_decides(machine, desk):
    user, _ = machine.enrolled_user()
    with resets_mode():
        assert invitation_refused(user) == "reset-needed"
        with only_members("otp-helpdesk"):
            invite(user, replaces=True)
        with only_members("otp-helpdesk", desk):
            assert invitation_refused(user) == "reset-needed"
        call("RevokeInvitation", user=user.name)


@pytest.mark.parametrize("mode", ["simple", "guarded"])
def test_the_word_in_the_policy_decides_and_a_first_key_needs_no_reset(machine, desk, mode):
    user, _ = machine.enrolled_user()
    with resets_mode(mode):
        enrol(newcomer := machine.new_user(), invite(newcomer, uid=desk.uid))
        assert machine.status(newcomer)["enrolled"]
        if mode == "simple":
            invite(user, uid=desk.uid, replaces=True)
        else:
            assert invitation_refused(user, desk.uid) == "reset-needed"


def test_a_reset_that_waits_bars_an_invitation_where_none_is_wanted_too(machine, desk):
    user, _ = machine.enrolled_user()
    request(user, desk.uid)
    for uid in (0, desk.uid):
        assert invitation_refused(user, uid) == "reset-waits"
    assert what_bars("RequestReset", user=user.name, reason="again", proof="in-person") == "reset-there"


def test_nobody_without_keys_has_any_to_reset(machine):
    assert what_bars("RequestReset", user=machine.new_user().name, reason="lost", proof="in-person") == "not-enrolled"


def test_a_code_made_before_the_first_key_replaces_no_key(machine, desk, guarded):
    """Keys that come in another way meanwhile are not replaced by it, past reset and cool-down."""
    user = machine.new_user()
    code = invite(user, uid=desk.uid, replaces=True)
    key = machine.enrol(user)
    with Client(uid=user.uid) as client, pytest.raises(Refused):
        redeem(client, code)
    assert works(machine, user, key.first)


def test_a_damaged_key_file_keeps_nobody_from_cancelling(machine, desk, guarded):
    (user, _), (other, _) = machine.enrolled_user(), machine.enrolled_user()
    broken, sound = request(user, desk.uid), request(other, desk.uid)
    user.key_file.write_text("nonsense")
    try:
        assert {broken["id"], sound["id"]} <= {one["id"] for one in call("ListResets")["resets"]}
        for reset in (broken, sound):
            call("CancelReset", id=reset["id"])
    finally:
        call("Forget", user=user.name)


def test_one_helper_asks_for_twenty_resets_an_hour(machine, desk, guarded):
    user, _ = machine.enrolled_user()
    for _ in range(20):
        call("CancelReset", id=request(user, desk.uid)["id"])
    with Client(uid=desk.uid) as client, pytest.raises(Refused) as refused:
        client.call("RequestReset", user=user.name, reason="again", proof="callback")
    assert refused.value.name.endswith("Busy")
    call("CancelReset", id=request(user)["id"])


# stories


def test_a_phone_in_the_river(machine, desk, guarded):
    user, old = machine.enrolled_user()
    done = otpctl("reset", user.name, "--reason", "phone in the river", "--proof", "callback", user=desk)
    assert done.returncode == 0 and "after 24 hours" in done.stdout, done
    with uptime(OF_A_USER - 60):
        assert invitation_refused(user, desk.uid) == "reset-waits"
    with uptime(OF_A_USER + 1):
        assert waiting(user)["state"] == "ready"
        code = invite(user, uid=desk.uid, replaces=True)
        new, _ = enrol(user, code)
    assert works(machine, user, new.first) and not works(machine, user, old.first)
    assert waiting(user) is None and "reset-asked" not in noticed(user)
    assert invitation_refused(user) == "reset-needed", "one reset, one new key"


def test_a_malicious_helper_is_seen_at_every_login_and_stopped_by_any_factor(machine, desk, guarded):
    user, key = machine.enrolled_user()
    recovery = call("RenewRecoveryCodes", user.uid, code=key.first)["recovery_codes"]
    service = machine.service("otp-told", "required pam_permit.so", account="required pam_otp.so")
    for number, code in enumerate([key.second, recovery[0]]):
        reset = request(user, desk.uid, "in-person")
        for _ in range(5):
            told = " ".join(machine.converse(service, user, "text", "-a")[1].split())
            assert HEADING in told and "otpctl resets cancel" in told and f"by {desk.name}" in told
        if number:
            call("Suspend", desk.uid, user=user.name)
            assert not works(machine, user, recovery[1])
        listed = otpctl("resets", "list", user=user)
        assert listed.returncode == 0 and reset["id"] in listed.stdout and "phone lost in the river" in listed.stdout
        done = otpctl("resets", "cancel", stdin=f"{code}\n", user=user)
        assert done.returncode == 0 and "cancelled" in done.stdout, done
        assert waiting(user) is None and noticed(user)[-1] == "reset-cancelled" and "reset-asked" not in noticed(user)
        assert invitation_refused(user, desk.uid) == "reset-needed"
    assert machine.status(user)["suspended"], "cancelling ends no suspension"


def test_a_wrong_code_cancels_nothing_and_counts(machine, desk):
    user, key = machine.enrolled_user()
    reset = request(user, desk.uid)
    for id in ({}, {"id": reset["id"]}):
        assert what_bars("CancelReset", user.uid, **id) == "NotAllowed"
        assert what_bars("CancelReset", user.uid, code="not a code", **id) == "code-refused"
    assert what_bars("CancelReset", user.uid, code=key.wrong()) == "code-refused"
    assert next(one for one in machine.status(user)["origins"] if one["origin"] == "socket")["failures"] == 1
    assert waiting(user)["id"] == reset["id"]


def test_two_colluding_helpers_reset_a_user_after_the_delay_and_the_user_is_told(machine, desk, guarded):
    user, old = machine.enrolled_user()
    other = machine.new_user()
    machine.join(other, "otp-helpdesk")
    request(user, desk.uid, f"vouched:{other.name}")
    assert "named-as-voucher" in noticed(other) and "reset-asked" in noticed(user)
    assert invitation_refused(user, other.uid) == "reset-waits"
    with uptime(OF_A_USER + 1):
        invite(user, uid=other.uid, replaces=True)
        assert {"reset-asked", "registration-code-issued"} <= set(noticed(user))
        assert otpctl("resets", "cancel", stdin=f"{old.first}\n", user=user).returncode == 0
        assert what_bars("RevokeInvitation", user=user.name) == "no-invitation"
    machine.leave(other, "otp-helpdesk")


def test_a_stolen_letter_ends_with_the_reset(machine, desk, guarded):
    user, key = machine.enrolled_user()
    request(user, desk.uid, "in-person")
    letter = invite(user, form="letter", uid=desk.uid, replaces=True)
    assert call("CancelReset", user.uid, code=key.first)["user"] == user.name
    assert what_bars("Redeem", user.uid, registration=letter) == "RegistrationRefused"
    assert works(machine, user, key.second)


def test_at_an_unlocked_terminal_nobody_asks_for_themselves_or_cancels_without_a_code(machine, desk, admins):
    machine.enrol(desk)
    for one in (desk, admins[0], machine.enrolled_user()[0]):
        assert what_bars("RequestReset", one.uid, user=one.name, reason="mine", proof="in-person") == "NotAllowed"
    request(desk, proof="callback")
    assert what_bars("CancelReset", desk.uid) == "NotAllowed"


# four eyes


def test_an_admin_wants_a_second_one_who_is_neither_of_the_others(machine, desk, admins, guarded):
    target, old = machine.enrolled_user()
    machine.join(target, "otp-admin")
    admin, second = admins
    assert what_bars("RequestReset", desk.uid, user=target.name, reason="lost", proof="in-person") == "NotAllowed"
    reset = request(target, admin.uid, "in-person")
    assert reset["state"] == "needs-approval" and reset["approval_wanted"]
    assert invitation_refused(target, admin.uid) == "reset-not-approved"
    assert what_bars("ApproveReset", admin.uid, id=reset["id"]) == "same-person"
    for uid in (target.uid, desk.uid, machine.new_user().uid):
        assert what_bars("ApproveReset", uid, id=reset["id"]) == "NotAllowed", uid
    done = otpctl("resets", "approve", reset["id"], "--json", user=second)
    assert json.loads(done.stdout)["reset"]["approved_by"] == second.uid, done
    assert "reset-approved" in noticed(target)
    new, _ = enrol(target, invite(target, uid=admin.uid, replaces=True))
    assert works(machine, target, new.first) and not works(machine, target, old.first) and waiting(target) is None
    machine.leave(target, "otp-admin")


def test_one_login_behind_two_accounts_is_one_person(machine, desk, admins, guarded):
    """An admin who may become root, or has the password of a second account, makes no two."""
    target, _ = machine.enrolled_user()
    machine.join(target, "otp-admin")
    admin, second = admins
    reset = request(target, admin.uid, "in-person")
    for account in (None, second):
        done = logged_in_as(admin, "resets", "approve", reset["id"], user=account)
        assert done.returncode == 1 and "somebody else must do this" in " ".join(done.stderr.split()), done
    assert logged_in_as(second, "resets", "approve", reset["id"]).returncode == 0
    assert waiting(target)["approved_by"] == second.uid, "the person is told, not root"
    call("CancelReset", id=reset["id"])
    asked = ["reset", target.name, "--reason", "lost", "--proof"]
    assert "can vouch" in " ".join(logged_in_as(admin, *asked, f"vouched:{admin.name}").stderr.split())
    assert logged_in_as(target, *asked, "callback").returncode == 1, "through sudo for oneself"
    machine.leave(target, "otp-admin")


def test_a_process_that_ends_before_it_is_seen_approves_nothing(machine, admins, guarded):
    """It could be anybody's who has a second account."""
    target, _ = machine.enrolled_user()
    machine.join(target, "otp-admin")
    admin, second = admins
    reset = request(target, admin.uid, "in-person")
    with machine.daemon_hanging():
        client = LeftBehind(uid=second.uid)
    with client:
        assert refusal_on(client, "ApproveReset", id=reset["id"]).parameters["reason"] == "same-person"
    call("ApproveReset", second.uid, id=reset["id"])
    machine.leave(target, "otp-admin")


def test_who_vouches_approves_nothing_and_who_asks_or_is_meant_does_not_vouch(machine, desk, admins):
    target, _ = machine.enrolled_user()
    machine.join(target, "otp-admin")
    admin, second = admins
    for voucher in (admin, target):
        assert what_bars("RequestReset", admin.uid, user=target.name, reason="lost", proof=f"vouched:{voucher.name}") == "not-a-voucher"
    reset = request(target, admin.uid, f"vouched:{second.name}")
    assert reset["left"] == OF_AN_ADMIN
    assert what_bars("ApproveReset", second.uid, id=reset["id"]) == "same-person"
    call("ApproveReset", id=reset["id"])
    with uptime(OF_AN_ADMIN - 60):
        assert invitation_refused(target, second.uid) == "reset-waits"
    with uptime(OF_AN_ADMIN + 1):
        invite(target, uid=second.uid, replaces=True)
    machine.leave(target, "otp-admin")


@pytest.mark.parametrize("others", [0, 1])
def test_where_there_is_no_second_admin_root_goes_on_alone_at_alert(machine, guarded, others):
    target, _ = machine.enrolled_user()
    with only_members("otp-admin", target, *(machine.new_user() for _ in range(others))):
        request(target, proof="in-person")
        start = daemon_log.position()
        if others:
            assert invitation_refused(target) == "reset-not-approved"
        else:
            new, _ = enrol(target, invite(target, replaces=True))
            assert works(machine, target, new.first)
        alone = [line for line in daemon_log.since(start) if "event=reset-without-a-second-admin" in line]
        assert len(alone) == 1 - others


def test_a_user_of_no_group_sees_their_own_reset_and_learns_of_no_other(machine, desk):
    (user, _), (stranger, _) = machine.enrolled_user(), machine.enrolled_user()
    reset = request(user, desk.uid)
    assert [one["id"] for one in call("ListResets", user.uid)["resets"]] == [reset["id"]]
    assert call("ListResets", stranger.uid) == {"resets": [], "unreadable": []}
    for id in (reset["id"], "00000000"):
        assert what_bars("CancelReset", stranger.uid, id=id, code="123456") == "no-such-reset"
        assert what_bars("ApproveReset", stranger.uid, id=id) == "NotAllowed"
    assert call("CancelReset", desk.uid, id=reset["id"]) == {"user": user.name}
    assert what_bars("CancelReset", desk.uid, id=reset["id"]) == "no-such-reset"


# the delay


@pytest.mark.parametrize("shift", [-400 * DAY, -DAY, DAY, 30 * DAY])
def test_a_step_of_the_wall_clock_shortens_no_delay(machine, desk, guarded, shift):
    user, _ = machine.enrolled_user()
    request(user, desk.uid)
    with machine.clock(shift):
        assert invitation_refused(user, desk.uid) == "reset-waits"
        with uptime(OF_A_USER - 60):
            assert invitation_refused(user, desk.uid) == "reset-waits"
        with uptime(OF_A_USER + 1):
            assert waiting(user)["state"] == "ready"


def test_a_restart_keeps_what_has_passed_and_a_boot_counts_no_time_that_nobody_saw(machine, desk):
    user, _ = machine.enrolled_user()
    request(user, desk.uid)
    with uptime(OF_A_USER // 2):
        machine.stop()
        machine.start()  # it notes what has passed
    machine.stop()
    with uptime(-5):  # after a boot the clock begins again
        machine.start()
        left = waiting(user)["left"]
        assert OF_A_USER // 2 - 60 < left <= OF_A_USER // 2 + 60, left


def test_long_after_its_delay_it_is_asked_for_again(machine, desk):
    user, _ = machine.enrolled_user()
    request(user, desk.uid)
    with uptime(OF_A_USER + 7 * DAY + 10):
        assert waiting(user)["state"] == "expired" and invitation_refused(user) == "reset-expired"
    with machine.clock(OF_A_USER + 30 * DAY + 10):
        assert waiting(user)["state"] == "expired" and invitation_refused(user) == "reset-expired"


def test_no_later_end_of_a_code_outlives_its_reset_and_its_owner_is_told(machine, desk, guarded):
    user, _ = machine.enrolled_user()
    request(user, desk.uid, "in-person")
    invite(user, form="letter", lasts=DAY, uid=desk.uid, replaces=True)
    assert call("ExtendInvitation", desk.uid, user=user.name, lasts=2 * DAY)["changed"]
    assert noticed(user)[-1] == "registration-code-extended"
    refused = refusal(desk.uid, "ExtendInvitation", user=user.name, lasts=8 * DAY)
    assert refused.name == "InvalidValue" and "then its reset is over" in refused.parameters["wanted"]
    start = time.time()
    ends = call("ExtendInvitation", desk.uid, user=user.name)["ends"]
    assert start + 6 * DAY < ends <= time.time() + 7 * DAY, "a letter usually lasts for 14 days"
    with uptime(7 * DAY + 10):
        assert what_bars("ExtendInvitation", user=user.name) == "reset-expired"


def test_codes_that_could_not_be_stored_do_not_use_up_a_reset_and_sixteen_that_were_do(machine, desk, guarded):
    user, _ = machine.enrolled_user()
    reset = request(user, desk.uid, "in-person")
    in_the_way = VAULT / "tickets" / f".{user.uid}.new"
    in_the_way.mkdir()
    try:
        assert {invitation_refused(user, desk.uid) for _ in range(17)} == {"Unavailable"}
    finally:
        in_the_way.rmdir()
    for _ in range(16):
        code = invite(user, uid=desk.uid, replaces=True)
    assert waiting(user)["codes"] == 16
    assert invitation_refused(user, desk.uid) == "reset-expired"
    assert enrol(user, code) and waiting(user) is None
    assert what_bars("CancelReset", desk.uid, id=reset["id"]) == "no-such-reset"


# the file


def test_a_copy_from_a_backup_is_worth_nothing(machine, desk, guarded):
    user, _ = machine.enrolled_user()
    reset = request(user, desk.uid, "in-person")
    file, aside = VAULT / "resets" / reset["id"], VAULT / "aside"
    shutil.copy2(file, aside)
    shutil.chown(aside, ACCOUNT, ACCOUNT)
    call("CancelReset", id=reset["id"])
    (VAULT / "resets").mkdir(exist_ok=True)
    aside.rename(file)
    assert waiting(user)["state"] == "restored"
    assert invitation_refused(user) == "reset-restored"
    machine.stop()
    machine.start()
    assert waiting(user)["state"] == "restored", "a start makes it no better"
    assert otpctl("accept-restore", "--all").returncode == 0 and waiting(user)["state"] == "restored"


def test_one_that_cannot_be_read_bars_and_is_ended_by_its_id(machine, desk, admins, guarded):
    user, _ = machine.enrolled_user()
    reset = request(user, desk.uid, "in-person")
    file = VAULT / "resets" / reset["id"]
    file.write_text(random_secret())
    listed = otpctl("resets", "list")
    assert listed.returncode == 1 and f"cannot be read: {file}: not a file of a reset" in " ".join(listed.stdout.split())
    assert invitation_refused(user) == "Unavailable"
    assert what_bars("CancelReset", desk.uid, id=reset["id"]) == "NotAllowed"
    assert otpctl("resets", "cancel", reset["id"], user=admins[0]).returncode == 0 and not file.exists()


def test_while_one_waits_an_older_program_refuses_the_vault_and_there_is_no_way_back_to_version_1(machine, desk):
    user, _ = machine.enrolled_user()
    reset = request(user, desk.uid)
    assert '"resets"' in ABOUT.read_text()
    with machine.daemon_stopped():
        back = otpctl("--offline", "vault-version", "1")
        assert back.returncode == 1 and f"reset {reset['id']}: waits" in " ".join(f"{back.stdout} {back.stderr}".split()), back
    call("CancelReset", id=reset["id"])
    assert '"resets"' not in ABOUT.read_text()


def test_a_user_who_is_forgotten_leaves_no_reset(machine, desk):
    user, _ = machine.enrolled_user()
    request(user, desk.uid)
    call("Forget", user=user.name)
    assert waiting(user) is None and not os.listdir(VAULT / "resets")
