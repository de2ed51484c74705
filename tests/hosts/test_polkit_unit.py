"""polkit's helper from 127 on: no setuid program, but a unit that its socket starts, in a sandbox. Only where such a polkit is:
`tests/debian13 --sid`."""

import socket
from pathlib import Path

import pytest

SOCKET_UNIT = "polkit-agent-helper.socket"
pytestmark = pytest.mark.skipif(not Path("/usr/lib/systemd/system", SOCKET_UNIT).exists(), reason="polkit is older than 127")


@pytest.fixture
def helper(booted):
    """Asks the helper as an agent does, and answers its prompt; what it said. It cannot tell polkit, which did not ask it."""
    booted.write("/etc/pam.d/polkit-1", "auth required pam_otp.so\nauth required pam_permit.so\naccount required pam_otp.so\n")
    booted.systemctl("start", SOCKET_UNIT)
    path = booted.property("Listen", SOCKET_UNIT).split()[0]

    def ask(user, code):
        said = b""
        with socket.socket(socket.AF_UNIX) as agent:
            agent.settimeout(20)
            agent.connect(f"{booted.root}{path}")
            agent.sendall(f"{user.name}\ncookie\n".encode())
            while piece := agent.recv(4096):
                said += piece
                if b"PAM_PROMPT_ECHO_OFF One-time code: " in piece:
                    agent.sendall(f"{code}\n".encode())
        return said.decode()

    return ask


def test_the_helper_is_confined_and_takes_a_code_once(booted, helper):
    user, key = booted.enrolled_user("agent")
    sandbox = booted.run("systemctl", "cat", "polkit-agent-helper@.service")
    assert "ProtectSystem=strict" in sandbox and "SystemCallFilter=@system-service" in sandbox
    for code, outcome in ((key.wrong(), "refused reason=wrong"), (key.first, "accepted reason=code"), (key.first, "refused reason=replayed")):
        assert "One-time code: " in helper(user, code)
        lines = [line for line in booted.journal("otp-enrolld.service") if f" user={user.name} " in line and line.startswith("event=verify ")]
        assert f"outcome={outcome} " in lines[-1] and " origin=other " in lines[-1], lines


def test_without_the_daemon_the_helper_refuses(booted, helper):
    user, key = booted.enrolled_user("alone")
    booted.systemctl("stop", "otp-enrolld.socket", "otp-enrolld.service")
    try:
        assert "FAILURE" in helper(user, key.first)
        said = "\n".join(booted.journalctl("--facility=authpriv"))
        assert f"outcome=failed reason=unreadable-file user={user.name} " in said and "asked instead of the files" in said
    finally:
        booted.systemctl("start", "otp-enrolld.socket", "otp-enrolld.service")
