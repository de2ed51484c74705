"""The end of a key: who sets it, what it does at the gate on both of its sides, what is said before it, and what it leaves alone."""

import re
from zlib import crc32

import pytest

from harness.enrolment import confirm, invited_and_enrolled, labels, random_secret, shown
from harness.journal import decisions
from harness.machine import ACCT_EXPIRED, AUTH_ERR, CODE_PROMPT, DAY, SUCCESS, VAULT, as_user, otpctl, pam_code, pam_codes, shifted_now
from harness.notices import notices
from harness.otpctl import DONE, REFUSED, USAGE
from harness.strace import CHANGES, answering, attached, parsed
from harness.sweeps import killed_at, strays, up
from harness.terminal import Terminal
from harness.wire import Client, call, refusal, refusal_on

EXACT = "[success=ok ignore=ignore default=die]"


@pytest.fixture
def exact_in_both(machine):
    return machine.service("otp-both-stages", f"{EXACT} pam_otp.so", account=f"{EXACT} pam_otp.so")


def set_end(user, end, key="phone", **more):
    return call("SetExpiry", user=user.name, key=key, expires=end, **more)


def end_of(machine, user, label="phone"):
    return next(key.get("expires") for key in machine.status(user)["keys"] if key["label"] == label)


def fresh(key):
    return key.code(key.step_now())


def reason_of(as_uid=0, **parameters):
    found = refusal(as_uid, "SetExpiry", **parameters)
    return found.parameters["reason"] if found.name == "NotPossible" else found.name


# both sides of the end


@pytest.mark.parametrize("asker", [(), ("-r", 4242)], ids=["on-the-files", "by-the-daemon"])
def test_a_key_is_good_to_its_last_second_and_not_after_it(machine, exact_in_both, enrolled, journal, asker):
    user, key = enrolled
    now = int(shifted_now())
    set_end(user, now + 10 * DAY)
    with machine.synchronised(True), machine.clock(10 * DAY - 30):
        assert pam_codes(machine, exact_in_both, user, "text", fresh(key), *asker) == (SUCCESS, SUCCESS)
    with machine.synchronised(True), machine.clock(10 * DAY + 60):
        start = journal.position()
        assert pam_codes(machine, exact_in_both, user, "text", fresh(key), *asker) == (AUTH_ERR, ACCT_EXPIRED)
        assert [line["reason"] for line in decisions(journal.since(start))][-1] == "expired"
        assert machine.status(user)["expired"] is True
    assert pam_codes(machine, exact_in_both, user, "text", key.code(key.step_now() + 1), *asker)[1] == SUCCESS, "no mark was moved meanwhile"


def test_real_sudo_opens_before_the_end_and_tells_its_owner_after_it(machine, enrolled):
    user, key = enrolled
    machine.sudo_asks(user, "required pam_otp.so", account="required pam_otp.so")
    set_end(user, int(shifted_now()) + 20 * DAY)
    with machine.synchronised(True), machine.clock(19 * DAY):
        seen = machine.sudo(user, [(CODE_PROMPT, fresh(key))])
        assert seen.status == 0 and 'your one-time-code key "phone" ends in 1 day: replace it with otpctl rotate' in seen.text, seen
    with machine.synchronised(True), machine.clock(21 * DAY):
        terminal = Terminal([*as_user(user), "sudo", "--", "id", "-u"])
        terminal.awaits(CODE_PROMPT)
        terminal.types_hidden(fresh(key))
        terminal.awaits("your key has expired; ask an admin for a new one")
        terminal.interrupts()
        assert terminal.ends() != 0 and "\n0\n" not in terminal.transcript


def test_another_key_goes_on_and_the_code_of_the_ended_one_is_a_wrong_one(machine, exact_in_both, enrolled):
    user, key = enrolled
    other = machine.enrol(user, label="tablet")
    set_end(user, int(shifted_now()) + DAY)
    with machine.synchronised(True), machine.clock(2 * DAY):
        assert pam_codes(machine, exact_in_both, user, "text", fresh(key))[0] == AUTH_ERR
        assert pam_codes(machine, exact_in_both, user, "text", fresh(other)) == (SUCCESS, SUCCESS)
        status = machine.status(user)
        assert status["expired"] is False and sum(one["failures"] for one in status["origins"]) == 0, "the right one cleared the count"


def test_where_the_unenrolled_pass_nobody_passes_whose_keys_have_ended(machine, skip, enrolled):
    user, key = enrolled
    set_end(user, int(shifted_now()) + DAY)
    with machine.synchronised(True), machine.clock(2 * DAY):
        assert pam_code(machine, user, fresh(key), skip) == AUTH_ERR
        assert machine.status(user)["enrolled"] is True


