"""A secret file that is not exactly what the daemon wrote opens nothing, skips nobody, and says so after a second's work at most."""

import resource
import shutil
import time

import pytest

from harness import places
from harness.journal import decisions
from harness.machine import AUTH_ERR, AUTHINFO_UNAVAIL, HOST_KEY, SUCCESS, VAULT
from harness.places import changed, moved_away, overwrite

MOST_WORK = 1.0  # seconds of the processor
LONGEST_ANSWER = 9.0  # seconds, on a machine that has other work; a lock is waited for ten


@pytest.fixture
def patient(machine, user):
    """A user whose codes stay good for two minutes: (user, key)."""
    return user, machine.enrol(user, period=120)


def refused_in_time(machine, service, user, key, what=""):
    """Asserts a refusal in time and returns its PAM code."""
    begun, worked = time.monotonic(), work()
    result, _ = machine.ask(service, user, key.first)
    took, worked = time.monotonic() - begun, work() - worked
    assert result in (AUTH_ERR, AUTHINFO_UNAVAIL), f"PAM code {result}: {what}"
    assert worked < MOST_WORK and took < LONGEST_ANSWER, f"answered after {took:.1f} s, {worked:.1f} of them at work: {what}"
    return result


def work():
    """The processor time of all programs that have ended here."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_every_byte_flipped_is_refused(machine, skip, patient):
    user, key = patient
    whole = user.key_file.read_bytes()
    for at, byte in enumerate(whole):
        overwrite(user.key_file, whole[:at] + bytes([byte ^ 1]) + whole[at + 1 :])
        refused_in_time(machine, skip, user, key, f"byte {at}, after {whole[max(0, at - 30) : at]!r}")
    overwrite(user.key_file, whole)
    assert machine.ask(skip, user, key.code(key.step_now()))[0] == SUCCESS, "the file as it was must open"


def test_a_file_cut_off_at_any_length_is_refused(machine, skip, patient):
    user, key = patient
    whole = user.key_file.read_bytes()
    for length in range(len(whole)):
        overwrite(user.key_file, whole[:length])
        refused_in_time(machine, skip, user, key, f"cut off at {length} of {len(whole)}")
    overwrite(user.key_file, whole)
    assert machine.ask(skip, user, key.code(key.step_now()))[0] == SUCCESS, "the file as it was must open"


@pytest.mark.parametrize("instead", [*places.INTRUDERS, places.hundred_megabytes_of_comment], ids=lambda what: what.__name__)
def test_something_else_in_its_place_is_refused_as_untrusted(machine, skip, enrolled, journal, instead):
    user, key = enrolled
    with moved_away(user.key_file) as away:
        instead(user.key_file, away)
        start = journal.position()
        assert refused_in_time(machine, skip, user, key) == AUTHINFO_UNAVAIL
        (decision,) = decisions(journal.since(start))
        assert decision["outcome"] == "failed"
        assert any(f"{user.uid}.toml" in line for line in journal.since(start)), "the log must name the file"
    assert machine.ask(skip, user, key.first)[0] == SUCCESS


@pytest.mark.parametrize("owner", ["root", "USER", "nobody"])
def test_a_foreign_owner_is_refused(machine, skip, enrolled, owner):
    user, key = enrolled
    shutil.chown(user.key_file, user.uid if owner == "USER" else owner)
    assert refused_in_time(machine, skip, user, key) == AUTHINFO_UNAVAIL
    shutil.chown(user.key_file, "otp-enrolld")
    assert machine.ask(skip, user, key.first)[0] == SUCCESS


@pytest.mark.parametrize("mode", [0o620, 0o640, 0o610, 0o602, 0o604, 0o660, 0o666, 0o777])
def test_bits_for_group_or_others_are_refused(machine, skip, enrolled, mode):
    user, key = enrolled
    right = user.key_file.stat().st_mode & 0o7777
    user.key_file.chmod(mode)
    assert refused_in_time(machine, skip, user, key) == AUTHINFO_UNAVAIL
    user.key_file.chmod(right)
    assert machine.ask(skip, user, key.first)[0] == SUCCESS


def test_another_users_file_is_refused(machine, skip, enrolled):
    user, key = enrolled
    other, others = machine.enrolled_user()
    whole = user.key_file.read_bytes()
    overwrite(user.key_file, other.key_file.read_bytes())
    refused_in_time(machine, skip, user, key)
    assert machine.ask(skip, user, others.first)[0] in (AUTH_ERR, AUTHINFO_UNAVAIL)
    overwrite(user.key_file, whole)
    assert machine.ask(skip, user, key.first)[0] == SUCCESS


def test_a_uid_used_again_by_another_account_is_refused(machine, skip, enrolled):
    user, key = enrolled
    machine.remove_user(user)
    heir = machine.new_user(name=f"heir{user.uid}", uid=user.uid)
    refused_in_time(machine, skip, heir, key)


def test_a_name_used_again_with_another_uid_has_no_key(machine, enrolled):
    user, key = enrolled
    machine.remove_user(user)
    heir = machine.new_user(name=user.name)
    assert machine.ask("otp", heir, key.first)[0] == AUTH_ERR


# the directories above it, the vault's mark and the host key


@pytest.mark.parametrize("name", ["", "keys", "state"])
@pytest.mark.parametrize("wrong", [{"mode": 0o777}, {"mode": 0o770}, {"owner": "nobody"}], ids=str)
def test_a_directory_that_others_may_write_refuses_everybody(machine, skip, enrolled, name, wrong):
    user, key = enrolled
    stranger = machine.new_user()
    with changed(VAULT / name, **wrong):
        assert refused_in_time(machine, skip, user, key) == AUTHINFO_UNAVAIL
        assert refused_in_time(machine, skip, stranger, key) == AUTHINFO_UNAVAIL
    assert machine.ask(skip, user, key.first)[0] == SUCCESS


@pytest.mark.parametrize("path", [VAULT / "vault.toml", VAULT / "keys", VAULT / "state"], ids=lambda path: path.name)
def test_a_vault_with_a_part_missing_refuses_and_skips_nobody(machine, skip, enrolled, path):
    user, key = enrolled
    stranger = machine.new_user()
    away = path.with_name("away")
    path.rename(away)
    try:
        assert refused_in_time(machine, skip, user, key) == AUTHINFO_UNAVAIL
        assert refused_in_time(machine, skip, stranger, key) == AUTHINFO_UNAVAIL
    finally:
        away.rename(path)
    assert machine.ask(skip, user, key.first)[0] == SUCCESS


def test_no_vault_at_all_refuses_and_skips_nobody(machine, skip, enrolled):
    user, key = enrolled
    away = VAULT.with_name("otp-away")
    VAULT.rename(away)
    try:
        assert refused_in_time(machine, skip, user, key) == AUTHINFO_UNAVAIL
        VAULT.mkdir(0o700)  # as when its file system is not mounted
        shutil.chown(VAULT, "otp-enrolld", "otp-enrolld")
        assert refused_in_time(machine, skip, user, key) == AUTHINFO_UNAVAIL
    finally:
        if VAULT.exists():
            VAULT.rmdir()
        away.rename(VAULT)
    assert machine.ask(skip, user, key.first)[0] == SUCCESS


@pytest.mark.parametrize(
    "content",
    [None, "", "otp-host-key-1:" + "00" * 32 + "\n", "otp-host-key-1:" + "00" * 31 + "\n", "otp-host-key-2:" + "00" * 32 + "\n", "x" * 5000],
    ids=["missing", "empty", "another", "short", "another-version", "long"],
)
def test_without_the_right_host_key_nobody_with_a_key_gets_in(machine, skip, enrolled, content):
    user, key = enrolled
    right = HOST_KEY.read_bytes()
    if content is None:
        HOST_KEY.unlink()
    else:
        HOST_KEY.write_text(content)
    try:
        assert refused_in_time(machine, skip, user, key) == AUTHINFO_UNAVAIL
    finally:
        HOST_KEY.write_bytes(right)
        HOST_KEY.chmod(0o400)
    assert machine.ask(skip, user, key.first)[0] == SUCCESS


@pytest.mark.parametrize("wrong", [{"mode": 0o440}, {"mode": 0o404}, {"owner": "nobody"}], ids=str)
def test_a_host_key_that_others_may_read_is_refused(machine, skip, enrolled, wrong):
    user, key = enrolled
    with changed(HOST_KEY, **wrong):
        assert refused_in_time(machine, skip, user, key) == AUTHINFO_UNAVAIL
    assert machine.ask(skip, user, key.first)[0] == SUCCESS
