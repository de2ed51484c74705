"""A vault that was touched, copied with hard links, or brought to a host on which the daemon's account has another uid: what is
told, and `otpctl --offline mend`."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from harness import daemon_log
from harness.enrolment import invite, invited_and_enrolled, redeem
from harness.journal import code_and_reason, fields
from harness.machine import ACCOUNT, AUTH_ERR, AUTHINFO_UNAVAIL, DAEMON, SUCCESS, VAULT, otpctl, pam_code, run
from harness.otpctl import DONE, REFUSED, USAGE
from harness.wait import until
from harness.wire import Client, Refused

LATE = 61  # seconds after a write from which a change of the inode shows
FORMER = 4242  # the daemon's uid on another host


# a vault that another program has touched

TOUCHES = {
    "chmod": lambda path: path.chmod(0o600),
    "chown": lambda path: shutil.chown(path, ACCOUNT),
    "times put back": lambda path: os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns)),
    "tar": lambda path: run("tar", "--atime-preserve=replace", "-cPf", "/tmp/copy.tar", path),
    "extended attribute": lambda path: os.setxattr(path, "trusted.label", b"x"),
    "renamed and back": lambda path: path.rename(path.with_suffix(".x")).rename(path),
    "hard link made and removed": lambda path: (os.link(path, path.with_suffix(".x")), path.with_suffix(".x").unlink()),
    "copied back": lambda path: (shutil.copy2(path, "/tmp/copy"), path.unlink(), shutil.copy2("/tmp/copy", path), shutil.chown(path, ACCOUNT, ACCOUNT)),
}


@pytest.fixture(scope="module")
def a_minute_old(machine):
    """For each way to touch a vault somebody with recovery codes, and somebody with a registration code, from a minute ago."""
    enrolled = {kind: invited_and_enrolled(machine) for kind in TOUCHES}
    invited = {user: invite(user) for user in [machine.new_user()]}
    begun = time.time()
    until(lambda: time.time() > begun + LATE, "a minute", LATE + 10)
    return enrolled, invited


@pytest.mark.parametrize("kind", TOUCHES)
def test_a_touched_file_is_told_with_both_times_and_in_plain_words(machine, a_minute_old, journal, kind):
    user, _, _, recovery = a_minute_old[0][kind]
    TOUCHES[kind](user.state_file)
    start = journal.position()
    service = machine.service("otp-touched", "required pam_otp.so", "required pam_permit.so")
    code, said = machine.ask(service, user, recovery[0], "-r", user.uid)
    assert code == AUTH_ERR and "touched" in said and "accept-restore" in said
    (line,) = [fields(line.replace("mended=", "event=mended mended=")) for line in journal.since(start) if "mended=restored-copy" in line]
    assert line["file"] == str(user.state_file) and line["inode"] == ("other" if kind == "copied back" else "same")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", line["written"]) and line["written"] < line["changed"]
    status = otpctl("status", user.name).stdout
    assert "touched by another program" in status and "recovery codes" in status
    assert otpctl("accept-restore", user.name).returncode == DONE
    assert pam_code(machine, user, recovery[0], service) == SUCCESS


def test_accept_restore_all_mends_everybody_and_letters_too(machine, a_minute_old):
    ((user, code),) = a_minute_old[1].items()
    (VAULT / "tickets" / str(user.uid)).chmod(0o600)
    start = daemon_log.position()
    with Client(uid=user.uid) as client:
        with pytest.raises(Refused) as refused:
            redeem(client, code)
        assert refused.value.parameters["reason"] == "restored-copy"
    lines = [fields(line) for line in daemon_log.since(start) if "event=registration-code-restored" in line]
    assert [line["file"] for line in lines] == [str(VAULT / "tickets" / str(user.uid))] and lines[0]["written"] < lines[0]["changed"]
    assert user.name in otpctl("accept-restore", "--all").stdout
    with Client(uid=user.uid) as client:
        redeem(client, code)


# a vault that was copied


def vault_tree():
    return [VAULT, *sorted(VAULT.rglob("*"))]


def owners_and_modes():
    return {str(path): (path.lstat().st_uid, path.lstat().st_gid, path.lstat().st_mode, path.lstat().st_nlink, path.lstat().st_ino) for path in vault_tree()}


def vault_in_order():
    owner = (int(run("id", "-u", ACCOUNT)), int(run("id", "-g", ACCOUNT)))
    return all((found[0], found[1]) == owner and found[2] & 0o7777 == (0o700 if Path(path).is_dir() else 0o600) and (Path(path).is_dir() or found[3] == 1) for path, found in owners_and_modes().items())


def another_uid():
    run("chown", "-R", f"{FORMER}:{FORMER}", VAULT)


def open_modes():
    run("chmod", "-R", "u=rwX,go=rX", VAULT)


def hard_links():
    run("cp", "-al", VAULT, VAULT.with_suffix(".backup"))


def roots():
    run("chown", "-R", "root:root", VAULT)


def all_at_once():
    hard_links()
    another_uid()
    open_modes()


@pytest.mark.parametrize("copied", [another_uid, open_modes, hard_links, roots, all_at_once])
def test_mend_puts_a_copied_vault_right_and_accepts_no_restore(machine, journal, copied):
    with machine.another_vault():
        user, _, key, recovery = invited_and_enrolled(machine)
        machine.stop()
        copied()
        try:
            result, reason = code_and_reason(machine, journal, user, key.first)
            assert (result, reason) == (AUTHINFO_UNAVAIL, "untrusted-file")
            start = subprocess.run([DAEMON], capture_output=True, text=True, timeout=20) if copied is not hard_links else None
            assert start is None or (start.returncode == 1 and "`otpctl --offline mend`" in start.stderr and "init" not in start.stderr)
            before = owners_and_modes()
            done = otpctl("--offline", "mend", "--dry-run")
            assert done.returncode == DONE and str(user.key_file) in done.stdout and owners_and_modes() == before
            assert re.search(r"^[1-9]\d* would be mended; .* until you run `otpctl accept-restore --all`$", done.stdout.splitlines()[-1])
            told = done.stdout.splitlines()[:-1]
            done = otpctl("--offline", "mend")
            assert done.returncode == DONE, done.stderr
            assert done.stdout.splitlines()[:-1] == told and vault_in_order()
            assert "accept-restore --all" in done.stdout.splitlines()[-1]
            assert otpctl("--offline", "mend").stdout.startswith("0 mended")
        finally:
            shutil.rmtree(VAULT.with_suffix(".backup"), ignore_errors=True)
            if not vault_in_order():
                otpctl("--offline", "mend")
            machine.start()
        if copied in (hard_links, all_at_once):
            assert code_and_reason(machine, journal, user, recovery[0]) == (AUTH_ERR, "restored-copy")
            assert otpctl("accept-restore", "--all").returncode == DONE
        assert pam_code(machine, user, recovery[0]) == SUCCESS


def test_mend_gives_nothing_away_that_is_not_the_vaults(machine):
    """The daemon's account, or another one that had its uid, may have put such things there."""
    secret, shadow = Path("/etc/secret-of-roots"), Path("/etc/shadow").stat()
    secret.write_text("secret")
    secret.chmod(0o600)
    with machine.another_vault():
        user, _ = machine.enrolled_user()
        odd = [VAULT / "keys" / name for name in ("link", "fifo", "device", "hard")]
        odd[0].symlink_to("/etc/shadow")
        os.mkfifo(odd[1])
        os.mknod(odd[2], 0o600 | 0o020000, os.makedev(1, 5))
        os.link(secret, odd[3])
        (VAULT / "state" / "dir").symlink_to("/etc")
        another_uid_but_for_links = [path for path in vault_tree() if not path.is_symlink() and path not in odd]
        for path in another_uid_but_for_links:
            os.chown(path, FORMER, FORMER)
        done = otpctl("--offline", "mend")
        assert done.returncode == REFUSED and "5 were left unchanged" in done.stderr
        assert all(str(path) in done.stderr for path in odd)
        assert (Path("/etc/shadow").stat().st_uid, Path("/etc/shadow").stat().st_mode) == (shadow.st_uid, shadow.st_mode)
        about = secret.stat()
        assert (about.st_uid, about.st_mode & 0o777, about.st_nlink, odd[3].stat().st_ino) == (0, 0o600, 2, about.st_ino)
        assert user.key_file.stat().st_uid == VAULT.stat().st_uid == int(run("id", "-u", ACCOUNT))
        for path in (*odd, VAULT / "state" / "dir"):
            path.unlink()
    secret.unlink()


def test_mend_is_for_root_and_offline(machine, user):
    assert otpctl("mend").returncode == USAGE
    done = otpctl("--offline", "mend", user=user)
    assert done.returncode == REFUSED and "only root can" in done.stderr
    assert otpctl("--offline", "mend").stdout.startswith("0 mended")
