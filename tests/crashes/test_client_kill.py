"""kill -9 of the program at which a person sits, at each step of handing a key over: afterwards the old state holds or the new
one, never both keys, never none where there was one; no key is shown twice, and what nobody confirmed never works."""

import re
import signal
from contextlib import suppress

from harness.enrolment import enrol, invited_and_enrolled, invited_user, labels, works
from harness.machine import CODE_PROMPT, OTPCTL, VAULT
from harness.prompts import APP_PROMPT, KEEP_PROMPT, RECOVERY_CODE, enrolling, key_of_letters
from harness.rotation import OFFER, stack
from harness.strace import STRACE_LOG, kill_at, parsed
from harness.sweeps import EVERY, one_of_two, spent, strays, warm_up
from harness.terminal import Terminal, Unexpected
from harness.wire import INTERFACE, Client

# calls of which nobody but the process itself can tell whether it made them
WITHOUT_EFFECT = set("brk mmap munmap mprotect clock_gettime getuid geteuid getpid rt_sigprocmask sigaltstack lseek".split())
ANY_LETTERS = re.compile(r"(?:[A-Z2-7]{4} ){7}[A-Z2-7]{4}")


class Sitting:
    """The outcome of one run: whether it went to its end, what was shown, and where it was killed."""

    def __init__(self, prepared, terminal, where):
        self.prepared = prepared
        self.status = terminal.ends()
        self.where = f"{where}\n{terminal.transcript}"
        assert self.status in (0, -signal.SIGKILL), self.where
        self.done = self.status == 0
        self.key = key_if_shown(terminal.transcript)
        self.recovery = RECOVERY_CODE.findall(terminal.transcript)


def key_if_shown(transcript):
    """The key that was shown, if any."""
    shown = ANY_LETTERS.findall(transcript)
    return key_of_letters(shown[-1]) if shown else None


def sittings_killed(machine, prepare, command, talk):
    """`command` of what `prepare` gives, with `talk` at its terminal, once for each of its steps from the connection to the daemon
    on (for every third one, unless this is a campaign), killed there; yields the sittings. `prepare` gives the user first."""
    machine.stop()
    machine.start()

    def sit(where, *options):
        prepared = prepare()
        warm_up(machine, prepared[0])
        terminal = Terminal(["strace", "-f", "-qq", "-s", "256", "-o", STRACE_LOG, *options, *command(prepared)], columns=200, rows=80)
        with suppress(Unexpected):
            talk(terminal, prepared)
        sitting = Sitting(prepared, terminal, where)
        warm_up(machine, prepared[0])  # the daemon has heard the last of it
        return sitting

    assert sit("not killed").done
    steps = steps_in(parsed(STRACE_LOG))
    killed = 0
    for at, step in enumerate(steps):
        if machine.rounds > 1 or at % EVERY == 0:
            sitting = sit(f"killed at step {at} of {len(steps)}, {step}", *kill_at(step))
            killed += not sitting.done
            yield sitting
    assert killed > len(steps) // EVERY // 2
    assert strays() == [] and not list(VAULT.glob("tickets/.*")) + list(VAULT.glob("notices/.*"))


def steps_in(calls):
    said = next(at for at, call in enumerate(calls) if call.name == "sendto" and INTERFACE in call.arguments)
    begun = max(at for at, call in enumerate(calls[:said]) if call.name == "connect")
    return [call for call in calls[begun:] if call.name not in WITHOUT_EFFECT]


def by(user, *command):
    """strace's words for a program that this user starts; a setuid one has its rights."""
    return ["-u", user.name, *command]


# a first key


def there_or_not_there(machine, sitting):
    """The key is there, whole, with its code spent; or nothing is, and the code makes another key. Says which."""
    (user, code), key, where = sitting.prepared, sitting.key, sitting.where
    stored = machine.status(user)["enrolled"]
    if stored:
        assert works(machine, user, key.first), where
        assert not sitting.recovery or works(machine, user, sitting.recovery[0]), where
        with Client(uid=user.uid) as client:
            fresh = client.call("RenewRecoveryCodes", code=key.second)["recovery_codes"]
        assert works(machine, user, fresh[0]), where
    else:
        assert not sitting.done and not sitting.recovery and not user.key_file.exists(), where
        assert key is None or not works(machine, user, key.first) and not works(machine, user, key.confirming), where
        again, _ = enrol(user, code)
        assert works(machine, user, again.first), where
        assert key is None or again.secret != key.secret and not works(machine, user, key.second), where
    assert labels(machine, user) == ["phone"] and spent(user, code), where
    return stored


