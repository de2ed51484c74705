"""Files that the real google-authenticator, pam_oath and Google's app made, taken over by otpctl, and hostile ones in homes."""

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from harness.enrolment import random_secret
from harness.machine import AUTH_ERR, ROOT, SUCCESS, otpctl, run, shifted_now, write
from harness.notices import noticed
from harness.totp import totp
from harness.wire import Refused, call

EXPORT = "otpauth-migration://offline?data=CjUKEPqlBekzoNEukL7qlsjBCDYSDnBpQHJhc3BiZXJyeXBpGgtyYXNwYmVycnlwaSABKAEwAhABGAEgACjr4JKK%2B%2F%2F%2F%2F%2F8B"
EXPORTED = "7KSQL2JTUDIS5EF65KLMRQIIGY"


@pytest.fixture
def owner(machine):
    """A user with a home directory."""
    user = machine.new_user()
    home = Path("/home") / user.name
    home.mkdir(parents=True)
    os.chown(home, user.uid, user.uid)
    run("usermod", "--home", home, user.name)
    user.home, user.file = home, home / ".google_authenticator"
    return user


def as_owner(user, *words, **options):
    return subprocess.run(["setpriv", "--reuid", str(user.uid), "--clear-groups", *words], env={"HOME": user.home, "PATH": "/usr/bin"}, check=True, **options)


def put(user, text, mode=0o600):
    user.file.write_text(text)
    os.chown(user.file, user.uid, user.uid)
    user.file.chmod(mode)


def keys(user):
    return call("Status", user=user.name)["status"]["keys"]


def file_with(secret, *options):
    return "\n".join([secret, *(f'" {option}' for option in options), "12345678", ""])


