"""A state file that is torn, replaced or restored never makes a used code fresh again."""

import os

import pytest

from harness import places
from harness.journal import decisions
from harness.machine import AUTH_ERR, AUTHINFO_UNAVAIL, SUCCESS
from harness.places import SLOT, ZEROED, changed, copy, moved_away, overwrite, with_slots

SIZE = 2 * SLOT


def asserts_a_raised_watermark(machine, service, user, key):
    """Codes up to the end of the window are taken as used; the first one after it opens."""
    for code in (key.confirming, key.first, key.second):
        assert machine.ask(service, user, code)[0] == AUTH_ERR
    with machine.clock(+4 * key.period):
        assert machine.ask(service, user, key.code(key.step_now()))[0] == SUCCESS


def test_a_fresh_state_file_has_its_exact_size_and_no_holes(machine, enrolled):
    user, _ = enrolled
    state = user.state_file.stat()
    assert state.st_size == SIZE
    assert state.st_blocks * 512 >= SIZE
    assert state.st_mode & 0o077 == 0


def test_a_login_keeps_the_same_file(machine, enrolled):
    user, key = enrolled
    before = user.state_file.stat()
    assert machine.ask("otp", user, key.first)[0] == SUCCESS
    after = user.state_file.stat()
    assert (before.st_ino, before.st_size, before.st_uid, before.st_mode) == (after.st_ino, after.st_size, after.st_uid, after.st_mode)


@pytest.mark.parametrize("slot", [0, 1])
def test_with_one_bad_slot_the_other_is_used_and_the_watermark_raised(machine, skip, enrolled, slot):
    user, key = enrolled
    overwrite(user.state_file, with_slots(user.state_file.read_bytes(), slot))
    asserts_a_raised_watermark(machine, skip, user, key)
    assert ZEROED not in (user.state_file.read_bytes()[:SLOT], user.state_file.read_bytes()[SLOT:]), "both slots are written again"


@pytest.mark.parametrize("slot", [0, 1])
def test_a_slot_torn_after_a_login_does_not_bring_its_code_back(machine, skip, enrolled, slot):
    user, key = enrolled
    assert machine.ask(skip, user, key.first)[0] == SUCCESS
    overwrite(user.state_file, with_slots(user.state_file.read_bytes(), slot))
    assert machine.ask(skip, user, key.first)[0] == AUTH_ERR
    asserts_a_raised_watermark(machine, skip, user, key)


def test_two_bad_slots_refuse(machine, skip, enrolled, journal):
    user, key = enrolled
    overwrite(user.state_file, bytes(SIZE))
    start = journal.position()
    assert machine.ask(skip, user, key.first)[0] == AUTHINFO_UNAVAIL
    (decision,) = decisions(journal.since(start))
    assert decision["outcome"] == "failed"
    with machine.clock(+120):
        assert machine.ask(skip, user, key.code(key.step_now()))[0] == AUTHINFO_UNAVAIL


