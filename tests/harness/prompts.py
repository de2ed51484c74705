"""The module's prompts while it shows a new key in a conversation, and a person who answers them."""

import re

from harness.machine import CODE_PROMPT, TO_TYPE, Key, policy
from harness.terminal import Terminal

APP_PROMPT = "Code from the app: "
KEEP_PROMPT = "Press Enter when you have written them down: "
LETTERS = re.compile(r"type it into the app:((?: [A-Z2-7]{4})+)")
RECOVERY_CODE = re.compile(r"R-[0-9A-Z]{5}(?:-[0-9A-Z]{5}){4}")


def key_on(screen):
    """The key whose letters were shown last."""
    return key_of_letters(LETTERS.findall(screen)[-1])


def key_of_letters(letters):
    return Key({"secret": letters.replace(" ", ""), "algorithm": "SHA1", "digits": 6, "period": 30, "uri": ""}, TO_TYPE)


def confirms(terminal):
    """Reads the letters, types a code of them, writes the recovery codes down: (key, recovery codes)."""
    terminal.awaits(APP_PROMPT)
    key = key_on(terminal.transcript)
    terminal.types_hidden(key.confirming)
    terminal.awaits(KEEP_PROMPT)
    codes = RECOVERY_CODE.findall(terminal.transcript)
    terminal.types_hidden("")
    return key, codes


def enrolling(*services):
    return policy("".join(f'[service.{name}]\nunenrolled = "enrol"\n' for name in services))


def begins(machine, host, user, code):
    """The program at its prompt for the first code of the new key."""
    host.prepare(machine, user)
    terminal = Terminal(host.command(machine, user))
    terminal.awaits(CODE_PROMPT)
    terminal.types_hidden(code)
    return terminal
