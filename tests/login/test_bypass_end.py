"""An emergency mark has an end: by a clock that nobody can set in the boot that wrote it, by wall time afterwards."""

import json
import re
import subprocess
import time
import uuid
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness import daemon_log
from harness.first_release import MARKS
from harness.machine import BOOT, as_user, default_policy, otpctl, run, write
from harness.otpctl import DONE, REFUSED, USAGE
from harness.services import lets_past
from harness.stacks import of_debian_alone
from harness.wire import Client

HOUR, DAY = 3600, 24 * 3600
YEARS = 365 * DAY
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
TIME = r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC"
LOGGED_TIME = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"


@pytest.fixture
def bypassed(machine, enrolled):
    """A user who is let past for a day."""
    user, _ = enrolled
    assert otpctl("emergency", "bypass", user.name, "--reason", "lost the phone").returncode == DONE
    yield user
    otpctl("emergency", "end", user.name)


@contextmanager
def since_the_boot(seconds):
    """So much more time has passed since the boot than really has; it stands still meanwhile."""
    BOOT.write_text(str(int(time.clock_gettime(time.CLOCK_BOOTTIME)) + seconds))
    try:
        yield
    finally:
        BOOT.unlink()


@contextmanager
def another_boot(tmp_path, text=None):
    other = tmp_path / "boot_id"
    other.write_text(f"{uuid.uuid4()}\n" if text is None else text)
    run("mount", "--bind", other, BOOT_ID)
    try:
        yield
    finally:
        run("umount", BOOT_ID)


def listed(user):
    return next((one for one in json.loads(otpctl("emergency", "list", "--json").stdout)["marks"] if one["uid"] == user.uid), None)


@pytest.mark.parametrize("wall", [0, +73 * YEARS, -55 * YEARS])
def test_in_the_boot_that_wrote_it_it_lasts_a_day_whatever_the_clock_says(machine, gate, bypassed, wall):
    with machine.clock(wall):
        with since_the_boot(DAY - 60):
            assert lets_past(machine, gate, bypassed)
        with since_the_boot(DAY + 1):
            assert not lets_past(machine, gate, bypassed)


@pytest.mark.parametrize(("wall", "past"), [(0, True), (DAY - 60, True), (DAY + 1, False), (+73 * YEARS, False), (-55 * YEARS, True)])
@pytest.mark.parametrize("booted", [0, 2 * DAY])
def test_after_a_reboot_it_lasts_by_wall_time_and_a_clock_behind_its_making_does_not_end_it(machine, gate, bypassed, tmp_path, wall, past, booted):
    with another_boot(tmp_path), machine.clock(wall), since_the_boot(booted):
        assert lets_past(machine, gate, bypassed) == past
        assert ("made in the future" in otpctl("emergency", "list").stdout) == (wall < 0)


@pytest.mark.parametrize("text", ["", "no boot id\n"])
def test_where_the_boot_is_not_known_wall_time_counts(machine, gate, enrolled, tmp_path, text):
    user, _ = enrolled
    with another_boot(tmp_path, text):
        assert otpctl("emergency", "bypass", user.name, "--reason", "x", "--for", "2h").returncode == DONE
        assert "boot" not in (MARKS / str(user.uid)).read_text()
        assert lets_past(machine, gate, user)
    with machine.clock(2 * HOUR + 1):
        assert not lets_past(machine, gate, user)
    assert otpctl("emergency", "end", user.name).returncode == DONE


@pytest.mark.parametrize(("wish", "seconds", "told"), [((), DAY, "24 hours"), (("--for", "90s"), 90, "90 seconds"), (("--for", "2h"), 2 * HOUR, "2 hours"), (("--for", "30d"), 30 * DAY, "30 days"), (("--for", "4w"), 28 * DAY, "28 days")])
def test_how_long_is_for_root_to_say_and_is_told_and_logged(machine, gate, user, journal, wish, seconds, told):
    start = journal.position()
    done = otpctl("emergency", "bypass", user.name, "--reason", "x", *wish)
    assert done.returncode == DONE and f"for {told}, until 20" in done.stdout, done
    until = re.search(rf"until ({TIME})", done.stdout)[1]
    (line,) = [line for line in journal.since(start) if "event=emergency-bypass" in line]
    assert f"until={until.replace(' UTC', 'Z').replace(' ', 'T')}" in line
    mark = (MARKS / str(user.uid)).read_text()
    assert mark.startswith("version = 2\n") and f"\nlasts = {seconds}\n" in mark
    with since_the_boot(seconds - 30):
        assert lets_past(machine, gate, user)
    with since_the_boot(seconds + 2):
        assert not lets_past(machine, gate, user)
    assert otpctl("emergency", "end", user.name).returncode == DONE


