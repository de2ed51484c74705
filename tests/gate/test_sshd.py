"""`otpctl gate enable sshd` where a Match block has the last word for some people or addresses."""

import shutil
from pathlib import Path

import pytest

from harness.machine import CODE_PROMPT, OTPCTL, PASSWORD, otpctl, run
from harness.otpctl import REFUSED
from harness.terminal import dialogue

CONFIG, DROP_INS = Path("/etc/ssh/sshd_config"), Path("/etc/ssh/sshd_config.d")
PART = DROP_INS / "50-part.conf"


@pytest.fixture
def config(stock):
    """Adds lines to sshd_config for a while."""
    before = CONFIG.read_text()
    run("ssh-keygen", "-A")
    yield lambda text: CONFIG.write_text(f"{before}\n{text}")
    CONFIG.write_text(before)
    for path in (PART, DROP_INS / "00-otp.conf"):
        path.unlink(missing_ok=True)
    shutil.rmtree("/etc/otp/gates", ignore_errors=True)


def line_of(path, text):
    """The number of the line that begins so; the last one, for the test has put it at the end."""
    return max(number for number, line in enumerate(path.read_text().splitlines(), 1) if line.strip().startswith(text))


def proves_sshd(user, key):
    return dialogue([OTPCTL, "gate", "test", "sshd", "--admin", user.name], [("Password: ", PASSWORD), (CODE_PROMPT, key.first)])


@pytest.mark.parametrize("setting", ["PasswordAuthentication yes", "KbdInteractiveAuthentication no", "ChallengeResponseAuthentication=no", "kbdinteractiveauthentication no # why"])
@pytest.mark.parametrize("criteria", ["User {name}", "user nobody,{name}", "Group {name}", "Address 127.0.0.0/8", "all", "User !root,* Address *"])
def test_a_block_in_which_the_admin_is_not_asked_is_refused_by_its_line(config, enrolled, criteria, setting):
    user, _ = enrolled
    config(f"Match {criteria.format(name=user.name)}\n    X11Forwarding no\n    {setting}\n")
    for act in (["test", "sshd"], ["enable", "sshd", "--no-rollback"]):
        done = otpctl("gate", *act, "--admin", user.name)
        line = line_of(CONFIG, setting)
        assert done.returncode == REFUSED and f"{CONFIG} line {line} (Match " in done.stderr and user.name in done.stderr, done


@pytest.mark.parametrize("text", ["AuthenticationMethods publickey\n", "Match User {name}\n    AuthenticationMethods publickey\n"])
def test_an_admin_whom_sshd_never_asks_is_refused(config, enrolled, text):
    user, _ = enrolled
    config(text.format(name=user.name))
    done = otpctl("gate", "test", "sshd", "--admin", user.name)
    assert done.returncode == REFUSED and f"never asks {user.name} for a code" in done.stderr, done


def test_settings_with_which_sshd_would_not_start_again_are_refused(config, enrolled):
    user, _ = enrolled
    config("AuthenticationMethods publickey,password\n")
    done = otpctl("gate", "enable", "sshd", "--admin", user.name, "--no-rollback")
    assert done.returncode == REFUSED and 'Disabled method "password"' in done.stderr, done
    assert not (DROP_INS / "00-otp.conf").exists()


def test_only_the_lines_that_say_otherwise_are_named(config, enrolled):
    user, _ = enrolled
    config(f"Match User bin\n    PasswordAuthentication no\nMatch User {user.name}\n    PasswordAuthentication yes\n")
    done = otpctl("gate", "test", "sshd", "--admin", user.name)
    assert done.returncode == REFUSED and f"(Match User {user.name})" in done.stderr and "Match User bin" not in done.stderr, done


NOTED = {
    "another user": ("Match User bin\n    PasswordAuthentication yes", "PasswordAuthentication yes", "does not have PasswordAuthentication no"),
    "a network": ("Match Address 192.0.2.0/24,2001:db8::/32\n    KbdInteractiveAuthentication no", "KbdInteractiveAuthentication no", "does not have KbdInteractiveAuthentication yes"),
    "a key alone": ("Match Group daemon\n    PubkeyAuthentication yes\n    AuthenticationMethods publickey", "PubkeyAuthentication yes", "lets a key in without a code"),
    "methods without a prompt": ("Match Group bin\n    X11Forwarding no\n    AuthenticationMethods publickey,password", "AuthenticationMethods", "never asks for a code"),
    "a user that is not there": ("Match User backup-?*\n    PasswordAuthentication yes", "PasswordAuthentication yes", "does not have PasswordAuthentication no"),
    "a group without members": ("Match Group no-such-group\n    PasswordAuthentication yes", "PasswordAuthentication yes", "knows no user that the block applies to"),
    "root": ("PermitRootLogin yes\nMatch User root\n    PasswordAuthentication yes", "PasswordAuthentication yes", "sshd has other settings for root: not PasswordAuthentication no"),
}


@pytest.mark.parametrize("how", NOTED)
def test_a_block_for_others_is_told_by_its_line(config, enrolled, how):
    user, key = enrolled
    text, setting, why = NOTED[how]
    config(f"PubkeyAuthentication no\n{text}\n")
    done = proves_sshd(user, key)
    told = " ".join(done.text.split())  # its lines are as wide as the terminal
    assert done.status == 0 and f"{CONFIG} line {line_of(CONFIG, setting)} (Match " in told and why in told, done


def test_a_block_in_an_included_file_is_told_by_that_file(config, enrolled):
    user, key = enrolled
    PART.write_text("# mine\nMatch User bin\nPasswordAuthentication yes\n")
    config("")
    done = proves_sshd(user, key)
    assert done.status == 0 and f"{PART} line 3 (Match User bin)" in done.text, done


def test_blocks_that_change_nothing_of_ours_are_not_told(config, enrolled):
    user, key = enrolled
    config("PubkeyAuthentication no\nMatch User bin\n    X11Forwarding yes\nMatch Address 192.0.2.0/24\n    PasswordAuthentication no\n")
    done = proves_sshd(user, key)
    assert done.status == 0 and done.text.count("note:") == 1, done


def test_other_ways_in_without_a_code_are_told(config, enrolled):
    user, key = enrolled
    config("PubkeyAuthentication yes\nHostbasedAuthentication yes\n")
    done = proves_sshd(user, key)
    assert done.status == 0 and "sshd lets a key, the key of a host in without a code" in done.text, done
