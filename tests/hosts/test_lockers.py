"""Real screen lockers without root, each on a display of its own, and pkexec with an agent on a bus of its own."""

import os
import re
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.journal import decisions
from harness.machine import CODE_PROMPT, PASSWORD, REFUSAL, as_user, listens_at, run
from harness.services import CODE_ALONE
from harness.terminal import Terminal
from harness.wait import TooLate, until

XSECURELOCK = "/usr/libexec/xsecurelock/authproto_pam"
DISPLAY = ":7"
TYPED_AS_ONE = ("requisite pam_otp.so forward_pass", "required pam_unix.so use_first_pass")


def settled(journal, start, outcomes):
    """The outcomes of the decisions since then, once there are so many. Of what is typed while a locker does not listen half may arrive,
    which is junk."""
    def found():
        return [line["outcome"] for line in decisions(journal.since(start)) if "stage" not in line and line["reason"] != "junk"]

    until(lambda: len(found()) >= len(outcomes), "the decision", deadline=15)
    assert found() == outcomes


# xsecurelock: its PAM half asks on a pipe, one message a line and its body


def authproto(user, answers):
    """(exit status, what it said) of xsecurelock's authproto_pam."""
    command = [*as_user(user), "env", f"USER={user.name}", "XSECURELOCK_PAM_SERVICE=xsecurelock", XSECURELOCK]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    said, answers = [], list(answers)
    while head := process.stdout.readline():
        kind, length = head.decode().split()
        said.append(process.stdout.read(int(length)).decode())
        process.stdout.readline()
        if kind in "PU":
            if not answers:  # it asks again after a refusal
                process.kill()
                break
            answer = answers.pop(0)
            process.stdin.write(f"{kind.lower()} {len(answer)}\n{answer}\n".encode())
            process.stdin.flush()
    return process.wait(30), said


def test_xsecurelock_asks_for_password_and_code_and_opens_once(machine, enrolled):
    user, key = enrolled
    machine.service("xsecurelock", "requisite pam_unix.so", "required pam_otp.so")
    status, said = authproto(user, [PASSWORD, key.first])
    assert status == 0 and said[-1].startswith(CODE_PROMPT.rstrip()), said
    status, said = authproto(user, [PASSWORD, key.first])
    assert status != 0 and REFUSAL in said, said
    assert authproto(user, [PASSWORD, key.second])[0] == 0


# i3lock under Xvfb


@pytest.fixture(scope="module")
def screen():
    server = subprocess.Popen(["Xvfb", DISPLAY, "-noreset", "-screen", "0", "640x480x24", "-nolisten", "tcp"], stderr=subprocess.DEVNULL)
    until(lambda: listens_at("/tmp/.X11-unix/X7"), "the X server")
    yield
    server.terminate()
    server.wait(10)


def type_on_screen(text):
    run("env", f"DISPLAY={DISPLAY}", "xdotool", "type", text)
    run("env", f"DISPLAY={DISPLAY}", "xdotool", "key", "Return")


def lock(user):
    locker = subprocess.Popen([*as_user(user), "env", f"DISPLAY={DISPLAY}", f"USER={user.name}", "i3lock", "-n"])
    search = ["env", f"DISPLAY={DISPLAY}", "xdotool", "search", "--onlyvisible", "--name", "i3lock"]
    until(lambda: subprocess.run(search, capture_output=True).returncode == 0, "the lock")
    # what is typed before it has the keyboard goes elsewhere; then it waits for whatever comes
    until(lambda: re.search("epoll|ep_poll", Path(f"/proc/{locker.pid}/wchan").read_text()), "the lock holding the keyboard")
    return locker


@pytest.mark.parametrize("stack, before", [(CODE_ALONE, ""), (TYPED_AS_ONE, PASSWORD)], ids=["code-alone", "typed-as-one"])
def test_i3lock_stays_locked_for_a_wrong_code_and_opens_for_the_right_one(machine, enrolled, screen, journal, stack, before):
    user, key = enrolled
    machine.service("i3lock", *stack)
    locker, start = lock(user), journal.position()
    try:
        type_on_screen(before + key.wrong())
        settled(journal, start, ["refused"])
        assert locker.poll() is None
        until(lambda: typed_until_open(locker, before + key.first), "the screen unlocked", deadline=20)
    finally:
        locker.kill()
        locker.wait()
    settled(journal, start, ["refused", "accepted"])


def typed_until_open(locker, text):
    """i3lock shows a refusal for a moment and does not listen meanwhile."""
    if locker.poll() is None:
        type_on_screen(text)
    try:
        return locker.wait(3) == 0
    except subprocess.TimeoutExpired:
        return False


# pkexec and pkttyagent, on a bus of their own


