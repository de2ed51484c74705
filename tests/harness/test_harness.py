"""The tests' own tools, checked against somebody else's."""

import os
import random
import subprocess

import pytest

from harness.machine import PASSWORD, PASSWORD_PROMPT, Machine, as_user, run
from harness.screen import DARK, LIGHT, Pane, read_qr
from harness.terminal import Terminal, dialogue
from harness.totp import totp

URI = "otpauth://totp/Example:alice?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Example&algorithm=SHA1&digits=6&period=30"


@pytest.fixture(scope="module")
def bare(hosts):
    """A machine with accounts and sudo, but nothing of ours."""
    it = Machine("/nonexistent", hosts)
    it.prepare_accounts()
    return it


def test_our_codes_are_oathtools():
    chance = random.Random(6238)
    for algorithm in ("SHA1", "SHA256", "SHA512"):
        for digits in (6, 7, 8):
            secret, step = chance.randbytes(chance.choice((20, 32, 64))), chance.randrange(1, 1 << 32)
            theirs = run("oathtool", f"--totp={algorithm}", f"--digits={digits}", f"--now=@{step * 30}", secret.hex())
            assert totp(secret, step, algorithm, digits) == theirs.strip()


@pytest.mark.parametrize("kind, theme, readable", [("UTF8", DARK, True), ("UTF8", LIGHT, False), ("UTF8i", LIGHT, True), ("ANSIUTF8", DARK, True), ("ANSIUTF8", LIGHT, True)])
def test_a_qr_code_reads_as_it_would_on_such_a_screen(tmp_path, kind, theme, readable):
    with Pane("qrencode", f"qrencode -t {kind} -l L '{URI}'; echo done; sleep 60") as pane:
        pane.awaits("done")
        found = read_qr(pane.coloured(), theme, tmp_path / "screen.png")
    assert found == ([URI] if readable else [])


def test_the_journal_takes_lines_in_order(journal):
    start = journal.position()
    for number in range(100):
        run("logger", f"line {number}")
    assert [line.rsplit(": ", 1)[1] for line in journal.since(start)] == [f"line {number}" for number in range(100)]


def test_a_dialogue_with_sudo_opens_and_refuses(bare):
    user = bare.new_user()
    bare.sudo_asks(user, "required pam_unix.so")
    for password, status in ((PASSWORD, 0), ("wrong", 1)):
        outcome = bare.sudo(user, [(PASSWORD_PROMPT, password)])
        assert outcome.status == status and ("\n0\n" in outcome.text) == (status == 0)
        assert outcome.asked(PASSWORD_PROMPT) == 1


def test_a_prompt_that_does_not_come_fails_the_test(bare):
    user = bare.new_user()
    with pytest.raises(AssertionError):
        dialogue([*as_user(user), "true"], [("never: ", "x")])


def test_an_interrupt_reaches_sudo(bare):
    user = bare.new_user()
    bare.sudo_asks(user, "required pam_unix.so")
    terminal = Terminal([*as_user(user), "sudo", "id"])
    terminal.awaits(PASSWORD_PROMPT)
    terminal.interrupts_hidden()
    assert terminal.ends() != 0


def test_the_hosts_report_every_processs_answer(bare):
    user = bare.new_user()
    service = bare.service("unix", "required pam_unix.so")
    assert bare.race(service, user, PASSWORD, 20) == {0: 20}
    assert bare.race(service, user, "wrong", 5, real_uid=user.uid) == {7: 5}
    assert bare.ask(service, user, PASSWORD)[0] == 0


def test_the_clock_is_moved_for_programs_that_are_setuid_too(bare):
    bare.install_clock()
    user = bare.new_user()
    bare.sudo_asks(user, "required pam_permit.so")
    command = [*as_user(user), "sudo", "date", "+%s"]
    now = int(run(*command))
    with bare.clock(86400):
        assert 86400 <= int(run(*command)) - now < 86400 + 60
    assert int(run(*command)) - now < 60


def test_nothing_here_is_the_machines_own():
    assert os.uname().nodename == "private"
    assert subprocess.run(["touch", "/proc/sys/kernel/hostname"], capture_output=True).returncode != 0
    with open("/proc/net/dev", encoding="utf-8") as devices:
        assert [line.split(":")[0].strip() for line in devices.readlines()[2:]] == ["lo"]
