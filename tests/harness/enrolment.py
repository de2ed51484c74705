"""Calls of an enrolment, one after another on one connection, and the codes and keys in their answers."""

import base64
import os
import re
from contextlib import contextmanager, suppress

from harness.machine import Key
from harness.wire import Client, Closed

REGISTRATION_CODE = re.compile(r"E(?:-[0-9A-HJKMNP-TV-Z]{1,5})+")
NEVER_ISSUED = "E-07ENW-3AHRM"


def invitation(user, uid=0, **wishes):
    """Codes for this user, their end, and whether they supersede others."""
    with Client(uid=uid) as client:
        return client.call("Invite", user=user.name, **wishes)["invitation"]


def invite(user, form="mail", uid=0, **wishes):
    """A registration code; of a split one, both parts."""
    return " ".join(invitation(user, uid, form=form, **wishes)["codes"])


def spoken_code(user, uid=0, **wishes):
    """A registration code of the form that the daemon gives where none is asked for: good for ten minutes, and slow to check."""
    (code,) = invitation(user, uid, **wishes)["codes"]
    return code


def invited_user(machine, **wishes):
    user = machine.new_user()
    return user, invite(user, **wishes)


def shown(reply):
    """The key in a reply."""
    return Key(reply["enrolment"])


def random_secret():
    return base64.b32encode(os.urandom(20)).decode()


def token_key():
    """The secret of a hardware token, which was not made here."""
    return shown({"enrolment": {"secret": random_secret(), "algorithm": "SHA1", "digits": 6, "period": 30, "uri": ""}})


def redeem(client, code, **wishes):
    """The pending key."""
    return redeemed(client, code, **wishes)[0]


def redeemed(client, code, **wishes):
    """(the pending key, what is said of an earlier use of the code)."""
    reply = client.call("Redeem", registration=code, **wishes)
    return shown(reply), reply.get("earlier")


def confirm(client, key):
    """The recovery codes that come with it."""
    return client.call("ConfirmEnrolment", code=key.confirming)["recovery_codes"]


def enrol(user, code, **wishes):
    """(key, recovery codes) of a user who redeems a code and confirms."""
    with Client(uid=user.uid) as client:
        key = redeem(client, code, **wishes)
        return key, confirm(client, key)


def invited_and_enrolled(machine):
    user, code = invited_user(machine)
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

