"""An enrolment that is given up, or for which there is no disk: nothing is half done, and afterwards all works."""

import json
import re
from contextlib import contextmanager

import pytest

from harness.enrolment import confirm, enrol, invite, invited_and_enrolled, labels, redeem, shown, works
from harness.machine import VAULT
from harness.strace import CHANGES, answering, attached, fail, parsed
from harness.sweeps import spent
from harness.wait import until
from harness.wire import INTERFACE, Client, Refused, refusal

# to open, unlock and close needs no room
FAULTY = set(CHANGES) - {"openat", "openat2", "flock", "close"}
LOG_OR_ANSWER = re.compile(r'2, |\d+, "\{')


def sent(client, method, **parameters):
    client.send(json.dumps({"method": f"{INTERFACE}.{method}", "parameters": parameters}).encode() + b"\0")


def unavailable(uid, method, **parameters):
    found = refusal(uid, method, **parameters)
    assert found.name == "Unavailable", found


def files_of(user):
    """The files that the gate goes by."""
    return [path.read_bytes() if path.exists() else None for path in (user.key_file,)]


# the client goes away


def half(client, user, method, **parameters):
    client.send(json.dumps({"method": f"{INTERFACE}.{method}", "parameters": parameters}).encode())


def unread(client, user, method, **parameters):
    sent(client, method, **parameters)


def read(client, user, method, **parameters):
    return client.call(method, **parameters)


def guessed_wrong(client, user, method, **parameters):
    key = shown(client.call(method, **parameters))
    with pytest.raises(Refused):
        client.call("ConfirmEnrolment", code=key.wrong())
    return {"enrolment": None, "key": key}


def half_confirmed(client, user, method, **parameters):
    key = shown(client.call(method, **parameters))
    half(client, user, "ConfirmEnrolment", code=key.confirming)
    return {"enrolment": None, "key": key}


def cancelled(client, user, method, **parameters):
    reply = client.call(method, **parameters)
    client.call("CancelEnrolment")
    return reply


@pytest.mark.parametrize("point", [half, unread, read, guessed_wrong, half_confirmed, cancelled], ids=lambda point: point.__name__)
@pytest.mark.parametrize("kind", ["first", "replacing", "rotation", "added"])
def test_a_client_that_goes_away_leaves_nothing(machine, point, kind):
    user, old, code = machine.new_user(), None, None
    if kind == "first":
        code = invite(user)
        method, parameters = "Redeem", {"registration": code}
    else:
        old = machine.enrol(user)
        if kind == "replacing":
            code = invite(user, replaces=True)
        method, parameters = {
            "replacing": ("Redeem", {"registration": code}),
            "rotation": ("Rotate", {"code": old.first}),
            "added": ("AddKey", {"code": old.first, "label": "tablet"}),
        }[kind]
    before = files_of(user)
    with Client(uid=user.uid) as client:
        reply = point(client, user, method, **parameters)
    machine.left_alone()
    assert files_of(user) == before
    if reply:
        key = reply.get("key") or shown(reply)
        assert not works(machine, user, key.first) and not works(machine, user, key.confirming)
    assert labels(machine, user) == (["phone"] if old else [])
    if old:
        assert works(machine, user, old.second)
    if code:
        key, _ = enrol(user, code)
        assert works(machine, user, key.first) and labels(machine, user) == ["phone"]


def test_a_confirmation_that_nobody_reads_the_answer_of_counts(machine, user):
    code = invite(user)
    with Client(uid=user.uid) as client:
        key = redeem(client, code)
        sent(client, "ConfirmEnrolment", code=key.confirming)
    until(lambda: machine.status(user)["enrolled"], "the key stored")
    assert works(machine, user, key.first) and spent(user, code)


# no room, and nothing that may be written


@pytest.fixture(scope="module", params=["full", "read-only"])
def trouble(request, machine):
    """A vault of its own; yields a context manager in which nothing new can be stored."""
    with machine.small_vault(4) as fill_up:

        @contextmanager
        def full():
            fill_up()
            try:
                yield
            finally:
                (VAULT / "filler").unlink()

        yield full if request.param == "full" else machine.read_only_vault


def test_without_room_nobody_is_invited(machine, trouble):
    user = machine.new_user()
    code = invite(user)
    with trouble():
        unavailable(0, "Invite", user=user.name, form="mail")
    key, _ = enrol(user, code)
    assert works(machine, user, key.first)


def test_without_room_a_code_is_not_used_up(machine, trouble):
    user = machine.new_user()
    code = invite(user)
    with trouble():
        for _ in range(6):
            unavailable(user.uid, "Redeem", registration=code)
        assert not user.key_file.exists()
    with Client(uid=user.uid) as client:
        reply = client.call("Redeem", registration=code)
        assert reply["earlier"] is None
        key = shown(reply)
        confirm(client, key)
    assert works(machine, user, key.first)


