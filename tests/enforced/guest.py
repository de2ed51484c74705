"""Inside the virtual machine of tests/enforced/run: people log in and unlock, and nothing may have been refused to anybody.

Each line of the outcome begins with ENFORCED."""

import fcntl
import re
import subprocess
import sys
import termios
import time
import traceback
from pathlib import Path

sys.path.insert(0, "/run/tests")

from harness.machine import CODE_PROMPT, HOST_KEY, OUTBOX, PASSWORD, PASSWORD_PROMPT, POLICY, VAULT, Key, User, run
from harness.terminal import Terminal
from harness.wait import until
from harness.wire import SOCKET, Client

GATED = ("sudo", "su", "sshd", "login")
LOCKER = "@include common-auth\nauth required pam_otp.so\n@include common-account\n"
SSH = """ssh -tt -F /dev/null -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR
    -o PreferredAuthentications=keyboard-interactive -o NumberOfPasswordPrompts=1""".split()
SELINUX = Path("/sys/fs/selinux/enforce").exists()
SLOW = 90  # seconds for one answer of an emulated machine
LOGIN_PROGRAMS = "sshd|sshd-session|sudo|su|login|vlock|vlock-main"


def reported(text):
    print(f"ENFORCED {text}", flush=True)


def person_with_key(name):
    """An account with PASSWORD and a key, whose `first` and `second` codes are good for half a minute."""
    run("useradd", "--create-home", "--shell", "/bin/sh", name)
    subprocess.run(["chpasswd"], input=f"{name}:{PASSWORD}\n", text=True, check=True)
    with Client(timeout=SLOW) as client:
        key = Key(client.call("BeginEnrolment", user=name)["enrolment"])
        client.call("ConfirmEnrolment", code=key.confirming)
    return User(name, int(run("id", "-u", name))), key


class RemoteShell:
    """A shell at the other end of ssh."""

    def __init__(self, user, code):
        self.terminal = Terminal([*SSH, f"{user.name}@127.0.0.1"], deadline=SLOW)
        self.answers(("Password: ", PASSWORD), (CODE_PROMPT, code))
        self.terminal.awaits(r"\$ ")

    def answers(self, *answers):
        for prompt, answer in answers:
            self.terminal.awaits(prompt)
            a_moment()
            self.terminal.types(answer)

    def does(self, line, *answers):
        """The exit code of a line, whose prompts are answered in this order."""
        self.terminal.types(f"{line}; echo [$?]")
        self.answers(*answers)
        return int(self.terminal.awaits(r"\[(\d+)\]\s+\$ ")[1])


def a_moment():
    """Some programs throw away what was typed before they read, and these are at the other end of ssh."""
    begun = time.monotonic()
    until(lambda: time.monotonic() > begun + 1, "a second later")


def test_the_kernel_enforces():
    if SELINUX:
        assert run("getenforce").strip() == "Enforcing"
    else:
        assert "otp-enrolld (enforce)" in Path("/sys/kernel/security/apparmor/profiles").read_text()


def test_the_daemon_is_confined():
    pid = run("systemctl", "show", "-P", "MainPID", "otp-enrolld.service").strip()
    label = Path(f"/proc/{pid}/attr/current").read_text().strip("\0\n")
    assert (":otp_enrolld_t:" in label) if SELINUX else label == "otp-enrolld (enforce)", label


def test_what_was_made_at_the_boot_has_its_types():
    if SELINUX:
        expected = {HOST_KEY: "otp_key_t", VAULT / "vault.toml": "otp_vault_t", VAULT / "state": "otp_state_t", SOCKET: "otp_runtime_t"}
        found = {path: run("stat", "-c", "%C", path).split(":")[2] for path in expected}
        assert found == expected


def test_ssh_sudo_and_su():
    alice, key = person_with_key("alice")
    bob, other = person_with_key("bob")
    session = RemoteShell(alice, key.first)
    assert session.does("sudo id -u", (PASSWORD_PROMPT, PASSWORD), (CODE_PROMPT, key.second)) == 0
    assert session.does(f"su -c true {bob.name}", ("Password: ", PASSWORD), (CODE_PROMPT, other.first)) == 0
    assert session.does("otpctl status") == 0


