"""The documents name nothing that is not there: tests, options, policy keys, links, and files readable by the description alone."""

import hashlib
import hmac
import os
import re
import shutil
import struct
import subprocess
from binascii import crc32

import pytest

from harness.machine import DAEMON, HOST_KEY, OTPCTL, POLICY, ROOT, VAULT, Key, default_policy, run, write
from harness.wire import Client, Refused

MAN = ROOT / "packaging/man"
PAGES = ROOT.glob("*.md"), (ROOT / "docs").rglob("*.md")
DOCUMENTS = sorted(page for pages in PAGES for page in pages)


def names_of_tests():
    sources = [*ROOT.glob("*/src/**/*.rs"), *ROOT.glob("*/tests/**/*.rs"), *ROOT.glob("tests/*/test_*.py")]
    text = "\n".join(source.read_text() for source in sources)
    in_rust = re.findall(r"#\[test\]\s+(?:#\[[^\n]*\]\s+)*fn (\w+)", text)
    return {*in_rust, *re.findall(r"^def (test_\w+)", text, re.M)}


def table_rows(page):
    lines = (ROOT / page).read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| ")]
    assert rows
    return rows


def options_in_help(*command):
    return set(re.findall(r"--[a-z][a-z-]*", run(*command, "--help")))


def source(path):
    return (ROOT / path).read_text()


@pytest.mark.parametrize("page", ["docs/threats.md", "docs/known-bugs.md", "docs/architecture.md"])
def test_every_test_that_is_named_exists(page):
    rows = [row for row in table_rows(page) if page != "docs/architecture.md" or re.fullmatch(r"R\d+", row[0])]
    named = {name for row in rows for name in re.findall(r"`([a-z0-9_S]{12,})`", row[-1])}
    assert len(named) > 10
    assert named - names_of_tests() == set()


def test_every_known_bug_has_a_test_or_is_listed_as_open():
    known = [line for line in source("docs/known-bugs.md").splitlines() if re.match(r"\| .*(CVE-|GHSA-|RUSTSEC-|\w #)\d", line)]
    assert len(known) >= 40
    for row in known:
        assert re.search(r"\| `[a-z0-9_S]{12,}`", row), row
    assert "CVE" in source("docs/threats.md").split("## Not shown yet")[1]


def test_every_pam_option_is_in_the_manual():
    names = re.search(r"NAMES: \[&str; \d+\] = \[(.*?)\]", source("pam_otp/src/options.rs"), re.S)[1]
    names = re.findall(r'"([^"]+)"', names)
    assert len(names) >= 5
    manual = source("packaging/man/pam_otp.8")
    for name in names:
        assert f".It Cm {name}" in manual, name


def test_every_option_and_command_of_otpctl_is_in_its_manual(machine):
    manual = source("packaging/man/otpctl.1")
    groups = re.split("^(?:For .*|Options):$", run(OTPCTL, "--help"), flags=re.M)[1:-1]
    commands = [name for group in groups for name in re.findall(r"^  ([a-z-]+) ", group, re.M)]
    assert {"enrol", "invite", "list", "gate"} <= set(commands)
    for command in commands:
        assert f".It Cm {command}\n" in manual, command
        for option in options_in_help(OTPCTL, command):
            assert re.search(rf"^\.It Fl.* {option[1:]}\b", manual, re.M), option
    for option in options_in_help(OTPCTL):
        assert re.search(rf"^\.It Fl.* {option[1:]}\b", manual, re.M), option


def test_every_option_and_command_of_the_daemon_is_in_its_manual(machine):
    manual = source("packaging/man/otp-enrolld.8")
    for command in re.findall(r"^  ([a-z]+) ", run(DAEMON, "--help").split("Commands:")[1].split("Options:")[0], re.M):
        assert f".It Cm {command}\n" in manual, command
    for option in options_in_help(DAEMON):
        assert re.search(rf"^\.It Fl.* {option[1:]}\b", manual, re.M), option


