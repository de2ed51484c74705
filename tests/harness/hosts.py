"""The programs that ask for a code: how each is started, how it says yes or no, and what it is to the module."""

import pwd
import re
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pexpect

from harness.machine import CODE_PROMPT, as_user, run, write
from harness.terminal import Terminal
from harness.wait import until

KBDINT_PORT, CHAIN_PORT = 2201, 2202
IDENTITY = Path("/etc/ssh/lab_identity")
STACK = ("required pam_otp.so", "required pam_permit.so")


class Attempt:
    """The outcome of one attempt: let in or not, how often asked, all that the person saw with the name left out."""

    def __init__(self, opened, text, user):
        self.opened = opened
        self.asked = len(re.findall(CODE_PROMPT, text))
        self.text = text.replace(name_of(user), "USER")

    def __repr__(self):
        return f"opened={self.opened} asked={self.asked}\n{self.text}"


def name_of(user):
    return user if isinstance(user, str) else user.name


class Host:
    """A program on a terminal that asks once and then runs `id -u`."""

    service = ""
    origin = ""
    privileged = True  # it decides with root's eyes and so logs the true reason
    takes_any_name = False  # it asks for users who do not exist too
    tells = True  # it shows the text of a refusal
    heeds_interrupts = True
    stack = STACK

    def prepare(self, machine, user):
        """Set up for this user besides the PAM service."""

    def command(self, machine, user):
        raise NotImplementedError

    def shown(self, user):
        """The output of the command that it runs."""
        return rf"(^|\n){0 if isinstance(user, str) else user.uid}\n"

    def attempt(self, machine, user, typed=None):
        """One attempt; without `typed` no question is expected."""
        self.prepare(machine, user)
        terminal = Terminal(self.command(machine, user))
        if typed is not None:
            terminal.awaits(CODE_PROMPT)
            terminal.types_hidden(typed() if callable(typed) else typed)
        return self.conclude(terminal, user)

    def given_up(self, terminal):
        """At a prompt: an interrupt, or the end of the terminal where that is not heeded."""
        if self.heeds_interrupts:
            terminal.interrupts_hidden()
            terminal.ends()
        else:
            terminal.hangs_up()

    def conclude(self, terminal, user):
        status = terminal.ends()
        return Attempt(status == 0 and bool(re.search(self.shown(user), terminal.transcript)), terminal.transcript, user)


class Sudo(Host):
    service, origin = "sudo-hosts", "self"

    def prepare(self, machine, user):
        write(Path("/etc/sudoers.d") / user.name, f"Defaults:{user.name} pam_service={self.service}\n", 0o440)

    def command(self, machine, user):
        return [*as_user(user), "sudo", "--", "id", "-u"]

    def shown(self, user):
        return r"(^|\n)0\n"


class SudoRs(Sudo):
    """It has no pam_service: the service is always sudo."""

    service = "sudo"

    def prepare(self, machine, user):
        """Everybody may everything already."""

    def command(self, machine, user):
        return [*as_user(user), "sudo-rs", "--", "id", "-u"]

    def conclude(self, terminal, user):
        """It asks again, whatever passwd_tries says."""
        if terminal.pty.expect([pexpect.EOF, CODE_PROMPT]) == 0:
            return super().conclude(terminal, user)
        seen = terminal.transcript
        terminal.hangs_up()
        return Attempt(False, seen[: seen.rindex(CODE_PROMPT)], user)


class SudoLogin(Sudo):
    """`sudo -i` has a service of its own, pam_login_service."""

    service = "sudo-i-hosts"

    def prepare(self, machine, user):
        rule = f"Defaults:{user.name} pam_service=sudo-hosts, pam_login_service={self.service}\n"
        write(Path("/etc/sudoers.d") / user.name, rule, 0o440)

    def command(self, machine, user):
        return [*as_user(user), "sudo", "-i", "--", "id", "-u"]


class Doas(Host):
    service, origin = "doas", "self"

    def prepare(self, machine, user):
        write(Path("/etc/doas.conf"), f"permit {user.name}\n", 0o600)

    def command(self, machine, user):
        return [*as_user(user), "doas", "id", "-u"]

    def shown(self, user):
        return r"(^|\n)0\n"


class Su(Host):
    service = "su"

    def __init__(self, invoker, origin):
        self.invoker = invoker
        self.origin = origin

    def command(self, machine, user):
        return [*self.invoker(machine, user), "su", user.name, "-c", "id -u"]


