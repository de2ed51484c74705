"""otpctl at a terminal: what it asks, and what a person answers."""

from harness.machine import OTPCTL, as_user, key_of
from harness.terminal import Terminal

DONE, REFUSED, USAGE, UNREACHABLE = 0, 1, 2, 3


def session(user, *words):
    return Terminal([*as_user(user), OTPCTL, *words], columns=200, rows=80)


def answers(terminal, prompt, text):
    terminal.awaits(prompt)
    terminal.types(text)


def key_shown(terminal):
    return key_of(terminal.awaits(r"(otpauth://\S+)")[1])


def finishes(terminal, key):
    """Types the code of a new key, and waits for the end; what was shown."""
    answers(terminal, "Code from the app: ", key.confirming)
    assert terminal.ends() == DONE, terminal.transcript
    return terminal.transcript
