"""kill -9 of the daemon at each step of importing, assigning and removing a hardware token: afterwards the token is unassigned, or it is the
user's key, or it is gone; never two of them, and the same import begun again finds or stores it."""

from types import SimpleNamespace

from harness.enrolment import random_secret, token_key, works
from harness.machine import VAULT
from harness.sweeps import daemon_killed_at_each, up
from harness.wire import Client, call, refusal

ROOT_ITSELF = SimpleNamespace(uid=0, name="root")


def new_token():
    return SimpleNamespace(serial=random_secret()[:12], key=token_key())


def import_token(client, token):
    return client.call("ImportToken", serial=token.serial, secret=token.key.base32)


def warm_daemon():
    """One that has the directory and its fingerprints at hand: its calls are the same every time."""
    for _ in range(2):
        other = new_token()
        with Client() as client:
            import_token(client, other)
        call("RemoveToken", serial=other.serial)


def prepared_token():
    warm_daemon()
    return ROOT_ITSELF, new_token()


def is_listed(token):
    """Whether it is listed; nothing in the directory is unreadable or half-made."""
    up_to_date = call("ListTokens")
    assert up_to_date["unreadable"] == [] and all(one["opens"] for one in up_to_date["tokens"])
    return token.serial in [one["serial"] for one in up_to_date["tokens"]]


def test_an_import_killed_at_each_step_stores_the_token_or_nothing_and_begins_again(machine):
    outcomes = set()
    for (_, token), _, done, where in daemon_killed_at_each(
        machine, "ImportToken", prepared_token, lambda client, prepared, _: import_token(client, prepared[1])
    ):
        up(machine)
        there = is_listed(token)
        assert there or done is None, where
        with Client() as client:
            assert import_token(client, token)["already"] == there, where
            assert import_token(client, token)["already"] is True, where
        assert is_listed(token) and len([one for one in call("ListTokens")["tokens"] if one["serial"] == token.serial]) == 1, where
        outcomes.add(there)
        call("RemoveToken", serial=token.serial)
    assert outcomes == {False, True}
    for left in call("ListTokens")["tokens"]:  # of the run in which the steps were counted
        call("RemoveToken", serial=left["serial"])


def test_an_assignment_killed_at_each_step_leaves_a_token_or_a_key(machine):
    def prepare():
        warm_daemon()
        token, user = new_token(), machine.new_user()
        with Client() as client:
            import_token(client, token)
        return ROOT_ITSELF, token, user

    def assigning(client, prepared):
        client.call("AssignToken", serial=prepared[1].serial, user=prepared[2].name)

    def confirmed(client, prepared, _):
        return client.call("ConfirmEnrolment", code=prepared[1].key.confirming)

    outcomes = set()
    for (_, token, user), _, done, where in daemon_killed_at_each(machine, "ConfirmEnrolment", prepare, confirmed, assigning):
        is_key = works(machine, user, token.key.first)
        up(machine)
        assert is_key or done is None, where
        assert is_listed(token) != is_key and machine.status(user)["enrolled"] == is_key, where
        with Client() as client:
            again = import_token(client, token)
            assert again["already"] and again.get("user") == (user.name if is_key else None), where
            if is_key:
                other = machine.new_user().name
                assert refusal(0, "AssignToken", serial=token.serial, user=other).parameters["reason"] == "no-such-token", where
            else:
                assigning(client, (None, token, user))
                confirmed(client, (None, token, user), None)
                assert not is_listed(token) and works(machine, user, token.key.first), where
        assert not works(machine, user, token.key.confirming) and works(machine, user, token.key.second), where
        outcomes.add(is_key)
    assert outcomes == {False, True} and not list(VAULT.glob("tokens/*"))


def test_a_removal_killed_at_each_step_leaves_the_token_or_nothing(machine):
    def prepare():
        warm_daemon()
        token = new_token()
        with Client() as client:
            import_token(client, token)
        return ROOT_ITSELF, token

    outcomes = set()
    for (_, token), _, done, where in daemon_killed_at_each(
        machine, "RemoveToken", prepare, lambda client, prepared, _: client.call("RemoveToken", serial=prepared[1].serial)
    ):
        up(machine)
        there = is_listed(token)
        assert not there or done is None, where
        if there:
            call("RemoveToken", serial=token.serial)
        outcomes.add(there)
    assert outcomes == {False, True} and not list(VAULT.glob("tokens/*"))
