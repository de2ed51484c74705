"""packaging/install and packaging/uninstall, which other systems and packages of other kinds use."""

import shutil
import subprocess
from pathlib import Path

import pytest

from harness.machine import MODULE, MULTIARCH, ROOT

CONTENTS = Path(__file__).parent / "contents"
INSTALL, UNINSTALL = ROOT / "packaging/install", ROOT / "packaging/uninstall"
# what Debian's helpers add, and where Debian has a directory of its own
DEBIANS = ("/usr/share/doc/", "/usr/share/pam-configs/")
PLACES = {"UNIT_DIRECTORY": "/usr/lib/systemd/system", "MULTIARCH": MULTIARCH, "zsh/vendor-completions": "zsh/site-functions"}


@pytest.fixture
def image(request, tmp_path):
    """A directory into which everything was installed."""
    done = into(request, tmp_path / "image")
    assert (done.returncode, done.stderr) == (0, ""), done
    return tmp_path / "image"


def into(request, directory, *options):
    return subprocess.run([INSTALL, "--built", request.config.getoption("--artefacts"), *options, directory], capture_output=True, text=True)


def out_of(directory, *options):
    return subprocess.run([UNINSTALL, *options, directory], capture_output=True, text=True)


def modes_of(directory):
    return {f"/{path.relative_to(directory)}": path.stat().st_mode & 0o777 for path in directory.rglob("*") if path.is_file()}


def test_it_installs_what_the_packages_have(image):
    text = "".join((CONTENTS / name).read_text() for name in ("libpam-otp", "otp-enrolld"))
    for word, place in PLACES.items():
        text = text.replace(word, place)
    rows = [line.split() for line in text.splitlines()]
    of_packages = {row[2].removesuffix(".gz"): 0o755 if row[0].count("x") else 0o644 for row in rows if not row[2].startswith(DEBIANS)}
    assert modes_of(image) == of_packages


def test_it_takes_everything_away_again_and_nothing_else(image):
    (image / "etc/otp").mkdir()
    (image / "etc/otp/host.key").write_text("the host key")
    done = out_of(image)
    assert (done.returncode, done.stdout) == (0, "packaging/uninstall: /etc/otp is left, with what is in it\n")
    assert list(modes_of(image)) == ["/etc/otp/host.key"]


def test_what_an_interruption_left_is_removed_by_the_next_run(image):
    for name in ("usr/bin/otpctl", "usr/lib/systemd/system/otp-notify.path"):
        (image / name).unlink()
    assert out_of(image).returncode == 0 and modes_of(image) == {}


def test_while_a_pam_file_names_the_module_nothing_is_removed(image):
    stack = image / "etc/pam.d/sudo"
    stack.parent.mkdir()
    stack.write_text("auth required pam_unix.so\nauth required pam_otp.so\n")
    before = modes_of(image)
    done = out_of(image)
    assert done.returncode == 1 and f"{stack}:2: auth required pam_otp.so" in done.stderr
    assert modes_of(image) == before


@pytest.mark.parametrize("place", ["etc/pam.d", "usr/lib/pam.d", "usr/share/pam.d", "usr/etc/pam.d"])
def test_it_looks_wherever_libpam_looks(image, place):
    (image / place).mkdir(parents=True)
    (image / place / "sudo").write_text("auth required pam_otp.so\n")
    done = out_of(image)
    assert done.returncode == 1 and f"/{place}/sudo:1: auth required pam_otp.so" in done.stderr


def test_of_several_libpams_it_takes_the_one_for_this_processor(request, tmp_path):
    image = tmp_path / "image"
    for name in ("aaa-linux-gnu", "zzz-linux-gnu"):
        (image / "usr/lib" / name / "security").mkdir(parents=True)
    ours = MODULE.with_name("pam_unix.so").read_bytes()
    (image / "usr/lib/zzz-linux-gnu/security/pam_unix.so").write_bytes(ours)
    (image / "usr/lib/aaa-linux-gnu/security/pam_unix.so").write_bytes(ours[:18] + bytes([243, 0]) + ours[20:])  # EM_RISCV
    assert into(request, image).returncode == 0
    assert [str(path.relative_to(image)) for path in image.rglob("pam_otp.so")] == ["usr/lib/zzz-linux-gnu/security/pam_otp.so"]
    assert out_of(image).returncode == 0 and not list(image.rglob("pam_otp.so"))


def test_what_is_missing_is_named_before_anything_is_installed(request, tmp_path):
    built = tmp_path / "built"
    built.mkdir()
    for name in ("libpam_otp.so", "otpctl"):
        shutil.copy(Path(request.config.getoption("--artefacts")) / name, built)
    done = subprocess.run([INSTALL, "--built", built, tmp_path / "image"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, f"packaging/install: {built}/otp-enrolld is missing; packaging/build makes what is built\n")
    assert modes_of(tmp_path / "image") == {}


def test_units_of_an_earlier_installation_are_moved_aside(request, image):
    units = image / "etc/systemd/system"
    (units / "multi-user.target.wants").mkdir(parents=True)
    (units / "otp-enrolld.service").write_text("[Service]\nExecStart=/opt/otp-enrolld\n")
    link = units / "multi-user.target.wants/otp-enrolld.service"
    link.symlink_to("/etc/systemd/system/otp-enrolld.service")
    done = into(request, image)
    assert done.returncode == 0 and "/etc/systemd/system/otp-enrolld.service was installed by hand and would hide the one in /usr/lib; moved to" in done.stdout
    assert (units / "otp-enrolld.service.by-hand").exists() and not (units / "otp-enrolld.service").exists()
    assert str(link.readlink()) == "/usr/lib/systemd/system/otp-enrolld.service"


def test_it_goes_where_it_is_told_and_a_second_time_changes_nothing(request, tmp_path):
    image = tmp_path / "image"
    assert into(request, image, "--modules", "/usr/lib64/security").returncode == 0
    assert (image / "usr/lib64/security/pam_otp.so").is_file()
    first = {path: path.read_bytes() for path in image.rglob("*") if path.is_file()}
    assert into(request, image, "--modules", "/usr/lib64/security").returncode == 0
    assert {path: path.read_bytes() for path in image.rglob("*") if path.is_file()} == first


@pytest.mark.parametrize("words", [(), ("",), ("/tmp/a", "/tmp/b"), ("--sideways", "/tmp/a")])
def test_other_words_are_refused(words):
    for program in (INSTALL, UNINSTALL):
        done = subprocess.run([program, *words], capture_output=True, text=True)
        assert done.returncode == 64 and done.stderr.startswith(f"usage: packaging/{program.name}")
