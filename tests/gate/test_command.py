"""`otpctl gate enable sudo --command PATH`: single commands of sudo ask for a code, by a drop-in that visudo has checked."""

import json
import re
import shutil
import stat
from pathlib import Path

import pytest

from harness.machine import CODE_PROMPT, OTPCTL, PASSWORD, PASSWORD_PROMPT, ROOT, otpctl, write
from harness.otpctl import DONE, REFUSED
from harness.stacks import PAM
from harness.terminal import dialogue

SUDOERS = Path("/etc/sudoers.d/otp")
STACK = PAM / "sudo-otp"
GATES = PAM.parent / "otp/gates"
RECIPE = (ROOT / "docs/hosts.md").read_text().split("### One sensitive command")[1]
ID, WHOAMI = "/usr/bin/id", "/usr/bin/whoami"


@pytest.fixture
def no_commands(stock):
    yield
    for path in (SUDOERS, STACK):
        path.unlink(missing_ok=True)
    shutil.rmtree("/etc/otp/gates", ignore_errors=True)


def enables_commands(user, code, *commands):
    words = [word for command in commands for word in ("--command", command)]
    answers = [("Password: ", PASSWORD), (CODE_PROMPT, code)]
    return dialogue([OTPCTL, "gate", "enable", "sudo", "--admin", user.name, "--no-rollback", *words], answers)


def without_comments(text):
    return [line.split() for line in text.splitlines() if line.split() and not line.lstrip().startswith("#")]


def test_a_command_asks_for_a_code_and_the_others_do_not(no_commands, machine, enrolled):
    user, key = enrolled
    done = enables_commands(user, key.first, ID)
    assert done.status == 0 and f"{ID} of sudo, by the service sudo-otp, asks for a code" in done.text, done
    recipe = re.findall(r"((?:^    .*\n)+)", RECIPE, re.M)
    assert without_comments(STACK.read_text()) == without_comments(recipe[0])
    alias, defaults = without_comments(recipe[1])
    assert without_comments(SUDOERS.read_text()) == [[*alias[:3], ID], defaults]
    assert stat.S_IMODE(SUDOERS.stat().st_mode) == 0o440

    asked = machine.sudo(user, [(PASSWORD_PROMPT, PASSWORD), (CODE_PROMPT, key.second)], command=[ID, "-u"])
    assert asked.status == 0 and asked.text.endswith("0\n")
    assert machine.sudo(user, [(PASSWORD_PROMPT, PASSWORD)], command=["true"]).status == 0
    told = json.loads(otpctl("gate", "status", "sudo-otp", "--json").stdout)["gates"]
    assert [(one["service"], one["state"], one["commands"]) for one in told] == [("sudo-otp", "in-force", [ID])]


def test_another_command_is_added_and_all_of_them_go_together(no_commands, enrolled):
    user, key = enrolled
    assert enables_commands(user, key.first, ID).status == 0
    again = otpctl("gate", "enable", "sudo", "--command", ID, "--json")
    assert again.returncode == DONE and json.loads(again.stdout)["changed"] is False
    assert enables_commands(user, key.second, WHOAMI, ID).status == 0
    assert f"Cmnd_Alias GATED = {ID}, {WHOAMI}\n" in SUDOERS.read_text()
    assert otpctl("gate", "disable", "sudo-otp").returncode == DONE
    assert not SUDOERS.exists() and not STACK.exists()


def test_while_one_change_waits_there_is_no_second_one_whose_record_would_replace_the_way_back(no_commands, enrolled):
    user, key = enrolled
    assert enables_commands(user, key.first, ID).status == 0
    waiting = GATES / "sudo-otp.pending"
    (GATES / "sudo-otp.gate").rename(waiting)  # as with systemd
    record, gated = waiting.read_bytes(), SUDOERS.read_text()
    done = otpctl("gate", "enable", "sudo", "--command", WHOAMI, "--admin", user.name, "--no-rollback")
    assert done.returncode == REFUSED and "is already waiting" in done.stderr and "otpctl gate confirm sudo-otp" in done.stderr, done
    assert (waiting.read_bytes(), SUDOERS.read_text()) == (record, gated)
    assert otpctl("gate", "undo-pending").returncode == DONE
    assert not SUDOERS.exists() and not STACK.exists()


def test_what_sudoers_cannot_have_is_refused_and_changes_nothing(no_commands, enrolled):
    user, key = enrolled

    def told(*words):
        done = otpctl("gate", "enable", *words, "--admin", user.name, "--no-rollback")
        assert done.returncode in (REFUSED, 2) and not STACK.exists(), done
        return done.stderr

    assert "whole path" in told("sudo", "--command", "id")
    assert "whole path" in told("sudo", "--command", "/usr/bin/id, ALL")
    assert "not a program" in told("sudo", "--command", "/etc")
    assert "for sudo alone" in told("su", "--command", ID)
    write(SUDOERS, "Defaults!GATED timestamp_timeout=0\n", 0o440)
    assert "has other lines" in told("sudo", "--command", ID)
    SUDOERS.unlink()
    lab = Path("/etc/sudoers.d/another")
    write(lab, f"Cmnd_Alias GATED = {WHOAMI}\n", 0o440)
    try:
        done = enables_commands(user, key.first, ID)
    finally:
        lab.unlink()
    assert done.status == 1 and "visudo" in done.text and "GATED" in done.text, done
    assert not SUDOERS.exists() and not STACK.exists()


def test_a_service_of_that_name_that_asks_nobody_is_refused(no_commands, enrolled):
    user, _ = enrolled
    write(STACK, "auth required pam_unix.so\naccount required pam_unix.so\n", 0o644)
    done = otpctl("gate", "enable", "sudo", "--command", ID, "--admin", user.name, "--no-rollback")
    assert done.returncode == REFUSED and "asks for no code" in done.stderr and not SUDOERS.exists()
