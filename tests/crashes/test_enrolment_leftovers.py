"""Where no trace of an enrolment may be found when it is over: the daemon's memory, the disk, the logs, notices, and the input of
the program for notices."""

import base64
import json
import socket
import time
from contextlib import suppress

import pytest

from harness import daemon_log
from harness.enrolment import confirm, enrol, invite, invited_and_enrolled, redeem, shown, token_key
from harness.hosts import HOSTS, gates
from harness.journal import SYSLOG
from harness.machine import AUTH_ERR, OTPCTL, PASSWORD, SUCCESS
from harness.notices import notify_once
from harness.prompts import APP_PROMPT, begins, confirms, enrolling, key_on
from harness.rotation import NEW_PASSWORD, OFFER, changes_password, rotates, stack
from harness.terminal import Terminal
from harness.traces import ends, forms, in_memory, on_disk
from harness.wait import TooLate, until
from harness.wire import Client, refusal

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def forms_of_code(name, text):
    """A registration or recovery code as it could stand somewhere; each part of a split one by itself."""
    found = {}
    for part, shown_part in enumerate(text.split(), 1):
        plain = shown_part.replace("-", "")
        values = bytes(ALPHABET.index(symbol) for symbol in plain[1:-1])
        found |= {
            f"{name}.{part} as shown": shown_part.encode(),
            f"{name}.{part} without hyphens": plain.encode(),
            f"{name}.{part} without its prefix": plain[1:].encode(),
            f"{name}.{part} in small letters": plain.lower().encode(),
            f"{name}.{part} as values": values[1:],
            f"{name}.{part} in hex": plain.encode().hex().encode(),
            f"{name}.{part} in base64": base64.b64encode(plain.encode())[:-4],
        }
    return found


def forms_of_all(keys=(), codes=()):
    found = {}
    for number, key in enumerate(keys):
        found |= {f"key {number}, {name}": secret for name, secret in forms(key).items()}
    for number, code in enumerate(codes):
        found |= forms_of_code(f"code {number}", code)
    return found | ends(found)


class Search:
    """All that is written from now on, and all that the daemon holds."""

    def __init__(self, machine, journal):
        self.machine, self.journal = machine, journal
        self.begun = time.time() - 2  # a file's change time is coarse
        self.syslog, self.own = journal.position(), daemon_log.position()

    def log(self):
        return "\n".join(self.journal.all_since(self.syslog) + daemon_log.since(self.own))

    def finds(self, secrets, user):
        """Where they are. A daemon's thread that has answered may be about to end yet: its memory is waited for."""
        with Client() as client:
            notices = json.dumps(client.call("Notices", user=user.name))
        found = [f"{name} in the log" for name in within(self.log(), secrets)]
        found += [f"{name} in a notice" for name in within(notices, secrets)]
        found += on_disk(secrets, self.begun)
        with suppress(TooLate):
            until(lambda: in_memory(self.machine.process.pid, secrets) == [], "the daemon forgetting")
        return found + in_memory(self.machine.process.pid, secrets)


def within(text, secrets):
    """Read as the log is read."""
    return [name for name, secret in secrets.items() if secret.decode("utf-8", "backslashreplace") in text]


@pytest.fixture
def search(machine, journal):
    return Search(machine, journal)


def test_the_search_in_the_log_finds_what_is_there(machine, enrolled, search):
    user, key = enrolled
    secrets = forms(key) | forms_of_code("code", invite(user, form="split", replaces=True))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        for secret in secrets.values():
            sender.sendto(b"<86>planted " + secret + b".", SYSLOG)
    assert len(search.finds(secrets, user)) == len(secrets)


# on the socket and with otpctl


@pytest.mark.parametrize("form", ["mail", "spoken", "split"])
def test_nothing_of_a_handing_over_is_left_in_memory_or_on_disk(machine, user, search, form):
    key, recovery = enrol(user, code := invite(user, form=form))
    with Client(uid=user.uid) as client:
        assert client.call("Verify", code=recovery[0])["verdict"]["accepted"]
        new = shown(client.call("Rotate", code=key.first))
        client.call("ConfirmEnrolment", code=new.confirming)
        fresh = client.call("RenewRecoveryCodes", code=new.first)["recovery_codes"]
    other = machine.new_user()
    assert refusal(other.uid, "Redeem", registration=code).name == "RegistrationRefused"
    assert refusal(user.uid, "Redeem", registration=code).name == "RegistrationSpent"
    assert refusal(user.uid, "Redeem", registration=recovery[1]).name == "InvalidValue"
    assert search.finds(forms_of_all([key, new], [code, *recovery, *fresh]), user) == []


def test_nothing_of_a_key_that_nobody_confirmed_is_left(machine, user, search):
    """Redeemed twice, cancelled, taken back."""
    code = invite(user, form="spoken")
    with Client(uid=user.uid) as client:
        first = redeem(client, code)
        second = redeem(client, code)
        client.call("CancelEnrolment")
    with Client() as root:
        root.call("RevokeInvitation", user=user.name)
    assert search.finds(forms_of_all([first, second], [code]), user) == []


