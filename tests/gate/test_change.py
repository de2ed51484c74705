"""`otpctl gate enable --no-rollback` and `disable`: the lines of the README, put in and taken out to the byte."""

import json
import os
import re
import shutil
import stat
from pathlib import Path

import pytest

from harness.machine import CODE_PROMPT, OTPCTL, PASSWORD, ROOT, otpctl, policy, run, write
from harness.otpctl import DONE, REFUSED
from harness.stacks import PAM, VENDOR, gate_services, lines_of_readme
from harness.terminal import dialogue

GATES = PAM.parent / "otp/gates"
MARK = "# added by `otpctl gate enable`; `otpctl gate disable` takes it out"
DROP_IN = Path("/etc/ssh/sshd_config.d/00-otp.conf")
SSHD_RECIPE = re.search(r"`/etc/ssh/sshd_config.d/00-otp.conf`:\n\n((?:    .*\n)+)", (ROOT / "docs/hosts.md").read_text())[1].splitlines()
SAME = 4  # --detailed-exit-code


def enabled(service, admin, code, *words):
    """`otpctl gate enable` at a terminal."""
    answers = [("Password: ", PASSWORD), (CODE_PROMPT, code)]
    return dialogue([OTPCTL, "gate", "enable", service, "--admin", admin.name, "--no-rollback", *words], answers)


def stacks():
    return {path.name: path.read_bytes() for path in PAM.iterdir() if path.is_file()}


def rules(path):
    """A PAM file without comments and blank lines."""
    lines = [line.split("#")[0].split() for line in path.read_text().splitlines()]
    return [line for line in lines if line]


@pytest.fixture
def debian(stock):
    """The stacks of Debian alone, and no gate."""
    yield
    shutil.rmtree(GATES, ignore_errors=True)
    DROP_IN.unlink(missing_ok=True)


@pytest.fixture
def odd_sshd():
    """sshd_config while a test changes it."""
    config = Path("/etc/ssh/sshd_config")
    before = config.read_text()
    yield config
    config.write_text(before)
    DROP_IN.unlink(missing_ok=True)


def test_sudo_is_gated_as_by_the_lines_of_the_readme_and_disable_puts_back_every_byte(debian, machine, enrolled):
    user, key = enrolled
    before = stacks()
    done = enabled("sudo", user, key.first, "--json")
    told = json.loads(done.text.splitlines()[-1])
    assert done.status == 0 and (told["changed"], told["state"], told["until"]) == (True, "in-force", None)
    assert told["files"] == [str(PAM / "sudo"), str(PAM / "sudo-i")]
    by_gate = {name: rules(PAM / name) for name in ("sudo", "sudo-i")}
    assert MARK in (PAM / "sudo").read_text()
    assert json.loads(otpctl("config", "check", "--json").stdout)["findings"] == []
    opened = machine.sudo(user, [(r"\[sudo\] password for \S+: ", PASSWORD), (CODE_PROMPT, key.second)])
    assert opened.status == 0 and opened.text.endswith("0\n")

    done = otpctl("gate", "disable", "sudo", "--json")
    assert (done.returncode, json.loads(done.stdout)["changed"]) == (DONE, True), done.stderr
    assert stacks() == before and os.listdir(GATES) == [".lock"]
    run("sh", "-c", lines_of_readme())
    assert {name: rules(PAM / name) for name in ("sudo", "sudo-i")} == by_gate


@pytest.mark.parametrize("service", ["su", "login", "sshd", "doas", "polkit-1"])
def test_every_recipe_by_gate_and_by_hand_is_the_same(debian, enrolled, service):
    user, key = enrolled
    before = stacks()
    assert enabled(service, user, key.first).status == 0
    by_gate = rules(PAM / service)
    if service == "sshd":
        assert rules(DROP_IN) == [line.split() for line in SSHD_RECIPE] and run("/usr/sbin/sshd", "-T").count("passwordauthentication no") == 1
    changed = {name for name, text in stacks().items() if before.get(name) != text}
    assert changed == {service}, "su-l includes su"
    assert otpctl("gate", "disable", service).returncode == DONE
    assert not DROP_IN.exists()
    assert stacks() == before, "a copy of the distribution's file is gone again"
    gate_services(service)
    assert by_gate == rules(PAM / service)


def test_a_service_that_rotates_has_the_password_line_of_the_recipe(debian, enrolled):
    user, key = enrolled
    with policy('[rotation]\nmax_age = 90\nrotate_services = ["sudo", "sudo-i", "sshd"]\n'):
        assert enabled("sudo", user, key.first).status == 0
        assert enabled("sshd", user, key.second).status == 0
        assert otpctl("config", "check").returncode == DONE
    recipe = [["password", "[success=done", "ignore=ignore", "default=die]", "pam_otp.so"], ["@include", "common-password"]]
    for name in ("sudo", "sudo-i", "sshd"):
        found = rules(PAM / name)
        at = found.index(recipe[0])
        assert found[at : at + 2] == recipe and found.count(recipe[1]) == 1, name


