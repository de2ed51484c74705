#!/usr/bin/python3
"""A key for its owner in a web session: does in a browser what `otpctl enrol` does in a terminal.

    enrol_web.py [PORT]

Runs as the user whose key it is to be: the daemon believes the kernel about who asks, and nothing else. So a web application
starts one of these for each session that its user has logged in to, as that user, as Cockpit does with its bridge, and leads
the session to it through its own HTTPS. It listens on loopback only and prints the one address under which it answers; who
does not have that address gets nothing. Nothing is kept: the connection to the daemon is the enrolment, and ends with it.
"""

import hmac
import html
import json
import secrets
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

SOCKET = "/run/otp/otp.sock"
INTERFACE = "io.pam-otp.Otp1"
LARGEST = 4096
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
}
WORDS = {
    "RegistrationRefused": "This code is not good, or no longer valid. Ask for a new one.",
    "InvalidValue": "This is not a registration code: it was mistyped.",
    "CodeRefused": "This is not the code of the new key.",
    "EnrolmentExpired": "This took too long. Start again.",
    "NothingPending": "Start again.",
}


class Refused(Exception):
    """The daemon says no; its error without the interface's name, and the parameters."""

    def __init__(self, name, parameters):
        likely = diagnosed(parameters.get("diagnosis") or "")
        super().__init__(WORDS.get(name, parameters.get("reason", name)) + likely)
        self.name, self.parameters = name, parameters


def diagnosed(word):
    """The settings that the code would fit, as the interface file lists them."""
    kind, _, number = word.partition(" ")
    if kind in ("clock-slow", "clock-fast") and number.isdigit():
        return f" The device's clock is about {-(-int(number) // 60)} min {kind.removeprefix('clock-')}."
    if kind == "digits" and number.isdigit():
        return f" The app makes codes of {number} digits."
    if kind == "period" and number.isdigit():
        return f" The app makes a code every {number} s."
    return f" The app makes codes with {kind}." if kind in ("SHA1", "SHA256", "SHA512") else ""


