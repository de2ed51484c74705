"""On a machine with systemd as process 1 people log in, logind knows them, and the product is a part of it."""

import hashlib
import os
import re
import signal
import stat
from pathlib import Path

import pytest

from harness.boot import booting
from harness.booted import children
from harness.machine import CODE_PROMPT, DAEMON, MODULE, OTPCTL, PASSWORD, VAULT
from harness.places import moved_away
from harness.wait import until

SOCKET_UNIT, SERVICE_UNIT = "otp-enrolld.socket", "otp-enrolld.service"


@pytest.fixture(scope="module")
def alice(booted):
    return booted.new_user("alice")


def test_process_1_is_systemd_and_the_system_runs_without_a_failed_unit(booted):
    assert booted.run("cat", "/proc/1/comm") == "systemd\n"
    assert (booted.failed_units(), booted.run("systemctl", "is-system-running")) == ([], "running\n")
    for unit in ("multi-user.target", "dbus.service", "systemd-logind.service", "systemd-journald.service"):
        assert booted.is_active(unit), unit


def test_the_readme_has_the_units_enabled_and_started(booted):
    for unit in (SOCKET_UNIT, SERVICE_UNIT, "otp-notify.path", "otp-sudo.path", "otp-watch.path", "otp-watch.timer"):
        assert booted.property("FragmentPath", unit).removeprefix("/usr") == f"/lib/systemd/system/{unit}"
        assert booted.run("systemctl", "is-enabled", unit) == "enabled\n"
        assert booted.is_active(unit), unit


def test_nobody_in_there_can_set_the_clock_or_load_a_module(booted):
    status = booted.run("cat", "/proc/1/status")
    lost = ~int(re.search(r"^CapBnd:\t(\w+)$", status, re.M)[1], 16)
    assert all(lost >> capability & 1 for capability in (16, 17, 25)), "CAP_SYS_MODULE, CAP_SYS_RAWIO, CAP_SYS_TIME"
    assert booted.tries("sh", "-c", "echo 0 >/proc/sys/kernel/panic").returncode != 0


def test_logind_has_the_session_of_a_login_until_it_ends(booted, alice):
    with booted.login(alice) as session:
        found = session.properties()
        assert {name: found[name] for name in ("Name", "User", "Class", "Type", "Service", "State", "TTY")} == {
            "Name": alice.name,
            "User": str(alice.uid),
            "Class": "user",
            "Type": "tty",
            "Service": "login",
            "State": "active",
            "TTY": session.console.name,
        }
        assert session.shell("tty; id -un; pwd") == (0, f"/dev/{session.console.name}\n{alice.name}\n/home/{alice.name}")
        assert session.shell("cat /proc/self/cgroup")[1].endswith(f"/user.slice/user-{alice.uid}.slice/session-{session.name}.scope")
        assert booted.is_active(f"user@{alice.uid}.service"), "the services of the user's own"
    assert session.name not in booted.sessions()


def test_the_first_status_starts_the_daemon_by_its_socket_and_under_its_sandbox(booted, alice):
    booted.systemctl("stop", SERVICE_UNIT)
    assert booted.is_active(SOCKET_UNIT) and not booted.is_active(SERVICE_UNIT)
    with booted.login(alice) as session:
        code, said = session.shell("otpctl status")
    assert code == 0 and alice.name in said
    assert booted.is_active(SERVICE_UNIT) and booted.property("TriggeredBy") == f"{SOCKET_UNIT}"
    status = Path(f"/proc/{booted.daemon()}/status").read_text()
    assert re.search(r"^NoNewPrivs:\t1$", status, re.M) and re.search(r"^Seccomp:\t2$", status, re.M)
    assert booted.in_the_sandbox("test", "-w", VAULT) == 0
    assert booted.in_the_sandbox("ls", "/home") != 0


HOOK = "etc/shadow-maint/userdel-post.d/otp-enrolld"


def test_the_daemon_in_its_sandbox_sees_an_account_go(booted):
    zoe, _ = booted.enrolled_user("zoe")
    hook = booted.root / HOOK
    with moved_away(hook):
        booted.run("userdel", "-r", zoe.name)
        until((booted.root / f"var/lib/otp/gone/{zoe.uid}").exists, "the mark")
    until(lambda: any("event=account-gone" in line and f"user={zoe.name}" in line for line in booted.journal(SERVICE_UNIT)), "the line")
    booted.run("otpctl", "forget", zoe.uid)  # the next account gets the same uid


