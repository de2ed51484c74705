"""otpctl host-key: out to a safe, back from it, and whether host key and vault belong together."""

import re
import subprocess

import pytest

from harness.machine import HOST_KEY, SUCCESS, as_user, run
from harness.terminal import Terminal, dialogue

PASSPHRASE = "correct horse battery"
ESCROWED = HOST_KEY.parent / "escrowed"
NEW, AGAIN, OPEN = "New passphrase for the export: ", "Repeat the passphrase: ", "Passphrase of the export: "


@pytest.fixture
def safe(machine, tmp_path):
    """A place for exports; afterwards the host key is where it was, and its export forgotten."""
    kept = HOST_KEY.read_bytes()
    yield tmp_path
    if not HOST_KEY.exists() or HOST_KEY.read_bytes() != kept:
        HOST_KEY.unlink(missing_ok=True)
        HOST_KEY.write_bytes(kept)
        HOST_KEY.chmod(0o400)
    ESCROWED.unlink(missing_ok=True)


def fails(code, *words):
    """The complaint of a command that ends with this code."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done
    return done.stderr


def export(path, *passphrases):
    prompts = (NEW, AGAIN)
    return dialogue(["otpctl", "host-key", "export", path], list(zip(prompts, passphrases or (PASSPHRASE, PASSPHRASE), strict=False)))


def test_a_key_from_its_export_opens_every_key_again(machine, enrolled, safe):
    user, key = enrolled
    assert export(safe / "key").status == 0
    assert (safe / "key").stat().st_mode & 0o777 == 0o600 and HOST_KEY.read_text().split(":")[1].strip() not in (safe / "key").read_text()
    HOST_KEY.unlink()
    assert machine.ask("otp", user, key.first)[0] != SUCCESS
    back = dialogue(["otpctl", "host-key", "import", safe / "key"], [(OPEN, PASSPHRASE)])
    assert back.status == 0, back
    assert HOST_KEY.stat().st_mode & 0o7777 == 0o400 and HOST_KEY.stat().st_uid == 0
    assert machine.ask("otp", user, key.first)[0] == SUCCESS


def test_what_was_shown_is_typed_back(machine, safe):
    shown = dialogue(["otpctl", "host-key", "export", "--show"], [])
    (line,) = re.findall(r"^otp-host-key-1:[0-9a-f]{64}$", shown.text, re.M)
    for typed in (line, line.split(":")[1], " ".join(re.findall(".{8}", line.split(":")[1]))):
        HOST_KEY.unlink()
        assert dialogue(["otpctl", "host-key", "import"], [("Host key: ", typed)]).status == 0, typed
        assert HOST_KEY.read_text().strip() == line
    assert "standard output is not a terminal" in fails(2, "otpctl", "host-key", "export", "--show")


def test_an_export_is_on_record_and_logged_at_alert_and_root_is_reminded_until_then(machine, safe, journal):
    listed = ["otpctl", "status", "root"]
    reminder = "the host key has never been exported"
    assert reminder in dialogue(listed, []).text and reminder not in run(*listed)
    start = journal.position()
    assert export(safe / "key").status == 0
    (line,) = [line for line in journal.since(start) if "event=host-key-exported" in line]
    assert line.startswith("<81>") and "how=file" in line and 'by="uid 0' in line
    assert reminder not in dialogue(listed, []).text
    assert ESCROWED.stat().st_mode & 0o777 == 0o644 and "exported = " in ESCROWED.read_text()
    assert "last exported" in run("otpctl", "host-key", "check")


def test_users_are_neither_reminded_nor_given_the_key(machine, user, safe):
    listed = dialogue([*as_user(user), "otpctl", "status"], [])
    assert "never been exported" not in listed.text
    for words in (["export", "--show"], ["export", safe / "x"], ["import", safe / "x"], ["check"]):
        assert "only root" in fails(1, *as_user(user), "otpctl", "host-key", *words)


def test_a_key_of_another_vault_is_refused_and_never_put_over_one(machine, safe):
    export(safe / "key")
    other = safe / "other"
    other.write_text("otp-host-key-1:" + "ab" * 32 + "\n")
    assert re.search(r"this is host key [0-9a-f]{16}; the vault wants [0-9a-f]{16}", fails(1, "otpctl", "host-key", "import", other))
    before = HOST_KEY.read_bytes()
    assert "already in place" in dialogue(["otpctl", "host-key", "import", safe / "key"], [(OPEN, PASSPHRASE)]).text
    HOST_KEY.unlink()
    HOST_KEY.write_text(other.read_text())
    HOST_KEY.chmod(0o400)
    refused = dialogue(["otpctl", "host-key", "import", safe / "key"], [(OPEN, PASSPHRASE)])
    assert refused.status == 1 and "move it away first" in refused.text
    assert HOST_KEY.read_text() == other.read_text() and "the vault wants" in fails(1, "otpctl", "host-key", "check")
    HOST_KEY.unlink()
    HOST_KEY.write_bytes(before)
    HOST_KEY.chmod(0o400)


@pytest.mark.parametrize(("first", "second", "reason"), [("short", None, "wanted 12 or more"), (PASSPHRASE, PASSPHRASE + "x", "differ")])
def test_a_passphrase_that_will_not_do_exports_nothing(machine, safe, first, second, reason):
    refused = export(safe / "key", *[text for text in (first, second) if text])
    assert refused.status == 1 and reason in refused.text
    assert not (safe / "key").exists() and not ESCROWED.exists()


def test_a_wrong_passphrase_a_damaged_export_and_what_is_none_say_so(machine, safe):
    export(safe / "key")
    wrong = dialogue(["otpctl", "host-key", "check", safe / "key"], [(OPEN, "another passphrase")])
    assert wrong.status == 1 and "not the one of this export" in wrong.text
    text = (safe / "key").read_text()
    (safe / "key").write_text(text.replace("passes = 3", "passes = 99"))
    assert "wanted 1 to 16" in fails(1, "otpctl", "host-key", "check", safe / "key")
    begin = "00" if 'host_key = "00' not in text else "11"
    (safe / "key").write_text(re.sub(r'host_key = "..', f'host_key = "{begin}', text))
    assert f"holds host key {begin}" in fails(1, "otpctl", "host-key", "check", safe / "key")
    (safe / "key").write_text("x" * 5000)
    assert "larger than 4096 bytes" in fails(1, "otpctl", "host-key", "check", safe / "key")
    assert "No such file" in fails(1, "otpctl", "host-key", "check", safe / "nothing")


def test_an_export_goes_over_nothing_and_an_interrupt_leaves_nothing(machine, safe):
    (safe / "there").write_text("mine")
    assert "is not overwritten" in fails(2, "otpctl", "host-key", "export", safe / "there")
    assert (safe / "there").read_text() == "mine"
    terminal = Terminal(["otpctl", "host-key", "export", safe / "key"])
    terminal.awaits(NEW)
    terminal.types_hidden("\x03")
    assert terminal.ends() == 1 and not (safe / "key").exists() and not ESCROWED.exists()
