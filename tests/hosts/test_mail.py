"""Real mail programs as notify_command, within the walls of otp-notify.service. tests/mail installs one after the other."""

from pathlib import Path

import pytest

from harness.machine import NOTIFIER
from harness.wait import until

PROGRAMS = {"/usr/sbin/exim4": "/usr/sbin/sendmail -t", "/usr/sbin/postfix": "/usr/sbin/sendmail -t", "/usr/bin/msmtp": "/usr/bin/msmtp -t"}
INSTALLED = [path for path in PROGRAMS if Path(path).exists()]
MAILING = """#!/bin/sh
{{ printf 'To: root@localhost\\nFrom: {sender}@localhost\\nSubject: your keys\\n\\n'; cat; }} | {command} 2>/var/notified/errors
"""
MSMTP = f"account default\nhost 127.0.0.1\nport 2525\nfrom {NOTIFIER}@localhost\nauto_from off\n"
# takes mail from msmtp as another machine would
SMTP = """
import asyncore, smtpd
class Server(smtpd.SMTPServer):
    def process_message(self, peer, sender, recipients, data, **_):
        open('/var/mail/root', 'ab').write(data)
Server(('127.0.0.1', 2525), None)
asyncore.loop()
"""


def prepares(booted, path):
    """The steps that an administrator takes before the program works."""
    if path == "/usr/sbin/postfix":
        booted.run("postconf", "-e", "inet_interfaces=loopback-only", "mydestination=localhost, private", "myhostname=private")
        booted.run("newaliases")
        booted.systemctl("start", "postfix@-.service")
    if path == "/usr/bin/msmtp":
        booted.write("/etc/msmtprc", MSMTP)
        booted.write("/root/smtp.py", SMTP)
        booted.run("systemd-run", "--unit=smtp", "/usr/bin/python3", "/root/smtp.py")


def delivered(booted):
    """All mailboxes of the machine."""
    return "".join(box.read_text() for box in (booted.root / "var/mail").iterdir())


@pytest.mark.skipif(not INSTALLED, reason="tests/mail installs a mail program")
def test_a_notice_is_mailed_from_within_the_sandbox(booted):
    (path,) = INSTALLED
    prepares(booted, path)
    booted.write("/usr/local/sbin/mailing", MAILING.format(sender=NOTIFIER, command=PROGRAMS[path]), 0o755)
    booted.run("install", "-d", "-o", NOTIFIER, "/var/notified")
    with booted.policy('notify_command = ["/usr/local/sbin/mailing"]\n'):
        user, _ = booted.enrolled_user("mailed")
        until(lambda: "admin-enrolled" in delivered(booted), "the mail", 30)
    assert user.name in delivered(booted) and f"{NOTIFIER}@localhost" in delivered(booted)
    assert (booted.root / "var/notified/errors").read_text() == ""
    assert booted.property("Result", "otp-notify.service") == "success"
