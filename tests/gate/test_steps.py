"""`otpctl gate enable` killed at each of its steps, or with no room on the disk: the old stack or the new one, never none, and always a
way back."""

import itertools

import pytest

from harness.machine import CODE_PROMPT, PASSWORD
from harness.strace import WRITES, parsed
from harness.sweeps import EVERY

LOG = "/tmp/gate.strace"
NAMES = ("sudo", "sudo-i")
STEPS = [*WRITES, "openat", "symlink", "mkdir", "fchownat"]
numbers = itertools.count()


def enables_under(booted, *options):
    """The exit code of `otpctl gate enable sudo` under strace. Each run has a user of its own, because a code is good once."""
    user, key = booted.enrolled_user(f"step{next(numbers)}")
    console = booted.console("strace", "-qq", *options, "otpctl", "gate", "enable", "sudo", "--admin", user.name)
    for code in (key.first, key.second):  # for sudo and sudo-i
        for prompt, answer in (("Password: ", PASSWORD), (CODE_PROMPT, code)):
            console.awaits(prompt)
            console.types_hidden(answer)
    return console.ends()


def in_place(booted):
    return [(booted.root / "etc/pam.d" / name).read_text() for name in NAMES]


def beside(booted):
    """Files that a command which ended early has left."""
    places = [booted.root / "etc/pam.d", booted.root / "etc/otp/gates"]
    return {path.name for place in places for path in place.glob(".*")} - {".lock"}


def is_pending(booted):
    return (booted.root / "etc/otp/gates/sudo.pending").exists()


def steps(booted):
    """The calls that change something, from the end of the proof on. The first program that is waited for is systemctl, the next
    two are the proofs."""
    assert enables_under(booted, "-f", "-s", "256", "-o", LOG, "-e", f"trace={','.join([*STEPS, 'wait4', 'execve'])}") == 0
    calls = parsed(booted.root / LOG.lstrip("/"))
    own = [call for call in calls if call.task == calls[0].task]
    proved = next(at for at, call in enumerate(own) if (call.name, call.number) == ("wait4", 3))
    changed = max(at for at, call in enumerate(own) if call.name == "fsync")
    found = [call for call in own[proved : changed + 1] if call.name in STEPS and not (call.name == "openat" and "O_CREAT" not in call.arguments)]
    assert {"write", "fsync", "rename"} <= {call.name for call in found}
    return found


@pytest.fixture
def every(request):
    """Every step in a campaign, else every third one."""
    return 1 if request.config.getoption("--rounds") > 1 else EVERY


def test_killed_at_any_step_it_leaves_the_old_stack_or_the_new_one_and_a_way_back(booted, every):
    before = in_place(booted)
    found = steps(booted)
    after = in_place(booted)
    booted.run("otpctl", "gate", "disable", "sudo")
    assert in_place(booted) == before != after
    killed = 0
    for call in found[::every]:
        killed += enables_under(booted, "-o", "/dev/null", "-e", f"trace={call.name}", "-e", f"inject={call.name}:signal=KILL:when={call.number}") != 0
        now = in_place(booted)
        assert all(text in pair for text, pair in zip(now, zip(before, after, strict=True), strict=True)), call
        assert now == before or is_pending(booted), call
        booted.run("otpctl", "gate", "undo-pending")  # as the timer does, and the unit at the next boot
        assert in_place(booted) == before and not is_pending(booted), call
        assert now == before or not beside(booted), call
        booted.tries("systemctl", "stop", "otp-gate-sudo.timer")
    assert killed >= len(found[::every]) // 2


def test_with_no_room_at_any_step_nothing_is_changed_or_it_is_in_force(booted, every):
    before = in_place(booted)
    found = [call for call in steps(booted) if call.name in ("openat", "write", "fsync", "rename", "link", "linkat", "mkdir")]
    after = in_place(booted)
    booted.run("otpctl", "gate", "disable", "sudo")
    for call in found[::every]:
        code = enables_under(booted, "-o", "/dev/null", "-e", f"trace={call.name}", "-e", f"inject={call.name}:error=ENOSPC:when={call.number}")
        assert in_place(booted) == (after if code == 0 else before), call
        assert is_pending(booted) == (code == 0), call
        booted.run("otpctl", "gate", "disable", "sudo")
        assert in_place(booted) == before and not beside(booted), call


def test_the_way_back_wants_no_room(booted):
    before = in_place(booted)
    assert enables_under(booted, "-o", "/dev/null", "-e", "trace=none") == 0
    done = booted.tries("strace", "-qq", "-o", LOG, "-e", "trace=openat,write,rename", "-e", "inject=write:error=ENOSPC", "otpctl", "gate", "undo-pending", "sudo")
    assert done.returncode == 0, done
    assert in_place(booted) == before and not is_pending(booted)
    assert "O_CREAT" not in "".join(line for line in (booted.root / LOG.lstrip("/")).read_text().splitlines() if "pam.d" in line)
