"""Keys that are there: several a user, suspended, reopened, renamed, revoked, forgotten, adopted; by the daemon and without it."""

import json
import re
import time
from pathlib import Path

import pytest

from harness.enrolment import enrol, invite, labels, random_secret, redeem
from harness.journal import ALERT
from harness.machine import (
    ACCOUNT,
    ACCT_EXPIRED,
    AUTH_ERR,
    AUTHINFO_UNAVAIL,
    HOST_KEY,
    OTPCTL,
    ROOT,
    SUCCESS,
    VAULT,
    Machine,
    User,
    as_user,
    otpctl,
    pam_code,
    run,
    total_failures,
)
from harness.origins import closed_origins, no_wait
from harness.otpctl import DONE, REFUSED, USAGE
from harness.places import accounts_in_files_alone, moved_away
from harness.strace import CHANGES, WRITES, answering, attached, parsed, run_under
from harness.sweeps import killed_at, strays, up
from harness.terminal import Terminal
from harness.totp import totp
from harness.troubles import daemon_dead, host_key_lost, no_trouble, policy_broken
from harness.wire import Client, Refused, call, refusal

THREE_GUESSES = "version = 1\n" + no_wait(3)


# several keys


def test_each_of_five_keys_works_and_a_sixth_is_refused(machine, user):
    keys = [machine.enrol(user, label=f"key {number}") for number in range(5)]
    assert why_not("BeginEnrolment", user=user.name, label="key 6") == "too-many-keys"
    for key in keys:
        assert pam_code(machine, user, key.first) == SUCCESS
        assert pam_code(machine, user, key.first) == AUTH_ERR
    assert machine.status(user)["generation"] == 5


def test_a_label_that_is_taken_is_refused_before_a_key_is_shown(machine, enrolled):
    user, _ = enrolled
    assert why_not("BeginEnrolment", user=user.name) == "label-taken"
    done = otpctl("enrol", user.name, "--json", "--allow-pipe", stdin="")
    assert done.returncode == REFUSED and "otpauth" not in done.stdout and "label-taken" in done.stdout


def test_of_two_pending_keys_with_one_label_only_one_is_stored(machine, enrolled):
    user, _ = enrolled
    with Client() as client:
        key = machine.begin(client, user, label="tablet")
        call("Rename", user=user.name, key="phone", label="tablet")
        with pytest.raises(Refused) as refused:
            machine.confirm(client, key)
        assert refused.value.parameters["reason"] == "label-taken"
    assert labels(machine, user) == ["tablet"]


# suspend, resume


def test_a_suspended_user_is_refused_everywhere_until_resumed(machine, skip, enrolled):
    user, key = enrolled
    assert otpctl("suspend", user.name).returncode == DONE
    assert pam_code(machine, user, key.first, skip) == AUTH_ERR
    assert machine.status(user)["suspended"] is True
    assert "suspended" in otpctl("status", user.name).stdout
    assert otpctl("resume", user.name).returncode == DONE
    assert pam_code(machine, user, key.first, skip) == SUCCESS


# reopen


def why_not(method, as_uid=0, **parameters):
    """The reason of a refusal, or its name where it has none."""
    found = refusal(as_uid, method, **parameters)
    return found.parameters["reason"] if found.name == "NotPossible" else found.name


def close_console(machine, user, key):
    for number in range(3):
        assert pam_code(machine, user, key.wrong(number)) == AUTH_ERR
    assert pam_code(machine, user, key.first) == AUTH_ERR
    assert closed_origins(machine, user) == {"console"}


def test_root_reopens_and_the_total_stays(machine):
    with machine.policy(THREE_GUESSES):
        user, key = machine.enrolled_user()
        close_console(machine, user, key)
        assert otpctl("reopen", user.name, "--origin", "remote").returncode == DONE
        assert pam_code(machine, user, key.first) == AUTH_ERR, "another one was reopened"
        assert otpctl("reopen", user.name, "--origin", "console").returncode == DONE
        assert total_failures(user) == 3
        assert pam_code(machine, user, key.first) == SUCCESS
        assert total_failures(user) == 0


