"""kill -9 of the daemon at each step of handing a key over: afterwards the old state holds or the new one, never both keys, never
none where there was one; no key is shown twice, and what nobody confirmed never works."""

from harness.enrolment import confirm, enrol, invite, invited_and_enrolled, invited_user, labels, redeem, shown, works
from harness.sweeps import daemon_killed_at_each, one_of_two, spent, up
from harness.wire import Client, Refused

# invitations


def test_inviting_killed_at_each_step_leaves_one_good_code(machine):
    def act(client, prepared, _):
        return client.call("Invite", user=prepared[0].name, form="mail")["invitation"]["codes"][0]

    outcomes = set()
    for (user, code), _, new, where in daemon_killed_at_each(machine, "Invite", lambda: invited_user(machine), act):
        up(machine)
        try:
            key, _ = enrol(user, code)
            outcome = "old"
        except Refused as refusal:
            assert (refusal.name, refusal.parameters["reason"]) == ("RegistrationRefused", "stale"), where
            key, _ = enrol(user, new or invite(user))
            outcome = "new"
        assert new is None or outcome == "new", where
        assert works(machine, user, key.first) and labels(machine, user) == ["phone"], where
        outcomes.add(outcome)
    assert outcomes == {"old", "new"}


def test_redeeming_killed_at_each_step_leaves_a_code_that_gives_one_key(machine):
    def act(client, prepared, _):
        return shown(client.call("Redeem", registration=prepared[1]))

    outcomes = set()
    for (user, code), _, lost, where in daemon_killed_at_each(machine, "Redeem", lambda: invited_user(machine), act):
        up(machine)
        assert not user.key_file.exists() and not machine.status(user)["enrolled"], where
        with Client(uid=user.uid) as client:
            noticed = "registration-code-used" in [notice["event"] for notice in client.call("Notices")["notices"]]
            reply = client.call("Redeem", registration=code, label="tablet")
            key = shown(reply)
            confirm(client, key)
        used_up = bool(reply["earlier"])
        assert lost is None or used_up, f"{where}: shown, and not used up"
        assert lost is None or noticed, f"{where}: shown, and not noticed"
        assert used_up or not noticed, f"{where}: noticed, and not used up"
        if lost:
            assert lost.secret != key.secret and not works(machine, user, lost.first), where
        assert works(machine, user, key.first) and labels(machine, user) == ["tablet"], where
        assert spent(user, code), where
        outcomes.add((used_up, noticed, lost is not None))
    assert outcomes == {(False, False, False), (True, False, False), (True, True, False), (True, True, True)}


# confirmations


def test_a_first_key_killed_at_each_step_is_there_with_its_code_spent_or_not_there(machine):
    outcomes = set()
    for (user, code), key, recovery, where in daemon_killed_at_each(
        machine, "ConfirmEnrolment", lambda: invited_user(machine), lambda client, _, key: confirm(client, key), lambda client, prepared: redeem(client, prepared[1])
    ):
        new = works(machine, user, key.first)
        up(machine)
        assert new or recovery is None, where
        assert machine.status(user)["enrolled"] == new and labels(machine, user) == ["phone"] * new, where
        if not new:
            again, recovery = enrol(user, code)
            assert again.secret != key.secret and not works(machine, user, key.second), where
            key = again
            assert works(machine, user, key.first), where
        assert spent(user, code), where
        assert recovery is None or works(machine, user, recovery[7]), where
        assert works(machine, user, key.second) and labels(machine, user) == ["phone"], where
        outcomes.add(new)
    assert outcomes == {False, True}


def test_replacing_all_killed_at_each_step_leaves_one_of_two_keys(machine):
    def prepare():
        user, old = machine.enrolled_user()
        return user, old, invite(user, replaces=True)

    outcomes = set()
    for (user, old, code), new, recovery, where in daemon_killed_at_each(
        machine, "ConfirmEnrolment", prepare, lambda client, _, key: confirm(client, key), lambda client, prepared: redeem(client, prepared[2])
    ):
        changed = one_of_two(machine, user, old, new, recovery, where)
        if changed:
            assert spent(user, code), where
        else:
            again, _ = enrol(user, code)
            assert works(machine, user, again.first) and not works(machine, user, new.second), where
        outcomes.add(changed)
    assert outcomes == {False, True}


