"""docs/cut-over.md with the real modules: who is asked by which, what is refused, and what a bypass needs."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from harness.enrolment import random_secret
from harness.machine import PASSWORD, ROOT, otpctl, run, shifted_now, write
from harness.stacks import PAM
from harness.totp import totp

OLD_PROMPT, OUR_PROMPT = {"google": "Verification code: ", "oath": "One-time password \\(OATH\\)"}, "One-time code: "
FIRST = {"a code alone": (), "after a password": ("requisite pam_unix.so",)}
LINE = {"google": "pam_google_authenticator.so", "oath": "pam_oath.so usersfile=/etc/users.oath window=5"}


class Mover:
    """A user of an old module, with a home and a secret there."""

    def __init__(self, machine, kind):
        self.machine, self.kind, self.user = machine, kind, machine.new_user()
        self.secret = random_secret()
        home = Path("/home") / self.user.name
        home.mkdir(parents=True, exist_ok=True)
        run("usermod", "--home", home, self.user.name)
        self.file = home / ".google_authenticator" if kind == "google" else Path("/etc/users.oath")
        if kind == "google":
            self.file.write_text(f'{self.secret}\n" DISALLOW_REUSE\n" TOTP_AUTH\n12345678\n')
            os.chown(home, self.user.uid, self.user.uid)
            os.chown(self.file, self.user.uid, self.user.uid)
            self.file.chmod(0o600)
        else:
            hexed = run("oathtool", "--totp", "-v", "-b", self.secret).split("Hex secret: ")[1].split()[0]
            before = self.file.read_text() if self.file.exists() else ""
            write(self.file, f"{before}HOTP/T30 {self.user.name} - {hexed}\n", 0o600)

    def code(self, ahead=0):
        return totp(self.secret, int(shifted_now() // 30) + ahead)

    def move(self):
        if self.kind == "google":
            done = otpctl("import", "google-authenticator", self.user.name)
        else:
            own = next(line for line in self.file.read_text().splitlines() if self.user.name in line)
            done = otpctl("import", "oath", "-", stdin=own + "\n")
        assert done.returncode == 0, done


@pytest.fixture(params=["google", "oath"])
def mover(machine, request):
    yield Mover(machine, request.param)
    Path("/etc/users.oath").unlink(missing_ok=True)


def as_the_page_has_it(mover, first):
    """The auth lines of the page's stack, with this old line and this first factor."""
    page = (ROOT / "docs/cut-over.md").read_text()
    lines = re.findall(r"^    auth +(.*)$", page, re.M)
    assert len(lines) == 4 and lines[0].endswith("pam_unix.so")
    lines = [re.sub(r"pam_google_authenticator\.so.*", LINE[mover.kind], line) for line in lines[1:]]
    return mover.machine.service("cut-over", *first, *lines, account="required pam_otp.so")


def as_the_command_has_it(mover, first):
    """The old stack, as `otpctl migrate-pam --both` writes it."""
    old = "".join(f"auth {line}\n" for line in (*first, f"required {LINE[mover.kind]}")) + "account required pam_permit.so\n"
    done = otpctl("migrate-pam", "--both", "--json", "--service", "cut-over", "-", stdin=old)
    assert done.returncode == 0, done
    write(PAM / "cut-over", json.loads(done.stdout)["stack"], 0o644)
    return "cut-over"


def outcome(service, user, code, password=PASSWORD):
    """Is this user let in by the code, after the password where that is asked for, and which modules asked for one?"""
    first = f"{password}\n" if "pam_unix.so" in (PAM / service).read_text().split("account")[0] else ""
    done = subprocess.run(["pamtester", service, user.name, "authenticate"], input=f"{first}{code}\n", capture_output=True, text=True, timeout=60)
    return done.returncode == 0, asking(done.stdout + done.stderr)


def asking(printed):
    return {name for name, prompt in (*OLD_PROMPT.items(), ("ours", OUR_PROMPT)) if re.search(prompt, printed)}