def test_a_repudiated_key_beside_an_ended_one_is_none_that_is_left(machine, exact_in_both):
    user, code, _, _ = invited_and_enrolled(machine)
    machine.enrol(user, label="tablet")
    call("Repudiate", uid=user.uid, registration=code)
    set_end(user, int(shifted_now()) + DAY, key="tablet")
    with machine.synchronised(True), machine.clock(2 * DAY):
        for asker in ((), ("-r", 4242)):
            assert pam_codes(machine, exact_in_both, user, "text", "000000", *asker) == (AUTH_ERR, ACCT_EXPIRED), asker


def test_a_recovery_code_passes_the_auth_line_alone_when_every_key_has_ended(machine, exact_in_both):
    user, _, _, recovery = invited_and_enrolled(machine)
    set_end(user, int(shifted_now()) + DAY)
    with machine.synchronised(True), machine.clock(2 * DAY):
        assert pam_codes(machine, exact_in_both, user, "text", recovery[0]) == (SUCCESS, ACCT_EXPIRED)


def test_a_clock_that_is_set_back_revives_no_key(machine, exact_in_both, enrolled):
    user, key = enrolled
    mark = VAULT / "clock"
    before = mark.read_bytes()
    set_end(user, int(shifted_now()) + DAY)
    try:
        mark.write_bytes(b"%d\n" % (shifted_now() + 2 * DAY))
        assert pam_codes(machine, exact_in_both, user, "text", key.first) == (AUTH_ERR, ACCT_EXPIRED)
        assert machine.status(user)["expired"] is True
    finally:
        mark.write_bytes(before)
    assert pam_codes(machine, exact_in_both, user, "text", key.first) == (SUCCESS, SUCCESS)


# who sets it


def test_root_sets_moves_and_takes_an_end_away_and_the_owner_is_told(machine, enrolled):
    user, key = enrolled
    end = int(shifted_now()) + 40 * DAY
    assert set_end(user, end).get("changed") is None and end_of(machine, user) == end
    generation = machine.status(user)["generation"]
    assert set_end(user, end)["changed"] is False and machine.status(user)["generation"] == generation
    set_end(user, end + DAY)
    set_end(user, None)
    assert end_of(machine, user) is None
    assert [one["event"] for one in notices(user)][1:] == ["key-expiry-set"] * 3
    assert pam_code(machine, user, key.first) == SUCCESS


@pytest.mark.parametrize("seconds", [-1, -10 * DAY])
def test_an_end_lies_in_the_future(machine, enrolled, seconds):
    user, key = enrolled
    found = refusal(0, "SetExpiry", user=user.name, key="phone", expires=int(shifted_now()) + seconds)
    assert (found.name, found.parameters["field"], found.parameters["wanted"]) == ("InvalidValue", "expires", "a time in the future")
    assert refusal(user.uid, "AddKey", code=key.first, expires=1).name == "InvalidValue"
    assert refusal(user.uid, "Rotate", code=key.first, expires=1).name == "InvalidValue"
    assert refusal(0, "SetExpiry", user=user.name, key="phone", expires=253_402_300_800).name == "InvalidValue"
    assert pam_code(machine, user, key.first) == SUCCESS, "no code was used up by it"


def test_an_owner_ends_a_key_earlier_for_a_code_of_it_and_never_later(machine, enrolled):
    user, key = enrolled
    tablet = machine.enrol(user, label="tablet")
    end = int(shifted_now()) + 40 * DAY
    assert reason_of(user.uid, key="phone", expires=end) == "NotAllowed", "without a code"
    assert reason_of(user.uid, key="phone", expires=end, code=tablet.first) == "code-refused", "a code of another key"
    call("SetExpiry", uid=user.uid, key="phone", expires=end, code=key.first)
    assert end_of(machine, user) == end
    for later in (end + 1, None):
        assert reason_of(user.uid, key="phone", expires=later, code=key.second) == "later-end"
    call("SetExpiry", uid=user.uid, key="phone", expires=end - DAY, code=key.second)
    assert end_of(machine, user) == end - DAY


def test_an_admin_sets_the_end_of_others_keys_and_not_of_the_own_ones(machine, enrolled):
    user, _ = enrolled
    admin = machine.new_user()
    machine.join(admin, "otp-admin")
    try:
        machine.enrol(admin)
        end = int(shifted_now()) + 40 * DAY
        call("SetExpiry", uid=admin.uid, user=user.name, key="phone", expires=end)
        call("SetExpiry", uid=admin.uid, user=user.name, key="phone", expires=end + DAY)
        set_end(admin, end)
        assert reason_of(admin.uid, key="phone", expires=end + DAY) == "later-end"
        assert reason_of(admin.uid, key="phone", expires=None) == "later-end"
    finally:
        machine.leave(admin, "otp-admin")
    assert reason_of(machine.new_user().uid, user=user.name, key="phone", expires=end) == "NotAllowed"


