"""What the tests of handing a key over say to the daemon, one call after another on one connection."""

import base64
import os
from contextlib import contextmanager, suppress

import pytest

from harness import daemon_log
from harness.journal import fields
from harness.machine import Key
from harness.wire import Client, Closed, Refused


def invite(user, form="mail", **wishes):
    with Client() as client:
        return " ".join(client.call("Invite", user=user.name, form=form, **wishes)["invitation"]["codes"])


def shown(reply):
    """The key in a reply."""
    return Key(reply["enrolment"])


def token():
    """What is in a hardware token, and was not made here."""
    secret = base64.b32encode(os.urandom(20)).decode()
    return shown({"enrolment": {"secret": secret, "algorithm": "SHA1", "digits": 6, "period": 30, "uri": ""}})


def redeem(client, code, **wishes):
    return shown(client.call("Redeem", registration=code, **wishes))


def confirm(client, key):
    """The recovery codes that come with it."""
    return client.call("ConfirmEnrolment", code=key.confirming)["recovery_codes"]


def enrol(user, code):
    """(key, recovery codes) of a user who redeems a code and confirms."""
    with Client(uid=user.uid) as client:
        key = redeem(client, code)
        return key, confirm(client, key)


def invited_and_enrolled(machine):
    user = machine.new_user()
    code = invite(user)
    return user, code, *enrol(user, code)


def works(machine, user, code):
    return machine.ask("otp", user, code)[0] == 0


def labels(machine, user):
    return [key["label"] for key in machine.status(user)["keys"]]


@contextmanager
def perhaps_dead():
    """The daemon may be gone before it has answered."""
    with suppress(Closed):
        yield


def refusal(uid, method, **parameters):
    with Client(uid=uid) as client, pytest.raises(Refused) as refused:
        client.call(method, **parameters)
    return refused.value


def other_code(code):
    """Another well-formed code of the same form."""
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

    def times(one, other):
        product = 0
        for bit in range(5):
            if other >> bit & 1:
                product ^= one << bit
        for bit in range(9, 4, -1):
            if product >> bit & 1:
                product ^= 0b100101 << (bit - 5)
        return product

    values = [alphabet.index(symbol) for symbol in code.removeprefix("E").replace("-", "")][:-1]
    values[0] ^= 1
    weight = total = 0
    weight = 1
    for value in [14, *values]:
        weight = times(weight, 2)
        total ^= times(value, weight)
    return "E-" + "".join(alphabet[value] for value in [*values, total])


def events(start):
    return [found["event"] for found in (fields(line) for line in daemon_log.since(start)) if "event" in found]
