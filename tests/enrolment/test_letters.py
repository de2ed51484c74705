"""Letters for many users, as a helpdesk makes them: from a spreadsheet to the last person enrolled."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from harness.crowd import accounts, crowd_name
from harness.enrolment import confirm, enrol, redeem, spoken_code
from harness.letters import A4, US_LETTER, codes_on, printed
from harness.machine import DAY, OTPCTL, otpctl, write
from harness.notices import noticed
from harness.otpctl import DONE, REFUSED, USAGE
from harness.strace import calls_of, kill_at, run_under
from harness.terminal import Terminal
from harness.wire import Client, Refused, call, refusal

CROWD = range(2_500_000, 2_500_500)
OTHERS = range(2_600_000, 2_600_500)
TEMPLATES = Path("/etc/otp/templates")
WRITES = ("write", "sendto", "fsync", "fdatasync", "ftruncate")


def invite_list(path, *words):
    done = otpctl("invite", "--from", path, *words)
    return done.returncode, done.stdout, done.stderr


def letter_outcomes(path, *words):
    """Of each user, by name."""
    done = otpctl("invite", "--from", path, *words, "--json")
    *rows, counts = (json.loads(line) for line in done.stdout.splitlines())
    return {row["user"]: row for row in rows}, counts


def letters_listed(path):
    with path.open(newline="") as rows:
        return list(csv.DictReader(rows))


def own_list(path, text):
    write(path, text, 0o600)
    return path


def letter_refused_for(uid, code):
    return refusal(uid, "Redeem", registration=code).parameters["reason"]


def letters_by_user(stack):
    """The code of each user's newest letter, by the list."""
    pages = dict(re.findall(r'<section id="([^"]+)">.*?<p class="code">([^<]+)<', stack.read_text(), re.S))
    return {row["user"]: pages.get(row["reference"]) for row in letters_listed(stack.with_suffix(".csv"))}


# the play: five hundred people


def test_from_a_spreadsheet_to_the_last_person_enrolled(machine, enrolled, tmp_path):
    lost, away, left, first, typo = (machine.new_user() for _ in range(5))
    known = [first.name, lost.name, away.name, left.name, *(crowd_name(uid) for uid in CROWD)]
    rows = [f'"Müller; {number}";{name};"1 ""A"" Street"' for number, name in enumerate(known)]
    rows += ["Typo;alcie;x", f"Twice;{known[0]};x", f"Has one;{enrolled[0].name};x"]
    people = tmp_path / "people.csv"
    own_list(people, "\ufeffName;User;Street\r\n" + "\r\n".join(rows))  # as a spreadsheet exports it
    stack, notes = tmp_path / "letters.html", tmp_path / "notes.html"
    command = ("--stack", stack, "--cover", notes, "--for", "10d")

    with accounts(CROWD):
        code, said, wrong = invite_list(people, *command)
        assert code == REFUSED and f"invited: {len(known)}, unchanged: 2, refused: 1" in said
        line = len(known) + 2
        assert re.search(rf"line {line} +alcie +refused: no such user: alcie", said)
        assert re.search(rf"line {line + 1} +{first.name} +the same user as in line 2", said)
        assert re.search(rf"line {line + 2} +{enrolled[0].name} +already enrolled", said)
        assert f"list: {stack.with_suffix('.csv')}" in said and "refused or whose letter was lost: 1" in wrong

        # the sheets are in the order of the list, and the list has what the envelopes need
        rows = letters_listed(stack.with_suffix(".csv"))
        references = re.findall(r'<section id="([^"]+)">', stack.read_text())
        assert [row["reference"] for row in rows] == references and len(set(codes_on(stack))) == len(known)
        assert [row["user"] for row in rows] == known and rows[1]["Name"] == "Müller; 1" and rows[1]["Street"] == '1 "A" Street'
        assert not any(name in stack.read_text() for name in known) and not any(code in notes.read_text() for code in codes_on(stack))
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", rows[0]["ends"])
        assert {path.stat().st_mode & 0o7777 for path in (stack, notes, stack.with_suffix(".csv"))} == {0o600}

        # the same command again harms nothing, and brings those whose name was mended
        before, letters = stack.read_text(), letters_by_user(stack)
        again, counts = letter_outcomes(people, *command)
        assert counts == {"changed": False, "done": 0, "already": len(known) + 2, "refused": 1} and stack.read_text() == before
        assert again[lost.name]["outcome"] == "already-invited" and again[lost.name]["reference"] == references[1]
        people.write_text(people.read_text().replace("alcie", typo.name))
        mended, counts = letter_outcomes(people, *command)
        assert mended[typo.name]["outcome"] == "invited" and (counts["done"], counts["refused"]) == (1, 0)
        assert stack.read_text().startswith(before)

    letters = letters_by_user(stack)
    enrol(first, letters[first.name])
    # lost in the post: a code on the phone instead, and the letter is worthless if it turns up
    enrol(lost, spoken_code(lost))
    assert letter_refused_for(lost.uid, letters[lost.name]) == "stale"
    # people who left
    leavers = own_list(tmp_path / "leavers", f"{left.name}\n{first.name}")
    code, said, _ = invite_list(leavers, "--revoke")
    assert code == DONE and "taken back: 1, unchanged: 1, refused: 0" in said and "there is no valid registration code" in said
    assert letter_refused_for(left.uid, letters[left.name]) == "stale"
    # on holiday: the letter in the box is good for longer
    done = otpctl("invite", away.name, "--extend", "--for", "29d")
    assert done.returncode == DONE and "the same registration code now ends at" in done.stdout
    with machine.clock(12 * DAY):
        assert letter_refused_for(typo.uid, letters[typo.name]) == "stale"
        enrol(away, letters[away.name])
    # the last one lets a letter lapse, and gets another by the same command
    people.write_text(f"Name;User;Street\nLast;{typo.name};x\n")
    with machine.clock(12 * DAY):
        last, _ = letter_outcomes(people, *command)
        assert last[typo.name]["outcome"] == "invited"
        enrol(typo, letters_by_user(stack)[typo.name])
        assert letter_outcomes(people, *command)[0][typo.name]["outcome"] == "already-enrolled"