@pytest.mark.parametrize("wish", ["31d", "5w", "2592001s", "721h", "0s", "0", "", "-1h", "forever", "1", "1y", "99999999999999999999w"])
def test_no_bypass_lasts_longer_than_30_days_or_no_time(machine, user, wish):
    done = otpctl("emergency", "bypass", user.name, "--reason", "x", f"--for={wish}")
    assert done.returncode == USAGE and "--for" in done.stderr and ("wanted" in done.stderr or wish == "")
    assert not (MARKS / str(user.uid)).exists()


def test_a_later_bypass_has_an_end_of_its_own(machine, gate, bypassed):
    assert otpctl("emergency", "bypass", bypassed.name, "--reason", "still lost", "--for", "3d").returncode == DONE
    with since_the_boot(DAY + 1):
        assert lets_past(machine, gate, bypassed)
    assert otpctl("emergency", "bypass", bypassed.name, "--reason", "nearly found", "--for", "1h").returncode == DONE
    with since_the_boot(HOUR + 1):
        assert not lets_past(machine, gate, bypassed)


def test_an_ended_mark_is_told_once_a_login_and_listed_as_ended(machine, gate, bypassed, journal):
    with since_the_boot(DAY + 60):
        start = journal.position()
        _, printed = machine.converse(gate, bypassed, "text", "000000", "-a")
        lines = journal.since(start)
        text, one = otpctl("emergency", "list").stdout, listed(bypassed)
        assert "not asked" not in otpctl("list").stdout and otpctl("emergency", "list").returncode == DONE
    (line,) = [line for line in lines if "emergency=ended" in line]
    assert re.search(rf'user={bypassed.name} ended={LOGGED_TIME} by="uid 0.*" detail="lost the phone"', line), line
    assert not any("reason=emergency" in line or "not-honoured" in line for line in lines)
    assert re.search(rf"^{bypassed.name} \(uid {bypassed.uid}\): asked again since {TIME}; the bypass made {TIME} by uid 0.* has ended: lost the phone$", text, re.M), text
    assert one["ended"] is True and "it ended at 20" in one["not_honoured"] and one["reason"] == "lost the phone"
    assert abs(one["until"] - time.time() + 60) < 50, "by the clock that people see"
    assert otpctl("emergency", "end", bypassed.name).returncode == DONE and listed(bypassed) is None


def test_a_screen_locker_and_an_application_hear_of_the_end(machine, gate, bypassed):
    application = machine.new_user()
    machine.join(application, "otp-verify")
    host = [*as_user(bypassed), machine.hosts / "oddconv", "-a", "--", gate, bypassed.name, "text", "000000"]

    def answers():
        with Client(uid=application.uid) as client:
            verdict = client.call("Verify", user=bypassed.name, code="000000")["verdict"]
        return verdict["reason"], "authenticate 0" in subprocess.run(host, capture_output=True, text=True, timeout=60).stdout

    assert answers() == ("emergency", True)
    start = daemon_log.position()
    with since_the_boot(DAY + 1):
        assert answers() == ("refused", False)
    lines = [line for line in daemon_log.since(start) if "emergency=ended" in line]
    assert len(lines) == 1 and "lost the phone" in lines[0], lines


