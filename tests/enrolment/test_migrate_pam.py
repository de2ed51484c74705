"""otpctl migrate-pam: every option of the other modules has an answer, and the stacks that it prints do what it says, in libpam."""

import gzip
import json
import re
from pathlib import Path

import pytest

from harness.machine import AUTH_ERR, MULTIARCH, POLICY, SUCCESS, otpctl, write
from harness.stacks import PAM

DOC = Path("/usr/share/doc")
SECURITY = Path("/usr/lib") / MULTIARCH / "security"
OATH_OPTIONS = {"debug", "alwaysok", "try_first_pass", "use_first_pass", "usersfile=", "digits=", "window="}


def report(text, *options, service="moved", status=0):
    done = otpctl("migrate-pam", "--json", "--service", service, *options, "-", stdin=text)
    assert done.returncode == status and done.stderr.count("\n") == (1 if status else 0), done
    return json.loads(done.stdout)


def old_stack(auth, account="account required pam_unix.so\n"):
    return f"auth requisite pam_unix.so\n{auth}\n{account}"


def outcomes(line, status=0):
    (only,) = report(old_stack(f"auth required {line}"), status=status)["lines"]
    return {one["option"]: (one["outcome"], one["becomes"]) for one in only["options"]}, only["new"]


def packed(path):
    return gzip.decompress(path.read_bytes()).decode()


# option by option


def options_of_google():
    """Those of the manual page and of the README that the package brings."""
    place = DOC / "libpam-google-authenticator"
    manual = packed(place / "pam_google_authenticator.8.md.gz").split("# OPTIONS")[1].split("# MODULE TYPE")[0]
    found = re.findall(r"^([a-z_]+=?)(?:\*|$)", manual, re.M) + re.findall(r"\*\*([a-z_]+_pass)\*\*:", manual)
    readme = packed(place / "README.md.gz").split("## Module options")[1]
    named = re.findall(r"^### (.*)$", readme, re.M)
    return set(found) | {re.match("[a-z_]+=?", word)[0] for line in named for word in line.split(" / ")}


def options_of_oath():
    """Those that its README lists at its end; it has no manual page."""
    readme = packed(DOC / "libpam-oath/README.gz").split("List of all parameters")[1]
    return set(re.findall(r'^  "([a-z_]+)":', readme, re.M))


@pytest.mark.parametrize("module", ["pam_google_authenticator.so", "pam_oath.so"])
def test_every_option_that_the_package_documents_is_known(machine, module):
    listed = options_of_google() if "google" in module else options_of_oath()
    assert len(listed) >= (15 if "google" in module else 7), listed
    valued = {"usersfile": "usersfile=/x", "digits": "digits=6", "window": "window=1", "allowed_perm=": "allowed_perm=0640"}
    for option in sorted(listed):
        answer, new = outcomes(f"{module} {valued.get(option, option + 'x' if option.endswith('=') else option)}")
        (outcome, becomes) = next(iter(answer.values()))
        assert outcome in ("option", "policy", "always-so", "no-counterpart"), (option, answer)
        assert (becomes is not None) == (outcome in ("option", "policy")) and "pam_otp.so" in new[0]


def test_what_becomes_an_option_is_one_that_the_module_takes(machine, user):
    line = "pam_google_authenticator.so nullok debug try_first_pass echo_verification_code [authtok_prompt=Your code, [please\\]: ]"
    answer, (new,) = outcomes(line)
    assert new == "auth required pam_otp.so unenrolled=skip debug try_first_pass echo [prompt=Your code, [please\\]: ]"
    assert all(outcome == "option" for outcome, _ in answer.values())
    service = machine.service("moved", "required pam_permit.so", new.removeprefix("auth "))
    assert machine.ask(service, user, "123456")[0] == SUCCESS, "as with nullok, a user without a key is not asked"


def test_an_unknown_option_is_named_with_its_line_and_the_exit_code_says_so(machine):
    found = report(old_stack("auth required pam_oath.so usersfile=/etc/users.oath windw=5"), status=1)
    assert found["not_understood"] == [{"file": "-", "line": 2, "text": "windw=5: otpctl does not know such an option of pam_oath.so"}]
    assert found["lines"][0]["new"] == ["auth required pam_otp.so"]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (old_stack("auth reqired pam_oath.so"), 2, "cannot read the control"),
        (old_stack("auth"), 2, "it has no control"),
        (old_stack("account required pam_oath.so"), 2, "the old module does nothing in the account stage"),
        (old_stack("auth required pam_google_authenticator"), 2, "is not a module"),
        (old_stack("auth required pam_oath.so\r"), 2, "carriage return"),
        (old_stack("auth required pam_permit.so \\\n# a\nauth required pam_oath.so"), None, "read this file differently"),
        (old_stack("@include nowhere"), None, "libpam refuses the service"),
        (old_stack("auth required pam_exec.so /lib/security/pam_oath.so"), 2, "an argument of pam_exec.so"),
    ],
)
def test_a_line_that_is_not_understood_is_named(machine, text, line, words):
    found = report(text, status=1)["not_understood"]
    assert [one for one in found if words in one["text"] and one["line"] == line], found


