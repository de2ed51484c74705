"""What is synced before what, and before anybody is told: seen by strace, because a kill loses nothing that the kernel has
already taken over, and only a power cut would tell a missing fdatasync or fsync."""

import re

from machine import VAULT
from strace import LOG, attached, calls_of, parsed
from test_hotp import enrol as enrol_token
from test_kill import login
from wire import Client

KEY_FILE = ["write new key file", "sync new key file", "rename key file", "sync keys/"]
CHANGE = ["slots", *KEY_FILE, "slots", "answer"]
EMPTY = ["sync new state"]  # the file as it was created: of no use, and of no harm
FIRST_STATE = [*EMPTY, "write new state", "sync new state", "rename state", "sync state/"]


def events(user, calls):
    """What the calls do to the files of this user, and when somebody is told; repetitions at one place are one event."""
    keys, state = f"<{VAULT}/keys", f"<{VAULT}/state"
    new, uid = f"/.{user.uid}.new", user.uid
    table = [
        ("pwrite64", rf"{state}/{uid}>.* (?P<slot>\d+)[) ]", "write slot {slot}"),
        ("fdatasync|fsync", rf"{state}/{uid}>", "sync state"),
        ("write|pwrite64", f"{state}{new}>", "write new state"),
        ("fsync", f"{state}{new}>", "sync new state"),
        ("rename.*", f'{state}>.*"{uid}"', "rename state"),
        ("fsync", f"{state}>", "sync state/"),
        ("write", f"{keys}{new}>", "write new key file"),
        ("fsync", f"{keys}{new}>", "sync new key file"),
        ("rename.*", f'{keys}>.*"{uid}.toml"', "rename key file"),
        ("fsync", f"{keys}>", "sync keys/"),
        ("write", r"1<.*authenticate 0", "answer"),
        ("sendto|sendmsg|write", r"<(?:socket:|UNIX).*parameters", "answer"),
        ("exit_group", "0", "answer"),
    ]
    found = []
    for call in calls:
        for name, arguments, event in table:
            match = re.fullmatch(name, call.name) and re.search(arguments, call.arguments)
            if match:
                event = event.format(**match.groupdict())
                if not (event.startswith(("write new", "sync new state")) and found and found[-1] == event):
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
    return slots_in_any_order(until_answer(events(user, calls_of(["-y", *login(machine, user, code)]))))


def of_the_daemon(machine, user, ask):
    with attached(machine.process.pid, "-y"):
        ask()
    return slots_in_any_order(until_answer(events(user, parsed(LOG))))


def until_answer(found):
    return found[: found.index("answer") + 1]


def test_a_login_writes_and_syncs_one_slot_before_it_answers(machine, enrolled):
    user, key = enrolled
    found = of_a_login(machine, user, key.first)
    assert len(found) == 3 and re.fullmatch(r"write slot (0|4096)", found[0]) and found[1:] == ["sync state", "answer"], found


def test_a_counter_is_in_both_slots_before_the_answer(machine, user):
    token = enrol_token(user)
    assert of_a_login(machine, user, token.code(2)) == ["slots", "answer"]


def test_a_first_key_is_made_in_the_order_of_the_commit(machine, user):
    def confirm():
        machine.confirm(client, key)

    with Client() as client:
        key = machine.begin(client, user)
        assert of_the_daemon(machine, user, confirm) == [*FIRST_STATE, *CHANGE]


def test_a_change_of_keys_keeps_the_order_of_the_commit(machine, enrolled):
    user, _ = enrolled

    def rename():
        with Client() as client:
            client.call("Rename", user=user.name, key="phone", label="tablet")

    assert of_the_daemon(machine, user, rename) == CHANGE


def test_a_suspension_is_in_both_slots_before_the_answer(machine, enrolled):
    user, _ = enrolled

    def suspend():
        with Client() as client:
            client.call("Suspend", user=user.name)

    assert of_the_daemon(machine, user, suspend) == ["slots", "answer"]


def test_offline_the_order_is_the_same(machine, enrolled):
    user, _ = enrolled
    calls = calls_of(["-y", "otpctl", "--offline", "rename", user.name, "phone", "tablet"])
    assert slots_in_any_order(until_answer(events(user, calls))) == CHANGE


def test_forgetting_syncs_the_loss_of_the_key_file_before_the_state_goes(machine, enrolled):
    user, _ = enrolled
    calls = calls_of(["-y", "otpctl", "--offline", "forget", user.name])
    lines = [f"{call.name} {call.arguments}" for call in calls]
    steps = [rf'unlinkat .*keys>, "{user.uid}.toml"', "fsync .*keys>", rf'unlinkat .*state>, "{user.uid}"', "fsync .*state>"]
    places = [next((at for at, line in enumerate(lines) if re.match(step, line)), None) for step in steps]
    assert None not in places and places == sorted(places), places