def test_a_user_reopens_with_a_code_from_another_origin(machine):
    with machine.policy(THREE_GUESSES):
        user, key = machine.enrolled_user()
        close_console(machine, user, key)
        assert why_not("Reopen", user.uid) == "NotAllowed", "without a code"
        assert why_not("Reopen", user.uid, code=key.wrong(9)) == "code-refused"
        terminal = Terminal([*as_user(user), "otpctl", "reopen"])
        terminal.awaits("Code: ")
        terminal.types(key.first)
        assert terminal.ends() == DONE
        assert pam_code(machine, user, key.first) == AUTH_ERR, "that code is used up"
        assert pam_code(machine, user, key.second) == SUCCESS


def test_guesses_at_the_socket_close_the_socket_alone(machine):
    with machine.policy(THREE_GUESSES):
        user, key = machine.enrolled_user()
        for number in range(3):
            assert why_not("Reopen", user.uid, code=key.wrong(number)) == "code-refused"
        assert why_not("Reopen", user.uid, code=key.first) == "closed"
        assert pam_code(machine, user, key.first) == SUCCESS


def test_a_stranger_neither_guesses_nor_learns_who_exists(machine, enrolled):
    user, key = enrolled
    other = machine.new_user()
    for method, more in [("Reopen", {"code": key.first}), ("Revoke", {"key": "phone", "code": key.first}), ("Rename", {"key": "phone", "label": "mine"})]:
        answers = set()
        for name in (user.name, "nobody-at-all"):
            with Client(uid=other.uid) as client, pytest.raises(Refused) as refused:
                client.call(method, user=name, **more)
            answers.add(str(refused.value))
        assert len(answers) == 1 and answers.pop().startswith("NotAllowed")
    assert pam_code(machine, user, key.first) == SUCCESS


@pytest.mark.parametrize("method, more", [("Suspend", {}), ("Resume", {}), ("Forget", {}), ("Adopt", {"from": "x"}), ("Restored", {})], ids=str)
def test_what_is_roots_is_refused_to_the_user_himself(machine, enrolled, method, more):
    user, _ = enrolled
    assert why_not(method, user.uid, user=user.name, **more) == "NotAllowed"


def test_counts_are_told_to_root_alone(machine, enrolled):
    """They would tell a wrong code from one that was used."""
    user, key = enrolled
    assert pam_code(machine, user, key.wrong()) == AUTH_ERR
    admin = machine.new_user()
    machine.join(admin, "otp-admin")
    for uid, told in ((0, True), (admin.uid, False)):
        with Client(uid=uid) as client:
            (listed,) = [one for one in client.call("List")["users"] if one["uid"] == user.uid]
            for status in (listed, client.call("Status", user=user.name)["status"]):
                counts = [origin.get("failures") for origin in status["origins"]]
                assert (sorted(counts) == [0, 0, 0, 0, 1]) if told else (set(counts) == {None}), counts


def test_where_nobody_knows_the_group_of_admins_the_helpdesk_reaches_nobody(machine, enrolled):
    """The source that has it may be the one that does not answer."""
    user, _ = enrolled
    desk = machine.new_user()
    machine.join(desk, "otp-helpdesk")
    groups = Path("/etc/group")
    before = groups.read_text()
    call("Invite", desk.uid, user=machine.new_user().name)
    groups.write_text("".join(line for line in before.splitlines(keepends=True) if not line.startswith("otp-admin:")))
    try:
        assert why_not("Invite", desk.uid, user=user.name, replaces=True) == "NotAllowed"
        assert why_not("Suspend", desk.uid, user=user.name) == "NotAllowed"
    finally:
        groups.write_text(before)


# rename, revoke


def test_owner_and_root_rename(machine, enrolled):
    user, key = enrolled
    assert otpctl("rename", user.name, "phone", "tablet", user=user).returncode == DONE
    assert otpctl("rename", user.name, "tablet", "old phone").returncode == DONE
    assert labels(machine, user) == ["old phone"]
    assert otpctl("rename", user.name, "tablet", "x").returncode == REFUSED
    assert otpctl("rename", user.name, "old phone", "a\nb").returncode == USAGE
    assert pam_code(machine, user, key.first) == SUCCESS