def test_a_file_of_the_real_tool_goes_on_working(machine, owner):
    as_owner(owner, "google-authenticator", "-t", "-d", "-f", "-r", "3", "-R", "30", "-w", "5", "-q", "-Q", "NONE")
    secret = owner.file.read_text().split()[0]
    tried = otpctl("import", "google-authenticator", "--dry-run", owner.name)
    assert tried.returncode == 0 and "would be imported: 1" in tried.stdout and keys(owner) == []
    for said in ("window of 5", "limit on logins", "5 scratch codes"):
        assert said in tried.stdout, tried.stdout
    done = otpctl("import", "google-authenticator", owner.name)
    assert done.returncode == 0 and "\nimported: 1, already here: 0, refused: 0\n" in done.stdout, done
    again = otpctl("import", "google-authenticator", owner.name)
    assert again.returncode == 0 and "already here: 1" in again.stdout
    assert secret not in done.stdout + done.stderr + tried.stdout and noticed(owner) == ["key-imported"]
    now = int(time.time() // 30)
    assert machine.ask("otp", owner, totp(secret, now))[0] == AUTH_ERR
    with machine.clock(180):
        assert machine.ask("otp", owner, totp(secret, int((time.time() + 180) // 30)))[0] == SUCCESS


def test_a_counter_of_the_real_module_goes_on(machine, owner):
    as_owner(owner, "google-authenticator", "-c", "-f", "-u", "-w", "3", "-q", "-Q", "NONE")
    secret = owner.file.read_text().split()[0]
    machine.service("old-otp", "required pam_google_authenticator.so")
    code = run("oathtool", "-b", "-c", 2, secret)
    subprocess.run(["pamtester", "old-otp", owner.name, "authenticate"], input=code, text=True, check=True, capture_output=True)
    assert otpctl("import", "google-authenticator", owner.name).returncode == 0
    for counter, outcome in ((2, AUTH_ERR), (3, SUCCESS)):
        assert machine.ask("otp", owner, run("oathtool", "-b", "-c", counter, secret).strip())[0] == outcome, counter


def test_a_users_file_that_the_real_pam_oath_wrote_goes_on(machine):
    anna, otto, short = (machine.new_user() for _ in range(3))
    secret = os.urandom(20).hex()
    time_secret = os.urandom(20).hex()
    users = Path("/etc/users.oath")
    lines = (f"HOTP {otto.name} - {secret}", f"HOTP/T30 {anna.name} pass {time_secret}", f"HOTP {short.name} - 00112233445566778899", "HOTP/T45 nobody - 31")
    write(users, "# users\n" + "\n".join(lines) + "\n", 0o600)
    machine.service("old-otp", f"required pam_oath.so usersfile={users} window=5")
    code = run("oathtool", "-c", 2, secret)
    subprocess.run(["pamtester", "old-otp", otto.name, "authenticate"], input=code, text=True, check=True, capture_output=True)
    done = otpctl("import", "oath", users)
    assert done.returncode == 1 and "imported: 2, already here: 0, refused: 2" in done.stdout, done
    assert re.search(r"line 4 +refused: a secret of 80 bits; wanted 128 or more: invite again", done.stdout)
    assert re.search(r"line 5 +refused: found a type of another kind", done.stdout)
    assert "a password beside the code" in done.stdout and secret not in done.stdout + done.stderr
    for counter, outcome in ((2, AUTH_ERR), (3, SUCCESS)):
        assert machine.ask("otp", otto, run("oathtool", "-c", counter, secret).strip())[0] == outcome, counter
    with machine.clock(180):
        later = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(time.time() + 180))
        assert machine.ask("otp", anna, run("oathtool", "--totp", "--now", later, time_secret).strip())[0] == SUCCESS
    users.unlink()


def test_addresses_of_apps_are_taken_for_the_user_who_stands_before_them(machine):
    one, two = machine.new_user(), machine.new_user()
    secret = random_secret()
    text = f"# from a phone\n{one.name} otpauth://totp/x:someone?secret={secret}&digits=8\n\notpauth://totp/y?secret={secret}\n{one.name} otpauth://totp/y?secret={secret}&encoder=steam\n"
    done = otpctl("import", "otpauth", "-", stdin=text)
    assert done.returncode == 1 and "imported: 1, already here: 0, refused: 2" in done.stdout and secret not in done.stdout, done
    assert re.search(r"line 4 +refused: found an address without a user", done.stdout)
    assert [key["digits"] for key in keys(one)] == [8]
    stolen = otpctl("import", "otpauth", "--user", two.name, "-", stdin=f"otpauth://totp/y?secret={secret}\n")
    assert stolen.returncode == 1 and "another key, of this user or of somebody else, has this secret" in stolen.stdout


def test_what_googles_app_exported_is_taken(machine, user):
    done = otpctl("import", "migration", "--user", user.name, "--label", "old phone", "-", stdin=EXPORT + "\n")
    assert done.returncode == 0 and [key["label"] for key in keys(user)] == ["old phone"], done
    with machine.clock(180):
        assert machine.ask("otp", user, totp(EXPORTED, int((time.time() + 180) // 30)))[0] == SUCCESS
    call("Forget", user=user.name)


# codes that the other module took ahead of the clock


def ahead(machine, steps):
    """The clock as it was or will be, in the middle of a step."""
    return machine.mid_step(later=steps)


def test_a_code_that_the_real_module_took_by_a_clock_that_was_ahead_is_dead_here(machine, owner):
    secret = random_secret()
    put(owner, file_with(secret, "TOTP_AUTH", "DISALLOW_REUSE"))
    machine.service("old-otp", "required pam_google_authenticator.so")
    with ahead(machine, 40):
        used = int(shifted_now() // 30)
        subprocess.run(["pamtester", "old-otp", owner.name, "authenticate"], input=totp(secret, used) + "\n", text=True, check=True, capture_output=True)
    assert f'" DISALLOW_REUSE {used}' in owner.file.read_text()
    (row, _) = (json.loads(line) for line in otpctl("import", "google-authenticator", owner.name, "--json").stdout.splitlines())
    assert row["outcome"] == "imported" and row["works_from"] == (used + 1) * 30, row
    with ahead(machine, 40):
        assert [machine.ask("otp", owner, totp(secret, used + offset))[0] for offset in (-1, 0, 1)] == [AUTH_ERR, AUTH_ERR, SUCCESS]


def test_a_clock_that_was_days_ahead_makes_the_key_useless_and_the_row_says_so(machine, owner):
    now = int(time.time() // 30)
    put(owner, file_with(random_secret(), "TOTP_AUTH", f"DISALLOW_REUSE {now} {now + 3 * 2880}"))
    found = otpctl("import", "google-authenticator", owner.name)
    assert found.returncode == 1 and "refused: found codes of more than two days ahead" in found.stdout and keys(owner) == [], found
    with pytest.raises(Refused) as refused:
        call("ImportKey", user=owner.name, secret=random_secret(), used_step=now + 3 * 2880)
    assert refused.value.name == "InvalidValue" and refused.value.parameters["field"] == "used_step"


def test_where_codes_were_good_twice_all_that_the_window_reached_are_dead(machine, owner):
    secret = random_secret()
    put(owner, file_with(secret, "TOTP_AUTH", "WINDOW_SIZE 17", "TIME_SKEW 20"))
    with machine.mid_step():
        now = int(shifted_now() // 30)
        done = otpctl("import", "google-authenticator", owner.name)
    assert done.returncode == 0 and re.search(r"imported; codes before \S+ \S+ \S+ do not work, because later ones were used there", done.stdout), done
    with ahead(machine, 28):
        code = totp(secret, now + 28)
        assert machine.ask("otp", owner, code)[0] == AUTH_ERR
    with ahead(machine, 31):
        assert machine.ask("otp", owner, totp(secret, now + 31))[0] == SUCCESS


def test_the_last_code_that_the_real_pam_oath_took_ahead_is_dead_here(machine, user):
    secret, users = os.urandom(20).hex(), Path("/etc/users.oath")
    write(users, f"HOTP/T30 {user.name} - {secret}\n", 0o600)
    machine.service("old-otp", f"required pam_oath.so usersfile={users} window=20")
    step = lambda: int(shifted_now() // 30)  # noqa: E731
    code = lambda step: totp(bytes.fromhex(secret), step)  # noqa: E731
    with machine.mid_step():
        used = step() + 15
        subprocess.run(["pamtester", "old-otp", user.name, "authenticate"], input=code(used) + "\n", text=True, check=True, capture_output=True)
    assert code(used) in users.read_text()
    assert otpctl("import", "oath", users).returncode == 0
    with ahead(machine, 15):
        assert step() == used
        assert [machine.ask("otp", user, code(used + offset))[0] for offset in (-1, 0, 1)] == [AUTH_ERR, AUTH_ERR, SUCCESS]
    users.unlink()


def test_a_key_that_nobody_used_yet_is_shown_as_such_and_then_no_more(machine, owner):
    secret = random_secret()
    put(owner, file_with(secret, "TOTP_AUTH", "DISALLOW_REUSE"))
    assert otpctl("import", "google-authenticator", owner.name).returncode == 0
    assert "not used yet" in otpctl("status", owner.name).stdout and keys(owner)[0]["last_used"] is None
    with machine.clock(180):
        assert machine.ask("otp", owner, totp(secret, int(shifted_now() // 30)))[0] == SUCCESS
        assert "not used yet" not in otpctl("status", owner.name).stdout and keys(owner)[0]["last_used"] is not None


def test_a_file_that_belongs_to_another_account_comes_over_as_the_page_says(machine, owner):
    page = (ROOT / "docs/from-google-authenticator.md").read_text()
    commands = re.findall(r"^    # ((?:install -[do]|rm|otpctl import google-authenticator alice).*)$", page, re.M)
    assert len(commands) == 4
    kept = Path("/var/ga") / owner.name
    kept.parent.mkdir()
    kept.write_text(file_with(random_secret(), "TOTP_AUTH", "DISALLOW_REUSE"))
    kept.chmod(0o600)
    assert otpctl("import", "google-authenticator", owner.name, kept).returncode == 1, "root's own"
    subprocess.run(["sh", "-ec", "\n".join(commands).replace("alice", owner.name)], check=True, capture_output=True)
    assert [key["label"] for key in keys(owner)] == ["imported"] and not Path("/var/lib/moving").exists()
    shutil.rmtree(kept.parent)


# hostile homes


def tricks(owner, other):
    """How a user could have root read more than the user may."""
    secret = other.file
    yield "a link to another's file", lambda: owner.file.symlink_to(secret)
    yield "another name of another's file", lambda: os.link(secret, owner.file)
    yield "a link to the shadow file", lambda: owner.file.symlink_to("/etc/shadow")
    yield "a FIFO", lambda: os.mkfifo(owner.file)
    yield "a directory", owner.file.mkdir
    yield "a device", lambda: os.mknod(owner.file, 0o20600, os.makedev(1, 5))
    yield "a socket's place that loops", lambda: owner.file.symlink_to(owner.file)
    yield "a file that anybody may read", lambda: put(owner, file_with(random_secret(), "TOTP_AUTH"), 0o644)
    yield "a file of root's", lambda: owner.file.write_text(file_with(random_secret(), "TOTP_AUTH"))
    yield "an endless file", lambda: put(owner, "A" * 70_000)
    yield "words of another file", lambda: put(owner, "root:$y$j9T$abc:20000:0:99999:7:::\n")


def test_no_trick_in_a_home_has_another_file_read_and_the_rest_goes_on(machine, owner):
    other = machine.new_user()
    other.home, other.file = owner.home.parent / other.name, owner.home.parent / other.name / ".google_authenticator"
    other.home.mkdir()
    os.chown(other.home, other.uid, other.uid)
    run("usermod", "--home", other.home, other.name)
    put(other, file_with(random_secret(), "TOTP_AUTH", "DISALLOW_REUSE"))
    for what, play in tricks(owner, other):
        play()
        if not owner.file.is_symlink() and what != "a file of root's" and "another's" not in what:
            os.chown(owner.file, owner.uid, owner.uid)
        begun = time.monotonic()
        done = otpctl("import", "google-authenticator", "--all-homes")
        assert time.monotonic() - begun < 9, what
        assert done.returncode == 1 and re.search(rf"^{owner.name} +home +refused: ", done.stdout, re.M), (what, done)
        if what != "another name of another's file":  # which then has two
            assert re.search(rf"^{other.name} +home +(imported|already here)", done.stdout, re.M), (what, done)
        assert "$y$" not in done.stdout + done.stderr and keys(owner) == [], what
        shutil.rmtree(owner.file) if owner.file.is_dir() and not owner.file.is_symlink() else owner.file.unlink()
    shutil.rmtree(other.home)


def test_a_directory_that_leads_elsewhere_leads_to_what_its_user_may_read(machine, owner):
    owner.home.rmdir()
    place = Path("/root/private-of-root")
    place.mkdir(mode=0o700)
    (place / ".google_authenticator").write_text(file_with(random_secret(), "TOTP_AUTH"))
    owner.home.symlink_to(place)
    done = otpctl("import", "google-authenticator", owner.name)
    assert done.returncode == 1 and "Permission denied" in done.stdout and keys(owner) == []
    owner.home.unlink()
    shutil.rmtree(place)


def test_nobody_but_root_imports_and_a_file_that_others_may_write_is_none(machine, user):
    address = f"otpauth://totp/a?secret={random_secret()}\n"
    refused = otpctl("import", "otpauth", "--user", user.name, "-", stdin=address, user=user)
    assert refused.returncode == 1 and "not allowed: only root may import" in refused.stderr and keys(user) == []
    path = Path("/tmp/addresses")
    write(path, f"{user.name} otpauth://totp/a?secret={random_secret()}\n", 0o666)
    found = otpctl("import", "otpauth", path)
    assert found.returncode == 1 and "nobody else may write it" in found.stderr and keys(user) == []
    path.unlink()
