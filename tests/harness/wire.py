"""A raw Varlink client: NUL-terminated JSON over the socket, and nothing that would hide what the server does."""

import json
import os
import socket
import struct
import threading
import weakref
from contextlib import contextmanager, suppress
from pathlib import Path

SOCKET = "/run/otp/otp.sock"
INTERFACE = "io.pam-otp.Otp1"


class Refused(Exception):
    """An error reply: `name` without the interface, and its parameters."""

    def __init__(self, name, parameters):
        super().__init__(f"{name} {parameters}")
        self.name = name
        self.parameters = parameters


class Closed(ConnectionError):
    """The server closed the connection."""


@contextmanager
def acting_as(uid, gid=None):
    """The kernel notes the effective uid and gid when a socket is connected."""
    if uid == 0:
        yield
        return
    os.setegid(gid or uid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


class Client:
    all = weakref.WeakSet()

    def __init__(self, uid=0, path=SOCKET, timeout=30.0, gid=None):
        Client.all.add(self)
        self.socket = socket.socket(socket.AF_UNIX)
        self.received = b""
        # As our clients do: where the queue of the socket is full, they wait.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(timeout), 0))
        self.connect(str(path), uid, gid)
        self.socket.settimeout(timeout)

    def connect(self, path, uid, gid):
        with acting_as(uid, gid):
            self.socket.connect(path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.hangs_up()

    def hangs_up(self):
        self.socket.close()

    def send(self, raw):
        """A server that turns us away speaks before it closes: `receive` tells what it said, or that it is gone."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(raw)

    def receive(self):
        """The next message as it came, without its NUL."""
        while b"\0" not in self.received:
            try:
                piece = self.socket.recv(65536)
            except ConnectionResetError:
                piece = b""
            if not piece:
                raise Closed(self.received)
            self.received += piece
        message, self.received = self.received.split(b"\0", 1)
        return message

    def call(self, method, interface=INTERFACE, **parameters):
        message = {"method": f"{interface}.{method}", "parameters": parameters}
        self.send(json.dumps(message).encode() + b"\0")
        reply = json.loads(self.receive())
        if "error" in reply:
            name = reply["error"]
            raise Refused(name.removeprefix(INTERFACE + "."), reply.get("parameters", {}))
        return reply.get("parameters", {})


class LeftBehind(Client):
    """The process that made the connection has ended."""

    def connect(self, path, uid, gid):
        child = os.fork()
        if child == 0:
            try:
                super().connect(path, uid, gid)
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0


def call(method, uid=0, **parameters):
    """One call on a connection of its own."""
    with Client(uid=uid) as client:
        return client.call(method, **parameters)


def refusal_on(client, method, **parameters):
    """The error that this call is answered with."""
    try:
        answer = client.call(method, **parameters)
    except Refused as refused:
        return refused
    raise AssertionError(f"{method} was answered with {answer}")


def refusal(uid, method, timeout=60.0, **parameters):
    with Client(uid=uid, timeout=timeout) as client:
        return refusal_on(client, method, **parameters)


@contextmanager
def daemon_of_before(machine, answer):
    """Takes the place of the daemon, as root."""
    with machine.daemon_stopped():
        place = Path(SOCKET)
        place.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(SOCKET)
            listener.listen()
            place.chmod(0o666)
            calls = []

            def serve():
                while True:
                    try:
                        connection, _ = listener.accept()
                    except OSError:
                        return
                    with connection:
                        received = b""
                        while piece := connection.recv(65536):
                            received += piece
                            if received.endswith(b"\0"):
                                calls.append(json.loads(received[:-1]))
                                connection.sendall(json.dumps(answer(calls[-1])).encode() + b"\0")
                                received = b""

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            try:
                yield calls
            finally:
                listener.shutdown(socket.SHUT_RDWR)
                thread.join(5)
        place.unlink(missing_ok=True)
