"""The whole life of keys as a newcomer and an admin read it, in a large and in a small window: every command says what happened and
what comes next, and nothing in it has to be looked up."""

import re
import socket

import pytest

from harness.enrolment import REGISTRATION_CODE
from harness.machine import CODE_PROMPT
from harness.newcomer import Newcomer, flat
from harness.otpctl import DONE, REFUSED
from harness.prompts import APP_PROMPT, RECOVERY_CODE, key_of_letters

WINDOWS = {"80x24": (80, 24), "40x20": (40, 20)}
KEY = re.compile(r"(?:^|\s)((?:[A-Z2-7]{4}\s+){7}[A-Z2-7]{4})\s")
# words and forms of ours, which nobody should have to know
OURS = re.compile(r"\buid\b|generation|watermark|\borigin\b|redeem|repudiat|\bticket|\d{4}-\d\d-\d\dT|\\\\|\bdead\b|whoever")


class Play:
    """An admin and a newcomer at two windows of the same size."""

    def __init__(self, machine, user, size, place):
        self.user, self.place = user, place
        self.host = socket.gethostname()
        self.admin = Newcomer("admin", None, *size)
        self.alice = Newcomer("alice", user, *size)

    def entry(self, more=""):
        return f"{self.user.name}@{self.host}{more} ({self.host})"

    def says(self, person, status, command, *dialogue, hears=()):
        """A command that a person runs; what it said, once it has said all of `hears` in words of everybody."""
        ended, text = person.runs(command, *dialogue)
        assert ended == status, text
        words = flat(text)
        for one in hears:
            assert one in words, f"{one!r} is not in what {command!r} said:\n{text}"
        assert OURS.search(words.replace(command, "")) is None, f"{OURS.search(words)[0]!r} in what {command!r} said:\n{text}"
        return text

    def invites(self, *options, hears=()):
        """A letter; the code in it."""
        letter = self.place / f"letter{len(list(self.place.iterdir()))}.txt"
        words = " ".join(["otpctl invite", self.user.name, "--letter", str(letter), *options])
        self.says(self.admin, DONE, words, hears=("print it, send it in a plain envelope", "works once", "runs otpctl enrol", *hears))
        spaced = "".join(line.replace(" ", "") for line in letter.read_text().splitlines()[:8])
        return REGISTRATION_CODE.search(spaced)[0]

    def shown(self, command, *dialogue):
        """Begins a command, up to the prompt for a code of the key that it shows; the key."""
        self.alice.begins(command)
        for prompt, text in dialogue:
            self.alice.answers(prompt, text)
        self.alice.hears(APP_PROMPT)
        return key_of_letters(KEY.findall(self.alice.says())[-1].replace("\n", " "))

    def confirms(self, key, hears=()):
        """Types a code of it; the recovery codes that come with it."""
        self.alice.answers(APP_PROMPT, key.confirming)
        status, text = self.alice.awaits_shell(), self.alice.says()
        assert status == DONE, text
        for one in hears:
            assert one in flat(text), f"{one!r} is not in:\n{text}"
        assert OURS.search(flat(text)) is None, f"{OURS.search(flat(text))[0]!r} in:\n{text}"
        return RECOVERY_CODE.findall(re.sub(r"\n(?=[0-9A-Z-]*(\n|$))", "", text)) or RECOVERY_CODE.findall(text)


@pytest.mark.parametrize("size", WINDOWS)
def test_a_life_from_the_invitation_to_the_farewell(machine, size, tmp_path):
    user = machine.new_user()
    machine.sudo_asks(user, "required pam_otp.so", account="required pam_otp.so")
    play = Play(machine, user, WINDOWS[size], tmp_path)
    with play.admin, play.alice:
        # invited by letter; the first try is given up, the second one is no alarm
        code = play.invites(hears=("it works for a first key only",))
        play.shown("otpctl enrol", ("Registration code: ", code))
        play.alice.interrupts()
        assert play.alice.awaits_shell() == REFUSED
        given_up = flat(play.alice.says())
        assert "begins with E-; you get it from an administrator" in given_up
        assert f"interrupted nothing was stored; delete the entry you scanned, {play.entry()}; then begin again, with the same registration code" in given_up
        phone = play.shown("otpctl enrol", ("Registration code: ", code))
        assert "You used this code just now" in flat(play.alice.says()) and "That does no harm" in flat(play.alice.says())
        recovery = play.confirms(phone, hears=('key "phone" is stored', "each works once instead of a code", "clear the screen when you are done"))
        assert len(recovery) == 8

        # the first sudo tells what happened, a line for each kind
        seen = play.says(play.alice, DONE, "sudo id -u", (CODE_PROMPT, phone.first), hears=("About your one-time codes:", "to begin an enrolment, 2 times", "tell an administrator at once."))
        assert seen.count("- ") >= 3 and flat(seen).count("administrator") == 1
        play.says(play.alice, DONE, "otpctl status", hears=(f"{user.name}: enrolled", 'key "phone"'))

        # a second device, and a new phone
        tablet = play.shown("otpctl add --label tablet", ("Code of one of your keys: ", phone.second))
        play.confirms(tablet, hears=('key "tablet" is stored',))
        new = play.shown("otpctl rotate tablet", ("Code of the key to replace: ", tablet.first))
        old = f"In the app, delete the old entry. If two are named {play.entry(' tablet')}, it is the one that was there before"
        play.confirms(new, hears=("the old one no longer works", old))

        # the phone is lost: a recovery code, then a letter for a key that replaces all
        play.says(play.alice, DONE, "sudo id -u", (CODE_PROMPT, recovery[0]))
        play.says(play.admin, REFUSED, f"otpctl invite {user.name}", hears=("already enrolled", "--replace", "otpctl add"))
        letter = play.invites("--replace", hears=("replaces every key that the user has",))
        second = play.shown("otpctl enrol", ("Registration code: ", letter))
        play.confirms(second, hears=(f"Earlier keys no longer work: delete their entries in the app. The new one is {play.entry()}.",))
        play.says(play.alice, 1, "sudo id -u", (CODE_PROMPT, new.first), hears=("code refused",))

        # somebody else had the letter: not me
        not_me = [("Registration code: ", letter), ("Was that you? [y/n] ", "n")]
        play.says(play.alice, REFUSED, "otpctl enrol", *not_me, hears=("A key was made with this registration code", "switched off: the key made with it", "call an administrator now"))
        play.says(play.admin, DONE, f"otpctl resume {user.name}", hears=('off for good: "phone"', f"otpctl invite {user.name} --replace"))
        play.says(play.alice, DONE, "otpctl notices", hears=("you said that somebody else used your registration code", "you need a new code"))
        third = play.shown("otpctl enrol", ("Registration code: ", play.invites("--replace")))
        play.confirms(third)
        assert machine.ask("otp", user, third.first)[0] == 0

        # the farewell
        play.says(play.admin, DONE, f"otpctl suspend {user.name}", hears=("every code is refused until root or another member of otp-admin runs",))
        play.says(play.alice, 1, "sudo id -u", (CODE_PROMPT, third.second), hears=("your keys are suspended; ask an admin",))
        play.says(play.admin, DONE, f"otpctl forget {user.name}", hears=("every key is deleted, and a new one needs a new registration code",))
        play.says(play.alice, DONE, "otpctl status", hears=(f"{user.name}: not enrolled",))
