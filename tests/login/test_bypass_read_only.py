"""Where /etc is read-only a bypass is in /run until the next reboot, and module, daemon and otpctl look in both places."""

import json
import os
import re
import shutil
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from harness.first_release import MARKS
from harness.machine import AUTH_ERR, DAY, HOST_KEY, VAULT, as_user, otpctl, run, write
from harness.otpctl import DONE, REFUSED
from harness.places import moved_away
from harness.services import lets_past
from harness.wire import Client

ETC, ETC_OTP = Path("/etc"), Path("/etc/otp")
UNTIL_REBOOT = Path("/run/otp-emergency")
GONE = "is kept in /run/otp-emergency and ends at a reboot"


@pytest.fixture(autouse=True)
def nothing_left():
    MARKS.mkdir(exist_ok=True)
    yield
    for place in (MARKS, UNTIL_REBOOT):
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)


@contextmanager
def read_only(path):
    run("mount", "--bind", path, path)
    try:
        run("mount", "-o", "remount,bind,ro", path)
        yield
    finally:
        run("umount", path)


@contextmanager
def no_etc_otp():
    with moved_away(ETC_OTP), read_only(ETC):
        yield


@contextmanager
def no_marks_there():
    MARKS.rmdir()
    with read_only(ETC_OTP):
        yield


@contextmanager
def full():
    run("mount", "-t", "tmpfs", "-o", "mode=0755,size=4k", "full", MARKS)
    try:
        with open(MARKS / "full", "wb", buffering=0) as file:
            with pytest.raises(OSError):
                while True:
                    file.write(bytes(4096))
        yield
    finally:
        run("umount", MARKS)


READ_ONLY = {
    "/etc": lambda: read_only(ETC),
    "/etc/otp": lambda: read_only(ETC_OTP),
    "/etc/otp/emergency": lambda: read_only(MARKS),
    "/etc/otp without emergency": no_marks_there,
    "/etc without otp": no_etc_otp,
}
everywhere = pytest.mark.parametrize("where", READ_ONLY)


def otpctl_bypass(user, *words):
    return otpctl("emergency", "bypass", user.name, "--reason", "lost the phone", *words)


def mark_of(user, place=UNTIL_REBOOT):
    return place / str(user.uid)


@everywhere
def test_the_mark_is_in_run_and_root_hears_that_it_is_gone_at_a_reboot(machine, gate, enrolled, journal, where):
    user, _ = enrolled
    with READ_ONLY[where]():
        assert not lets_past(machine, gate, user)
        start = journal.position()
        done = otpctl_bypass(user, "--for", "2h")
        assert done.returncode == DONE, done.stderr
        assert "Read-only file system" in done.stdout and GONE in done.stdout and "for 2 hours" in done.stdout
        (line,) = [line for line in journal.since(start) if "event=emergency-bypass" in line]
        assert "place=/run/otp-emergency" in line
        assert [(path.stat().st_uid, path.stat().st_mode & 0o7777) for path in (UNTIL_REBOOT, mark_of(user))] == [(0, 0o755), (0, 0o644)]
        assert os.listdir(UNTIL_REBOOT) == [str(user.uid)], "nothing is left beside it"
        assert lets_past(machine, gate, user)
        assert re.search(r"until \S+ \S+ UTC or a reboot, by uid 0.*: lost the phone", otpctl("emergency", "list").stdout)
        (one,) = json.loads(otpctl("emergency", "list", "--json").stdout)["marks"]
        assert (one["path"], one["gone_at_reboot"], one["not_honoured"]) == (str(mark_of(user)), True, None)
        assert "or a reboot" in otpctl("config", "check").stderr
        done = otpctl("emergency", "end", user.name)
        assert done.returncode == DONE, done.stderr
        assert not mark_of(user).exists() and not lets_past(machine, gate, user)
        assert "nothing was changed" in otpctl("emergency", "end", user.name).stdout, "there is none any more"


@everywhere
def test_it_needs_neither_daemon_nor_vault_nor_host_key_nor_policy_there_either(machine, gate, enrolled, where):
    user, _ = enrolled
    with ExitStack() as broken:
        broken.enter_context(machine.daemon_stopped())
        broken.enter_context(moved_away(VAULT))
        broken.enter_context(moved_away(HOST_KEY))
        broken.enter_context(machine.clock(+73 * 365 * 86400))
        broken.enter_context(READ_ONLY[where]())
        assert not lets_past(machine, gate, user)
        assert otpctl_bypass(user).returncode == DONE
        assert lets_past(machine, gate, user)
        assert otpctl("emergency", "end", user.name).returncode == DONE
        assert not lets_past(machine, gate, user)


def test_a_full_disk_does_not_keep_root_out_either(machine, gate, enrolled):
    user, _ = enrolled
    with full():
        done = otpctl_bypass(user)
        assert done.returncode == DONE and "No space left" in done.stdout and GONE in done.stdout, done
        assert lets_past(machine, gate, user) and os.listdir(MARKS) == ["full"]
        assert otpctl("emergency", "end", user.name).returncode == DONE


