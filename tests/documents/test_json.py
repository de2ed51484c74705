"""docs/json.md: every command of otpctl, run for real and twice, writes what the tables say, and changes nothing the second time."""

import base64
import itertools
import json
import re
import secrets
import shutil
import stat
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.enrolment import invite, random_secret, shown, token_key
from harness.json_shapes import Mismatch, commands, fits, fits_one_of, shape, shapes_of
from harness.machine import ACCOUNT, CODE_PROMPT, DAY, HOST_KEY, OTPCTL, OUTBOX, PASSWORD, POLICY, VAULT, User, as_user, otpctl, run
from harness.stacks import PAM
from harness.terminal import dialogue
from harness.wire import Client

CHANGE, ALREADY, LOOK, ACT = "changes what is to be so", "finds it so both times", "only shows", "is done each time"
ONE_EXPORT = "otpauth-migration://offline?data=CjUKEPqlBekzoNEukL7qlsjBCDYSDnBpQHJhc3BiZXJyeXBpGgtyYXNwYmVycnlwaSABKAEwAhABGAEgACjr4JKK%2B%2F%2F%2F%2F%2F8B"
CASES = {}
PASSPHRASE = "a passphrase of many letters"
GATES = POLICY.parent / "gates"


def case(name, kind):
    """A function that prepares, yields what runs the command, and clears up. The words before a slash are the command."""

    def keep(function):
        CASES[name] = (kind, contextmanager(function))
        return function

    return keep


def objects(done, status=0):
    assert done.returncode == status, done
    return [json.loads(line) for line in done.stdout.splitlines()]


def command(*words, **options):
    return lambda: objects(otpctl(*words, "--json", **options))


def at_a_terminal(words, *codes):
    """The gate's proof asks there, with these codes the first time, for sudo and for its twin; the object is the last line."""
    proofs = iter([codes])

    def once():
        answers = [answer for code in next(proofs, ()) for answer in (("Password: ", PASSWORD), (CODE_PROMPT, code))]
        done = dialogue([OTPCTL, *words, "--json"], answers)
        assert done.status == 0, done.text
        return [json.loads(done.text.splitlines()[-1])]

    return once


