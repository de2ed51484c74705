"""The unit files: what they say, and a real systemd that starts the daemon by them, with all their walls up."""

import json
import os
import re
import signal
import time
from pathlib import Path

import pytest

from harness.machine import ACCOUNT, DAY, GROUPS, HOST_KEY, NOTIFIER, ROOT, VAULT, run
from harness.notices import OUTBOX
from harness.passwords import RECORDS
from harness.wait import until
from harness.wire import SOCKET

PACKAGING = ROOT / "packaging"
UNITS = PACKAGING / "systemd"
SERVICE = UNITS / "otp-enrolld.service"
SOCKET_UNIT = "otp-enrolld.socket"


def test_systemd_has_no_complaint_about_the_units(booted):
    done = booted.tries("sh", "-c", "systemd-analyze verify --man=no /usr/lib/systemd/system/otp-*.*")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_sandbox_leaves_little_open(booted):
    # of 10; adjtimex, openat2 and the socket cost a little each
    booted.run("systemd-analyze", "security", "--threshold=13", "--no-pager", SERVICE.name)


def test_the_unit_says_why_it_leaves_open_what_it_does(booted):
    """Each point that systemd counts against it is in a comment, or below one."""
    counted = json.loads(booted.run("systemd-analyze", "security", "--json=short", "--no-pager", SERVICE.name))
    blocks = re.findall(r"^#.*(?:\n.+)*", SERVICE.read_text(), re.M)
    open_points = {point["name"].split("=")[0] for point in counted if not point["set"] and float(point["exposure"] or 0)}
    assert open_points and [name for name in open_points if not any(f"{name}=" in block for block in blocks)] == []


def test_what_hands_notices_over_is_walled_in_as_far_as_mail_programs_allow(booted):
    # 2.7 of 10: submitting mail takes a set-uid or set-gid program, a queue and a network
    booted.run("systemd-analyze", "security", "--threshold=28", "--no-pager", "otp-notify.service")


@pytest.mark.parametrize("never", ["RuntimeDirectory=", "PrivateUsers="])
def test_what_the_design_forbids_is_not_set(never):
    assert not re.search(rf"^{never}", SERVICE.read_text(), re.M)


def test_every_relaxed_line_says_why():
    lines = SERVICE.read_text().splitlines()
    relaxed = [n for n, line in enumerate(lines) if re.fullmatch(r"\w+=(no|all)", line)]
    assert relaxed and all(lines[n - 1].startswith("#") for n in relaxed)


def test_the_lines_of_the_install_page_upgrade_an_installation_and_restart_the_daemon(booted, request):
    before = booted.property("MainPID")
    booted.install(Path(request.config.getoption("--artefacts")).resolve())
    assert booted.property("MainPID") != before and booted.is_active(SERVICE.name) and booted.is_active(SOCKET_UNIT)


def test_sysusers_makes_the_account_and_the_groups(tmp_path):
    (tmp_path / "etc").mkdir()
    run("systemd-sysusers", f"--root={tmp_path}", UNITS / "sysusers.d/otp-enrolld.conf")
    passwd = (tmp_path / "etc/passwd").read_text().splitlines()
    assert {line.split(":")[0] for line in passwd} == {ACCOUNT, NOTIFIER}
    assert {tuple(line.split(":")[5:]) for line in passwd} == {("/nonexistent", "/usr/sbin/nologin")}
    groups = {line.split(":")[0] for line in (tmp_path / "etc/group").read_text().splitlines()}
    assert groups == {ACCOUNT, NOTIFIER, *GROUPS}


