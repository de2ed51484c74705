"""The cost of many users where all of them are looked at: a start of the daemon, a list, doctor, a look for accounts that are gone. Time, and the
most memory of the command and of the daemon. Nothing here passes or fails by time; every user must be told of."""

import json
import subprocess
import threading
import time
from pathlib import Path

import harness.machine
from harness.crowd import FIRST_UID, accounts, make_files, make_index, remove_files
from harness.machine import OTPCTL
from harness.wait import until


def lists(machine, counts, table):
    """A table for each number of users, with accounts in /etc/passwd and without."""
    user, _ = machine.enrolled_user()
    for count in counts:
        uids = range(FIRST_UID, FIRST_UID + count)
        machine.stop()
        make_files(user, uids)
        make_index(uids, local=False)
        rows = [[f"{count} users without accounts", *row] for row in measured(machine, count)]
        remove_files(uids)
        make_files(user, uids)
        make_index(uids, local=True)
        with accounts(uids):
            rows += [[f"{count} users", *row] for row in measured(machine, count)]
            remove_files(uids)
        table(["", "what", "s", "first line, s", "most kB", "daemon, kB"], rows)
    machine.start()


def measured(machine, count):
    harness.machine.until = lambda condition, what, deadline=600: until(condition, what, max(deadline, 600))
    begun = time.perf_counter()
    machine.start()
    yield ["start", f"{time.perf_counter() - begun:.2f}", "", "", peak(machine.process.pid)]
    for words in (["list"], ["list", "--json"], ["--offline", "list"], ["doctor"], ["--offline", "gc"]):
        Path(f"/proc/{machine.process.pid}/clear_refs").write_text("5")  # the daemon's peak begins again
        seconds, first, most, out = watched([OTPCTL, *words])
        if "list" in words:
            told = len(json.loads(out)["users"]) + len(json.loads(out)["unreadable"]) if "--json" in words else out.count(b"\n") - 1
            assert told >= count, f"{words}: {told} of {count} users"
        yield [" ".join(words), f"{seconds:.2f}", f"{first:.3f}", most, peak(machine.process.pid)]
    machine.stop()


def watched(command):
    """(seconds, seconds until the first output, most resident kB, output)."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    most = [0]

    def watch():
        while process.poll() is None:
            most[0] = max(most[0], peak(process.pid))
            time.sleep(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    out = process.stdout.read(1)
    first = time.perf_counter() - begun
    out += process.stdout.read()
    watcher.join()
    return time.perf_counter() - begun, first, most[0], out


def peak(pid):
    try:
        return int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0])
    except (OSError, IndexError):
        return 0
