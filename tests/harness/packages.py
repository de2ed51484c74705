"""The Debian packages, made from what was built, and machines that have them."""

import platform
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.boot import Disk, booting_without_the_product
from harness.machine import CODE_PROMPT, DAEMON, DEFAULT_POLICY, MODULE, OTPCTL, OUTBOX, PASSWORD, PASSWORD_PROMPT, POLICY, ROOT, VAULT, Key, run

PACKAGES = ("libpam-otp", "otp-enrolld")
UNITS = ("otp-enrolld.socket", "otp-enrolld.service", "otp-notify.path", "otp-sudo.path", "otp-watch.path", "otp-watch.timer")
# Where debhelper puts units: since Debian 13 into /usr.
UNIT_DIRECTORY = "/lib/systemd/system" if platform.freedesktop_os_release().get("VERSION_ID") == "12" else "/usr/lib/systemd/system"


@pytest.fixture(scope="session")
def packages(request):
    """The directory with both packages."""
    return built(Path(request.config.getoption("--artefacts")).resolve(), "/usr/local/lib/otp-packages")


@pytest.fixture(scope="session")
def newer_packages(request):
    """The same as a later version."""
    return built(Path(request.config.getoption("--artefacts")).resolve(), "/usr/local/lib/otp-packages-newer", "--revision", "+later1")


@pytest.fixture(scope="session")
def older_packages(request):
    """An earlier version: of the binaries of an earlier build where they are at hand (tests/upgrade), else of the same."""
    older = request.config.getoption("--older") or request.config.getoption("--artefacts")
    return built(Path(older).resolve(), "/usr/local/lib/otp-packages-older", "--revision", "~older1")


def built(artefacts, output, *options):
    run(ROOT / "packaging/deb/build", "--binaries", artefacts, "--output", output, *options)
    return Path(output)


def package_files(directory):
    """The package files, in the order that apt and dpkg are told them."""
    return [next(directory.glob(f"{name}_*.deb")) for name in PACKAGES]


@contextmanager
def disk():
    """The writes of a machine, on a tmpfs."""
    directory = Path("/usr/local/lib/otp-disk")
    directory.mkdir()
    run("mount", "-t", "tmpfs", "disk", directory)
    try:
        yield Disk(directory)
    finally:
        run("umount", directory)
        directory.rmdir()


def never_had_the_product(booted):
    """Takes away what other tests put into the root that this machine was made from; services may start again."""
    for path in (MODULE, DAEMON, OTPCTL, Path("/usr/sbin/policy-rc.d")):
        booted.run("rm", "-f", path)
    booted.run("rm", "-rf", VAULT, OUTBOX.parent, "/var/lib/man-db/auto-update")  # the index of man pages takes seconds


def apt_install(booted, directory):
    """As an administrator does it."""
    booted.run("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "install", *package_files(directory))


def dpkg_install(booted, directory):
    """Quicker than apt; returns the words of dpkg."""
    return booted.run("dpkg", "--force-unsafe-io", "--install", *package_files(directory))


def let_root_enrol(booted):
    booted.write(POLICY, DEFAULT_POLICY)


def listing(package):
    """`MODE OWNER PATH` of every file in a package."""
    text = subprocess.run(["dpkg-deb", "--contents", package], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 5) for line in text.splitlines()]
    return sorted(f"{mode} {owner} {path.removeprefix('.')}" for mode, owner, _, _, _, path in rows if not path.endswith("/"))


def unpacked(package, directory):
    shutil.rmtree(directory, ignore_errors=True)
    run("dpkg-deb", "--raw-extract", package, directory)
    return Path(directory)


# machines


@pytest.fixture(scope="module")
def bare_machine(packages, newer_packages):  # made first, so that the machine sees them
    """A booted machine that never had the product."""
    with booting_without_the_product() as it:
        never_had_the_product(it)
        yield it


@pytest.fixture
def installed(bare_machine, packages):
    """The same with the packages, and no gate."""
    if bare_machine.tries("dpkg-query", "--status", *PACKAGES).stdout.count("install ok installed") < len(PACKAGES):
        dpkg_install(bare_machine, packages)
    let_root_enrol(bare_machine)
    yield bare_machine
    bare_machine.run("sh", "-c", "pam-auth-update --package --remove otp && sed -i /pam_otp/d /etc/pam.d/*")


def pam_files(machine):
    return machine.run("sh", "-c", "cd /etc/pam.d && sha256sum *")


def gated_sudo(machine, user, code):
    """Exit code of sudo at a terminal, which asks for password and code."""
    console = machine.console("setpriv", f"--reuid={user.uid}", f"--regid={user.uid}", "--init-groups", "sudo", "id", "-u")
    console.awaits(PASSWORD_PROMPT)
    console.types_hidden(PASSWORD)
    console.awaits(CODE_PROMPT)
    console.types_hidden(code)
    return console.ends()


def demo_package(machine, directory, name, version, *fields, conffiles=None):
    """On the machine: the path of a package that is not ours, with these fields and configuration files by path."""
    tree, package = directory / f"{name}-{version}", directory / f"{name}_{version}.deb"
    rows = [f"Package: {name}", f"Version: {version}", "Architecture: all", "Maintainer: nobody <x@example.org>", *fields, "Description: demo"]
    files = {"DEBIAN/control": rows, "DEBIAN/conffiles": list(conffiles or {})}
    for path, lines in {**files, **{path.lstrip("/"): lines for path, lines in (conffiles or {}).items()}}.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text("".join(f"{line}\n" for line in lines))
    return built_on(machine, tree, package)


def built_on(machine, tree, package):
    """The path on the machine of what a tree becomes as a package."""
    run("dpkg-deb", "--root-owner-group", "--build", tree, package)
    (machine.root / "root" / package.name).write_bytes(package.read_bytes())
    return f"/root/{package.name}"


# people


def verified(machine, user, code):
    with machine.asks() as client:
        return client.call("Verify", user=user.name, code=code)["verdict"]["accepted"]


def accounts_of_everybody(machine):
    """(user with an app, their key, their recovery codes, user with a token, the token, an invited user, their code)."""
    alice, bob, carol = (machine.new_user(name) for name in ("drill-app", "drill-token", "drill-letter"))
    with machine.asks() as client:
        (code,) = client.call("Invite", user=alice.name, form="mail")["invitation"]["codes"]
    with machine.asks(uid=alice.uid) as client:
        key = Key(client.call("Redeem", registration=code)["enrolment"])
        recovery = client.call("ConfirmEnrolment", code=key.confirming)["recovery_codes"]
    token = machine.enrol_token(bob)
    with machine.asks() as client:
        (letter,) = client.call("Invite", user=carol.name, form="letter")["invitation"]["codes"]
    return alice, key, recovery, bob, token, carol, letter
