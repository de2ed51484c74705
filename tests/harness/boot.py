"""Boots a whole machine: systemd as process 1, logind, an /etc of its own, and the product as docs/install.md installs it.

The machine has the files of the root that the tests run in, and /etc as it was before any test. Its writes are lost when
it powers off, and nobody outside sees them: see packaging/private-root."""

import os
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.booted import Booted, children, command_of
from harness.machine import DEFAULT_POLICY, OUTBOX, POLICY, ROOT, VAULT, run
from harness.wait import TooLate, until

FIRST_ETC = Path("/usr/local/lib/otp-etc")

# The first time, process 1 runs this before it becomes systemd. Only the units of the packages are left: this machine's
# /etc may enable others, a database say.
PREPARE = f"""
set -eu
rm -rf /etc {VAULT} {OUTBOX.parent} /var/log/journal
cp -a {FIRST_ETC} /etc
rm -rf /etc/systemd/system /etc/otp
mkdir -p /etc/systemd/system
: >/etc/fstab
mkdir -p /etc/cloud && : >/etc/cloud/cloud-init.disabled # it would wait for a network
rm -rf /etc/rc?.d # scripts of System V, from which systemd makes units
sed -i /pam_faildelay/d /etc/pam.d/login # three seconds after each refusal
tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id
printf private >/etc/hostname
printf 'Defaults timestamp_timeout=0, passwd_tries=1, lecture=never\\nALL ALL=(ALL:ALL) ALL\\n' >/etc/sudoers.d/lab
chmod 0440 /etc/sudoers.d/lab
"""
BOOT = """
set -eu
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount --make-rshared / # without it credentials are empty
# no kernel modules to load, no clock to set, no hardware: the conditions of such units see it
exec env -i container=private-root PATH=/usr/sbin:/usr/bin TERM=dumb \
    setpriv --bounding-set=-sys_module,-sys_time,-sys_rawio /lib/systemd/systemd --unit=multi-user.target \
    --log-target=journal --show-status=0 systemd.unified_cgroup_hierarchy=1
"""


def keep_etc():
    """Before any test: the /etc that every machine boots with."""
    shutil.rmtree(FIRST_ETC, ignore_errors=True)
    FIRST_ETC.parent.mkdir(parents=True, exist_ok=True)
    run("cp", "-a", "/etc", FIRST_ETC)


@contextmanager
def booting(artefacts):
    """A machine that has reached multi-user.target, with the product installed."""
    artefacts = Path(artefacts).resolve()
    with booting_without_the_product("--see", artefacts) as it:
        it.install(artefacts)
        it.write(POLICY, DEFAULT_POLICY)
        yield it


@contextmanager
def booting_without_the_product(*options, script=PREPARE + BOOT):
    """The same as Debian's packages leave it. `options` are private-root's."""
    with control_group() as group:
        it = start(group, options, script)
        try:
            finishes_booting(it)
            yield it
            it.powers_off()
        finally:
            it.is_gone()


class Disk:
    """The writes of a machine, kept from one boot to the next."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.boots = 0

    @contextmanager
    def booting(self):
        """A machine that goes on where the last one powered off."""
        written = self.directory / str(self.boots)
        written.mkdir()
        layers = [word for number in reversed(range(self.boots)) for word in ("--layer", self.directory / str(number))]
        script = BOOT if self.boots else PREPARE + BOOT
        self.boots += 1
        with booting_without_the_product("--keep", written, *layers, script=script) as it:
            yield it


def start(group, options, script):
    into = 'echo $$ >"$0" && exec "$@"'
    private = [ROOT / "packaging/private-root", "--init", "--see", ROOT, *options, "--", "unshare", "--cgroup", "bash", "-c", script]
    command = ["bash", "-c", into, f"{group}/cgroup.procs", *private]
    process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL)
    try:
        pid = until(lambda: init_of(process), "the new process 1", 30)
    except BaseException:
        process.terminate()
        process.wait(10)
        raise
    return Booted(process, pid, group)


def init_of(process):
    """The process id out here of systemd, a grandchild of private-root; None while it is not systemd yet."""
    assert process.poll() is None, f"no machine: private-root ended with {process.returncode}"
    for unshare in children(process.pid):
        for pid in children(unshare):
            if command_of(pid) == "systemd":
                return pid
    return None


def finishes_booting(it):
    try:
        until(lambda: has_booted(it), "the end of the boot", 180)
    except TooLate as late:
        raise TooLate(f"{late}\n{it.report()}") from None


def has_booted(it):
    assert it.process.poll() is None, f"the machine ended with {it.process.returncode}"
    if not (it.group / "init.scope").is_dir():
        return False
    return it.tries("systemctl", "is-system-running").stdout.strip() in ("running", "degraded")


@contextmanager
def control_group():
    """A control group for all of the machine's processes; it is removed at the end."""
    top = Path(tempfile.mkdtemp(prefix="cgroup-"))
    if subprocess.run(["mount", "-t", "cgroup2", "cgroup2", top]).returncode:
        top.rmdir()
        pytest.skip("control groups cannot be mounted here")
    group = top / f"pam_otp-{os.getpid()}-{time.monotonic_ns()}"
    group.mkdir()
    try:
        yield group
    finally:
        until(lambda: removed(group), "the control group's end", 60)
        run("umount", top)
        top.rmdir()


def removed(group):
    for directory, _, _ in os.walk(group, topdown=False):
        try:
            os.rmdir(directory)
        except OSError:
            return False
    return True
