"""Hardware tokens from their makers' files, as the real python-pskc writes them and the real pskctool reads them: stored by serial number,
assigned by codes, and hostile files."""

import json
import os
import re
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pskc import PSKC

from harness.enrolment import random_secret
from harness.machine import AUTH_ERR, OTPCTL, SUCCESS, VAULT, otpctl, run, shifted_now, write
from harness.notices import notices
from harness.terminal import Terminal
from harness.totp import totp
from harness.wire import Client, call, refusal, refusal_on

REACH = 1050  # counters; a code is looked for among a thousand of them
KIND = "urn:ietf:params:xml:ns:keyprov:pskc:"
FILE, KEY_FILE = Path("/root/tokens.xml"), Path("/root/tokens.key")


@pytest.fixture(autouse=True)
def no_token_left():
    yield
    for path in (FILE, KEY_FILE):
        path.unlink(missing_ok=True)
    for token in call("ListTokens")["tokens"]:
        call("RemoveToken", serial=token["serial"], manufacturer=token.get("manufacturer"))
    for file in VAULT.glob("tokens/*"):
        file.unlink()


class Device:
    """A token in the hand of a person."""

    def __init__(self, kind="hotp", serial=None, **facts):
        self.kind, self.secret = kind, facts.pop("secret", None) or os.urandom(20)
        self.serial = serial or f"{int.from_bytes(os.urandom(4)):010}"
        self.facts = {"manufacturer": "Maker", "response_length": 6, **({"counter": 0} if kind == "hotp" else {"time_interval": 30}), **facts}

    def code(self, counter):
        hash_name = (self.facts.get("algorithm_suite") or "HMAC-SHA1").removeprefix("HMAC-")
        return totp(self.secret, counter, hash_name, self.facts["response_length"])

    def step(self):
        return int(shifted_now() // self.facts["time_interval"])


def without_equal_codes(**facts):
    """A token of which no two codes within reach are the same, or one that is looked for may be found elsewhere."""
    while True:
        device = Device(**facts)
        if len({device.code(counter) for counter in range(REACH)}) == REACH:
            return device


def pskc(*devices, protect=lambda file: None):
    file = PSKC()
    for device in devices:
        file.add_key(serial=device.serial, secret=device.secret, algorithm=KIND + device.kind, response_encoding="DECIMAL", **device.facts)
    protect(file)
    file.write(str(FILE))
    FILE.chmod(0o600)
    return FILE


def import_file(*words, stdin=None):
    return otpctl("import", "pskc", *words, FILE, stdin=stdin)


def counted(done, imported=0, already=0, refused=0):
    assert done.returncode == (1 if refused else 0), done
    assert f"imported: {imported}, already here: {already}, refused: {refused}\n" in done.stdout, done
    return done.stdout


def unassigned():
    return call("ListTokens")["tokens"]


def assigned(device, user, *codes, label=None):
    with Client() as client:
        client.call("AssignToken", serial=device.serial, user=user.name, **({"label": label} if label else {}))
        for code in codes[:-1]:
            assert refused_on(client, code) == "next-code"
        return client.call("ConfirmEnrolment", code=codes[-1])["key"]


def refused_on(client, code):
    return refusal_on(client, "ConfirmEnrolment", code=code).parameters["diagnosis"]


def token_refusal(method, uid=0, **parameters):
    found = refusal(uid, method, **parameters)
    return found.parameters.get("reason") if found.name == "NotPossible" else found.name


# the way of a token


def test_a_token_that_counts_is_nobodys_until_two_codes_give_it_to_a_user(machine, user):
    device = Device(counter=38)
    pskc(device)
    tried = counted(import_file("--dry-run"), imported=1)
    assert re.search(rf"^{device.serial} +line \d+ +would be imported$", tried, re.M) and unassigned() == []
    counted(import_file(), imported=1)
    [token] = unassigned()
    assert (token["serial"], token["manufacturer"], token["kind"], token["counter"], token["opens"]) == (device.serial, "Maker", "hotp", 38, True)
    assert machine.ask("otp", user, device.code(38))[0] == AUTH_ERR
    assert "already here" in counted(import_file(), already=1)
    done = otpctl("token", "assign", device.serial, user.name, "--json", stdin=f"{device.code(38)}\n{device.code(39)}\n")
    assert done.returncode == 0 and json.loads(done.stdout.splitlines()[-1])["confirmed"]["key"]["label"] == device.serial, done
    assert unassigned() == [] and not list(VAULT.glob("tokens/*"))
    codes = [(39, AUTH_ERR), (37, AUTH_ERR), (40, SUCCESS), (40, AUTH_ERR), (41, SUCCESS)]
    assert [machine.ask("otp", user, device.code(counter))[0] for counter, _ in codes] == [outcome for _, outcome in codes]
    assert f"already here, assigned to {user.name}" in counted(import_file(), already=1)
    assert [one["event"] for one in notices(user)] == ["admin-enrolled"]


def test_a_token_that_goes_by_the_time_is_confirmed_by_one_code(machine, user):
    device = Device("totp", algorithm_suite="HMAC-SHA256", response_length=8, time_interval=60)
    pskc(device)
    counted(import_file(), imported=1)
    with machine.mid_step():
        now = device.step()
        key = assigned(device, user, device.code(now), label="fob")
        assert [key[name] for name in ("label", "algorithm", "digits", "period")] == ["fob", "SHA256", 8, 60]
        assert machine.ask("otp", user, device.code(now))[0] == AUTH_ERR, "burnt"
    with machine.clock(120):
        assert machine.ask("otp", user, device.code(device.step()))[0] == SUCCESS


def test_a_code_from_before_the_counter_of_the_file_confirms_nothing(user):
    device = without_equal_codes(counter=20)
    pskc(device)
    import_file()
    with Client() as client:
        client.call("AssignToken", serial=device.serial, user=user.name)
        for counter in (5, 6, 18, 19):
            assert refused_on(client, device.code(counter)) != "next-code"
    assert [token["serial"] for token in unassigned()] == [device.serial] and not user.key_file.exists()


def test_a_token_that_was_pressed_often_is_found_and_one_that_was_pressed_too_often_is_not(machine):
    for first, found in ((500, True), (990, True), (1002, False)):
        device, user = without_equal_codes(counter=1), machine.new_user()
        pskc(device)
        import_file()
        with Client() as client:
            client.call("AssignToken", serial=device.serial, user=user.name)
            assert (refused_on(client, device.code(first)) == "next-code") == found, first
            if found:
                assert refused_on(client, device.code(first + 7)) == "next-code", "not in a row: begun again"
                client.call("ConfirmEnrolment", code=device.code(first + 8))
        if found:
            used = [(first, AUTH_ERR), (first + 8, AUTH_ERR), (first + 9, SUCCESS)]
            assert [machine.ask("otp", user, device.code(counter))[0] for counter, _ in used] == [outcome for _, outcome in used]


# protection


def preshared(file, length=32):
    file.encryption.setup_preshared_key(key=bytes(range(length)), algorithm=f"aes{length * 8}-cbc")


PROTECTIONS = {
    "aes-128": (lambda file: preshared(file, 16), bytes(range(16)).hex()),
    "aes-192": (lambda file: preshared(file, 24), bytes(range(24)).hex()),
    "aes-256": (preshared, bytes(range(32)).hex().upper()),
    "passphrase": (lambda file: file.encryption.setup_pbkdf2("two words ", iterations=2000), "two words "),
    "passphrase-256": (lambda file: file.encryption.setup_pbkdf2("pass", iterations=2000, algorithm="aes256-cbc", prf="hmac-sha256"), "pass"),
}


@pytest.mark.parametrize("name", PROTECTIONS)
def test_an_encrypted_file_is_opened_by_the_key_that_its_maker_sent(name, user):
    protect, key = PROTECTIONS[name]
    device = Device()
    pskc(device, protect=protect)
    write(KEY_FILE, key + "\n", 0o600)
    counted(import_file("--key-file", KEY_FILE), imported=1)
    assert assigned(device, user, device.code(1), device.code(2))["label"] == device.serial


def test_the_key_comes_on_standard_input_too_and_a_wrong_one_opens_nothing():
    protect, key = PROTECTIONS["aes-256"]
    device = Device()
    pskc(device, protect=protect)
    wrong = import_file(stdin="00" * 32 + "\n")
    assert wrong.returncode == 1 and unassigned() == [], wrong
    for nothing in ("", "\n", "no hex\n", "0011\n"):
        assert import_file(stdin=nothing).returncode == 1 and unassigned() == []
    counted(import_file(stdin=key + "\n"), imported=1)


@pytest.mark.parametrize(("mode", "owner"), [(0o640, 0), (0o604, 0), (0o600, 1)])
def test_a_key_file_that_others_may_know_is_refused(mode, owner):
    protect, key = PROTECTIONS["aes-256"]
    pskc(Device(), protect=protect)
    write(KEY_FILE, key, mode)
    os.chown(KEY_FILE, owner, 0)
    done = import_file("--key-file", KEY_FILE)
    assert done.returncode == 1 and "mode 0600" in done.stderr and unassigned() == [], done


def test_a_plain_file_instead_of_an_encrypted_one_is_noticed():
    pskc(Device())
    write(KEY_FILE, "00" * 32, 0o600)
    done = import_file("--key-file", KEY_FILE)
    assert done.returncode == 1 and "not encrypted" in done.stderr and unassigned() == []


def test_what_is_imported_is_what_pskctool_reads():
    devices = [Device(counter=5), Device("totp", response_length=8)]
    info = run("pskctool", "--info", pskc(*devices))
    counted(import_file(), imported=2)
    for device, token in zip(sorted(devices, key=lambda one: one.serial), unassigned(), strict=True):
        assert token["serial"] == device.serial and f"SerialNo: {device.serial}" in info
    for secret in re.findall(r"Key Secret \(base64\): (\S+)", info):
        assert secret not in "".join(path.read_text() for path in VAULT.glob("tokens/*"))


def test_at_a_terminal_the_key_is_not_shown_and_codes_are_asked_for(user):
    protect, key = PROTECTIONS["passphrase-256"]
    device = Device()
    pskc(device, protect=protect)
    terminal = Terminal([OTPCTL, "import", "pskc", FILE], columns=100)
    terminal.awaits("Passphrase of the file: ")
    terminal.types_hidden(key)
    assert terminal.ends() == 0 and key not in terminal.transcript
    terminal = Terminal([OTPCTL, "token", "assign", device.serial, user.name], columns=100)
    terminal.awaits("by two in a row, if it counts")
    for counter in (1, 2):
        terminal.awaits("Code from the token: ")
        terminal.types(device.code(counter))
    assert terminal.ends() == 0 and f'token "{device.serial}" is stored' in terminal.transcript


# hostile files


def test_a_stripped_or_wrong_mac_is_refused():
    protect, key = PROTECTIONS["aes-256"]
    text = pskc(Device(), Device(), protect=protect).read_text()
    for from_, to, said in (
        (r"<pskc:ValueMAC>.*?</pskc:ValueMAC>", "", "without ValueMAC"),
        (r"<pskc:ValueMAC>....", "<pskc:ValueMAC>ABCD", "MAC is another"),
        (r"<pskc:MACMethod.*?</pskc:MACMethod>", "", "one of EncryptionKey and MACMethod"),
    ):
        changed = re.sub(from_, to, text, count=1, flags=re.S)
        assert changed != text
        write(FILE, changed, 0o600)
        done = import_file(stdin=key + "\n")
        assert done.returncode == 1 and said in done.stdout + done.stderr, done
        assert len(unassigned()) <= 1, "the other one alone"
        for token in unassigned():
            call("RemoveToken", serial=token["serial"])


HOSTILE = {
    "iterations": (lambda text: re.sub(r"(<IterationCount>)\d+", r"\g<1>4000000000", text), "1 to 10000000"),
    "bomb": (lambda text: text.replace("?>", '?><!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>', 1), "without entities"),
    "no xml": (lambda text: text[: len(text) // 2], "no well-formed XML"),
    "another root": (lambda text: text.replace("KeyContainer", "KeyBasket"), "KeyContainer of RFC 6030"),
    "attributes": (lambda text: text.replace("<pskc:KeyPackage", "<pskc:KeyPackage " + " ".join(f"a{n}='1'" for n in range(9000)), 1), "at most 64"),
    "empty": (lambda _: "", "nothing was imported"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_whole_and_soon(name):
    change, said = HOSTILE[name]
    protect, key = PROTECTIONS["passphrase"]
    text = pskc(Device(), protect=protect).read_text()
    write(FILE, change(text), 0o600)
    done = import_file(stdin=key + "\n")
    assert done.returncode == 1 and said in done.stderr and unassigned() == [], done


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"secret": b"ten bytes!"}, "a secret of 80 bits; wanted 128 or more"),
        ({"secret": b"x" * 65}, "65 bytes"),
        ({"response_length": 4}, "6 to 8 decimal digits"),
        ({"response_length": 9}, "6 to 8 decimal digits"),
        ({"response_check": True}, "check digit"),
        ({"algorithm_suite": "HMAC-MD5"}, "HMAC-SHA1, HMAC-SHA256 or HMAC-SHA512"),
        ({"kind": "totp", "time_interval": 5}, "15 to 120 seconds"),
        ({"kind": "totp", "time_interval": 86400}, "15 to 120 seconds"),
        ({"kind": "ocra"}, "hotp or totp"),
        ({"counter": 2**62}, "4611686018427387903"),
        ({"serial": "7" * 65}, "1 to 64 bytes"),
        ({"manufacturer": "m" * 65}, "1 to 64 bytes"),
    ],
)
def test_a_key_that_cannot_be_one_here_is_refused_and_the_rest_goes_on(facts, said):
    good = Device()
    facts.setdefault("kind", "hotp")
    bad = Device(**facts)
    pskc(bad, good)
    told = counted(import_file(), imported=1, refused=1)
    assert said in told and re.search(r"line \d+ +refused: ", told), told
    assert [token["serial"] for token in unassigned()] == [good.serial]
    rows = [json.loads(line) for line in import_file("--json").stdout.splitlines()]
    assert [row["outcome"] for row in rows[:2]] == ["too-short" if "80 bits" in said else "refused", "already"] and rows[2]["refused"] == 1


def test_a_serial_number_that_stands_twice_is_nobodys_unless_both_are_the_same_key():
    one, other = Device(serial="S-7"), Device(serial="S-7")
    pskc(one, other)
    told = counted(import_file(), refused=2)
    assert told.count("found that serial number and manufacturer in lines ") == 2 and unassigned() == []
    pskc(one, one)
    counted(import_file(), imported=1, already=1)
    pskc(other)
    assert "another secret" in counted(import_file(), refused=1) and len(unassigned()) == 1


def test_a_token_without_a_manufacturer_is_the_one_that_is_named_without(user):
    plain, other = Device(serial="S-7", manufacturer=None), Device(serial="S-7", manufacturer="Other")
    pskc(plain, other)
    counted(import_file(), imported=2)
    codes = f"{plain.code(3)}\n{plain.code(4)}\n"
    assert otpctl("token", "assign", "S-7", user.name, "--json", stdin=codes).returncode == 0
    assert [token["manufacturer"] for token in unassigned()] == ["Other"]


def test_without_a_usable_directory_of_tokens_the_daemon_starts_and_gates_go_on(machine, enrolled):
    user, key = enrolled
    pskc(Device())
    counted(import_file(), imported=1)
    directory = VAULT / "tokens"
    try:
        with machine.daemon_stopped():
            directory.chmod(0o755)
        assert machine.running() and machine.ask("otp", user, key.first)[0] == SUCCESS
        assert "untrusted-file" in otpctl("token", "list").stderr
    finally:
        directory.chmod(0o700)
    assert len(unassigned()) == 1


def test_tokens_of_two_manufacturers_may_have_one_serial_number(user):
    one, other = Device(serial="S-7", manufacturer="One"), Device(serial="S-7", manufacturer="Other")
    pskc(one, other)
    counted(import_file(), imported=2)
    done = otpctl("token", "assign", "S-7", user.name)
    assert done.returncode == 1 and "--manufacturer" in done.stderr, done
    assert token_refusal("RemoveToken", serial="S-7") == "several-tokens"
    codes = f"{other.code(3)}\n{other.code(4)}\n"
    assert otpctl("token", "assign", "S-7", user.name, "--manufacturer", "Other", "--json", stdin=codes).returncode == 0
    assert [token["manufacturer"] for token in unassigned()] == ["One"]
    removed = otpctl("token", "remove", "S-7")
    assert removed.returncode == 0 and unassigned() == []
    assert "nothing was changed" in otpctl("token", "remove", "S-7").stdout


# one secret is one key


def test_a_secret_is_one_token_or_one_key(machine, user):
    device, other = Device(), machine.new_user()
    pskc(device)
    import_file()
    base32 = run("oathtool", "-v", device.secret.hex()).split("Base32 secret: ")[1].split()[0]
    for method in ("AddToken", "ImportKey"):
        assert token_refusal(method, user=user.name, secret=base32, kind="hotp") == "token-unassigned"
    pskc(Device(secret=device.secret))
    assert "an unassigned token has this secret" in counted(import_file(), refused=1)
    assigned(device, user, device.code(1), device.code(2))
    assert token_refusal("AddToken", user=other.name, secret=base32) == "secret-in-use"
    pskc(Device(secret=device.secret))
    assert f"assigned to {user.name}" in counted(import_file(), already=1)


def test_of_two_who_assign_one_token_one_does(machine, user):
    device, other = Device(), machine.new_user()
    pskc(device)
    import_file()
    with Client() as first, Client() as second:
        first.call("AssignToken", serial=device.serial, user=user.name)
        second.call("AssignToken", serial=device.serial, user=other.name)
        for client in (first, second):
            assert refused_on(client, device.code(1)) == "next-code"
        second.call("ConfirmEnrolment", code=device.code(2))
        assert refusal_on(first, "ConfirmEnrolment", code=device.code(2)).parameters["reason"] == "secret-in-use"
    assert not user.key_file.exists() and other.key_file.exists()


def test_a_token_that_is_removed_while_it_is_assigned_is_not(user):
    device = Device("totp")
    pskc(device)
    import_file()
    with Client() as client:
        client.call("AssignToken", serial=device.serial, user=user.name)
        call("RemoveToken", serial=device.serial)
        assert refusal_on(client, "ConfirmEnrolment", code=device.code(device.step())).parameters["reason"] == "no-such-token"
    assert not user.key_file.exists()


# files


def test_what_a_backup_brings_back_is_no_second_key(machine, user):
    device = Device()
    pskc(device)
    import_file()
    [file] = VAULT.glob("tokens/*")
    kept, about = file.read_bytes(), file.stat()
    assigned(device, user, device.code(1), device.code(2))
    for restart in (False, True):
        file.write_bytes(kept)
        os.chown(file, about.st_uid, about.st_gid)
        file.chmod(0o600)
        assert token_refusal("AssignToken", serial=device.serial, user=machine.new_user().name) == "secret-in-use"
        if restart:
            machine.stop()
            machine.start()
            assert not file.exists()
        assert unassigned() == [] and not file.exists()


def test_a_seal_that_does_not_open_is_told_and_the_makers_file_mends_it(user):
    device, other = Device(), Device()
    pskc(device, other)
    import_file()
    files = {path: path.read_bytes() for path in VAULT.glob("tokens/*")}
    for path, text in files.items():
        path.write_bytes(text.replace(b"counter = 0", b"counter = 7") if device.serial.encode() in text else b"junk")
    told = otpctl("token", "list")
    assert told.returncode == 1 and "cannot be read" in told.stdout and "tokens that cannot be assigned: " in told.stderr, told
    assert token_refusal("AssignToken", serial=device.serial, user=user.name) == "no-such-token"
    counted(import_file(), imported=2)
    assert otpctl("token", "list").returncode == 0 and {path.name for path in VAULT.glob("tokens/*")} == {path.name for path in files}
    assigned(device, user, device.code(1), device.code(2))


def test_what_was_copied_with_other_modes_is_told_and_mended():
    pskc(Device())
    import_file()
    [file] = VAULT.glob("tokens/*")
    for path in (file, VAULT / "tokens"):
        path.chmod(0o755)
    assert otpctl("token", "list").returncode == 1
    assert otpctl("--offline", "mend").returncode == 0
    assert len(unassigned()) == 1 and file.stat().st_mode & 0o777 == 0o600


def test_another_host_key_is_told(machine):
    pskc(Device())
    import_file()
    [file] = VAULT.glob("tokens/*")
    text = file.read_text().split("\n", 1)[1]
    sealed = re.search(r'sealed = "(..)', text)[1]
    text = text.replace(f'sealed = "{sealed}', f'sealed = "{int(sealed, 16) ^ 1:02x}')
    file.write_text(f'crc32 = "{zlib.crc32(text.encode()):08x}"\n{text}')
    assert [token["opens"] for token in unassigned()] == [False]
    assert "the seal does not open" in otpctl("token", "list").stdout
    assert token_refusal("AssignToken", serial=unassigned()[0]["serial"], user=machine.new_user().name) == "token-broken"
    counted(import_file(), imported=1)
    assert [token["opens"] for token in unassigned()] == [True]


def test_the_dates_of_a_token_hold(machine, user):
    date = lambda seconds: datetime.fromtimestamp(int(shifted_now()) + seconds, UTC)  # noqa: E731
    over, early, soon = Device(expiry_date=date(-60)), Device(start_date=date(3600)), Device("totp", expiry_date=date(3600))
    pskc(over, early, soon)
    told = counted(import_file(), imported=2, refused=1)
    assert re.search(rf"^{over.serial} .*refused: the token has expired, according to its file", told, re.M), told
    assert token_refusal("AssignToken", serial=early.serial, user=user.name) == "token-early"
    key = assigned(soon, user, soon.code(soon.step()))
    assert key["expires"] == int(soon.facts["expiry_date"].timestamp())
    with machine.clock(7200):
        assigned(early, machine.new_user(), early.code(1), early.code(2))
        assert machine.ask("otp", user, soon.code(soon.step()))[0] == AUTH_ERR


def test_rights(machine, user):
    device, admin, viewer = Device(), machine.new_user(), machine.new_user()
    pskc(device)
    import_file()
    for member, group in ((admin, "otp-admin"), (viewer, "otp-viewer")):
        machine.join(member, group)
    token = {"serial": device.serial}
    assert token_refusal("ImportToken", uid=admin.uid, serial="x", secret=random_secret()) == "NotAllowed"
    assert otpctl("import", "pskc", FILE, user=admin).returncode == 1
    for one in (user, viewer):
        assert token_refusal("AssignToken", uid=one.uid, user=user.name, **token) == "NotAllowed"
        assert token_refusal("RemoveToken", uid=one.uid, **token) == "NotAllowed"
    assert token_refusal("ListTokens", uid=user.uid) == "NotAllowed"
    assert token_refusal("AssignToken", uid=admin.uid, user=admin.name, **token) == "NotAllowed", "nobody for themselves"
    assert len(call("ListTokens", uid=viewer.uid)["tokens"]) == 1
    with Client(uid=admin.uid) as client:
        client.call("AssignToken", user=user.name, **token)
        assert refused_on(client, device.code(1)) == "next-code"
        assert client.call("ConfirmEnrolment", code=device.code(2))["user"] == user.name


def test_no_secret_is_told_anywhere(user, journal):
    device, start = Device(), journal.position()
    pskc(device)
    told = import_file().stdout + import_file("--json").stdout + otpctl("token", "list").stdout + otpctl("token", "list", "--json").stdout
    told += "".join(path.read_text() for path in VAULT.glob("tokens/*")) + "\n".join(journal.all_since(start))
    forms = [device.secret.hex(), run("oathtool", "-v", device.secret.hex()).split("Base32 secret: ")[1].split()[0]]
    assert device.serial in told and "event=token-imported" in told and not [form for form in forms if form.lower() in told.lower()]
    for path in (VAULT / "tokens", *VAULT.glob("tokens/*")):
        assert path.stat().st_mode & 0o077 == 0 and path.stat().st_uid == VAULT.stat().st_uid