@pytest.mark.parametrize(("paper", "size"), [("a4", A4), ("letter", US_LETTER)])
def test_a_stack_and_its_notes_are_a_page_each(machine, tmp_path, paper, size):
    users = [machine.new_user().name for _ in range(3)]
    stack, notes = tmp_path / "stack.html", tmp_path / "notes.html"
    assert invite_list(own_list(tmp_path / "names", "\n".join(users)), "--stack", stack, "--cover", notes, "--paper", paper)[0] == DONE
    assert printed(stack, tmp_path) == printed(notes, tmp_path) == [size] * 3


def test_a_directory_has_a_file_each_for_the_caller_alone(machine, user, tmp_path):
    letters, names = tmp_path / "letters", own_list(tmp_path / "names", user.name)
    assert invite_list(names, "--letters", letters)[0] == DONE
    (row,) = letters_listed(letters / "list.csv")
    page = letters / f"{row['reference']}.html"
    assert sorted(os.listdir(letters)) == sorted([page.name, "list.csv"])
    assert [path.stat().st_mode & 0o7777 for path in (letters, page)] == [0o700, 0o600]
    enrol(user, codes_on(page)[0])


def test_a_terminal_shows_how_far_it_is(machine, user, tmp_path):
    names = own_list(tmp_path / "names", user.name)
    terminal = Terminal([OTPCTL, "invite", "--from", str(names), "--letters", str(tmp_path / "letters")], columns=100)
    assert terminal.ends() == DONE and "users: 1 of 1" in terminal.transcript and "invited: 1" in terminal.transcript


# no code is lost unseen


def test_a_letter_that_was_not_finished_is_made_again_and_the_half_of_it_goes(machine, tmp_path):
    users = [machine.new_user() for _ in range(2)]
    names, stack = own_list(tmp_path / "names", "\n".join(user.name for user in users)), tmp_path / "stack.html"
    journal = stack.with_suffix(".csv")
    assert invite_list(names, "--stack", stack)[0] == DONE
    old, ended = letters_by_user(stack), journal.read_text()
    journal.write_text(ended[: ended.rstrip().rindex(",") + 1])  # killed before the row was ended
    # with another list of users it is told, and not forgotten
    other, counts = letter_outcomes(own_list(tmp_path / "other", users[0].name), "--stack", stack)
    assert other[users[1].name]["outcome"] == "lost" and counts["refused"] == 1
    assert old[users[1].name] not in codes_on(stack) and journal.read_text().endswith(",lost\n")
    code, said, _ = invite_list(names, "--stack", stack)
    assert code == DONE and f"{users[1].name}" in said and "the letter before it was not finished" in said
    new = letters_by_user(stack)
    assert new[users[0].name] == old[users[0].name] and letter_refused_for(users[1].uid, old[users[1].name]) == "stale"
    for user in users:
        enrol(user, new[user.name])


