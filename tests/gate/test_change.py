"""`otpctl gate enable --no-rollback` and `disable`: the lines of docs/hosts.md, put in and taken out to the byte."""

import json
import os
import re
import shutil
import stat
import struct
from pathlib import Path

import pytest

from harness.machine import CODE_PROMPT, OTPCTL, PASSWORD, ROOT, otpctl, policy, run, write
from harness.otpctl import DONE, REFUSED
from harness.stacks import PAM, VENDOR, gate_services, lines_by_hand, rules
from harness.terminal import dialogue

GATES = PAM.parent / "otp/gates"
MARK = "# added by `otpctl gate enable`; `otpctl gate disable` takes it out"
DROP_IN = Path("/etc/ssh/sshd_config.d/00-otp.conf")
SSHD_RECIPE = re.search(r"`/etc/ssh/sshd_config.d/00-otp.conf`:\n\n((?:    .*\n)+)", (ROOT / "docs/hosts.md").read_text())[1].splitlines()
SAME = 4  # --detailed-exit-code


def enabled(service, admin, codes, *words):
    """`otpctl gate enable` at a terminal. Each service wants a code of its own."""
    answers = [answer for code in ([codes] if isinstance(codes, str) else codes) for answer in (("Password: ", PASSWORD), (CODE_PROMPT, code))]
    return dialogue([OTPCTL, "gate", "enable", service, "--admin", admin.name, "--no-rollback", *words], answers)


def both(key):
    """Codes for a service and its twin."""
    return key.first, key.second


def stacks():
    return {path.name: path.read_bytes() for path in PAM.iterdir() if path.is_file()}


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


def test_sudo_is_gated_as_by_hand_and_disable_puts_back_every_byte(debian, machine, enrolled):
    user, key = enrolled
    before = stacks()
    done = enabled("sudo", user, both(key), "--json")
    told = json.loads(done.text.splitlines()[-1])
    assert done.status == 0 and (told["changed"], told["state"], told["until"]) == (True, "in-force", None)
    assert told["files"] == [str(PAM / "sudo"), str(PAM / "sudo-i")]
    by_gate = {name: rules((PAM / name).read_text()) for name in ("sudo", "sudo-i")}
    assert MARK in (PAM / "sudo").read_text()
    assert json.loads(otpctl("config", "check", "--json").stdout)["findings"] == []
    other, another = machine.enrolled_user()
    opened = machine.sudo(other, [(r"\[sudo\] password for \S+: ", PASSWORD), (CODE_PROMPT, another.first)])
    assert opened.status == 0 and opened.text.endswith("0\n")

    done = otpctl("gate", "disable", "sudo", "--json")
    assert (done.returncode, json.loads(done.stdout)["changed"]) == (DONE, True), done.stderr
    assert stacks() == before and os.listdir(GATES) == [".lock"]
    run("sh", "-c", lines_by_hand())
    assert {name: rules((PAM / name).read_text()) for name in ("sudo", "sudo-i")} == by_gate


def test_a_service_that_rotates_has_the_password_line_of_the_recipe(debian, machine, enrolled):
    user, key = enrolled
    other, another = machine.enrolled_user()
    with policy('[rotation]\nmax_age = 90\nrotate_services = ["sudo", "sudo-i", "sshd"]\n'):
        assert enabled("sudo", user, both(key)).status == 0
        assert enabled("sshd", other, another.first).status == 0
        assert otpctl("config", "check").returncode == DONE
    recipe = [["password", "[success=done", "ignore=ignore", "default=die]", "pam_otp.so"], ["@include", "common-password"]]
    for name in ("sudo", "sudo-i", "sshd"):
        found = rules((PAM / name).read_text())
        at = found.index(recipe[0])
        assert found[at : at + 2] == recipe and found.count(recipe[1]) == 1, name


def test_the_same_again_changes_nothing_and_says_so(debian, enrolled):
    user, key = enrolled
    assert enabled("sudo", user, both(key)).status == 0
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
    assert done.returncode == DONE and json.loads(done.stdout) == {"service": "sudo", "changed": False, "state": None, "files": [], "until": None, "until_utc": None}
    done = otpctl("gate", "disable", "sudo")
    assert done.returncode == REFUSED and f"{PAM / 'sudo'} line " in done.stderr and "by hand" in done.stderr
    assert stacks() == before


def test_a_file_that_was_changed_since_is_left_until_told(debian, enrolled):
    user, key = enrolled
    before = stacks()
    assert enabled("sudo", user, both(key)).status == 0
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
    assert enabled("sudo", user, both(key)).status == 0
    path = PAM / "sudo"
    path.write_text(path.read_text().replace("auth required pam_otp.so", "auth\trequired\tpam_otp.so debug"))
    done = otpctl("gate", "disable", "sudo")
    assert done.returncode == REFUSED and "pam_otp.so debug" in done.stderr
    (GATES / "sudo.gate").rename(GATES / "sudo.pending")  # as with systemd
    assert otpctl("gate", "undo-pending", "sudo").returncode == DONE
    assert stacks() == before and os.listdir(GATES) == [".lock"]


