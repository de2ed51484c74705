"""Taking away whatever a failed test has left behind, so that one failure is one failure."""

import os
import signal
from contextlib import suppress
from pathlib import Path

from harness.booted import children
from harness.machine import GROUPS, MARKS, change_members
from harness.screen import Pane
from harness.terminal import Terminal
from harness.wire import Client


class Beforehand:
    """Connections, terminals, processes, emergency marks and members of our groups, as they were before the test."""

    def __init__(self):
        self.open = still_open()
        self.processes = set(children(os.getpid()))
        self.marks = set(MARKS.glob("*"))
        self.members = members_by_group()

    def brings_back(self, spared):
        """Hangs up, ends and removes what has come since, but for the process `spared`; puts the members back."""
        for one in still_open() - self.open:
            with suppress(Exception):  # it may be half made, or gone
                one.hangs_up()
        for process in set(children(os.getpid())) - self.processes - {spared}:
            end_with_all_below(process)
        for mark in set(MARKS.glob("*")) - self.marks:
            mark.unlink()
        for group, names in self.members.items():
            if members_by_group().get(group) not in (None, names):
                change_members(group, lambda _, names=names: names)


def still_open():
    return {*Client.all, *Terminal.all, *Pane.all}


def end_with_all_below(process):
    below = children(process)
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
    for one in below:
        end_with_all_below(one)


def members_by_group():
    """Of each group of ours that there is."""
    text = Path("/etc/group").read_text(errors="surrogateescape")  # a test may have written a name that is not UTF-8
    entries = [line.split(":") for line in text.splitlines()]
    return {entry[0]: entry[3].split(",") for entry in entries if entry[0] in GROUPS}
