"""A program of the daemon's account cannot type at the terminal that root types at (TIOCSTI), nor read there. Nothing forks.
Ctrl-C arrives unless the program leads its session, the shell goes on, and the daemon outlives a hang-up."""

import fcntl
import os
import pwd
import re
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.machine import ACCOUNT, DAEMON, NOTIFIER, OTPCTL, listens_at, run, write
from harness.terminal import Terminal
from harness.wait import until
from harness.wire import SOCKET, call

ATTACK = Path("/usr/local/lib/attack.py")
PUSHED = Path("/tmp/notified/pushed")
FOUND = Path("/tmp/notified/found")
ATTACKER = f"cat >/dev/null; exec /usr/bin/python3 {ATTACK}"
# A program tries as it is, and as the leader of a session that takes a terminal which no session has.
ATTACK_TEXT = f"""
import fcntl, os, termios
def tries(number):
    try:
        for letter in "touch {PUSHED}\\n":
            fcntl.ioctl(number, termios.TIOCSTI, letter.encode())
        return "pushed"
    except OSError as error:
        return error.strerror
def reads(number):
    return "writes" if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY else "reads"
def takes(number):
    try:
        fcntl.ioctl(number, termios.TIOCSCTTY, 0)
        return "taken"
    except OSError as error:
        return error.strerror
try:
    lines = [f"{{os.getuid()}} tty {{open('/proc/self/stat').read().rpartition(')')[2].split()[4]}}"]
except FileNotFoundError:
    lines = [f"{{os.getuid()}} tty unknown"]
try:
    lines.append("/dev/tty opened " + tries(os.open("/dev/tty", os.O_RDWR)))
except OSError as error:
    lines.append("/dev/tty " + error.strerror)
def attack(who):
    for number in range(256):
        if os.isatty(number):
            lines.append(f"{{who}} {{number}}: {{tries(number)}}, {{takes(number)}}, {{tries(number)}}, {{reads(number)}}")
attack("itself")
if os.fork() == 0:
    os.setsid()
    attack("child")
    open("{FOUND}", "w").write("\\n".join(lines) + "\\n")
    os._exit(0)
os.wait()
"""


@pytest.fixture
def attacker(program):
    write(ATTACK, ATTACK_TEXT, 0o644)
    return program(ATTACKER)


class RootShell(Terminal):
    """Root's, with job control, on a terminal of its own."""

    def __init__(self):
        super().__init__(["bash", "--norc", "-i"], env={"PS1": "root> "})
        self.awaits("root> ")

    def runs(self, command):
        """Runs a command and returns what it printed."""
        start = len(self.transcript)
        self.types(f"{command}; echo \"status \"$?")
        self.awaits(r"status \d+\r\n")
        self.awaits("root> ")
        return self.transcript[start:]


def findings(where=FOUND):
    return until(lambda: where.exists() and where.read_text(), "what the attack found")


def assert_nothing_was_pushed(shell):
    assert "status 4" in shell.runs("(exit 4)"), "the shell goes on"
    assert not PUSHED.exists()
    until(lambda: shell.foreground() == os.getpgid(shell.pty.pid), "the shell in the foreground")


