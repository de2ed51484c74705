"""What the tests of handing a key over say to the daemon, one call after another on one connection."""

import base64
import os
from contextlib import contextmanager, suppress

from machine import Key
from wire import Client, Closed


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