def test_an_owner_revokes_a_key_with_a_code_of_it(machine, user):
    kept, lost = machine.enrol(user, label="kept"), machine.enrol(user, label="lost")
    assert why_not("Revoke", user.uid, key="lost") == "NotAllowed"
    assert why_not("Revoke", user.uid, key="lost", code=kept.first) == "code-refused"
    assert why_not("Revoke", user.uid, key="none", code=kept.second) == "no-such-key"
    call("Revoke", user.uid, key="lost", code=lost.first)
    assert labels(machine, user) == ["kept"]
    assert pam_code(machine, user, lost.second) == AUTH_ERR
    assert pam_code(machine, user, kept.second) == SUCCESS


def test_after_the_last_key_the_user_is_refused_and_not_skipped(machine, skip, enrolled):
    user, key = enrolled
    assert otpctl("revoke", user.name, "phone").returncode == DONE
    assert user.key_file.exists() and "[[key]]" not in user.key_file.read_text()
    assert pam_code(machine, user, key.first, skip) == AUTH_ERR
    assert machine.status(user)["enrolled"] is True
    assert "enrolled, no key" in otpctl("status", user.name).stdout
    service = machine.service("keyless", "required pam_permit.so", account="required pam_otp.so")
    for options in ((), ("-r", machine.new_user().uid)):  # on the files, and by the daemon
        _, printed = machine.converse(service, user, "text", "000000", "-a", *options)
        assert f"account {ACCT_EXPIRED}" in printed, "also where no code is asked for"
    again = machine.enrol(user)
    assert pam_code(machine, user, again.first) == SUCCESS


def test_disabled_keys_are_revoked_and_bound_anew(machine):
    with machine.policy(THREE_GUESSES):
        user, key = machine.enrolled_user()
        for number in range(100):
            if number % 3 == 0:
                call("Reopen", user=user.name)
            assert pam_code(machine, user, key.wrong(number)) == AUTH_ERR
        assert machine.status(user)["disabled"] is True
        call("Reopen", user=user.name)
        assert pam_code(machine, user, key.first) == AUTH_ERR, "reopening does not help any more"
        assert why_not("BeginEnrolment", user=user.name, label="new") == "keys-disabled"
        call("Revoke", user=user.name, key="phone")
        again = machine.enrol(user)
        assert pam_code(machine, user, again.first) == SUCCESS


def test_who_has_lost_the_last_key_is_invited_as_the_table_of_reasons_says(machine, enrolled):
    user, key = enrolled
    assert call("Revoke", user.uid, key="phone", code=key.first, last=True) == {}
    (row,) = [line for line in (ROOT / "docs/locked-out.md").read_text().splitlines() if line.startswith("| `no-key` |")]
    words = re.search(r"`otpctl (invite alice[^`]*)`", row)[1].replace("alice", user.name).split()
    assert otpctl(*words, "--allow-pipe").returncode == DONE
    new, _ = enrol(user, invite(user, replaces=True))
    assert pam_code(machine, user, new.first) == SUCCESS


# forget


def test_who_is_forgotten_was_never_enrolled(machine, skip, enrolled):
    user, key = enrolled
    assert pam_code(machine, user, "000000", skip) == AUTH_ERR
    assert otpctl("forget", user.name).returncode == DONE
    assert not user.key_file.exists() and not user.state_file.exists()
    assert pam_code(machine, user, "000000", skip) == SUCCESS
    assert machine.status(user)["enrolled"] is False
    assert "nothing was changed" in otpctl("forget", user.name).stdout
    machine.enrol(user)


def test_an_account_that_is_gone_is_forgotten_by_uid(machine):
    user, _ = machine.enrolled_user()
    machine.remove_user(user)
    assert "nothing was changed" in otpctl("forget", "nobody-of-that-name").stdout
    assert otpctl("forget", str(user.uid)).returncode == DONE
    assert not user.key_file.exists() and not user.state_file.exists()


def test_an_account_that_is_gone_is_suspended_and_forgotten_by_the_name_in_its_file(machine):
    user, _ = machine.enrolled_user()
    machine.remove_user(user)
    assert otpctl("suspend", user.name).returncode == DONE
    assert otpctl("forget", user.name).returncode == DONE
    assert not user.key_file.exists() and not user.state_file.exists()


