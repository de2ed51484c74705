"""`otpctl invite`: a code for one user's eyes, always with its end, and a letter that names nothing."""

import json
import os
import re
import socket
import time
from calendar import timegm

import pytest
from PIL import Image, ImageOps

from harness import daemon_log
from harness.enrolment import REGISTRATION_CODE
from harness.letters import A4, US_LETTER, code_on, picture_of, printed, qr_on
from harness.machine import DAY, OTPCTL, as_user, key_of, otpctl
from harness.otpctl import DONE, REFUSED, USAGE
from harness.terminal import Terminal
from harness.wire import Client, Refused


def otpctl_invite(*words, user=None, status=DONE):
    """The screen of an administrator at a terminal."""
    terminal = Terminal([*(as_user(user) if user else []), OTPCTL, "invite", *words], columns=200)
    assert terminal.ends() == status, terminal.transcript
    return terminal.transcript


def codes_in(text):
    return re.findall(rf"^ +({REGISTRATION_CODE.pattern})$", text, re.M)


def refused_for(user, code):
    """The reason of the refusal, or None."""
    with Client(uid=user.uid) as client:
        try:
            key = key_of(client.call("Redeem", registration=code)["enrolment"]["uri"])
            client.call("ConfirmEnrolment", code=key.confirming)
        except Refused as refused:
            return refused.parameters.get("reason", refused.name)


@pytest.mark.parametrize(("words", "left", "lasts"), [((), "10 minutes", 600), (("--form", "mail"), "24 hours", DAY), (("--form", "letter", "--for", "3d"), "3 days", 3 * DAY)])
def test_the_code_is_shown_with_its_end_as_span_and_as_time(machine, user, words, left, lasts):
    begun = int(time.time())
    text = otpctl_invite(user.name, *words)
    (code,) = codes_in(text)
    end = re.search(rf"it ends in {left}, at (\S+ \S+) UTC, and works once", text)[1]
    made = timegm(time.strptime(end, "%Y-%m-%d %H:%M")) - lasts
    assert begun - 60 < made <= time.time(), "its seconds are not told"
    assert f"{user.name} logs in, runs otpctl enrol, and types it" in text and "for a first key only" in text
    assert refused_for(user, code) is None


def test_a_second_code_ends_the_first_and_says_so(machine, user):
    (first,) = codes_in(otpctl_invite(user.name))
    text = otpctl_invite(user.name)
    assert f"an earlier code of {user.name} no longer works" in text
    assert refused_for(user, first) == "stale"
    assert refused_for(user, *codes_in(text)) is None


def test_a_code_is_taken_back(machine, user):
    (code,) = codes_in(otpctl_invite(user.name))
    assert "the registration code no longer works" in otpctl("invite", user.name, "--revoke").stdout
    assert refused_for(user, code) == "stale"
    done = otpctl("invite", user.name, "--revoke")
    assert done.returncode == DONE and "nothing was changed" in done.stdout


def test_a_split_code_is_two_parts_with_the_advice_to_part_them(machine, user):
    text = otpctl_invite(user.name, "--form", "split")
    first, second = codes_in(text)
    assert "send them in two different ways" in text and "it ends in 14 days" in text
    for half in (first, second, f"{second} {first}"):
        assert refused_for(user, half) == "InvalidValue"
    assert refused_for(user, f"{first} {second}") is None


def test_an_enrolled_user_is_invited_only_to_replace(machine, enrolled):
    user, _ = enrolled
    assert "invite with --replace" in otpctl_invite(user.name, status=REFUSED)
    assert "replaces every key that the user has" in otpctl_invite(user.name, "--replace")


@pytest.mark.parametrize("words", [(), ("--json",), ("--form", "split"), ("--form", "split", "--letter", "/tmp/pipe-letter.html")], ids=" ".join)
def test_a_code_is_not_written_into_a_pipe(machine, user, words):
    start = daemon_log.position()
    done = otpctl("invite", user.name, *words)
    assert done.returncode == USAGE and "--allow-pipe" in done.stderr
    assert not REGISTRATION_CODE.search(done.stdout + done.stderr) and daemon_log.calls(start) == []
    assert not os.path.lexists("/tmp/pipe-letter.html")


