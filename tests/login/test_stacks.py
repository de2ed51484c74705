"""`otpctl config check` follows the PAM stacks as libpam does: which let somebody in without a code, and what is misspelt?"""

import json
import os
import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.machine import MODULE, POLICY, ROOT, default_policy, otpctl, write
from harness.otpctl import DONE, REFUSED
from harness.stacks import PAM, VENDOR, gate_services, write_stack

GATED = ("sudo", "sudo-i", "su", "sshd", "login", "doas", "polkit-1")
REFUSALS = ("auth_err", "authinfo_unavail", "service_err", "conv_err", "abort", "module_unknown")
IN, ACCOUNT = "@include common-auth", "account required pam_otp.so\n@include common-account"


def stack_findings():
    done = otpctl("config", "check", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode == REFUSED) == bool(found["findings"]), done.stderr
    return found["findings"]


def kinds(stage=None, name="tried"):
    return {found["kind"] for found in stack_findings() if found["service"] == name and stage in (None, found["stage"])}


def test_the_stacks_of_this_debian_with_our_lines_are_in_order(stock):
    assert stack_findings() == []
    gate_services(*GATED)
    assert stack_findings() == []
    done = otpctl("config", "check")
    assert done.returncode == DONE and done.stderr == "" and "in order" in done.stdout


def test_the_stacks_of_debian_13_with_our_lines_are_in_order(stock):
    for directory in (PAM, VENDOR):
        shutil.rmtree(directory)
        shutil.copytree(ROOT / "tests/hosts/debian13" / directory.relative_to("/"), directory)
    assert stack_findings() == []
    gate_services(*GATED)
    assert stack_findings() == []
    su = PAM / "su"
    write(su, su.read_text().replace("@include common-auth", "auth sufficient pam_unix.so"), 0o644)
    assert {(found["service"], found["kind"]) for found in stack_findings()} == {("su", "passed-over"), ("su-l", "passed-over")}