def field(pid, name):
    (line,) = re.findall(rf"^{name}:\s*(.*)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return line.split()


def terminal_of(pid):
    """The kernel's number of the controlling terminal; 0 is none."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[4])


def is_the_account(pid):
    uid = str(pwd.getpwnam(ACCOUNT).pw_uid)
    return field(pid, "Uid") == [uid] * 4


def processes(program):
    """By number; one that has ended and was not waited for has no program any more."""
    return [int(pid) for pid in filter(str.isdigit, os.listdir("/proc")) if program_of(pid) == str(program)]


def program_of(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return None


def served_by(pid=None):
    """The daemon that serves, once it does."""
    until(lambda: listens_at(SOCKET), "the socket")
    (it,) = until(lambda: [one for one in processes(DAEMON) if pid in (None, one) and is_the_account(one)], "the daemon")
    return it


@contextmanager
def no_daemon(machine):
    """A test starts its own. One that a failed test leaves behind keeps no other from the socket."""
    with machine.daemon_stopped():
        try:
            yield
        finally:
            for pid in processes(DAEMON):
                os.kill(pid, signal.SIGKILL)


def test_here_the_kernel_lets_a_program_type_at_its_terminal(machine, program):
    """Else the tests below would show nothing."""
    write(ATTACK, ATTACK_TEXT, 0o644)
    program("exit 0")
    shell = RootShell()
    shell.types(f"setpriv --reuid={NOTIFIER} --clear-groups /usr/bin/python3 {ATTACK}")
    lines = findings()
    switch = Path("/proc/sys/dev/tty/legacy_tiocsti")
    if switch.exists() and switch.read_text().strip() == "0":
        pytest.skip("dev.tty.legacy_tiocsti is 0: TIOCSTI is for nobody without CAP_SYS_ADMIN")
    assert "/dev/tty opened pushed" in lines and "itself 0: pushed" in lines
    until(PUSHED.exists, "what was pushed to be run by root's shell")
    shell.hangs_up()


@pytest.mark.parametrize("how", ["{}", "{} 7<>/dev/tty", "{} 7<$(tty) </dev/null 2>&1", "setsid --wait {}", "bash -c '{}; exit $?'", "bash -c 'exec {}'", "script -qec '{}' /dev/null"])
def test_what_notify_starts_cannot_type_into_roots_shell(machine, attacker, how):
    machine.enrolled_user()
    shell = RootShell()
    printed = shell.runs(how.format(f"{DAEMON} notify --once"))
    assert "event=notified" in printed and "status 0" in printed, printed
    lines = findings()
    uid = pwd.getpwnam(NOTIFIER).pw_uid
    assert lines.startswith(f"{uid} tty 0\n/dev/tty No such device or address\n"), lines
    assert "pushed" not in lines and "taken" not in lines and "reads" not in lines, lines
    assert_nothing_was_pushed(shell)
    shell.hangs_up()


def test_nor_where_notify_leads_the_session_of_the_terminal(machine, attacker):
    machine.enrolled_user()
    terminal = Terminal([DAEMON, "notify", "--once"])
    assert terminal.ends() == 0, terminal.transcript
    assert "event=notified" in terminal.transcript
    lines = findings()
    assert "tty 0\n/dev/tty No such device or address\n" in lines
    assert "itself 2: " in lines and "pushed" not in lines and "taken" not in lines, lines


def test_nor_where_no_session_has_the_terminal(machine, attacker):
    """As in a rescue shell without job control."""
    machine.enrolled_user()
    above, below = os.openpty()
    done = subprocess.run([DAEMON, "notify", "--once"], stdin=below, stdout=below, stderr=below, start_new_session=True, timeout=30)
    assert done.returncode == 0
    lines = findings()
    assert "itself 2: " in lines and "pushed" not in lines and "taken" not in lines, lines
    os.close(below)
    os.close(above)


INHERITED = Path("/usr/local/lib/inherited.py")
INHERITED_TEXT = """
import os
def tries(number):
    found = [os.readlink(f"/proc/self/fd/{number}")]
    for what in (lambda: os.read(number, 100), lambda: os.write(number, b"touch /tmp/notified/pushed\\n")):
        try:
            found.append(what())
        except OSError:
            pass
    return found
open_ = [int(name) for name in os.listdir("/proc/self/fd") if int(name) > 2 and os.path.exists(f"/proc/self/fd/{name}")]
open("/tmp/notified/found", "w").write(f"{os.getuid()} {[tries(number) for number in open_]}")
"""


def test_what_notify_starts_inherits_nothing_else_that_root_has_open(machine, program, tmp_path):
    """Neither a file, nor a lock, nor the other end of a terminal."""
    write(INHERITED, INHERITED_TEXT, 0o644)
    program(f"cat >/dev/null; exec /usr/bin/python3 {INHERITED}")
    machine.enrolled_user()
    secret = tmp_path / "secret"
    write(secret, "known to root", 0o600)
    above, below = os.openpty()
    with open(secret, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = subprocess.run([DAEMON, "notify", "--once"], pass_fds=(above, file.fileno()), timeout=30)
        with open(secret, "rb") as again, pytest.raises(BlockingIOError):
            fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert done.returncode == 0 and findings() == f"{pwd.getpwnam(NOTIFIER).pw_uid} []"
    os.set_blocking(below, False)
    with pytest.raises(BlockingIOError):
        os.read(below, 100)
    assert secret.read_text() == "known to root"
    os.close(below)
    os.close(above)


def test_what_notify_starts_leads_a_session_of_its_own(machine, program):
    place = program("cat >/dev/null; ps -o sid=,pgid=,pid= -p $$ >/tmp/notified/session")
    machine.enrolled_user()
    run(DAEMON, "notify", "--once")
    assert len(set((place / "session").read_text().split())) == 1


def test_the_daemon_in_the_foreground_of_a_shell_has_no_terminal_and_ends_on_control_c(machine):
    with no_daemon(machine):
        shell = RootShell()
        shell.types(f"{DAEMON}; echo \"status \"$?")
        shell.awaits("otp-enrolld: ready")
        daemon = served_by()
        assert terminal_of(daemon) == 0 and shell.foreground() == os.getpgid(daemon)
        assert processes(DAEMON) == [daemon], "nothing forks"
        assert all(is_written_only(descriptor) for descriptor in terminals_of(daemon))
        shell.interrupts()
        shell.awaits("status 0\r\n")
        shell.awaits("root> ")
        assert "status 4" in shell.runs("(exit 4)")
        shell.hangs_up()


def terminals_of(pid):
    directory = Path(f"/proc/{pid}/fd")
    return [directory.parent / "fdinfo" / one.name for one in directory.iterdir() if os.readlink(one).startswith("/dev/pts/")]


def is_written_only(descriptor):
    (flags,) = re.findall(r"^flags:\s*(\d+)$", descriptor.read_text(), re.MULTILINE)
    return int(flags, 8) & os.O_ACCMODE == os.O_WRONLY


# Here the daemon leads the session of its terminal.
LEADERS = {
    "alone": [str(DAEMON)],
    "exec": ["sh", "-c", f"exec {DAEMON}"],
    "script": ["script", "-qec", f"exec {DAEMON}", "/dev/null"],
    "setsid": ["setsid", "--ctty", "--wait", str(DAEMON)],
}
# Here another process does.
LED = {
    "a shell": ["sh", "-c", f"{DAEMON}; exit $?"],
    "script": ["script", "-qec", f"{DAEMON}; exit $?", "/dev/null"],
    "sudo with a pty": ["sudo", str(DAEMON)],
}


@pytest.mark.parametrize("host", LEADERS)
def test_a_daemon_that_leads_its_session_forks_nothing_and_ends_on_kill(machine, host):
    with no_daemon(machine):
        terminal = Terminal(LEADERS[host])
        terminal.awaits("otp-enrolld: ready")
        daemon = served_by()
        assert os.getsid(daemon) == daemon and terminal_of(daemon) == 0
        assert processes(DAEMON) == [daemon], "nothing forks"
        assert all(is_written_only(descriptor) for descriptor in terminals_of(daemon))
        os.kill(daemon, signal.SIGTERM)
        assert terminal.ends() == 0, terminal.transcript
        until(lambda: not processes(DAEMON), "the end of every process")


@pytest.mark.parametrize("host", LED)
def test_control_c_ends_the_daemon_where_another_leads_the_session(machine, host):
    write(Path("/etc/sudoers.d/use_pty"), "Defaults use_pty\n", 0o440)
    with no_daemon(machine):
        terminal = Terminal(LED[host])
        terminal.awaits("otp-enrolld: ready")
        daemon = served_by()
        assert os.getsid(daemon) != daemon and terminal_of(daemon) == 0
        terminal.interrupts()
        terminal.ends()  # a shell between may be interrupted itself
        until(lambda: not processes(DAEMON), "the end of every process")


def test_control_c_in_tmux_ends_the_daemon_too(machine):
    with no_daemon(machine):
        tmux = ["tmux", "-L", "otp", "-f", "/dev/null"]
        run(*tmux, "new-session", "-d", f"{DAEMON}; exit $?")
        try:
            assert terminal_of(served_by()) == 0
            run(*tmux, "send-keys", "C-c")
            until(lambda: not processes(DAEMON), "the end of every process")
        finally:
            subprocess.run([*tmux, "kill-server"], capture_output=True, check=False)


@pytest.mark.parametrize("how", ["a shell", "the daemon leads"])
def test_the_daemon_outlives_its_terminal(machine, how):
    with no_daemon(machine):
        terminal = RootShell() if how == "a shell" else Terminal([DAEMON])
        if how == "a shell":
            terminal.types(f"{DAEMON}")
        terminal.awaits("otp-enrolld: ready")
        daemon = served_by()
        terminal.pty.ptyproc.fileobj.close()
        os.kill(daemon, signal.SIGHUP)
        if how == "a shell":
            os.waitpid(terminal.pty.pid, 0)
        assert int(field(daemon, "SigIgn")[0], 16) & 1, "SIGHUP is ignored"
        user = machine.new_user()
        assert call("Status", user=user.name)["status"]["enrolled"] is False
        assert served_by() == daemon
        os.kill(daemon, signal.SIGTERM)
        until(lambda: not processes(DAEMON), "its end")
        if how != "a shell":
            os.waitpid(daemon, 0)


def test_offline_otpctl_has_no_terminal_and_its_shell_goes_on(machine, enrolled):
    user, _ = enrolled
    shell = RootShell()
    with open(user.state_file, "rb") as state:
        fcntl.flock(state, fcntl.LOCK_EX)
        shell.types(f"{OTPCTL} --offline suspend {user.name}; echo \"status \"$?")
        (otpctl,) = until(lambda: [one for one in processes(OTPCTL) if is_the_account(one)], "otpctl, waiting for the lock")
        assert terminal_of(otpctl) == 0 and shell.foreground() == os.getpgid(otpctl)
        assert not all(is_written_only(one) for one in terminals_of(otpctl)), "it can still read an answer"
    shell.awaits("status 0\r\n")
    shell.awaits("root> ")
    assert f"{user.name}: suspended" in shell.transcript, shell.transcript
    with open(user.state_file, "rb") as state:
        fcntl.flock(state, fcntl.LOCK_EX)
        shell.types(f"{OTPCTL} --offline resume {user.name}; echo \"status \"$?")
        until(lambda: [one for one in processes(OTPCTL) if is_the_account(one)], "otpctl, waiting for the lock")
        shell.interrupts()
        shell.awaits("root> ")
    assert "status 4" in shell.runs("(exit 4)")
    shell.hangs_up()


def test_offline_otpctl_that_leads_its_session_does_its_work(machine, enrolled):
    """The SIGHUP that giving the terminal up brings does not end it."""
    user, _ = enrolled
    terminal = Terminal([OTPCTL, "--offline", "suspend", user.name])
    assert terminal.ends() == 0 and f"{user.name}: suspended" in terminal.transcript, terminal.transcript


def test_init_gives_the_terminal_up_before_root(machine):
    calls = Path("/tmp/init-calls")
    mounts = "mount -t tmpfs -o mode=755 none /etc/otp && mount -t tmpfs -o mode=700 none /var/lib/otp"
    trace = f"strace -o {calls} -e trace=ioctl,setresuid,openat"
    terminal = Terminal(["unshare", "--mount", "sh", "-c", f"{mounts} && {trace} {DAEMON} init"])
    assert terminal.ends() == 0 and "created the host key and the vault" in terminal.transcript, terminal.transcript
    text = calls.read_text()
    given_up, root = re.search(r"TIOCNOTTY\) += 0", text).start(), text.index("setresuid(")
    proven = text.rindex('"/dev/tty"')
    assert given_up < root < proven and "ENXIO" in text[proven:].splitlines()[0]


def test_a_terminal_that_can_still_be_opened_is_a_refusal(machine, program):
    """A file instead of the device plays a kernel that does not give it up."""
    place = program("touch /tmp/notified/ran")
    machine.enrolled_user()
    for command in (f"{DAEMON} notify --once", f"{OTPCTL} --offline list"):
        done = subprocess.run(["unshare", "--mount", "sh", "-c", f"mount --bind /etc/hostname /dev/tty && exec {command}"], capture_output=True, text=True, timeout=30)
        assert done.returncode != 0, done
        assert "giving up the terminal failed: /dev/tty can still be opened; wanted no controlling terminal" in done.stderr
    assert not list(place.iterdir())


@pytest.mark.parametrize("hide", ["true", "umount -l /proc"])
def test_without_its_name_or_proc_the_terminal_is_given_up_all_the_same(machine, attacker, hide):
    """As in a chroot: by a descriptor, or by its name."""
    machine.enrolled_user()
    shell = RootShell()
    with without_dev_tty(hide == "true"):
        printed = shell.runs(f"unshare --mount bash -c '{hide}; {DAEMON} notify --once'")
    assert "event=notified" in printed, printed
    lines = findings()
    assert "/dev/tty No such " in lines and "pushed" not in lines and "taken" not in lines and "reads" not in lines, lines
    assert_nothing_was_pushed(shell)
    shell.hangs_up()


@contextmanager
def without_dev_tty(missing):
    away = Path("/dev/tty.away")
    if missing:
        Path("/dev/tty").rename(away)
    try:
        yield
    finally:
        if missing:
            away.rename("/dev/tty")