@pytest.mark.parametrize("replaces", [False, True], ids=["first", "replacing"])
def test_without_room_a_redeemed_key_is_not_stored(machine, trouble, replaces):
    user = machine.new_user()
    old = machine.enrol(user) if replaces else None
    code = invite(user, replaces=replaces)
    before = files_of(user)
    with Client(uid=user.uid) as client:
        key = redeem(client, code)
        with trouble():
            with pytest.raises(Refused) as refused:
                confirm(client, key)
            assert refused.value.name == "Unavailable"
            assert files_of(user) == before
        with pytest.raises(Refused) as refused:
            confirm(client, key)
        assert refused.value.name == "NothingPending"
    assert not works(machine, user, key.first)
    assert old is None or works(machine, user, old.first)
    assert labels(machine, user) == ["phone"] * replaces
    again, recovery = enrol(user, code)
    assert works(machine, user, again.first) and works(machine, user, recovery[0]) and spent(user, code)


@pytest.mark.parametrize("method, more", [("Rotate", {}), ("AddKey", {"label": "tablet"})], ids=["rotation", "added"])
def test_without_room_no_key_comes_beside_or_in_the_place_of_another(machine, trouble, method, more):
    user, old = machine.enrolled_user()
    with Client(uid=user.uid) as client:
        key = shown(client.call(method, code=old.first, **more))
        with trouble(), pytest.raises(Refused) as refused:
            confirm(client, key)
        assert refused.value.name == "Unavailable"
    assert not works(machine, user, key.first) and works(machine, user, old.second)
    assert labels(machine, user) == ["phone"]


def test_without_room_the_old_recovery_codes_stay(machine, trouble):
    user, _, key, recovery = invited_and_enrolled(machine)
    with trouble():
        unavailable(user.uid, "RenewRecoveryCodes", code=key.first)
    assert works(machine, user, recovery[0])
    with Client(uid=user.uid) as client:
        fresh = client.call("RenewRecoveryCodes", code=key.second)["recovery_codes"]
    assert works(machine, user, fresh[0]) and not works(machine, user, recovery[1])


def test_without_room_not_me_still_takes_effect_where_anything_can_be_written(machine, trouble):
    user, letter, key, recovery = invited_and_enrolled(machine)
    with trouble():
        unavailable(user.uid, "Repudiate", registration=letter)
        if trouble != machine.read_only_vault:
            assert not works(machine, user, key.first) and not works(machine, user, recovery[0])
    with Client(uid=user.uid) as client:
        assert client.call("Repudiate", registration=letter) == {"keys": 1}
    assert not works(machine, user, key.second) and not works(machine, user, recovery[1])


# each single call that fails


def faults_of_a_confirmation(machine, prepare):
    user, code, _ = prepare()
    with attached(machine.process.pid) as log, Client(uid=user.uid) as client:
        confirm(client, redeem(client, code))
    calls = parsed(log)
    _, own = answering(calls, "ConfirmEnrolment")
    return [call for call in own if call.name in FAULTY and not LOG_OR_ANSWER.match(call.arguments)]


@pytest.mark.parametrize(("replaces", "fault"), [(False, "EIO"), (True, "ENOSPC")], ids=["first", "replacing"])
def test_whatever_fails_at_a_confirmation_one_key_is_left_and_a_stored_one_comes_with_its_recovery_codes(machine, replaces, fault):
    def prepare():
        user = machine.new_user()
        old = machine.enrol(user) if replaces else None
        return user, invite(user, replaces=replaces), old

    outcomes = set()
    for step in faults_of_a_confirmation(machine, prepare):
        user, code, old = prepare()
        where = f"{fault} at {step}"
        recovery = None
        machine.left_alone()  # a thread that is about to end makes calls, too
        with attached(machine.process.pid, *fail(step.name, fault, step.number)), Client(uid=user.uid) as client:
            key = redeem(client, code)
            try:
                recovery = confirm(client, key)
            except Refused as refused:
                assert refused.name == "Unavailable", where
        stored = works(machine, user, key.first)
        assert stored or recovery is None, where
        if old:
            assert works(machine, user, old.first) != stored, f"{where}: both or none"
        assert labels(machine, user) == ["phone"] * (stored or replaces), where
        if stored:
            assert spent(user, code), where
            assert recovery is None or works(machine, user, recovery[0]), where
        else:
            again, _ = enrol(user, code)
            assert works(machine, user, again.first), where
        outcomes.add((stored, recovery is not None))
    assert {(False, False), (True, True)} <= outcomes