def test_tmpfiles_makes_the_directories_and_nothing_in_them(booted):
    """In an empty root that knows the accounts, and in the machine's own."""
    booted.run("sh", "-c", "mkdir -p /root/empty/etc && cp /etc/passwd /etc/group /root/empty/etc")
    booted.run("systemd-tmpfiles", "--root=/root/empty", "--create", "/usr/lib/tmpfiles.d/otp-enrolld.conf")
    expected = {"/run/otp root 755", f"{HOST_KEY.parent} root 755", f"{VAULT} {ACCOUNT} 700", f"{RECORDS} root 2750", "/run/otp-sudo root 730", f"{OUTBOX.parent} root 755", f"{OUTBOX} {NOTIFIER} 2770"}
    found = booted.run("sh", "-c", "find /root/empty -path '*otp*' -printf '/%P %u %m\\n'").splitlines()
    assert set(found) == expected
    places = ("/run/otp", "/run/otp-sudo", HOST_KEY.parent, VAULT, RECORDS, OUTBOX.parent, OUTBOX)
    assert set(booted.run("stat", "-c", "%n %U %a", *places).splitlines()) == expected


def test_before_init_the_socket_neither_starts_nor_fails(booted):
    booted.systemctl("stop", SOCKET_UNIT, SERVICE.name)
    booted.run("mv", HOST_KEY, "/root/host.key")
    try:
        booted.systemctl("start", SOCKET_UNIT)
        assert booted.property("ActiveState", SOCKET_UNIT) == "inactive"
        assert booted.failed_units() == []
    finally:
        booted.run("mv", "/root/host.key", HOST_KEY)
    booted.systemctl("start", SOCKET_UNIT)
    assert booted.is_active(SOCKET_UNIT)


@pytest.mark.parametrize("path", [HOST_KEY, VAULT / "vault.toml"], ids=["host key", "vault"])
def test_what_was_missing_comes_back_and_so_does_the_daemon(booted, path):
    """However often somebody has tried meanwhile, and though the machine booted without it."""
    booted.systemctl("stop", SOCKET_UNIT, SERVICE.name)
    booted.run("mv", path, "/root/missing")
    try:
        for _ in range(25):  # more than the limits of a service, 5 in ten seconds, and of a socket, 20 in two
            booted.tries("systemctl", "start", "--no-block", SERVICE.name)
        booted.tries("otpctl", "status")
        until(lambda: int(booted.property("NRestarts")) > 0, "another try of systemd's own", 20)
        until(lambda: booted.property("SubState") == "auto-restart", "the pause before the next try")
    finally:
        booted.run("mv", "/root/missing", path)
    until(lambda: booted.is_active(SOCKET_UNIT) and booted.daemon(), "socket and service", 30)
    with booted.asks() as client:
        client.call("List")
    assert booted.failed_units() == []


def test_in_the_journal_the_daemons_lines_are_authpriv(booted):
    user, _ = booted.enrolled_user("lines")
    lines = booted.journalctl(f"--unit={SERVICE.name}", f"_COMM={SERVICE.stem}", output="json")
    found = [json.loads(line) for line in lines]
    enrolled = [line for line in found if line["MESSAGE"].startswith(f"event=enrolled user={user.name} ")]
    assert enrolled and {line["SYSLOG_FACILITY"] for line in found} == {"10"}
    assert any(f"user={user.name} " in line for line in booted.journalctl("--facility=authpriv", f"--unit={SERVICE.name}"))


def test_the_first_call_starts_the_daemon_and_enrols_under_the_sandbox(booted):
    booted.systemctl("stop", SERVICE.name)
    assert not booted.is_active(SERVICE.name)
    user, _ = booted.enrolled_user("first")
    assert booted.run("stat", "-c", "%U %a", user.key_file, user.state_file).split() == [ACCOUNT, "600"] * 2
    assert f"{user.name}: enrolled\n" in booted.run("otpctl", "status", user=user)


def test_the_daemon_never_was_root_and_has_no_way_out(booted):
    with booted.asks() as client:
        client.call("List")
    status = Path(f"/proc/{booted.daemon()}/status").read_text()
    found = dict(line.split(":\t") for line in status.splitlines() if ":\t" in line)
    assert (found["NoNewPrivs"], found["Seccomp"], int(found["CapBnd"], 16)) == ("1", "2", 0)
    assert set(found["Uid"].split()) == {booted.run("id", "-u", ACCOUNT).strip()}
    assert set(found["Gid"].split()) == {booted.run("id", "-g", ACCOUNT).strip()}
    assert set(found["Groups"].split()) <= {booted.run("id", "-g", name).strip() for name in (ACCOUNT, NOTIFIER)}
    assert booted.in_the_sandbox("test", "-w", VAULT) == 0
    assert booted.in_the_sandbox("ls", "/home") != 0
    mounts = [line.split() for line in Path(f"/proc/{booted.daemon()}/mounts").read_text().splitlines()]
    writable = {where: options.split(",")[0] == "rw" for _, where, _, options, *_ in mounts}
    assert (writable["/"], writable[str(VAULT)], writable[str(OUTBOX.parent)]) == (False, True, True)
    assert booted.in_the_sandbox("cat", HOST_KEY) != 0


