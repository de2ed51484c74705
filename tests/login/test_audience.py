"""Entries of `exempt` and `require`: one that means nobody asks everybody, exempts nobody, and is told."""

import re
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.journal import decisions
from harness.machine import AUTH_ERR, SERVICE_ERR, SUCCESS, otpctl, policy
from harness.stacks import of_debian_alone
from harness.strace import run_under

SERVICE = "otp-audience"


@pytest.fixture(scope="module", autouse=True)
def audience_service(machine):
    return machine.service(SERVICE, "required pam_otp.so", "required pam_permit.so", account="required pam_otp.so")


@pytest.fixture(scope="module")
def other(machine):
    return machine.new_user()


def warned(journal, start):
    """The warnings about entries, each as list, entry and reason."""
    lines = [line for line in journal.since(start) if "policy=unmatched" in line]
    assert all(line.startswith("<84>") for line in lines), "authpriv, warning"
    return [tuple(line.split(f" {name}=")[1].split(f" {following}=")[0].strip('"') for name, following in (("list", "entry"), ("entry", "reason"), ("reason", "user"))) for line in lines]


def asked(machine, user, journal, rule, *options):
    """Is somebody without a key asked, and which entries were told?"""
    with policy(f"[service.{SERVICE}]\n{rule}\n"):
        start = journal.position()
        code = machine.ask(SERVICE, user, "123456", *options)[0]
    lines = journal.since(start)
    ((outcome, reason),) = [(line["outcome"], line["reason"]) for line in decisions(lines) if "stage" not in line]
    assert (code, outcome, reason) in [(AUTH_ERR, "refused", "not-enrolled"), (SUCCESS, "ignored", "exempt")]
    return code == AUTH_ERR, warned(journal, start)


def checked(rule):
    with policy(f"[service.{SERVICE}]\n{rule}\n"), of_debian_alone():
        return otpctl("config", "check")


# TOML text of an entry, and what the log has of it
UNMATCHED = [
    ('"user:cral"', "user:cral", "no-such-account"),
    ('"user:{USER}"', "user:{USER}", "no-such-account"),
    ('"user: {user}"', "user: {user}", "no-such-account"),
    ('"user:{user} "', "user:{user} ", "no-such-account"),
    ('"user:{uid}"', "user:{uid}", "no-such-account"),
    ("'user:EX\\{user}'", "user:EX\\x5c{user}", "no-such-account"),
    ('"user:EX\\\\{user}"', "user:EX\\x5c{user}", "no-such-account"),
    ('"user:\\u0430lice"', "user:\\xd0\\xb0lice", "no-such-account"),
    ('"user:*"', "user:*", "no-such-account"),
    ('"user:{user},{other}"', "user:{user},{other}", "no-such-account"),
    ('"uid:3999999"', "uid:3999999", "no-such-account"),
    ('"uid:4294967295"', "uid:4294967295", "no-such-account"),
    ('"group:no-such-group"', "group:no-such-group", "no-such-group"),
    ('"group:{USER}"', "group:{USER}", "no-such-group"),
    ('"gid:3999999"', "gid:3999999", "no-such-group"),
]


def filled(text, user, other):
    return text.replace("{user}", user.name).replace("{USER}", user.name.upper()).replace("{uid}", str(user.uid)).replace("{other}", other.name)


@pytest.mark.parametrize("entry, told, reason", UNMATCHED)
def test_an_entry_that_means_nobody_asks_everybody_exempts_nobody_and_is_told(machine, user, other, journal, entry, told, reason):
    entry, told = filled(entry, user, other), filled(told, user, other)
    for person in (user, other):
        assert asked(machine, person, journal, f"require = [{entry}]") == (True, [("require", told, reason)])
        assert asked(machine, person, journal, f"exempt = [{entry}]") == (True, [("exempt", told, reason)])
    for list_ in ("require", "exempt"):
        done = checked(f'{list_} = ["user:{other.name}", {entry}]')
        assert done.returncode == 1 and "in order" not in done.stdout
        assert f"[service.{SERVICE}] {list_} has " in done.stderr and ("everybody is asked" if list_ == "require" else "exempts nobody") in done.stderr
        assert other.name not in done.stderr.replace(f"{user.name},{other.name}", ""), "an entry that means somebody is not named"