# keys that are made with an end, or without


def test_a_key_is_made_with_an_end_and_what_replaces_it_has_none(machine, user):
    end = int(shifted_now()) + 40 * DAY
    key = machine.enrol(user, expires=end)
    assert end_of(machine, user) == end
    with Client(uid=user.uid) as client:
        confirm(client, shown(client.call("AddKey", code=key.first, label="tablet", expires=end + DAY)))
        assert end_of(machine, user, "tablet") == end + DAY
        new = shown(client.call("Rotate", code=key.second))
        confirm(client, new)
    assert end_of(machine, user) is None
    with Client(uid=user.uid) as client:
        confirm(client, shown(client.call("Rotate", code=new.first, expires=end)))
    assert end_of(machine, user) == end


def test_a_key_that_ends_while_it_is_being_replaced_replaces_nothing(machine, enrolled):
    user, key = enrolled
    set_end(user, int(shifted_now()) + DAY)
    with Client(uid=user.uid) as client:
        new = shown(client.call("Rotate", code=key.first))
        with machine.synchronised(True), machine.clock(2 * DAY):
            found = refusal_on(client, "ConfirmEnrolment", code=new.code(new.step_now()))
    assert found.parameters["reason"] == "grounds-gone" and labels(machine, user) == ["phone"]


def test_an_imported_key_has_the_earlier_of_two_ends(machine, user):
    end = int(shifted_now()) + 40 * DAY
    call("ImportKey", user=user.name, secret=random_secret(), expires=end)
    assert end_of(machine, user) == end
    address = f"otpauth://totp/app?secret={random_secret()}"
    done = otpctl("import", "otpauth", "--user", user.name, "--expires", "2099-12-31T12:00Z", "-", stdin=f"{address}\n")
    assert done.returncode == DONE, done
    assert end_of(machine, user, "imported") == 4_102_401_600


# what an end leaves alone


def without_seals(text):
    return re.sub(r'^(crc32|sealed|generation) = .*\n', "", text, flags=re.M)


def test_the_end_is_one_line_of_the_file_and_without_one_there_is_none(machine, enrolled):
    user, _ = enrolled
    before = user.key_file.read_text()
    assert "expires" not in before
    end = int(shifted_now()) + 40 * DAY
    set_end(user, end)
    with_end = user.key_file.read_text()
    assert without_seals(with_end) == without_seals(before) + f"expires = {end}\n"
    assert re.search("sealed = .*", with_end)[0] != re.search("sealed = .*", before)[0], "the seal binds the end"
    set_end(user, None)
    assert without_seals(user.key_file.read_text()) == without_seals(before)


def test_an_end_that_is_changed_by_hand_refuses_every_code(machine, enrolled):
    user, key = enrolled
    set_end(user, int(shifted_now()) + DAY)
    _, text = user.key_file.read_text().split("\n", 1)
    longer = re.sub("expires = .*", f"expires = {int(shifted_now()) + 400 * DAY}", text)
    user.key_file.write_text(f'crc32 = "{crc32(longer.encode()):08x}"\n{longer}')
    assert pam_code(machine, user, key.first) not in (SUCCESS, AUTH_ERR)


def test_renaming_suspending_and_adopting_leave_the_end(machine, enrolled):
    user, key = enrolled
    end = int(shifted_now()) + 40 * DAY
    set_end(user, end)
    call("Rename", user=user.name, key="phone", label="app")
    call("Suspend", user=user.name)
    assert set_end(user, end - DAY, key="app").get("changed") is None, "also while suspended"
    call("Resume", user=user.name)
    assert end_of(machine, user, "app") == end - DAY
    machine.remove_user(user)
    new = machine.new_user()
    call("Adopt", user=new.name, **{"from": f"uid:{user.uid}"})
    assert end_of(machine, new, "app") == end - DAY
    assert pam_code(machine, new, key.second) == SUCCESS


@pytest.mark.parametrize("days", [31, 29, 15, 13, 8])
def test_on_most_days_before_the_last_week_nothing_is_said(machine, enrolled, days):
    user, key = enrolled
    machine.sudo_asks(user, "required pam_otp.so", account="required pam_otp.so")
    set_end(user, int(shifted_now()) + days * DAY - 60)
    seen = machine.sudo(user, [(CODE_PROMPT, key.first)])
    assert seen.status == 0 and "ends in" not in seen.text, seen


@pytest.mark.parametrize("days", [30, 14, 7, 2])
def test_a_reminder_comes_before_the_end(machine, enrolled, days):
    user, key = enrolled
    machine.sudo_asks(user, "required pam_otp.so", account="required pam_otp.so")
    set_end(user, int(shifted_now()) + days * DAY - 60)
    seen = machine.sudo(user, [(CODE_PROMPT, key.first)])
    assert seen.status == 0 and f'your one-time-code key "phone" ends in {days} days: replace it with otpctl rotate' in seen.text, seen


