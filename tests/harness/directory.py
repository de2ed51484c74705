"""Users from a directory: slapd with a handful of people, and sssd, nslcd and nscd before it, each as its package has it."""

import os
import re
import shutil
import signal
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.hosts import listens
from harness.machine import User, run, write
from harness.wait import until

SWITCH = Path("/etc/nsswitch.conf")
BASE = "dc=corp,dc=example"
LDAP_PORT = 389
NOT_FOUND = 2  # getent(1)
HOME = Path("/srv/ldap")
SSSD_STATE = Path("/var/lib/sss")
ALICE, BOB, CAROL, ADA = (User(name, 70001 + number) for number, name in enumerate(("alice", "bob", "carol", "ada")))

SLAPD = f"""include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include {HOME}/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {HOME}/slapd.pid
database mdb
maxsize 16777216
suffix "{BASE}"
directory {HOME}/db
"""
SSSD = f"""[sssd]
services = nss
domains = corp
[nss]
[domain/corp]
id_provider = ldap
access_provider = permit
ldap_uri = ldap://127.0.0.1
ldap_search_base = {BASE}
ldap_schema = rfc2307bis
ldap_id_use_start_tls = false
"""
NSLCD = f"""uid nslcd
gid nslcd
uri ldap://127.0.0.1/
base {BASE}
bind_timelimit 1
timelimit 1
reconnect_sleeptime 1
reconnect_retrytime 1
"""


class Stoppable:
    """A service that begins and ends; a test may end it for a while."""

    @contextmanager
    def stopped(self):
        self.end()
        try:
            yield
        finally:
            self.begin()


class Directory(Stoppable):
    """The directory server, which a test may stop; and the services before it. `groups` has gid and members of each group by its name."""

    def __init__(self, groups):
        HOME.mkdir(parents=True)
        (HOME / "db").mkdir()
        # Also a group with members by name and by entry, as RFC 2307bis has it.
        schema = Path("/etc/ldap/schema/nis.schema").read_text()
        (HOME / "nis.schema").write_text(re.sub(r"(NAME 'posixGroup'.*?)STRUCTURAL", r"\1AUXILIARY", schema, count=1, flags=re.S))
        (HOME / "slapd.conf").write_text(SLAPD)
        (HOME / "data.ldif").write_text(entries(groups))
        run("slapadd", "-q", "-f", HOME / "slapd.conf", "-l", HOME / "data.ldif")
        write(Path("/etc/nslcd.conf"), NSLCD, 0o640)
        shutil.chown("/etc/nslcd.conf", "root", "nslcd")
        self.begin()

    def begin(self):
        run("slapd", "-h", f"ldap://127.0.0.1:{LDAP_PORT}", "-f", HOME / "slapd.conf")
        until(lambda: listens(LDAP_PORT), "slapd")

    def end(self):
        end(HOME / "slapd.pid")

    @contextmanager
    def sssd(self, nss=""):
        """Before it with nothing in its caches, and with these settings for NSS; stopped and hung by its own methods."""
        write(Path("/etc/sssd/sssd.conf"), SSSD.replace("[nss]\n", f"[nss]\n{nss}\n"), 0o600)
        for name in ("db", "mc", "pipes/private", "pubconf/krb5.include.d", "gpo_cache"):
            (SSSD_STATE / name).mkdir(parents=True, exist_ok=True)
        Path("/run/sssd").mkdir(exist_ok=True)
        Path("/var/log/sssd").mkdir(exist_ok=True)
        for name in ("db", "mc"):
            for path in (SSSD_STATE / name).iterdir():
                path.unlink()
        with accounts_from("files sss"):
            it = Sssd()
            it.begin()
            try:
                yield it
            finally:
                it.end()

    @contextmanager
    def nslcd(self):
        Path("/run/nslcd").mkdir(exist_ok=True)
        shutil.chown("/run/nslcd", "nslcd", "nslcd")
        with accounts_from("files ldap"):
            run("nslcd")
            until(lambda: known(ALICE), "nslcd")
            try:
                yield
            finally:
                end(Path("/run/nslcd/nslcd.pid"))

    @contextmanager
    def nscd(self):
        for path in ("/run/nscd", "/var/cache/nscd"):
            Path(path).mkdir(exist_ok=True)
        run("nscd")
        until(lambda: Path("/run/nscd/socket").exists(), "nscd")
        try:
            yield
        finally:
            end(Path("/run/nscd/nscd.pid"))
            Path("/run/nscd/socket").unlink(missing_ok=True)


class Sssd(Stoppable):
    pid_file = Path("/run/sssd.pid")

    def begin(self):
        run("sssd", "-D")
        until(lambda: known(ALICE), "sssd")

    def end(self):
        end(self.pid_file)

    @contextmanager
    def knowing_nobody(self):
        """It is begun with nothing in its caches while nobody listens at the directory's port: so it says of everybody that there is no
        such user."""
        self.end()
        for path in (SSSD_STATE / "db").iterdir():
            path.unlink()
        run("sssd", "-D")
        until(lambda: subprocess.run(["getent", "passwd", ALICE.name], capture_output=True).returncode == NOT_FOUND, "sssd without users")
        try:
            yield
        finally:
            self.end()

    @contextmanager
    def hanging(self):
        """The process that answers NSS takes calls, and does not answer."""
        parent = self.pid_file.read_text().strip()
        (nss,) = [int(pid) for pid in run("pgrep", "-P", parent, "sssd_nss").split()]
        os.kill(nss, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(nss, signal.SIGCONT)
            until(lambda: known(BOB), "sssd going on")


@contextmanager
def accounts_from(names):
    """Where accounts and groups come from, in this order."""
    before = SWITCH.read_text()
    SWITCH.write_text(re.sub(r"(?m)^(passwd|group):.*", rf"\1: {names}", before))
    try:
        yield
    finally:
        SWITCH.write_text(before)


def known(user):
    return subprocess.run(["getent", "passwd", user.name], capture_output=True).returncode == 0


def end(pid_file):
    with suppress(FileNotFoundError):
        pid = int(pid_file.read_text())
        os.kill(pid, signal.SIGTERM)
        until(lambda: not Path(f"/proc/{pid}").exists(), f"the end of {pid_file.stem}")


def entries(groups):
    text = f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: corp\ndc: corp\n\n"
    text += "".join(f"dn: ou={name},{BASE}\nobjectClass: organizationalUnit\nou: {name}\n\n" for name in ("people", "groups"))
    for user in (ALICE, BOB, CAROL, ADA):
        text += f"dn: uid={user.name},ou=people,{BASE}\nobjectClass: inetOrgPerson\nobjectClass: posixAccount\ncn: {user.name}\nsn: {user.name}\n"
        text += f"uid: {user.name}\nuidNumber: {user.uid}\ngidNumber: 70000\nhomeDirectory: /\nloginShell: /bin/sh\n\n"
    for name, (gid, members) in groups.items():
        text += f"dn: cn={name},ou=groups,{BASE}\nobjectClass: groupOfNames\nobjectClass: posixGroup\ncn: {name}\ngidNumber: {gid}\n"
        text += "".join(f"member: uid={member},ou=people,{BASE}\nmemberUid: {member}\n" for member in members) + "\n"
    return text
