"""No key is replaced near a change of its owner's password, whatever changed it; and no password is set by others near the replacement of a key."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from harness.enrolment import enrol, invite
from harness.journal import ALERT
from harness.machine import DAY, OTPCTL, Key, otpctl, policy
from harness.passwords import HOUR, NOTE, RECORDS, WAIT, boot_clock, edit_shadow, hashed, look, why_no_new_key
from harness.resets import only_members, request, what_bars
from harness.rotation import changes_password, stack, types_new_password, types_old_password
from harness.terminal import Terminal
from harness.troubles import host_key_lost
from harness.wait import until
from harness.wire import Client, call, refusal_on

WATCH = "password requisite pam_otp.so watch"
UNIX = "password required pam_unix.so"


@pytest.fixture(params=["before", "after"])
def programs(request):
    """passwd and chpasswd with our line before or after that of pam_unix."""
    lines = [WATCH, UNIX] if request.param == "before" else [UNIX, WATCH]
    account = ["account required pam_permit.so", "auth sufficient pam_rootok.so"]
    with stack("passwd", *lines, *account), stack("chpasswd", *lines, *account):
        yield request.param


def piped(text, *words):
    return subprocess.run(words, input=text, capture_output=True, text=True, timeout=60)


def done(*words, stdin=""):
    result = piped(stdin, *words)
    assert result.returncode == 0, result.stderr
    return result


def record_of(user):
    lines = (RECORDS / str(user.uid)).read_text().splitlines()
    return dict(line.split(" = ", 1) for line in lines)


def announcement(user):
    return RECORDS / f"{user.uid}.announced"


def by_itself(user):
    assert changes_password(["passwd"], user).ends() == 0


CHANGES = {
    "passwd by its owner": by_itself,
    "passwd by root": lambda user: done("passwd", user.name, stdin="Root.pw 123\nRoot.pw 123\n"),
    "chpasswd": lambda user: done("chpasswd", stdin=f"{user.name}:Another.pw 4\n"),
    "usermod -p": lambda user: done("usermod", "-p", hashed("x"), user.name),
    "chpasswd -e": lambda user: done("chpasswd", "-e", stdin=f"{user.name}:{hashed('y')}\n"),
    "an editor": lambda user: edit_shadow(user, "z"),
    "usermod -L": lambda user: done("usermod", "-L", user.name),
}


@pytest.mark.parametrize("change", CHANGES)
def test_after_a_change_no_key_is_replaced_for_three_days(machine, enrolled, watched, programs, change):
    user, _ = enrolled
    look()
    with boot_clock() as later:
        later(WAIT)  # the account is new
        assert why_no_new_key(user) is None
        CHANGES[change](user)
        look()
        assert why_no_new_key(user) == "cool-down"
        done("chage", "-d", "2020-01-01", user.name)
        look()
        later(2 * WAIT - 1)
        assert why_no_new_key(user) == "cool-down"
        later(2 * WAIT)
        assert why_no_new_key(user) is None


def test_the_line_tells_who_changed_it_and_whatever_passes_the_line_by_was_somebody_else(machine, enrolled, watched, programs):
    user, _ = enrolled
    look()
    for change, by in (("passwd by its owner", str(user.uid)), ("usermod -p", None), ("passwd by root", "0"), ("chpasswd -e", None), ("chpasswd", "0")):
        CHANGES[change](user)
        look()
        assert record_of(user).get("by") == by, change
        assert "announced" not in record_of(user)


def test_a_pass_that_is_quicker_than_the_line_is_put_right(machine, enrolled, watched):
    user, _ = enrolled
    look()
    lines = [UNIX, f"password optional pam_exec.so {OTPCTL} watch-passwords", WATCH]
    with stack("passwd", *lines, "account required pam_permit.so", "auth sufficient pam_rootok.so"):
        CHANGES["passwd by root"](user)
    changed = record_of(user)
    assert "by" not in changed
    look()
    assert record_of(user)["by"] == "0" and record_of(user)["changed"] == changed["changed"]
    assert not announcement(user).exists()


def test_a_passwd_that_its_user_stops_keeps_no_look_waiting(machine, enrolled, watched, programs, tmp_path):
    user, _ = enrolled
    look()
    aside, log = RECORDS / f".{user.uid}.announced.new", tmp_path / "log"
    with boot_clock():
        terminal = Terminal(["strace", "-f", "-qq", "-o", log, "-u", user.name, "-P", aside, "-e", "inject=fsync:signal=STOP", "passwd"])
        types_old_password(terminal)
        if programs == "after":
            types_new_password(terminal)
        stopped = until(lambda: re.search(r"^(\d+) .*stopped by SIGSTOP", log.read_text(), re.M), "passwd stopped")
        assert aside.exists() and not announcement(user).exists()
        assert ("look: " in look()) == (programs == "after") and aside.exists()
        os.kill(int(stopped[1]), signal.SIGCONT)
        if programs == "before":
            types_new_password(terminal)
        assert terminal.ends() == 0
        assert "look: " in look() and record_of(user)["by"] == str(user.uid)
    assert not aside.exists() and not announcement(user).exists()


@pytest.mark.parametrize("what", ["torn", "that of somebody else", "missing"])
def test_an_announcement_that_is_not_to_be_believed_names_nobody(machine, enrolled, watched, programs, what):
    (user, _), other = enrolled, machine.new_user()
    look()
    by_itself(user)
    path = announcement(user)
    if what == "torn":
        path.write_text(path.read_text()[:-5])
    elif what == "missing":
        path.unlink()
    else:
        path.rename(announcement(other))
        by_itself(other)
        announcement(other).rename(path)
    look()
    assert "by" not in record_of(user) and not path.exists()


def test_a_change_after_one_that_the_owner_announced_is_somebody_elses(machine, enrolled, watched):
    user, _ = enrolled
    with stack("passwd", UNIX, WATCH, "account required pam_permit.so"):
        look()
        by_itself(user)
        CHANGES["usermod -p"](user)
        look()
        assert "by" not in record_of(user) and not announcement(user).exists()


def test_of_five_changes_in_a_row_the_last_counts(machine, enrolled, watched):
    user, _ = enrolled
    look()
    with boot_clock() as later:
        for number in range(5):
            later(number * HOUR)
            edit_shadow(user, f"password {number}")
            look()
        later(4 * HOUR + WAIT - 1)
        assert why_no_new_key(user) == "cool-down"
        later(4 * HOUR + WAIT)
        assert why_no_new_key(user) is None


def test_without_a_first_pass_there_is_no_cool_down(machine, enrolled):
    user, _ = enrolled
    assert not NOTE.exists() and why_no_new_key(user) is None


def test_the_first_pass_takes_the_day_of_shadow_and_both_sides_of_its_end_hold(machine, enrolled, request):
    user, _ = enrolled
    yesterday = int(time.time()) // DAY - 1
    done("chage", "-d", str(yesterday), user.name)
    request.getfixturevalue("watched")
    assert record_of(user)["changed"] == str((yesterday + 1) * DAY)
    end = (yesterday + 1) * DAY + WAIT
    with machine.clock(int(end - 60 - time.time())):
        assert why_no_new_key(user) == "cool-down"
    with machine.clock(int(end + 60 - time.time())):
        assert why_no_new_key(user) is None


def test_a_step_of_the_wall_clock_ends_nothing(machine, enrolled, watched):
    user, _ = enrolled
    look()
    edit_shadow(user, "new")
    look()
    for step in (10 * WAIT, -10 * WAIT):
        with machine.clock(step):
            assert why_no_new_key(user) == "cool-down"


@pytest.mark.parametrize("what", ["deleted", "damaged", "copied", "of somebody else", "the whole directory"])
def test_a_record_that_is_lost_or_put_back_never_shortens_the_wait(machine, enrolled, watched, what):
    user, _ = enrolled
    look()
    path = RECORDS / str(user.uid)
    with boot_clock() as later:
        later(WAIT)
        assert why_no_new_key(user) is None
        old = path.read_text()
        if what == "deleted":
            path.unlink()
        elif what == "damaged":
            path.write_text(old[:-5])
        elif what == "of somebody else":
            path.write_text((RECORDS / "0").read_text())
        elif what == "the whole directory":
            for file in RECORDS.iterdir():
                file.unlink()
        else:
            # A copy of yesterday. Only the kernel's clock can tell: it goes on, and a copy says when it was written.
            with machine.clock(-2 * HOUR):
                edit_shadow(user, "new")
                look()
        later(2 * WAIT)
        assert why_no_new_key(user) == "cool-down", "before the next pass"
        look()
        assert why_no_new_key(user) == "cool-down", "after it"
        assert "by" not in record_of(user)


def test_records_are_roots_and_the_daemons_group_reads_them(machine, enrolled, watched):
    user, _ = enrolled
    look()
    about = (RECORDS / str(user.uid)).stat()
    assert (about.st_uid, about.st_mode & 0o7777) == (0, 0o640) and about.st_gid == RECORDS.stat().st_gid != 0
    assert RECORDS.stat().st_mode & 0o7777 == 0o2750
    before = {file.name: file.stat().st_mtime_ns for file in RECORDS.iterdir() if file.name.isdigit()}
    look()
    assert {file.name: file.stat().st_mtime_ns for file in RECORDS.iterdir() if file.name.isdigit()} == before, "written again"
    machine.remove_user(user)
    look()
    assert not (RECORDS / str(user.uid)).exists()


def test_two_hosts_have_no_fingerprint_in_common(machine, enrolled, watched):
    user, _ = enrolled
    other = machine.new_user()
    look()
    assert record_of(user)["fingerprint"] != record_of(other)["fingerprint"], "the same hash for two users"


def test_only_root_looks_and_says_what_it_saw(machine, enrolled, watched):
    user, _ = enrolled
    assert otpctl("watch-passwords", user=user).returncode == 1
    assert "no password changed" in look()
    edit_shadow(user, "new")
    told = json.loads(otpctl("watch-passwords", "--json").stdout)
    assert told["changed_passwords"] == [user.name] and told["first"] is False and told["removed"] == 0


def test_a_password_that_was_changed_since_the_last_look_is_fresh(machine, enrolled, watched):
    (user, _), (other, _) = enrolled, machine.enrolled_user()
    look()
    with boot_clock() as later:
        later(WAIT + HOUR)
        assert why_no_new_key(user) is None is why_no_new_key(other)
        edit_shadow(other, "new")
        for one in (user, other):
            assert why_no_new_key(one) == "cool-down" and machine.status(one, cool_down=True)["cool_down"] == {"reason": "no-record"}
        refused = otpctl("invite", user.name, "--replace", "--json", "--allow-pipe")
        assert refused.returncode == 1 and "otpctl watch-passwords" in otpctl("status", user.name).stdout
        look()
        assert why_no_new_key(user) is None and why_no_new_key(other) == "cool-down"


def test_a_user_who_changes_shell_and_name_stands_in_nobodys_way(machine, enrolled, watched):
    (user, _), other = enrolled, machine.new_user()
    look()
    before = os.stat("/etc/passwd").st_ino
    with boot_clock() as later:
        later(WAIT)
        with stack("chsh", "auth sufficient pam_rootok.so", "account required pam_permit.so"):
            done("chsh", "-s", "/bin/bash", other.name)
        with stack("chfn", "auth sufficient pam_rootok.so", "account required pam_permit.so"):
            done("chfn", "-r", "12", other.name)
        done("usermod", "-c", "Somebody", "-d", "/srv", user.name)
        assert os.stat("/etc/passwd").st_ino != before and why_no_new_key(user) is None
        done("usermod", "-l", f"{other.name}x", other.name)
        assert why_no_new_key(user) == "cool-down"
        done("usermod", "-l", other.name, f"{other.name}x")


@pytest.mark.parametrize("what", ["an account more", "the note of the look is lost", "that of an earlier version", "another stamp", "that of another host"])
def test_only_records_of_the_files_as_they_are_count(machine, enrolled, watched, what):
    user, _ = enrolled
    look()
    looked = RECORDS / ".looked"
    with boot_clock() as later:
        later(WAIT)
        assert why_no_new_key(user) is None
        if what == "an account more":
            machine.new_user()
        elif what == "the note of the look is lost":
            looked.unlink()
        elif what == "another stamp":
            looked.write_text(looked.read_text().replace('passwd = "columns', 'passwd = "inode'))
        else:
            lines = looked.read_text().splitlines(keepends=True)
            marks = lines[-2:] if what == "that of an earlier version" else lines[-1:]
            assert marks[-1].startswith("shadow = ")
            others = [] if len(marks) == 2 else ['shadow = "absent"\n']
            looked.write_text("".join(lines[: -len(marks)] + others))
        assert why_no_new_key(user) == "cool-down"
        look()
        assert why_no_new_key(user) is None


def test_a_time_that_was_set_back_hides_no_change(machine, enrolled, watched):
    user, _ = enrolled
    look()
    shadow = Path("/etc/shadow")
    with boot_clock() as later:
        later(WAIT)
        before = shadow.stat()
        edit_shadow(user, "new")
        os.utime(shadow, ns=(before.st_atime_ns, before.st_mtime_ns))
        with machine.clock(-10 * WAIT):
            assert why_no_new_key(user) == "cool-down"


def test_doctor_says_when_nobody_looks_after_a_change(machine, enrolled, watched):
    user, _ = enrolled
    look()
    edit_shadow(user, "new")
    found = lambda: "passwords-not-watched" in otpctl("doctor", "--json").stdout  # noqa: E731
    assert not found(), "a look follows within moments"
    with machine.clock(HOUR):
        assert found()
        look()
        assert not found()


# past it


def test_a_reset_is_refused_at_once_and_a_reason_for_a_code_that_needs_a_reset_is_no_alert(machine, enrolled, watched):
    user, _ = enrolled
    look()
    edit_shadow(user, "new")
    look()
    desk, one = machine.new_user(), machine.new_user()
    look()
    start = machine.journal.position()
    with only_members("otp-helpdesk", desk), only_members("otp-admin", one):
        assert what_bars("RequestReset", desk.uid, user=user.name, reason="lost", proof="callback") == "cool-down"
        with policy('resets = "guarded"\n'):
            assert why_no_new_key(user, reason="seen in person") == "reset-needed"
            assert not [line for line in machine.journal.all_since(start) if "event=cool-down-overridden" in line]
        reset = request(user, proof="in-person")
        assert len([line for line in machine.journal.all_since(start) if "event=cool-down-overridden" in line]) == 1
        call("CancelReset", id=reset["id"])


def test_the_only_administrator_goes_past_it_with_a_reason_at_alert(machine, enrolled, watched):
    user, _ = enrolled
    look()
    edit_shadow(user, "new")
    look()
    desk, one, two = machine.new_user(), machine.new_user(), machine.new_user()
    look()
    with only_members("otp-helpdesk", desk):
        assert why_no_new_key(user, desk.uid, reason="I say so") == "cool-down"
    start = machine.journal.position()
    with only_members("otp-admin", one):
        refused = otpctl("invite", user.name, "--replace", "--json", "--allow-pipe")
        assert refused.returncode == 1 and "cool-down" in refused.stdout
        passed = otpctl("invite", user.name, "--replace", "--reason", "seen in person", "--json", "--allow-pipe")
        assert passed.returncode == 0, passed.stderr
    lines = [line for line in machine.journal.all_since(start) if "event=cool-down-overridden" in line]
    assert len(lines) == 1 and lines[0].startswith(ALERT) and 'detail="seen in person"' in lines[0] and "reason=password-changed" in lines[0]
    with only_members("otp-admin", one, two):
        assert why_no_new_key(user, reason="two of us") == "cool-down"


def test_the_policy_says_how_long_and_nought_is_never(machine, enrolled, watched):
    user, _ = enrolled
    look()
    with boot_clock() as later:
        edit_shadow(user, "new")
        look()
        with policy("[cool_down]\nhours = 1\n"):
            later(HOUR - 1)
            assert why_no_new_key(user) == "cool-down"
            later(HOUR)
            assert why_no_new_key(user) is None
        with policy("[cool_down]\nhours = 0\n"):
            later(0)
            assert why_no_new_key(user) is None


# a helper who does both


def test_a_helper_who_sets_the_password_first_gets_no_code_for_the_key(machine, enrolled, watched, programs):
    user, _ = enrolled
    look()
    with boot_clock() as later:
        later(WAIT)
        CHANGES["passwd by root"](user)
        look()
        desk = machine.new_user()
        machine.join(desk, "otp-helpdesk")
        assert why_no_new_key(user, desk.uid) == "cool-down"
        machine.leave(desk, "otp-helpdesk")


def test_a_helper_who_has_a_code_first_cannot_use_it_after_setting_the_password(machine, enrolled, watched, programs):
    user, _ = enrolled
    look()
    with boot_clock() as later:
        later(WAIT)
        code = invite(user, replaces=True)
        CHANGES["chpasswd"](user)
        look()
        with Client(uid=user.uid) as thief:
            assert refusal_on(thief, "Redeem", registration=code).parameters["reason"] == "cool-down"
            later(2 * WAIT)
            assert thief.call("Redeem", registration=code)["enrolment"]


def test_a_helper_who_has_typed_the_code_cannot_confirm_after_setting_the_password(machine, enrolled, watched):
    user, _ = enrolled
    look()
    with boot_clock() as later:
        later(WAIT)
        code = invite(user, replaces=True)
        with Client(uid=user.uid) as thief:
            key = Key(thief.call("Redeem", registration=code)["enrolment"])
            CHANGES["usermod -p"](user)
            look()
            assert refusal_on(thief, "ConfirmEnrolment", code=key.confirming).parameters["reason"] == "cool-down"


def test_once_the_key_is_replaced_only_its_owner_sets_the_password(machine, enrolled, watched, programs):
    user, _ = enrolled
    look()
    with boot_clock() as later:
        later(WAIT)
        enrol(user, invite(user, replaces=True))
        start = machine.journal.position()
        as_root = piped("Root.pw 123\nRoot.pw 123\n", "passwd", user.name)
        assert as_root.returncode != 0 and "nobody but" in as_root.stdout + as_root.stderr
        assert piped(f"{user.name}:Root.pw 123\n", "chpasswd").returncode != 0
        refused = [line for line in machine.journal.since(start) if "reason=key-replaced" in line]
        assert len(refused) == 2 and all("until=" in line and "by=0" in line for line in refused)
        with machine.clock(WAIT - 60):
            assert piped("Root.pw 123\nRoot.pw 123\n", "passwd", user.name).returncode != 0
        by_itself(user)
        with machine.clock(WAIT + 60):
            CHANGES["passwd by root"](user)


def test_a_caller_who_leaves_the_line_no_descriptors_changes_nothing(machine, enrolled, watched, programs):
    user, _ = enrolled
    look()
    with boot_clock() as later:
        later(WAIT)
        enrol(user, invite(user, replaces=True))
    before, start = Path("/etc/shadow").read_text(), machine.journal.position()
    for descriptors in range(3, 20):
        done = piped("Root.pw 123\nRoot.pw 123\n", "prlimit", f"--nofile={descriptors}", "passwd", user.name)
        assert done.returncode != 0 and Path("/etc/shadow").read_text() == before, descriptors
    assert [line for line in machine.journal.since(start) if "reason=out-of-resources" in line]


def test_a_first_key_and_a_rotation_are_no_replacement(machine, user, watched, programs):
    enrol(user, invite(user))
    CHANGES["passwd by root"](user)


def test_without_vault_or_host_key_passwords_are_changed_all_the_same(machine, enrolled, watched, programs):
    user, _ = enrolled
    look()
    with host_key_lost(machine):
        CHANGES["chpasswd"](user)


def test_the_line_is_of_the_password_stage_alone(machine, user):
    with stack("misplaced", "auth required pam_otp.so watch", "account required pam_permit.so"):
        assert machine.ask("misplaced", user, "123456")[0] != 0
        assert "only on a password line" in otpctl("config", "check").stderr