class SuLogin(Su):
    service = "su-l"

    def command(self, machine, user):
        return [*self.invoker(machine, user), "su", "-", user.name, "-c", "id -u"]


class Runuser(Host):
    """For root alone, whom it asks nothing: it runs neither stage."""

    service, origin = "runuser", "console"

    def command(self, machine, user):
        return ["runuser", user.name, "-c", "id -u"]


class Chsh(Host):
    """It opens nothing but a line of /etc/passwd."""

    service, origin = "chsh", "self"
    SHELL = "/bin/bash"

    def command(self, machine, user):
        return [*as_user(user), "chsh", "-s", self.SHELL]

    def conclude(self, terminal, user):
        status = terminal.ends()
        changed = pwd.getpwnam(user.name).pw_shell == self.SHELL
        assert changed == (status == 0), terminal.transcript
        return Attempt(changed, terminal.transcript, user)


class Ssh(Host):
    service, origin = "sshd", "remote"
    tells = False  # sshd drops a text that no prompt follows

    def __init__(self, port, *options):
        self.port = port
        self.takes_any_name = port == KBDINT_PORT
        self.options = options

    def words(self, tries=1):
        plain = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-F", "/dev/null"]
        return [*plain, "-o", f"NumberOfPasswordPrompts={tries}", *self.options]

    def command(self, machine, user, address="127.0.0.1", tries=1):
        return ["ssh", "-p", self.port, *self.words(tries), f"{name_of(user)}@{address}", "echo; id -u"]


class Login(Host):
    service, origin, takes_any_name = "login", "console", True
    heeds_interrupts = not Path("/usr/bin/sudo-rs").exists()  # util-linux's of Debian 13 does not

    def command(self, machine, user):
        return ["setsid", "--ctty", "--wait", "login", name_of(user)]

    def conclude(self, terminal, user):
        """A shell, or the end: /etc/login.defs allows one try."""
        if terminal.pty.expect([r"\$ ", pexpect.EOF]) == 0:
            terminal.types("exec id -u")
        return super().conclude(terminal, user)


class LoginTrusted(Login):
    """`login -f`, as getty and telnetd start it: it believes them, and runs the account stage alone."""

    def command(self, machine, user):
        return ["setsid", "--ctty", "--wait", "login", "-f", name_of(user)]


class Vlock(Host):
    """Debian installs it setuid; under no_new_privs it is any screen locker's like."""

    service = "vlock"
    stack = ("requisite pam_succeed_if.so quiet uid != 0", *STACK)  # it goes on to ask root

    def __init__(self, *restriction):
        self.restriction = restriction
        self.privileged = not restriction
        self.origin = "socket" if restriction else "self"

    def command(self, machine, user):
        return [*as_user(user)[:-1], *self.restriction, "--", "env", f"USER={user.name}", "vlock", "--current"]

    def attempt(self, machine, user, typed=None):
        terminal = Terminal(self.command(machine, user))
        terminal.awaits("ENTER")
        until(terminal.is_read, "vlock reading")
        terminal.types("")
        if typed is not None:
            terminal.awaits(CODE_PROMPT)
            until(terminal.is_read, "vlock reading")  # it throws away what was typed before
            terminal.types_hidden(typed() if callable(typed) else typed)
        if terminal.pty.expect([pexpect.EOF, CODE_PROMPT, "ENTER"]):  # it would ask for ever, root too
            seen = terminal.transcript.removesuffix(terminal.pty.buffer.replace("\r\n", "\n"))
            terminal.hangs_up()
            return Attempt(False, seen, user)
        return Attempt(terminal.ends() == 0, terminal.transcript, user)


class Pamtester(Host):
    service, origin, privileged, takes_any_name = "pamtester-hosts", "socket", False, True

    def command(self, machine, user):
        caller = machine.somebody if isinstance(user, str) else user
        return [*as_user(caller), "pamtester", self.service, name_of(user), "authenticate", "acct_mgmt"]

    def shown(self, user):
        return "successfully authenticated"


class PlainApplication(Host):
    """oddconv of tests/hosts, without a terminal."""

    service, origin, privileged, takes_any_name = "plain-hosts", "socket", False, True

    def attempt(self, machine, user, typed=None):
        caller = machine.somebody if isinstance(user, str) else user
        answer = ("noconv",) if typed is None else ("text", typed() if callable(typed) else typed)
        command = [*as_user(caller), machine.hosts / "oddconv", "-a", "--", self.service, name_of(user), *answer]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60)
        asked = "" if typed is None else CODE_PROMPT  # without an answer it would have been a conversation error
        codes = re.findall(r"^(?:authenticate|account) (\d+)$", done.stdout, re.M)
        return Attempt(codes == ["0", "0"], asked + done.stdout.split("account ")[0], user)


