"""A machine that has booted: what root does there, people who log in, and its processes seen from outside."""

import os
import re
import shutil
import signal
import subprocess
from contextlib import chdir, contextmanager
from pathlib import Path

from harness.console import Console
from harness.machine import ACCOUNT, CODE_PROMPT, DEFAULT_POLICY, PASSWORD, PASSWORD_PROMPT, POLICY, ROOT, SHIFT, SYNC, Key, User
from harness.tokens import CountingToken
from harness.wait import until
from harness.wire import SOCKET, Client

SSH_OPTIONS = """-F /dev/null -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR
    -o PreferredAuthentications=keyboard-interactive -o NumberOfPasswordPrompts=1""".split()


class Booted:
    def __init__(self, process, pid, group):
        self.process = process
        self.pid = pid
        self.group = group
        self.root = Path(f"/proc/{pid}/root")
        self.consoles = []

    # as root

    @property
    def enter(self):
        """The words before a command that run it in there, as a process of its init.scope: systemd and logind cannot move a
        process from a group that they do not see."""
        into = 'echo $$ >"$0" && exec "$@"'
        return ["bash", "-c", into, f"{self.group}/init.scope/cgroup.procs", "nsenter", "-t", self.pid, "-a", "--"]

    def tries(self, *words, user=None):
        """A command's exit code and output, as root or as a user who has not logged in."""
        account = ["setpriv", f"--reuid={user.uid}", f"--regid={user.uid}", "--clear-groups", "--"] if user else []
        command = [str(word) for word in (*self.enter, *account, *words)]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)

    def run(self, *words, user=None):
        done = self.tries(*words, user=user)
        assert done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def systemctl(self, *words):
        return self.run("systemctl", "--no-legend", "--plain", *words)

    def property(self, name, unit="otp-enrolld.service"):
        return self.run("systemctl", "show", "-P", name, unit).strip()

    def is_active(self, unit):
        return self.property("ActiveState", unit) == "active"

    def failed_units(self):
        return [line.split()[0] for line in self.systemctl("--failed").splitlines()]

    def journal(self, unit):
        """The lines of a unit, and systemd's lines about it, since the boot."""
        return self.journalctl(f"--unit={unit}")

    def journalctl(self, *words, output="cat"):
        """The lines since the boot, once journald has taken all that was sent to it."""
        self.run("journalctl", "--sync")
        return self.run("journalctl", "--boot", "--no-pager", f"--output={output}", *words).splitlines()

    def report(self):
        """For a test that failed: jobs that wait, units that failed, and the end of the journal."""
        asked = (["systemctl", "list-jobs"], ["systemctl", "--failed"], ["journalctl", "--boot", "--no-pager", "--lines=100"])
        return "\n".join(self.tries(*words).stdout for words in asked)

    def install(self, artefacts):
        """Runs the lines of an installation by hand that follow the build."""
        chapter = (ROOT / "docs/install.md").read_text().split("## By hand\n")[1].split("\n## ")[0]
        lines = re.search(r"(?:^    .*\n)+", chapter, re.M)[0].splitlines()
        lines = [line.strip().replace("packaging/install", f"packaging/install --built {artefacts}") for line in lines]
        lines = [line for line in lines if not line.startswith(("apt-get ", "packaging/build"))]
        self.run("bash", "-euc", "\n".join([f"cd {ROOT}", *lines]))

    def write(self, path, text, mode=0o644):
        inside = self.root / str(path).lstrip("/")
        inside.write_text(text)
        inside.chmod(mode)

    @contextmanager
    def policy(self, text):
        """More lines in the policy for a while."""
        self.write(POLICY, DEFAULT_POLICY + text)
        try:
            yield
        finally:
            self.write(POLICY, DEFAULT_POLICY)

    @contextmanager
    def clock(self, library, seconds, synchronised):
        """The wall clock of every process that starts meanwhile moved by so much, and the kernel's word on it."""
        inside = "/usr/local/lib/clockshift.so"
        shutil.copyfile(library, self.root / inside.lstrip("/"))
        self.write(SHIFT, str(seconds))
        self.write(SYNC, str(int(synchronised)))
        self.write("/etc/ld.so.preload", f"{inside}\n")
        try:
            yield
        finally:
            self.run("rm", "/etc/ld.so.preload", SHIFT, SYNC)

    # people

    def new_user(self, name):
        name = f"otp-{name}"  # an account that no /etc has
        self.run("useradd", "--create-home", "--shell", "/bin/sh", name)
        self.run("sh", "-c", f"echo '{name}:{PASSWORD}' | chpasswd")
        return User(name, int(self.run("id", "-u", name)))

    def asks(self, **options):
        """A client of the daemon in there. From its directory: the way to it out here is root's alone."""
        with chdir(f"{self.root}{Path(SOCKET).parent}"):
            return Client(path=Path(SOCKET).name, **options)

    def enrol(self, user):
        """A key that root makes for somebody; `first` and `second` are good for half a minute."""
        with self.asks() as client:
            key = Key(client.call("BeginEnrolment", user=user.name)["enrolment"])
            client.call("ConfirmEnrolment", code=key.confirming)
        return key

    def enrol_token(self, user):
        """A token beside the key, confirmed with the code of its first press."""
        with self.asks() as client:
            token = CountingToken(client.call("BeginEnrolment", user=user.name, kind="hotp", label="token")["enrolment"])
            client.call("ConfirmEnrolment", code=token.code(1))
        return token

    def enrolled_user(self, name):
        user = self.new_user(name)
        return user, self.enrol(user)

    @contextmanager
    def gate(self, *services):
        """These services want a code after the password, by the lines of sudo, for a while."""
        paths = [self.root / "etc/pam.d" / service for service in services]
        before = [path.read_text() for path in paths]
        for path, text in zip(paths, before, strict=True):
            for kind in ("auth", "account"):
                text = re.sub(rf"(?m)^(@include common-{kind})$", rf"\1\n{kind} required pam_otp.so", text)
            path.write_text(text)
        try:
            yield
        finally:
            for path, text in zip(paths, before, strict=True):
                path.write_text(text)

    def console(self, *command):
        """A program on a terminal of this machine."""
        self.consoles.append(Console(self.pid, self.enter, command))
        return self.consoles[-1]

    def login(self, user, code=None):
        """A person logs in at a terminal by login(1); with a code where one is asked for."""
        return self.opens(self.console("login", user.name), user, code)

    def ssh(self, user, code=None):
        """A person logs in by the machine's own sshd, from this machine, with password and code."""
        return self.opens(self.console("ssh", *SSH_OPTIONS, f"{user.name}@127.0.0.1"), user, code)

    def opens(self, console, user, code):
        console.awaits("Password: ")
        console.types_hidden(PASSWORD)
        if code is not None:
            console.awaits(CODE_PROMPT)
            console.types_hidden(code)
        console.awaits(r"\$ ")
        return Session(self, user, console)

    @contextmanager
    def sshd(self):
        """Debian's own ssh.service, which asks by way of PAM."""
        self.write("/etc/ssh/sshd_config.d/lab.conf", "KbdInteractiveAuthentication yes\nPasswordAuthentication no\n")
        self.run("ssh-keygen", "-A")
        self.systemctl("start", "ssh.service")
        try:
            yield
        finally:
            self.systemctl("stop", "ssh.service")

    def sessions(self):
        """The names of the sessions that logind knows."""
        return {line.split()[0] for line in self.run("loginctl", "--no-legend", "list-sessions").splitlines()}

    def session(self, name):
        """The properties of a session, from logind."""
        text = self.run("loginctl", "show-session", name)
        return dict(line.split("=", 1) for line in text.splitlines())

    # its processes, seen from outside

    def outside(self, pid):
        """The process id out here of the one that has this process id in there, or None."""
        space = os.readlink(f"/proc/{self.pid}/ns/pid")
        for process in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink(f"/proc/{process}/ns/pid") == space and inner_pid(process) == str(pid):
                    return int(process)
            except OSError:  # it has ended
                continue
        return None

    def daemon(self):
        """The daemon's process id out here; None while systemd has not yet become the daemon, or there is none."""
        process = self.outside(self.property("MainPID"))
        return process if process and command_of(process) == "otp-enrolld" else None

    def in_the_sandbox(self, *words):
        """The exit code of a command as the daemon's account and with the daemon's view of the files."""
        command = ["nsenter", "-t", str(self.daemon()), "-m", "--", "setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}"]
        return subprocess.run([*command, "--clear-groups", "--", *words], capture_output=True).returncode

    # its end

    def powers_off(self):
        """As `systemctl poweroff` does; it fails where systemd does not come to its end."""
        os.kill(self.pid, signal.SIGRTMIN + 4)
        self.process.wait(180)

    def is_gone(self):
        """After this no process is left, powered off or not: all of them end with private-root."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)
        for console in self.consoles:
            console.hangs_up()


class Session:
    """A login session: a person types there, and logind has its properties."""

    def __init__(self, machine, user, console):
        self.machine = machine
        self.user = user
        self.console = console
        self.name = self.shell("echo $XDG_SESSION_ID")[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ends()

    def shell(self, line, *answers):
        """(exit code, output) of a line; its prompts are answered in their order."""
        start = len(self.console.transcript)
        self.console.types(f"{line}; echo [$?]")
        for prompt, answer in answers:
            self.console.awaits(prompt)
            self.console.types_hidden(answer)
        code = int(self.console.awaits(r"\[(\d+)\]\s+\$ ")[1])
        said = self.console.transcript[start:].split("\n", 1)[1]
        return code, said.rpartition("[")[0].strip()

    def sudo(self, command, *answers):
        """(exit code, output) of sudo, which asks for the password and then for as many codes as there are answers."""
        return self.shell(f"sudo {command}", (PASSWORD_PROMPT, PASSWORD), *((CODE_PROMPT, code) for code in answers))

    def properties(self):
        return self.machine.session(self.name)

    def ends(self):
        """Logs out, and waits until logind has noticed."""
        self.console.types("exit")
        self.console.ends()
        until(lambda: self.name not in self.machine.sessions(), f"the end of session {self.name}")


def children(pid):
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def command_of(process):
    try:
        return Path(f"/proc/{process}/comm").read_text().strip()
    except OSError:  # it has ended
        return None


def inner_pid(process):
    return re.search(r"^NSpid:.*\t(\d+)$", Path(f"/proc/{process}/status").read_text(), re.M)[1]