def test_an_entry_that_means_nobody_takes_nothing_from_the_others(machine, user, other, journal):
    lost = [("exempt", "user:cral", "no-such-account")]
    assert asked(machine, user, journal, f'exempt = ["user:cral", "user:{user.name}"]') == (False, lost)
    assert asked(machine, user, journal, f'exempt = ["user:{user.name}", "user:cral"]') == (False, lost)
    assert asked(machine, other, journal, f'exempt = ["user:{user.name}", "user:cral"]') == (True, lost)
    both = f'require = ["user:cral"]\nexempt = ["user:{user.name}", "group:lost"]'
    assert asked(machine, user, journal, both) == (True, [("require", "user:cral", "no-such-account"), ("exempt", "group:lost", "no-such-group")])


@pytest.mark.parametrize("entry", ["user:{user}", "uid:{uid}", "group:{user}", "gid:{uid}"])
def test_an_entry_that_means_somebody_means_nobody_else(machine, user, other, journal, entry):
    entry = filled(entry, user, other)
    assert asked(machine, user, journal, f'require = ["{entry}"]') == (True, [])
    assert asked(machine, other, journal, f'require = ["{entry}"]') == (False, [])
    assert asked(machine, user, journal, f'exempt = ["{entry}"]') == (False, [])
    assert asked(machine, other, journal, f'exempt = ["{entry}"]') == (True, [])
    done = checked(f'require = ["{entry}"]\nexempt = ["{entry}", "net:192.0.2.0/24"]')
    assert done.returncode == 0 and "in order" in done.stdout


@pytest.mark.parametrize("rhost", ["10.1.2.3:4711", "[10.1.2.3]", "[10.1.2.3]:22", "::ffff:10.1.2.3%lo", "[::ffff:10.1.2.3%2]:65535"])
def test_zone_brackets_and_port_are_dropped_from_an_address(machine, user, journal, rhost):
    for net, meant in (("10.0.0.0/8", True), ("10.1.2.3", True), ("10.1.2.4", False), ("fe80::/10", False)):
        assert asked(machine, user, journal, f'exempt = ["net:{net}"]', "-h", rhost) == (not meant, [])
        assert asked(machine, user, journal, f'require = ["net:{net}"]', "-h", rhost) == (meant, [])


@pytest.mark.parametrize("rhost", ["10.1.2.3.example", "10.1.2.3:http", "10.1.2.3%lo", "[10.1.2.3]22", "[localhost]:22", "localhost:22", "10.1.2.3:65536", "fe80::1%"])
def test_a_name_stays_a_name(machine, user, journal, rhost):
    assert asked(machine, user, journal, 'exempt = ["net:0.0.0.0/0", "net:::/0"]', "-h", rhost) == (True, [])
    assert asked(machine, user, journal, 'require = ["net:192.0.2.1"]', "-h", rhost) == (True, [])


CONTROL = [
    *(('"user:EX\\bob"', "U+0008"), ('"user:EX\\tim"', "U+0009"), ('"user:EX\\nina"', "U+000A"), ('"user:EX\\frank"', "U+000C"), ('"group:EX\\rita"', "U+000D")),
    *(('"user:a\\u001b[31m"', "U+001B"), ('"user:a\\u0000"', "U+0000"), ('"user:a\\u007F"', "U+007F"), ('"user:a\\U00000085"', "U+0085")),
    *(("'user:a\tb'", "U+0009"), ('"gid:1\\n"', "U+000A"), ('"net:192.0.2.1\\u0000"', "U+0000")),
]


@pytest.mark.parametrize("list_", ["exempt", "require"])
@pytest.mark.parametrize("entry, found", CONTROL)
def test_a_control_character_in_a_name_is_refused_and_named(machine, user, journal, entry, found, list_):
    with policy(f'[service.{SERVICE}]\n{list_} = ["gid:0", {entry}]\n'):
        start = journal.position()
        assert machine.ask(SERVICE, user, "123456")[0] == SERVICE_ERR
        (line, *_) = [line for line in journal.since(start) if "reason=bad-policy" in line]
        assert "line 4, column " in line
        done = otpctl("config", "check")
        assert done.returncode == 1 and found in done.stderr and "wanted a name without control characters" in done.stderr and "line 4" in done.stderr


def test_check_helps_with_what_may_have_been_meant(machine, user):
    for entry, help_ in [(f"user:{user.name.upper()} ", f'there is "{user.name}"'), (f"user:{user.uid}", f'"uid:{user.uid}"')]:
        assert help_ in checked(f'require = ["{entry}"]').stderr


def test_check_names_a_group_of_this_machine_without_members(machine, user):
    with group("otp-empty", members=""):
        for rule, end in [('require = ["group:otp-empty"]', "so nobody is asked"), ('exempt = ["group:otp-empty"]', "so it exempts nobody")]:
            done = checked(rule)
            assert done.returncode == 1 and "the group has no members" in done.stderr and end in done.stderr and "in order" not in done.stdout
    with group("otp-empty", members="cral"):
        assert checked('require = ["group:otp-empty"]').returncode == 1
    with group("otp-full", members=user.name):
        assert checked('require = ["group:otp-full"]').returncode == 0