HOLES = {
    "sufficient of ours": f"auth sufficient pam_otp.so nullok\n{IN}",
    "a misspelt option": f"auth sufficient pam_otp.so nulok\n{IN}",
    "Fedora": "auth include system-auth\nauth required pam_otp.so",
    "optional": f"{IN}\nauth optional pam_otp.so",
    "the default ignored": f"{IN}\nauth [success=ok default=ignore] pam_otp.so",
    "a missing module ignored": f"{IN}\nauth [success=ok ignore=ignore module_unknown=ignore default=bad] pam_otp.so",
    "one failure ignored": f"{IN}\nauth [success=ok ignore=ignore authinfo_unavail=ignore default=die] pam_otp.so",
    "a panic ignored": f"{IN}\nauth [success=ok ignore=ignore abort=ignore default=die] -pam_otp.so\nauth [success=ok ignore=ignore abort=ignore default=die] pam_otp.so",
    "refusal is ok": f"auth [default=ok] pam_otp.so\nauth [default=reset] pam_permit.so\n{IN}",
    "refusal is reset": f"{IN}\nauth [success=ok ignore=ignore default=bad] pam_otp.so\nauth [default=reset] pam_env.so\n{IN}",
    "refusal jumps": f"{IN}\nauth [success=ok ignore=ignore default=1] pam_otp.so\nauth required pam_deny.so\nauth optional pam_permit.so",
    "quiet": f"{IN}\n-auth optional pam_otp.so",
    "Capitals": f"{IN}\nAUTH Optional pam_otp.so",
    "continued": f"{IN}\nauth \\\n  optional \\\n  pam_otp.so",
    "jumped over": "auth [success=2 default=ignore] pam_unix.so\nauth requisite pam_deny.so\nauth required pam_otp.so\nauth required pam_permit.so",
    "jumped over to the end": "auth required pam_permit.so\nauth [success=1 default=die] pam_unix.so\nauth required pam_otp.so",
    "done": "auth [success=done default=die] pam_unix.so\nauth required pam_otp.so",
    "done in an include": "auth include part-done\nauth required pam_otp.so",
    "done in @include": "@include part-done\nauth required pam_otp.so",
    "done in a substack with us": "auth substack part-with-us\nauth required pam_permit.so",
    "a substack jumped over": "auth [success=1 default=ignore] pam_unix.so\nauth substack part-with-only-us\nauth required pam_permit.so",
    "a substack that swallows us": "auth required pam_unix.so\nauth substack part-optional",
    "a group that is excused": f"{IN}\nauth [success=1 default=ignore] pam_succeed_if.so user ingroup nootp\nauth required pam_otp.so",
    "local users": f"{IN}\nauth [success=1 default=ignore] pam_localuser.so\nauth required pam_otp.so",
    "wheel": f"auth sufficient pam_wheel.so trust\n{IN}\nauth required pam_otp.so",
    "permit": "auth sufficient pam_permit.so\nauth required pam_otp.so",
    "faillock": f"{IN}\nauth sufficient pam_faillock.so authsucc\nauth required pam_otp.so",
    "root of a daemon": f"auth sufficient pam_rootok.so\n{IN}\nauth required pam_otp.so",
    "the target is root": f"auth sufficient pam_succeed_if.so uid = 0\n{IN}\nauth required pam_otp.so",
    "a key in a hand": f"-auth sufficient pam_fprintd.so\n{IN}\nauth required pam_otp.so",
    "an answer that nobody thought of": "auth requisite pam_unix.so\nauth [success=ok ignore=1 default=die] pam_env.so\nauth required pam_otp.so",
    "a path": f"auth include {PAM}/part-done\nauth required pam_otp.so",
}
TIGHT = {
    "sudo": "auth requisite pam_unix.so\nauth required pam_otp.so",
    "Debian": f"{IN}\nauth required pam_otp.so",
    "requisite": f"{IN}\nauth requisite pam_otp.so",
    "brackets": f"{IN}\nauth [success=ok ignore=ignore default=die] pam_otp.so",
    "done in a substack": "auth substack part-done\nauth required pam_otp.so",
    "die": f"{IN}\nauth [success=done ignore=ignore default=die] pam_otp.so",
    "sufficient and deny": f"{IN}\nauth sufficient pam_otp.so\nauth requisite pam_deny.so",
    "a jump that is too long": "auth [success=3 default=die] pam_unix.so\nauth required pam_otp.so",
    "a jump out of a substack": "auth substack part-jump\nauth required pam_otp.so",
    "ours by one of two lines": f"{IN}\nauth [success=1 default=ignore] pam_succeed_if.so uid = 1\nauth [success=1 ignore=1 default=die] pam_otp.so\nauth required pam_otp.so whose=invoker",
    "code and password in one": "auth requisite pam_otp.so forward_pass\nauth required pam_unix.so use_first_pass",
    "the code, or the password where none is asked": "auth [success=done ignore=ignore default=die] pam_otp.so\nauth required pam_unix.so",
    "one line of a substack": f"{IN}\nauth substack part-with-only-us",
    "code or deny": f"{IN}\nauth [success=1 default=ignore] pam_otp.so\nauth requisite pam_deny.so\nauth required pam_permit.so",
    "no line of the stage": "session required pam_permit.so",
}
PARTS = {
    "system-auth": "auth required pam_env.so\nauth sufficient pam_unix.so try_first_pass nullok\nauth required pam_deny.so\naccount required pam_unix.so\naccount sufficient pam_localuser.so\naccount required pam_permit.so",
    "part-done": "auth sufficient pam_unix.so\nauth required pam_deny.so",
    "part-with-us": "auth sufficient pam_unix.so\nauth required pam_otp.so",
    "part-with-only-us": "auth required pam_otp.so",
    "part-optional": "auth optional pam_otp.so",
    "part-jump": "auth [success=1 default=die] pam_unix.so",
}


@pytest.fixture
def parts(stock):
    for name, text in PARTS.items():
        write_stack(text, name)


