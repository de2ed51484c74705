"""The unit files: what they say, and a real systemd that starts the daemon by them, with all their walls up."""

import os
import pwd
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from harness.machine import ACCOUNT, DAEMON, GROUPS, HOST_KEY, OTPCTL, ROOT, VAULT, as_user, run, write
from harness.wait import until
from harness.wire import SOCKET, Client

PACKAGING = ROOT / "packaging"
UNITS = PACKAGING / "systemd"
SERVICE = UNITS / "otp-enrolld.service"

# Process 1 of new namespaces, on this machine's files, with a vault, a /run and a /tmp of its own.
BOOT_SCRIPT = f"""
set -eu
mount -t proc proc /proc
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys # else systemd-sysctl would set the machine's kernel
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs -o mode=0755 run /run
mkdir -p /run/systemd/system /run/tmpfiles.d
cp {UNITS}/otp-*.* /run/systemd/system/
cp {UNITS}/tmpfiles.d/* /run/tmpfiles.d/
mount -t tmpfs -o mode=1777 tmp /tmp # from here on a checkout in /tmp is out of sight
mount -t tmpfs -o mode=0755 etc {HOST_KEY.parent}
mount -t tmpfs -o mode=0755 vault {VAULT}
mount --make-rshared / # without it credentials are empty
exec env -i container=lab PATH=/usr/sbin:/usr/bin TERM=dumb /lib/systemd/systemd --unit=basic.target \
    --log-target=null --show-status=0 systemd.unified_cgroup_hierarchy=1
"""


class Booted:
    """A systemd of its own."""

    def __init__(self, pid):
        self.pid = pid

    def run(self, *words):
        return run("nsenter", "-t", self.pid, "-a", "--", *words)

    def asks(self):
        return Client(path=f"/proc/{self.pid}/root{SOCKET}")

    def property(self, name, unit="otp-enrolld.service"):
        return self.run("systemctl", "show", "-P", name, unit).strip()

    def daemon(self):
        """The daemon's process id out here."""
        inside = self.property("MainPID")
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                found = re.search(r"^NSpid:.*\t(\d+)$", status.read_text(), re.M)
                if found and found[1] == inside and status.parent.joinpath("comm").read_text() == "otp-enrolld\n":
                    return int(status.parent.name)
            except OSError:
                continue
        return None

    def in_the_sandbox(self, *words):
        """The exit code of a command as the daemon's account and with the daemon's view of the files."""
        command = ["nsenter", "-t", str(self.daemon()), "-m", "--", "setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}"]
        return subprocess.run([*command, "--clear-groups", "--", *words], capture_output=True).returncode


@pytest.fixture(scope="module")
def control_group(tmp_path_factory):
    top = tmp_path_factory.mktemp("cgroup")
    if subprocess.run(["mount", "-t", "cgroup2", "cgroup2", top]).returncode:
        pytest.skip("control groups cannot be mounted here")
    group = top / f"pam_otp-{os.getpid()}-{time.monotonic_ns()}"
    group.mkdir()
    yield group
    until(lambda: removed(group), "the control group's end")
    run("umount", top)


def removed(group):
    for directory, _, _ in os.walk(group, topdown=False):
        try:
            os.rmdir(directory)
        except OSError:
            return False
    return True


@pytest.fixture(scope="module")
def booted(machine, control_group):
    spaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc", "--net", "--cgroup", "--propagation", "private"]
    enter = f"echo $$ > {control_group}/cgroup.procs; exec \"$@\""
    shell = subprocess.Popen(["bash", "-c", enter, "-", *spaces, "bash", "-c", BOOT_SCRIPT], stdin=subprocess.DEVNULL)
    try:
        children = Path(f"/proc/{shell.pid}/task/{shell.pid}/children")
        pid = int(until(lambda: children.read_text().split(), "the new process 1")[0])
        it = Booted(pid)
        until(lambda: ended_booting(it), "the end of the boot", 30)
        yield it
    finally:
        shell.send_signal(signal.SIGKILL)
        shell.wait()


