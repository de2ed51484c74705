"""The machine under test: what was built is installed as on a real one, with accounts, services, daemon and clock."""

import errno
import itertools
import os
import re
import shutil
import signal
import stat
import struct
import subprocess
import sysconfig
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from harness.terminal import dialogue
from harness.totp import totp, unbase32
from harness.wait import until
from harness.wire import SOCKET, Client, Refused

ROOT = Path(__file__).resolve().parents[2]
MULTIARCH = sysconfig.get_config_var("MULTIARCH")
MODULE = Path("/usr/lib") / MULTIARCH / "security/pam_otp.so"
PANICKING = ROOT / "tests/panicking/target/release/libpanicking.so"
DAEMON = Path("/usr/sbin/otp-enrolld")
OTPCTL = Path("/usr/bin/otpctl")
POLICY = Path("/etc/otp/otp.toml")
# Tests have root enrol users where an invitation is not what they are about.
DEFAULT_POLICY = "version = 1\nadmin_enrol = true\n"
HOST_KEY = Path("/etc/otp/host.key")
MARKS = Path("/etc/otp/emergency")
VAULT = Path("/var/lib/otp")
OUTBOX = Path("/var/lib/otp-notify/outbox")
DAEMON_LOG = Path("/tmp/otp-enrolld.log")
SHIFT = Path("/etc/clockshift")
SYNC = Path("/etc/clocksync")
BOOT = Path("/etc/clockboot")
LISTENING = 0x10000  # a flag in /proc/net/unix
ACCOUNT = "otp-enrolld"
NOTIFIER = "otp-notify"
GROUPS = ("otp-admin", "otp-helpdesk", "otp-verify", "otp-viewer")
PASSWORD = "the pass word"
UNKNOWN = "nobody-of-that-name"
HUGE = "9" * 400  # a number that no type holds
DAY, YEAR = 86_400, 365 * 86_400
PROMPT_SERVICE = 4.5  # seconds: a client that does not speak or read holds its place for five

# the PAM codes of pam_otp(8), PAM CODES
SUCCESS, SERVICE_ERR, SYSTEM_ERR, AUTH_ERR, AUTHINFO_UNAVAIL = 0, 3, 4, 7, 9
ACCT_EXPIRED, CONV_ERR, IGNORE, ABORT = 13, 19, 25, 26

CODE_PROMPT = "One-time code: "
PASSWORD_PROMPT = r"\[sudo\] password for \S+: "
REFUSAL = "code refused; each code works once, wait for the next or use a recovery code"
NOT_A_CODE = "that is not a code: type the digits that your app shows, or a recovery code"


class User:
    def __init__(self, name, uid):
        self.name = name
        self.uid = uid
        self.key_file = VAULT / "keys" / f"{uid}.toml"
        self.state_file = VAULT / "state" / str(uid)