@pytest.mark.parametrize("how", HOLES)
def test_a_stack_that_lets_somebody_in_without_a_code_is_named(parts, how):
    write_stack(f"{HOLES[how]}\n{ACCOUNT}")
    assert kinds("auth") & {"passed-over", "refusal-ignored"}
    done = otpctl("config", "check")
    assert done.returncode == REFUSED and "tried, auth: /etc/pam.d/" in done.stderr and " line " in done.stderr


@pytest.mark.parametrize("how", TIGHT)
def test_a_stack_that_lets_nobody_in_without_a_code_is_in_order(parts, how):
    write_stack(f"{TIGHT[how]}\n{ACCOUNT}")
    assert kinds() == set()


@pytest.mark.parametrize(
    "lines, kind",
    [
        ("account sufficient pam_localuser.so\naccount required pam_otp.so", "passed-over"),
        ("account include system-auth\naccount required pam_otp.so", "passed-over"),
        ("account required pam_unix.so\naccount optional pam_otp.so", "refusal-ignored"),
        ("account required pam_unix.so\naccount [success=ok acct_expired=ignore default=die] pam_otp.so", "refusal-ignored"),
        ("account required pam_unix.so", "no-account-line"),
        ("# none", "no-account-line"),
        ("account required pam_otp.so\naccount required pam_otp.so", "doubled"),
        ("@include common-account\naccount required pam_otp.so", None),
        ("account [success=1 new_authtok_reqd=1 default=ignore] pam_unix.so\naccount requisite pam_deny.so\naccount required pam_otp.so", None),
    ],
)
def test_the_account_stage_is_followed_too(parts, lines, kind):
    write_stack(f"{IN}\nauth required pam_otp.so\n{lines}")
    assert kinds("account") == ({kind} if kind else set())


PAST_IT = "skips pam_otp.so when the password has expired"


@pytest.mark.parametrize("lines, by", [
    ("@include common-account\naccount required pam_otp.so", "common-account"),
    ("account [success=ok new_authtok_reqd=done ignore=ignore default=die] pam_unix.so\naccount required pam_otp.so", "tried"),
    ("account [success=ok new_authtok_reqd=1 default=die] pam_sss.so\naccount required pam_otp.so\naccount [default=ok] pam_debug.so acct=new_authtok_reqd", "tried"),
    ("account required pam_unix.so\naccount required pam_otp.so", None),
    ("account required pam_otp.so\n@include common-account", None),
    ("account requisite pam_otp.so\naccount sufficient pam_unix.so\naccount required pam_permit.so", None),
])  # fmt: skip
def test_a_line_that_leads_past_ours_by_an_expired_password_is_noted(stock, lines, by):
    write_stack(f"{IN}\nauth required pam_otp.so\n{lines}")
    done = otpctl("config", "check")
    assert done.returncode == DONE and (done.stderr == "") == (by is None)
    assert by is None or f"note: tried, account: /etc/pam.d/{by} line " in done.stderr and PAST_IT in done.stderr
    assert json.loads(otpctl("config", "check", "--json").stdout)["findings"] == []


@pytest.mark.parametrize("name, lines, noted", [
    ("sudo", "account required pam_unix.so\naccount required pam_otp.so", True),
    ("sudo", "account requisite pam_otp.so\naccount required pam_unix.so", False),
    ("sudo", "account required pam_otp.so\naccount required pam_unix.so\naccount required pam_sss.so", False),
    ("sudo-deploy", "account required pam_nologin.so\naccount required pam_sss.so\naccount required pam_otp.so", True),
    ("sudo-deploy", "account required pam_otp.so\naccount required pam_nologin.so", False),
    ("su", "account required pam_unix.so\naccount required pam_otp.so", False),
])  # fmt: skip
def test_a_refusal_of_an_expired_password_that_sudo_passes_over_is_noted(stock, name, lines, noted):
    text = f"{IN}\nauth required pam_otp.so\n{lines}"
    write_stack(text, name)
    write_stack(text.replace("account required pam_unix.so\n", ""), f"{name}-{'l' if name == 'su' else 'i'}")
    done = otpctl("config", "check")
    assert done.returncode == DONE and (PAST_IT in done.stderr) == noted, done.stderr
    assert not noted or f"note: {name}, account: /etc/pam.d/{name} line 3: " in done.stderr


