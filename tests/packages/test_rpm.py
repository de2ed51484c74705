"""The RPM packages, built with Debian's rpm: the files of the Debian packages, rpmlint's opinion, and their life below `rpm --root`."""

import re
import subprocess
from pathlib import Path

import pytest

from harness.machine import ROOT, run

RPM = ROOT / "packaging/rpm"
DEBIAN = Path(__file__).parent / "contents"
DIRECTORIES = {
    r"^UNIT_DIRECTORY/": "/usr/lib/systemd/system/",
    r"^/usr/lib/MULTIARCH/": "/usr/lib64/",
    r"^/usr/share/zsh/vendor-completions/": "/usr/share/zsh/site-functions/",
    r"^/usr/share/doc/(libpam-otp|otp-enrolld)/licences\.txt$": "/usr/share/licenses/pam-otp/licences.txt",
    r"^/usr/share/doc/(libpam-otp|otp-enrolld)/changelog$": "/usr/share/doc/pam-otp/CHANGELOG.md",
    r"^/usr/share/doc/(libpam-otp|otp-enrolld)/": "/usr/share/doc/pam-otp/",
}
# Of no use on Fedora and EL: pam-auth-update, Debian's records, and a security module that they have not got.
DEBIAN_ALONE = {
    "/usr/share/pam-configs/otp",
    "/usr/share/doc/pam-otp/changelog.Debian",
    "/usr/share/doc/pam-otp/copyright",
    "/etc/apparmor.d/otp-enrolld",
}
RPM_ALONE = {
    "/usr/libexec/pam-otp/pam-lines",  # which Debian's scripts have in themselves
    "/usr/share/licenses/pam-otp/LICENSE-APACHE",
    "/usr/share/licenses/pam-otp/LICENSE-MIT",
}
SELINUX = {
    "/usr/share/licenses/pam-otp-selinux/LICENSE-APACHE",
    "/usr/share/licenses/pam-otp-selinux/LICENSE-MIT",
    "/usr/share/selinux/devel/include/distributed/otp.if",
    "/usr/share/selinux/packages/targeted/otp.pp",
}


@pytest.fixture(scope="module")
def rpms(request):
    """By name."""
    output = Path("/usr/local/lib/otp-rpms")
    run(RPM / "build", "--binaries", Path(request.config.getoption("--artefacts")).resolve(), "--output", output)
    return {re.match(r"(.*)-[^-]+-[^-]+$", path.stem.rpartition(".")[0])[1]: path for path in output.glob("*.rpm") if ".src." not in path.name}


def files_in_rpm(package):
    """`MODE PATH` of every file, without compression and without the version of licences' directory."""
    rows = run("rpm", "--query", "--package", "--queryformat", r"[%{FILEMODES:perms} %{FILENAMES}\n]", package).splitlines()
    plain = (re.sub(r"\.gz$|(?<=/licenses/pam-otp)-[\d.]+(?=/)|(?<=/licenses/pam-otp-selinux)-[\d.]+(?=/)", "", row) for row in rows)
    return {row for row in plain if not row.startswith("d")}


def files_as_of_debian():
    found = set()
    for name in ("libpam-otp", "otp-enrolld"):
        for row in (DEBIAN / name).read_text().splitlines():
            mode, _, path = row.split(" ", 2)
            path = path.removesuffix(".gz")
            for pattern, directory in DIRECTORIES.items():
                path = re.sub(pattern, directory, path)
            found.add(f"{mode} {path}")
    return found


def test_the_files_are_those_of_the_debian_packages(rpms):
    of_debian = {row for row in files_as_of_debian() if row.split(" ", 1)[1] not in DEBIAN_ALONE}
    # a shared object is executable here, by the custom of each system
    of_debian = {re.sub(r"^-rw-r--r--(?= /usr/lib64/security/)", "-rwxr-xr-x", row) for row in of_debian}
    assert files_in_rpm(rpms["pam-otp"]) == of_debian | {f"-rw-r--r-- {path}" for path in RPM_ALONE}


