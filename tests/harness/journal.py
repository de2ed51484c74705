"""Stands in for syslogd: takes every line sent to /dev/log, in order."""

import os
import re
import socket
import threading

from harness.wait import until

SYSLOG = "/dev/log"
ALERT, NOTICE, INFO = "<81>", "<85>", "<86>"  # 8 * authpriv (10) + severity


class Journal:
    def __init__(self):
        self.lines = []
        self.marks = 0
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(SYSLOG)
        os.chmod(SYSLOG, 0o666)
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self):
        while True:
            line = self.socket.recv(1 << 20).rstrip(b"\n\0")
            self.lines.append(line.decode("utf-8", "backslashreplace"))

    def position(self):
        """How many lines have come; what was sent before this call is among them."""
        self.marks += 1
        mark, start = f"mark {self.marks}", len(self.lines)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(mark.encode(), SYSLOG)
        until(lambda: mark in self.lines[start:], "the log sink")
        return len(self.lines)

    def since(self, position):
        """The lines of the module and otpctl; the daemon's lines are also on its standard error (daemon_log)."""
        return [line for line in self.all_since(position) if ">otp-enrolld[" not in line]

    def all_since(self, position):
        return [line for line in self.lines[position : self.position()] if not line.startswith("mark ")]


def decisions(lines):
    """The module's decision lines, each as a dict of its fields."""
    return [fields(line) for line in lines if " outcome=" in line]


def fields(line):
    begin = next(line.index(word) for word in ("outcome=", "event=") if word in line)
    found = re.findall(r'(\w+)=("[^"]*"|\S*)', line[begin:])
    return {name: value.strip('"') for name, value in found}


def code_and_reason(machine, journal, user, code, service="otp"):
    """(PAM code, logged reason) of one login by a plain application."""
    start = journal.position()
    result, _ = machine.ask(service, user, code)
    (decision,) = decisions(journal.since(start))
    return result, decision["reason"]


def reason(machine, journal, user, code, service="otp"):
    return code_and_reason(machine, journal, user, code, service)[1]