@pytest.mark.parametrize("slot", [0, 1])
def test_any_flipped_byte_in_use_of_a_slot_makes_it_a_bad_one(machine, skip, slot):
    user, key = machine.enrolled_user(period=120)
    whole = user.state_file.read_bytes()
    used = len(whole[slot * SLOT : (slot + 1) * SLOT].rstrip(b"\0"))
    assert used > 0
    for at in {0, 1, 8, used // 3, used // 2, used - 1}:
        user, key = machine.enrolled_user()
        whole = bytearray(user.state_file.read_bytes())
        whole[slot * SLOT + at] ^= 1
        overwrite(user.state_file, whole)
        assert machine.ask(skip, user, key.first)[0] == AUTH_ERR, f"byte {at}"


@pytest.mark.parametrize("size", [0, 1, SLOT - 1, SLOT, SIZE - 1, SIZE + 1, 100 << 20])
def test_a_wrong_size_is_refused(machine, skip, enrolled, size):
    user, key = enrolled
    whole = user.state_file.read_bytes()
    os.truncate(user.state_file, size)
    assert machine.ask(skip, user, key.first)[0] == AUTHINFO_UNAVAIL
    overwrite(user.state_file, whole)
    assert machine.ask(skip, user, key.first)[0] == SUCCESS


def test_another_inode_is_a_restored_copy_and_raises_the_watermark(machine, skip, enrolled):
    user, key = enrolled
    away = user.state_file.with_name("away")
    user.state_file.rename(away)
    copy(user.state_file, away)
    away.unlink()
    asserts_a_raised_watermark(machine, skip, user, key)


def test_a_restored_copy_does_not_bring_a_used_code_back(machine, skip, enrolled):
    user, key = enrolled
    away = user.state_file.with_name("away")
    copy(away, user.state_file)
    assert machine.ask(skip, user, key.first)[0] == SUCCESS
    away.rename(user.state_file)
    assert machine.ask(skip, user, key.first)[0] == AUTH_ERR


def test_a_copy_written_back_in_place_an_hour_later_does_not_bring_a_used_code_back(machine, skip, user):
    with machine.clock(-3600):  # what is recorded then is an hour before the file's change time
        key = machine.enrol(user)
    copied = user.state_file.read_bytes()
    overwrite(user.state_file, copied)
    key.step = key.step_now()
    for code in (key.confirming, key.first, key.second):
        assert machine.ask(skip, user, code)[0] == AUTH_ERR
    with machine.clock(+120):
        assert machine.ask(skip, user, key.code(key.step_now()))[0] == SUCCESS


@pytest.mark.parametrize("instead", places.INTRUDERS, ids=lambda what: what.__name__)
def test_something_else_in_its_place_is_refused(machine, skip, enrolled, journal, instead):
    user, key = enrolled
    with moved_away(user.state_file) as away:
        instead(user.state_file, away)
        start = journal.position()
        assert machine.ask(skip, user, key.first)[0] == AUTHINFO_UNAVAIL
        (decision,) = decisions(journal.since(start))
        assert decision["outcome"] == "failed"
    assert machine.ask(skip, user, key.first)[0] == SUCCESS


@pytest.mark.parametrize("wrong", [{"owner": "root"}, {"owner": "nobody"}, {"mode": 0o640}, {"mode": 0o602}, {"mode": 0o666}], ids=str)
def test_a_foreign_owner_or_bits_for_others_are_refused(machine, skip, enrolled, wrong):
    user, key = enrolled
    with changed(user.state_file, **wrong):
        assert machine.ask(skip, user, key.first)[0] == AUTHINFO_UNAVAIL
    assert machine.ask(skip, user, key.first)[0] == SUCCESS


def test_another_users_state_is_refused(machine, skip, enrolled):
    user, key = enrolled
    other, _ = machine.enrolled_user()
    overwrite(user.state_file, other.state_file.read_bytes())
    assert machine.ask(skip, user, key.first)[0] in (AUTH_ERR, AUTHINFO_UNAVAIL)


def test_a_state_without_a_key_file_is_refused_and_not_skipped(machine, skip, enrolled):
    user, key = enrolled
    user.key_file.unlink()
    assert machine.ask(skip, user, key.first)[0] == AUTHINFO_UNAVAIL


def test_a_key_file_without_a_state_is_refused_and_not_skipped(machine, skip, enrolled):
    user, key = enrolled
    user.state_file.unlink()
    assert machine.ask(skip, user, key.first)[0] == AUTHINFO_UNAVAIL


def test_a_clock_set_back_behind_the_last_login_is_refused_and_named(machine, skip, enrolled, journal):
    user, key = enrolled
    with machine.clock(+3600):
        assert machine.ask(skip, user, key.code(key.step_now()))[0] == SUCCESS
    start = journal.position()
    assert machine.ask(skip, user, key.first)[0] == AUTH_ERR
    assert [line["reason"] for line in decisions(journal.since(start))] == ["clock-behind"]
    with machine.clock(+3600 + 60):
        assert machine.ask(skip, user, key.code(key.step_now()))[0] == SUCCESS


def test_a_full_disk_does_not_keep_anybody_out(machine, skip):
    """Slots are overwritten in place: a login needs no new block."""
    with machine.small_vault(megabytes=2) as fill:
        user, key = machine.enrolled_user()
        fill()
        assert machine.ask(skip, user, key.first)[0] == SUCCESS
        assert machine.ask(skip, user, key.first)[0] == AUTH_ERR


def test_a_read_only_vault_refuses_every_code_alike(machine, skip):
    with machine.small_vault(megabytes=2):
        user, key = machine.enrolled_user()
        with machine.read_only_vault():
            assert machine.ask(skip, user, key.first)[0] == AUTHINFO_UNAVAIL
            assert machine.ask(skip, user, key.wrong())[0] == AUTHINFO_UNAVAIL
        assert machine.ask(skip, user, key.first)[0] == SUCCESS


def test_no_file_changes_owner_mode_or_inode_in_a_hundred_logins(machine, skip):
    """Nothing accumulates in the vault either."""
    user, key = machine.enrolled_user()
    before = sorted(os.listdir(user.state_file.parent)), user.state_file.stat().st_ino
    for offset in range(100):
        with machine.clock(offset * 60):
            assert machine.ask(skip, user, key.code(key.step_now() + 1))[0] == SUCCESS
    assert (sorted(os.listdir(user.state_file.parent)), user.state_file.stat().st_ino) == before
