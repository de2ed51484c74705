"""The cost of an import: of N keys at once, of the same file again, and of one token added to a host with N users. Nothing here passes or fails by
time; every key must be stored once."""

import os
import time
from base64 import b32encode
from pathlib import Path
from statistics import median

from lists import peak, watched

from harness.crowd import FIRST_UID, accounts, crowd_name
from harness.machine import OTPCTL, VAULT
from harness.wire import Client

ADDED = 20  # tokens, of whose times the median is told


def imports(machine, count, table):
    uids, file = range(FIRST_UID, FIRST_UID + count), Path("/root/users.oath")
    file.write_text("".join(f"HOTP/T30 {crowd_name(uid)} - {uid:040x}\n" for uid in uids))
    with accounts(uids):
        rows = [["import", *imported(machine, file, count)], ["the same again", *imported(machine, file, 0)]]
        assert sum(1 for _ in (VAULT / "keys").iterdir()) >= count
        rows.append(["one token added", *added(machine)])
    table([f"{count} users", "s", "most kB", "daemon, kB"], rows)


def imported(machine, file, stored):
    """The row of an import that must store so many keys."""
    Path(f"/proc/{machine.process.pid}/clear_refs").write_text("5")  # the daemon's peak begins again
    seconds, _, most, out = watched([OTPCTL, "import", "oath", file])
    assert f"imported: {stored},".encode() in out.splitlines()[-1], out[-400:]
    return f"{seconds:.2f}", most, peak(machine.process.pid)


def added(machine):
    """The median of the daemon's answer to a token's secret, which must be nobody else's."""
    times = []
    for _ in range(ADDED):
        user, secret = machine.new_user(), os.urandom(20)
        with Client() as client:
            begun = time.perf_counter()
            client.call("AddToken", user=user.name, secret=b32encode(secret).decode(), label="token")
            times.append(time.perf_counter() - begun)
    return f"{median(times):.4f}", "", peak(machine.process.pid)
