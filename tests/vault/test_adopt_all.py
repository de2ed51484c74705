"""`otpctl adopt` without --from, and for everybody at once: after usermod -u and -l of many users."""

import json

import pytest

from harness.machine import AUTHINFO_UNAVAIL, SUCCESS, Machine, User, otpctl, pam_code, run
from harness.otpctl import DONE, REFUSED, USAGE
from harness.wire import Client


def passwd_edited(change):
    """As vipw does it: fields of each line changed, and the file replaced in one step."""
    with open("/etc/passwd", encoding="utf-8") as file:
        lines = [line.rstrip("\n").split(":") for line in file]
    with open("/etc/passwd.edited", "w", encoding="utf-8") as file:
        file.writelines(":".join(change(fields)) + "\n" for fields in lines)
    run("mv", "/etc/passwd.edited", "/etc/passwd")


def accounts_become(users):
    """Each account of the mapping becomes the other one, all in one step."""
    names = {old.name: new for old, new in users.items()}

    def changed(fields):
        new = names.get(fields[0])
        return fields if new is None else [new.name, fields[1], str(new.uid), *fields[3:]]

    passwd_edited(changed)


@pytest.fixture
def nothing_due(machine):
    """Nobody whom earlier tests have left."""
    for one in json.loads(otpctl("adopt", "--all", "--dry-run", "--json").stdout)["adopted"]:
        assert otpctl("forget", str(one["from_uid"])).returncode == DONE


def what_adopt_says(*words):
    done = otpctl(*words, "--json")
    assert done.returncode == DONE, done.stderr
    found = json.loads(done.stdout)
    return {(one["from"], one["from_uid"]): (one["user"], one["uid"]) for one in found["adopted"]}, found["left"]


@pytest.mark.parametrize("offline", [(), ("--offline",)], ids=["daemon", "offline"])
def test_many_that_were_renamed_and_renumbered_are_adopted_at_once_and_chains_in_their_order(machine, skip, nothing_due, offline):
    first, second, third, unchanged = (machine.enrolled_user() for _ in range(4))
    users = {
        first[0]: User(first[0].name, second[0].uid),  # its new uid was that of the next one
        second[0]: User(second[0].name, next(Machine.numbers)),
        third[0]: User(f"new{third[0].name}", third[0].uid),
    }
    accounts_become(users)
    due = {(old.name, old.uid): (new.name, new.uid) for old, new in users.items()}
    assert what_adopt_says(*offline, "adopt", "--all", "--dry-run")[0] == due
    assert {pam_code(machine, new, "000000", skip) for new in users.values()} == {AUTHINFO_UNAVAIL}, "a rehearsal changes nothing"
    assert what_adopt_says(*offline, "adopt", "--all")[0] == due
    assert what_adopt_says(*offline, "adopt", "--all")[0] == {}
    for user, key in zip((*users.values(), unchanged[0]), (first[1], second[1], third[1], unchanged[1]), strict=True):
        assert pam_code(machine, user, key.first, skip) == SUCCESS


def test_two_that_have_changed_places_are_left_and_named(machine, skip, nothing_due):
    (one, _), (other, _) = machine.enrolled_user(), machine.enrolled_user()
    accounts_become({one: User(one.name, other.uid), other: User(other.name, one.uid)})
    adopted, left = what_adopt_says("adopt", "--all")
    assert adopted == {} and {(one.name, "already enrolled"), (other.name, "already enrolled")} <= {(entry["user"], entry["reason"].split(";")[0]) for entry in left}
    assert pam_code(machine, User(one.name, other.uid), "000000", skip) == AUTHINFO_UNAVAIL
    accounts_become({User(one.name, other.uid): one, User(other.name, one.uid): other})


def test_somebody_whose_account_is_gone_is_left(machine, nothing_due):
    user, _ = machine.enrolled_user()
    machine.remove_user(user)
    adopted, left = what_adopt_says("adopt", "--all")
    assert adopted == {}
    assert (user.uid, user.name) in {(entry["uid"], entry["user"]) for entry in left}


@pytest.mark.parametrize("change", ["name", "uid"])
def test_one_is_adopted_without_saying_what_it_was_before(machine, change):
    user, key = machine.enrolled_user()
    new = User(f"new{user.name}", user.uid) if change == "name" else User(user.name, next(Machine.numbers))
    accounts_become({user: new})
    assert otpctl("adopt", new.name).returncode == DONE
    assert pam_code(machine, new, key.first) == SUCCESS
    again = otpctl("adopt", new.name)
    assert again.returncode == DONE and "nothing was changed" in again.stdout


def test_words_that_do_not_go_together_are_a_mistake(machine):
    for words in (["adopt"], ["adopt", "--all", "alice"], ["adopt", "--all", "--from", "bob"], ["adopt", "alice", "--dry-run"]):
        assert otpctl(*words).returncode == USAGE, words


def test_only_root_adopts_all(machine, user):
    machine.join(user, "otp-admin")
    assert otpctl("adopt", "--all", user=user).returncode == REFUSED
    with Client() as client:
        assert set(client.call("AdoptAll", dry_run=True)) == {"adopted", "left"}
