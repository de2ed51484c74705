#!/usr/bin/python3
"""Gate an action of an application with a one-time code: asks the daemon over its socket, with Python's own library.

    verify.py USER ACTION <code

Exit code: 0 accepted, 1 refused, 2 wrong usage, 3 nothing was decided. Only 0 opens. The account that this runs as
belongs to the group otp-verify, or is USER.
"""

import json
import pwd
import socket
import struct
import sys
import time

SOCKET = "/run/otp/otp.sock"
ACCOUNT = "otp-enrolld"
TIMEOUT = 15.0  # seconds for all of it; the daemon may wait 10 s for a lock
LONGEST = 64 * 1024


class NotDecided(Exception):
    """Nothing was decided, and why. The code may be used up all the same."""


def verify(user, code, action):
    """True if the code was accepted, which uses it up; False if it was refused."""
    call = {"method": "io.pam-otp.Otp1.Verify", "parameters": {"user": user, "code": code, "action": action}}
    deadline = time.monotonic() + TIMEOUT
    try:
        with socket.socket(socket.AF_UNIX) as daemon:
            daemon.settimeout(TIMEOUT)
            daemon.connect(SOCKET)
            must_be_the_daemon(daemon)
            daemon.sendall(json.dumps(call).encode() + b"\0")
            reply = json.loads(message(daemon, deadline), object_pairs_hook=without_doubles)
    except (OSError, ValueError, RecursionError) as error:
        raise NotDecided(error) from error
    return verdict(reply)


def must_be_the_daemon(connection):
    """The kernel says who called listen(): root, or the daemon's account."""
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    if uid != 0 and pwd.getpwuid(uid).pw_name != ACCOUNT:
        raise OSError(f"{SOCKET} belongs to uid {uid}; wanted root or {ACCOUNT}")


def message(connection, deadline):
    """Everything up to the byte 0 that ends a message."""
    received = b""
    while not received.endswith(b"\0"):
        left = deadline - time.monotonic()
        if left <= 0 or len(received) > LONGEST:
            raise OSError("the daemon sends no end")
        connection.settimeout(left)
        piece = connection.recv(4096)
        if not piece:
            raise OSError("the daemon closed the connection")
        received += piece
    return received[:-1]


def without_doubles(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in the reply")
    return found


def verdict(reply):
    """Only `true` in its place is a yes."""
    if not isinstance(reply, dict) or "error" in reply:
        raise NotDecided(reply.get("error") if isinstance(reply, dict) else "a strange reply")
    try:
        accepted = reply["parameters"]["verdict"]["accepted"]
    except (KeyError, TypeError) as error:
        raise NotDecided("a reply without a verdict") from error
    if not isinstance(accepted, bool):
        raise NotDecided("a verdict that is neither true nor false")
    return accepted


def main():
    if len(sys.argv) != 3:
        print("usage: verify.py USER ACTION <code", file=sys.stderr)
        return 2
    user, action = sys.argv[1:]
    code = sys.stdin.readline(64).rstrip("\n")  # never as an argument: everybody can read those
    try:
        return 0 if verify(user, code, action) else 1
    except NotDecided as error:
        print(f"verify.py: {error}", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
