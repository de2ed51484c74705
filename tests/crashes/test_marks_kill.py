"""kill -9 at the steps of a suspension beside a held lock, and of its end: the mark and its word in vault.toml are there, or neither."""

import signal
import subprocess
from contextlib import contextmanager, suppress

import pytest

from harness.machine import AUTH_ERR, SUCCESS, VAULT, pam_code
from harness.strace import STRACE_LOG, answering, attached, kill_at, parsed
from harness.sweeps import EVERY, warm_up
from harness.wire import Client, Closed

pytestmark = pytest.mark.usefixtures("nobody_stays_marked")
ABOUT = VAULT / "vault.toml"
# as many times in every run, however long the lock is waited for
WRITES = ("mkdirat", "write", "pwrite64", "fsync", "fdatasync", "renameat", "renameat2", "unlinkat")


@contextmanager
def lock_held(user):
    holder = subprocess.Popen(["flock", "-x", user.state_file, "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        holder.stdin.write(b"x")
        holder.stdin.flush()
        assert holder.stdout.read(1) == b"x", "it holds the lock"
        yield
    finally:
        holder.communicate()


def call_about(method, user):
    with Client(timeout=60) as client:
        client.call(method, user=user.name)


def steps_of(machine, method, user):
    warm_up(machine, machine.new_user())
    with attached(machine.process.pid):
        call_about(method, user)
    _, calls = answering(parsed(STRACE_LOG), f"Otp1.{method}")
    return [call for call in calls if call.name in WRITES]


def killed_during(machine, method, user, step, where):
    warm_up(machine, machine.new_user())
    with attached(machine.process.pid, *kill_at(step)):
        with suppress(Closed):
            call_about(method, user)
        assert machine.process.wait(60) == -signal.SIGKILL, where


def assert_mark_and_word_agree(user, where):
    marked, word = (VAULT / "suspended" / str(user.uid)).exists(), '"suspended"' in ABOUT.read_text()
    assert word or not marked, f"{where}: an older program would overlook the mark"
    return marked


def of_every(steps, request):
    every = 1 if request.config.getoption("--rounds") > 1 else EVERY
    return list(enumerate(steps))[::every]


def test_a_suspension_beside_a_held_lock_killed_at_each_step_is_done_or_not_and_can_be_repeated(machine, request):
    user, _ = machine.enrolled_user()
    with lock_held(user):
        call_about("Suspend", user)  # the directory is made once
    call_about("Resume", user)
    with lock_held(user):
        steps = steps_of(machine, "Suspend", user)
    call_about("Resume", user)
    outcomes = set()
    for at, step in of_every(steps, request):
        where = f"killed at step {at} of {len(steps)}, {step}"
        user, key = machine.enrolled_user()
        with lock_held(user):
            killed_during(machine, "Suspend", user, step, where)
            outcomes.add(assert_mark_and_word_agree(user, where))
            machine.start()
            if not assert_mark_and_word_agree(user, where):
                assert '"suspended"' not in ABOUT.read_text(), f"{where}: a word without a mark outlives a start"
            call_about("Suspend", user)
        assert pam_code(machine, user, key.first) == AUTH_ERR, where
        call_about("Resume", user)
        assert pam_code(machine, user, key.first) == SUCCESS, where
    assert outcomes == {True, False}


def test_its_end_killed_at_each_step_is_done_or_not_and_can_be_repeated(machine, request):
    def suspended():
        user, key = machine.enrolled_user()
        with lock_held(user):
            call_about("Suspend", user)
        return user, key

    steps = steps_of(machine, "Resume", suspended()[0])
    for at, step in of_every(steps, request):
        where = f"killed at step {at} of {len(steps)}, {step}"
        user, key = suspended()
        killed_during(machine, "Resume", user, step, where)
        marked = assert_mark_and_word_agree(user, where)
        if marked:
            assert pam_code(machine, user, key.first) == AUTH_ERR, where
        machine.start()
        call_about("Resume", user)
        assert not assert_mark_and_word_agree(user, where) and '"suspended"' not in ABOUT.read_text(), where
        assert pam_code(machine, user, key.first if marked else key.second) == SUCCESS, where
