"""The contents of the Debian packages: every file, lintian's opinion, completions, the fail2ban filter and the example stacks."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.machine import MULTIARCH, ROOT
from harness.packages import PACKAGES, UNIT_DIRECTORY, listing, package_files

CONTENTS = Path(__file__).parent / "contents"
FILTER = ROOT / "packaging/fail2ban/pam-otp.conf"


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_has_these_files_and_no_others(packages, name):
    expected = (CONTENTS / name).read_text().replace("UNIT_DIRECTORY", UNIT_DIRECTORY).replace("MULTIARCH", MULTIARCH).splitlines()
    found = [line.replace(".md.gz", ".md") for line in listing(next(packages.glob(f"{name}_*.deb")))]  # dh_compress leaves short pages alone
    assert sorted(found) == sorted(expected)


def test_lintian_has_no_complaint_and_nothing_is_overridden(packages):
    done = subprocess.run(["lintian", "--allow-root", "--show-overrides", *package_files(packages)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_the_licence_of_every_linked_crate_is_in_the_package(packages, tmp_path):
    for name, crates in {"libpam-otp": ("totp-rs", "zeroize", "libc"), "otp-enrolld": ("clap", "qrcode", "syslog")}.items():
        subprocess.run(["dpkg-deb", "--extract", next(packages.glob(f"{name}_*.deb")), tmp_path], check=True)
        text = subprocess.run(["zcat", tmp_path / f"usr/share/doc/{name}/licences.txt.gz"], capture_output=True, text=True).stdout
        assert all(re.search(rf"^{crate} [0-9]", text, re.M) for crate in crates) and "Permission is hereby granted" in text


@pytest.mark.parametrize(("words", "expected"), [(("sta",), "status"), (("config", "ch"), "check"), (("invite", "--fo"), "--form")])
def test_bash_completes_commands_and_options(words, expected):
    script = f"""source {ROOT}/packaging/completions/otpctl.bash
        COMP_WORDS=(otpctl {" ".join(words)}); COMP_CWORD={len(words)}
        _otpctl otpctl "${{COMP_WORDS[-1]}}" "${{COMP_WORDS[-2]}}"; printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert expected in done.stdout.split(), done


@pytest.mark.parametrize("name", ["sudo", "locker-password-and-code", "locker-code-alone"])
def test_the_example_stacks_are_those_of_the_documents(name):
    text = (ROOT / "packaging/deb/stacks" / name).read_text()
    block = "".join(f"    {line}\n" for line in text.splitlines())
    assert block in (ROOT / "docs/hosts.md").read_text()


# fail2ban


@pytest.fixture
def banned(tmp_path):
    """The addresses that the filter finds in lines of the module, with the prefix that rsyslog gives them."""

    shutil.copy(FILTER, "/etc/fail2ban/filter.d")

    def addresses(*lines):
        log = tmp_path / "auth.log"
        log.write_text("".join(f"Nov 28 12:00:0{n % 10} host sshd[{100 + n}]: {line}\n" for n, line in enumerate(lines)))
        done = subprocess.run(["fail2ban-regex", "--print-all-matched", "--out", "ip", log, FILTER.stem], capture_output=True, text=True)
        return done.stdout.split()

    return addresses


def ssh_line(rest, reason="wrong", outcome="refused"):
    return f"pam_otp(sshd:auth): outcome={outcome} reason={reason} {rest}"


def test_fail2ban_finds_the_address_of_refused_codes(banned):
    rest = "user=alice uid=1000 origin=remote service=sshd tty=ssh rhost={}"
    assert banned(ssh_line(rest.format("192.0.2.7"))) == ["192.0.2.7"]
    assert banned(ssh_line(rest.format("2001:db8::7"), "junk")) == ["2001:db8::7"]
    assert banned(ssh_line("user=nobody-here service=sshd tty=ssh rhost=192.0.2.8", "unknown-user")) == ["192.0.2.8"]


def test_fail2ban_finds_nothing_where_nobody_guessed(banned):
    rest = "user=alice uid=1000 origin=remote service=sshd tty=ssh rhost=192.0.2.7"
    good = [ssh_line(rest, "code", "accepted"), ssh_line(rest, "replayed"), ssh_line(rest, "clock-behind"), ssh_line(rest.replace(" rhost=192.0.2.7", ""))]
    assert banned(*good) == []


@pytest.mark.parametrize(
    "user",
    [
        '"x rhost=198.51.100.1"',
        '"x\\x22 rhost=198.51.100.1"',
        '"pam_otp(sshd:auth): outcome=refused reason=wrong rhost=198.51.100.1"',
        '"outcome=refused reason=wrong user=x rhost=198.51.100.1"',
    ],
)
def test_a_user_name_gets_nobody_else_banned(banned, user):
    assert banned(ssh_line(f"user={user} service=sshd tty=ssh rhost=192.0.2.9", "unknown-user")) == ["192.0.2.9"]
    assert banned(ssh_line(f"user={user} service=sshd tty=ssh", "unknown-user")) == []


def test_the_module_writes_such_lines(machine, journal, enrolled, banned):
    user, key = enrolled
    start = journal.position()
    machine.ask("otp", user, key.wrong(), "-h", "192.0.2.77")
    lines = [line[line.index("pam_otp(") :] for line in journal.since(start) if "outcome=" in line]
    assert banned(*lines) == ["192.0.2.77"]