@everywhere
def test_a_screen_locker_and_an_application_find_it_there(machine, gate, enrolled, where):
    user, _ = enrolled
    application = machine.new_user()
    machine.join(application, "otp-verify")
    host = [*as_user(user), machine.hosts / "oddconv", "-a", "--", gate, user.name, "text", "000000"]
    with READ_ONLY[where]():
        assert otpctl_bypass(user).returncode == DONE
        with Client(uid=application.uid) as client:
            assert client.call("Verify", user=user.name, code="000000")["verdict"]["reason"] == "emergency"
        assert "authenticate 0" in subprocess.run(host, capture_output=True, text=True, timeout=60).stdout


def test_a_reboot_ends_it(machine, gate, enrolled):
    user, _ = enrolled
    with read_only(ETC_OTP):
        assert otpctl_bypass(user).returncode == DONE
        shutil.rmtree(UNTIL_REBOOT)
        assert not lets_past(machine, gate, user)


def test_a_later_bypass_that_can_be_kept_takes_its_place(machine, gate, enrolled):
    user, _ = enrolled
    with read_only(ETC_OTP):
        assert otpctl_bypass(user, "--for", "30d").returncode == DONE
    done = otpctl_bypass(user, "--for", "1h")
    assert done.returncode == DONE and "reboot" not in done.stdout
    assert not mark_of(user).exists() and mark_of(user, MARKS).exists()
    assert otpctl("emergency", "end", user.name).returncode == DONE
    assert not lets_past(machine, gate, user)


def test_the_end_takes_marks_away_from_both_places(machine, gate, enrolled):
    user, _ = enrolled
    assert otpctl_bypass(user).returncode == DONE
    with read_only(ETC_OTP):
        done = otpctl_bypass(user, "--for", "2h")
        assert done.returncode == DONE and "an earlier bypass in /etc/otp/emergency cannot be changed" in done.stdout
        assert len(json.loads(otpctl("emergency", "list", "--json").stdout)["marks"]) == 2
    assert otpctl("emergency", "end", str(user.uid)).returncode == DONE
    assert not mark_of(user).exists() and not mark_of(user, MARKS).exists() and not lets_past(machine, gate, user)


def test_a_mark_that_cannot_be_taken_away_is_no_success(machine, gate, enrolled):
    user, _ = enrolled
    assert otpctl_bypass(user).returncode == DONE
    with read_only(ETC_OTP):
        for _ in range(2):
            done = otpctl("emergency", "end", user.name)
            assert done.returncode == REFUSED and "Read-only file system" in done.stderr and str(mark_of(user, MARKS)) in done.stderr
            assert lets_past(machine, gate, user)
            assert otpctl_bypass(user).returncode == DONE, "now there is one that can be taken away, too"
    assert otpctl("emergency", "end", user.name).returncode == DONE


def test_one_that_is_over_and_stays_does_not_keep_the_other_from_its_end(machine, gate, enrolled):
    user, _ = enrolled
    text = f'version = 2\nuser = "{user.name}"\nuid = {user.uid}\nreason = "old"\nby = "uid 0"\nmade = 1795301571\nlasts = 60\n'
    write(mark_of(user, MARKS), text, 0o644)
    with read_only(ETC_OTP):
        assert not lets_past(machine, gate, user)
        assert otpctl_bypass(user).returncode == DONE and lets_past(machine, gate, user)
        done = otpctl("emergency", "end", user.name)
        assert done.returncode == DONE, done.stderr
        assert not lets_past(machine, gate, user)


def foreign(user):
    UNTIL_REBOOT.mkdir(mode=0o755)
    shutil.chown(UNTIL_REBOOT, "nobody")


def open_to_all(user):
    UNTIL_REBOOT.mkdir()
    UNTIL_REBOOT.chmod(0o777)


def open_to_a_group(user):
    UNTIL_REBOOT.mkdir()
    UNTIL_REBOOT.chmod(0o775)


def link(user):
    UNTIL_REBOOT.symlink_to("/tmp")


def file(user):
    UNTIL_REBOOT.touch()


@pytest.mark.parametrize("odd", [foreign, open_to_all, open_to_a_group, link, file], ids=lambda odd: odd.__name__)
def test_a_place_that_is_not_roots_alone_is_not_used(machine, gate, enrolled, odd):
    user, _ = enrolled
    odd(user)
    before = sorted(os.listdir("/tmp"))
    with read_only(ETC_OTP):
        done = otpctl_bypass(user)
        assert done.returncode == REFUSED and "Read-only file system" in done.stderr and str(UNTIL_REBOOT) in done.stderr, done
        assert not lets_past(machine, gate, user)
    assert sorted(os.listdir("/tmp")) == before
    assert not UNTIL_REBOOT.is_dir() or UNTIL_REBOOT.is_symlink() or os.listdir(UNTIL_REBOOT) == []