@pytest.mark.parametrize("offline", [(), ("--offline",)], ids=["daemon", "offline"])
def test_status_and_list_show_a_bypass_with_its_end(machine, bypassed, offline):
    unenrolled = machine.new_user()
    assert otpctl("emergency", "bypass", unenrolled.name, "--reason", "no phone yet", "--for", "2h").returncode == DONE
    try:
        status, everybody = otpctl(*offline, "status", bypassed.name).stdout, otpctl(*offline, "list").stdout
        in_json = json.loads(otpctl(*offline, "status", bypassed.name, "--json").stdout)["status"]
        found = json.loads(otpctl(*offline, "list", "--json").stdout)
        never = otpctl(*offline, "status", unenrolled.name).stdout
    finally:
        otpctl("emergency", "end", unenrolled.name)
    line = rf"not asked since {TIME}, until {TIME}, by uid 0.*: "
    assert re.search(rf"^  {line}lost the phone$", status, re.M) and re.search(rf"^  {line}no phone yet$", never, re.M)
    for user, reason in ((bypassed, "lost the phone"), (unenrolled, "no phone yet")):
        assert re.search(rf"^{user.name} \(uid {user.uid}\): {line}{reason}$", everybody, re.M), everybody
    assert in_json["enrolled"] and in_json["bypass"]["reason"] == "lost the phone" and abs(in_json["bypass"]["until"] - time.time() - DAY) < 60
    assert [one["uid"] for one in found["bypasses"]] == sorted([bypassed.uid, unenrolled.uid])
    assert [one["bypass"]["uid"] for one in found["users"] if one["bypass"]] == [bypassed.uid]
    assert json.loads(otpctl("status", "root", "--json").stdout)["status"]["bypass"] is None


@pytest.mark.parametrize("policy", [True, False], ids=["policy", "no policy"])
def test_config_check_names_every_bypass_with_its_end(machine, bypassed, policy):
    path = default_policy() or Path("/etc/otp/otp.toml")
    if not policy:
        path.unlink(missing_ok=True)
    try:
        with of_debian_alone():
            done = otpctl("config", "check")
    finally:
        default_policy()
    assert done.returncode == DONE
    assert re.search(rf"^otpctl: note: {bypassed.name} \(uid {bypassed.uid}\): not asked since {TIME}, until {TIME}, by uid 0.*: lost the phone$", done.stderr, re.M)
    with since_the_boot(DAY + 1):
        assert bypassed.name not in otpctl("config", "check").stderr


# version 1, and later ones


def test_a_mark_of_version_1_has_no_end_and_is_shown_as_such(machine, gate, enrolled):
    user, _ = enrolled
    MARKS.mkdir(exist_ok=True)
    mark = MARKS / str(user.uid)
    write(mark, f'version = 1\nuser = "{user.name}"\nuid = {user.uid}\nreason = "old"\nby = "uid 0"\nmade = 1795301571\n', 0o644)
    try:
        with machine.clock(+73 * YEARS), since_the_boot(73 * YEARS):
            assert lets_past(machine, gate, user)
        for words in (("emergency", "list"), ("status", user.name), ("list",)):
            assert re.search(rf"not asked since {TIME}, without an end, by uid 0: old$", otpctl(*words).stdout, re.M), words
        assert "without an end" in otpctl("config", "check").stderr
        assert (listed(user)["until"], listed(user)["ended"]) == (None, False)
        with since_the_boot(0):
            assert otpctl("emergency", "bypass", user.name, "--reason", "new").returncode == DONE
        assert mark.read_text().startswith("version = 2\n"), "a new mark takes its place"
    finally:
        mark.unlink()


WITHOUT_END = {
    "lasts is missing": "",
    "lasts is 2592001; wanted 1 to 2592000": "lasts = 2592001\n",
    "lasts is 0; wanted 1 to 2592000": "lasts = 0\n",
    "neither": "lasts = 60\nboot_ms = 1\n",
    "not a boot id": 'lasts = 60\nboot = "x"\nboot_ms = 1\n',
    "there is no field \\x22until\\x22": "lasts = 60\nuntil = 9\n",
}


@pytest.mark.parametrize("why", WITHOUT_END)
def test_a_mark_whose_end_cannot_be_told_opens_nothing_and_says_why(machine, gate, enrolled, journal, why):
    user, _ = enrolled
    MARKS.mkdir(exist_ok=True)
    mark = MARKS / str(user.uid)
    write(mark, f'version = 2\nuser = "{user.name}"\nuid = {user.uid}\nreason = "x"\nby = "x"\nmade = 1\n{WITHOUT_END[why]}', 0o644)
    try:
        start = journal.position()
        assert not lets_past(machine, gate, user)
        (line,) = [line for line in journal.since(start) if "emergency=not-honoured" in line]
        said = listed(user)["not_honoured"]
    finally:
        mark.unlink()
    assert why.replace("\\x22", '"') in said, said


def test_only_root_says_how_long(machine, user):
    done = otpctl("emergency", "bypass", user.name, "--reason", "x", "--for", "1h", user=user)
    assert done.returncode == REFUSED and "only root" in done.stderr
