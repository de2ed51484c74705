"""A gate that nobody confirms is undone: with the terminal gone, after a reboot, and whatever its own session says. On machines with
systemd as process 1, and with their own sudo, su and sshd."""

import re
from contextlib import contextmanager

import pytest

from harness.boot import Disk
from harness.machine import CODE_PROMPT, DEFAULT_POLICY, PASSWORD, PASSWORD_PROMPT, POLICY
from harness.wait import until

WAITS = 120  # seconds until a gate is undone


def pam_file(machine, name):
    return (machine.root / "etc/pam.d" / name).read_text()


def record(machine, name):
    """How the record of a gate stands: pending, gate, or None."""
    found = [path.suffix[1:] for path in (machine.root / "etc/otp/gates").glob(f"{name}.*")]
    return found[0] if found else None


@contextmanager
def becomes_root(session, *codes):
    """A root shell by sudo, in the same login session."""
    session.console.types("sudo -s")
    session.console.awaits(PASSWORD_PROMPT)
    session.console.types_hidden(PASSWORD)
    for code in codes:
        session.console.awaits(CODE_PROMPT)
        session.console.types_hidden(code)
    session.console.awaits("# ")
    try:
        yield session
    finally:
        session.console.types("exit")
        session.console.awaits(r"\$ ")


def root_says(session, line, *answers):
    """(exit code, output) of a line in the root shell; its prompts are answered in their order."""
    console = session.console
    start = len(console.transcript)
    console.types(f"{line}; echo [$?]")
    for prompt, answer in answers:
        console.awaits(prompt)
        console.types_hidden(answer)
    code = int(console.awaits(r"\[(\d+)\]\s+\S*# ")[1])
    return code, console.transcript[start:]


def enables(session, service, *codes):
    """As the account that has logged in, which is the admin. Each of two services wants a code of its own."""
    answers = [answer for code in codes for answer in (("Password: ", PASSWORD), (CODE_PROMPT, code))]
    return root_says(session, f"otpctl gate enable {service}", *answers)


def undone(machine, name, before):
    return record(machine, name) is None and pam_file(machine, name) == before


@pytest.fixture(scope="module", autouse=True)
def ssh_server(booted):
    with booted.sshd():
        yield


def test_the_unit_before_logins_is_enabled_and_in_no_circle(booted):
    assert booted.run("systemctl", "is-enabled", "otp-gate-rollback.service") == "enabled\n"
    assert "sysinit.target" in booted.property("Before", "otp-gate-rollback.service").split()
    assert "ordering cycle" not in booted.run("journalctl", "--boot", "--no-pager")
    assert booted.run("systemd-analyze", "verify", "--man=no", "otp-gate-rollback.service") == ""


def test_the_unit_before_logins_tries_again_and_keeps_nobody_waiting(booted):
    unit, record = "otp-gate-rollback.service", "/etc/otp/gates/tried.pending"
    booted.run("install", "-d", "-m", "700", "/etc/otp/gates")
    booted.write(record, "nonsense")
    assert booted.tries("systemctl", "start", unit).returncode == 1
    assert booted.property("SubState", unit) == "auto-restart"
    booted.run("rm", record)
    until(lambda: booted.property("SubState", unit) == "dead", "the end of the tries", 60)


def test_a_gate_is_confirmed_in_another_session_and_not_in_its_own(booted):
    user, before = booted.new_user("anna"), pam_file(booted, "sudo")
    with booted.login(user) as first, booted.ssh(user) as second:
        with becomes_root(first):
            key, token = booted.enrol(user), booted.enrol_token(user)  # its codes are good for half a minute
            code, said = enables(first, "sudo", key.first, token.code(2))
            assert code == 0 and re.search(r"but only for 120 seconds, until [-0-9]+ [:0-9]+ \S+, unless", said) and "otpctl gate confirm sudo" in said
            assert record(booted, "sudo") == "pending" and booted.is_active("otp-gate-sudo.timer")
            assert "unless somebody confirms it" in booted.run("otpctl", "gate", "status", "sudo")
            code, said = root_says(first, "otpctl gate confirm sudo")
            assert code == 1 and "this is the login session in which the gate was enabled" in said and "ssh" in said
        done = booted.tries("otpctl", "gate", "confirm", "sudo")
        assert done.returncode == 1 and "this is not a login session" in done.stderr
        assert booted.property("IgnoreOnIsolate", "otp-gate-sudo.timer") == "yes"
        with becomes_root(second, key.second):
            gated = pam_file(booted, "sudo")
            booted.write("/etc/pam.d/sudo", gated + "# mine\n")
            code, said = root_says(second, "otpctl gate confirm sudo")
            assert code == 1 and "is new: # mine" in said and record(booted, "sudo") == "pending"
            booted.write("/etc/pam.d/sudo", gated)
            code, said = root_says(second, "otpctl gate confirm sudo")
            assert code == 0 and "the gate of sudo stays" in said and "by this service or another" in said
    assert record(booted, "sudo") == "gate" and not booted.is_active("otp-gate-sudo.timer")
    assert not list((booted.root / "etc/pam.d").glob(".*"))
    booted.run("otpctl", "gate", "disable", "sudo")
    assert undone(booted, "sudo", before)