def test_so_does_the_hook_that_the_readme_installs_while_the_daemon_is_down(booted):
    amy, _ = booted.enrolled_user("amy")
    booted.systemctl("stop", SOCKET_UNIT, SERVICE_UNIT)
    try:
        booted.run("userdel", "-r", amy.name)
        assert (booted.root / f"var/lib/otp/gone/{amy.uid}").exists()
    finally:
        booted.systemctl("start", SOCKET_UNIT, SERVICE_UNIT)
    booted.run("otpctl", "forget", amy.uid)


def test_sudo_in_a_session_asks_for_a_code_and_takes_it_once(booted):
    user = booted.new_user("bob")
    with booted.gate("sudo"), booted.login(user) as session:
        key = booted.enrol(user)  # its codes are good for half a minute
        code, said = session.sudo("id -u", key.first)
        assert code == 0 and said.splitlines()[-1] == "0"
        code, said = session.sudo("id -u", key.first)
        assert code == 1 and "code refused" in said
        code, said = session.sudo("id -u", key.second)
        assert code == 0 and said.splitlines()[-1] == "0"


def test_a_login_wants_a_code_and_only_with_it_becomes_a_session(booted):
    user, key = booted.enrolled_user("carol")
    with booted.gate("login"):
        refused_login(booted, user, key.wrong())
        with booted.login(user, key.first) as session:
            assert (session.properties()["Name"], session.properties()["Service"]) == (user.name, "login")
        refused_login(booted, user, key.first)
        with booted.login(user, key.second) as session:
            assert session.shell("id -un") == (0, user.name)


def test_a_login_by_ssh_wants_a_code_and_is_a_session_too(booted):
    user, key = booted.enrolled_user("frank")
    with booted.gate("sshd"), booted.sshd(), booted.ssh(user, key.first) as session:
        found = session.properties()
        assert (found["Name"], found["Service"], found["Class"], found["Remote"], found["RemoteHost"]) == (user.name, "sshd", "user", "yes", "127.0.0.1")


def refused_login(booted, user, code):
    before = booted.sessions()
    console = booted.console("login", user.name)
    console.awaits("Password: ")
    console.types_hidden(PASSWORD)
    console.awaits(CODE_PROMPT)
    console.types_hidden(code)
    console.awaits("Login incorrect")
    console.hangs_up()
    assert booted.sessions() == before


def test_the_journal_has_the_daemons_lines_and_the_modules(booted):
    user, key = booted.enrolled_user("dave")
    with booted.gate("sudo"), booted.login(user) as session:
        session.sudo("true", key.first)
    said = booted.journal(SERVICE_UNIT)
    assert "otp-enrolld: ready" in said
    assert [line for line in said if line.startswith(f"event=enrolled user={user.name} uid={user.uid} ")]
    accepted = f"pam_otp(sudo:auth): outcome=accepted reason=code user={user.name} uid={user.uid} origin=self service=sudo tty=/dev/{session.console.name} "
    assert [line for line in booted.journal(f"session-{session.name}.scope") if line.startswith(accepted)]


def test_a_machine_leaves_nothing_outside_when_it_powers_off(request):
    before = outside()
    with booting(request.config.getoption("--artefacts")) as machine:
        user, _ = machine.enrolled_user("eve")
        machine.login(user)  # and stays
        space = os.readlink(f"/proc/{machine.pid}/ns/pid")
        assert len(processes_in(space)) > 5 and machine.group.is_dir()
    assert machine.process.returncode == 128 + signal.SIGINT, "what the kernel makes of a power-off in a namespace"
    assert processes_in(space) == [] and not machine.group.exists()
    assert outside() == before


def processes_in(space):
    """The processes of a process namespace."""
    found = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            found += [process] if os.readlink(f"/proc/{process}/ns/pid") == space else []
        except OSError:  # it has ended
            continue
    return found


def outside():
    """All of /etc, the places of the product, what is mounted, what is in /tmp and /run, and the processes that were started."""
    etc = {str(path): looks(path) for path in sorted(Path("/etc").rglob("*"))}
    product = {str(path): looks(path) for path in (MODULE, DAEMON, OTPCTL, VAULT)}
    return etc, product, Path("/proc/self/mountinfo").read_text(), sorted(os.listdir("/tmp")), sorted(os.listdir("/run")), alive(children(os.getpid()))


def alive(processes):
    """Without those that have ended and that only Python has not noticed yet."""
    return [process for process in processes if ") Z " not in Path(f"/proc/{process}/stat").read_text()]


def looks(path):
    """Mode, owner, and a checksum of what is in it."""
    if not os.path.lexists(path):
        return None
    status = path.lstat()
    inside = os.readlink(path).encode() if path.is_symlink() else path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
    return status.st_mode, status.st_uid, status.st_gid, hashlib.sha256(inside).hexdigest()
