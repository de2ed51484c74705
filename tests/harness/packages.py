"""The Debian packages, made from what was built, and machines that have them."""

import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.boot import Disk
from harness.machine import DAEMON, DEFAULT_POLICY, MODULE, OTPCTL, POLICY, ROOT, VAULT, run

PACKAGES = ("libpam-otp", "otp-enrolld")


@pytest.fixture(scope="session")
def packages(request):
    """The directory with both packages."""
    return built(Path(request.config.getoption("--artefacts")).resolve(), "/usr/local/lib/otp-packages")


@pytest.fixture(scope="session")
def newer_packages(request):
    """The same as a later version."""
    return built(Path(request.config.getoption("--artefacts")).resolve(), "/usr/local/lib/otp-packages-newer", "--revision", "+later1")


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
    booted.run("rm", "-rf", VAULT, "/var/lib/man-db/auto-update")  # the index of man pages takes seconds


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
