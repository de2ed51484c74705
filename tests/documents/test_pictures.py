"""The pictures of the README: drawn from the running product, and held current. `docs/pictures/make` writes them."""

import re
import shlex
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.drawing import drawing, words_of
from harness.machine import PASSWORD, ROOT, as_user, key_of, otpctl, policy, write
from harness.screen import Pane

PICTURES = ROOT / "docs/pictures"
RULE = Path("/etc/sudoers.d/picture")
COLUMNS = 80
SHELL = "alice@web1:~$ "
GATED = ("requisite pam_unix.so", "required pam_otp.so")
# what is another one each time, and what stands for it in the comparison
CHANGING = [
    (r"\b[A-Z2-7]{4}(?: [A-Z2-7]{4})+\b", "KEY"),
    (r"secret=[A-Z2-7]+", "secret=KEY"),
    (r"\b([ER])-[0-9A-Z]+(?:-[0-9A-Z]+)*", r"\1-CODE"),
    (r"\b\d{6}\b", "123456"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?(?: [A-Z]{3,4})?", "TIME"),
    (r"\b\d\d:\d\d(?::\d\d)?(?: [A-Z]{3,4})?", "TIME"),
    (r"=2\d{4}\(", "=20000("),
]


@pytest.fixture
def pictured(machine):
    user = machine.new_user("alice")
    try:
        with policy('issuer = "Example"\nhost = "web1"\n'):
            yield user
    finally:
        otpctl("forget", user.name)
        machine.remove_user(user)


@contextmanager
def shell_of(user):
    command = [*map(str, as_user(user)), "env", "-C", "/", f"PS1={SHELL}", "HOME=/", "bash", "--norc", "--noprofile", "-i"]
    with Pane("picture", shlex.join(command), columns=COLUMNS, rows=70) as pane:
        pane.awaits(SHELL)
        yield pane


def enrolment(machine, alice):
    code = re.search(r"E-[0-9A-Z-]+", otpctl("invite", alice.name, "--allow-pipe").stdout)[0]
    with shell_of(alice) as pane:
        pane.types("otpctl enrol")
        pane.awaits("Registration code: ")
        pane.types(code)
        pane.awaits("Code from the app: ")
        pane.types(key_of(re.search(r"otpauth://\S+", pane.text())[0]).confirming)
        pane.awaits(SHELL, times=2)
        return drawing(pane.coloured(), "alice enrols", COLUMNS)


def sudo_twice(machine, alice):
    key = machine.enrol(alice)
    machine.sudo_asks(alice, *GATED)
    write(RULE, "Defaults:alice passwd_tries=1, timestamp_timeout=0, lecture=never\nalice ALL=(ALL) ALL\n", 0o440)
    try:
        with shell_of(alice) as pane:
            for number in (1, 2):
                pane.types("sudo id -un")
                pane.awaits("password for alice: ", times=number)
                pane.types(PASSWORD)
                pane.awaits("One-time code: ", times=number)
                pane.types(key.first)
                pane.awaits(SHELL, times=number + 1)
            return drawing(pane.coloured(), "sudo asks alice for a code", COLUMNS)
    finally:
        RULE.unlink()


SCENES = {"enrol": enrolment, "sudo": sudo_twice}


def likeness(picture):
    text = "\n".join(words_of(picture))
    for pattern, instead in CHANGING:
        text = re.sub(pattern, instead, text)
    return text


@pytest.mark.parametrize("name", SCENES)
def test_a_picture_shows_what_the_product_shows_today(request, machine, pictured, name):
    drawn = SCENES[name](machine, pictured)
    shown = (PICTURES / f"{name}.svg").read_text()
    if directory := request.config.getoption("--write-pictures"):
        (Path(directory) / f"{name}.svg").write_text(drawn)
    assert likeness(drawn) == likeness(shown), "docs/pictures/make draws it again"