def test_the_policy_module_is_a_package_of_its_own(rpms):
    assert files_in_rpm(rpms["pam-otp-selinux"]) == {f"-rw-r--r-- {path}" for path in SELINUX}


def test_rpmlint_has_no_complaint(rpms):
    done = subprocess.run(["rpmlint", "-c", RPM / "rpmlint.toml", *rpms.values(), RPM / "pam-otp.spec"], capture_output=True, text=True)
    assert done.returncode == 0 and " 0 errors, 0 warnings" in done.stdout, done.stdout + done.stderr


def test_the_version_is_said_once_more_and_is_the_same():
    version = re.search(r'^version = "(.*)"$', (ROOT / "Cargo.toml").read_text(), re.M)[1]
    assert f"\nVersion:        {version}\n" in (RPM / "pam-otp.spec").read_text()


LIFE = """
    mkdir /tmp/root && mount --rbind / /tmp/root && cd /tmp/root
    rm -rf /usr/sbin/otp-enrolld /usr/bin/otpctl /usr/lib64/security/pam_otp.so /usr/libexec/pam-otp /etc/otp
    sed -i /pam_otp/d /etc/pam.d/*
    rpm() { command rpm --root /tmp/root --dbpath /var/lib/rpm-of-test "$@"; }
    changes() { told rpm --force-debian --nodeps "$@"; }
    told() { "$@" 2>&1; echo "== $? $(ls /usr/lib64/security/pam_otp.so 2>&1) "; }
    rpm --initdb
    changes --install "$1"
    stat -c '%U %a %n' /var/lib/otp /etc/otp
    changes --upgrade --force "$1"
    printf 'auth required pam_permit.so\\nauth required \\\\\\n pam_otp.so\\n' >/etc/pam.d/handmade
    changes --upgrade --force "$1"
    changes --erase pam-otp
    rpm --query pam-otp
    mv /etc/pam.d/handmade /etc/pam.d/handmade.rpmsave
    changes --erase pam-otp
    ls -d /var/lib/otp /etc/otp
"""


@pytest.fixture(scope="module")
def told_of_a_life(rpms):
    """By step in a machine of its own: the words, the exit code, and whether the module is there."""
    done = subprocess.run([ROOT / "packaging/private-root", "bash", "-c", LIFE, "-", rpms["pam-otp"]], capture_output=True, text=True)
    found = re.findall(r"(.*?)^== (\d+) (\S+).*?$", done.stdout, re.M | re.S)
    steps = ["installed", "upgraded", "upgraded with a gate", "removed with a gate", "removed"]
    assert len(found) == len(steps), done.stdout + done.stderr
    return {step: (said, int(code), path == "/usr/lib64/security/pam_otp.so") for step, (said, code, path) in zip(steps, found, strict=True)} | {
        "all": done.stdout
    }


@pytest.mark.parametrize("step", ["installed", "upgraded", "upgraded with a gate"])
def test_it_installs_and_upgrades_with_and_without_a_gate(told_of_a_life, step):
    assert told_of_a_life[step][1:] == (0, True), told_of_a_life[step][0]


def test_an_installation_makes_the_directories_with_their_owners(told_of_a_life):
    assert "otp-enrolld 700 /var/lib/otp\nroot 755 /etc/otp\n" in told_of_a_life["all"]


def test_a_removal_stops_at_a_gate_made_by_hand(told_of_a_life):
    said, code, there = told_of_a_life["removed with a gate"]
    assert code != 0 and there and "/etc/pam.d/handmade:3:" in said and "without the module these lines refuse everybody" in said
    assert re.search(r"^pam-otp-[\d.]+-1", told_of_a_life["all"], re.M), "and the package is still there"


def test_without_a_gate_it_goes_and_leaves_vault_and_policy(told_of_a_life):
    assert told_of_a_life["removed"][1:] == (0, False), told_of_a_life["removed"][0]
    assert told_of_a_life["all"].endswith("/etc/otp\n/var/lib/otp\n")
