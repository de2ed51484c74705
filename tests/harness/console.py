"""A person at a terminal of another machine: the terminal is one of that machine's own, so that its programs know its name."""

import fcntl
import os
import struct
import subprocess
import termios

import pexpect
from pexpect import fdpexpect

from harness.terminal import Terminal, Unexpected

TIOCGPTN, TIOCSPTLCK = 0x80045430, 0x40045431


class Console(Terminal):
    """A program that `enter`, a command, starts and that has this terminal as its own."""

    def __init__(self, pid, enter, command, rows=50, columns=140, deadline=30):
        terminals = f"/proc/{pid}/root/dev/pts"
        master = os.open(f"{terminals}/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        fcntl.ioctl(master, TIOCSPTLCK, struct.pack("i", 0))
        (number,) = struct.unpack("i", fcntl.ioctl(master, TIOCGPTN, bytes(4)))
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
        self.name = f"pts/{number}"
        slave = os.open(f"{terminals}/{number}", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        words = [*enter, "setsid", "--ctty", "--wait", "--", *command]
        self.process = subprocess.Popen([str(word) for word in words], stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        self.listens_to(fdpexpect.fdspawn(master, encoding="utf-8", codec_errors="replace", timeout=deadline))

    def ends(self):
        """Waits for the end and returns the exit status."""
        try:
            self.pty.expect(pexpect.EOF)
        except pexpect.TIMEOUT:
            self.hangs_up()
            raise Unexpected(f"still running after:\n{self.transcript}") from None
        self.pty.close()
        return self.process.wait(60)

    def hangs_up(self):
        """The person goes away: the terminal is no more, and what runs there is told."""
        self.pty.close()
        self.process.wait(60)