def test_what_a_gate_does_not_do_is_told_before_the_proof(debian, machine, enrolled, odd_sshd):
    user, key = enrolled
    other, another = machine.enrolled_user()
    done = enabled("su", user, both(key))
    assert done.status == 0 and "root has no working key" in done.text, done
    odd_sshd.write_text(odd_sshd.read_text() + "\nPubkeyAuthentication yes\n")
    done = enabled("sshd", other, another.first)
    assert done.status == 0 and "lets a key in without a code" in done.text and "sshd asks for a code now" in done.text, done


def test_lines_whose_comments_somebody_has_taken_away_go_with_the_gate(debian, enrolled):
    user, key = enrolled
    before = stacks()
    assert enabled("sudo", user, both(key)).status == 0
    path = PAM / "sudo"
    path.write_text(path.read_text().replace(f"{MARK}\n", ""))
    done = otpctl("gate", "disable", "sudo")
    assert done.returncode == REFUSED and "is gone: # added by" in done.stderr
    (GATES / "sudo.gate").rename(GATES / "sudo.pending")  # as with systemd
    assert otpctl("gate", "undo-pending", "sudo").returncode == DONE
    assert stacks() == before


def test_each_gate_that_is_gone_is_in_the_log_although_a_later_one_is_refused(debian, machine, enrolled):
    user, key = enrolled
    other, another = machine.enrolled_user()
    assert enabled("login", user, key.first).status == enabled("polkit-1", user, key.second).status == 0
    assert enabled("sudo", other, both(another)).status == 0
    for name in ("login", "sudo"):
        (PAM / name).write_text((PAM / name).read_text() + "# a comment of mine\n")
    start = machine.journal.position()
    done = otpctl("gate", "disable", "--all")
    assert done.returncode == REFUSED and done.stdout == "removed the lines of otpctl gate from the files of polkit-1\n", done
    assert [line.split(":")[:2] for line in done.stderr.splitlines()] == [["otpctl", f" {PAM / 'login'}"], ["otpctl", f" {PAM / 'sudo'}"]]
    assert [line.split("service=")[1].split()[0] for line in machine.journal.since(start) if "event=gate-disabled" in line] == ["polkit-1"]
    assert "pam_otp" not in (VENDOR / "polkit-1").read_text() and not (PAM / "polkit-1").exists() and "pam_otp" in (PAM / "sudo").read_text()


def test_where_there_is_no_gate_disable_all_says_so(debian):
    for words, code in (((), DONE), (("--detailed-exit-code",), SAME)):
        done = otpctl("gate", "disable", "--all", *words)
        assert done.returncode == code and done.stdout == "otpctl has not gated any service; nothing was changed\n", done
    assert json.loads(otpctl("gate", "disable", "--all", "--json").stdout) == {"service": None, "changed": False, "state": None, "files": [], "until": None, "until_utc": None}


@pytest.mark.parametrize("how", ["gone", "empty", "blank", "comments"])
def test_a_file_that_is_lost_comes_back_when_nobody_confirms(debian, enrolled, how):
    user, key = enrolled
    before = stacks()
    assert enabled("sudo", user, both(key)).status == 0
    (GATES / "sudo.gate").rename(GATES / "sudo.pending")  # as with systemd
    loses(PAM / "sudo", how)
    told = otpctl("gate", "status", "sudo")
    assert told.returncode == DONE and "sudo: codes are no longer asked for" in told.stdout and "otpctl gate disable sudo" in told.stdout
    assert otpctl("gate", "undo-pending", "sudo").returncode == DONE
    assert stacks() == before


def loses(path, how):
    path.unlink() if how == "gone" else path.write_text({"empty": "", "blank": "\n \n", "comments": "# mine\n"}[how])


@pytest.mark.parametrize("how", ["empty", "blank", "comments"])
def test_an_emptied_file_of_a_gate_in_force_is_named_and_comes_back_when_told(debian, enrolled, how):
    user, key = enrolled
    before = stacks()
    assert enabled("sudo", user, both(key)).status == 0
    loses(PAM / "sudo", how)
    done = otpctl("gate", "disable", "sudo")
    assert done.returncode == REFUSED and f"{PAM / 'sudo'}: no PAM line is left in it" in done.stderr and "--force" in done.stderr
    assert otpctl("gate", "disable", "sudo", "--force").returncode == DONE
    assert stacks() == before


def test_a_file_that_went_with_its_package_stays_away_and_is_named(debian, enrolled):
    user, key = enrolled
    before = stacks()
    assert enabled("sudo", user, both(key)).status == 0
    (PAM / "sudo").unlink()
    lost = {one["service"]: one for one in json.loads(otpctl("gate", "status", "--json").stdout)["lost"]}
    assert lost == {"sudo": {"gate": "sudo", "service": "sudo", "state": "in-force", "until": None, "until_utc": None}}
    done = otpctl("gate", "disable", "sudo")
    assert done.returncode == DONE and f"{PAM / 'sudo'}: somebody has deleted this file" in done.stdout
    del before["sudo"]
    assert stacks() == before and os.listdir(GATES) == [".lock"]