@pytest.mark.parametrize("offline", [(), ("--offline",)], ids=["daemon", "offline"])
def test_a_uid_whose_former_owner_was_only_invited_is_forgotten_and_can_be_invited(machine, offline):
    """A ticket and a notice are left, of another name: nothing else would ever remove them."""
    former = machine.new_user()
    code = invite(former)
    machine.remove_user(former)
    user = machine.new_user(f"again{former.uid}", former.uid)
    with pytest.raises(Refused, match="malformed-file"):
        invite(user)
    assert otpctl(*offline, "forget", user.name).returncode == DONE
    assert "nothing was changed" in otpctl(*offline, "forget", user.name).stdout
    with Client(uid=user.uid) as client, pytest.raises(Refused, match="RegistrationRefused"):
        redeem(client, code)
    enrol(user, invite(user))


def test_a_damaged_user_is_forgotten(machine, skip, enrolled):
    user, _ = enrolled
    user.state_file.write_bytes(b"nonsense")
    assert pam_code(machine, user, "000000", skip) == AUTHINFO_UNAVAIL
    assert otpctl("forget", user.name).returncode == DONE
    machine.enrol(user)


# adopt


def test_who_is_renamed_after_a_restore_from_a_backup_is_adopted_restored_and_invited(machine):
    """The tickets come from the backup, too: they go along, and what was good of them is not."""
    former = machine.new_user()
    enrol(former, invite(former))
    code = invite(former, replaces=True)
    book = VAULT / "tickets" / str(former.uid)
    run("cp", "-a", "--remove-destination", book, f"{book}.copy")
    Path(f"{book}.copy").rename(book)
    machine.remove_user(former)
    user = machine.new_user(f"renamed{former.uid}", former.uid)
    assert otpctl("adopt", user.name, "--from", former.name).returncode == DONE
    assert otpctl("accept-restore", user.name).stdout == "nothing came from a backup\n"
    with Client(uid=user.uid) as client, pytest.raises(Refused, match="stale"):
        redeem(client, code)
    new, _ = enrol(user, invite(user, replaces=True))
    assert pam_code(machine, user, new.first) == SUCCESS


def test_a_renamed_account_keeps_its_keys_once_root_says_so(machine):
    user, key = machine.enrolled_user()
    assert pam_code(machine, user, key.first) == SUCCESS
    assert "nothing was changed" in otpctl("adopt", user.name, "--from", user.name).stdout, "that account is still there"
    machine.remove_user(user)
    renamed = machine.new_user(f"new{user.name}", user.uid)
    assert pam_code(machine, renamed, key.second) == AUTHINFO_UNAVAIL
    assert otpctl("adopt", renamed.name, "--from", user.name).returncode == DONE
    assert pam_code(machine, renamed, key.first) == AUTH_ERR, "used before"
    assert pam_code(machine, renamed, key.second) == SUCCESS


@pytest.mark.parametrize("by", ["name", "uid"])
def test_an_account_with_another_uid_keeps_its_keys_once_root_says_so(machine, skip, by):
    user, key = machine.enrolled_user()
    call("Suspend", user=user.name)
    machine.remove_user(user)
    moved = machine.new_user(user.name)
    assert otpctl("adopt", moved.name, "--from", user.name if by == "name" else str(user.uid)).returncode == DONE
    assert pam_code(machine, moved, key.first, skip) == AUTH_ERR, "still suspended"
    call("Resume", user=moved.name)
    assert pam_code(machine, moved, key.second, skip) == SUCCESS
    assert not user.key_file.exists() and not user.state_file.exists()
    assert "nothing was changed" in otpctl("adopt", moved.name, "--from", user.name).stdout