def test_a_locker():
    carol, key = person_with_key("carol")
    session = RemoteShell(carol, key.first)
    assert session.does("vlock", (r"\[ENTER\]", ""), ("[Pp]assword: ", PASSWORD), (CODE_PROMPT, key.second)) == 0


def test_login_at_a_console():
    dave, key = person_with_key("dave")
    run("systemctl", "restart", "getty@tty1.service")
    for prompt, answer in (("login: ", dave.name), ("Password: ", PASSWORD), (CODE_PROMPT, key.first)):
        until(lambda wanted=prompt: console_text().endswith(wanted.strip()), f"{prompt} in {console_text()!r}", SLOW)
        type_at_the_console(f"{answer}\n")
    until(lambda: console_text().endswith("$"), f"a shell in {console_text()!r}", SLOW)


def console_text():
    return Path("/dev/vcs1").read_text(errors="replace").rstrip()


def type_at_the_console(text):
    with open("/dev/tty1", "rb", buffering=0) as terminal:
        for letter in text.encode():
            fcntl.ioctl(terminal, termios.TIOCSTI, bytes([letter]))


def test_ssh_and_sudo_while_the_daemon_is_down():
    erin, key = person_with_key("erin")
    run("systemctl", "stop", "otp-enrolld.socket", "otp-enrolld.service")
    try:
        session = RemoteShell(erin, key.first)
        assert session.does("sudo id -u", (PASSWORD_PROMPT, PASSWORD), (CODE_PROMPT, key.second)) == 0
    finally:
        run("systemctl", "start", "otp-enrolld.socket", "otp-enrolld.service")


def test_a_notice_is_handed_over():
    POLICY.write_text(POLICY.read_text() + 'notify_command = ["/usr/bin/true"]\n')
    frank, _ = person_with_key("frank")
    run("otpctl", "suspend", frank.name)
    until(lambda: not any(OUTBOX.iterdir()), "the end of the letters", SLOW)
    assert run("systemctl", "show", "-P", "Result", "otp-notify.service").strip() == "success"


def test_nothing_was_refused():
    """To the programs of pam_otp, on its files, or of a capability to a login program, which the module may have wanted."""
    found = refusals()
    assert not found, "\n".join(found)


def test_a_refusal_would_have_been_seen():
    """The daemon's own domain may neither be entered by another program nor read the passwords."""
    as_daemon = ["systemd-run", "--wait", "--property=SELinuxContext=system_u:system_r:otp_enrolld_t:s0"] if SELINUX else ["aa-exec", "-p", "otp-enrolld"]
    assert subprocess.run([*as_daemon, "cat", "/etc/shadow"], capture_output=True).returncode != 0
    until(refusals, "its refusal in the log", SLOW)


def audit_lines():
    """Of auditd's file: in some of these domains journalctl may not read the journal."""
    return Path("/var/log/audit/audit.log").read_text(errors="replace").splitlines()


def refusals():
    lines = {re.sub(r"audit\([^)]*\)|\b(pid|ino)=\d+", "", line) for line in audit_lines()}
    if SELINUX:
        ours = re.compile(rf':otp_|/otp|comm="(otp-enrolld|otpctl)"|comm="({LOGIN_PROGRAMS})".* tclass=capability')
        return sorted(line for line in lines if "avc:  denied" in line and ours.search(line))
    return sorted(line for line in lines if 'apparmor="DENIED"' in line)


def main():
    gate_everything()
    passed = failed = 0
    for name, test in list(globals().items()):
        if not name.startswith("test_"):
            continue
        try:
            test()
            passed += 1
            reported(f"passed {name}")
        except Exception:
            failed += 1
            for line in traceback.format_exc().splitlines():
                reported(f"  {line}")
            reported(f"FAILED {name}")
    if failed:
        print("\n".join(line for line in audit_lines() if re.search("denied|DENIED", line))[-6000:])
    reported(f"{passed} passed, {failed} failed")


def gate_everything():
    """Password, then code, for everybody; with a policy by which root may enrol."""
    for name in GATED:
        path = Path("/etc/pam.d") / name
        path.write_text(re.sub(r"(?m)^(@include common-(auth|account))$", r"\1\n\2 required pam_otp.so", path.read_text()))
    Path("/etc/pam.d/vlock").write_text(LOCKER)
    POLICY.write_text("version = 1\nadmin_enrol = true\n")


if __name__ == "__main__":
    main()