class Key:
    """An enrolled key. `first` and `second` are codes that both work at any time within 30 s of the enrolment. `confirming` works for as
    many seconds as are left of a step."""

    def __init__(self, enrolment, left=2):
        self.base32 = enrolment["secret"]
        self.secret = unbase32(self.base32)
        self.algorithm = enrolment["algorithm"]
        self.digits = enrolment["digits"]
        self.period = enrolment["period"]
        self.uri = enrolment["uri"]
        early_in_a_step(self.period, left)
        self.step = self.step_now()

    def step_now(self):
        return int(shifted_now() // self.period)

    def code(self, step):
        return totp(self.secret, step, self.algorithm, self.digits)

    @property
    def confirming(self):
        return self.code(self.step - 1)

    @property
    def first(self):
        return self.code(self.step)

    @property
    def second(self):
        return self.code(self.step + 1)

    @property
    def later(self):
        """A code that works after `first`, whenever that is."""
        return self.code(max(self.step_now(), self.step + 1))

    def wrong(self, number=0):
        """The number-th code that belongs to no step near enough to matter."""
        near = {self.code(self.step + offset) for offset in range(-6, 7)}
        usable = (code for code in (str(n).zfill(self.digits) for n in itertools.count()) if code not in near)
        return next(itertools.islice(usable, number, None))


def default_policy():
    write(POLICY, DEFAULT_POLICY, 0o644)


@contextmanager
def policy(text):
    """More lines in the policy for a while; then it is as before. It is read at every login and every call;
    nothing needs a restart."""
    before = POLICY.read_text()
    write(POLICY, DEFAULT_POLICY + text, 0o644)
    try:
        yield
    finally:
        write(POLICY, before, 0o644)


def key_of(uri):
    """That of an address on a screen, whose code is typed."""
    asked = dict(parse_qsl(urlsplit(uri).query))
    words = {"secret": asked["secret"], "algorithm": asked["algorithm"], "digits": int(asked["digits"]), "period": int(asked["period"])}
    return Key({**words, "uri": uri}, TO_TYPE)


def shifted_now():
    return time.time() + (int(SHIFT.read_text()) if SHIFT.exists() else 0)


TO_TYPE = 4  # seconds that a program gets at least from the reading of a key to the check of its code


def early_in_a_step(period=30, left=2):
    """Not in the last moments of a step: the code of the step before would be too old on arrival."""
    until(lambda: shifted_now() % period < period - left, "the next step")


class Machine:
    numbers = itertools.count(20001)

    def __init__(self, artefacts, hosts):
        self.artefacts = Path(artefacts)
        self.hosts = Path(hosts)
        self.process = None

    # what an administrator does once

    def install(self):
        shutil.copyfile(self.artefacts / "libpam_otp.so", MODULE)
        MODULE.chmod(0o644)
        for program in (DAEMON, OTPCTL):
            shutil.copyfile(self.artefacts / program.name, program)
            program.chmod(0o755)
        for account in (ACCOUNT, NOTIFIER):
            run("useradd", "--system", "--user-group", "--home-dir", "/nonexistent", "--no-create-home", "--shell", "/usr/sbin/nologin", account)
        for group in GROUPS:
            run("groupadd", "--system", group)
        passwd = Path("/etc/passwd").read_text().splitlines()
        first = [line for line in passwd if line.startswith(("root:", f"{ACCOUNT}:"))]
        replace("/etc/passwd", first + [line for line in passwd if line not in first])
        self.prepare_accounts()
        run(DAEMON, "init")
        default_policy()

    def prepare_accounts(self):
        self.password_hash = run("perl", "-e", 'print crypt($ARGV[0], q($6$rounds=1000$lab$))', PASSWORD)
        write(Path("/etc/sudoers.d/lab"), "Defaults timestamp_timeout=0, passwd_tries=1, lecture=never\nALL ALL=(ALL:ALL) ALL\n", 0o440)

    def install_clock(self):
        SHIFT.write_text("0")
        Path("/etc/ld.so.preload").write_text(f"{self.hosts / 'clockshift.so'}\n")

    # accounts and services

    def new_user(self, name=None, uid=None, gid=None):
        """An account with PASSWORD, by a line in each file: a hundred cost nothing. It comes last: root and the daemon's
        account stand first in passwd, so that looking them up takes the same system calls however many accounts there are."""
        uid = uid or next(Machine.numbers)
        name = name or f"user{uid}"
        append("/etc/passwd", f"{name}:x:{uid}:{gid or uid}::/:/bin/sh")
        append("/etc/shadow", f"{name}:{self.password_hash}:19000:0:99999:7:::")
        append("/etc/group", f"{name}:x:{uid}:")
        return User(name, uid)

    def remove_user(self, user):
        for path in ("/etc/passwd", "/etc/shadow", "/etc/group"):
            lines = Path(path).read_text().removesuffix("\n").split("\n")
            replace(path, [line for line in lines if not line.startswith(user.name + ":")])

    def join(self, user, group):
        change_members(group, lambda members: [*members, user.name])

    def leave(self, user, group):
        change_members(group, lambda members: [name for name in members if name != user.name])

    def service(self, name, *auth, account="required pam_unix.so"):
        """A PAM service whose auth stack is these lines."""
        lines = [f"auth {line}" for line in auth] + [f"account {account}", "session required pam_permit.so"]
        write(Path("/etc/pam.d") / name, "\n".join(lines) + "\n", 0o644)
        return name

    def sudo_asks(self, user, *auth, **stages):
        """Real sudo uses this auth stack for this user alone."""
        service = self.service(f"sudo-{user.name}", *auth, **stages)
        rule = Path("/etc/sudoers.d") / user.name
        write(rule, f"Defaults:{user.name} pam_service={service}\n", 0o440)
        return service

    def sudo(self, user, answers, options=(), command=("id", "-u"), **terminal):
        """Real sudo, started by the user on a terminal."""
        return dialogue([*as_user(user), "sudo", *options, "--", *command], answers, **terminal)

    # enrolment

    def enrol(self, user, **wishes):
        """A key of the user, confirmed with the code of the step before this one."""
        with Client() as client:
            return self.confirm(client, self.begin(client, user, **wishes))

    def begin(self, client, user, **wishes):
        return Key(client.call("BeginEnrolment", user=user.name, **wishes)["enrolment"])

    def confirm(self, client, key):
        """With the code of a later step where that one has passed on the way."""
        try:
            client.call("ConfirmEnrolment", code=key.confirming)
        except Refused as refused:
            if refused.name != "CodeRefused" or key.step == key.step_now():
                raise
            key.step = key.step_now()
            client.call("ConfirmEnrolment", code=key.confirming)
        return key

    def enrolled_user(self, **wishes):
        user = self.new_user()
        return user, self.enrol(user, **wishes)

    def read_screen(self, pane):
        """The key that otpctl shows, from the address that it prints."""
        pane.awaits("Code from the app: ")
        return key_of(re.search(r"otpauth://\S+", pane.text())[0])

    def enrol_on_screen(self, pane):
        """Enrols as a person does, reading the screen and typing the code."""
        key = self.read_screen(pane)
        pane.types(key.confirming)
        assert pane.ended() == 0, pane.text()
        return key

    def status(self, user, **wishes):
        with Client() as client:
            return client.call("Status", user=user.name, **wishes)["status"]

    # asking the module without sudo

    def ask(self, service, user, code, *options):
        """(PAM code, everything printed) of a plain PAM application that gives this code."""
        return self.converse(service, user, "text", code, *options)

    def converse(self, service, user, *reply_and_options):
        *words, options = split_options(reply_and_options)
        name = user if isinstance(user, str) else user.name
        done = subprocess.run([self.hosts / "oddconv", *options, "--", service, name, *words], capture_output=True, text=True, timeout=60)
        assert "authenticate " in done.stdout, f"the PAM host died: status {done.returncode}\n{done.stdout}{done.stderr}"
        return int(done.stdout.split("authenticate ")[1].split()[0]), done.stdout

    def race(self, service, user, code, processes, real_uid=None):
        """How often each PAM code came back when all gave the same code at the same moment."""
        words = [self.hosts / "race", service, user.name, code, processes] + ([real_uid] if real_uid else [])
        return {int(line.split()[0]): int(line.split()[1]) for line in run(*words).splitlines()}

    # the daemon

    def start(self, *prefix):
        with open(DAEMON_LOG, "ab") as log:
            size = log.tell()
            self.process = subprocess.Popen([*prefix, DAEMON], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def ready():
            assert self.process.poll() is None, f"the daemon ended with {self.process.returncode}:\n{DAEMON_LOG.read_text()}"
            return b"otp-enrolld: ready" in DAEMON_LOG.read_bytes()[size:]

        until(ready, "the daemon's ready line")
        self.idle_threads = self.threads()

    def stop(self, how=signal.SIGTERM):
        if self.process:
            self.process.send_signal(how)
            self.process.wait(60)
            self.process = None

    def running(self):
        return self.process is not None and self.process.poll() is None

    def threads(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def left_alone(self):
        """Waits until the daemon has noticed of every client that it is gone: a connection counts for its uid until then."""
        until(lambda: all(ends_of(SOCKET)) and self.threads() <= self.idle_threads, "the end of all connections", deadline=20)

    @contextmanager
    def daemon_hanging(self):
        """Its socket takes connections, and nobody answers."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    @contextmanager
    def daemon_stopped(self):
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def small_vault(self, megabytes, kind="tmpfs"):
        """A vault of its own on a small file system for a while; yields a function that fills it up."""
        self.stop()
        key = HOST_KEY.read_bytes()
        away = HOST_KEY.with_name("host.key.away")
        HOST_KEY.rename(away)
        if kind == "tmpfs":
            run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "small", VAULT)
        else:
            make_loop_devices()
            run("truncate", "-s", f"{megabytes}M", "/tmp/small")
            run(f"mkfs.{kind}", "-q", "-F", "-m", "0", "/tmp/small")
            run("mount", "-t", kind, "-o", "loop", "/tmp/small", VAULT)
        VAULT.chmod(0o700)
        shutil.chown(VAULT, ACCOUNT, ACCOUNT)
        try:
            run(DAEMON, "init")
            self.start()
            yield lambda: fill(VAULT / "filler")
        finally:
            self.stop()
            run("umount", VAULT)
            away.rename(HOST_KEY)
            assert HOST_KEY.read_bytes() == key
            self.start()

    @contextmanager
    def another_vault(self):
        """A host key and a vault of their own for a while, on the same file system as everything else."""
        self.stop()
        places = (HOST_KEY.parent, VAULT)
        for path in places:
            path.rename(path.with_suffix(".aside"))
        try:
            run(DAEMON, "init")
            default_policy()
            self.start()
            yield
        finally:
            self.stop()
            for path in places:
                shutil.rmtree(path)
                path.with_suffix(".aside").rename(path)
            self.start()

    @contextmanager
    def read_only_vault(self):
        run("mount", "-o", "remount,ro", VAULT)
        try:
            yield
        finally:
            run("mount", "-o", "remount,rw", VAULT)

    @contextmanager
    def policy(self, text):
        """A policy file for a while; the daemon is started again with it."""
        before = POLICY.read_text()
        self.stop()
        write(POLICY, text.replace("version = 1\n", DEFAULT_POLICY, 1), 0o644)
        try:
            self.start()
            yield
        finally:
            self.stop()
            write(POLICY, before, 0o644)
            self.start()

    @contextmanager
    def clock(self, seconds):
        """The wall clock of every process moved by so much."""
        SHIFT.write_text(str(seconds))
        try:
            yield
        finally:
            SHIFT.write_text("0")

    @contextmanager
    def mid_step(self, later=0):
        """Now is the middle of a step of 30 seconds, at least so many steps later, so that none begins while the test runs."""
        with self.clock(int(15 - shifted_now() % 30) % 30 + 30 * later):
            yield

    @contextmanager
    def no_wait_passes(self):
        """The clock that nobody can set stands still, so that a wait of two seconds is as long as the test needs it."""
        BOOT.write_text(str(int(time.clock_gettime(time.CLOCK_BOOTTIME))))
        try:
            yield
        finally:
            BOOT.unlink()

    @contextmanager
    def synchronised(self, truth):
        """The kernel's word on the clock to every process."""
        SYNC.write_text(str(int(truth)))
        try:
            yield
        finally:
            SYNC.unlink()


def ends_of(path):
    """Of a Unix socket: for each that is bound there, or connected by way of it, accepted or not, whether it listens."""
    sockets = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()]
    return [int(fields[3], 16) == LISTENING for fields in sockets if fields[-1] == str(path)]


def listens_at(path):
    """It is bound before it listens."""
    return any(ends_of(path))


def otpctl(*words, stdin=None, user=None):
    prefix = as_user(user) if user else []
    return subprocess.run([*prefix, OTPCTL, *words], input=stdin, capture_output=True, text=True, timeout=60)


def pam_code(machine, user, code, service="otp"):
    """libpam's answer to a plain application that gives this code."""
    return machine.ask(service, user, code)[0]


def pam_codes(machine, service, user, *words):
    """Those of authenticate and acct_mgmt; words as for oddconv, or those of somebody who knows no code."""
    return codes_of_both_stages(machine.converse(service, user, *(words or ("text", "000000")), "-a")[1])


def codes_of_both_stages(printed):
    return tuple(int(re.search(rf"{stage} (\d+)", printed)[1]) for stage in ("authenticate", "account"))


def as_user(user):
    return ["setpriv", f"--reuid={user.uid}", f"--regid={user.uid}", "--clear-groups", "--"]


def split_options(words):
    """Words and options of oddconv's command line apart: `-r 1000` and the like may stand anywhere."""
    plain, options, words = [], [], [str(word) for word in words]
    while words:
        word = words.pop(0)
        if word in ("-r", "-h", "-t", "-f"):
            options += [word, words.pop(0)]
        elif word in ("-a", "-p"):
            options.append(word)
        else:
            plain.append(word)
    return *plain, options


def run(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


def write(path, text, mode):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(mode)


def make_loop_devices():
    """The private root has none."""
    for name, major, minor in (("loop-control", 10, 237), *((f"loop{number}", 7, number) for number in range(16))):
        kind = stat.S_IFCHR if name == "loop-control" else stat.S_IFBLK
        if not os.path.exists(f"/dev/{name}"):
            os.mknod(f"/dev/{name}", 0o600 | kind, os.makedev(major, minor))


def change_members(group, change):
    """Another list of members in /etc/group."""
    path = Path("/etc/group")
    fields = [line.split(":") for line in path.read_text(errors="surrogateescape").splitlines()]
    (entry,) = [entry for entry in fields if entry[0] == group]
    entry[3] = ",".join(change([name for name in entry[3].split(",") if name]))
    replace(path, [":".join(entry) for entry in fields])


def fill(path):
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as full:
            assert full.errno == errno.ENOSPC


def insert(path, number, line):
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    replace(path, lines[:number] + [line] + lines[number:])


def replace(path, lines):
    """All or nothing: somebody may be reading the file. Owner and mode stay."""
    aside, about = Path(f"{path}.aside"), os.stat(path)
    aside.write_text("".join(line + "\n" for line in lines), encoding="utf-8", errors="surrogateescape")
    os.chown(aside, about.st_uid, about.st_gid)
    aside.chmod(stat.S_IMODE(about.st_mode))
    aside.rename(path)


def append(path, line):
    with open(path, "a", encoding="utf-8") as file:
        file.write(line + "\n")


def disable(machine, user, key):
    """By a hundred wrong codes, as it happens in life."""
    kinds = [{"real_uid": user.uid}, {"real_uid": 4242}, {"real_uid": 0, "rhost": "192.0.2.1"}, {"real_uid": 0, "tty": "tty1"}]
    with Client() as root, Client(uid=user.uid) as own:
        for number in range(20):
            for claims in kinds:
                root.call("Verify", user=user.name, code=key.wrong(number), **claims)
            own.call("Verify", code=key.wrong(number))
    assert machine.status(user)["disabled"] is True


def total_failures(user):
    data = user.state_file.read_bytes()
    newest = max((data[at : at + 640] for at in (0, 4096)), key=lambda slot: struct.unpack_from("<Q", slot, 16))
    return struct.unpack_from("<I", newest, 64)[0]