def test_the_same_again_changes_nothing_and_says_so(debian, enrolled):
    user, key = enrolled
    assert enabled("sudo", user, key.first).status == 0
    before = stacks()
    for words, code in ((["enable", "sudo"], DONE), (["enable", "sudo", "--detailed-exit-code"], SAME), (["confirm", "sudo"], DONE)):
        done = otpctl("gate", *words, "--json")
        told = json.loads(done.stdout)
        assert (done.returncode, told["changed"], told["state"]) == (code, False, "in-force"), done
    assert stacks() == before
    assert otpctl("gate", "disable", "sudo", "--detailed-exit-code").returncode == DONE
    again = otpctl("gate", "disable", "sudo", "--detailed-exit-code")
    assert again.returncode == SAME and "nothing was changed" in again.stdout


def test_lines_by_hand_are_told_and_left_alone(debian, enrolled):
    gate_services("sudo", "sudo-i")
    before = stacks()
    done = otpctl("gate", "enable", "sudo", "--json")
    assert done.returncode == DONE and json.loads(done.stdout) == {"service": "sudo", "changed": False, "state": None, "files": [], "until": None}
    done = otpctl("gate", "disable", "sudo")
    assert done.returncode == REFUSED and f"{PAM / 'sudo'} line " in done.stderr and "by hand" in done.stderr
    assert stacks() == before


def test_a_file_that_was_changed_since_is_left_until_told(debian, enrolled):
    user, key = enrolled
    before = stacks()
    assert enabled("sudo", user, key.first).status == 0
    path = PAM / "sudo"
    path.write_text(path.read_text() + "# a comment of mine\n")
    gated = stacks()
    done = otpctl("gate", "disable", "sudo")
    assert done.returncode == REFUSED and "is new: # a comment of mine" in done.stderr and "--force" in done.stderr
    assert stacks() == gated
    assert otpctl("gate", "disable", "sudo", "--force").returncode == DONE
    assert stacks() == before | {"sudo": before["sudo"] + b"# a comment of mine\n"}


def test_a_line_that_somebody_has_changed_is_named_and_goes_with_the_gate(debian, enrolled):
    user, key = enrolled
    before = stacks()
    assert enabled("sudo", user, key.first).status == 0
    path = PAM / "sudo"
    path.write_text(path.read_text().replace("auth required pam_otp.so", "auth\trequired\tpam_otp.so debug"))
    done = otpctl("gate", "disable", "sudo")
    assert done.returncode == REFUSED and "pam_otp.so debug" in done.stderr
    (GATES / "sudo.gate").rename(GATES / "sudo.pending")  # as with systemd
    assert otpctl("gate", "undo-pending", "sudo").returncode == DONE
    assert stacks() == before and os.listdir(GATES) == [".lock"]


def test_what_a_gate_does_not_do_is_told_before_the_proof(debian, enrolled, odd_sshd):
    user, key = enrolled
    done = enabled("su", user, key.first)
    assert done.status == 0 and "root has no key that works" in done.text, done
    odd_sshd.write_text(odd_sshd.read_text() + "\nPubkeyAuthentication yes\n")
    done = enabled("sshd", user, key.second)
    assert done.status == 0 and "lets a key in without a code" in done.text and "sshd asks for a code from now on" in done.text, done


def test_lines_whose_comments_somebody_has_taken_away_go_with_the_gate(debian, enrolled):
    user, key = enrolled
    before = stacks()
    assert enabled("sudo", user, key.first).status == 0
    path = PAM / "sudo"
    path.write_text(path.read_text().replace(f"{MARK}\n", ""))
    done = otpctl("gate", "disable", "sudo")
    assert done.returncode == REFUSED and "is gone: # added by" in done.stderr
    (GATES / "sudo.gate").rename(GATES / "sudo.pending")  # as with systemd
    assert otpctl("gate", "undo-pending", "sudo").returncode == DONE
    assert stacks() == before


def test_each_gate_that_is_gone_is_in_the_log_although_a_later_one_is_refused(debian, machine, enrolled):
    user, key = enrolled
    assert enabled("login", user, key.first).status == 0
    assert enabled("sudo", user, key.second).status == 0
    path = PAM / "sudo"
    path.write_text(path.read_text() + "# a comment of mine\n")
    start = machine.journal.position()
    assert otpctl("gate", "disable", "--all").returncode == REFUSED
    assert any("event=gate-disabled service=login" in line for line in machine.journal.since(start))
    assert "pam_otp" not in (PAM / "login").read_text() and "pam_otp" in path.read_text()


