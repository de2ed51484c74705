"""`otpctl doctor` on a host of its own that is in order, and the broken set-ups of the gallery.

A broken set-up is a folder: `break` is a shell script that breaks the host, `expect` has the ids that doctor must find then, one a
line, and no other. Its commands are run as they are printed. Where a person has to decide, the script `mend` is that person: it is
run instead, with the command in $COMMAND. `then` has the ids that are found after that; their commands are run as well. At the end
doctor finds nothing.

Scripts run as root by bash -eu with $ALICE, who has a key and recovery codes, $ALICE_UID, $CAROL, who has a key, $BOB, who has
none, $BOB_UID, $PERSON (tests/doctor/person.py), and $EXPORT, the exported host key under the passphrase $PASSPHRASE."""

import grp
import json
import os
import shlex
import shutil
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.boot import FIRST_ETC
from harness.machine import GROUPS, MODULE, OTPCTL, ROOT, SHIFT, otpctl, run, write
from harness.stacks import of_debian_alone

PERSON = ROOT / "tests/doctor/person.py"
EXPORT = Path("/tmp/host-key.export")
PASSPHRASE = "a passphrase that is long enough"
CODES = {None: 0, "warning": 1, "critical": 2, "unknown": 3}
RANKS = ["unknown", "warning", "critical"]
# places that a set-up of the gallery may change, besides those of the vault and of PAM
PLACES = (MODULE, Path("/usr/lib64/security"), *(Path("/etc") / name for name in ("pam.conf", "sudoers", "sudoers.d", "ssh", "login.defs", "userdb")), Path("/var/log/audit"), Path("/root/.ssh"))
WATCHED = ("/etc", "/var/lib/otp", "/var/lib/otp-notify", "/var/lib/otp-watch", "/run/otp", "/run/otp-emergency", "/run/otp-key")


class SoundHost:
    """A host on which doctor finds nothing."""

    def __init__(self, alice, bob, carol):
        self.alice, self.bob, self.carol = alice, bob, carol

    def words(self, command=""):
        people = {"ALICE": self.alice.name, "BOB": self.bob.name, "CAROL": self.carol.name}
        uids = {"ALICE_UID": str(self.alice.uid), "BOB_UID": str(self.bob.uid)}
        places = {"PASSPHRASE": PASSPHRASE, "EXPORT": str(EXPORT), "PERSON": f"/usr/bin/python3 {PERSON}"}
        return os.environ | people | uids | places | {"COMMAND": command}

    def shell(self, text, command=""):
        at_a_terminal = ["script", "--quiet", "--return", "--command", f"bash -euc {shlex.quote(text)}", "/dev/null"]
        done = subprocess.run(at_a_terminal, env=self.words(command), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{text}\nended with {done.returncode}:\n{done.stdout}{done.stderr}"

    def mend(self, findings, folder):
        """Runs the commands of the findings, each once."""
        person = folder / "mend"
        for command, decide in dict.fromkeys((one["command"], one["decide"]) for one in findings):
            self.shell(person.read_text() if decide and person.exists() else command, command)


def examined(user=None):
    """The findings, as JSON; the exit code is that of the worst, and nothing on this host was changed by the look."""
    before = marks_of_all()
    done = otpctl("doctor", "--json", user=user)
    assert not done.stderr, done.stderr
    after = marks_of_all()
    assert after == before, set(after.items()) ^ set(before.items())
    report = json.loads(done.stdout)
    worst = max((one["severity"] for one in report["findings"]), key=RANKS.index, default=None)
    assert (done.returncode, report["status"]) == (CODES[worst], worst or "ok"), done.stdout
    return report["findings"]


def ids(findings):
    return sorted({one["id"] for one in findings})


def expected(folder, name):
    path = folder / name
    return sorted(path.read_text().split()) if path.exists() else []


def marks_of_all():
    """Everything that a change leaves a mark on, of every file that doctor may look at."""
    found = {}
    for top in WATCHED:
        for directory, names, files in os.walk(top):
            for path in [directory, *(os.path.join(directory, name) for name in (*names, *files))]:
                about = os.lstat(path)
                found[path] = (about.st_mode, about.st_uid, about.st_gid, about.st_nlink, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)
    return found


@contextmanager
def put_back(path):
    """Puts it back as it is now, with its owner and modes."""
    with TemporaryDirectory() as kept:
        was_there = path.exists()
        if was_there:
            run("cp", "-a", path, f"{kept}/it")
        try:
            yield
        finally:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            if was_there:
                run("cp", "-a", f"{kept}/it", path)


def as_it_was_first(path):
    """As before any test, where it is a place of /etc; put_back brings back what other tests left there."""
    if path.is_relative_to("/etc"):
        run("rm", "-rf", path)
        first = FIRST_ETC / path.relative_to("/etc")
        if first.exists():
            run("cp", "-a", first, path)


@contextmanager
def nobody_administers():
    """The administrators of the other tests have no key in this vault."""
    members = {name: grp.getgrnam(name).gr_mem for name in GROUPS}
    for name in GROUPS:
        run("gpasswd", "--members", "", name)
    try:
        yield
    finally:
        for name, before in members.items():
            run("gpasswd", "--members", ",".join(before), name)


@contextmanager
def sound_host(machine):
    """A vault, a policy and a host key of their own, with a user who has a key, the host key in a safe, and the stacks of Debian."""
    with machine.another_vault(), machine.synchronised(True), of_debian_alone(), nobody_administers(), ExitStack() as places:
        for place in PLACES:
            places.enter_context(put_back(place))
            as_it_was_first(place)
        users = alice, bob, carol = [machine.new_user() for _ in range(3)]
        host = SoundHost(alice, bob, carol)
        host.shell("$PERSON enrol $ALICE; $PERSON enrol $CAROL")
        EXPORT.unlink(missing_ok=True)
        done = otpctl("host-key", "export", EXPORT, stdin=f"{PASSPHRASE}\n")
        assert done.returncode == 0, done.stderr
        run(OTPCTL, "watch-passwords")
        installed = {}
        for kind in ("sysusers.d", "tmpfiles.d"):
            installed[kind] = Path("/etc") / kind / "otp-enrolld.conf"
            write(installed[kind], (ROOT / "packaging/systemd" / kind / "otp-enrolld.conf").read_text(), 0o644)
        try:
            yield host
        finally:
            SHIFT.write_text("0")
            run("rm", "-rf", EXPORT, *installed.values(), "/run/otp-emergency", "/var/lib/otp-watch", "/etc/otp/watch")
            for user in users:
                machine.remove_user(user)