def policy_keys(table=""):
    """(table, key) of every key of the policy, by asking: what the daemon says to one that does not exist."""
    names = fields_of(table)
    assert names, table
    for name in names:
        below = f"{table}.{name}".lstrip(".")
        below = "service.NAME" if below == "service" else below
        if below == "service.NAME" or fields_of(below):
            yield from policy_keys(below)
        else:
            yield table, name


def fields_of(table):
    """The names that a table may have, or None if there is no such table."""
    wanted = "max_age = 90\n" if table == "rotation" else ""  # without it the table is refused before its keys are looked at
    write(POLICY, (f"[{table}]\n" if table else "") + wanted + "no-such-key = 1\n", 0o644)
    try:
        with Client() as client, pytest.raises(Refused) as refused:
            client.call("Verify", user="root", code="no code", service="NAME")
    finally:
        default_policy()
    found = re.search(r'there is no field "no-such-key" here; there are (.*)', refused.value.parameters["reason"])
    return found and found[1].split(", ")


def test_every_key_of_the_policy_is_in_its_manual(machine):
    keys = set(policy_keys())
    own_of_service = {(table, key) for table, key in keys if table == "service.NAME"}
    assert len(own_of_service) >= 7 and len(keys) >= 29
    for table in ("window", "guesses"):
        assert {key for at, key in keys if at == f"service.NAME.{table}"} == {key for at, key in keys if at == table}
    head, *sections = source("packaging/man/otp.toml.5").split(".Ss Table ")
    manual = {"": head} | {section.split("\n")[0]: section for section in sections}
    for table, key in keys:
        if table.startswith("service.NAME."):
            table, key = table.rsplit(".", 1)
        assert f".It Va {key}\n" in manual[table], (table, key)


def test_every_example_of_the_policy_is_a_policy(machine):
    pages = source("packaging/man/otp.toml.5"), source("docs/hosts.md"), source("docs/first-day.md")
    examples = re.findall(r"\.Bd -literal.*?\n(.*?)\.Ed", pages[0], re.S)
    examples += [block for page in pages[1:] for block in re.findall(r"```toml\n(.*?)```", page, re.S)]
    assert len(examples) >= 4
    for example in examples:
        with machine.policy(example):
            with Client() as client:
                client.call("List")  # reads all of it
            for service in re.findall(r"^\[service\.([\w-]+)\]", example, re.M):
                with Client() as client:
                    assert client.call("Verify", user="root", code="no code", service=service)["verdict"]["accepted"] is False


def methods_of_the_interface():
    """The parameters of each method, with a question mark after one that is optional."""
    text = re.sub(r"^ *#.*\n", "", source("otp-protocol/src/interface/io.pam-otp.Otp1.varlink"), flags=re.M)
    found = dict(re.findall(r"^method (\w+)\(([^)]*)\)", text, re.M))
    return {name: [p + mark for p, mark in re.findall(r"(\w+): (\??)", parameters)] for name, parameters in found.items()}