@pytest.fixture(scope="module")
def bus(machine):
    Path("/run/dbus").mkdir(exist_ok=True)
    servers = [subprocess.Popen(["dbus-daemon", "--system", "--nofork", "--nopidfile"], stderr=subprocess.DEVNULL)]
    until(lambda: listens_at("/run/dbus/system_bus_socket"), "the bus")
    program = next(path for path in ("/usr/lib/polkit-1/polkitd", "/usr/libexec/polkitd") if os.path.exists(path))
    servers.append(subprocess.Popen([program, "--no-debug"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    owner = ["dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.GetNameOwner"]
    asked = [*owner, "string:org.freedesktop.PolicyKit1"]
    until(lambda: subprocess.run(asked, capture_output=True).returncode == 0, "polkitd")
    yield
    for server in reversed(servers):
        server.terminate()
        server.wait(10)


@contextmanager
def administrator(machine, user):
    """Debian's polkit takes the members of the group sudo."""
    machine.join(user, "sudo")
    try:
        yield
    finally:
        machine.leave(user, "sudo")


# it closes the descriptor when polkit knows it
AGENT = "mkfifo /tmp/agent.$$; pkttyagent --process $$ --notify-fd 3 3>/tmp/agent.$$ & cat /tmp/agent.$$; rm /tmp/agent.$$; "


def test_pkexec_with_an_agent_opens_for_a_code_once(machine, bus, enrolled, journal):
    user, key = enrolled
    machine.service("polkit-1", "required pam_otp.so", "required pam_permit.so")
    script = AGENT + "pkexec --disable-internal-agent id -u; code=$?; kill $!; exit $code"
    words = ["setpriv", f"--reuid={user.uid}", f"--regid={user.uid}", "--init-groups", "--", "env", "SHELL=/bin/sh", f"USER={user.name}", "sh", "-c", script]
    with administrator(machine, user):
        start = journal.position()
        terminal = Terminal(words)
        terminal.awaits(CODE_PROMPT.rstrip())
        terminal.types_hidden(key.first)
        assert terminal.ends() == 0 and re.search(r"^(\x1b\[0m)?0$", terminal.transcript, re.M), terminal.transcript
        again = Terminal(words)
        again.awaits(CODE_PROMPT.rstrip())
        again.types_hidden(key.first)
        again.awaits("(?i)authentication failed|not authorized|" + CODE_PROMPT.rstrip())
        again.hangs_up()
    lines = [(line["outcome"], line["origin"], line["service"]) for line in decisions(journal.since(start)) if "stage" not in line]
    assert lines[:2] == [("accepted", "self", "polkit-1"), ("refused", "self", "polkit-1")]


# swaylock in a sway without screen or keyboard


@pytest.fixture
def compositor(machine, user):
    """A sway session of the user; yields what a client of it has in its environment."""
    runtime = Path(f"/run/user/{user.uid}")
    runtime.mkdir(mode=0o700, parents=True)
    os.chown(runtime, user.uid, user.uid)
    place = [*as_user(user), "env", f"XDG_RUNTIME_DIR={runtime}", f"USER={user.name}", f"HOME={runtime}"]
    headless = ["WLR_BACKENDS=headless", "WLR_LIBINPUT_NO_DEVICES=1", "WLR_RENDERER=pixman"]
    sway = subprocess.Popen([*place, *headless, "sway", "-c", "/dev/null"], stderr=subprocess.DEVNULL)
    until(lambda: listens_at(runtime / "wayland-1"), "the compositor")
    yield user, [*place, "WAYLAND_DISPLAY=wayland-1"]
    sway.kill()
    sway.wait(10)


def test_swaylock_opens_for_a_code_alone_and_once(machine, compositor, journal):
    user, client = compositor
    key = machine.enrol(user)
    machine.service("swaylock", *CODE_ALONE)
    lock_screen(client)
    until(lambda: typed(client, key.first, lambda: not locked(user)), "the screen unlocked", deadline=30)
    start = journal.position()
    lock_screen(client)

    def refused():
        return [line for line in decisions(journal.since(start)) if line["outcome"] == "refused"]

    until(lambda: typed(client, key.first, refused), "the used code refused", deadline=30)
    assert locked(user)


def lock_screen(client):
    """It comes back when the screen is locked, but its keyboard may come a moment later."""
    command = [*client, "swaylock", "--daemonize"]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20, check=True)


def typed(client, text, done):
    """Types, and waits for a moment; what was typed before there was a keyboard is lost, and half a code is junk."""
    run(*client, "wtype", text, "-k", "Return")
    try:
        return until(done, "an effect", deadline=4)
    except TooLate:
        return False


def locked(user):
    """Does a swaylock of this user run, and not only wait to be buried?"""
    return subprocess.run(["pgrep", "-x", "-r", "R,S,D", "-u", str(user.uid), "swaylock"], capture_output=True).returncode == 0