def test_the_credential_is_for_the_daemon_alone(booted):
    with booted.asks() as client:
        client.call("List")
    path = f"/run/credentials/{SERVICE.name}/host.key"
    assert booted.in_the_sandbox("cat", path) == 0
    assert booted.tries("setpriv", "--reuid=65534", "--clear-groups", "--", "cat", path).returncode != 0


def test_under_its_unit_the_daemon_asks_the_kernel_about_the_clock(booted, hosts):
    """After 40 days off: a clock that the kernel vouches for is believed and moves the mark, another is not."""
    user, key = booted.enrolled_user("away")
    booted.write("/etc/pam.d/locker", "auth required pam_otp.so\n")
    mark = booted.root / str(VAULT / "clock").lstrip("/")
    before = mark.read_text()
    try:
        for synchronised, opened in ((False, False), (True, True)):
            with booted.clock(hosts / "clockshift.so", 40 * DAY, synchronised):
                booted.systemctl("restart", SERVICE.name)
                code = key.code(int((time.time() + 40 * DAY) // key.period))
                asked = ["sh", "-c", f"echo {code} | pamtester locker {user.name} authenticate"]
                done = booted.tries(*asked, user=user)
            assert (done.returncode == 0) == opened, booted.report()
            assert (int(mark.read_text()) > time.time() + 39 * DAY) == opened
    finally:
        mark.write_text(before)
        booted.systemctl("restart", SERVICE.name)


def test_a_killed_daemon_is_there_again_at_the_next_call(booted):
    with booted.asks() as client:
        client.call("List")
    before = booted.daemon()
    os.kill(before, signal.SIGKILL)
    until(lambda: booted.daemon() != before, "its end")
    with booted.asks() as client:
        client.call("List")
    assert booted.daemon() != before


def test_systemd_starts_a_daemon_again_that_has_stopped_to_answer(booted):
    drop_in = "/run/systemd/system/otp-enrolld.service.d/hurry.conf"
    booted.run("mkdir", "-p", str(Path(drop_in).parent))
    booted.write(drop_in, "[Service]\nWatchdogSec=6\nTimeoutAbortSec=1\n")
    booted.systemctl("daemon-reload")
    booted.systemctl("restart", SERVICE.name)
    before = booted.daemon()
    try:
        until(lambda: booted.property("WatchdogTimestampMonotonic") != "0", "the first word of the daemon")
        assert booted.daemon() == before
        os.kill(before, signal.SIGSTOP)
        until(lambda: booted.daemon() not in (None, before), "another daemon", 40)
        with booted.asks() as client:
            client.call("List")
        assert any("Watchdog timeout" in line for line in booted.journal(SERVICE.name))
    finally:
        booted.run("rm", drop_in)
        booted.systemctl("daemon-reload")
        booted.systemctl("restart", SERVICE.name)


def test_only_root_can_move_the_socket(booted):
    found = booted.run("stat", "-c", "%U %a", "/run/otp", SOCKET).split()
    assert found == ["root", "755", "root", "666"]


NOTIFIED = """#!/bin/sh
cat >/var/notified/message
grep NoNewPrivs /proc/self/status >/var/notified/privileges
ls /var/lib/otp >/var/notified/keys 2>&1
cat /etc/otp/host.key >/var/notified/key 2>&1
[ -e /var/notified/works ]
"""


def test_a_notice_starts_the_notifier_which_sees_neither_keys_nor_the_daemons_walls(booted):
    booted.write("/usr/local/sbin/notified", NOTIFIED, 0o755)
    booted.run("install", "-d", "-o", NOTIFIER, "/var/notified")
    seen = booted.root / "var/notified"
    outbox = booted.root / str(OUTBOX).lstrip("/")
    assert booted.is_active("otp-notify.path")
    with booted.policy('notify_command = ["/usr/local/sbin/notified"]\n'):
        user, _ = booted.enrolled_user("notified")
        until(lambda: [path.name for path in outbox.iterdir() if ".1." in path.name], "the first try", 20)
        assert booted.is_active("otp-notify.service"), "it waits for the next try"
        assert user.name in (seen / "message").read_text()
        assert (seen / "privileges").read_text().split()[1] == "0"
        assert "Permission denied" in (seen / "keys").read_text() and "vault" not in (seen / "keys").read_text()
        assert "Permission denied" in (seen / "key").read_text()

        (seen / "works").touch()
        for letter in outbox.iterdir():
            letter.rename(outbox / letter.name.replace(letter.name.split(".")[2], "0"))
        until(lambda: not list(outbox.iterdir()), "the second try", 20)
        until(lambda: booted.property("ActiveState", "otp-notify.service") == "inactive", "its end", 20)
        with booted.asks() as client:
            client.call("Suspend", user=user.name)
        until(lambda: "keys-suspended" in (seen / "message").read_text(), "the next notice", 20)
        until(lambda: booted.property("ActiveState", "otp-notify.service") == "inactive", "its end", 20)
        assert booted.property("Result", "otp-notify.service") == "success"


def test_a_suspension_ends_the_time_stamp_of_sudo_within_its_walls(booted):
    user, _ = booted.enrolled_user("suspendedone")
    stamps, marks = booted.root / "run/sudo/ts", booted.root / "run/otp-sudo"
    stamps.mkdir(mode=0o700, parents=True, exist_ok=True)
    assert booted.is_active("otp-sudo.path")
    for stamp in (stamps / user.name, stamps / str(user.uid)):
        stamp.touch(mode=0o600)
        with booted.asks() as client:
            client.call("Suspend", user=user.name)
        until(lambda stamp=stamp: not stamp.exists() and not list(marks.iterdir()), "the end of the time stamp", 20)
        until(lambda: booted.property("ActiveState", "otp-sudo.service") == "inactive", "the end of the unit", 20)
    assert booted.property("Result", "otp-sudo.service") == "success"
    booted.run("systemd-analyze", "security", "--threshold=13", "--no-pager", "otp-sudo.service")


def test_a_changed_password_starts_the_watch_within_its_walls_however_it_was_changed(booted):
    records = booted.root / "var/lib/otp-watch"
    user = booted.new_user("watchedone")
    shadow = booted.root / "etc/shadow"
    until(lambda: (records / str(user.uid)).exists(), "the look after the account was made", 20)
    assert (booted.root / "etc/otp/watch").exists() and booted.is_active("otp-watch.path") and booted.is_active("otp-watch.timer")

    def fingerprint():
        return re.search(r"^fingerprint.*$", (records / str(user.uid)).read_text(), re.M)[0]

    def edit():
        shadow.write_text(re.sub(rf"^{user.name}:[^:]*", f"{user.name}:$1$edited", shadow.read_text(), flags=re.M))

    for change in (lambda: booted.run("usermod", "-p", "$1$x", user.name), lambda: booted.run("sh", "-c", f"echo {user.name}:'$1$y' | chpasswd -e"), edit):
        # systemd looks away while the unit runs; what changes then is seen at the next look, five minutes later at most.
        until(lambda: booted.property("ActiveState", "otp-watch.service") == "inactive", "the end of the look", 20)
        before = fingerprint()
        change()
        until(lambda before=before: fingerprint() != before, "the look after the change", 20)
    until(lambda: booted.property("ActiveState", "otp-watch.service") == "inactive", "the end of the last look", 20)
    assert booted.property("Result", "otp-watch.service") == "success"
    # of 10; adjtimex, openat2, the capabilities for an /etc/shadow of mode 0000 and for the directory
    booted.run("systemd-analyze", "security", "--threshold=25", "--no-pager", "otp-watch.service")
