"""Marks of suspension beside a held lock: none is left for the next test, for `vault.toml` names them as long as there is one."""

import tomllib

import pytest

from harness.machine import VAULT
from harness.wire import call


@pytest.fixture
def nobody_stays_marked(machine):
    yield
    if not machine.running():
        machine.start()
    for mark in (VAULT / "suspended").glob("*"):
        call("Resume", user=tomllib.loads(mark.read_text())["user"])