def test_a_kill_at_any_write_leaves_nobody_with_a_code_that_no_letter_has(machine, tmp_path):
    def new_run(number):
        users = [machine.new_user() for _ in range(2)]
        names, stack = own_list(tmp_path / f"names{number}", "\n".join(user.name for user in users)), tmp_path / f"{number}.html"
        return users, stack, [OTPCTL, "invite", "--from", names, "--stack", stack]

    calls = [call for call in calls_of(new_run("traced")[2]) if call.name in WRITES]
    assert {call.name for call in calls} >= {"write", "fsync", "fdatasync"} and len(calls) > 20
    for number, call_ in enumerate(calls):
        users, stack, command = new_run(number)
        assert run_under(kill_at(call_), command).returncode != DONE
        assert subprocess.run(command, capture_output=True).returncode == DONE
        letters = letters_by_user(stack)
        assert len(codes_on(stack)) == len(users), call_
        for user in users:
            with Client(uid=user.uid) as client:
                redeem(client, letters[user.name])


def test_an_interruption_ends_it_between_two_letters(machine, tmp_path):
    with accounts(OTHERS):
        names, stack = own_list(tmp_path / "names", "\n".join(crowd_name(uid) for uid in OTHERS)), tmp_path / "stack.html"
        terminal = Terminal([OTPCTL, "invite", "--from", str(names), "--stack", str(stack)], columns=200)
        terminal.awaits(r"users: \d+ of 500")
        terminal.pty.kill(signal.SIGINT)
        assert terminal.ends() == REFUSED and "run the same command again to continue" in terminal.transcript
        made = letters_by_user(stack)
        assert 0 < len(made) < len(OTHERS) and None not in made.values()
        assert stack.with_suffix(".csv").read_text().endswith(" UTC\n")


# what cannot be


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,mail\nx,y\n", "line 1: found the columns name, mail; wanted one called user, username, login"),
        ("alice\nj\udcf6rg\n", "line 2: found bytes that are not UTF-8"),
        ("\n# nobody\n", "found no name"),
    ],
)
def test_a_file_that_is_no_list_invites_nobody(machine, tmp_path, text, said):
    names = tmp_path / "names"
    names.write_bytes(text.encode(errors="surrogateescape"))
    code, _, wrong = invite_list(names, "--letters", tmp_path / "letters")
    assert code == REFUSED and said in wrong and "nothing was changed" in wrong and not (tmp_path / "letters").exists()


def test_what_others_may_write_is_no_place_for_letters_and_no_list(machine, user, tmp_path):
    names, shared = own_list(tmp_path / "names", user.name), tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    assert "in which nobody else may write" in invite_list(names, "--letters", shared)[2]
    assert "in which nobody else may write" in invite_list(names, "--stack", shared / "x.html")[2]
    (tmp_path / "there.html").write_text("mine")
    code, _, wrong = invite_list(names, "--stack", tmp_path / "there.html")
    assert code == USAGE and "mode 0600" in wrong and (tmp_path / "there.html").read_text() == "mine"
    names.chmod(0o666)
    assert "nobody else may write it" in invite_list(names, "--letters", tmp_path / "letters")[2]
    assert "--letters DIR or --stack FILE" in invite_list(names)[2]
    assert call("Invite", user=user.name, dry_run=True)["invitation"]["superseded"] is False


# a later end


def test_an_invitation_gets_a_later_end_and_never_an_earlier_one(machine, user):
    (code,) = call("Invite", user=user.name, form="letter", lasts=DAY)["invitation"]["codes"]
    assert "the same registration code now ends at" in otpctl("invite", user.name, "--extend", "--for", "20d").stdout
    kept = json.loads(otpctl("invite", user.name, "--extend", "--for", "1d", "--json").stdout)
    assert (kept["changed"], kept["user"], kept["form"]) == (False, user.name, "letter")
    assert noticed(user) == ["registration-code-issued", "registration-code-extended"], "once, for the one that changed something"
    end = call("ExtendInvitation", user=user.name, lasts=20 * DAY)["ends"]
    with machine.clock(1200):  # less than a thousandth of twenty days
        assert call("ExtendInvitation", user=user.name, lasts=20 * DAY) == {"changed": False, "form": "letter", "ends": end}, "the same command again"
    with machine.clock(2400):
        later = call("ExtendInvitation", user=user.name, lasts=20 * DAY)
        assert later["changed"] and later["ends"] >= end + 2400
    for lasts in (59, 31 * DAY):
        with pytest.raises(Refused) as refused:
            call("ExtendInvitation", user=user.name, lasts=lasts)
        assert refused.value.parameters["field"] == "lasts"
    with machine.clock(15 * DAY), Client(uid=user.uid) as client:
        confirm(client, redeem(client, code))
        assert otpctl("invite", user.name, "--extend").returncode == REFUSED
    spoken_code(other := machine.new_user())
    assert call("ExtendInvitation", user=other.name)["changed"] is False, "ten minutes from its making"