def ended_booting(it):
    command = ["nsenter", "-t", str(it.pid), "-a", "--", "systemctl", "is-system-running"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip() in ("running", "degraded")


@pytest.fixture(scope="module")
def initialised(booted):
    """What an administrator does: `init`, then the socket, which before `init` neither starts nor fails."""
    booted.run("systemctl", "start", "otp-enrolld.socket")
    assert booted.property("ActiveState", "otp-enrolld.socket") == "inactive"
    assert booted.run("systemctl", "--failed", "--no-legend", "--plain") == ""
    booted.run(DAEMON, "init")
    booted.run("sh", "-c", f"printf 'version = 1\\nadmin_enrol = true\\n' >{HOST_KEY.parent}/otp.toml")
    booted.run("systemctl", "start", "otp-enrolld.socket")
    return booted


def test_systemd_has_no_complaint_about_the_units(machine):
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *UNITS.glob("otp-*.*")], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_sandbox_leaves_little_open(machine):
    # 1.2 of 10; adjtimex, openat2 and the socket cost a little each, and the unit says why it needs them
    run("systemd-analyze", "security", "--offline=true", "--threshold=13", "--no-pager", SERVICE)


@pytest.mark.parametrize("never", ["RuntimeDirectory=", "PrivateUsers="])
def test_what_the_design_forbids_is_not_set(never):
    assert not re.search(rf"^{never}", SERVICE.read_text(), re.M)


def test_every_relaxed_line_says_why():
    lines = SERVICE.read_text().splitlines()
    relaxed = [n for n, line in enumerate(lines) if re.fullmatch(r"\w+=(no|all)", line)]
    assert relaxed and all(lines[n - 1].startswith("#") for n in relaxed)


def test_sysusers_makes_the_account_and_the_groups(tmp_path):
    (tmp_path / "etc").mkdir()
    run("systemd-sysusers", f"--root={tmp_path}", UNITS / "sysusers.d/otp-enrolld.conf")
    account = (tmp_path / "etc/passwd").read_text().split(":")
    assert (account[0], account[5], account[6]) == (ACCOUNT, "/nonexistent", "/usr/sbin/nologin\n")
    groups = {line.split(":")[0] for line in (tmp_path / "etc/group").read_text().splitlines()}
    assert groups == {ACCOUNT, *GROUPS}


def test_tmpfiles_makes_the_directories_and_nothing_in_them(booted):
    found = booted.run("stat", "-c", "%n %U %a", "/run/otp", HOST_KEY.parent, VAULT).splitlines()
    assert found == ["/run/otp root 755", f"{HOST_KEY.parent} root 755", f"{VAULT} {ACCOUNT} 700"]


def test_the_first_call_starts_the_daemon_and_enrols_under_the_sandbox(initialised, machine):
    user = machine.new_user()
    with initialised.asks() as client:
        machine.confirm(client, machine.begin(client, user))
    assert initialised.run("stat", "-c", "%U %a", user.key_file, user.state_file).split() == [ACCOUNT, "600"] * 2
    assert "enrolled, generation 1" in initialised.run(*as_user(user), OTPCTL, "status")


def test_the_daemon_never_was_root_and_has_no_way_out(initialised):
    with initialised.asks() as client:
        client.call("List")
    status = Path(f"/proc/{initialised.daemon()}/status").read_text()
    found = dict(line.split(":\t") for line in status.splitlines() if ":\t" in line)
    assert (found["NoNewPrivs"], found["Seccomp"], int(found["CapBnd"], 16)) == ("1", "2", 0)
    account = pwd.getpwnam(ACCOUNT)
    assert set(found["Uid"].split()) == {str(account.pw_uid)}
    assert set(found["Gid"].split() + found["Groups"].split()) == {str(account.pw_gid)}
    assert initialised.in_the_sandbox("test", "-w", VAULT) == 0
    assert initialised.in_the_sandbox("ls", "/home") != 0
    mounts = [line.split() for line in Path(f"/proc/{initialised.daemon()}/mounts").read_text().splitlines()]
    writable = {where: options.split(",")[0] == "rw" for _, where, _, options, *_ in mounts}
    assert (writable["/"], writable[str(VAULT)]) == (False, True)
    assert initialised.in_the_sandbox("cat", HOST_KEY) != 0