def test_a_key_that_was_on_its_way_to_the_former_uid_is_thrown_away(machine):
    user, _ = machine.enrolled_user()
    secret = random_secret()
    with Client() as client:
        client.call("AddToken", user=user.name, secret=secret)
        machine.remove_user(user)
        moved = machine.new_user(user.name)
        assert otpctl("adopt", moved.name, "--from", str(user.uid)).returncode == DONE
        with pytest.raises(Refused, match="EnrolmentExpired"):
            client.call("ConfirmEnrolment", code=totp(secret, int(time.time() // 30)))
    assert not user.key_file.exists() and not user.state_file.exists()


def test_a_damaged_key_file_stops_no_token_of_others_and_counts_again_once_it_is_mended(machine, journal):
    damaged, user = machine.new_user(), machine.new_user()
    secret = random_secret()
    with Client() as client:
        client.call("AddToken", user=damaged.name, secret=secret)
        client.call("ConfirmEnrolment", code=totp(secret, int(time.time() // 30)))
    whole = damaged.key_file.read_bytes()
    damaged.key_file.write_bytes(whole[:-9])
    start = journal.position()
    with Client() as client:
        client.call("AddToken", user=user.name, secret=random_secret())
        client.call("CancelEnrolment")
    assert any("event=unreadable" in line and f"uid={damaged.uid}" in line for line in journal.all_since(start))
    damaged.key_file.write_bytes(whole)
    with Client() as client, pytest.raises(Refused, match="secret-in-use|NotPossible"):
        client.call("AddToken", user=user.name, secret=secret)


def test_offline_root_lists_and_adopts_without_the_daemon(machine, skip, enrolled):
    user, key = enrolled
    machine.remove_user(user)
    renamed = machine.new_user(f"new{user.name}", user.uid)
    with machine.daemon_stopped():
        assert f"(uid {user.uid})" in otpctl("--offline", "list").stdout
        with moved_away(HOST_KEY):
            done = otpctl("--offline", "adopt", renamed.name, "--from", user.name)
            assert done.returncode == REFUSED and "host key" in done.stderr
        assert otpctl("--offline", "adopt", renamed.name, "--from", user.name).returncode == DONE
        listed = json.loads(otpctl("--offline", "list", "--json").stdout)
        assert renamed.name in {one["user"] for one in listed["users"]}
        assert pam_code(machine, renamed, key.first, skip) == SUCCESS


def test_nobody_adopts_the_keys_of_somebody_who_is_there(machine, enrolled):
    user, _ = enrolled
    other = machine.new_user()
    assert why_not("Adopt", **{"user": other.name, "from": user.name}) == "still-there"
    assert why_not("Adopt", **{"user": other.name, "from": str(user.uid)}) == "still-there"
    assert why_not("Adopt", **{"user": other.name, "from": "nobody-at-all"}) == "not-enrolled"


def test_nobody_adopts_keys_while_the_account_data_base_cannot_say_that_their_owner_is_gone(machine, enrolled):
    user, key = enrolled
    machine.remove_user(user)
    renamed = machine.new_user(f"new{user.name}", user.uid)
    adopt = [OTPCTL, "--offline", "adopt", renamed.name, "--from", user.name]

    def adopted(at):
        """With one look into the database failing."""
        return run_under(["-P", "/etc/passwd", "-e", "trace=openat", "-e", f"inject=openat:error=EIO:when={at}"], adopt)

    with machine.daemon_stopped(), accounts_in_files_alone():
        tried = [adopted(at) for at in (1, 3, 4, 5)]  # the second is for the outbox, which nothing waits for
        assert [done.returncode for done in tried] == [REFUSED] * 4
        assert "still exists" in tried[-1].stderr, [done.stderr for done in tried]
        assert adopted(6).returncode == DONE
    assert pam_code(machine, renamed, key.first) == SUCCESS


# without the daemon


@pytest.mark.parametrize("trouble", [no_trouble, daemon_dead, policy_broken, host_key_lost], ids=lambda trouble: trouble.__name__)
def test_offline_root_does_the_same_whatever_is_broken(machine, skip, enrolled, trouble):
    user, key = enrolled
    with trouble(machine):
        done = otpctl("--offline", "status", user.name)
        assert done.returncode == DONE and "enrolled" in done.stdout, done.stderr
        assert otpctl("--offline", "suspend", user.name).returncode == DONE
    assert pam_code(machine, user, key.first, skip) == AUTH_ERR
    with trouble(machine):
        assert otpctl("--offline", "resume", user.name).returncode == DONE
    assert pam_code(machine, user, key.first, skip) == SUCCESS
    owners = run("stat", "-c", "%U %a", user.key_file, user.state_file).split()
    assert owners == [ACCOUNT, "600"] * 2
    with trouble(machine):
        assert otpctl("--offline", "rename", user.name, "phone", "tablet").returncode == DONE
        assert otpctl("--offline", "revoke", user.name, "tablet").returncode == DONE
        assert run("stat", "-c", "%U %a", user.key_file).split() == [ACCOUNT, "600"]
        assert otpctl("--offline", "forget", user.name).returncode == DONE
    assert pam_code(machine, user, "000000", skip) == SUCCESS


def test_offline_the_process_is_not_root_when_it_touches_the_vault(machine, enrolled):
    user, _ = enrolled
    log = run("sh", "-c", f"strace -f -e trace=setresuid,openat,openat2,pwrite64 otpctl --offline suspend {user.name} 2>&1")
    became = log.index("setresuid(")
    assert str(VAULT) not in log[:became] and "pwrite64" in log[became:]
    otpctl("--offline", "resume", user.name)


def test_offline_without_a_vault_says_so(machine):
    with moved_away(VAULT):
        done = otpctl("--offline", "status", "root")
    assert done.returncode == REFUSED and str(VAULT) in done.stderr


def test_offline_is_for_root_and_not_for_everything(machine, user):
    assert otpctl("--offline", "status", user=user).returncode == REFUSED
    done = otpctl("--offline", "enrol", "root")
    assert done.returncode == USAGE and "emergency bypass" in done.stderr
    assert otpctl("clock").returncode == USAGE
    assert otpctl("--offline", "clock").returncode == DONE


def test_what_is_done_offline_is_logged_at_alert(machine, enrolled, journal):
    user, _ = enrolled
    start = journal.position()
    assert otpctl("--offline", "forget", user.name).returncode == DONE
    assert any(line.startswith(ALERT) and "event=offline" in line and user.name in line for line in journal.since(start))


# kill -9


def steps_of_call(machine, method, counted, **parameters):
    with attached(machine.process.pid) as log, Client() as client:
        client.call(method, **parameters)
    calls = parsed(log)
    return [call for call in answering(calls, f"Otp1.{method}")[1] if call.name in counted]


def call_killed_at_each(machine, prepare, method, former=lambda keys: {}, counted=CHANGES, **more):
    """Does it once for each of its steps, killed there; yields the user with keys and where it was."""
    user, keys = prepare()
    steps = steps_of_call(machine, method, counted, user=user.name, **more, **former(keys))
    otpctl("forget", user.name)  # as many users at each step as at the first
    for at, step in enumerate(steps):
        user, keys = prepare()
        where = f"killed at step {at} of {len(steps)}, {step}"
        machine.left_alone()  # a thread that is about to end makes calls, too
        with killed_at(machine, step, where) as client:
            client.call(method, user=user.name, **more, **former(keys))
        if at % 2:
            machine.start()
        yield user, keys, where
        up(machine)


def test_forgetting_killed_at_each_step_refuses_until_nothing_is_left(machine, skip):
    """In a vault of its own: forgetting looks through all users, too."""
    outcomes = set()
    with machine.small_vault(4):
        for user, key, where in call_killed_at_each(machine, machine.enrolled_user, "Forget", counted=WRITES):
            there = (user.key_file.exists(), user.state_file.exists())
            answer = pam_code(machine, user, key.wrong(), skip)
            expected = {(True, True): AUTH_ERR, (False, True): AUTHINFO_UNAVAIL, (False, False): SUCCESS}
            assert answer == expected.get(there), f"{where}: {there} {answer}"
            outcomes.add(there)
            up(machine)
            if there != (False, False):
                call("Forget", user=user.name)
            assert pam_code(machine, user, machine.enrol(user).first) == SUCCESS, where
        assert strays() == []
    assert outcomes == {(True, True), (False, True), (False, False)}


def two_keys(machine):
    user = machine.new_user()
    return user, (machine.enrol(user, label="kept"), machine.enrol(user, label="lost"))


def test_revoking_killed_at_each_step_is_done_or_undone(machine):
    outcomes = set()
    for user, (kept, lost), where in call_killed_at_each(machine, lambda: two_keys(machine), "Revoke", key="lost"):
        assert pam_code(machine, user, kept.first) == SUCCESS, where
        works = pam_code(machine, user, lost.first) == SUCCESS
        up(machine)
        assert labels(machine, user) == (["kept", "lost"] if works else ["kept"]), where
        outcomes.add(works)
    assert outcomes == {True, False}
    assert strays() == []


def test_renaming_killed_at_each_step_is_done_or_undone(machine):
    outcomes = set()
    for user, key, where in call_killed_at_each(machine, machine.enrolled_user, "Rename", key="phone", label="tablet"):
        assert pam_code(machine, user, key.first) == SUCCESS, where
        up(machine)
        (label,) = labels(machine, user)
        outcomes.add(label)
    assert outcomes == {"phone", "tablet"}
    assert strays() == []


def test_revoking_the_last_key_killed_at_each_step_never_unenrols(machine, skip):
    outcomes = set()
    for user, key, where in call_killed_at_each(machine, machine.enrolled_user, "Revoke", key="phone"):
        assert pam_code(machine, user, key.wrong(), skip) == AUTH_ERR, where
        works = pam_code(machine, user, key.first, skip) == SUCCESS
        up(machine)
        assert labels(machine, user) == (["phone"] if works else []), where
        assert machine.status(user)["enrolled"] is True, where
        outcomes.add(works)
    assert outcomes == {True, False}
    assert strays() == []


def becomes(user, name, uid):
    """In one step each, so that the daemon never misses the account in /etc/passwd."""
    for path, field in (("/etc/passwd", f":x:{user.uid}:"), ("/etc/shadow", ":"), ("/etc/group", f":x:{user.uid}:")):
        text = Path(path).read_text()
        assert f"\n{user.name}{field}" in text, path
        Path(f"{path}.edited").write_text(text.replace(f"\n{user.name}{field}", f"\n{name}{field.replace(str(user.uid), str(uid))}"))
        run("chown", f"--reference={path}", f"{path}.edited")
        run("chmod", f"--reference={path}", f"{path}.edited")
        Path(f"{path}.edited").rename(path)
    return User(name, uid)


def renamed(machine):
    """An account that has got another name: (account, (former account, key)), with one code used."""
    user, key = machine.enrolled_user()
    assert pam_code(machine, user, key.first) == SUCCESS
    return becomes(user, f"new{user.name}", user.uid), (user, key)


def renumbered(machine):
    """The same with another uid."""
    user, key = machine.enrolled_user()
    assert pam_code(machine, user, key.first) == SUCCESS
    return becomes(user, user.name, next(Machine.numbers)), (user, key)


@pytest.mark.parametrize("change", [renamed, renumbered], ids=lambda change: change.__name__)
def test_adopting_killed_at_each_step_is_finished_by_root_and_no_code_works_twice(machine, change):
    """In a vault of its own: an adoption looks through all users. How many files it opens depends on the name service, so
    it is not killed at an open or a close, which change nothing by themselves."""
    outcomes = set()

    def named(keys):
        return {"from": str(keys[0].uid)}

    with machine.small_vault(4):
        for user, (former, key), where in call_killed_at_each(machine, lambda: change(machine), "Adopt", named, WRITES):
            assert pam_code(machine, user, key.first) != SUCCESS, f"{where}: a used code worked again"
            up(machine)
            outcomes.add(json.loads(otpctl("adopt", user.name, "--json", "--from", named((former, key))["from"]).stdout)["changed"])
            assert pam_code(machine, user, key.first) == AUTH_ERR, where
            assert pam_code(machine, user, key.second) == SUCCESS, where
            assert labels(machine, user) == ["phone"], where
            if change is renumbered and former.state_file.exists():  # killed while it forgot the old files
                assert not former.key_file.exists() and otpctl("forget", str(former.uid)).returncode == DONE, where
            assert otpctl("forget", user.name).returncode == DONE, where
            assert list(VAULT.glob("keys/*")) == list(VAULT.glob("state/*")) == [], where
    assert outcomes == {True, False}, "interrupted before the end, and after it"