def test_a_status_tells_local_time_with_its_zone(debian, enrolled, monkeypatch):
    user, key = enrolled
    assert enabled("sudo", user, both(key)).status == 0
    record = json.loads((GATES / "sudo.gate").read_text())
    (GATES / "sudo.gate").unlink()
    write(GATES / "sudo.pending", json.dumps(record | {"until": 1795298640}), 0o600)
    for zone, text in (("Europe/Vienna", "2026-11-21 23:04:00 CET"), ("UTC0", "2026-11-21 22:04:00 UTC"), ("XYZ-5:30", "2026-11-22 03:34:00 XYZ")):
        monkeypatch.setenv("TZ", zone)
        assert f"undone at {text} unless somebody confirms it" in otpctl("gate", "status", "sudo").stdout


def test_access_lists_and_attributes_of_a_file_stay(debian, enrolled):
    user, key = enrolled
    path = PAM / "sudo"
    value = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in ((1, 6, -1 % 2**32), (2, 4, 4242), (4, 4, -1 % 2**32), (16, 4, -1 % 2**32), (32, 4, -1 % 2**32)))
    wanted = {"system.posix_acl_access": value, "user.origin": b"mine"}
    for name, text in wanted.items():
        os.setxattr(path, name, text)
    for change in (lambda: enabled("sudo", user, both(key)).status == 0, lambda: otpctl("gate", "disable", "sudo").returncode == DONE):
        assert change()
        assert {name: os.getxattr(path, name) for name in wanted} == wanted


def test_the_sentence_of_a_test_says_what_is_missing(debian, machine, enrolled):
    user, key = enrolled
    answers = [(prompt, text) for code in both(key) for prompt, text in (("Password: ", PASSWORD), (CODE_PROMPT, code))]
    for name in ("sudo", "sudo-i"):
        (PAM / name).write_text((PAM / name).read_text().replace("@include common-auth\n", "@include common-auth\nauth required pam_otp.so\n"))
    done = dialogue([OTPCTL, "gate", "test", "sudo", "--admin", user.name], answers)
    assert done.status == 0 and "sudo and sudo-i already ask for a code" in done.text and "asked for there yet" not in done.text, done
    assert f"type what sudo will ask {user.name} for; nothing" in done.text
    assert f"type what sudo-i will ask {user.name} for, with the next code, as each works once; nothing" in done.text


def test_a_fault_in_the_second_of_two_services_is_found_by_libpam(debian, enrolled):
    user, key = enrolled
    path = PAM / "sudo-i"
    path.write_text("auth requisite pam_succeed_if.so quiet service = sudo\n" + path.read_text())
    before = stacks()
    done = enabled("sudo", user, [key.first])
    assert done.status == 1 and "was not let in by the stack of sudo-i" in done.text, done
    assert stacks() == before


def test_what_another_program_has_put_back_is_no_gate_any_more(debian, enrolled):
    user, key = enrolled
    original = (PAM / "sudo").read_text()
    assert enabled("sudo", user, both(key)).status == 0
    write(PAM / "sudo", original + "# of a newer package\n", 0o644)
    assert otpctl("gate", "disable", "sudo").returncode == DONE
    assert (PAM / "sudo").read_text() == original + "# of a newer package\n"
    assert "pam_otp" not in (PAM / "sudo-i").read_text()


def test_owner_and_mode_of_the_file_stay(debian, enrolled):
    user, key = enrolled
    path = PAM / "sudo"
    path.chmod(0o640)
    shutil.chown(path, group="shadow")
    for change in (lambda: enabled("sudo", user, both(key)).status == 0, lambda: otpctl("gate", "disable", "sudo").returncode == DONE):
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
    assert enabled("sudo", user, both(key)).status == 0
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
    assert found["sudo"]["exempt"] == [{"who": "user:bob", "until_day": "2099-03-01", "reason": "token on order"}]
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
    assert done.returncode == REFUSED and f"{DROP_IN} exists" in done.stderr
    DROP_IN.write_text("".join(line.strip() + "\n" for line in SSHD_RECIPE))
    assert json.loads(enabled("sshd", user, key.first, "--json").text.splitlines()[-1])["files"] == [str(PAM / "sshd")]


def test_debian_13(debian, machine, enrolled):
    user, key = enrolled
    for directory in (PAM, VENDOR):
        shutil.rmtree(directory)
        shutil.copytree(ROOT / "tests/hosts/debian13" / directory.relative_to("/"), directory)
    before = stacks()
    other, another = machine.enrolled_user()
    assert enabled("sudo", user, both(key)).status == enabled("su", other, both(another)).status == 0
    assert json.loads(otpctl("config", "check", "--json").stdout)["findings"] == []
    done = otpctl("gate", "disable", "--all")
    assert done.returncode == DONE and re.findall(r"files of (\S+)$", done.stdout, re.M) == ["su", "sudo"]
    assert stacks() == before
