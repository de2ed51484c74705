"""A closed origin is opened again in each of the ways that there are, and no other origin with it."""

import pytest
from harness.enrolment import invited_and_enrolled
from harness.hosts import claims
from harness.machine import SUCCESS, as_user, otpctl, policy, total_failures
from harness.terminal import Terminal
from harness.wire import Client, Refused

DONE, REFUSED = 0, 1
ORIGINS = ["self", "other", "remote", "console", "socket"]
GUESSES = 3
CLOSES_SOON = "[guesses]\n" + "".join(f"{origin} = {GUESSES}\n" for origin in ORIGINS) + 'wait = "none"\n'

# what a PAM host is like whose codes come from there; for the socket, the owner's own process
HOSTS = {"self": lambda user: ("-r", user.uid), "other": lambda user: ("-r", 4242), "remote": lambda user: ("-h", "192.0.2.7"), "console": lambda user: ()}


class Closed:
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
        return {one["origin"] for one in self.machine.status(self.user)["origins"] if one["closed"]}

    def opens(self, code):
        """Does a code that is typed at the origin open?"""
        if self.origin == "socket":
            with Client(uid=self.user.uid) as client:
                return client.call("Verify", code=code)["verdict"]["accepted"]
        return self.machine.ask("otp", self.user, code, *HOSTS[self.origin](self.user))[0] == SUCCESS

    def reopen(self, code=None, uid=0):
        with Client(uid=uid) as client:
            client.call("Reopen", user=self.user.name, origin=self.origin, **({"code": code} if code else {}))


@pytest.fixture(scope="module")
def few_guesses(machine):
    with policy(CLOSES_SOON):
        yield


@pytest.fixture(params=ORIGINS)
def closed(request, machine, few_guesses):
    return Closed(machine, request.param)


def test_root_opens_it_and_the_total_stays(closed):
    closed.reopen()
    assert closed.now() == {closed.other} and total_failures(closed.user) == 2 * GUESSES
    assert closed.opens(closed.key.first)


def test_root_opens_it_without_the_daemon_and_the_total_stays(machine, closed):
    assert otpctl("--offline", "reopen", closed.user.name, "--origin", closed.origin).returncode == DONE
    assert closed.now() == {closed.other} and total_failures(closed.user) == 2 * GUESSES
    assert closed.opens(closed.key.first)


def test_an_admin_opens_it_and_the_total_stays(machine, closed):
    admin = machine.new_user()
    machine.join(admin, "otp-admin")
    closed.reopen(uid=admin.uid)
    assert closed.now() == {closed.other} and total_failures(closed.user) == 2 * GUESSES
    assert closed.opens(closed.key.first)


def test_nobody_else_opens_it_nor_the_owner_without_a_code(machine, closed):
    stranger, helper, application = (machine.new_user() for _ in range(3))
    machine.join(helper, "otp-helpdesk")
    machine.join(application, "otp-verify")
    for somebody in (stranger, helper, application, closed.user):
        with pytest.raises(Refused, match="NotAllowed"):
            closed.reopen(uid=somebody.uid)
    assert closed.now() == {closed.origin, closed.other}


def test_the_owner_opens_it_with_a_code_over_the_socket_but_not_the_socket_itself(closed):
    if closed.origin == "socket":
        with pytest.raises(Refused) as refused:
            closed.reopen(closed.key.first, closed.user.uid)
        assert (refused.value.name, refused.value.parameters["reason"]) == ("NotPossible", "closed")
        assert closed.now() == {closed.origin, closed.other} and total_failures(closed.user) == 2 * GUESSES
    else:
        closed.reopen(closed.key.first, closed.user.uid)
        assert closed.now() == {closed.other} and total_failures(closed.user) == 0
        assert not closed.opens(closed.key.first), "that code is used up"
        assert closed.opens(closed.key.second)


def test_the_owner_opens_it_by_otpctl(closed):
    terminal = Terminal([*as_user(closed.user), "otpctl", "reopen", "--origin", closed.origin])
    terminal.awaits("Code: ")
    terminal.types(closed.key.first)
    if closed.origin == "socket":
        assert terminal.ends() == REFUSED and "ask an admin to reopen it" in terminal.transcript
        assert closed.now() == {closed.origin, closed.other}
    else:
        assert terminal.ends() == DONE
        assert closed.now() == {closed.other}
        assert closed.opens(closed.key.second)


def test_a_recovery_code_that_is_typed_there_opens_the_gate_and_the_origin(closed):
    assert closed.opens(closed.recovery[0])
    assert closed.now() == {closed.other}
    assert closed.opens(closed.key.first)
    assert not closed.opens(closed.recovery[0]), "it is used up"


def test_the_owner_opens_even_the_socket_with_a_recovery_code(closed):
    closed.reopen(closed.recovery[0], closed.user.uid)
    assert closed.now() == {closed.other}
    assert closed.opens(closed.key.first)