class Daemon:
    """One connection; the pending key lives as long as it."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(SOCKET)
        self.stream = self.socket.makefile("rb")

    def call(self, method, **parameters):
        message = {"method": f"{INTERFACE}.{method}", "parameters": parameters}
        self.socket.sendall(json.dumps(message).encode() + b"\0")
        received = bytearray()
        while not received.endswith(b"\0"):
            piece = self.stream.read1(65536)
            if not piece:
                raise OSError("the daemon closed the connection")
            received += piece
        reply = json.loads(received[:-1])
        if "error" in reply:
            raise Refused(reply["error"].removeprefix(INTERFACE + "."), reply.get("parameters") or {})
        return reply["parameters"]

    def close(self):
        self.stream.close()
        self.socket.close()


class Session(ThreadingHTTPServer):
    """One owner, one session, one enrolment at a time. Anyone else who connects on this machine, and says nothing, keeps the owner from nothing."""

    daemon_threads = True

    def __init__(self, port):
        super().__init__(("127.0.0.1", port), Page)
        self.path = f"/{secrets.token_urlsafe(32)}"
        self.form = secrets.token_urlsafe(32)  # in every form: a foreign page cannot send one
        self.turn = threading.Lock()
        self.daemon = None
        self.spent = None  # the registration code that was used before

    def address(self):
        return f"http://127.0.0.1:{self.server_port}{self.path}"

    def redeem(self, registration):
        self.end()
        self.daemon = Daemon()
        self.spent = registration
        enrolment = self.daemon.call("Redeem", registration=registration, service="web")["enrolment"]
        self.spent = None
        return enrolment

    def repudiate(self):
        """The owner says that somebody else used the code."""
        if self.spent is None:
            raise Refused("NothingPending", {})
        self.end()
        self.daemon = Daemon()  # the one on which it was refused is closed when its owner thinks for long
        keys = self.daemon.call("Repudiate", registration=self.spent)["keys"]
        self.spent = None
        self.end()
        return keys

    def confirm(self, code):
        if self.daemon is None:
            raise Refused("NothingPending", {})
        confirmed = self.daemon.call("ConfirmEnrolment", code=code)
        self.end()
        return confirmed

    def end(self):
        if self.daemon is not None:
            self.daemon.close()
            self.daemon = None


class Page(BaseHTTPRequestHandler):
    timeout = 30

    def do_GET(self):
        if self.mine():
            self.show(self.asking_for_the_code())

    def do_POST(self):
        if not self.mine():
            return
        length = int(self.headers.get("Content-Length") or 0)
        sent = parse_qs(self.rfile.read(length).decode("ascii", "replace")) if length <= LARGEST else {}
        field = {name: values[0] for name, values in sent.items()}
        if not hmac.compare_digest(field.get("form", ""), self.server.form):
            return self.send_error(403)
        with self.server.turn:
            body = self.answer_to(field)
        self.show(body)

    def answer_to(self, field):
        try:
            if "notme" in field:
                return self.suspended(self.server.repudiate())
            if "registration" in field:
                return self.showing_the_key(self.server.redeem(field["registration"]))
            return self.done(self.server.confirm(field.get("code", "")))
        except Refused as refused:
            if refused.name == "RegistrationSpent":
                return self.asking_who_it_was(refused.parameters["used"])
            again = refused.name == "CodeRefused" and refused.parameters["tries_left"] > 0
            return self.asking_for_a_code(str(refused)) if again else self.asking_for_the_code(str(refused))
        except OSError:
            self.server.end()
            return self.asking_for_the_code("The daemon does not answer. Try again later.")

    def mine(self):
        if hmac.compare_digest(self.path, self.server.path):
            return True
        self.send_error(404)
        return False

    def show(self, body):
        page = f"<!doctype html><html lang=en><title>New key</title><body>{body}</body></html>".encode()
        self.send_response(200)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def asking_for_the_code(self, said=""):
        return self.form("registration", "Registration code", said)

    def asking_who_it_was(self, used):
        when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(used["at"]))
        place = ", ".join(f"{name} {used[name]}" for name in ("service", "rhost", "tty") if used.get(name))
        told = html.escape(f"A key was made with this code already, at {when}" + (f" ({place})" if place else ""))
        return (
            f"<p id=said>{told}. If that was you, there is nothing to do: ask for another code if you need a new key.</p>"
            f"<form method=post><input type=hidden name=form value={self.server.form}>"
            "<input type=hidden name=notme value=1><button id=notme>That was not me</button></form>"
        )

    def suspended(self, keys):
        return f"<p id=done>What came of it is suspended: {keys} of your keys. Tell an administrator now.</p>"

    def showing_the_key(self, enrolment):
        letters = " ".join(enrolment["secret"][at : at + 4] for at in range(0, len(enrolment["secret"]), 4))
        return f"<p>Scan this with the app, or type the letters. It is shown this once.</p>{enrolment['qr_svg']}<p><code id=letters>{letters}</code></p>" + self.asking_for_a_code()

    def asking_for_a_code(self, said=""):
        return self.form("code", "Code from the app", said)

    def done(self, confirmed):
        codes = "".join(f"<li><code>{html.escape(code)}</code></li>" for code in confirmed["recovery_codes"])
        return f"<p id=done>The key is stored. Write these down; each works once if the device is lost:</p><ol>{codes}</ol>"

    def form(self, name, label, said):
        said = f"<p id=said>{html.escape(said)}</p>" if said else ""
        return (
            f"{said}<form method=post><input type=hidden name=form value={self.server.form}>"
            f"<label>{label} <input name={name} autocomplete=off autofocus></label> <button>Go on</button></form>"
        )

    def log_message(self, *_):
        """Addresses hold the session's secret: nothing is logged."""


def main():
    session = Session(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    print(session.address(), flush=True)
    session.serve_forever()


if __name__ == "__main__":
    main()
