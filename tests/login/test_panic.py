"""A panic inside the module, forced by the test-only crate tests/panicking around it: sudo lives on and refuses, and the
person at the terminal learns no address of it."""

import re
import shutil

import pytest

from harness.journal import decisions
from harness.machine import ABORT, CODE_PROMPT, MODULE, PANICKING, as_user
from harness.terminal import dialogue

STEPS = ["user", "ask", "answered", "clock", "show", "delay", "item", "bomb"]


@pytest.fixture(scope="module")
def panicking_module():
    shutil.copyfile(PANICKING, MODULE.with_name("pam_panicking.so"))


def wrong_code_through(machine, user, key, step):
    machine.sudo_asks(user, f"required pam_panicking.so at={step}")
    command = [*as_user(user), "env", "RUST_BACKTRACE=full", "sudo", "--", "id", "-u"]
    return dialogue(command, [(CODE_PROMPT, key.wrong())] if step not in ("user", "item", "ask", "clock") else [])


@pytest.mark.parametrize("step", STEPS)
def test_a_panic_leaves_sudo_alive_and_refusing(machine, panicking_module, enrolled, journal, step):
    user, key = enrolled
    start = journal.position()
    result = wrong_code_through(machine, user, key, step)
    assert result.status == 1, result.text
    assert "panicked" not in result.text and "secret words" not in result.text
    assert not re.search(r"0x[0-9a-f]{6}|stack backtrace|\.rs:", result.text), result.text
    lines = [line for line in decisions(journal.since(start)) if line["reason"] == "panic"]
    assert len(lines) == 1 and "src/lib.rs:" in lines[0]["place"], lines


@pytest.mark.parametrize("step", STEPS)
def test_a_panic_is_pam_abort_to_any_host(machine, panicking_module, enrolled, step):
    user, key = enrolled
    service = machine.service(f"panic-{step}", f"required pam_panicking.so at={step}")
    result, _ = machine.ask(service, user, key.wrong())
    assert result == ABORT


def test_after_a_panic_the_code_that_was_not_looked_at_still_works(machine, panicking_module, enrolled):
    user, key = enrolled
    service = machine.service("panic-answered", "required pam_panicking.so at=answered")
    assert machine.ask(service, user, key.first)[0] == ABORT
    assert machine.ask("otp", user, key.first)[0] == 0