def test_what_belongs_into_the_policy_is_a_block_that_our_parser_takes(machine):
    text = old_stack("auth required pam_oath.so usersfile=/etc/users.oath window=20 digits=8")
    found = report(text, service="sshd")
    assert found["policy"] == "[service.sshd]\ndigits = [6, 8]\nwindow = { back = 2, forward = 2 }\n" and found["notes"] == []
    before = POLICY.read_text()
    write(POLICY, before + found["policy"], 0o644)
    assert otpctl("config", "check").returncode in (0, 1) and "otp.toml: in order" in otpctl("config", "check").stdout
    (note,) = report(text, service="sshd")["notes"]
    assert "put its lines into the existing table" in note
    write(POLICY, before, 0o644)


def test_a_password_that_is_handed_on_makes_the_digits_the_end_of_an_answer(machine):
    answer, (new,) = outcomes("pam_oath.so usersfile=/etc/users.oath digits=7\nauth required pam_unix.so use_first_pass")
    assert answer["digits=7"] == ("option", "forward_pass=7") and new == "auth required pam_otp.so forward_pass=7"


# the whole stack


def test_controls_stay_and_dangerous_ones_are_said(machine):
    for control in ("required", "requisite", "[success=ok  new_authtok_reqd=ok default=die]"):
        (line,) = report(old_stack(f"auth {control} pam_google_authenticator.so"))["lines"]
        assert line["new"] == [f"auth {control} pam_otp.so"]
    for control, kind in (("sufficient", "refusal-ignored"), ("optional", "refusal-ignored"), ("[default=ignore]", "refusal-ignored")):
        found = report(old_stack(f"auth {control} pam_google_authenticator.so"), status=1)
        assert found["lines"][0]["new"] == [f"auth {control} pam_otp.so"]
        assert kind in [one["kind"] for one in found["findings"]], found
    past = report(old_stack("auth [success=1 default=ignore] pam_succeed_if.so user ingroup staff\nauth required pam_oath.so"), status=1)
    assert [(one["kind"], one["line"]) for one in past["findings"]] == [("passed-over", 2)] and "exempt" in past["notes"][0]


def test_the_account_line_comes_where_nothing_leads_past_it(machine):
    account = "account [success=1 default=ignore] pam_unix.so\naccount requisite pam_deny.so\naccount required pam_permit.so\n"
    found = report(old_stack("auth required pam_oath.so", account))
    assert found["stack"].splitlines()[2:4] == ["account required pam_otp.so", account.splitlines()[0]]
    assert found["others"] == [{"line": 3, "old": None, "new": "account required pam_otp.so"}]


def test_a_service_is_named_or_given_as_a_file_and_nothing_is_written(machine, tmp_path):
    place = PAM / "moved"
    write(place, "auth required pam_permit.so\n@include moved-auth\naccount required pam_unix.so\n", 0o644)
    write(PAM / "moved-auth", "auth required pam_oath.so usersfile=/etc/users.oath\n", 0o644)
    before = {path: path.read_bytes() for path in PAM.iterdir() if path.is_file()}
    named = otpctl("migrate-pam", "moved")
    assert named.returncode == 0 and "/etc/pam.d/moved-auth line 1\n  - auth required pam_oath.so" in named.stdout, named
    assert "see `otpctl migrate-pam moved-auth`" in named.stderr
    part = otpctl("migrate-pam", "--stack", "moved-auth")
    assert part.returncode == 0 and part.stdout == "auth required pam_otp.so\n", part
    assert "the account stage is theirs" in part.stderr and "usersfile=/etc/users.oath has no counterpart" in part.stderr
    write(tmp_path / "x", "auth required pam_oath.so\naccount required pam_unix.so\n", 0o644)
    assert otpctl("migrate-pam", tmp_path / "x").returncode == 0
    assert before == {path: path.read_bytes() for path in PAM.iterdir() if path.is_file()}
    assert otpctl("migrate-pam", "no-such-service").returncode == 1
    assert otpctl("migrate-pam", "/dev/null").returncode == 1
    assert "no line of pam_google" in otpctl("migrate-pam", "--service", "x", "-", stdin="auth required pam_permit.so\n").stdout
    for path in (place, PAM / "moved-auth"):
        path.unlink()