def claims(origin, user):
    """(uid of the peer, parameters) with which Verify counts a guess for that origin."""
    return {
        "self": (0, {"real_uid": user.uid}),
        "other": (0, {"real_uid": 4242}),
        "remote": (0, {"real_uid": 0, "rhost": "127.0.0.1"}),
        "console": (0, {"real_uid": 0, "tty": "tty1"}),
        "socket": (user.uid, {}),
    }[origin]


def root(machine, user):
    return []


def oneself(machine, user):
    return as_user(user)


def somebody_else(machine, user):
    return as_user(machine.somebody)


HOSTS = {
    "sudo": Sudo(),
    "su-by-root": Su(root, "console"),
    "su-own": Su(oneself, "self"),
    "su-by-another": Su(somebody_else, "other"),
    "ssh": Ssh(KBDINT_PORT),
    "ssh-key-then-code": Ssh(CHAIN_PORT, "-i", IDENTITY, "-o", "IdentitiesOnly=yes"),
    "login": Login(),
    "doas": Doas(),
    "vlock": Vlock(),
    "vlock-unprivileged": Vlock("--no-new-privs"),
    "pamtester": Pamtester(),
    "plain": PlainApplication(),
}

# they matter where a key is due; for a code they ask as those above do, or not at all
OTHER_HOSTS = {
    "sudo-i": SudoLogin(),
    "su-login": SuLogin(oneself, "self"),
    "login-f": LoginTrusted(),
    "chsh": Chsh(),
    "runuser": Runuser(),
}

if Path("/usr/bin/sudo-rs").exists():  # in Debian 13
    HOSTS["sudo-rs"] = SudoRs()


@contextmanager
def one_try_at_login():
    definitions = Path("/etc/login.defs")
    plain = definitions.read_text()
    kept = [line for line in plain.splitlines() if not line.startswith(("LOGIN_RETRIES", "FAIL_DELAY"))]
    definitions.write_text("\n".join([*kept, "LOGIN_RETRIES 1", "FAIL_DELAY 0", ""]))
    try:
        yield
    finally:
        definitions.write_text(plain)


@contextmanager
def gates(machine, hosts=HOSTS):
    """The services of all these hosts ask our module and nobody else, for a while."""
    before = {}
    for host in hosts.values():
        path = Path("/etc/pam.d") / host.service
        before.setdefault(path, path.read_text() if path.exists() else None)
        machine.service(host.service, *host.stack, account="required pam_otp.so")
    try:
        yield
    finally:
        for path, text in before.items():
            write(path, text, 0o644) if text is not None else path.unlink()


@contextmanager
def sshd():
    """Two servers: one asks for the code alone, one for a key and then the code."""
    for key in (IDENTITY, Path("/etc/ssh/lab_host")):
        if not key.exists():
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    servers = [server(KBDINT_PORT, "keyboard-interactive"), server(CHAIN_PORT, "publickey,keyboard-interactive")]
    try:
        for port in (KBDINT_PORT, CHAIN_PORT):
            until(lambda: listens(port), f"sshd at {port}")
        yield
    finally:
        for process in servers:
            process.terminate()
            process.wait(10)


def server(port, methods, more=""):
    text = f"""Port {port}
ListenAddress 127.0.0.1
ListenAddress ::1
HostKey /etc/ssh/lab_host
AuthorizedKeysFile {IDENTITY}.pub
StrictModes no
UsePAM yes
KbdInteractiveAuthentication yes
PasswordAuthentication no
AuthenticationMethods {methods}
PermitRootLogin no
UseDNS no
MaxStartups 100
PidFile none
Subsystem sftp internal-sftp
{more}"""
    config = Path(f"/etc/ssh/lab_{port}")
    newer = text + "PerSourcePenalties no\n"  # OpenSSH 9.8 and later lock loopback out after a few refusals
    for candidate in (newer, text):
        write(config, candidate, 0o644)
        if subprocess.run(["/usr/sbin/sshd", "-t", "-f", config], capture_output=True).returncode == 0:
            break
    with open(f"/tmp/sshd.{port}.log", "ab") as log:
        return subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", config], stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