def talks(user, words, *lines):
    """The objects before a code of the new key is read, and after it."""
    with subprocess.Popen([*as_user(user), OTPCTL, *words, "--json", "--allow-pipe"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        process.stdin.write("".join(f"{line}\n" for line in lines))
        process.stdin.flush()
        begun = json.loads(process.stdout.readline())
        process.stdin.write(f"{shown(begun).confirming}\n")
        process.stdin.close()
        return [begun, *(json.loads(line) for line in process.stdout)]


# keys and codes


@case("invite", ACT)
def _(machine, tmp_path):
    yield command("invite", machine.new_user().name, "--allow-pipe")


@case("invite/once", CHANGE)
def _(machine, tmp_path):
    yield command("invite", machine.new_user().name, "--once", "--letter", tmp_path / "letter.txt")


@case("invite/revoke", CHANGE)
def _(machine, tmp_path):
    user = machine.new_user()
    invite(user)
    yield command("invite", user.name, "--revoke")


@case("invite/extend", CHANGE)
def _(machine, tmp_path):
    user = machine.new_user()
    invite(user, form="letter", lasts=DAY)
    yield command("invite", user.name, "--extend", "--for", "25d")


@case("invite/from", CHANGE)
def _(machine, tmp_path):
    (tmp_path / "names").write_text(f"{machine.new_user().name}\n")
    yield command("invite", "--from", tmp_path / "names", "--letters", tmp_path / "letters")


def asked_for_reset(user):
    with Client() as client:
        return client.call("RequestReset", user=user.name, reason="phone lost", proof="callback")["reset"]["id"]


def end_resets():
    with Client() as client:
        for reset in client.call("ListResets")["resets"]:
            client.call("CancelReset", id=reset["id"])


@case("reset", ACT)
def _(machine, tmp_path):
    user, _ = machine.enrolled_user()

    def once():
        end_resets()
        return objects(otpctl("reset", user.name, "--reason", "phone lost", "--proof", "in-person", "--json"))

    yield once
    end_resets()


@case("resets list", LOOK)
def _(machine, tmp_path):
    user, _ = machine.enrolled_user()
    asked_for_reset(user)
    yield command("resets", "list")
    end_resets()


@case("resets approve", ACT)
def _(machine, tmp_path):
    user, admin = machine.enrolled_user()[0], machine.new_user()
    for one in (user, admin):
        machine.join(one, "otp-admin")
    yield command("resets", "approve", asked_for_reset(user), user=admin)
    for one in (user, admin):
        machine.leave(one, "otp-admin")
    end_resets()


@case("resets cancel", CHANGE)
def _(machine, tmp_path):
    user, _ = machine.enrolled_user()
    yield command("resets", "cancel", asked_for_reset(user))


@case("enrol", ACT)
def _(machine, tmp_path):
    user = machine.new_user()
    yield lambda: talks(user, ["enrol", "--registration-stdin"], invite(user))


@case("add", ACT)
def _(machine, tmp_path):
    user, key = machine.enrolled_user()
    yield lambda: talks(user, ["add", "--label", "tablet"], key.first)


@case("rotate", ACT)
def _(machine, tmp_path):
    user, key = machine.enrolled_user()
    yield lambda: talks(user, ["rotate"], key.first)


@case("recovery-codes", ACT)
def _(machine, tmp_path):
    user, key = machine.enrolled_user()
    yield command("recovery-codes", "--allow-pipe", user=user, stdin=f"{key.first}\n")


@case("token add", CHANGE)
def _(machine, tmp_path):
    token = token_key()
    yield command("token", "add", machine.new_user().name, stdin=f"{token.base32}\n{token.first}\n")


def token_of_nobody():
    serial = secrets.token_hex(8)
    with Client() as client:
        client.call("ImportToken", serial=serial, manufacturer="Maker", secret=token_key().base32, expires=4_000_000_000)
    return serial


@case("token assign", ACT)
def _(machine, tmp_path):
    key, serial = token_key(), secrets.token_hex(8)
    with Client() as client:
        client.call("ImportToken", serial=serial, secret=key.base32)
    yield command("token", "assign", serial, machine.new_user().name, stdin=f"{key.first}\n")


@case("token list", LOOK)
def _(machine, tmp_path):
    token_of_nobody()
    yield command("token", "list")


@case("token remove", CHANGE)
def _(machine, tmp_path):
    yield command("token", "remove", token_of_nobody())


@case("import pskc", CHANGE)
def _(machine, tmp_path):
    file, secret = tmp_path / "tokens.xml", base64.b64encode(secrets.token_bytes(20)).decode()
    file.write_text(
        '<KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc"><KeyPackage>'
        f"<DeviceInfo><Manufacturer>Maker</Manufacturer><SerialNo>{secrets.token_hex(8)}</SerialNo></DeviceInfo>"
        '<Key Id="1" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:totp"><AlgorithmParameters><ResponseFormat Length="6" Encoding="DECIMAL"/></AlgorithmParameters>'
        f"<Data><Secret><PlainValue>{secret}</PlainValue></Secret></Data></Key></KeyPackage></KeyContainer>"
    )
    yield command("import", "pskc", file)


@case("import google-authenticator", CHANGE)
def _(machine, tmp_path):
    user = machine.new_user()
    home = Path("/home") / user.name
    home.mkdir(parents=True)
    file = home / "of-the-old-module"
    file.write_text(f'{random_secret()}\n" TOTP_AUTH\n12345678\n')
    for path in (home, file):
        shutil.chown(path, user.uid, user.uid)
    file.chmod(0o600)
    yield command("import", "google-authenticator", user.name, file)


@case("import oath", CHANGE)
def _(machine, tmp_path):
    (tmp_path / "users.oath").write_text(f"HOTP/T30/6 {machine.new_user().name} - {secrets.token_hex(20)}\n")
    yield command("import", "oath", tmp_path / "users.oath")


@case("import otpauth", CHANGE)
def _(machine, tmp_path):
    (tmp_path / "addresses").write_text(f"otpauth://totp/x:alice?secret={random_secret()}&issuer=x\n")
    yield command("import", "otpauth", tmp_path / "addresses", "--user", machine.new_user().name)


@case("import migration", ALREADY)
def _(machine, tmp_path):
    """Its one secret may be another user's here by now, so nothing is changed."""
    (tmp_path / "exported").write_text(f"{ONE_EXPORT}\n")
    yield command("import", "migration", "--dry-run", tmp_path / "exported", "--user", machine.new_user().name)


@case("status", LOOK)
def _(machine, tmp_path):
    yield command("status", machine.enrolled_user()[0].name)


@case("status/try-code", ACT)
def _(machine, tmp_path):
    user, key = machine.enrolled_user()
    yield command("status", "--try-code", user=user, stdin=f"{key.first}\n")


@case("notices", LOOK)
def _(machine, tmp_path):
    yield command("notices", machine.enrolled_user()[0].name)


@case("list", LOOK)
def _(machine, tmp_path):
    machine.enrolled_user()
    with machine.no_wait_passes():
        yield command("list")


@case("list/not-enrolled", LOOK)
def _(machine, tmp_path):
    user = machine.new_user()
    invite(user)
    machine.join(user, "otp-viewer")
    with machine.no_wait_passes():
        yield command("list", "--not-enrolled", "--group", "otp-viewer")
    machine.leave(user, "otp-viewer")


@case("status/invited", LOOK)
def _(machine, tmp_path):
    user = machine.new_user()
    invite(user)
    yield command("status", user.name)


@case("lost", ACT)
def _(machine, tmp_path):
    user, key = machine.enrolled_user()
    yield command("lost", user=user, stdin=f"{key.first}\n")


@case("lost/found", ACT)
def _(machine, tmp_path):
    user, key = machine.enrolled_user()
    otpctl("lost", user=user, stdin=f"{key.first}\n")
    yield command("lost", "--found", user=user, stdin=f"{key.second}\n")


@case("suspend", CHANGE)
def _(machine, tmp_path):
    yield command("suspend", machine.enrolled_user()[0].name)


@case("suspend/invited", CHANGE)
def _(machine, tmp_path):
    user = machine.new_user()
    invite(user)
    yield command("suspend", user.name)


@case("suspend/offline", CHANGE)
def _(machine, tmp_path):
    yield command("--offline", "suspend", machine.enrolled_user()[0].name)


def somebody_suspended(machine):
    user, _ = machine.enrolled_user()
    otpctl("suspend", user.name)
    return user


@case("resume", CHANGE)
def _(machine, tmp_path):
    yield command("resume", somebody_suspended(machine).name)


@case("resume/offline", CHANGE)
def _(machine, tmp_path):
    yield command("--offline", "resume", somebody_suspended(machine).name)


def after_a_wrong_code(machine):
    user, key = machine.enrolled_user()
    with Client() as root:
        root.call("Verify", user=user.name, code=key.wrong(), real_uid=0, tty="tty1")
    return user


@case("reopen", CHANGE)
def _(machine, tmp_path):
    yield command("reopen", after_a_wrong_code(machine).name)


@case("reopen/offline", CHANGE)
def _(machine, tmp_path):
    yield command("--offline", "reopen", after_a_wrong_code(machine).name, "--origin", "console")


@case("rename", CHANGE)
def _(machine, tmp_path):
    yield command("rename", machine.enrolled_user()[0].name, "phone", "tablet")


@case("rename/offline", CHANGE)
def _(machine, tmp_path):
    yield command("--offline", "rename", machine.enrolled_user()[0].name, "phone", "tablet")


@case("revoke", CHANGE)
def _(machine, tmp_path):
    yield command("revoke", machine.enrolled_user()[0].name, "phone")


@case("revoke/offline", CHANGE)
def _(machine, tmp_path):
    yield command("--offline", "revoke", machine.enrolled_user()[0].name, "phone")


@case("expire", CHANGE)
def _(machine, tmp_path):
    yield command("expire", machine.enrolled_user()[0].name, "phone", "2099-01-31")


@case("expire/offline", CHANGE)
def _(machine, tmp_path):
    yield command("--offline", "expire", machine.enrolled_user()[0].name, "phone", "2099-01-31T18:00")


@case("forget", CHANGE)
def _(machine, tmp_path):
    yield command("forget", machine.enrolled_user()[0].name)


@case("forget/gone", CHANGE)
def _(machine, tmp_path):
    user, _ = machine.enrolled_user()
    machine.remove_user(user)
    yield command("forget", "--gone", user.name)


@case("forget/offline", CHANGE)
def _(machine, tmp_path):
    yield command("--offline", "forget", machine.enrolled_user()[0].name)


def renamed_user(machine):
    """(the account by its new name, the former name)."""
    user, _ = machine.enrolled_user()
    name = f"{user.name}-new"
    run("sed", "-i", f"s/^{user.name}:/{name}:/", "/etc/passwd", "/etc/shadow", "/etc/group")  # in one step: nobody is gone meanwhile
    return User(name, user.uid), user.name


@case("adopt", CHANGE)
def _(machine, tmp_path):
    user, former = renamed_user(machine)
    yield command("adopt", user.name, "--from", former)


@case("adopt/offline", CHANGE)
def _(machine, tmp_path):
    user, _ = renamed_user(machine)
    yield command("--offline", "adopt", user.name)


@case("adopt/all", CHANGE)
def _(machine, tmp_path):
    with machine.another_vault():
        renamed_user(machine)
        yield command("adopt", "--all")


@case("gc", LOOK)
def _(machine, tmp_path):
    yield command("gc")


def from_backup(path):
    """As from a backup: the same bytes in another inode."""
    aside = path.with_name(f"{path.name}.aside")
    shutil.copy2(path, aside)
    shutil.chown(aside, ACCOUNT, ACCOUNT)
    aside.rename(path)


@case("accept-restore", CHANGE)
def _(machine, tmp_path):
    user, _ = machine.enrolled_user()
    from_backup(user.state_file)
    yield command("accept-restore", user.name)


@case("accept-restore/all", CHANGE)
def _(machine, tmp_path):
    with machine.another_vault():
        from_backup(machine.enrolled_user()[0].state_file)
        yield command("accept-restore", "--all")


@case("accept-restore/offline", CHANGE)
def _(machine, tmp_path):
    user, _ = machine.enrolled_user()
    from_backup(user.state_file)
    yield command("--offline", "accept-restore", user.name)


# the host


@case("config check", LOOK)
def _(machine, tmp_path):
    yield command("config", "check")


@case("config template", LOOK)
def _(machine, tmp_path):
    yield command("config", "template", "letter.html")


@case("config edit", CHANGE)
def _(machine, tmp_path):
    before, wanted = POLICY.read_text(), tmp_path / "wanted.toml"
    wanted.write_text(f"{before}# of another time\n")
    words = ["env", f"EDITOR=cp {wanted}", OTPCTL, "config", "edit", "--json"]
    yield lambda: objects(subprocess.run(words, capture_output=True, text=True, timeout=60))
    POLICY.write_text(before)


@case("doctor", LOOK)
def _(machine, tmp_path):
    yield lambda: [json.loads(otpctl("doctor", "--json").stdout)]


@case("explain", LOOK)
def _(machine, tmp_path):
    with sudo_that_is_gated(machine) as (user, _):
        yield command("explain", user.name, "sudo")


@case("migrate-pam", LOOK)
def _(machine, tmp_path):
    text = "auth [success=1 default=ignore] pam_rootok.so\nauth required pam_oath.so window=9 digits=6 alwaysok x\naccount required pam_unix.so\n"
    yield lambda: [json.loads(otpctl("migrate-pam", "--both", "--json", "--service", "su", "-", stdin=text).stdout)]


@case("gate enable", CHANGE)
def _(machine, tmp_path):
    user, key = machine.enrolled_user()
    yield at_a_terminal(["gate", "enable", "sudo", "--admin", user.name, "--no-rollback"], key.first, key.second)


@contextmanager
def sudo_that_is_gated(machine):
    user, key = machine.enrolled_user()
    at_a_terminal(["gate", "enable", "sudo", "--admin", user.name, "--no-rollback"], key.first, key.second)()
    yield user, key


@case("gate confirm", ALREADY)
def _(machine, tmp_path):
    with sudo_that_is_gated(machine):  # tests/gate/test_rollback.py has one that waits
        yield command("gate", "confirm", "sudo")


@case("gate disable", CHANGE)
def _(machine, tmp_path):
    with sudo_that_is_gated(machine):
        yield command("gate", "disable", "sudo")


@case("gate disable/all", CHANGE)
def _(machine, tmp_path):
    with sudo_that_is_gated(machine):
        yield command("gate", "disable", "--all")


@case("gate status", LOOK)
def _(machine, tmp_path):
    with sudo_that_is_gated(machine):
        yield command("gate", "status")


@case("gate test", ACT)
def _(machine, tmp_path):
    user, key = machine.enrolled_user()
    yield at_a_terminal(["gate", "test", "sudo", "--admin", user.name], key.first, key.second)


@case("emergency bypass", CHANGE)
def _(machine, tmp_path):
    user = machine.new_user()
    yield command("emergency", "bypass", user.name, "--reason", "lost her phone", "--for", "1h")
    otpctl("emergency", "end", user.name)


@case("emergency end", CHANGE)
def _(machine, tmp_path):
    user = machine.new_user()
    otpctl("emergency", "bypass", user.name, "--reason", "a test")
    yield command("emergency", "end", user.name)


@case("emergency list", LOOK)
def _(machine, tmp_path):
    user = machine.new_user()
    otpctl("emergency", "bypass", user.name, "--reason", "a test")
    yield command("emergency", "list")
    otpctl("emergency", "end", user.name)


@case("host-key export", CHANGE)
def _(machine, tmp_path):
    yield command("host-key", "export", tmp_path / "export", stdin=f"{PASSPHRASE}\n")


@case("host-key import", CHANGE)
def _(machine, tmp_path):
    copy, export = tmp_path / "copy", tmp_path / "export"
    shutil.copy2(HOST_KEY, copy)
    otpctl("host-key", "export", export, stdin=f"{PASSPHRASE}\n")
    HOST_KEY.unlink()
    yield command("host-key", "import", export, stdin=f"{PASSPHRASE}\n")
    assert HOST_KEY.read_bytes() == copy.read_bytes()


@case("host-key check", LOOK)
def _(machine, tmp_path):
    yield command("host-key", "check")


@case("clock", CHANGE)
def _(machine, tmp_path):
    mark = VAULT / "clock"
    mark.write_text(f"{int(mark.read_text()) - 2 * DAY}\n")
    yield command("--offline", "clock")


@case("vault-version", CHANGE)
def _(machine, tmp_path):
    with machine.another_vault():
        machine.stop()
        yield command("--offline", "vault-version", "1")
        machine.start()


@case("watch-passwords", LOOK)
def _(machine, tmp_path):
    assert otpctl("watch-passwords").returncode == 0
    yield command("watch-passwords")
    shutil.rmtree("/var/lib/otp-watch")
    Path("/etc/otp/watch").unlink()


@case("end-sudo", LOOK)
def _(machine, tmp_path):
    assert otpctl("end-sudo").returncode == 0  # marks of other tests
    yield command("end-sudo")


@case("mend", CHANGE)
def _(machine, tmp_path):
    user, _ = machine.enrolled_user()
    user.key_file.chmod(0o640)
    yield command("--offline", "mend")
    user.key_file.chmod(0o600)


# the tests


def otpctls(*path):
    """Every command that has no commands below it, as `otpctl --help` tells."""
    listed = run(OTPCTL, *path, "--help").partition("\nOptions:\n")[0]
    names = [name for name in re.findall(r"^  ([a-z][a-z-]*)  +\S", listed, re.M) if name != "help"]
    return [" ".join(path)] if not names else [leaf for name in names for leaf in otpctls(*path, name)]


def files():
    """The files on the disk: another inode, size or time of change is another file. A directory is what is in it."""
    places = [VAULT, POLICY.parent, OUTBOX.parent, PAM, Path("/etc/sudoers.d"), Path("/etc/ssh"), Path("/run/otp-emergency")]
    there = itertools.chain.from_iterable([place, *place.rglob("*")] for place in places if place.exists())
    about = {str(path): path.lstat() for path in there}
    return {path: (one.st_ino, *([] if stat.S_ISDIR(one.st_mode) else [one.st_size, one.st_mtime_ns, one.st_ctime_ns])) for path, one in about.items()}


def without_looks(lines):
    """And without what the daemon says unasked."""
    return [line for line in lines if not re.search(r"event=(allowed|left-out|account-gone)\b", line)]


def test_every_command_has_a_row_and_is_run(machine):
    there = set(otpctls())
    assert len(there) >= 33 and there == commands() == {name.split("/")[0] for name in CASES}
    for words in there:
        assert re.search(r"^ +--json\b", run(OTPCTL, *words.split(), "--help"), re.M), words


@pytest.mark.parametrize("name", CASES)
def test_a_command_writes_what_the_page_says_and_changes_nothing_twice(machine, stock, journal, tmp_path, name):
    kind, prepared = CASES[name]
    shapes = shapes_of(name.split("/")[0])
    with prepared(machine, tmp_path) as once:
        first = once()
        for one in first:
            fits_one_of(one, shapes)
        if kind == ACT:
            assert first[-1].get("changed", True) is True
            return
        at_first, start = files(), journal.position()
        second = once()
        for one in second:
            fits_one_of(one, shapes)
        assert files() == at_first and without_looks(journal.all_since(start)) == []
        if kind in (CHANGE, ALREADY):
            assert (first[-1]["changed"], second[-1]["changed"]) == (kind == CHANGE, False), (first, second)
        else:
            assert "changed" not in first[-1] and first == second
    shutil.rmtree(GATES, ignore_errors=True)


@pytest.mark.parametrize(
    "found",
    [
        {"user": "alice"},
        {"user": "alice", "made": 1, "left": []},
        {"user": "alice", "made": 1, "made_utc": "soon", "left": []},
        {"user": "alice", "made": True, "made_utc": "2026-11-29T00:00:00Z", "left": []},
        {"user": None, "made": 1, "made_utc": "2026-11-29T00:00:00Z", "left": []},
        {"user": "alice", "made": 1, "made_utc": "2026-11-29T00:00:00Z", "left": [7]},
        {"user": "alice", "made": 1, "made_utc": "2026-11-29T00:00:00Z", "left": [], "more": 1},
    ],
)
def test_another_shape_is_seen(found):
    wanted = shape('{"user": text, "made": time, "left": [text], "by": text?}')
    fits({"user": "alice", "made": 1, "made_utc": "2026-11-29T00:00:00Z", "left": ["a"], "by": None}, wanted)
    with pytest.raises(Mismatch):
        fits(found, wanted)