def test_a_gate_is_confirmed_only_with_a_code_that_was_accepted_since(booted):
    user, before = booted.new_user("bert"), pam_file(booted, "su")
    with booted.login(user) as first, booted.ssh(user) as second:
        with becomes_root(first):
            key, token = booted.enrol(user), booted.enrol_token(user)
            assert enables(first, "su", key.first, token.code(2))[0] == 0
        with becomes_root(second):
            code, said = root_says(second, "otpctl gate confirm su")
            assert code == 1 and f"no code of {user.name} has been accepted since" in said
        code, said = second.shell(f"su {user.name} -c true", ("Password: ", PASSWORD), (CODE_PROMPT, key.second))
        assert code == 0
        with becomes_root(second):
            assert root_says(second, "otpctl gate confirm su")[0] == 0
    booted.run("otpctl", "gate", "disable", "su")
    assert undone(booted, "su", before)


def listening(machine):
    """How often sshd has begun to listen: after a reload it closes its sockets and begins again."""
    return sum("Server listening on ::" in line for line in machine.journal("ssh.service"))


def test_sshd_asks_by_way_of_pam_from_the_gate_on_and_no_longer_when_it_is_disabled(booted):
    user, before = booted.new_user("gwen"), pam_file(booted, "sshd")
    booted.run("rm", "/etc/ssh/sshd_config.d/lab.conf")
    begun = listening(booted)
    booted.systemctl("reload", "ssh.service")
    until(lambda: listening(booted) > begun, "sshd that has read its files again")
    asks = lambda: "kbdinteractiveauthentication yes" in booted.run("/usr/sbin/sshd", "-T")  # noqa: E731
    try:
        assert not asks()
        with booted.login(user) as older, booted.login(user) as first, becomes_root(first):
            begun, key = listening(booted), booted.enrol(user)
            assert enables(first, "sshd", key.first)[0] == 0
            until(lambda: listening(booted) > begun, "sshd that has read its files again")
            assert asks() and record(booted, "sshd") == "pending"
            with becomes_root(older):
                code, said = root_says(older, "otpctl gate confirm sshd")
                assert code == 1 and "this login session began before the gate was enabled" in said and "log in again, by ssh" in said
            with booted.ssh(user, key.second) as second, becomes_root(second):
                assert root_says(second, "otpctl gate confirm sshd")[0] == 0
        booted.run("otpctl", "gate", "disable", "sshd")
        assert not asks() and undone(booted, "sshd", before)
    finally:
        booted.write("/etc/ssh/sshd_config.d/lab.conf", "KbdInteractiveAuthentication yes\nPasswordAuthentication no\n")
        booted.systemctl("restart", "ssh.service")


def test_with_the_terminal_gone_or_with_nobody_who_confirms_it_is_undone(booted):
    user, other = booted.new_user("cleo"), booted.new_user("dora")
    before = {name: pam_file(booted, name) for name in ("sudo", "su", "login")}
    gone, stays, third = booted.ssh(user), booted.ssh(user), booted.ssh(other)
    for session in (gone, stays, third):
        session.console.types("sudo -s")
        session.console.awaits(PASSWORD_PROMPT)
        session.console.types_hidden(PASSWORD)
        session.console.awaits("# ")
    key, token, another = booted.enrol(user), booted.enrol_token(user), booted.enrol(other)
    assert enables(third, "login", another.first)[0] == 0
    assert enables(stays, "su", key.first, token.code(2))[0] == 0
    assert enables(gone, "sudo", key.second, token.code(3))[0] == 0
    gone.console.hangs_up()
    booted.write("/etc/pam.d/login", pam_file(booted, "login") + "# mine\n")
    for name in before:
        assert record(booted, name) == "pending" and "pam_otp.so" in pam_file(booted, name), name
    before["login"] += "# mine\n"
    until(lambda: all(undone(booted, name, text) for name, text in before.items()), "the end of the three gates", WAITS + 60)
    assert [name for name in booted.run("ls", "-A", "/etc/pam.d").split() if "otp-gate" in name] == []
    said = "\n".join(booted.journalctl())
    assert {f"event=gate-undone service={name}" for name in before} <= set(re.findall(r"event=gate-undone service=\w+", said))
    with booted.ssh(other) as session:
        assert session.sudo("id -u")[0] == 0


def test_a_machine_that_goes_down_comes_up_without_the_gate(tmp_path, request):
    disk = Disk(tmp_path)
    with disk.booting() as machine:
        machine.install(request.config.getoption("--artefacts"))
        machine.write(POLICY, DEFAULT_POLICY)
        user, before = machine.new_user("emil"), pam_file(machine, "sudo")
        with machine.login(user) as session, becomes_root(session):
            key = machine.enrol(user)
            assert enables(session, "sudo", key.first, key.second)[0] == 0
        assert record(machine, "sudo") == "pending" and "pam_otp.so" in pam_file(machine, "sudo")
    with disk.booting() as machine:
        assert undone(machine, "sudo", before)
        assert machine.property("ConditionResult", "otp-gate-rollback.service") == "yes"
        assert machine.failed_units() == []
        assert "ordering cycle" not in machine.run("journalctl", "--boot", "--no-pager")
        with machine.login(user) as session:
            assert session.sudo("id -u")[0] == 0


def test_without_the_unit_a_gate_is_refused(booted):
    user, _ = booted.enrolled_user("finn")
    booted.run("systemctl", "disable", "otp-gate-rollback.service")
    try:
        done = booted.tries("otpctl", "gate", "enable", "sudo", "--admin", user.name)
    finally:
        booted.run("systemctl", "enable", "otp-gate-rollback.service")
    assert done.returncode == 1 and "systemctl enable otp-gate-rollback.service" in done.stderr
