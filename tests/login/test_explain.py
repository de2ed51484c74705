"""`otpctl explain` says beforehand what libpam and the module then do: each situation is explained, and then it is a real login."""

import json
import os
import random
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.machine import (
    CODE_PROMPT,
    DAY,
    HOST_KEY,
    MARKS,
    OTPCTL,
    PASSWORD,
    POLICY,
    UNKNOWN,
    VAULT,
    as_user,
    codes_of_both_stages,
    disable,
    otpctl,
    policy,
    write,
)
from harness.places import moved_away
from harness.services import opened
from harness.stacks import PAM
from harness.wire import Client

SERVICE = "explained"
CODES = {
    **dict(enumerate("success open_err symbol_err service_err system_err buf_err perm_denied auth_err cred_insufficient authinfo_unavail user_unknown maxtries new_authtok_reqd acct_expired".split())),
    28: "module_unknown",
}
GATE = ("required pam_otp.so", "required pam_permit.so")


def explained(user, service=SERVICE, *options, by=None):
    name = user if isinstance(user, str) else user.name
    done = subprocess.run([*(as_user(by) if by else []), OTPCTL, "explain", name, service, *options, "--json"], capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 1), done
    return json.loads(done.stdout)


def stage_of(found, name):
    (stage,) = [stage for stage in found["stages"] if stage["stage"] == name]
    return stage


def predicted(found, which):
    return tuple(stage_of(found, name)[which] for name in ("auth", "account"))