def test_a_rotation_killed_at_each_step_of_its_confirmation_leaves_one_of_two_keys(machine):
    outcomes = set()
    for (user, old), new, done, where in daemon_killed_at_each(
        machine,
        "ConfirmEnrolment",
        machine.enrolled_user,
        lambda client, _, key: confirm(client, key),
        lambda client, prepared: shown(client.call("Rotate", code=prepared[1].first)),
    ):
        outcomes.add(one_of_two(machine, user, old, new, done, where))
    assert outcomes == {False, True}


def test_adding_killed_at_each_step_of_its_confirmation_takes_nothing_away(machine):
    outcomes = set()
    for (user, old), new, done, where in daemon_killed_at_each(
        machine,
        "ConfirmEnrolment",
        machine.enrolled_user,
        lambda client, _, key: confirm(client, key),
        lambda client, prepared: shown(client.call("AddKey", code=prepared[1].first, label="tablet")),
    ):
        added = works(machine, user, new.first)
        assert works(machine, user, old.second), where
        assert added or done is None, where
        up(machine)
        assert labels(machine, user) == (["phone", "tablet"] if added else ["phone"]), where
        outcomes.add(added)
    assert outcomes == {False, True}


def test_beginning_a_rotation_killed_at_each_step_leaves_the_old_key_with_its_code_burnt_or_not(machine):
    def act(client, prepared, _):
        return shown(client.call("Rotate", code=prepared[1].first))

    outcomes = set()
    for (user, old), _, new, where in daemon_killed_at_each(machine, "Rotate", machine.enrolled_user, act):
        burnt = not works(machine, user, old.first)
        assert works(machine, user, old.second), where
        if new:
            assert burnt and not works(machine, user, new.first), where
        up(machine)
        assert labels(machine, user) == ["phone"], where
        outcomes.add(burnt)
    assert outcomes == {False, True}


# recovery codes, and "not me"


def test_new_recovery_codes_killed_at_each_step_leave_the_old_set_or_none_of_it(machine):
    def act(client, prepared, _):
        return client.call("RenewRecoveryCodes", code=prepared[2].first)["recovery_codes"]

    outcomes = set()
    for (user, _, key, old), _, fresh, where in daemon_killed_at_each(machine, "RenewRecoveryCodes", lambda: invited_and_enrolled(machine), act):
        kept = works(machine, user, old[0])
        assert works(machine, user, old[1]) == kept, where
        assert fresh is None or (not kept and works(machine, user, fresh[0])), where
        up(machine)
        with Client(uid=user.uid) as client:
            again = client.call("RenewRecoveryCodes", code=key.second)["recovery_codes"]
        assert works(machine, user, again[0]) and not works(machine, user, old[2]), where
        outcomes.add(kept)
    assert outcomes == {False, True}


def test_not_me_killed_at_each_step_is_done_when_it_is_said_again(machine):
    def act(client, prepared, _):
        return client.call("Repudiate", registration=prepared[1])

    outcomes = set()
    for (user, letter, key, recovery), _, done, where in daemon_killed_at_each(machine, "Repudiate", lambda: invited_and_enrolled(machine), act):
        alive = works(machine, user, key.first)
        assert done is None or not alive, where
        assert works(machine, user, recovery[0]) == alive, f"{where}: keys and recovery codes are suspended together"
        up(machine)
        with Client(uid=user.uid) as client:
            assert client.call("Repudiate", registration=letter) == {"keys": 1}, where
        assert not works(machine, user, key.second) and not works(machine, user, recovery[1]), where
        outcomes.add(alive)
    assert outcomes == {False, True}
