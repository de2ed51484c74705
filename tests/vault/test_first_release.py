"""Files and conversations of the first release are read for ever; those of a later version are refused by name."""

import json
import re
import time
from contextlib import contextmanager

import pytest

from harness.first_release import HERE, bytes_of, first_release_installed, people, person
from harness.journal import code_and_reason, reason
from harness.machine import (
    ACCOUNT,
    AUTH_ERR,
    AUTHINFO_UNAVAIL,
    CODE_PROMPT,
    HOST_KEY,
    MARKS,
    POLICY,
    SERVICE_ERR,
    SUCCESS,
    VAULT,
    otpctl,
    run,
    shifted_now,
    write,
)
from harness.otpctl import DONE
from harness.places import overwrite
from harness.terminal import Terminal
from harness.wire import Client, call

TOTP = ("phone", "tablet", "w.phone")
HOTP = {"token": 3, "old_token-2@home": 1}  # the last counter that was used
LATER = 300  # seconds; by then the steps that a restored copy burns are over


@pytest.fixture
def release(machine):
    """The first release's files, and root has said that they are meant to be here."""
    with first_release_installed(machine):
        done = otpctl("restored", "--all")
        assert done.returncode == DONE, done.stderr
        with machine.clock(+LATER):
            yield


def now_code(one, label, offset=0):
    return one.code(label, int(shifted_now() // one.key(label)["period"]) + offset)


def test_what_is_put_back_is_a_restored_copy_until_root_has_said_so(machine, skip, journal):
    alice, frank = person("alice"), person("frank")
    with first_release_installed(machine):
        assert reason(machine, journal, alice, now_code(alice, "phone"), skip) == "replayed"
        assert reason(machine, journal, frank, frank.code("token", 2), skip) == "restored-copy"
        assert "accept-restore" in otpctl("status", alice.name).stdout
        assert otpctl("--offline", "restored", "--all").returncode == DONE
        assert machine.status(alice)["restored"] is False


@pytest.mark.parametrize("label", TOTP)
def test_real_sudo_opens_for_a_key_of_the_first_release_and_once(machine, release, label):
    alice = person("alice")
    machine.sudo_asks(alice, "required pam_otp.so")
    code = now_code(alice, label)
    outcomes = [machine.sudo(alice, [(CODE_PROMPT, code)]) for _ in range(2)]
    assert [outcome.status for outcome in outcomes] == [0, 1], outcomes


@pytest.mark.parametrize("label", HOTP)
def test_a_counter_of_the_first_release_goes_on_where_it_was(machine, release, label):
    alice, used = person("alice"), HOTP[label]
    answers = [machine.ask("otp", alice, alice.code(label, counter))[0] for counter in (used, used + 1, used + 2, used + 3)]
    assert answers == [AUTH_ERR, AUTH_ERR, SUCCESS, SUCCESS], "the used one, then two in a row, then each"


@pytest.mark.parametrize("one", people(), ids=lambda one: one.name)
def test_what_the_daemon_said_of_a_user_it_says_still(machine, release, one):
    found, then = machine.status(one), one.status
    assert_still(without(then, "keys", "origins"), found)
    assert [key["label"] for key in found["keys"]] == [key["label"] for key in then["keys"]]
    for key, before in zip(found["keys"], then["keys"], strict=True):
        assert_still(without(before, "last_used", "resync"), key)
    for origin, before in zip(found["origins"], then["origins"], strict=True):
        assert_still(before if one.name.startswith("dave") else without(before, "failures"), origin)


def without(words, *left_out):
    return {name: value for name, value in words.items() if name not in left_out}


def assert_still(then, found):
    """A later release may say more."""
    assert {name: found[name] for name in then} == then


def test_who_has_no_key_any_more_is_refused_and_not_skipped(machine, skip, release, journal):
    assert reason(machine, journal, person("bob"), "123456", skip) == "no-key"


def test_who_was_suspended_stays_so_until_resumed(machine, skip, release, journal):
    carol = person("carol")
    assert reason(machine, journal, carol, now_code(carol, "phone"), skip) == "suspended"
    assert otpctl("resume", carol.name).returncode == DONE
    assert machine.ask("otp", carol, now_code(carol, "phone"))[0] == SUCCESS


def test_an_origin_that_was_closed_stays_so_and_its_limit_is_the_policys(machine, release, journal):
    dave = person("dave")
    assert reason(machine, journal, dave, now_code(dave, "phone")) == "closed"
    with Client() as client:
        verdict = client.call("Verify", user=dave.name, code=now_code(dave, "phone"), real_uid=4243)["verdict"]
    assert verdict["accepted"] is True


def test_an_emergency_mark_of_the_first_release_lets_pass_until_it_ends(machine, skip, release, journal):
    erin = person("erin")
    assert reason(machine, journal, erin, "000000", skip) == "emergency"
    assert otpctl("emergency", "end", erin.name).returncode == DONE
    assert machine.ask(skip, erin, "000000")[0] == AUTH_ERR


def test_the_policy_of_the_first_release_holds(machine, release):
    terminal = Terminal(["pamtester", "otp", person("alice").name, "authenticate"])
    terminal.awaits("Code of the first release: ")
    terminal.types_hidden("000000")
    assert terminal.ends() != 0
    named = re.findall(r'exempt has "([^"]*)": no group', otpctl("config", "check").stderr)
    assert named == ["group:no-such-group", "gid:4000000"], "it is read, and these entries match nobody"


# a later version


@contextmanager
def in_its_place(path, content):
    before, mode = path.read_bytes(), path.stat().st_mode & 0o7777
    path.chmod(0o600)
    overwrite(path, content)
    path.chmod(mode)
    try:
        yield
        assert path.read_bytes() == content, "what is not understood is left as it is"
    finally:
        path.chmod(0o600)
        overwrite(path, before)
        path.chmod(mode)


LATER_FILES = {
    "key-file.toml": (person("alice").key_file, AUTHINFO_UNAVAIL, "malformed-file"),
    "state.hex": (person("alice").state_file, AUTHINFO_UNAVAIL, "malformed-file"),
    "host.key": (HOST_KEY, AUTHINFO_UNAVAIL, "host-key"),
    "otp.toml": (POLICY, SERVICE_ERR, "bad-policy"),
}


@pytest.mark.parametrize("name", LATER_FILES)
def test_a_file_of_version_2_is_refused_with_both_versions_and_not_touched(machine, release, journal, name):
    alice = person("alice")
    path, answer, why = LATER_FILES[name]
    later = HERE / "version-2" / name
    with in_its_place(path, bytes_of(later) if later.suffix == ".hex" else later.read_bytes()):
        start = journal.position()
        assert machine.ask("otp", alice, now_code(alice, "phone"))[0] == answer
        lines = [line for line in journal.since(start) if f"reason={why}" in line]
    assert len(lines) == 1 and "is 2; wanted 1" in lines[0] and str(path) in lines[0], lines


LATER_SINCE_VERSION_2 = [("version-2", "line 2: found the field \\x22colour\\x22; wanted"), ("version-3", "version is 3; wanted 1 or 2")]


@pytest.mark.parametrize(("name", "why"), LATER_SINCE_VERSION_2)
def test_a_vault_toml_of_a_later_version_refuses_and_is_not_touched(machine, release, journal, name, why):
    """Version 2 is known by now; this one has a field that it never had."""
    alice, path = person("alice"), VAULT / "vault.toml"
    with in_its_place(path, (HERE / name / "vault.toml").read_bytes()):
        start = journal.position()
        assert machine.ask("otp", alice, now_code(alice, "phone"))[0] == AUTHINFO_UNAVAIL
        lines = [line for line in journal.since(start) if "reason=malformed-file" in line]
    assert len(lines) == 1 and why in lines[0] and str(path) in lines[0], lines


def test_the_daemon_makes_the_vault_one_of_version_2_as_it_was_at_its_release(machine, release):
    assert (VAULT / "vault.toml").read_text() == (HERE / "release-2/vault.toml").read_text()
    (entry,) = (HERE / "release-2/names").iterdir()
    assert (VAULT / "names" / entry.name).read_text() == entry.read_text()
    assert machine.ask("otp", person("alice"), now_code(person("alice"), "phone"))[0] == SUCCESS


@pytest.mark.parametrize(("kind", "answer", "why"), [("gone", AUTHINFO_UNAVAIL, "account-gone"), ("suspended", AUTH_ERR, "suspended")])
def test_a_mark_of_the_second_release_counts_until_it_is_taken_away(machine, release, journal, kind, answer, why):
    alice = person("alice")
    directory = VAULT / kind
    directory.mkdir(mode=0o700)
    write(directory / str(alice.uid), (HERE / f"release-2/{kind}/30005").read_text(), 0o600)
    run("chown", "-R", f"{ACCOUNT}:", directory)
    assert code_and_reason(machine, journal, alice, now_code(alice, "phone")) == (answer, why)
    (directory / str(alice.uid)).unlink()
    assert machine.ask("otp", alice, now_code(alice, "phone"))[0] == SUCCESS


@pytest.mark.parametrize(("name", "why"), [("version-2", "there is no field \\x22colour\\x22 here"), ("version-3", "version is 3; wanted 1 or 2")])
def test_an_emergency_mark_of_a_later_version_is_not_honoured_and_says_so(machine, skip, release, journal, name, why):
    """Version 2 is known by now; this one has a field that it never had."""
    erin = person("erin")
    with in_its_place(MARKS / str(erin.uid), (HERE / name / "emergency.toml").read_bytes()):
        start = journal.position()
        assert machine.ask(skip, erin, "000000")[0] == AUTH_ERR
        lines = [line for line in journal.since(start) if "emergency=not-honoured" in line]
    assert len(lines) == 1 and why in lines[0], lines


def test_an_emergency_mark_of_version_2_as_it_was_at_its_release_lets_pass_until_its_end(machine, skip, release):
    erin = person("erin")
    mark = (HERE / "release-2/emergency/30005").read_text()
    end = int(re.search(r"made = (\d+)", mark)[1]) + int(re.search(r"lasts = (\d+)", mark)[1])
    with in_its_place(MARKS / str(erin.uid), mark.encode()):
        for left, answer in ((60, SUCCESS), (-1, AUTH_ERR)):
            with machine.clock(end - left - int(time.time())):
                assert machine.ask(skip, erin, "000000")[0] == answer


# conversations


# A root-owned program that names no terminal was a console then, which is closed here. By now it is `other`, which is open.
NO_CONSOLE = '"user":"dave-of-release-1","real_uid":0,"service":"otp","code"'


@pytest.mark.parametrize("conversation", sorted((HERE / "wire").iterdir()), ids=lambda path: path.stem)
def test_a_conversation_of_the_first_release_goes_on_as_it_was(machine, release, conversation):
    lines = [line for line in conversation.read_text().splitlines() if not line.startswith("#")]
    uid = int(lines.pop(0).removeprefix("as "))
    code = now_code(person("alice"), "phone")
    with Client(uid=uid) as client:
        for line in lines:
            if line.startswith("> "):
                asked = line
                client.send(line[2:].replace("$phone", code).encode() + b"\0")
            else:
                found, wanted = json.loads(client.receive()), json.loads(line[2:])
                if NO_CONSOLE in asked:
                    wanted["parameters"]["verdict"]["reason"] = "wrong"
                assert says(wanted, found), f"{line}\nbut now\n< {json.dumps(found)}"


def test_the_console_that_the_first_release_closed_is_closed(machine, release):
    found = call("Verify", user="dave-of-release-1", real_uid=0, service="otp", tty="tty1", code="123456")
    assert found["verdict"]["reason"] == "closed"


# A reason that says more by now: it is told to somebody who adopts twice, and an older otpctl shows the word.
MORE_PRECISE = {"already-adopted": "not-enrolled"}


def says(recorded, found):
    """Is everything there that was recorded? A later reply may have more members; "*" stands for any value that is not null."""
    found = MORE_PRECISE.get(found, found) if isinstance(found, str) else found
    if recorded == "*":
        return found is not None
    if isinstance(recorded, dict):
        return isinstance(found, dict) and all(name in found and says(value, found[name]) for name, value in recorded.items())
    if isinstance(recorded, list):
        return isinstance(found, list) and len(recorded) == len(found) and all(map(says, recorded, found))
    return type(recorded) is type(found) and recorded == found
