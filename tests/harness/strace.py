"""Killing a program at one of its system calls, by strace, and finding out which calls there are."""

import re
import signal
import subprocess
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from harness.wait import until

STRACE_LOG = Path("/tmp/strace.log")
LINE = re.compile(r"^(\d+)\s+(\w+)\((.*)")
RESUMED = re.compile(r"^(\d+)\s+<\.\.\. \w+ resumed>(.*)")
UNFINISHED = "<unfinished ...>"


class Call(NamedTuple):
    task: str
    name: str
    arguments: str
    number: int  # how many of this name this task has made, this one included: strace's `when`


def calls_of(command):
    """The system calls that a command makes, in order."""
    subprocess.run(["strace", "-f", "-qq", "-s", "256", "-o", STRACE_LOG, *command], capture_output=True, timeout=60)
    return parsed(STRACE_LOG)


def parsed(log):
    """In the order in which they began; put together where another task came in between."""
    seen, calls, last = Counter(), [], {}
    for line in log.read_text(errors="replace").splitlines():
        if found := LINE.match(line):
            task, name, arguments = found.groups()
            seen[task, name] += 1
            last[task] = len(calls)
            calls.append(Call(task, name, arguments, seen[task, name]))
        elif (rest := RESUMED.match(line)) and rest[1] in last:
            begun = calls[last[rest[1]]]
            calls[last[rest[1]]] = begun._replace(arguments=begun.arguments.removesuffix(UNFINISHED) + rest[2])
    return calls


def answering(calls, words):
    """The call by which a task has read a message with these words, and what the same task called from then on."""
    at, received = next((at, call) for at, call in enumerate(calls) if words in call.arguments)
    return received, [call for call in calls[at + 1 :] if call.task == received.task]


def kill_at(call):
    return ["-e", f"trace={call.name}", "-e", f"inject={call.name}:signal=KILL:when={call.number}"]


def fail(name, error, when=None):
    return ["-e", f"trace={name}", "-e", f"inject={name}:error={error}" + (f":when={when}" if when else "")]


def run_under(options, command):
    """Runs the command with faults injected; returns the finished process."""
    return subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", *options, *command], capture_output=True, text=True, timeout=60)


@contextmanager
def attached(pid, *options):
    """strace on a running process, once each of its threads is at rest, and on the threads that it will start; yields the log's path."""
    until(lambda: all(at_rest(task) for task in Path(f"/proc/{pid}/task").iterdir()), "every thread at rest")
    STRACE_LOG.unlink(missing_ok=True)
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-s", "256", "-o", STRACE_LOG, *options, "-p", str(pid)], stderr=subprocess.PIPE)
    try:
        until(lambda: all(traced(task) for task in Path(f"/proc/{pid}/task").iterdir()), "strace attached")
        yield STRACE_LOG
    finally:
        if Path(f"/proc/{pid}").exists():  # else strace ends by itself; interrupting it while it buries a tracee can hang it
            tracer.send_signal(signal.SIGINT)
        try:
            tracer.communicate(timeout=60)
        finally:
            tracer.kill()  # or nobody else could trace that process


def at_rest(task):
    """It waits for something, and nothing has come: a change of /etc/passwd that the daemon is looking at would."""
    try:
        return (task / "stat").read_text().rsplit(") ", 1)[1][0] == "S"
    except (FileNotFoundError, ProcessLookupError):
        return True


def traced(task):
    try:
        return "TracerPid:\t0\n" not in (task / "status").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it has ended, before it was opened or before it was read
        return True


CHANGES = (
    "openat openat2 write pwrite64 pwritev fdatasync fsync rename renameat renameat2 link linkat unlink unlinkat "
    "fallocate ftruncate fchmod fchown fchownat fchmodat mkdirat flock close"
).split()
# as many, however many users the vault has: some calls read the files of all users
WRITES = [name for name in CHANGES if name not in ("openat", "openat2", "close")]