def test_jumps_lead_where_they_led_when_lines_come_in(machine, user):
    text = (
        "auth [success=2 default=ignore] pam_succeed_if.so user = root quiet\n"
        "auth [success=1 default=ignore] pam_debug.so auth=auth_err\n"
        "auth required pam_oath.so usersfile=/etc/users.oath\n"
        "auth required pam_permit.so\naccount required pam_permit.so\n"
    )
    lines = report(text, "--both", status=1)["stack"].splitlines()
    assert lines[0].startswith("auth [success=4 ") and lines[1].startswith("auth [success=3 ")
    assert lines[2:5] == [
        "auth [success=1 ignore=ignore default=die] pam_otp.so unenrolled=skip",
        "auth required pam_oath.so usersfile=/etc/users.oath",
        "auth required pam_permit.so",
    ]
    for said, outcome in (("success", SUCCESS), ("auth_err", AUTH_ERR)):
        service = machine.service("moved", *[line.removeprefix("auth ").replace("auth=auth_err", f"auth={said}") for line in lines if line.startswith("auth ")])
        assert machine.ask(service, user, "123456")[0] == outcome, said


ROUND = [
    "auth required pam_oath.so usersfile=/etc/users.oath\n",
    "auth requisite pam_google_authenticator.so nullok debug # the second factor\n",
    "auth sufficient pam_oath.so\nauth requisite pam_deny.so\n",
    "auth [success=3 default=ignore] pam_debug.so auth=auth_err\nauth [success=2 default=bad] pam_oath.so\nauth required pam_google_authenticator.so\nauth optional pam_permit.so\nauth required pam_permit.so\n",
]


@pytest.mark.parametrize("auth", ROUND)
def test_the_end_of_the_time_with_both_modules_is_where_a_change_at_once_leads(machine, auth):
    def new(text, *options):
        return json.loads(otpctl("migrate-pam", "--json", "--service", "moved", *options, "-", stdin=text).stdout)

    text = f"auth requisite pam_unix.so\n{auth}account required pam_unix.so\n"
    both = new(text, "--both")["stack"]
    assert both != text and both.count("pam_otp.so") == auth.count("pam_oath.so") + auth.count("pam_google") + 1
    assert new(both)["stack"] == new(text)["stack"]
    again = new(both, "--both")
    assert again["stack"] == both and "both modules already ask here" in again["not_understood"][0]["text"]


OLD = {
    "google": "auth required pam_google_authenticator.so nullok",
    "oath": "auth\trequisite pam_oath.so usersfile=/etc/users.oath window=10",
}


@pytest.mark.parametrize("form", [(), ("--both",)], ids=["ours alone", "both"])
@pytest.mark.parametrize("old", OLD.values(), ids=OLD)
def test_on_debians_own_stacks_the_new_ones_are_in_order(machine, stock, old, form):
    """The old line where the guides of the old modules have it, after the password."""
    services = [name for name in ("sshd", "sudo", "sudo-i", "su", "su-l", "login", "cron") if (PAM / name).exists()]
    assert len(services) > 4
    for name in services:
        text = (PAM / name).read_text().replace("@include common-auth\n", f"@include common-auth\n{old}\n")
        write(PAM / name, text, 0o644)
    wanted = [name for name in services if old in (PAM / name).read_text()]
    for name in wanted:
        done = otpctl("migrate-pam", *form, "--stack", name)
        twin = "no auth line of the service" in done.stderr
        assert done.returncode == (1 if twin else 0), done
        write(PAM / name, done.stdout, 0o644)
    found = json.loads(otpctl("config", "check", "--json").stdout)["findings"]
    assert len(wanted) > 3 and [one for one in found if one["service"] in wanted] == []


def test_an_old_line_in_common_auth_is_changed_there(machine, stock):
    path = PAM / "common-auth"
    write(path, path.read_text() + OLD["google"] + "\n", 0o644)
    assert "see `otpctl migrate-pam common-auth`" in otpctl("migrate-pam", "sudo").stderr
    done = otpctl("migrate-pam", "--both", "--stack", "common-auth")
    assert done.returncode == 0 and "each of them wants `account required pam_otp.so`" in done.stderr, done
    write(path, done.stdout, 0o644)
    found = json.loads(otpctl("config", "check", "--json").stdout)["findings"]
    assert {one["kind"] for one in found} <= {"no-account-line"}, found


def test_nullok_without_a_first_factor_would_let_in_by_the_line_that_comes_after(machine):
    """Each way is what libpam does with the real module; docs/cut-over.md names it."""
    alone, nobody = "auth required pam_google_authenticator.so nullok\naccount required pam_permit.so\n", machine.new_user()

    def lets_in(text):
        write(PAM / "moved", text, 0o644)
        return machine.ask("moved", nobody, "123456")[0] == SUCCESS

    assert not lets_in(alone)
    found = report(alone, "--both", status=1)
    assert [(one["line"], "take that option off" in one["text"]) for one in found["not_understood"]] == [(1, True)]
    assert lets_in(found["stack"])
    without = report(alone.replace(" nullok", ""), "--both")
    assert not lets_in(without["stack"])
    first = f"auth requisite pam_permit.so\n{alone}"
    assert lets_in(first) and lets_in(report(first, "--both")["stack"])
