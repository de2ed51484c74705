"""Who may do what, through the real socket and with real uids: each method by each actor to each target, against the table that
the daemon's own test goes through."""

import re

import pytest

from harness.enrolment import NEVER_ISSUED
from harness.machine import ROOT, UNKNOWN
from harness.wire import Client, Refused

COLUMNS = ("root", "otp-admin", "otp-helpdesk", "otp-helpdesk to an admin", "himself", "otp-verify", "anybody else")
TABLE = {
    act: dict(zip(COLUMNS, cells.split(", "), strict=True))
    for act, cells in re.findall(r"\(Act::(\w+), \[([A-Z, ]+)\]\)", (ROOT / "otp-enrolld/src/access/rights_tests.rs").read_text())
}
# nobody does this for himself, whatever his groups
FOR_OTHERS = {"Invite", "AddToken", "Resume"}

CODE = {"code": "no code"}
KEY = {"key": "phone"}
# the act of each method, and what it wants besides the user
METHODS = {
    "Invite": ("Invite", {}),
    "RevokeInvitation": ("RevokeInvitation", {}),
    "Redeem": ("Redeem", {"registration": NEVER_ISSUED}),
    "Repudiate": ("Repudiate", {"registration": NEVER_ISSUED}),
    "BeginEnrolment": ("BeginEnrolment", {}),
    "AddToken": ("AddToken", {"secret": "A" * 32}),
    "AddKey": ("AddKey", CODE),
    "Rotate": ("Rotate", CODE),
    "RenewRecoveryCodes": ("RenewRecoveryCodes", CODE),
    "Status": ("ReadStatus", {}),
    "Notices": ("ReadNotices", {}),
    "NoticesShown": ("ReadNotices", {"last": 0}),
    "List": ("List", {}),
    "Suspend": ("Suspend", {}),
    "Resume": ("Resume", {}),
    "Forget": ("Forget", {}),
    "Adopt": ("Adopt", {"from": "a-former-name"}),
    "AdoptAll": ("Adopt", {"dry_run": True}),
    "ListGone": ("ListGone", {}),
    "Restored": ("Restored", {}),
    "Reopen": ("Reopen", CODE),
    "Rename": ("Rename", KEY | {"label": "phone"}),
    "Revoke": ("Revoke", KEY | CODE | {"last": True}),
    "Verify": ("Verify", CODE),
    "Barred": ("AskBarred", {}),
}
ABOUT_THE_CALLER = {"Repudiate", "AddKey", "RenewRecoveryCodes", "List", "AdoptAll", "ListGone"}
ON_THE_CONNECTION = {"ConfirmEnrolment", "CancelEnrolment"}

ACTORS = ("root", "otp-admin", "otp-helpdesk", "otp-verify", "user")
TARGETS = ("user", "admin", "root", "himself")
CELLS = [
    (method, actor, target)
    for method in METHODS
    for actor in ACTORS
    for target in (["himself"] if method in ABOUT_THE_CALLER else TARGETS)
    if (actor, target) != ("root", "root")
]


def terms(method, actor, target):
    """What the table says: YES, CODE or NO."""
    act = METHODS[method][0]
    row, own = TABLE[act], target == "himself"
    if actor == "root":
        return row["root"]
    if own and (row["himself"] != "NO" or act in FOR_OTHERS):
        return row["himself"]
    if actor == "otp-helpdesk" and target in ("admin", "root"):
        return row["otp-helpdesk to an admin"]
    return row["anybody else" if actor == "user" else actor]


@pytest.fixture(scope="module")
def actors_and_targets(machine):
    """In a vault of their own. Everybody but root has a key."""

    def somebody(group=None):
        user = machine.new_user()
        if group:
            machine.join(user, group)
        machine.enrol(user)
        return user

    with machine.small_vault(8):
        actors = {actor: somebody(actor if actor.startswith("otp-") else None) for actor in ACTORS if actor != "root"}
        yield actors, {"user": somebody(), "admin": somebody("otp-admin")}
        for group in ("otp-admin", "otp-helpdesk", "otp-verify"):
            machine.leave(actors[group], group)


def answer(uid, method, **parameters):
    """The name of a refusal and what it says, or nothing."""
    with Client(uid=uid) as client:
        try:
            client.call(method, **parameters)
        except Refused as refusal:
            return refusal.name, refusal.parameters
    return None, {}


def test_each_method_has_its_row_and_each_row_a_method():
    interface = set(re.findall(r"^method (\w+)", (ROOT / "otp-protocol/src/interface/io.pam-otp.Otp1.varlink").read_text(), re.M))
    assert interface == set(METHODS) | ON_THE_CONNECTION
    assert {act for act, _ in METHODS.values()} == set(TABLE) and len(TABLE) == 23


@pytest.mark.parametrize(("method", "actor", "target"), CELLS, ids=["-".join(cell) for cell in CELLS])
def test_it_is_not_allowed_exactly_where_the_table_says_no(actors_and_targets, method, actor, target):
    actors, targets = actors_and_targets
    uid = 0 if actor == "root" else actors[actor].uid
    named = {**targets, "root": None, "himself": actors.get(actor)}[target]
    user = {} if method in ABOUT_THE_CALLER else {"user": named.name if named else "root"}
    name, found = answer(uid, method, **user, **METHODS[method][1])
    wanted = terms(method, actor, target)
    assert (name == "NotAllowed") == (wanted == "NO"), (name, found)
    if wanted == "YES":
        assert name in (None, "NotPossible", "Busy"), (name, found)
    elif wanted == "CODE":  # and this is none
        assert name in ("NotPossible", "RegistrationRefused"), (name, found)
    if wanted == "NO" and user and target != "himself":
        assert answer(uid, method, **METHODS[method][1], user=UNKNOWN) == (name, found), "no name is told from another"


@pytest.mark.parametrize("actor", [actor for actor in ACTORS if actor != "root"])
@pytest.mark.parametrize("method", ["Reopen", "Revoke"])
def test_where_a_code_is_wanted_it_is_not_allowed_without_one(actors_and_targets, method, actor):
    parameters = {name: value for name, value in METHODS[method][1].items() if name != "code"}
    assert answer(actors_and_targets[0][actor].uid, method, **parameters)[0] == "NotAllowed"


@pytest.mark.parametrize("method", METHODS)
def test_a_uid_without_an_account_may_nothing(actors_and_targets, method):
    user = {} if method in ABOUT_THE_CALLER else {"user": actors_and_targets[1]["user"].name}
    assert answer(54321, method, **user, **METHODS[method][1])[0] == "NotAllowed"
