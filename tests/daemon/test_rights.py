"""The rights of every actor, through the real socket and with real uids: each method by each actor to each target, against the table of
docs/life-of-a-key.md, which a test of the daemon's compares with the one that the daemon looks up."""

import re

import pytest

from harness.enrolment import NEVER_ISSUED
from harness.machine import ROOT, UNKNOWN
from harness.wire import Client, Refused

COLUMNS = ("root", "otp-admin", "otp-helpdesk", "the user", "otp-verify", "otp-viewer")
SECTION = (ROOT / "docs/life-of-a-key.md").read_text().split("\n## Rights\n")[1].split("\n## ")[0]
# what each method's row says of each column
RIGHTS = {
    method: dict(zip(COLUMNS, cells.split(" | "), strict=True))
    for methods, cells in re.findall(r"^\| [^|`]+ \| (`[^|]+`) \| (.+) \|$", SECTION, re.M)
    for method in re.findall(r"`(\w+)`", methods)
}

CODE = {"code": "no code"}
KEY = {"key": "phone"}
# what each method wants besides the user
METHODS = {
    "Invite": {},
    "RevokeInvitation": {},
    "ExtendInvitation": {},
    "RequestReset": {"reason": "a test", "proof": "callback"},
    "ListResets": {},
    "Redeem": {"registration": NEVER_ISSUED},
    "Repudiate": {"registration": NEVER_ISSUED},
    "BeginEnrolment": {},
    "AddToken": {"secret": "A" * 32},
    "AssignToken": {"serial": "never imported"},
    "ImportToken": {"serial": "never imported", "secret": "A" * 32, "dry_run": True},
    "ListTokens": {},
    "RemoveToken": {"serial": "never imported"},
    "ImportKey": {"secret": "A" * 32, "dry_run": True},
    "AddKey": CODE,
    "Rotate": CODE,
    "RenewRecoveryCodes": CODE,
    "ReportLost": CODE,
    "TakeBackLost": CODE,
    "Status": {},
    "Notices": {},
    "NoticesShown": {"last": 0},
    "List": {},
    "Suspend": {},
    "Resume": {},
    "Forget": {},
    "Adopt": {"from": "a-former-name"},
    "AdoptAll": {"dry_run": True},
    "ListGone": {},
    "Restored": {},
    "Reopen": CODE,
    "Rename": KEY | {"label": "phone"},
    "Revoke": KEY | CODE | {"last": True},
    "SetExpiry": KEY | CODE,
    "Verify": CODE,
    "TryCode": CODE,
    "Barred": {},
}
ABOUT_THE_CALLER = {"Repudiate", "AddKey", "RenewRecoveryCodes", "ReportLost", "TakeBackLost", "TryCode", "List", "AdoptAll", "ListGone", "ImportToken", "ListTokens", "RemoveToken", "ListResets"}
# test_resets.py has them: what they are about is a reset, and not a user
ABOUT_A_RESET = {"ApproveReset", "CancelReset"}
ON_THE_CONNECTION = {"ConfirmEnrolment", "CancelEnrolment"}

ACTORS = ("root", "otp-admin", "otp-helpdesk", "otp-verify", "otp-viewer", "user")
TARGETS = ("user", "admin", "root", "themselves")
CELLS = [
    (method, actor, target)
    for method in METHODS
    for actor in ACTORS
    for target in (["themselves"] if method in ABOUT_THE_CALLER else TARGETS)
    if (actor, target) != ("root", "root")
]


def terms(method, actor, target):
    """The table's answer: "yes", "with a code" or "no"."""
    others, admins = target != "themselves", target in ("admin", "root")
    means = {
        "yes": True,
        "for others": others,
        "for users who are not admins": not admins,
        "for others who are not admins": others and not admins,
        "with a code": True,
        "with a code of that key": True,
        "no": False,
    }
    columns = [actor] if others or actor == "root" else ["the user", actor]
    rights = [RIGHTS[method][column] for column in columns if column in COLUMNS]
    right = next((right for right in rights if means[right]), "no")
    return "with a code" if right.startswith("with a code") else "yes" if means[right] else "no"


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
        for group in ("otp-admin", "otp-helpdesk", "otp-verify", "otp-viewer"):
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
    assert interface == set(METHODS) | ON_THE_CONNECTION | ABOUT_A_RESET
    assert set(RIGHTS) == set(METHODS) | ABOUT_A_RESET


@pytest.mark.parametrize(("method", "actor", "target"), CELLS, ids=["-".join(cell) for cell in CELLS])
def test_it_is_not_allowed_exactly_where_the_table_says_no(actors_and_targets, method, actor, target):
    actors, targets = actors_and_targets
    uid = 0 if actor == "root" else actors[actor].uid
    named = {**targets, "root": None, "themselves": actors.get(actor)}[target]
    user = {} if method in ABOUT_THE_CALLER else {"user": named.name if named else "root"}
    name, found = answer(uid, method, **user, **METHODS[method])
    wanted = terms(method, actor, target)
    assert (name == "NotAllowed") == (wanted == "no"), (name, found)
    if wanted == "yes":
        assert name in (None, "NotPossible", "Busy"), (name, found)
    elif wanted == "with a code":  # and this is none
        assert name in ("NotPossible", "RegistrationRefused"), (name, found)
    if wanted == "no" and user and target != "themselves":
        assert answer(uid, method, **METHODS[method], user=UNKNOWN) == (name, found), "no name is told from another"


@pytest.mark.parametrize("actor", [actor for actor in ACTORS if actor != "root"])
@pytest.mark.parametrize("method", ["Reopen", "Revoke"])
def test_where_a_code_is_wanted_it_is_not_allowed_without_one(actors_and_targets, method, actor):
    parameters = {name: value for name, value in METHODS[method].items() if name != "code"}
    assert answer(actors_and_targets[0][actor].uid, method, **parameters)[0] == "NotAllowed"


@pytest.mark.parametrize("method", METHODS)
def test_a_uid_without_an_account_may_nothing(actors_and_targets, method):
    user = {} if method in ABOUT_THE_CALLER else {"user": actors_and_targets[1]["user"].name}
    assert answer(54321, method, **user, **METHODS[method])[0] == "NotAllowed"