def test_json_goes_into_a_pipe_when_told(machine, user):
    done = otpctl("invite", user.name, "--json", "--allow-pipe", "--form", "split")
    invitation = json.loads(done.stdout)["invitation"]
    assert (invitation["user"], invitation["form"], len(invitation["codes"])) == (user.name, "split", 2)
    assert refused_for(user, " ".join(invitation["codes"])) is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--for", "11m"), "a spoken code lasts 10 minutes at most"),
        (("--form", "mail", "--for", "25h"), "a mail code lasts 24 hours at most"),
        (("--form", "letter", "--for", "31d"), "a letter code lasts 30 days at most"),
        (("--for", "soon"), "wanted a number and s, m, h, d or w"),
        (("--form", "spoken", "--letter", "/tmp/x.html"), "a spoken code ends before a letter arrives"),
        (("--letter", "/tmp/x.pdf"), "ends in .html or .txt"),
        (("--column", "user"), "does not go with"),
        (("--revoke", "--replace"), "does not go with"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_what_cannot_be_is_said_before_the_daemon_is_asked(machine, user, words, said):
    start = daemon_log.position()
    done = otpctl("invite", user.name, "--allow-pipe", *words) if "--revoke" not in words else otpctl("invite", user.name, *words)
    assert done.returncode == USAGE and said in done.stderr, done.stderr
    assert daemon_log.calls(start) == [] and not os.path.lexists("/tmp/x.html")


def test_the_helpdesk_invites_and_ordinary_users_do_not(machine, user):
    helper, other, admin = machine.new_user(), machine.new_user(), machine.new_user()
    machine.join(helper, "otp-helpdesk")
    machine.join(admin, "otp-admin")
    assert codes_in(otpctl_invite(user.name, user=helper)) and codes_in(otpctl_invite(user.name, user=admin))
    for who, name in [(other, user.name), (other, other.name), (other, "nobody-at-all"), (helper, admin.name)]:
        assert "not allowed" in otpctl_invite(name, user=who, status=REFUSED)


# letters


def has_margins(path, tmp_path, paper):
    """Nothing is written within 15 mm of an edge, where printers do not print."""
    page = ImageOps.invert(Image.open(picture_of(path, tmp_path, paper)).convert("L"))
    left, top, right, bottom = page.getbbox()
    margin = 15 * page.width / paper[0]
    return min(left, top, page.width - right, page.height - bottom) > margin


def words_told(text, user, issuer="Example Ltd"):
    """Words that a letter must not have, of this and more."""
    words = [user.name, socket.gethostname(), issuer, "otp", "one-time", "sudo", "pam", "password", "login", "log in", "ssh", "account", "enrol", "regist", "key", "linux"]
    return [word for word in words if word.lower() in text.lower()]


@pytest.mark.parametrize("form", ["letter", "split"])
@pytest.mark.parametrize("name", ["a4.html", "letter.html", "page.txt"])
def test_a_letter_has_the_code_twice_and_names_nothing(machine, tmp_path, name, form):
    with machine.policy('version = 1\nissuer = "Example Ltd"\n'):
        user, path = machine.new_user(), tmp_path / name
        text = otpctl_invite(user.name, "--letter", str(path), "--form", form, "--paper", "letter" if name == "letter.html" else "a4")
        page = path.read_text()
        code = code_on(path)
        assert REGISTRATION_CODE.fullmatch(code) and qr_on(path, tmp_path) == [code]
        assert words_told(page.replace(code, ""), user) == [] and words_told("alice logs in to otp", user) != []
        end = re.search(r"it ends in 14 days, at (\S+) (\d\d:\d\d) UTC", text)
        assert f"It ends on {end[1]} at {end[2]} UTC, and works once." in page.replace("<b>", "").replace("</b>", "")
        assert "Type this code when you are asked for it." in page and "not for the authenticator app" in page
        assert re.search(r"reference on the letter: (\S+-001)", text)[1] in page
        assert (path.stat().st_mode & 0o7777, path.stat().st_uid) == (0o600, 0)
        if path.suffix == ".html":
            paper = US_LETTER if name == "letter.html" else A4
            assert has_margins(path, tmp_path, paper) and printed(path, tmp_path) == [paper]
        assert code not in text and f"in {path}, and nowhere else" in text
        rest = codes_in(text)
        assert len(rest) == (1 if form == "split" else 0)
        assert refused_for(user, " ".join([code, *rest])) is None


def test_a_letter_needs_no_terminal_for_the_code_is_not_shown(machine, user, tmp_path):
    done = otpctl("invite", user.name, "--letter", tmp_path / "page.html")
    assert done.returncode == DONE and "it ends in 14 days" in done.stdout and not REGISTRATION_CODE.search(done.stdout)
    assert refused_for(user, code_on(tmp_path / "page.html")) is None


def test_the_cover_note_names_host_and_user_and_not_the_code(machine, user, tmp_path):
    page, note = tmp_path / "page.html", tmp_path / "note.txt"
    assert otpctl("invite", user.name, "--letter", page, "--cover", note).returncode == DONE
    text = note.read_text()
    assert user.name in text and socket.gethostname() in text and "otpctl enrol" in text
    assert not REGISTRATION_CODE.search(text) and note.stat().st_mode & 0o7777 == 0o600


def test_a_letter_never_takes_the_place_of_anything(machine, user, tmp_path):
    page, note, start = tmp_path / "page.html", tmp_path / "note.txt", daemon_log.position()
    page.write_text("mine")
    assert "not overwritten" in otpctl("invite", user.name, "--letter", page).stderr
    note.symlink_to(tmp_path / "elsewhere")
    done = otpctl("invite", user.name, "--letter", tmp_path / "new.html", "--cover", note)
    assert done.returncode == USAGE and "not overwritten" in done.stderr
    assert page.read_text() == "mine" and sorted(os.listdir(tmp_path)) == ["note.txt", "page.html"]
    assert daemon_log.calls(start) == []


def test_a_letter_goes_again_when_there_is_no_code(machine, enrolled, tmp_path):
    user, _ = enrolled
    assert otpctl("invite", user.name, "--letter", tmp_path / "page.html").returncode == REFUSED
    assert list(tmp_path.iterdir()) == []