def test_the_other_service_answers_for_a_stage_that_has_no_line(stock):
    write_stack("@include common-auth\nauth required pam_otp.so")
    assert kinds() == {"no-account-line"}
    gate_services("other")
    assert kinds() == set()


@pytest.mark.parametrize("name", ["pam_opt.so", "pam_otp", "pam-otp.so", "PAM_OTP.so", "libpam_otp.so", "/usr/lib/security/pam_otp.so", "security/pam_otp.so", "pam_topt.so", "/opt/pam_otp.so"])
def test_a_name_that_means_our_module_is_told(stock, name):
    write_stack(f"{IN}\n-auth [default=ignore] {name}\n{ACCOUNT}")
    assert "no-such-module" in kinds("auth")


@pytest.mark.parametrize("name", ["pam_otp.so", str(MODULE), "../security/pam_otp.so", "pam_ftp.so", "pam_fprintd.so"])
def test_a_module_that_is_there_or_means_another_is_not(stock, name):
    write_stack(f"{IN}\nauth optional {name}\n{ACCOUNT}")
    assert "no-such-module" not in kinds()


def test_a_carriage_return_is_a_letter(stock):
    write_stack(f"{IN}\nauth required pam_otp.so\r\n{ACCOUNT}")
    assert "no-such-module" in kinds("auth")


@pytest.mark.parametrize("options", ["nulok", "Debug", "unenrolled=sikp", "prompt=", "debug debug", "[prompt=a b] echo=on", "[prompt=Code #1]"])
@pytest.mark.parametrize("stage", ["auth", "account"])
def test_an_option_that_the_module_refuses_is_told(stock, options, stage):
    other = "account" if stage == "auth" else "auth"
    write_stack(f"{IN}\n@include common-account\n{stage} required pam_otp.so {options}\n{other} required pam_otp.so")
    wanted = set() if "#" in options else {"bad-option"}  # libpam cuts the line there: what is left is a prompt
    assert kinds(stage) == wanted


@pytest.mark.parametrize("line", ["atuh required pam_otp.so", "auth pam_otp.so", "auth requird pam_otp.so", "auth [success=ok defualt=die] pam_otp.so", "auth required", "auth include no-such-file", "auth", "[default=ignore] pam_otp.so"])
def test_a_line_that_libpam_cannot_read_is_told(stock, line):
    write_stack(f"{IN}\nauth required pam_otp.so\n{line}\n{ACCOUNT}")
    assert "bad-line" in kinds()


@pytest.mark.parametrize("lines", [
    f"{IN}\nauth optional pam_env.so \\\nauth required pam_otp.so",
    f"{IN}\nauth required pam_env.so auth required pam_otp.so",
    f"{IN}\nauth required pam_env.so\\\n  auth [success=ok default=die] {MODULE}",
    "@include common-auth \\\nauth required pam_otp.so",
    "@include common-auth auth required pam_otp.so nullok",
    "auth include common-auth auth required pam_otp.so",
    "auth SUBSTACK common-auth \\\n\\\nauth required pam_otp.so",
    f"{IN}\nauth required pam_env.so\naccount required pam_env.so \\\naccount required pam_otp.so",
])  # fmt: skip
def test_a_line_that_has_become_part_of_another_is_told(stock, lines):
    write_stack(f"{lines}\n@include common-account")
    assert kinds() == {"not-run"}
    done = otpctl("config", "check")
    assert done.returncode == REFUSED and "nothing runs it" in done.stderr and "/etc/pam.d/tried line " in done.stderr