@contextmanager
def group(name, members):
    path = Path("/etc/group")
    before = path.read_text()
    path.write_text(f"{before}{name}:x:3900000:{members}\n")
    try:
        yield
    finally:
        path.write_text(before)


def test_check_names_the_entries_of_every_service(machine):
    with policy('[service.one]\nrequire = ["user:cral"]\n[service.two]\nexempt = ["group:lost", "uid:3999999"]\n'):
        done = otpctl("config", "check")
    named = [line for line in done.stderr.splitlines() if "/otp.toml: [service." in line]
    assert done.returncode == 1 and len(named) == 3
    for line, words in zip(named, (("one", "require", "user:cral"), ("two", "exempt", "group:lost"), ("two", "exempt", "uid:3999999")), strict=True):
        assert all(word in line for word in words)


# NSS that does not answer, or spells names in its own way


@contextmanager
def databases(sources):
    """Where accounts and groups come from: another source that follows would answer for a file that cannot be read."""
    switch = Path("/etc/nsswitch.conf")
    before = switch.read_text()
    switch.write_text(re.sub(r"(?m)^(passwd|group):.*", rf"\1: {sources}", before))
    try:
        yield
    finally:
        switch.write_text(before)


@pytest.mark.parametrize("path, entry", [("/etc/passwd", "user:{other}"), ("/etc/passwd", "uid:{uid}"), ("/etc/group", "group:{other}")])
def test_where_nss_does_not_answer_everybody_is_asked_and_nobody_exempt(machine, user, other, journal, path, entry):
    entry = entry.replace("{other}", other.name).replace("{uid}", str(other.uid))
    first = 2 if path == "/etc/passwd" else 1  # the account itself was found
    options = ["-P", path, "-e", "trace=openat", "-e", f"inject=openat:error=EIO:when={first}+"]
    for list_ in ("require", "exempt"):
        with policy(f'[service.{SERVICE}]\n{list_} = ["{entry}"]\n'), databases("files"):
            start = journal.position()
            run_under(options, [machine.hosts / "oddconv", "--", SERVICE, user.name, "text", "123456"])
        assert warned(journal, start) == [(list_, entry, "lookup-failed")]
        assert [line["outcome"] for line in decisions(journal.since(start))] != ["ignored"]


SPELLING = r"""
#define _GNU_SOURCE
#include <ctype.h>
#include <nss.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

/* Finds an account of /etc/passwd under its name in capitals and with the domain EX before it. */
enum nss_status _nss_spelling_getpwnam_r(const char *name, struct passwd *out, char *buffer, size_t length, int *error) {
    char plain[64];
    struct passwd *found;
    size_t i;
    FILE *file;
    if (!strncmp(name, "EX\\", 3)) name += 3;
    for (i = 0; name[i] && i < sizeof plain - 1; i++) plain[i] = tolower((unsigned char)name[i]);
    plain[i] = 0;
    if (!(file = fopen("/etc/passwd", "re"))) return NSS_STATUS_UNAVAIL;
    while (!(*error = fgetpwent_r(file, out, buffer, length, &found)) && strcmp(out->pw_name, plain)) continue;
    fclose(file);
    return *error ? NSS_STATUS_NOTFOUND : NSS_STATUS_SUCCESS;
}
"""


@pytest.fixture
def spelling(tmp_path):
    """A source of accounts that takes more than one spelling for a name, as those of domains do."""
    source, module = tmp_path / "spelling.c", Path("/usr/lib/x86_64-linux-gnu/libnss_spelling.so.2")
    source.write_text(SPELLING)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", module, source], check=True)
    with databases("files spelling"):
        yield
    module.unlink()


def test_names_are_compared_as_nss_spells_them(machine, user, other, journal, spelling):
    for entry in (f"user:{user.name.upper()}", f"user:EX\\\\{user.name}", f"user:EX\\\\{user.name.upper()}"):
        assert asked(machine, user, journal, f'require = ["{entry}"]') == (True, [])
        assert asked(machine, other, journal, f'require = ["{entry}"]') == (False, [])
        assert asked(machine, user, journal, f'exempt = ["{entry}"]') == (False, [])
        assert checked(f'require = ["{entry}"]').returncode == 0
    assert asked(machine, user, journal, 'require = ["user:EX\\\\cral"]') == (True, [("require", "user:EX\\x5ccral", "no-such-account")])
