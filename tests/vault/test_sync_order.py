"""The order of syncs, among themselves and before anybody is told: seen by strace, because a kill loses nothing that the kernel has
already taken over, and only a power cut would tell a missing fdatasync or fsync."""

import re

import pytest

from harness.enrolment import invite, invited_and_enrolled, redeem
from harness.machine import VAULT
from harness.strace import STRACE_LOG, attached, calls_of, parsed
from harness.sweeps import login_command
from harness.tokens import enrol_token
from harness.wire import Client


def put_in_place(file, directory):
    """A file is written aside, synced, renamed, and its directory synced."""
    return [f"write new {file}", f"sync new {file}", f"rename {file}", f"sync {directory}/"]


NAME = put_in_place("name", "names")
KEY_FILE = put_in_place("key file", "keys")
NOTICES = put_in_place("notices", "notices")
# created, and only then written: the empty file is synced, too, which is of no use and of no harm
FIRST_STATE = ["sync new state", *put_in_place("state", "state")]
TICKETS = ["sync new tickets", *put_in_place("tickets", "tickets")]
CHANGE = ["slots", *KEY_FILE, "slots"]
FIRST_CHANGE = ["slots", *NAME, *KEY_FILE, "slots"]
SEED = 20  # bytes of a key for SHA1


def changes_on_disk(user, calls):
    """The effects of the calls on the files of this user, and when somebody is told; repetitions at one place are one event."""
    new, uid, state = f"/.{user.uid}.new", user.uid, f"<{VAULT}/state"
    table = [
        ("pwrite64", rf"{state}/{uid}>.* (?P<slot>\d+)[) ]", "write slot {slot}"),
        ("fdatasync|fsync", rf"{state}/{uid}>", "sync state"),
        ("getrandom", rf", {SEED}, ", "make a secret"),
        ("write", r"1<.*authenticate 0", "answer"),
        ("sendto|sendmsg|write", r"<(?:socket:|UNIX).*parameters", "answer"),
        ("exit_group", "0", "answer"),
    ]
    for file, directory, name in (
        ("state", "state", uid),
        ("key file", "keys", f"{uid}.toml"),
        ("tickets", "tickets", uid),
        ("notices", "notices", uid),
    ):
        path = f"<{VAULT}/{directory}"
        table += [
            ("write|pwrite64", f"{path}{new}>", f"write new {file}"),
            ("fsync", f"{path}{new}>", f"sync new {file}"),
            ("rename.*", f'{path}>.*"{name}"', f"rename {file}"),
            ("fsync", f"{path}>", f"sync {directory}/"),
        ]
    table += [
        ("write|pwrite64", f"<{VAULT}/names/[.][0-9a-f]+[.]new>", "write new name"),
        ("fsync", f"<{VAULT}/names/[.][0-9a-f]+[.]new>", "sync new name"),
        ("rename.*", f"<{VAULT}/names>.*", "rename name"),
        ("fsync", f"<{VAULT}/names>", "sync names/"),
    ]
    found = []
    for call in calls:
        for name, arguments, event in table:
            match = re.fullmatch(name, call.name) and re.search(arguments, call.arguments)
            if match:
                event = event.format(**match.groupdict())
                if not (event.startswith(("write new", "sync new")) and found and found[-1] == event):
                    found.append(event)
                break
    return found


def slots_in_any_order(found):
    """Which slot is the older one depends on what was before: both, each synced before the next, is `slots`."""
    words, at = [], 0
    while at < len(found):
        four = found[at : at + 4]
        if four[1::2] == ["sync state"] * 2 and sorted(four[0::2]) == ["write slot 0", "write slot 4096"]:
            words.append("slots")
            at += 4
        else:
            words.append(found[at])
            at += 1
    return words


def of_a_login(machine, user, code):
    return slots_in_any_order(until_answer(changes_on_disk(user, calls_of(["-y", *login_command(machine, user, code)]))))


def of_the_daemon(machine, user, ask):
    with attached(machine.process.pid, "-y"):
        ask()
    return slots_in_any_order(until_answer(changes_on_disk(user, parsed(STRACE_LOG))))


def until_answer(found):
    return found[: found.index("answer") + 1]