@pytest.mark.parametrize("directory", ["/usr/share/pam.d", "/usr/etc/pam.d"])
def test_services_of_other_distributions_are_looked_at(stock, directory):
    path = Path(directory) / "tried"
    write(path, f"{IN}\nauth optional pam_otp.so\n{ACCOUNT}\n", 0o644)
    try:
        assert kinds() == {"refusal-ignored"}
        write_stack(f"{IN}\nauth required pam_otp.so\n{ACCOUNT}")
        assert stack_findings() == [], "that of /etc comes first"
    finally:
        shutil.rmtree(directory)


def test_lines_in_pam_conf_are_told(stock):
    path = Path("/etc/pam.conf")
    before = path.read_text()
    try:
        path.write_text("# sudo auth required pam_otp.so\n")
        assert stack_findings() == []
        path.write_text("sudo auth required pam_unix.so\nsudo auth required pam_otp.so\n")
        told = stack_findings()
        away = [(directory, directory.with_name("pam.d.away")) for directory in (PAM, VENDOR)]
        for directory, elsewhere in away:
            shutil.move(directory, elsewhere)
        alone = stack_findings()
        for directory, elsewhere in away:
            shutil.move(elsewhere, directory)
    finally:
        path.write_text(before)
    assert [one["kind"] for one in alone] == ["pam-conf"] and "not looked at" in alone[0]["text"]
    assert [(one["kind"], one["file"]) for one in told] == [("pam-conf", "/etc/pam.conf")] and "because /etc/pam.d exists" in told[0]["text"]


@pytest.mark.parametrize("tail", ["@include no-such-file", "auth required pam_env.so \\"])
def test_a_service_that_libpam_refuses_is_told(stock, tail):
    write_stack(f"{IN}\nauth required pam_otp.so\n{ACCOUNT}\n{tail}")
    assert kinds() == {"refused"}


def test_files_in_a_circle_are_told_and_end(stock):
    write_stack("auth include tried\nauth include tried\nauth required pam_otp.so\naccount required pam_otp.so")
    assert kinds()
    write_stack("@include tried\nauth required pam_otp.so\naccount required pam_otp.so")
    assert kinds() == {"refused"}
    for number in range(15):
        write_stack(f"auth include empty{number + 1}\n" * 50, f"empty{number}")
    write_stack("auth include empty0\nauth required pam_otp.so\naccount required pam_otp.so")
    assert kinds()


def test_what_is_no_file_is_told_and_not_waited_for(stock):
    os.mkfifo(PAM / "pipe")
    write_stack("auth include pipe\nauth required pam_otp.so\naccount required pam_otp.so")
    assert "unreadable" in kinds()
    write_stack("auth include /dev/zero\nauth required pam_otp.so\naccount required pam_otp.so")
    assert "unreadable" in kinds()


def test_a_file_that_must_not_be_read_is_told(stock, user):
    write_stack(f"{IN}\nauth required pam_otp.so\n{ACCOUNT}")
    for path, mode in ((PAM / "tried", 0o600), (PAM, 0o700)):
        before = path.stat().st_mode
        path.chmod(mode)
        done = otpctl("config", "check", user=user)
        path.chmod(before)
        assert done.returncode == REFUSED and str(path) in done.stderr and "Permission denied" in done.stderr


@pytest.mark.parametrize("lines, wanted", [
    (f"{IN}\nauth required pam_otp.so\nauth required pam_otp.so", {"doubled"}),
    (f"{IN}\nauth required pam_otp.so\nauth substack part-with-only-us", {"doubled"}),
    (f"auth required pam_otp.so\n{IN}", {"code-first"}),
    ("auth required pam_otp.so try_first_pass\nauth required pam_sss.so", {"code-first"}),
    ("auth required pam_otp.so", set()),
    ("auth required pam_env.so\nauth required pam_otp.so\nauth required pam_mkhomedir.so", set()),
])  # fmt: skip
def test_doubled_lines_and_a_code_before_the_first_factor_are_told(parts, lines, wanted):
    write_stack(f"{lines}\n{ACCOUNT}")
    assert kinds() == wanted