def test_what_another_program_has_put_back_is_no_gate_any_more(debian, enrolled):
    user, key = enrolled
    original = (PAM / "sudo").read_text()
    assert enabled("sudo", user, key.first).status == 0
    write(PAM / "sudo", original + "# of a newer package\n", 0o644)
    assert otpctl("gate", "disable", "sudo").returncode == DONE
    assert (PAM / "sudo").read_text() == original + "# of a newer package\n"
    assert "pam_otp" not in (PAM / "sudo-i").read_text()


def test_owner_and_mode_of_the_file_stay(debian, enrolled):
    user, key = enrolled
    path = PAM / "sudo"
    path.chmod(0o640)
    shutil.chown(path, group="shadow")
    for change in (lambda: enabled("sudo", user, key.first).status == 0, lambda: otpctl("gate", "disable", "sudo").returncode == DONE):
        assert change()
        assert (stat.S_IMODE(path.stat().st_mode), path.group()) == (0o640, "shadow")


def test_a_proof_that_fails_changes_nothing(debian, enrolled):
    user, key = enrolled
    before = stacks()
    done = enabled("sudo", user, key.wrong())
    assert done.status == 1 and "was not let in" in done.text
    assert stacks() == before and not (GATES / "sudo.gate").exists()


def test_without_systemd_a_gate_wants_no_rollback(debian, enrolled):
    user, _ = enrolled
    done = otpctl("gate", "enable", "sudo", "--admin", user.name)
    assert done.returncode == REFUSED and "without systemd" in done.stderr and "--no-rollback" in done.stderr


def test_status_tells_the_line_and_who_is_let_past(debian, enrolled):
    user, key = enrolled
    assert enabled("sudo", user, key.first).status == 0
    gate_services("su")
    text = '[service.sudo]\nrequire = ["group:sudo"]\nallow_until = 2099-02-01\nexempt = [{ who = "user:bob", until = 2099-03-01, reason = "token on order" }]\n'
    with policy(text):
        told = json.loads(otpctl("gate", "status", "--json").stdout)
        said = otpctl("gate", "status", "sudo").stdout
    found = {one["service"]: one for one in told["gates"]}
    assert set(found) == {"sudo", "sudo-i", "su", "su-l"} and {"login", "sshd"} <= set(told["ungated"])
    assert (found["sudo"]["state"], found["sudo-i"]["state"], found["su"]["state"]) == ("in-force", "in-force", None)
    line = 1 + (PAM / "sudo").read_text().splitlines().index("auth required pam_otp.so")
    assert found["sudo"]["lines"] == [{"file": str(PAM / "sudo"), "line": line, "options": []}]
    assert found["sudo"]["exempt"] == [{"who": "user:bob", "until": "2099-03-01", "reason": "token on order"}]
    for part in (f"line: {PAM / 'sudo'} line {line}", "asked: group:sudo; users without a key pass until 2099-02-01", "exempt: user:bob, until 2099-03-01: token on order"):
        assert part in said, said


def test_a_drop_in_that_sshd_does_not_read_is_undone(debian, enrolled, odd_sshd):
    user, key = enrolled
    before = stacks()
    odd_sshd.write_text("PasswordAuthentication yes\n" + odd_sshd.read_text())
    done = enabled("sshd", user, key.first)
    assert done.status == 1 and "sshd -T does not show PasswordAuthentication no" in done.text, done
    assert stacks() == before and not DROP_IN.exists() and not (GATES / "sshd.gate").exists()


def test_sshd_that_asks_by_pam_already_needs_no_drop_in_and_one_of_somebody_else_is_left(debian, enrolled, odd_sshd):
    user, key = enrolled
    DROP_IN.write_text("PasswordAuthentication yes\n")
    done = otpctl("gate", "enable", "sshd", "--admin", user.name, "--no-rollback")
    assert done.returncode == REFUSED and f"{DROP_IN} is there" in done.stderr
    DROP_IN.write_text("".join(line.strip() + "\n" for line in SSHD_RECIPE))
    assert json.loads(enabled("sshd", user, key.first, "--json").text.splitlines()[-1])["files"] == [str(PAM / "sshd")]


def test_debian_13(debian, enrolled):
    user, key = enrolled
    for directory in (PAM, VENDOR):
        shutil.rmtree(directory)
        shutil.copytree(ROOT / "tests/hosts/debian13" / directory.relative_to("/"), directory)
    before = stacks()
    for service, code in (("sudo", key.first), ("su", key.second)):
        assert enabled(service, user, code).status == 0
    assert json.loads(otpctl("config", "check", "--json").stdout)["findings"] == []
    done = otpctl("gate", "disable", "--all")
    assert done.returncode == DONE and re.findall(r"files of (\S+)$", done.stdout, re.M) == ["su", "sudo"]
    assert stacks() == before