def answers_of_libpam(machine, user, code, *options, service=SERVICE, prefix=()):
    """libpam's answers at both stages, and how often a code was asked for. Everything else that asks gets the password."""
    name = user if isinstance(user, str) else user.name
    process = subprocess.Popen([*prefix, machine.hosts / "oddconv", "-a", *options, "--", service, name, "person"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    said, asked = [], 0
    for line in process.stdout:
        said.append(line)
        if line.rstrip("\n") in (CODE_PROMPT, "Password: "):
            asked += line.startswith(CODE_PROMPT)
            process.stdin.write((code if line.startswith(CODE_PROMPT) else PASSWORD) + "\n")
            process.stdin.flush()
    process.wait(30)
    return tuple(CODES[number] for number in codes_of_both_stages("".join(said))), asked


def what_a_login_may_change():
    """Every file that a login may change: what it holds, and when it was changed."""
    files = [path for base in (VAULT, POLICY.parent, PAM) for path in base.rglob("*") if path.is_file()]
    return {path: (path.read_bytes(), path.stat().st_ctime_ns) for path in files}


def agrees(machine, user, key, *options, service=SERVICE, said=(), prefix=()):
    """Explains, then logs in with a wrong code and with a right one; what was explained."""
    before = what_a_login_may_change()
    found = explained(user, service, *said)
    assert what_a_login_may_change() == before, "it changes nothing"
    right, wrong = (key.first, key.wrong()) if key else ("123456", "654321")
    asks = stage_of(found, "auth")["asks"]
    assert answers_of_libpam(machine, user, wrong, *options, service=service, prefix=prefix) == (predicted(found, "wrong"), int(asks)), found
    assert answers_of_libpam(machine, user, right, *options, service=service, prefix=prefix) == (predicted(found, "right"), int(asks)), found
    return found


def reasons_told(found):
    return [why for stage in found["stages"] for line in stage["lines"] for why in line["because"]]


def names_line(found, file, number, word):
    """Is this line named, with this word?"""
    return any(why["file"] == str(file) and why["line"] == number and word in why["text"] for why in reasons_told(found))


@pytest.fixture(autouse=True)
def service_of_its_own(machine):
    machine.service(SERVICE, *GATE, account="required pam_otp.so")
    yield
    (PAM / SERVICE).unlink(missing_ok=True)


@contextmanager
def other_policy(rule, service=SERVICE):
    with policy(f"[service.{service}]\n{rule}\n"):
        yield


def test_an_enrolled_user_is_asked_and_a_right_code_lets_in(machine, enrolled):
    found = agrees(machine, *enrolled)
    assert found["outcome"] == "asked" and found["origin"] == "console"
    ours = stage_of(found, "auth")["lines"][0]
    assert (ours["file"], ours["line"], ours["ours"]) == (str(PAM / SERVICE), 1, True)


@pytest.mark.parametrize(
    "rule, outcome, line, word",
    [
        ("", "asked-and-refused", None, "never enrolled"),
        ('unenrolled = "deny"', "asked-and-refused", 4, "refused"),
        ('unenrolled = "skip"', "not-asked", 4, "not asked"),
        ("\nreport_only = true", "not-asked", 5, "log"),
        ("allow_until = 2099-01-01", "not-asked", 4, "2099-01-01"),
        ("allow_until = 2021-01-01", "asked-and-refused", 4, "its day has come"),
        ('unenrolled = "enrol"', "asked-and-refused", 4, "registration code"),
        ('exempt = [\n  "user:nobody",\n  "user:{user}",\n]', "not-asked", 6, "exempt has"),
        ('exempt = [{{ who = "user:{user}", until = 2099-01-01 }}]', "not-asked", 4, "exempt has"),
        ('exempt = [{{ who = "user:{user}", until = 2021-01-01 }}]', "asked-and-refused", 4, "has ended"),
        ('exempt = ["user:{user}"]\nrequire = ["uid:{uid}"]', "asked-and-refused", 5, "require has"),
        ('require = ["group:root"]', "not-asked", 4, "has no entry"),
        ('require = ["group:no-such-group"]', "asked-and-refused", 4, "no-such-group"),
        ('exempt = ["user:cral"]', "asked-and-refused", 4, "matches nobody"),
    ],
)
def test_a_user_without_a_key_fares_as_the_policy_says_and_its_line_is_named(machine, user, rule, outcome, line, word):
    with other_policy(rule.format(user=user.name, uid=user.uid) if "{" in rule else rule):
        found = agrees(machine, user, None)
    assert found["outcome"] == outcome, found
    assert line is None or names_line(found, POLICY, line, word), reasons_told(found)
    assert any(word in why["text"] for why in reasons_told(found))


def test_the_pam_line_says_it_too(machine, user):
    for options, outcome in (("nullok", "not-asked"), ("unenrolled=deny", "asked-and-refused"), ("nonsense", "refused"), ("use_first_pass", "refused"), ("try_first_pass", "asked-and-refused")):
        machine.service(SERVICE, f"required pam_otp.so {options}", GATE[1], account=f"required pam_otp.so {options}")
        assert agrees(machine, user, None)["outcome"] == outcome, options


def test_networks_count_by_the_address_that_is_given(machine, enrolled):
    user, key = enrolled
    with other_policy('exempt = ["net:192.0.2.0/24"]'):
        inside = agrees(machine, user, key, "-h", "192.0.2.7", said=("--from", "192.0.2.7"))
        assert inside["outcome"] == "not-asked" and names_line(inside, POLICY, 4, "net:192.0.2.0/24")
        outside = agrees(machine, user, key, "-h", "198.51.100.7", said=("--from", "198.51.100.7"))
        assert (outside["outcome"], outside["origin"]) == ("asked", "remote")


def test_who_is_suspended_or_without_a_key_is_asked_and_refused(machine, enrolled):
    user, key = enrolled
    assert otpctl("suspend", user.name).returncode == 0
    found = agrees(machine, user, key)
    assert found["outcome"] == "asked-and-refused" and predicted(found, "right") == ("auth_err", "acct_expired")
    assert any(why["file"] == str(user.state_file) and "suspended" in why["text"] for why in reasons_told(found))
    assert otpctl("resume", user.name).returncode == 0
    label = machine.status(user)["keys"][0]["label"]
    assert otpctl("revoke", user.name, label).returncode == 0
    found = agrees(machine, user, key)
    assert predicted(found, "right") == ("auth_err", "acct_expired") and any("without a key" in why["text"] for why in reasons_told(found))


def test_wrong_codes_close_the_origin_that_they_came_from_and_no_other(machine, enrolled):
    user, key = enrolled
    with policy('[guesses]\nwait = "none"\nremote = 3\n'):
        with Client() as client:
            for number in range(3):
                client.call("Verify", user=user.name, code=key.wrong(number), real_uid=0, rhost="192.0.2.1")
        remote = agrees(machine, user, key, "-h", "192.0.2.1", said=("--from", "192.0.2.1"))
        assert remote["outcome"] == "asked-and-refused" and any("reopen" in why["text"] for why in reasons_told(remote))
        assert agrees(machine, user, key)["outcome"] == "asked"


def test_a_wait_and_disabled_keys_refuse_every_code(machine, enrolled):
    user, key = enrolled
    with Client() as client, machine.no_wait_passes():
        for number in range(4):
            client.call("Verify", user=user.name, code=key.wrong(number), real_uid=0, tty="tty1")
        found = agrees(machine, user, key)
        assert any("2 s are left" in why["text"] for why in reasons_told(found)), reasons_told(found)
    with policy('[guesses]\nwait = "none"\n'):
        user, key = machine.enrolled_user()
        disable(machine, user, key)
        assert predicted(agrees(machine, user, key), "right") == ("auth_err", "acct_expired")


def test_nobody_of_that_name(machine):
    found = agrees(machine, UNKNOWN, None)
    assert (found["outcome"], found["uid"]) == ("asked-and-refused", None)
    with other_policy('unenrolled = "skip"'):
        assert agrees(machine, UNKNOWN, None)["outcome"] == "asked-and-refused"


def test_a_mark_of_root_lets_past_and_one_that_does_not_count_does_not(machine, enrolled):
    user, key = enrolled
    assert otpctl("emergency", "bypass", user.name, "--reason", "a test").returncode == 0
    mark = MARKS / str(user.uid)
    try:
        found = agrees(machine, user, key)
        assert found["outcome"] == "not-asked" and any(why["file"] == str(mark) and "a test" in why["text"] for why in reasons_told(found))
        mark.chmod(0o666)
        found = agrees(machine, user, key)
        assert found["outcome"] == "asked" and any(why["file"] == str(mark) and "does not count" in why["text"] for why in reasons_told(found))
    finally:
        mark.unlink()


@contextmanager
def holding(path, data):
    """Other bytes in the same file, for a while."""
    before = path.read_bytes()
    path.write_bytes(data)
    try:
        yield
    finally:
        path.write_bytes(before)


BROKEN = {
    "the policy": (lambda user: holding(POLICY, b"version = 2\n"), ("service_err", "service_err"), "version"),
    "the proof of the vault": (lambda user: moved_away(VAULT / "vault.toml"), ("authinfo_unavail", "authinfo_unavail"), "vault.toml"),
    "the state": (lambda user: holding(user.state_file, bytes(8192)), ("authinfo_unavail", "authinfo_unavail"), "both slots are bad"),
    "the key file": (lambda user: holding(user.key_file, b"torn"), ("authinfo_unavail", "authinfo_unavail"), ".toml"),
    "the host key": (lambda user: moved_away(HOST_KEY), ("authinfo_unavail", "success"), "host"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_refuses_and_is_named(machine, enrolled, what):
    user, key = enrolled
    breaks, codes, word = BROKEN[what]
    with breaks(user):
        found = agrees(machine, user, key)
    assert predicted(found, "right") == codes and any(word in why["text"] for why in reasons_told(found)), reasons_told(found)


STACKS = {
    "a condition that holds leads past": (("[success=1 default=ignore] pam_succeed_if.so quiet uid >= 1000", *GATE), "not-asked"),
    "one that does not": (("[success=1 default=ignore] pam_succeed_if.so quiet user ingroup root", *GATE), "asked"),
    "a group that is excused": (("sufficient pam_succeed_if.so quiet user ingroup {user}", *GATE), "not-asked"),
    "a permit that is enough": (("sufficient pam_permit.so", *GATE), "not-asked"),
    "a refusal before": (("requisite pam_deny.so", *GATE), "refused"),
    "a refusal after": ((*GATE, "required pam_deny.so"), "asked-and-refused"),
    "a refusal of ours that is ignored": (("optional pam_otp.so", GATE[1]), "asked"),
    "ours alone": (("required pam_otp.so",), "asked"),
    "a control that libpam cannot read": (("requird pam_otp.so", GATE[1]), "asked-and-refused"),
    "a module that is not there": (("required pam_no_such.so", *GATE), "asked-and-refused"),
    "ours misspelt": (("required pam_opt.so", GATE[1]), "refused"),
    "a line without a module": (("required", *GATE), "asked-and-refused"),
    "root alone": (("sufficient pam_rootok.so", *GATE), "not-asked"),
    "the password first": (("requisite pam_unix.so", *GATE), "asked"),
    "Debian's own": (("[success=1 default=ignore] pam_unix.so", "requisite pam_deny.so", "required pam_permit.so", GATE[0]), "asked"),
}


@pytest.mark.parametrize("how", STACKS)
def test_the_lines_of_others_are_followed_as_libpam_follows_them(machine, enrolled, how):
    user, key = enrolled
    lines, outcome = STACKS[how]
    machine.service(SERVICE, *(line.format(user=user.name) for line in lines), account="required pam_otp.so")
    found = agrees(machine, user, key)
    assert found["outcome"] == outcome, found
    if outcome in ("not-asked", "refused") and how != "ours misspelt":
        passed = stage_of(found, "auth")["passed_over"]
        assert [why["file"] for why in passed] == [str(PAM / SERVICE)], passed


CONTROLS = ["required", "requisite", "sufficient", "optional", "[success=1 default=ignore]", "[success=ok default=2]", "[success=done ignore=reset default=die]", "[default=bad]", "substack part", "include part"]
MODULES = ["pam_otp.so", "pam_otp.so nullok", "pam_permit.so", "pam_deny.so", "pam_debug.so auth=auth_err acct=acct_expired", "pam_debug.so auth=ignore acct=ignore", "pam_succeed_if.so quiet uid = 0", "pam_rootok.so"]


def random_stage(dice, stage, controls):
    lines = ((dice.choice(controls), dice.choice(MODULES)) for _ in range(dice.randint(1, 5)))
    return [f"{stage} {control}" if " part" in control else f"{stage} {control} {module}" for control, module in lines]


def test_stacks_that_nobody_would_write_are_followed_too(machine, user):
    dice = random.Random(18)
    told = set()
    for number in range(60):
        for name, controls in (("part", CONTROLS[:-2]), (SERVICE, CONTROLS)):
            write(PAM / name, "\n".join(random_stage(dice, "auth", controls) + random_stage(dice, "account", controls)) + "\n", 0o644)
        found = explained(user)
        seen = answers_of_libpam(machine, user, "123456")[0]
        assert seen == predicted(found, "right") == predicted(found, "wrong"), (number, (PAM / SERVICE).read_text(), (PAM / "part").read_text(), found)
        told.add(seen[0] + found["outcome"])
    (PAM / "part").unlink()
    assert len(told) >= 4, "they differ"


def test_what_is_not_known_of_a_module_is_told_with_what_hangs_on_it(machine, enrolled):
    user, key = enrolled
    machine.service(SERVICE, "sufficient pam_wheel.so", *GATE, account="required pam_otp.so")
    stage = stage_of(explained(user), "auth")
    assert not stage["asks"] and stage["lines"][0]["assumed"]
    (hangs,) = stage["depends"]
    assert hangs["line"] == 1 and "a code is asked for" in hangs["text"] and "pam_wheel.so" in hangs["text"]


def test_a_service_without_a_file_falls_to_other(machine, enrolled):
    user, key = enrolled
    (PAM / SERVICE).unlink()
    found = agrees(machine, user, key)
    assert found["file"] is None and any("lines of other" in note for note in found["notes"])
    assert stage_of(found, "auth")["of_other"] and "common-auth" in stage_of(found, "auth")["lines"][0]["file"]


def test_a_stage_without_lines_falls_to_other_and_capitals_to_small_letters(machine, enrolled):
    user, key = enrolled
    write(PAM / SERVICE, "auth required pam_otp.so\n", 0o644)
    found = agrees(machine, user, key)
    assert [stage_of(found, name)["of_other"] for name in ("auth", "account")] == [False, True]
    assert explained(user, SERVICE.upper())["service"] == SERVICE


def test_a_file_that_libpam_refuses_lets_nobody_in_and_the_line_is_named(machine, enrolled):
    user, key = enrolled
    write(PAM / SERVICE, f"auth required pam_otp.so\n@include no-such\n{os.linesep}", 0o644)
    found = explained(user)
    assert (found["outcome"], found["stages"]) == ("refused", [])
    assert any(f"{PAM / SERVICE} line 2" in note for note in found["notes"])
    done = subprocess.run([machine.hosts / "oddconv", "-a", "--", SERVICE, user.name, "text", key.first], capture_output=True, text=True)
    assert "authenticate 0" not in done.stdout and done.returncode != 0


def test_a_closed_machine_lets_nobody_in(machine, enrolled):
    machine.service(SERVICE, "requisite pam_nologin.so", *GATE, account="required pam_nologin.so\naccount required pam_otp.so")
    assert agrees(machine, *enrolled)["outcome"] == "asked"
    Path("/etc/nologin").touch()
    try:
        found = agrees(machine, *machine.enrolled_user())
        assert found["outcome"] == "refused" and "/etc/nologin" in stage_of(found, "auth")["lines"][0]["text"]
    finally:
        Path("/etc/nologin").unlink()


def test_a_key_that_is_due_is_replaced_and_one_that_is_overdue_lets_nobody_in(machine, enrolled):
    user, _ = enrolled
    ask = "auth required pam_permit.so\naccount required pam_otp.so\n"
    for name in (SERVICE, "su-explained"):
        write(PAM / name, ask, 0o644)
    with policy(f'[rotation]\nmax_age = 30\ngrace = 10\nrotate_services = ["{SERVICE}"]\n'):
        for days, service, code in ((1, SERVICE, "success"), (31, SERVICE, "new_authtok_reqd"), (31, "su-explained", "success"), (41, SERVICE, "acct_expired")):
            with machine.clock(days * DAY), machine.synchronised(True):
                found = explained(user, service, "--by", "root")
                assert answers_of_libpam(machine, user, "", service=service)[0] == predicted(found, "right") == ("success", code), (days, service)
                assert code == "success" or names_line(found, POLICY, 4, "the key"), reasons_told(found)
    (PAM / "su-explained").unlink()


def test_whose_code_and_whose_budget_it_is_follows_from_who_starts_the_program(machine, enrolled):
    user, key = enrolled
    starter, own = machine.enrolled_user()
    service = "su-explained"
    machine.service(service, "sufficient pam_rootok.so", *GATE, account="required pam_otp.so")
    try:
        found = agrees(machine, user, key, "-r", str(starter.uid), service=service)
        assert (found["outcome"], found["origin"]) == ("asked", "other")
        found = agrees(machine, user, None, service=service, said=("--by", "root"))
        assert found["outcome"] == "not-asked"
        machine.service(service, "required pam_otp.so whose=invoker", GATE[1], account="required pam_otp.so whose=invoker")
        found = agrees(machine, user, own, "-r", str(starter.uid), service=service, said=("--by", starter.name))
        assert found["outcome"] == "asked"
        assert any("--by" in why["text"] for why in reasons_told(explained(user, service)))
        found = agrees(machine, user, None, service=service, said=("--by", "root"))
        assert found["outcome"] == "asked-and-refused"
    finally:
        (PAM / service).unlink()


def test_a_screen_locker_asks_the_daemon_and_is_explained_as_such(machine, enrolled):
    user, key = enrolled
    machine.service("i3lock", *GATE, account="required pam_otp.so")
    try:
        found = agrees(machine, user, key, service="i3lock", prefix=as_user(user))
        assert (found["outcome"], found["origin"]) == ("asked", "socket")
        user, key = machine.enrolled_user()
        with machine.daemon_stopped():
            found = agrees(machine, user, key, service="i3lock", prefix=as_user(user))
            assert predicted(found, "right") == ("authinfo_unavail", "authinfo_unavail")
    finally:
        (PAM / "i3lock").unlink()


def test_real_sudo_does_as_was_explained(machine, enrolled):
    user, key = enrolled
    service = machine.sudo_asks(user, "requisite pam_unix.so", *GATE, account="required pam_otp.so")
    found = explained(user, service)
    assert (found["outcome"], found["origin"]) == ("asked", "self") and any("NOPASSWD" in note for note in found["notes"])
    answers = [("password for", PASSWORD), (CODE_PROMPT, key.first)]
    assert opened(machine.sudo(user, answers))
    assert otpctl("suspend", user.name).returncode == 0
    assert explained(user, service)["outcome"] == "asked-and-refused"
    assert not opened(machine.sudo(user, [("password for", PASSWORD), (CODE_PROMPT, key.second)]))


def test_an_account_that_may_not_read_the_keys_is_told_so(machine, enrolled):
    user, _ = enrolled
    found = explained(user, by=machine.new_user())
    assert found["outcome"] == "asked" and user.name in found["not_read"][0]
    done = otpctl("explain", user.name, SERVICE, user=machine.new_user())
    assert done.returncode == 1 and "run this as root" in done.stderr and "not read" in done.stdout
    viewer = machine.new_user()
    machine.join(viewer, "otp-viewer")
    for reader in (user, viewer):
        found = explained(user, by=reader)
        assert found["not_read"] == [] and found["outcome"] == "asked"


def test_it_is_told_in_lines_with_files(machine, enrolled):
    user, _ = enrolled
    shown = otpctl("explain", user.name, SERVICE).stdout
    assert shown.startswith(f"{user.name} (uid {user.uid}) at {SERVICE}: asked for a code, and let in by a correct one\n")
    assert f"  {PAM / SERVICE} line 1: pam_otp.so asks for a code; a correct one is accepted\n" in shown
    assert "auth: libpam answers success with a correct code, auth_err with a wrong one\n" in shown
    for odd in ("", "../x", "a b"):
        assert otpctl("explain", user.name, odd).returncode == 2
    assert otpctl("explain", user.name, SERVICE, "--by", UNKNOWN).returncode == 1
