"""The daemon as systemd starts it, without a systemd: with a socket that is there first, and with the host key as a credential."""

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

from harness.machine import ACCOUNT, DAEMON_LOG, HOST_KEY, listens_at, run, write
from harness.wait import until
from harness.wire import SOCKET

CREDENTIALS = Path("/run/credentials/otp-enrolld.service")


@contextmanager
def activated(machine, *command):
    """As systemd does it: the socket is there first, the daemon is started by the first client."""
    machine.stop()
    Path(SOCKET).unlink(missing_ok=True)
    with open(DAEMON_LOG, "ab") as log:
        holder = subprocess.Popen(["systemd-socket-activate", "-l", SOCKET, *command], stdout=log, stderr=log)
    try:
        until(lambda: listens_at(SOCKET), "systemd's socket")
        os.chmod(SOCKET, 0o666)  # SocketMode= of the unit
        yield
    finally:
        holder.terminate()
        holder.wait(10)
        Path(SOCKET).unlink(missing_ok=True)
        machine.start()


@contextmanager
def credential():
    """The variable that names the directory with the host key, which only the daemon's account can read."""
    CREDENTIALS.mkdir(parents=True)
    try:
        write(CREDENTIALS / "host.key", HOST_KEY.read_text(), 0o400)
        run("chown", "-R", f"{ACCOUNT}:{ACCOUNT}", CREDENTIALS)
        yield f"CREDENTIALS_DIRECTORY={CREDENTIALS}"
    finally:
        run("rm", "-r", CREDENTIALS)