def test_the_methods_of_the_protocol_page_are_those_of_the_interface():
    page = source("docs/protocol.md").split("## Methods")[1].split("## Types")[0]
    groups = dict(re.findall(r"\*([A-Z]+)\* is `([^`]+)`", page))
    described = {}
    for name, parameters in re.findall(r"^- `(\w+)\(([^)]*)\)`", page, re.M):
        spelled = [groups.get(parameter, parameter) for parameter in parameters.split(", ")]
        described[name] = ", ".join(spelled).split(", ") if parameters else []
    assert set(groups) == {"KEY", "PROMPT"} and len(described) >= 20
    assert described == methods_of_the_interface()


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        path, _, anchor = link.partition("#")
        if "://" in path:
            continue
        target = page.parent / path if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def anchors(page):
    heads = re.findall(r"^#+ (.*)", page.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_source_file_that_is_named_exists(page):
    for name in re.findall(r"`([\w./-]+/[\w.-]+\.(?:rs|toml|py|md|varlink|service|socket|conf))`", page.read_text()):
        if not name.startswith(("/", "keys/", ".")):
            assert any(ROOT.glob(name)) or any(ROOT.glob(f"*/src/**/{name}")), name


@pytest.mark.parametrize("page", sorted(MAN.iterdir()), ids=lambda page: page.name)
def test_the_manual_pages_are_in_order(page):
    checks = {"man": ["--warnings", "-l"], "mandoc": ["-Tlint", "-Wwarning"]}
    there = {tool: options for tool, options in checks.items() if shutil.which(tool)}
    if not there:
        pytest.skip("neither man nor mandoc is here")
    for tool, options in there.items():
        done = subprocess.run([tool, *options, page], capture_output=True, text=True, env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"})
        assert done.returncode == 0 and done.stderr == "", done.stderr
        assert tool == "man" or done.stdout == ""


def test_the_apps_that_are_warned_about_are_in_the_table_of_apps():
    ignored = re.findall(r'App \{ name: "([^"]+)", ignores_sha256: (\w+), ignores_sha512: (\w+), ignores_digits: (\w+), ignores_period: (\w+)', source("otpctl/src/output/app_quirks.rs"))
    assert len(ignored) >= 6
    rows = {row[0]: row[1:5] for row in table_rows("docs/apps.md")}
    for name, *marks in ignored:
        assert [cell.startswith("no") for cell in rows.pop(name)] == [mark == "true" for mark in marks], name
    assert not [name for name, cells in rows.items() if any(cell.startswith("no") for cell in cells)]


def test_the_manual_of_a_unit_exists():
    for unit in (ROOT / "packaging/systemd").glob("otp-enrolld.*"):
        name, section = re.search(r"^Documentation=man:([\w.-]+)\((\d)\)$", unit.read_text(), re.M).groups()
        assert (MAN / f"{name}.{section}").exists()


def test_the_programs_that_the_pages_start_exist():
    programs = {line.split()[0] for page in ("README.md", "docs/install.md") for line in re.findall(r"^    (packaging/.*)", source(page), re.M)}
    assert programs >= {"packaging/quickstart", "packaging/deb/build", "packaging/build", "packaging/install"}
    assert all(os.access(ROOT / path, os.X_OK) for path in programs)


def offsets(heading):
    """Offset, size and meaning of each row of a layout table of the description."""
    text = source("docs/file-format.md").split(heading)[1]
    rows = re.findall(r"^\| (\d+) \| (?:up to )?([\d × ]+) \| (.*) \|$", text.split("\n\n| Offset", 1)[1].split("\n\n")[0], re.M)
    return [(int(offset), size, what) for offset, size, what in rows]


def test_a_state_can_be_read_by_its_description(machine, enrolled):
    user, key = enrolled
    machine.ask("otp", user, key.wrong())
    places = {what: int(offset) for offset, _, what in offsets("### Layout of a slot")}

    def place(begin):
        return next(offset for what, offset in places.items() if what.startswith(begin))

    data = user.state_file.read_bytes()
    assert len(data) == 8192
    slots = [data[at : at + 640] for at in (0, 4096)]
    for slot in slots:
        assert slot[:8] == b"pamotpS1"
        assert struct.unpack_from("<I", slot, place("CRC-32"))[0] == crc32(slot[12:])
    newest = max(slots, key=lambda slot: struct.unpack_from("<Q", slot, place("sequence")))

    def number(form, begin, more=0):
        return struct.unpack_from("<" + form, newest, place(begin) + more)[0]

    assert number("H", "version") == 1
    assert number("Q", "inode") == user.state_file.stat().st_ino
    assert number("I", "uid") == user.uid
    assert number("I", "marks") == 1
    assert (number("Q", "generation of"), number("Q", "generation that")) == (1, 0)
    assert number("I", "wrong codes") == 1
    console = 4 * 16
    assert (number("I", "origins", console), number("I", "origins", console + 4)) == (1, 0)
    assert number("I", "number of keys") == 1
    assert number("Q", "keys", 16) == key.step - 1


def test_host_key_and_fingerprint_are_those_of_the_description(machine, enrolled):
    user, key = enrolled

    def mac(secret, text):
        return hmac.new(secret, text, hashlib.sha256).digest()

    prefix, digits = HOST_KEY.read_text().removesuffix("\n").split(":")
    assert prefix == "otp-host-key-1"
    host_key = bytes.fromhex(digits)
    about = dict(re.findall(r'^(\w+) = "?(\w+)"?$', (VAULT / "vault.toml").read_text(), re.M))
    record = dict(re.findall(r'^(\w+) = "?([^"\n]+)"?$', user.key_file.read_text(), re.M))
    assert about["host_key"] == mac(host_key, b"pam_otp 1 host key id")[:8].hex()
    fingerprint = mac(mac(host_key, b"pam_otp 1 fingerprint"), bytes.fromhex(about["id"]) + key.secret)
    assert record["fingerprint"] == fingerprint[:16].hex()
    assert len(bytes.fromhex(record["sealed"])) == 24 + len(key.secret) + 16


def symbol_values(code):
    """The values of a code's symbols, without prefix letter and check symbol."""
    alphabet = re.search(r"base32, `(\w{32})`", source("docs/file-format.md"))[1]
    return bytes(alphabet.index(symbol) for symbol in code.replace("-", "")[1:-1])


def test_hashes_of_codes_are_those_of_the_description(machine, user):
    with Client() as client:
        code = client.call("Invite", user=user.name, form="mail")["invitation"]["codes"][0]
    with Client(uid=user.uid) as client:
        key = Key(client.call("Redeem", registration=code)["enrolment"])
        recovery = client.call("ConfirmEnrolment", code=key.confirming)["recovery_codes"]
    host_key = bytes.fromhex(HOST_KEY.read_text().strip().split(":")[1])
    vault = bytes.fromhex(re.search(r'^id = "(\w+)"$', (VAULT / "vault.toml").read_text(), re.M)[1])

    def hashed(purpose, name, number, code):
        subkey = hmac.new(host_key, b"pam_otp 1 " + purpose, hashlib.sha256).digest()
        place = vault + struct.pack("<I", user.uid) + bytes.fromhex(name) + bytes([number])
        return hmac.new(subkey, place + code, hashlib.sha256).hexdigest()

    ticket = dict(re.findall(r'^(\w+) = "?(\w+)"?$', (VAULT / "tickets" / str(user.uid)).read_text(), re.M))
    assert (ticket["uses"], ticket["end"], ticket["form"]) == ("1", "confirmed", "mail")
    assert ticket["hash"] == hashed(b"registration code", ticket["id"], 0, symbol_values(code))
    head, *codes = user.key_file.read_text().split("[[recovery]]")
    assert f'redemption = "{ticket["id"]}"' in head and len(codes) == len(recovery) == 8
    for number, (kept, code) in enumerate(zip(codes, recovery, strict=True)):
        found = dict(re.findall(r'^(\w+) = "?(\w+)"?$', kept, re.M))
        assert (found["index"], found["redemption"], symbol_values(code)[0]) == (str(number), ticket["id"], number)
        assert found["hash"] == hashed(b"recovery code", found["set"], number, symbol_values(code)[1:])


def test_the_messages_of_the_protocol_page_are_what_is_said(machine, user):
    page = source("docs/protocol.md")
    said = [line.strip().removesuffix("␀").encode() + b"\0" for line in re.findall(r"^    > (.*)$", page, re.M)]
    assert len(said) >= 6
    with Client() as client:
        for call in said:
            client.send(call.replace(b"alice", user.name.encode()))
            reply = client.receive().decode()
            error = re.search(r'"error":"([\w.-]+)"', reply)
            assert not error or error[1] in page, reply
