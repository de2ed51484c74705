"""Tokens that count (HOTP): a device in the test's hands."""

from harness.machine import run
from harness.wire import Client


class CountingToken:
    """A token in a person's hand: a secret and a counter."""

    def __init__(self, enrolment):
        self.base32 = enrolment["secret"]
        self.digits = enrolment["digits"]
        self.uri = enrolment["uri"]

    def code(self, counter):
        return run("oathtool", "--hotp", "-b", "-d", self.digits, "-c", counter, self.base32).strip()


def enrol_token(user, confirm_at=1, **wishes):
    with Client() as client:
        token = CountingToken(client.call("BeginEnrolment", user=user.name, kind="hotp", **{"label": "token", **wishes})["enrolment"])
        client.call("ConfirmEnrolment", code=token.code(confirm_at))
    return token