def test_a_login_writes_and_syncs_one_slot_before_it_answers(machine, enrolled):
    user, key = enrolled
    found = of_a_login(machine, user, key.first)
    assert len(found) == 3 and re.fullmatch(r"write slot (0|4096)", found[0]) and found[1:] == ["sync state", "answer"], found


def test_a_counter_is_in_both_slots_before_the_answer(machine, user):
    token = enrol_token(user)
    assert of_a_login(machine, user, token.code(2)) == ["slots", "answer"]


def test_a_recovery_code_is_in_both_slots_before_the_answer(machine):
    user, _, _, recovery = invited_and_enrolled(machine)
    assert of_a_login(machine, user, recovery[0]) == ["slots", "answer"]


def test_a_first_key_is_made_in_the_order_of_the_commit(machine, user):
    def confirm():
        machine.confirm(client, key)

    with Client() as client:
        key = machine.begin(client, user)
        assert of_the_daemon(machine, user, confirm) == [*NOTICES, *FIRST_STATE, *FIRST_CHANGE, "answer"]


def test_a_change_of_keys_keeps_the_order_of_the_commit(machine, enrolled):
    user, _ = enrolled

    def rename():
        with Client() as client:
            client.call("Rename", user=user.name, key="phone", label="tablet")

    assert of_the_daemon(machine, user, rename) == [*CHANGE, "answer"]


def test_a_suspension_is_in_both_slots_before_the_answer(machine, enrolled):
    user, _ = enrolled

    def suspend():
        with Client() as client:
            client.call("Suspend", user=user.name)

    assert of_the_daemon(machine, user, suspend) == ["slots", *NOTICES, "answer"]


def test_offline_the_order_is_the_same(machine, enrolled):
    user, _ = enrolled
    calls = calls_of(["-y", "otpctl", "--offline", "rename", user.name, "phone", "tablet"])
    assert slots_in_any_order(until_answer(changes_on_disk(user, calls))) == [*CHANGE, "answer"]


def test_forgetting_syncs_the_loss_of_the_key_file_before_the_state_goes(machine, enrolled):
    user, _ = enrolled
    calls = calls_of(["-y", "otpctl", "--offline", "forget", user.name])
    lines = [f"{call.name} {call.arguments}" for call in calls]
    steps = [rf'unlinkat .*keys>, "{user.uid}.toml"', "fsync .*keys>", rf'unlinkat .*state>, "{user.uid}"', "fsync .*state>"]
    places = [next((at for at, line in enumerate(lines) if re.match(step, line)), None) for step in steps]
    assert None not in places and places == sorted(places), places


# handing a key over


def test_a_registration_code_is_used_up_and_its_use_noticed_before_a_key_is_made_and_shown(machine, user):
    code, answers = invite(user), []

    def redeemed():
        with Client(uid=user.uid) as client:
            answers.append(client.call("Redeem", registration=code))

    assert of_the_daemon(machine, user, redeemed) == [*TICKETS, *NOTICES, "make a secret", "answer"]
    assert answers[0]["enrolment"]["secret"]


@pytest.mark.parametrize("first", [True, False], ids=["a first key", "instead of another"])
def test_a_confirmed_key_is_noticed_then_stored_with_its_recovery_codes_and_then_its_registration_code_ends(machine, user, first):
    if not first:
        machine.enrol(user)
    code, answers = invite(user, replaces=not first), []
    with Client(uid=user.uid) as client:
        key = redeem(client, code)
        found = of_the_daemon(machine, user, lambda: answers.append(client.call("ConfirmEnrolment", code=key.confirming)))
    assert found == [*NOTICES, *(FIRST_STATE if first else []), *(FIRST_CHANGE if first else CHANGE), *TICKETS, "answer"]
    assert len(answers[0]["recovery_codes"]) == user.key_file.read_text().count("[[recovery]]") == 8


def test_a_repudiation_is_in_both_slots_before_anything_else_and_noticed_before_the_answer(machine):
    user, code, _, _ = invited_and_enrolled(machine)

    def repudiate():
        with Client(uid=user.uid) as client:
            assert client.call("Repudiate", registration=code) == {"keys": 1}

    assert of_the_daemon(machine, user, repudiate) == ["slots", *TICKETS, *NOTICES, "answer"]
