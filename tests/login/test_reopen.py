"""A closed origin is opened again in each of the ways that there are, and no other origin with it."""

import pytest

from harness.enrolment import invited_and_enrolled
from harness.hosts import claims
from harness.machine import SUCCESS, as_user, otpctl, policy, total_failures
from harness.origins import ORIGINS, closed_origins, no_wait
from harness.otpctl import DONE, REFUSED
from harness.terminal import Terminal
from harness.wire import Client, Refused

GUESSES = 3

# what a PAM host is like whose codes come from there; for the socket, the owner's own process
OPTIONS = {"self": lambda user: ("-r", user.uid), "other": lambda user: ("-r", 4242), "remote": lambda user: ("-h", "192.0.2.7"), "console": lambda user: ()}


class ClosedOrigins:
    """A user with two closed origins: the one that is to be opened again, and another one."""

    def __init__(self, machine, origin):
        self.machine, self.origin = machine, origin
        self.other = "console" if origin == "remote" else "remote"
        self.user, _, self.key, self.recovery = invited_and_enrolled(machine)
        for one in (origin, self.other):
            self.close(one)
        assert self.now() == {origin, self.other} and total_failures(self.user) == 2 * GUESSES
        assert not self.opens(self.key.first), "the right code is refused there"

    def close(self, origin):
        uid, words = claims(origin, self.user)
        with Client(uid=uid) as client:
            for number in range(GUESSES):
                assert client.call("Verify", user=self.user.name, code=self.key.wrong(number), **words)["verdict"]["accepted"] is False

    def now(self):
        return closed_origins(self.machine, self.user)

    def opens(self, code):
        """Does a code that is typed at the origin open?"""
        if self.origin == "socket":
            with Client(uid=self.user.uid) as client:
                return client.call("Verify", code=code)["verdict"]["accepted"]
        return self.machine.ask("otp", self.user, code, *OPTIONS[self.origin](self.user))[0] == SUCCESS

    def reopen(self, code=None, uid=0):
        with Client(uid=uid) as client:
            client.call("Reopen", user=self.user.name, origin=self.origin, **({"code": code} if code else {}))


@pytest.fixture(scope="module")
def few_guesses(machine):
    with policy(no_wait(GUESSES)):
        yield


@pytest.fixture(params=ORIGINS)
def shut(request, machine, few_guesses):
    return ClosedOrigins(machine, request.param)


def test_root_opens_it_and_the_total_stays(shut):
    shut.reopen()
    assert shut.now() == {shut.other} and total_failures(shut.user) == 2 * GUESSES
    assert shut.opens(shut.key.first)


def test_root_opens_it_without_the_daemon_and_the_total_stays(machine, shut):
    assert otpctl("--offline", "reopen", shut.user.name, "--origin", shut.origin).returncode == DONE
    assert shut.now() == {shut.other} and total_failures(shut.user) == 2 * GUESSES
    assert shut.opens(shut.key.first)


def test_an_admin_opens_it_and_the_total_stays(machine, shut):
    admin = machine.new_user()
    machine.join(admin, "otp-admin")
    shut.reopen(uid=admin.uid)
    assert shut.now() == {shut.other} and total_failures(shut.user) == 2 * GUESSES
    assert shut.opens(shut.key.first)


def test_nobody_else_opens_it_nor_the_owner_without_a_code(machine, shut):
    stranger, helper, application = (machine.new_user() for _ in range(3))
    machine.join(helper, "otp-helpdesk")
    machine.join(application, "otp-verify")
    for somebody in (stranger, helper, application, shut.user):
        with pytest.raises(Refused, match="NotAllowed"):
            shut.reopen(uid=somebody.uid)
    assert shut.now() == {shut.origin, shut.other}


def test_the_owner_opens_it_with_a_code_over_the_socket_but_not_the_socket_itself(shut):
    if shut.origin == "socket":
        with pytest.raises(Refused) as refused:
            shut.reopen(shut.key.first, shut.user.uid)
        assert (refused.value.name, refused.value.parameters["reason"]) == ("NotPossible", "closed")
        assert shut.now() == {shut.origin, shut.other} and total_failures(shut.user) == 2 * GUESSES
    else:
        shut.reopen(shut.key.first, shut.user.uid)
        assert shut.now() == {shut.other} and total_failures(shut.user) == 0
        assert not shut.opens(shut.key.first), "that code is used up"
        assert shut.opens(shut.key.second)


def test_the_owner_opens_it_by_otpctl(shut):
    terminal = Terminal([*as_user(shut.user), "otpctl", "reopen", "--origin", shut.origin])
    terminal.awaits("Code: ")
    terminal.types(shut.key.first)
    if shut.origin == "socket":
        assert terminal.ends() == REFUSED and "ask an admin to reopen it" in terminal.transcript
        assert shut.now() == {shut.origin, shut.other}
    else:
        assert terminal.ends() == DONE
        assert shut.now() == {shut.other}
        assert shut.opens(shut.key.second)


def test_a_recovery_code_that_is_typed_there_opens_the_gate_and_the_origin(shut):
    assert shut.opens(shut.recovery[0])
    assert shut.now() == {shut.other}
    assert shut.opens(shut.key.first)
    assert not shut.opens(shut.recovery[0]), "it is used up"


def test_the_owner_opens_even_the_socket_with_a_recovery_code(shut):
    shut.reopen(shut.recovery[0], shut.user.uid)
    assert shut.now() == {shut.other}
    assert shut.opens(shut.key.first)