@pytest.mark.parametrize("with_us, without", [("sudo", "sudo-i"), ("sudo-i", "sudo"), ("su", "su-l")])
def test_one_of_two_services_of_a_program_is_told(stock, with_us, without):
    write_stack(f"{IN}\n@include common-account", "su-l")
    gate_services(with_us)
    assert [(found["service"], found["kind"]) for found in stack_findings()] == [(with_us, "no-twin")]
    (PAM / without).unlink()
    assert kinds(name=with_us) == {"no-twin"}, "`other` is no better"


def test_a_name_with_capitals_is_told(stock):
    write_stack(f"{IN}\nauth required pam_otp.so\n{ACCOUNT}", "Tried")
    assert kinds(name="Tried") == {"capitals"}
    write_stack("@include Tried", "tried")
    assert stack_findings() == []


def test_root_passes_su_and_lockers_have_no_account_line(stock):
    gate_services("su", "login")
    write_stack("auth include login", "i3lock")
    write_stack(f"account sufficient pam_succeed_if.so uid = 0 use_uid quiet\n{IN}\nauth required pam_otp.so\n{ACCOUNT}", "su-l")
    assert stack_findings() == []


def test_it_is_told_without_a_policy_and_of_a_broken_one_both(stock):
    write_stack(f"{IN}\nauth optional pam_otp.so\n{ACCOUNT}")
    POLICY.unlink()
    try:
        done = otpctl("config", "check")
        assert done.returncode == REFUSED and "default" in done.stdout and "tried, auth" in done.stderr and "1 finding" in done.stderr
        assert json.loads(otpctl("config", "check", "--json").stdout)["policy"]["state"] == "absent"
        write(POLICY, "nonsense\n", 0o644)
        done = otpctl("config", "check", "--json")
        found = json.loads(done.stdout)
        assert done.returncode == REFUSED and found["policy"]["state"] == "wrong" and "line 1" in found["policy"]["reasons"][0]
        assert [one["kind"] for one in found["findings"]] == ["refusal-ignored"]
        done = otpctl("config", "check")
        assert "tried, auth" in done.stderr and "line 1" in done.stderr and done.stdout == ""
    finally:
        default_policy()


def test_a_table_for_a_service_that_asks_for_no_code_is_noted(stock):
    write_stack(f"{IN}\n{ACCOUNT}")
    write(POLICY, "version = 1\n[service.tried]\n", 0o644)
    try:
        done = otpctl("config", "check")
        assert done.returncode == DONE and "note: [service.tried] asks nobody for a code" in done.stderr
        write_stack(f"{IN}\nauth required pam_otp.so\n{ACCOUNT}")
        assert otpctl("config", "check").stderr == ""
    finally:
        default_policy()


@pytest.mark.parametrize("named, other, program", [("sudo", "sudo-i", "sudo -i"), ("sudo-i", "sudo", "sudo"), ("su-l", "su", "su")])
def test_a_table_for_one_of_two_gated_services_of_a_program_is_noted(stock, named, other, program):
    write_stack(f"{IN}\n@include common-account", "su-l")
    gate_services(named, other)
    try:
        write(POLICY, f"version = 1\n[service.{named}]\n", 0o644)
        done = otpctl("config", "check")
        assert done.returncode == DONE and f"note: [service.{named}] does not apply to `{program}`" in done.stderr
        write(POLICY, f"version = 1\n[service.{named}]\n[service.{other}]\n", 0o644)
        assert otpctl("config", "check").stderr == ""
    finally:
        default_policy()


def test_what_package_managers_leave_is_no_service(stock):
    for name in ("tried.dpkg-old", "tried~", "tried.bak", ".tried.swp"):
        write_stack(f"{IN}\nauth optional pam_otp.so\n{ACCOUNT}", name)
    assert stack_findings() == []


# against libpam itself

CODES = (*["success"] * 6, "auth_err", "ignore", "new_authtok_reqd", "user_unknown", "perm_denied", "abort", "try_again", "cred_err")
ACTIONS = (*["ok", "done", "ignore", "reset", "1", "2"] * 2, "bad", "die", "3")
DRAWN = 400