# the site's own words


@pytest.fixture
def templates():
    yield lambda name, text: write(TEMPLATES / name, text, 0o644)
    shutil.rmtree(TEMPLATES)


def test_the_sites_own_words_stand_in_letters_and_notes(machine, user, tmp_path, templates):
    templates("letter.html", "<h1>Ihr Kode für später</h1>\n<p class=\"code\">{{code}}</p>\n{{reference}} bis {{end}}\n")
    templates("site.txt", "Apps: Aegis & <2FAS>\nRückfragen: 4711\n")
    page, note, text = tmp_path / "page.html", tmp_path / "note.html", tmp_path / "note.txt"
    assert otpctl("invite", user.name, "--letter", page, "--cover", note).returncode == DONE
    assert "Ihr Kode für später" in page.read_text() and "Apps: Aegis &amp; &lt;2FAS>\nRückfragen: 4711" in note.read_text()
    for form, way in [("spoken", "at the desk"), ("mail", "another message"), ("split", "in two parts")]:
        path = tmp_path / f"{form}.txt"
        assert otpctl("invite", user.name, "--form", form, "--cover", path, "--allow-pipe").returncode == DONE
        assert way in path.read_text() and "Rückfragen: 4711" in path.read_text() and not text.exists()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("letter.html", "<p>\n{{code}} {{reference}}\n{{colour}}\n", "line 3: nothing can fill {{colour}}; wanted {{code}}, {{qr}}"),
        ("letter.html", "<p>\n{{reference}}\n", "line 2: the end, without {{code}} before it; wanted {{code}}, {{reference}}"),
        ("letter.html", "{{#split}}\n", "line 1: {{#split}} has no end"),
        ("cover.html", "{{user}}\nf\udcfcr\n", "line 2: found bytes that are not UTF-8; wanted UTF-8"),
        ("cover.html", "x" * 40_000, "larger than 32768 bytes"),
    ],
    ids=["an unknown place", "no code", "no end", "not UTF-8", "too big"],
)
def test_a_broken_template_is_refused_before_a_code_is_made(machine, user, tmp_path, templates, name, text, said):
    templates(name, "")
    (TEMPLATES / name).write_bytes(text.encode(errors="surrogateescape"))
    names = own_list(tmp_path / "names", user.name)
    for words in ((user.name, "--letter", tmp_path / "a.html", "--cover", tmp_path / "b.html"), ("--from", names, "--stack", tmp_path / "c.html", "--cover", tmp_path / "d.html")):
        done = otpctl("invite", *words)
        assert done.returncode == REFUSED and said in done.stderr and name in done.stderr, done.stderr
    assert call("Invite", user=user.name, dry_run=True)["invitation"]["superseded"] is False
    check = otpctl("config", "check", "--json")
    assert check.returncode == REFUSED and said in json.loads(check.stdout)["templates"][0]


def test_a_template_that_others_may_write_is_not_trusted(machine, user, tmp_path, templates):
    templates("letter.txt", "{{code}} {{reference}}\n")
    (TEMPLATES / "letter.txt").chmod(0o666)
    done = otpctl("invite", user.name, "--letter", tmp_path / "a.txt")
    assert done.returncode == REFUSED and "only root may write" in done.stderr and not (tmp_path / "a.txt").exists()


def test_a_built_in_template_is_shown_to_begin_with(machine, user, tmp_path, templates):
    templates("letter.html", otpctl("config", "template", "letter.html").stdout)
    assert otpctl("invite", user.name, "--letter", tmp_path / "a.html").returncode == DONE
    assert json.loads(otpctl("config", "template", "site.txt", "--json").stdout) == {"file": f"{TEMPLATES}/site.txt", "text": ""}