@pytest.mark.parametrize("first", FIRST.values(), ids=FIRST)
@pytest.mark.parametrize("made", [as_the_page_has_it, as_the_command_has_it])
def test_each_user_is_asked_by_one_module_alone(machine, mover, made, first):
    service, other, nobody = made(mover, first), Mover(machine, mover.kind), machine.new_user()
    with machine.mid_step():
        code = mover.code()
        assert outcome(service, mover.user, code) == (True, {mover.kind})
        assert outcome(service, mover.user, code) == (False, {mover.kind}), "used up there"
    mover.move()
    before = mover.file.read_text()
    with machine.mid_step(later=6):
        assert outcome(service, mover.user, mover.code(ahead=-40)) == (False, {"ours"}), "a wrong one"
        if mover.kind == "google":
            assert outcome(service, mover.user, "12345678") == (False, {"ours"}), "a scratch code of the old file"
        assert outcome(service, mover.user, mover.code()) == (True, {"ours"})
        assert outcome(service, mover.user, mover.code()) == (False, {"ours"}), "used up here"
        assert mover.file.read_text() == before, "the old module was not run"
        assert outcome(service, other.user, other.code(ahead=-40)) == (False, {mover.kind})
        assert outcome(service, other.user, other.code()) == (True, {mover.kind}), "not moved yet"
        assert outcome(service, nobody, "123456")[0] is False, "has a key nowhere"
        if first:
            for user in (mover.user, other.user):
                assert outcome(service, user, "123456", password="another") == (False, set()), "nobody is asked after a wrong password"


@pytest.mark.parametrize("made", [as_the_page_has_it, as_the_command_has_it])
def test_a_bypass_for_a_user_who_has_moved_needs_the_old_line_out(machine, mover, made):
    service = made(mover, FIRST["after a password"])
    mover.move()
    assert otpctl("emergency", "bypass", mover.user.name, "--reason", "lost the phone").returncode == 0
    assert outcome(service, mover.user, "000000") == (False, {mover.kind}), "ours stands aside, and the old module asks"
    lines = (PAM / service).read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if LINE[mover.kind] in line)
    assert lines[at + 1].split() == ["auth", "required", "pam_permit.so"]
    del lines[at : at + 2]
    lines[at - 1] = "auth required pam_otp.so"
    write(PAM / service, "\n".join(lines) + "\n", 0o644)
    assert outcome(service, mover.user, "000000") == (True, set())
    assert otpctl("emergency", "end", mover.user.name).returncode == 0
    assert outcome(service, mover.user, "000000") == (False, {"ours"})


def test_suspended_and_revoked_users_do_not_fall_back_to_the_old_module(machine, mover):
    service = as_the_page_has_it(mover, ())
    mover.move()
    with machine.mid_step(later=6):
        assert otpctl("suspend", mover.user.name).returncode == 0
        assert outcome(service, mover.user, mover.code()) == (False, {"ours"})
        assert otpctl("resume", mover.user.name).returncode == 0
        assert otpctl("revoke", "--last", mover.user.name, "imported").returncode == 0
        assert outcome(service, mover.user, mover.code()) == (False, {"ours"})
        assert otpctl("forget", mover.user.name).returncode == 0
        assert outcome(service, mover.user, mover.code()) == (True, {mover.kind})


def test_without_the_line_after_it_an_accepted_code_leads_beyond_the_stack(machine, mover):
    """Why the page has pam_permit.so there."""
    service = machine.service("cut-over", "[success=1 ignore=ignore default=die] pam_otp.so unenrolled=skip", f"required {LINE[mover.kind]}")
    mover.move()
    with machine.mid_step(later=6):
        assert outcome(service, mover.user, mover.code()) == (False, {"ours"})


@pytest.mark.parametrize("control", ["sufficient", "[success=1 default=ignore]"])
def test_old_lines_with_other_controls_keep_their_meaning(machine, mover, control):
    old = f"auth {control} {LINE[mover.kind]}\nauth requisite pam_deny.so\nauth required pam_permit.so\naccount required pam_permit.so\n"
    done = otpctl("migrate-pam", "--both", "--json", "--service", "cut-over", "-", stdin=old)
    write(PAM / "cut-over", json.loads(done.stdout)["stack"], 0o644)
    mover.move()
    other = Mover(machine, mover.kind)
    with machine.mid_step(later=6):
        assert outcome("cut-over", mover.user, mover.code()) == (True, {"ours"})
        assert outcome("cut-over", mover.user, mover.code()) == (False, {"ours"})
        assert outcome("cut-over", other.user, other.code(ahead=-40)) == (False, {mover.kind})
        assert outcome("cut-over", other.user, other.code()) == (True, {mover.kind})
