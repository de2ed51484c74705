"""One key from the letter to the lost phone, with the real programs all the way."""

import shlex

from harness.hosts import HOSTS, gates, one_try_at_login, sshd
from harness.letters import picture_of
from harness.machine import CODE_PROMPT, OTPCTL, otpctl
from harness.otpctl import answers, finishes, key_shown, session
from harness.prompts import APP_PROMPT, KEEP_PROMPT, RECOVERY_CODE, enrolling, key_on
from harness.qr_readers import read_image
from harness.rotation import OFFER, changes_password, rotates
from harness.screen import DARK, Pane, read_qr
from harness.terminal import Terminal


def test_a_letter_a_login_by_ssh_sudo_a_rotation_a_lost_phone_and_a_new_key(machine, user, passwd, tmp_path):
    page = tmp_path / "letter.html"
    with one_try_at_login(), gates(machine), sshd(), enrolling(HOSTS["ssh"].service):
        # root prints a letter; its owner scans the code with a camera
        assert otpctl("invite", user.name, "--letter", page).returncode == 0
        (letter,) = read_image(picture_of(page, tmp_path))

        # the first login: the letter's code at ssh's prompt, the QR code off the screen
        ssh = HOSTS["ssh"]
        ssh.prepare(machine, user)
        with Pane("story", shlex.join(map(str, ssh.command(machine, user))), columns=100, rows=90) as pane:
            pane.awaits(CODE_PROMPT)
            pane.types(letter)
            pane.awaits(APP_PROMPT)
            key = key_on(pane.text())
            (uri,) = read_qr(pane.coloured(), DARK, tmp_path / "screen.png")
            assert f"secret={key.base32}&" in uri
            pane.types(key.confirming)
            pane.awaits(KEEP_PROMPT)
            recovery = RECOVERY_CODE.findall(pane.text())
            pane.types("")
            assert pane.ended() == 0, pane.text()

        # sudo and su want its codes, each once; the letter is worth nothing any more
        assert HOSTS["sudo"].attempt(machine, user, key.first).opened
        assert not HOSTS["su-own"].attempt(machine, user, key.first).opened
        assert not ssh.attempt(machine, user, letter).opened

        # a new key instead of the old one
        terminal = session(user, "rotate")
        answers(terminal, "Code of the key to replace: ", key.second)
        second = key_shown(terminal)
        assert "the old one no longer works" in finishes(terminal, second)
        assert not HOSTS["sudo"].attempt(machine, user, key.code(key.step + 2)).opened
        assert HOSTS["su-own"].attempt(machine, user, second.first).opened

        # the phone is lost: a recovery code for sudo, another one and the password for a new key
        assert HOSTS["sudo"].attempt(machine, user, recovery[0]).opened
        terminal = changes_password(passwd, user)
        terminal.awaits(OFFER)
        terminal.types_hidden(recovery[1])
        third = rotates(terminal)
        assert terminal.ends() == 0, terminal.transcript
        assert not HOSTS["sudo"].attempt(machine, user, second.second).opened
        assert not HOSTS["sudo"].attempt(machine, user, recovery[1]).opened

        # its owner hears of all of it
        said = Terminal(["setpriv", f"--reuid={user.uid}", f"--regid={user.uid}", "--clear-groups", "--", OTPCTL, "notices"])
        assert said.ends() == 0
        for what in ("registration code", "replaced", "recovery code"):
            assert what in said.transcript, said.transcript
        assert third.base32 not in (key.base32, second.base32)
        assert machine.status(user)["generation"] == 3
