"""kill -9 of the daemon at each step of asking for a reset, approving it, making a code on it and cancelling it: afterwards it waits or it
does not, whole either way; and no code outlives it."""

from types import SimpleNamespace

from harness.enrolment import enrol, invite, redeem, works
from harness.machine import VAULT
from harness.notices import noticed
from harness.resets import request, resets_mode, waiting, what_bars
from harness.sweeps import daemon_killed_at_each, up
from harness.wire import call

ROOT_ITSELF = SimpleNamespace(uid=0, name="root")
ABOUT = VAULT / "vault.toml"


def cleared():
    """No reset waits."""
    for reset in call("ListResets")["resets"]:
        call("CancelReset", id=reset["id"])
    assert '"resets"' not in ABOUT.read_text() and not list((VAULT / "resets").iterdir())


def word_is_there_where_a_file_is(where):
    assert '"resets"' in ABOUT.read_text() or not list((VAULT / "resets").iterdir()), f"{where}: an older program would overlook it"


def test_a_request_killed_at_each_step_waits_or_not_and_can_be_repeated(machine):
    def prepare():
        return ROOT_ITSELF, machine.enrolled_user()[0]

    outcomes = set()
    request(machine.enrolled_user()[0])  # the directory is made once
    cleared()
    for (_, user), _, done, where in daemon_killed_at_each(
        machine, "RequestReset", prepare, lambda client, prepared, _: client.call("RequestReset", user=prepared[1].name, reason="lost", proof="callback")
    ):
        word_is_there_where_a_file_is(where)
        up(machine)
        waits = waiting(user) is not None
        assert waits or done is None, where
        assert ("reset-asked" in noticed(user)) == waits, f"{where}: told of it exactly while it waits"
        assert waits or request(user)["user"] == user.name, where
        outcomes.add(waits)
        cleared()
    assert outcomes == {False, True}


def test_an_approval_killed_at_each_step_holds_or_not_and_can_be_repeated(machine):
    admin, target = machine.new_user(), machine.enrolled_user()[0]
    for one in (admin, target):
        machine.join(one, "otp-admin")

    def prepare():
        cleared()
        machine.stop()
        machine.start()  # one that was not killed would leave out a line of the log that it wrote a moment ago, and so a step
        return ROOT_ITSELF, request(target, admin.uid, "in-person")["id"]

    outcomes = set()
    request(machine.enrolled_user()[0])  # the directory is made once
    for (_, reset), _, done, where in daemon_killed_at_each(
        machine, "ApproveReset", prepare, lambda client, prepared, _: client.call("ApproveReset", id=prepared[1])
    ):
        word_is_there_where_a_file_is(where)
        up(machine)
        approved = waiting(target)["approved"] is not None
        assert approved or done is None, where
        outcomes.add(approved)
        call("ApproveReset", id=reset)
        assert waiting(target)["state"] == "ready", where
    assert outcomes == {False, True}
    cleared()
    for one in (admin, target):
        machine.leave(one, "otp-admin")


def test_a_code_on_a_reset_killed_at_each_step_of_its_making_is_bound_to_it(machine):
    def prepare():
        user, key = machine.enrolled_user()
        request(user, proof="in-person")
        return user, key

    with resets_mode("guarded"):
        for (user, key), _, done, where in daemon_killed_at_each(
            machine, "Invite", prepare, lambda client, prepared, _: client.call("Invite", user=prepared[0].name, form="mail", replaces=True)
        ):
            up(machine)
            assert waiting(user)["state"] == "ready" and works(machine, user, key.first), where
            first = done and done["invitation"]["codes"][0]
            code = first or invite(user, replaces=True)
            enrol(user, code)
            assert waiting(user) is None and not works(machine, user, key.second), where
            assert what_bars("Invite", user=user.name, replaces=True) == "reset-needed", where


def test_a_confirmation_killed_at_each_step_ends_the_reset_with_the_old_keys_or_leaves_both(machine):
    def prepare():
        user, key = machine.enrolled_user()
        request(user, proof="in-person")
        return user, key, invite(user, replaces=True)

    def redeeming(client, prepared):
        return redeem(client, prepared[2])

    outcomes = set()
    with resets_mode("guarded"):
        for (user, old, _), new, _, where in daemon_killed_at_each(
            machine, "ConfirmEnrolment", prepare, lambda client, _, key: client.call("ConfirmEnrolment", code=key.confirming), redeeming
        ):
            changed = works(machine, user, new.first)
            assert works(machine, user, old.first) != changed, where
            up(machine)
            assert (waiting(user) is None) == changed, f"{where}: no second code comes of a reset that was used"
            assert ("reset-asked" in noticed(user)) != changed, where
            outcomes.add(changed)
    assert outcomes == {False, True}
    cleared()


def test_a_cancelling_killed_at_each_step_leaves_a_reset_or_nothing_and_no_code_outlives_it(machine):
    def prepare():
        user, key = machine.enrolled_user()
        reset = request(user, proof="in-person")
        return ROOT_ITSELF, reset["id"], user, invite(user, replaces=True), key

    outcomes = set()
    with resets_mode("guarded"):
        for (_, reset, user, code, key), _, done, where in daemon_killed_at_each(
            machine, "CancelReset", prepare, lambda client, prepared, _: client.call("CancelReset", id=prepared[1])
        ):
            word_is_there_where_a_file_is(where)
            up(machine)
            waits = waiting(user) is not None
            assert not waits or done is None, where
            assert waits or what_bars("Redeem", user.uid, registration=code) == "RegistrationRefused", f"{where}: its code outlives it"
            assert ("reset-asked" in noticed(user)) == waits, where
            if waits:
                call("CancelReset", id=reset)
            assert what_bars("Redeem", user.uid, registration=code) == "RegistrationRefused", where
            assert works(machine, user, key.first), where
            outcomes.add(waits)
    assert outcomes == {False, True}
    cleared()
