"""A person at a terminal: a program on a pty, its prompts awaited, answers typed only when it listens."""

import os
import re
import termios
import weakref
from contextlib import suppress
from pathlib import Path

import pexpect

from harness.wait import until


class Unexpected(AssertionError):
    """The program did not say what was awaited; the message is the whole transcript."""


class Terminal:
    all = weakref.WeakSet()

    def __init__(self, command, env=None, rows=50, columns=140, deadline=30):
        environment = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "HOME": "/"}
        environment.update(env or {})
        pty = pexpect.spawn(
            str(command[0]),
            [str(word) for word in command[1:]],
            env=environment,
            encoding="utf-8",
            codec_errors="replace",
            timeout=deadline,
            dimensions=(rows, columns),
        )
        self.listens_to(pty)

    def listens_to(self, pty):
        self.pty = pty
        self.pty.delaybeforesend = None
        self.pty.logfile_read = self
        self.heard = []
        Terminal.all.add(self)

    def write(self, text):  # pexpect's log of what was read
        self.heard.append(text)

    def flush(self):
        pass

    @property
    def transcript(self):
        return "".join(self.heard).replace("\r\n", "\n")

    def awaits(self, pattern):
        """Waits until the program has printed the pattern."""
        try:
            self.pty.expect(pattern)
        except (pexpect.EOF, pexpect.TIMEOUT) as reason:
            raise Unexpected(f"{type(reason).__name__} instead of {pattern!r} after:\n{self.transcript}") from None
        return self.pty.match

    def types_hidden(self, text):
        """Types a line once the echo is off, or the program gone: the switch throws away what was typed before it."""
        until(lambda: not self._echoes() or not self.pty.isalive(), "echo off at the prompt")
        self.pty.sendline(text)

    def types(self, text):
        self.pty.sendline(text)

    def _echoes(self):
        return termios.tcgetattr(self.pty.child_fd)[3] & termios.ECHO

    def interrupts(self):
        self.pty.sendintr()

    def foreground(self):
        return os.tcgetpgrp(self.pty.child_fd)

    def is_read(self):
        """Does a program in the foreground sleep in a system call that waits for what is typed, or for an answer?"""
        return any(sleeps(process) for process in processes_of(self.foreground()))

    def interrupts_hidden(self):
        """Interrupts once the echo is off and the program reads: the switch throws away what was typed before it, an interrupt
        too, and sudo does not heed one that comes between its prompt and its read."""
        until(lambda: not self._echoes() and self.is_read(), "a read without echo at the prompt")
        self.pty.sendintr()

    def ends_input_hidden(self):
        """Control-D once the echo is off."""
        until(lambda: not self._echoes(), "echo off at the prompt")
        self.pty.sendeof()

    def ends(self):
        """Waits for the end and returns the exit status, negative for a signal."""
        try:
            self.pty.expect(pexpect.EOF)
        except pexpect.TIMEOUT:
            self.hangs_up()
            raise Unexpected(f"still running after:\n{self.transcript}") from None
        self.pty.close()
        return self.pty.exitstatus if self.pty.exitstatus is not None else -self.pty.signalstatus

    def hangs_up(self):
        """The person goes away; a program that does not heed it is killed."""
        try:
            self.pty.close(force=True)
        except pexpect.ExceptionPexpect:  # it was killed a tenth of a second ago, and had no turn since
            until(lambda: not self.pty.isalive(), "the end of what was killed")


def processes_of(group):
    for process in filter(str.isdigit, os.listdir("/proc")):
        with suppress(ProcessLookupError):
            if os.getpgid(int(process)) == group:
                yield process


def sleeps(process):
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        call = Path(f"/proc/{process}/wchan").read_text()
    except OSError:  # it has ended
        return False
    # some kernels do not tell where a process sleeps
    return state == "S" and (call == "0" or any(name in call for name in ("select", "poll", "wait_woken", "n_tty_read")))


class Outcome:
    """The end of a dialogue: `status` of the program, `text` of the whole transcript, how often each prompt came."""

    def __init__(self, status, text):
        self.status = status
        self.text = text

    def asked(self, pattern):
        return len(re.findall(pattern, self.text))

    def __repr__(self):
        return f"status {self.status} after:\n{self.text}"


def dialogue(command, answers, **options):
    """Answers the prompts in their order; a prompt that does not come fails the test."""
    terminal = Terminal(command, **options)
    for prompt, answer in answers:
        terminal.awaits(prompt)
        terminal.types_hidden(answer() if callable(answer) else answer)
    status = terminal.ends()
    return Outcome(status, terminal.transcript)