def test_nothing_of_a_tokens_secret_is_left_and_otpctl_has_forgotten_it_while_codes_are_typed(machine, user, search):
    key = token_key()
    typed = "-".join(key.base32[at : at + 8].lower() for at in range(0, len(key.base32), 8))
    secrets = forms_of_all([key])
    secrets |= {"as typed": typed.encode(), "as typed, the end": typed.encode()[16:]}
    terminal = Terminal([OTPCTL, "token", "add", user.name], columns=200)
    terminal.awaits("Secret of the token, in base32: ")
    terminal.types_hidden(typed)
    terminal.awaits("Code from the token: ")
    assert in_memory(terminal.pty.pid, {"a name": user.name.encode()}) != [], "what it has is found"
    assert in_memory(terminal.pty.pid, secrets) == []
    assert in_memory(machine.process.pid, secrets) != [], "the daemon has it pending"
    terminal.types(key.wrong())
    terminal.awaits("code refused")
    terminal.awaits("Code from the token: ")
    terminal.types(key.confirming)
    assert terminal.ends() == 0 and machine.ask("otp", user, key.first)[0] == SUCCESS
    assert refusal(0, "AddToken", user=machine.new_user().name, secret=key.base32).parameters["reason"] == "secret-in-use"
    assert refusal(0, "AddToken", user=user.name, secret=key.base32 + "!").name == "InvalidValue"
    assert search.finds(secrets, user) == [] and key.base32 not in terminal.transcript and typed not in terminal.transcript


def test_nothing_of_a_token_that_was_imported_and_assigned_is_left(machine, user, search):
    key, serial = token_key(), "2305-0007"
    secrets = forms_of_all([key])
    with Client() as root:
        root.call("ImportToken", serial=serial, secret=key.base32)
        assert in_memory(machine.process.pid, secrets) == [], "it is sealed"
        root.call("AssignToken", serial=serial, user=user.name)
        assert in_memory(machine.process.pid, secrets) != [], "the daemon has it pending"
        root.call("ConfirmEnrolment", code=key.confirming)
    assert machine.ask("otp", user, key.first)[0] == SUCCESS and search.finds(secrets, user) == []


# at a prompt


def test_nothing_of_an_enrolment_at_the_prompt_is_left(machine, user, search):
    """By real sudo, with all that the module says for debugging."""
    host, code = HOSTS["sudo"], invite(user)
    with gates(machine), enrolling(host.service):
        machine.service(host.service, "required pam_otp.so debug", account="required pam_otp.so debug")
        given_up = begins(machine, host, user, code)
        given_up.awaits(APP_PROMPT)
        lost = key_on(given_up.transcript)
        given_up.interrupts_hidden()
        given_up.ends()
        terminal = begins(machine, host, user, code)
        key, recovery = confirms(terminal)
        assert host.conclude(terminal, user).opened
        for typed in (key.first, recovery[0]):
            assert host.attempt(machine, user, typed).opened
        for typed in (recovery[0], code):
            assert not host.attempt(machine, user, typed).opened
    assert "reason=enrolled" in search.log() and "enrolment-begun" in search.log()
    assert search.finds(forms_of_all([lost, key], [code, *recovery]), user) == []


def test_nothing_of_a_rotation_through_pam_is_left(machine, search):
    """By real passwd: for a code of the key, and for a recovery code with the password."""
    user, code, old, recovery = invited_and_enrolled(machine)
    keys, passwords = [old], [PASSWORD, NEW_PASSWORD, "yet another pass word 43"]
    ours = "password required pam_otp.so rotate=ask debug"
    with stack("passwd", "password requisite pam_unix.so", ours, "account required pam_permit.so"):
        for number, typed in enumerate((old.first, recovery[2])):
            terminal = changes_password(["passwd"], user, *passwords[number : number + 2])
            terminal.awaits(OFFER)
            terminal.types_hidden(typed)
            keys.append(rotates(terminal))
            assert terminal.ends() == 0, terminal.transcript
    assert machine.ask("otp", user, keys[1].second)[0] == AUTH_ERR and machine.ask("otp", user, keys[2].first)[0] == SUCCESS
    assert search.log().count("reason=rotated") == 2
    assert search.finds(forms_of_all(keys, [code, *recovery]), user) == []


# out of the host


def test_nothing_that_was_handed_over_is_in_what_is_handed_to_the_program_for_notices(machine, user, search, program):
    place = program('cat >>/tmp/notified/all; { printf "%s\\n" "$0" "$@"; env; tr "\\0" "\\n" </proc/$PPID/cmdline; } >>/tmp/notified/around')
    code, key = invite(user), token_key()
    with Client() as root:
        root.call("AddToken", user=machine.new_user().name, secret=key.base32)
        root.call("ConfirmEnrolment", code=key.confirming)
    first, recovery = enrol(user, code)
    assert machine.ask("otp", user, recovery[0])[0] == SUCCESS
    with Client(uid=user.uid) as client:
        second = shown(client.call("Rotate", code=first.first))
        confirm(client, second)
        third = shown(client.call("AddKey", code=second.first, label="tablet"))
        confirm(client, third)
        fresh = client.call("RenewRecoveryCodes", code=second.second)["recovery_codes"]
        client.call("Revoke", key="tablet", code=third.first)
    assert refusal(machine.new_user().uid, "Redeem", registration=(another := invite(user, replaces=True))).name == "RegistrationRefused"
    assert refusal(user.uid, "Redeem", registration=code).name == "RegistrationSpent"
    with Client(uid=user.uid) as client:
        client.call("Repudiate", registration=code)
    done = notify_once()
    told = {json.loads(line)["event"] for line in (place / "all").read_text().splitlines()}
    assert told >= {
        *("admin-enrolled", "registration-code-issued", "registration-code-used", "registration-code-replayed"),
        *("registration-code-tried-by-another", "key-enrolled", "key-rotated", "key-added", "key-revoked"),
        *("recovery-code-used", "recovery-codes-renewed", "repudiated"),
    }, told
    secrets = forms_of_all([key, first, second, third], [code, another, *recovery, *fresh])
    assert within(done.stderr, secrets) == []
    assert search.finds(secrets, user) == []