def test_the_credential_is_for_the_daemon_alone(initialised):
    path = "/run/credentials/otp-enrolld.service/host.key"
    assert initialised.in_the_sandbox("cat", path) == 0
    command = ["nsenter", "-t", str(initialised.pid), "-a", "--", "setpriv", "--reuid=65534", "--clear-groups", "--", "cat", path]
    assert subprocess.run(command, capture_output=True).returncode != 0


def test_a_killed_daemon_is_there_again_at_the_next_call(initialised):
    with initialised.asks() as client:
        client.call("List")
    before = initialised.daemon()
    os.kill(before, signal.SIGKILL)
    until(lambda: initialised.daemon() != before, "its end")
    with initialised.asks() as client:
        client.call("List")
    assert initialised.daemon() != before


def test_only_root_can_move_the_socket(initialised):
    found = initialised.run("stat", "-c", "%U %a", "/run/otp", SOCKET).split()
    assert found == ["root", "755", "root", "666"]


NOTIFIED = """#!/bin/sh
cat >/run/notified/message
grep NoNewPrivs /proc/self/status >/run/notified/privileges
ls /var/lib/otp/keys /var/lib/otp/state >/run/notified/keys 2>&1
cat /etc/otp/host.key >/run/notified/key 2>&1
[ -e /run/notified/works ]
"""


def test_a_notice_starts_the_notifier_which_sees_neither_keys_nor_the_daemons_walls(initialised, machine):
    write(Path("/usr/local/sbin/notified"), NOTIFIED, 0o755)
    initialised.run("install", "-d", "-o", ACCOUNT, "/run/notified")
    initialised.run("sh", "-c", f"echo 'admin_enrol = true\nnotify_command = [\"/usr/local/sbin/notified\"]' >{HOST_KEY.parent}/otp.toml")
    initialised.run("systemctl", "start", "otp-notify.path")
    seen = Path(f"/proc/{initialised.pid}/root/run/notified")
    outbox = Path(f"/proc/{initialised.pid}/root{VAULT}/notices/outbox")
    user = machine.new_user()
    with initialised.asks() as client:
        machine.confirm(client, machine.begin(client, user))
    until(lambda: [path.name for path in outbox.iterdir() if ".1." in path.name], "the first try", 20)
    assert initialised.property("ActiveState", "otp-notify.service") == "active", "it waits for the next try"
    assert user.name in (seen / "message").read_text()
    assert (seen / "privileges").read_text().split()[1] == "0"
    assert "Permission denied" in (seen / "keys").read_text() and ".toml" not in (seen / "keys").read_text()
    assert "Permission denied" in (seen / "key").read_text()

    (seen / "works").touch()
    for letter in outbox.iterdir():
        letter.rename(outbox / letter.name.replace(letter.name.split(".")[2], "0"))
    until(lambda: not list(outbox.iterdir()), "the second try", 20)
    until(lambda: initialised.property("ActiveState", "otp-notify.service") == "inactive", "its end", 20)
    with initialised.asks() as client:
        client.call("Suspend", user=user.name)
    until(lambda: "keys-suspended" in (seen / "message").read_text(), "the next notice", 20)
    until(lambda: initialised.property("ActiveState", "otp-notify.service") == "inactive", "its end", 20)
    assert initialised.property("Result", "otp-notify.service") == "success"