def test_of_a_token_that_counts_an_admin_is_named(machine, user):
    call("ImportKey", user=user.name, secret="GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", kind="hotp", counter=1, label="fob", expires=int(shifted_now()) + DAY)
    machine.sudo_asks(user, "required pam_otp.so", account="required pam_otp.so")
    seen = machine.sudo(user, [(CODE_PROMPT, "287082")])
    assert 'your one-time-code key "fob" ends in 1 day: ask an admin for a new one' in seen.text, seen


# otpctl


def test_otpctl_takes_a_day_to_its_end_a_time_and_never(machine, enrolled):
    user, _ = enrolled
    done = otpctl("expire", user.name, "phone", "2099-12-31")
    assert done.returncode == DONE and 'key "phone" ends 2099-12-31 23:59 UTC' in done.stdout, done
    assert f"every key of {user.name} has an end" in done.stdout
    assert end_of(machine, user) == 4_102_444_799
    assert ", ends 2099-12-31 23:59 UTC" in otpctl("status", user.name).stdout
    assert otpctl("expire", user.name, "phone", "2099-12-31T12:00Z").returncode == DONE and end_of(machine, user) == 4_102_401_600
    again = otpctl("expire", user.name, "phone", "2099-12-31 12:00")
    assert again.returncode == DONE and "nothing was changed" in again.stdout, again
    done = otpctl("expire", user.name, "phone", "never")
    assert done.returncode == DONE and 'key "phone" has no end' in done.stdout and end_of(machine, user) is None


def test_list_and_explain_name_the_end(machine, enrolled):
    user, _ = enrolled
    machine.service("explained", "required pam_otp.so", account="required pam_otp.so")
    set_end(user, 4_102_444_799)
    (line,) = [line for line in otpctl("list").stdout.splitlines() if line.startswith(f"{user.name} ")]
    assert "enrolled until 2099-12-31 23:59 UTC" in line
    assert 'the key "phone" is good until 2099-12-31T23:59:59Z' in otpctl("explain", user.name, "explained").stdout


def test_otpctl_refuses_what_is_no_time_to_come(machine, enrolled):
    user, _ = enrolled
    wrong = otpctl("expire", user.name, "phone", "31.1.2027")
    assert wrong.returncode == USAGE and "2027-01-31" in wrong.stderr, wrong
    for offline in ([], ["--offline"]):
        over = otpctl(*offline, "expire", user.name, "phone", "2001-01-31")
        assert over.returncode == REFUSED and end_of(machine, user) is None, over


def test_offline_root_does_the_same_and_wants_the_key_named_right(machine, enrolled):
    user, key = enrolled
    with machine.daemon_stopped():
        done = otpctl("--offline", "expire", user.name, "phone", "2099-12-31")
        assert done.returncode == DONE, done
        assert otpctl("--offline", "expire", user.name, "phon", "never").returncode == REFUSED
    assert end_of(machine, user) == 4_102_444_799
    assert pam_code(machine, user, key.first) == SUCCESS
    assert [one["event"] for one in notices(user)][1:] == ["key-expiry-set"]


def test_an_owner_types_a_code(machine, enrolled):
    user, key = enrolled
    terminal = Terminal([*as_user(user), "otpctl", "expire", user.name, "phone", "2099-12-31"])
    terminal.awaits("Code: ")
    terminal.types(key.first)
    assert terminal.ends() == 0 and end_of(machine, user) == 4_102_444_799, terminal.transcript


# killed on the way


def test_killed_at_each_step_the_key_has_the_old_end_or_the_new_one_and_works(machine):
    def prepare():
        user, key = machine.enrolled_user()
        set_end(user, 4_000_000_000)
        return user, key

    user, _ = prepare()
    with attached(machine.process.pid) as log, Client() as client:
        client.call("SetExpiry", user=user.name, key="phone", expires=4_100_000_000)
    steps = [step for step in answering(parsed(log), "Otp1.SetExpiry")[1] if step.name in CHANGES]
    otpctl("forget", user.name)  # as many users at each step as at the first
    outcomes = set()
    for at, step in enumerate(steps):
        user, key = prepare()
        where = f"killed at step {at} of {len(steps)}, {step}"
        machine.left_alone()
        with killed_at(machine, step, where) as client:
            client.call("SetExpiry", user=user.name, key="phone", expires=4_100_000_000)
        if at % 2:
            machine.start()
        assert pam_code(machine, user, key.first) == SUCCESS, where
        up(machine)
        outcomes.add(end_of(machine, user))
    assert outcomes == {4_000_000_000, 4_100_000_000}
    assert strays() == []