def random_line(draw, depth, parts):
    """A line, and those of the files that it includes are put into `parts`."""
    if depth < 3 and draw.random() < 0.2:
        name = f"drawn-part-{len(parts)}"
        parts[name] = None
        parts[name] = random_lines(draw, draw.randint(1, 4), depth + 1, parts)
        return draw.choice((f"auth include {name}", f"auth substack {name}", f"auth substack {name}", f"@include {name}"))
    strange = ("auth", "auth required", "atuh optional pam_permit.so", "auth sufficiently pam_permit.so", "auth include no-such-part", "auth required \\", "# auth required pam_deny.so", "account required pam_deny.so")
    if draw.random() < 0.04:
        return draw.choice(strange)
    control = draw.choice(("required", "requisite", "sufficient", "optional"))
    if draw.random() < 0.6:
        words = [f"{draw.choice(CODES)}={draw.choice(ACTIONS)}" for _ in range(draw.randint(0, 3))]
        control = f"[{' '.join([*words, 'default=' + draw.choice(ACTIONS)])}]"
    module = draw.choice(("pam_permit.so", "pam_deny.so", *["pam_debug.so auth=" + draw.choice(CODES)] * 4))
    return f"{draw.choice(('auth', 'auth', '-auth', 'AUTH'))} {control} {module}"


def random_lines(draw, count, depth, parts):
    return [random_line(draw, depth, parts) for _ in range(count)]


def put_ours(draw, stacks):
    """One of the lines that call a module becomes ours."""
    places = [(name, at) for name, lines in stacks.items() for at, line in enumerate(lines) if re.search(r"pam_(debug|permit|deny)", line) and "account" not in line and "#" not in line]
    name, at = draw.choice(places) if places else (next(iter(stacks)), 0)
    if not places:
        stacks[name].insert(0, "auth optional pam_permit.so")
    stacks[name][at] = re.sub(r"pam_(debug|permit|deny)\.so.*", "pam_otp.so", stacks[name][at])


def drawn_stacks(number):
    draw, name = random.Random(number), f"drawn-{number}"
    parts = {}
    lines = random_lines(draw, draw.randint(1, 6), 0, parts)
    stacks = {name: lines, **parts}
    put_ours(draw, stacks)
    rename = {part: f"{part}-of-{number}" for part in parts}
    text = {rename.get(key, key): "\n".join(value) for key, value in stacks.items()}
    for part, other in rename.items():
        text = {key: re.sub(rf"{part}\b(?!-)", other, value) for key, value in text.items()}
    return name, text


def lets_in(name, text, code):
    """Does libpam let somebody in if our module answers so?"""
    for key, value in text.items():
        write_stack(value.replace("pam_otp.so", f"pam_debug.so auth={code}"), key)
    done = subprocess.run(["pamtester", name, "root", "authenticate"], capture_output=True, text=True, timeout=30)
    return done.returncode == 0


def test_random_stacks_let_in_with_libpam_as_they_do_here(stock, machine):
    """Each module of these answers one thing; ours anything that refuses."""
    stacks = [drawn_stacks(number) for number in range(DRAWN * machine.rounds)]
    truth = {}
    for name, text in stacks:
        truth[name] = any(lets_in(name, text, code) for code in REFUSALS)
        for key, value in text.items():
            write_stack(value, key)
    said = dict.fromkeys(truth, False)
    for found in stack_findings():
        if found["kind"] in ("passed-over", "refusal-ignored") and found["stage"] == "auth" and found["service"] in said:
            said[found["service"]] = True
    assert len(set(truth.values())) == 2 and sum(truth.values()) > len(truth) // 10
    wrong = [f"{name}: libpam {truth[name]}\n" + "\n".join(f"--- {key}\n{value}" for key, value in text.items()) for name, text in stacks if truth[name] != said[name]]
    assert not wrong, f"{len(wrong)} of {len(truth)}\n" + "\n".join(wrong[:3])
