"""The PAM stacks of Debian, and what an administrator makes of them."""

import re
import shutil
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from harness.machine import ROOT, write

PAM, VENDOR = Path("/etc/pam.d"), Path("/usr/lib/pam.d")


SUDOS = (PAM / "sudo", PAM / "sudo-i")


def lines_by_hand(*files):
    """The shell lines that gate Debian's own files for sudo, or these files instead."""
    (lines,) = re.findall(r"^    (for file in /etc/pam.d/sudo .*?^    done)$", (ROOT / "docs/hosts.md").read_text(), re.M | re.S)
    return lines.replace(" ".join(map(str, SUDOS)), " ".join(map(str, files or SUDOS)))


@contextmanager
def of_debian_alone():
    """The files of other tests are away meanwhile, and those written in it go with it."""
    with TemporaryDirectory() as kept:
        for directory in (PAM, VENDOR):
            shutil.copytree(directory, Path(kept) / directory.relative_to("/"))
        for path in PAM.iterdir():
            if path.is_file() and "pam_otp" in path.read_text():
                path.unlink()
        try:
            yield
        finally:
            for directory in (PAM, VENDOR):
                for path in directory.iterdir():
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
                shutil.copytree(Path(kept) / directory.relative_to("/"), directory, dirs_exist_ok=True)


@pytest.fixture
def stock(machine):
    """The stacks of Debian alone."""
    with of_debian_alone():
        yield


def gate_services(*services):
    """As docs/hosts.md says."""
    for name in services:
        path = PAM / name
        text = path.read_text() if path.exists() else (VENDOR / name).read_text()
        text = re.sub(r"^@include common-auth$", "\\g<0>\nauth required pam_otp.so", text, flags=re.M)
        text = re.sub(r"^@include common-account$", "account required pam_otp.so\n\\g<0>", text, flags=re.M)
        assert text.count("pam_otp.so") == 2, name
        write(path, text, 0o644)


def write_stack(text, name="tried"):
    write(PAM / name, text.strip("\n") + "\n", 0o644)


def rules(text):
    """The lines of a PAM file or the like as words, without comments and blank lines."""
    lines = [re.sub(r"^#.*|\s#.*", "", line).split() for line in text.splitlines()]
    return [line for line in lines if line]