def test_a_mark_of_somebody_else_in_run_opens_nothing_and_is_told(machine, gate, enrolled, journal):
    user, _ = enrolled
    with read_only(ETC_OTP):
        assert otpctl_bypass(user).returncode == DONE
    for change, back in (((lambda: shutil.chown(mark_of(user), "nobody")), (lambda: shutil.chown(mark_of(user), "root"))), ((lambda: UNTIL_REBOOT.chmod(0o777)), (lambda: UNTIL_REBOOT.chmod(0o755)))):
        change()
        start = journal.position()
        assert not lets_past(machine, gate, user)
        assert any("emergency=not-honoured" in line and "/run/otp-emergency" in line for line in journal.since(start))
        assert "the bypass does not count" in otpctl("emergency", "list").stdout
        back()
    assert lets_past(machine, gate, user)


def test_it_is_made_whatever_the_umask_is(machine, gate, enrolled):
    user, _ = enrolled
    with read_only(ETC_OTP):
        done = subprocess.run(["sh", "-c", f"umask 077; otpctl emergency bypass {user.name} --reason umask"], capture_output=True)
        assert done.returncode == DONE
        assert UNTIL_REBOOT.stat().st_mode & 0o7777 == 0o755 and mark_of(user).stat().st_mode & 0o7777 == 0o644


def test_a_mark_that_does_not_count_in_etc_does_not_take_the_way_back(machine, gate, enrolled):
    """On a read-only /etc it cannot be mended."""
    user, _ = enrolled
    write(mark_of(user, MARKS), "version = 9\n", 0o644)
    with read_only(ETC):
        assert machine.ask(gate, user, "000000")[0] == AUTH_ERR
        assert otpctl_bypass(user).returncode == DONE
        assert lets_past(machine, gate, user)
        assert otpctl("emergency", "end", user.name).returncode == DONE
        assert not lets_past(machine, gate, user)


@pytest.mark.parametrize("odd", [lambda: shutil.chown(MARKS, "nobody"), lambda: MARKS.chmod(0o777), lambda: (MARKS.rmdir(), MARKS.symlink_to("/tmp"))], ids=["foreign", "open to all", "a link"])
def test_a_place_in_etc_that_is_not_trusted_and_cannot_be_mended_does_not_either(machine, gate, enrolled, odd):
    user, _ = enrolled
    odd()
    with read_only(ETC):
        done = otpctl_bypass(user)
        assert done.returncode == DONE and GONE in done.stdout, done.stderr
        assert lets_past(machine, gate, user)
        assert otpctl("emergency", "end", user.name).returncode == DONE
        assert not lets_past(machine, gate, user)


def test_a_directory_that_is_closed_to_others_is_opened_so_that_lockers_find_the_mark(machine, gate, enrolled):
    user, _ = enrolled
    UNTIL_REBOOT.mkdir(mode=0o700)
    with read_only(ETC_OTP), machine.daemon_stopped():
        assert otpctl_bypass(user).returncode == DONE
        assert UNTIL_REBOOT.stat().st_mode & 0o7777 == 0o755
        host = [*as_user(user), machine.hosts / "oddconv", "-a", "--", gate, user.name, "text", "000000"]
        assert "authenticate 0" in subprocess.run(host, capture_output=True, text=True, timeout=30).stdout
    assert otpctl("emergency", "end", user.name).returncode == DONE


def test_a_place_that_cannot_be_read_hides_no_mark_of_the_other_one(machine, gate, enrolled):
    user, _ = enrolled
    assert otpctl_bypass(user).returncode == DONE
    UNTIL_REBOOT.touch()
    done = otpctl("emergency", "list")
    assert done.returncode == REFUSED and f"{user.name} (uid {user.uid}): not asked since" in done.stdout and str(UNTIL_REBOOT) in done.stderr
    assert "not asked since" in otpctl("status", user.name).stdout
    assert f"note: {user.name} " in otpctl("config", "check").stderr
    assert otpctl("emergency", "end", user.name).returncode == DONE
    done = otpctl("emergency", "list")
    assert done.returncode == REFUSED and done.stdout == "", "nobody can say that there is none"


def test_of_two_marks_the_status_shows_the_one_that_lasts_longer(machine, gate, enrolled):
    user, _ = enrolled
    for first, second, seconds in (("1h", "20d", 20 * DAY), ("20d", "1h", 20 * DAY)):
        assert otpctl_bypass(user, "--for", first).returncode == DONE
        with read_only(ETC_OTP):
            done = otpctl_bypass(user, "--for", second)
            assert done.returncode == DONE and "an earlier bypass" in done.stdout
            shown = json.loads(otpctl("status", user.name, "--json").stdout)["status"]["bypass"]
            assert abs(shown["until"] - shown["made"] - seconds) <= 2
        assert otpctl("emergency", "end", user.name).returncode == DONE
