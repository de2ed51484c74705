"""Every recipe of docs/hosts.md, read out of that page, and what `otpctl gate enable` makes of Debian's own files: the same lines."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.machine import CODE_PROMPT, OTPCTL, PASSWORD, ROOT, otpctl, policy, run, write
from harness.otpctl import DONE
from harness.rotation import OFFER, has_password
from harness.stacks import PAM, SUDOS, VENDOR, lines_by_hand, rules
from harness.terminal import dialogue

PAGE = (ROOT / "docs/hosts.md").read_text()
DROP_IN, SUDOERS = Path("/etc/ssh/sshd_config.d/00-otp.conf"), Path("/etc/sudoers.d/otp")
ROTATES = '[rotation]\nmax_age = 90\nrotate_services = ["sudo", "sudo-i", "sshd"]\n'
LOCKERS = {"i3lock": "auth include login\n", "swaylock": "auth include login\n", "hyprlock": "@include login\n"}


def sections():
    """Heading -> its indented blocks, without the indent."""
    parts = re.split(r"^##+ (.+)\n", PAGE, flags=re.M)[1:]
    blocks = lambda text: [re.sub(r"^ +", "", block, flags=re.M) for block in re.findall(r"(?:^ {4,6}(?! ).*\n(?:^ {7,}.*\n)*)+", text, re.M)]  # noqa: E731
    return {heading: blocks(text) for heading, text in zip(parts[::2], parts[1::2], strict=True)}


@dataclass
class Made:
    """By `otpctl gate enable SERVICE WORDS`, in these files; the lines of the block come instead of `instead`, if that is named."""

    service: str
    words: tuple = ()
    files: tuple = ()
    instead: str = ""
    answers: tuple = ("Password: ", CODE_PROMPT)
    policy: str = ""
    first: str = ""  # lines that are put in before those of the block

    def by_hand(self, before, block):
        lines = rules(before)
        for text in filter(None, (block, self.first)):
            lines = by_hand(lines, text, self if text == block else Made(self.service))
        return lines

    def paths(self):
        return [PAM / name for name in self.files or (self.service,)]


COMMANDS = ("--command", "/usr/bin/id", "--command", "/usr/bin/whoami")
KEY = ("--with-key",)
WITHOUT = ("--without-password",)
AS_ONE, ALONE = (".+: ",), (CODE_PROMPT,)
ACCOUNT = "account required pam_otp.so\n@include common-account\n"
SUDO = "@include common-auth\nauth required pam_otp.so\n" + ACCOUNT
# (heading, number of the block) -> how gate makes it, of each service that the section is about
MADE = {
    ("One sensitive command, and the rest not", 0): [Made("sudo", COMMANDS, ("sudo-otp",))],
    ("One sensitive command, and the rest not", 1): [Made("sudo", COMMANDS, (SUDOERS,))],
    ("su", 0): [Made("su"), Made("doas"), Made("polkit-1")],
    ("sshd", 0): [Made("sshd", files=(DROP_IN,))],
    ("sshd", 2): [Made("sshd"), Made("login")],
    ("sshd", 3): [Made("sshd", KEY, (DROP_IN,))],
    ("sshd", 4): [Made("sshd", KEY + WITHOUT, instead="@include common-auth", answers=ALONE, first=ACCOUNT)],
    ("Screen lockers", 0): [Made(name, instead=line.strip(), answers=AS_ONE) for name, line in LOCKERS.items()],
    ("Screen lockers", 1): [Made(name, WITHOUT, instead=line.strip(), answers=ALONE) for name, line in LOCKERS.items()],
    ("Keys that become due", 0): [Made("sudo", policy=ROTATES, first=SUDO), Made("sshd", policy=ROTATES, first=SUDO)],
    ("passwd", 0): [Made("passwd", answers=("Current password: ", OFFER))],
}
# blocks that no gate makes, and why
OTHERS = {
    ("sudo", 0): "a whole file instead of Debian's; test_examples.py runs it",
    ("sudo", 1): "shell lines that edit Debian's files, compared below",
    ("sshd", 1): "a command that looks at sshd; gate runs it",
}
# sections without a block: where their lines are, or that they have none
WITHOUT_BLOCKS = {
    "Stacks that let somebody past": "what gate refuses",
    "login": "those of sshd",
    "polkit": "those of su",
    "Debian 13": "a report",
    "Another program": "no line",
    "In a sandbox": "no line",
    "Limits that the user sets": "no line",
}


def test_every_recipe_is_made_by_gate_or_stands_here_with_its_reason():
    found = sections()
    assert {(heading, number) for heading, blocks in found.items() for number in range(len(blocks))} == set(MADE) | set(OTHERS)
    assert {heading for heading, blocks in found.items() if not blocks} == set(WITHOUT_BLOCKS)
    assert not set(MADE) & set(OTHERS) and all([*OTHERS.values(), *WITHOUT_BLOCKS.values()])


def is_ours(line):
    return any("pam_otp.so" in word for word in line)


def by_hand(lines, block, made):
    """These rules when a person has put in those of the block."""
    wanted = rules(block)
    others = [line for line in wanted if not is_ours(line)]
    if made.instead:
        at = lines.index(made.instead.split())
        rest = [[stage, "include", "login"] for stage in ("account", "session", "password")] if made.instead == "@include login" else []
        return lines[:at] + wanted + rest + lines[at + 1 :]
    if others and not any(line in lines for line in others):
        return lines + wanted  # a whole file, or lines beside which none of those stand
    lines = list(lines)
    for number, line in enumerate(wanted):
        if is_ours(line) and number and not is_ours(wanted[number - 1]):
            lines.insert(lines.index(wanted[number - 1]) + 1, line)
        elif is_ours(line):
            before = next((one for one in wanted[number:] if not is_ours(one)), ["@include", "common-password"])
            lines.insert(lines.index(before), line)
    return lines


def is_sorted_by_stage(lines):
    """The stages one after another: their order among each other is nothing to libpam."""
    return sorted(lines, key=lambda line: line[0] if line[0] in ("account", "session", "password") else "auth")


@pytest.fixture
def of_debian(stock):
    for name, text in LOCKERS.items():
        write(PAM / name, text, 0o644)
    yield
    for path in (DROP_IN, SUDOERS):
        path.unlink(missing_ok=True)
    shutil.rmtree("/etc/otp/gates", ignore_errors=True)


def text_of(path):
    vendor = VENDOR / path.name
    return path.read_text() if path.exists() else vendor.read_text() if path.parent == PAM and vendor.exists() else ""


def makes(made, user, codes):
    """`otpctl gate enable` at a terminal; a twin is asked again, with the next code."""
    twins = 2 if made.service in ("sudo", "su") and not made.words else 1
    secrets = {CODE_PROMPT: lambda: next(codes), OFFER: lambda: next(codes), AS_ONE[0]: lambda: PASSWORD + next(codes)}
    answers = [(prompt, secrets.get(prompt, lambda: PASSWORD)()) for _ in range(twins) for prompt in made.answers]
    words = [OTPCTL, "gate", "enable", made.service, "--admin", user.name, "--no-rollback", *made.words]
    return dialogue(words, answers)


CASES = [(place, made) for place, all_made in MADE.items() for made in all_made]


@pytest.mark.parametrize("place, made", CASES, ids=[f"{heading}-{number}-{made.service}" for (heading, number), made in CASES])
def test_what_gate_makes_is_what_the_page_shows(of_debian, machine, enrolled, place, made):
    user, key = enrolled
    block = sections()[place[0]][place[1]]
    before = {path: text_of(path) for path in made.paths()}
    files = {path: path.read_bytes() for path in PAM.iterdir() if path.is_file()}
    with policy(made.policy):
        done = makes(made, user, iter((key.first, key.second)))
        assert done.status == 0, done
        assert otpctl("config", "check").returncode == DONE
    for path, text in before.items():
        found = rules(path.read_text())
        if path == SUDOERS:
            found[0], wanted = found[0][:3], [line[:3] if number == 0 else line for number, line in enumerate(rules(block))]
        elif path == DROP_IN:
            wanted = rules(sections()["sshd"][0]) + [line for line in rules(block) if line not in rules(sections()["sshd"][0])]
        else:
            wanted = made.by_hand(text, block)
        assert is_sorted_by_stage(found) == is_sorted_by_stage(wanted), path
    name = "sudo-otp" if made.words == COMMANDS else made.service
    assert otpctl("gate", "disable", name).returncode == DONE
    assert {path: path.read_bytes() for path in PAM.iterdir() if path.is_file()} == files
    assert not DROP_IN.exists() and not SUDOERS.exists()


def test_sudo_has_the_lines_by_hand(of_debian, enrolled):
    user, key = enrolled
    before = [path.read_text() for path in SUDOS]
    assert makes(Made("sudo"), user, iter((key.first, key.second))).status == 0
    by_gate = [rules(path.read_text()) for path in SUDOS]
    for path, text in zip(SUDOS, before, strict=True):
        path.write_text(text)
    run("sh", "-c", lines_by_hand())
    assert [rules(path.read_text()) for path in SUDOS] == by_gate


def test_the_drop_in_with_a_key_is_what_sshd_says(of_debian, enrolled):
    user, key = enrolled
    done = makes(Made("sshd", KEY + WITHOUT, answers=ALONE), user, iter((key.first,)))
    assert done.status == 0 and "root can no longer log in by ssh" in done.text, done
    said = run("/usr/sbin/sshd", "-T").splitlines()
    for line in ("authenticationmethods publickey,keyboard-interactive", "permitrootlogin no", "passwordauthentication no"):
        assert line in said


def test_the_proof_of_passwd_leaves_key_and_password_as_they_are(of_debian, enrolled):
    user, key = enrolled
    done = makes(MADE["passwd", 0][0], user, iter((key.first,)))
    assert done.status == 0 and "otpauth" not in done.text and "New password" not in done.text, done
    assert has_password(user, PASSWORD)
    again = dialogue([OTPCTL, "gate", "test", "doas", "--admin", user.name], [("Password: ", PASSWORD), (CODE_PROMPT, key.second)])
    assert again.status == 0, again
    told = otpctl("gate", "status", "passwd").stdout
    assert re.search(r"line: /etc/pam.d/passwd line \d+ \(rotate=ask\)", told), told


@pytest.mark.parametrize("code, why", [("wrong", "the stage password answers authtok_err"), ("", "the stage password answers")])
def test_passwd_is_not_gated_without_a_code(of_debian, enrolled, code, why):
    user, key = enrolled
    before = (PAM / "passwd").read_bytes()
    done = makes(MADE["passwd", 0][0], user, iter((key.wrong() if code else "",)))
    assert done.status == 1 and why in done.text, done
    assert (PAM / "passwd").read_bytes() == before and has_password(user, PASSWORD)


def test_a_locker_is_proved_with_the_rights_of_its_user(of_debian, machine, enrolled):
    user, key = enrolled
    with machine.daemon_stopped():
        done = makes(Made("i3lock", answers=AS_ONE), user, iter((key.first,)))
    assert done.status == 1 and "the stage auth answers authinfo_unavail" in done.text, done
    start = machine.journal.position()
    assert makes(Made("i3lock", answers=AS_ONE), user, iter((key.first,))).status == 0
    assert any("origin=socket" in line for line in machine.journal.since(start))


def test_a_code_alone_is_refused_where_it_would_be_all(of_debian, enrolled):
    user, _ = enrolled
    for service, why in {"sudo": "with a code alone", "login": "with a code alone", "sshd": "needs --with-key", "passwd": "with a code alone"}.items():
        done = otpctl("gate", "enable", service, "--without-password", "--admin", user.name, "--no-rollback")
        assert done.returncode == 2 and why in done.stderr, done
    done = otpctl("gate", "test", "i3lock", "--with-key", "--admin", user.name)
    assert done.returncode == 2 and "for sshd alone" in done.stderr


def test_one_recipe_is_not_put_over_another(of_debian, enrolled):
    user, key = enrolled
    assert makes(Made("swaylock", answers=AS_ONE), user, iter((key.first,))).status == 0
    again = otpctl("gate", "enable", "swaylock", "--no-rollback")
    assert again.returncode == DONE and "already" in again.stdout
    done = otpctl("gate", "enable", "swaylock", "--without-password", "--admin", user.name, "--no-rollback")
    assert done.returncode == 1 and "by other lines than those wanted" in done.stderr and "gate disable" in done.stderr, done


def test_a_locker_with_another_first_factor_is_refused_by_its_line(of_debian, enrolled):
    user, _ = enrolled
    write(PAM / "swaylock", "auth required pam_env.so\nauth sufficient pam_unix.so\nauth sufficient pam_sss.so use_first_pass\nauth required pam_deny.so\n", 0o644)
    done = otpctl("gate", "enable", "swaylock", "--admin", user.name, "--no-rollback")
    assert done.returncode == 1 and f"{PAM / 'swaylock'} line 3: pam_sss.so" in done.stderr, done