def test_otpctl_enrol_killed_at_each_step_leaves_the_key_or_nothing(machine):
    def talk(terminal, prepared):
        terminal.awaits("Registration code: ")
        terminal.types(prepared[1])
        terminal.awaits(APP_PROMPT)
        terminal.types(key_if_shown(terminal.transcript).confirming)

    sittings = sittings_killed(machine, lambda: invited_user(machine), lambda prepared: by(prepared[0], OTPCTL, "enrol"), talk)
    assert {there_or_not_there(machine, sitting) for sitting in sittings} == {False, True}


def test_a_host_killed_at_each_step_of_an_enrolment_at_its_prompt_leaves_the_key_or_nothing(machine):
    service = machine.service("otp-killed", "required pam_otp.so", account="required pam_otp.so")

    def talk(terminal, prepared):
        terminal.awaits(CODE_PROMPT)
        terminal.types(prepared[1])
        terminal.awaits(APP_PROMPT)
        terminal.types(key_if_shown(terminal.transcript).confirming)
        terminal.awaits(KEEP_PROMPT)
        terminal.types("")

    with enrolling(service):
        sittings = sittings_killed(
            machine,
            lambda: invited_user(machine),
            lambda prepared: [machine.hosts / "oddconv", "--", service, prepared[0].name, "person"],
            talk,
        )
        assert {there_or_not_there(machine, sitting) for sitting in sittings} == {False, True}


# a key instead of another


def one_key(machine, sitting):
    (user, old), new, where = sitting.prepared, sitting.key, sitting.where
    if new:
        return one_of_two(machine, user, old, new, sitting.done or None, where)
    assert works(machine, user, old.second) and labels(machine, user) == ["phone"], where
    return False


def test_otpctl_rotate_killed_at_each_step_leaves_one_of_two_keys(machine):
    def talk(terminal, prepared):
        terminal.awaits("Code of the key to replace: ")
        terminal.types(prepared[1].first)
        terminal.awaits(APP_PROMPT)
        terminal.types(key_if_shown(terminal.transcript).confirming)

    sittings = sittings_killed(machine, machine.enrolled_user, lambda prepared: by(prepared[0], OTPCTL, "rotate"), talk)
    assert {one_key(machine, sitting) for sitting in sittings} == {False, True}


def test_passwd_killed_at_each_step_of_a_rotation_leaves_one_of_two_keys(machine):
    def talk(terminal, prepared):
        terminal.awaits(OFFER)
        terminal.types_hidden(prepared[1].first)
        terminal.awaits(APP_PROMPT)
        terminal.types_hidden(key_if_shown(terminal.transcript).confirming)

    with stack("passwd", "password required pam_otp.so rotate=ask", "account required pam_permit.so"):
        sittings = sittings_killed(machine, machine.enrolled_user, lambda prepared: by(prepared[0], "passwd"), talk)
        assert {one_key(machine, sitting) for sitting in sittings} == {False, True}


# recovery codes


def one_set(machine, sitting):
    """The old codes work, or none of them; if the new ones were shown, they do. Says whether it was the old ones."""
    (user, _, key, old), fresh, where = sitting.prepared, sitting.recovery, sitting.where
    kept = works(machine, user, old[0])
    assert works(machine, user, old[1]) == kept, where
    assert not fresh or (not kept and works(machine, user, fresh[0])), where
    assert fresh or not sitting.done, where
    with Client(uid=user.uid) as client:
        again = client.call("RenewRecoveryCodes", code=key.second)["recovery_codes"]
    assert works(machine, user, again[0]) and not works(machine, user, old[2]), where
    assert labels(machine, user) == ["phone"], where
    return kept


def test_otpctl_recovery_codes_killed_at_each_step_leaves_the_old_set_or_none_of_it(machine):
    def talk(terminal, prepared):
        terminal.awaits("Code of a key: ")
        terminal.types(prepared[2].first)

    sittings = sittings_killed(
        machine, lambda: invited_and_enrolled(machine), lambda prepared: by(prepared[0], OTPCTL, "recovery-codes"), talk
    )
    assert {one_set(machine, sitting) for sitting in sittings} == {False, True}
