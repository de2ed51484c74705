"""otpctl from a shell: exit codes, JSON, and that a secret does not slip into a pipe."""

import fcntl
import json
import re
import subprocess
import time

import pytest

from harness import daemon_log
from harness.machine import HUGE, OTPCTL, SUCCESS, key_of, otpctl
from harness.otpctl import DONE, REFUSED, UNREACHABLE, USAGE
from harness.screen import Pane
from harness.terminal import Terminal
from harness.totp import unbase32


def test_enrolling_at_a_terminal_works_and_says_so(machine, user):
    with Pane("enrol", f"otpctl enrol {user.name}") as pane:
        key = machine.enrol_on_screen(pane)
        assert "enrolled" in pane.text()
    assert machine.ask("otp", user, key.first)[0] == SUCCESS


def test_the_letters_shown_are_the_secret_in_groups_of_four(machine, user):
    with Pane("letters", f"otpctl enrol {user.name}") as pane:
        key = machine.read_screen(pane)
        groups = " ".join(key.base32[at : at + 4] for at in range(0, len(key.base32), 4))
        assert groups in pane.text()
        pane.interrupts()
        pane.ended()


def test_a_mistyped_code_may_be_typed_again(machine, user):
    with Pane("again", f"otpctl enrol {user.name}") as pane:
        key = machine.read_screen(pane)
        pane.types(key.wrong())
        pane.awaits("Code from the app: ", times=2)
        pane.types(key.confirming)
        assert pane.ended() == DONE
    assert machine.ask("otp", user, key.first)[0] == SUCCESS


def test_too_many_wrong_codes_end_it_with_1_and_store_nothing(machine, user):
    terminal = Terminal([OTPCTL, "enrol", user.name], columns=200, rows=80)
    match = terminal.awaits(r"(otpauth://\S+)")
    key = key_of(match[1])
    tries = 0
    while tries < 20:
        try:
            terminal.awaits("Code from the app: ")
        except AssertionError:
            break
        terminal.types(key.wrong(tries))
        tries += 1
    assert terminal.ends() == REFUSED
    assert 1 < tries < 20
    assert not user.key_file.exists()


def test_interrupting_it_leaves_nothing(machine, user):
    terminal = Terminal([OTPCTL, "enrol", user.name], columns=200, rows=80)
    terminal.awaits("Code from the app: ")
    terminal.interrupts()
    assert terminal.ends() != DONE
    assert not user.key_file.exists() and not user.state_file.exists()
    assert not machine.status(user)["enrolled"]
    machine.left_alone()  # while the key is pending no other begins
    machine.enrol(user)


def test_a_secret_is_not_written_into_a_pipe(machine, user):
    done = otpctl("enrol", user.name, stdin="")
    assert done.returncode == USAGE
    assert "--allow-pipe" in done.stderr and "otpauth" not in done.stdout + done.stderr
    assert not user.key_file.exists()


def test_json_is_not_written_into_a_pipe_unless_told_either(machine, user):
    done = otpctl("enrol", user.name, "--json", stdin="")
    assert done.returncode == USAGE and "secret" not in done.stdout


def enrol_by_json(user, *options, answer):
    """Runs `otpctl enrol --json --allow-pipe`; answer(enrolment) gives the code. Returns (status, both JSON lines)."""
    command = [OTPCTL, "enrol", user.name, "--json", "--allow-pipe", *options]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    first = json.loads(process.stdout.readline())
    rest, errors = process.communicate(answer(first["enrolment"]) + "\n", timeout=30)
    return process.returncode, first, [json.loads(line) for line in rest.splitlines()], errors


def test_json_enrolment_is_two_lines(machine, user):
    keys = []

    def answer(enrolment):
        keys.append(key_of(enrolment["uri"]))
        return keys[0].confirming

    status, first, rest, _ = enrol_by_json(user, "--label", "token 1", answer=answer)
    assert status == DONE
    assert first["enrolment"]["user"] == user.name and unbase32(first["enrolment"]["secret"]) == keys[0].secret
    assert [list(line) for line in rest] == [["changed", "confirmed"]]
    assert rest[0]["confirmed"]["key"]["label"] == "token 1"
    assert machine.ask("otp", user, keys[0].first)[0] == SUCCESS


def test_json_enrolment_with_a_wrong_code_is_an_error_and_1(machine, user):
    status, _, rest, _ = enrol_by_json(user, answer=lambda enrolment: key_of(enrolment["uri"]).wrong())
    assert status == REFUSED and list(rest[-1]) == ["error"]
    assert not user.key_file.exists()


def test_options_of_a_key_reach_the_key(machine, user):
    options = ["--algorithm", "SHA512", "--digits", "8", "--period", "60"]
    keys = []

    def answer(enrolment):
        keys.append(key_of(enrolment["uri"]))
        return keys[0].confirming

    status, _, rest, _ = enrol_by_json(user, *options, answer=answer)
    key = rest[0]["confirmed"]["key"]
    assert (status, key["algorithm"], key["digits"], key["period"]) == (DONE, "SHA512", 8, 60)
    assert machine.ask("otp", user, keys[0].first)[0] == SUCCESS


def test_status_of_a_user_as_root_and_as_himself(machine, enrolled):
    user, _ = enrolled
    for done in (otpctl("status", user.name), otpctl("status", user=user)):
        assert done.returncode == DONE and user.name in done.stdout
    status = json.loads(otpctl("status", "--json", user=user).stdout)
    assert status["status"]["user"] == user.name and status["status"]["enrolled"] is True


def test_status_of_somebody_else_is_refused_with_1(machine, enrolled):
    user, _ = enrolled
    other, _ = machine.enrolled_user()
    done = otpctl("status", other.name, user=user)
    assert done.returncode == REFUSED and done.stdout == "" and done.stderr.startswith("otpctl:")
    nobody = otpctl("status", "nobody-at-all", user=user)
    assert nobody.stderr.replace("nobody-at-all", "X") == done.stderr.replace(other.name, "X")


def test_the_list_names_every_enrolled_user(machine, enrolled):
    user, _ = enrolled
    assert re.search(rf"\b{user.name}\b", otpctl("list").stdout)
    assert user.name in {entry["user"] for entry in json.loads(otpctl("list", "--json").stdout)["users"]}


def test_the_list_names_who_cannot_be_read_and_fails(machine, enrolled):
    user, _ = enrolled
    torn, _ = machine.enrolled_user()
    gone, _ = machine.enrolled_user()
    locked, _ = machine.enrolled_user()
    whole = torn.key_file.read_bytes()
    torn.key_file.write_bytes(whole[:-9])
    machine.remove_user(gone)
    with open(locked.state_file, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        begun = time.monotonic()
        done, as_json = otpctl("list"), otpctl("list", "--json")
        assert time.monotonic() - begun < 20, "neither waits ten seconds for the lock"
    torn.key_file.write_bytes(whole)
    assert done.returncode == as_json.returncode == REFUSED and "cannot be read" in done.stderr
    assert re.search(rf"^{user.name} ", done.stdout, re.M)
    for name, uid, why in [(torn.name, torn.uid, str(torn.key_file)), (gone.name, gone.uid, "no account"), (locked.name, locked.uid, "locked")]:
        assert re.search(rf"^cannot read {re.escape(name)} \(uid {uid}\): .*{re.escape(why)}", done.stdout, re.M)
    unreadable = {one["uid"]: one for one in json.loads(as_json.stdout)["unreadable"]}
    assert {torn.uid, gone.uid, locked.uid} <= unreadable.keys() and unreadable[gone.uid]["user"] == gone.name
    assert otpctl("forget", str(gone.uid)).returncode == DONE


def test_ordinary_users_neither_list_nor_enrol(machine, user):
    assert otpctl("list", user=user).returncode == REFUSED
    assert otpctl("enrol", user.name, "--json", "--allow-pipe", user=user, stdin="").returncode == REFUSED


def test_enrolling_twice_is_refused_with_1(machine, enrolled):
    user, _ = enrolled
    done = otpctl("enrol", user.name, "--json", "--allow-pipe", stdin="")
    assert done.returncode == REFUSED and "otpauth" not in done.stdout


def test_an_unknown_user_is_refused_with_1(machine):
    done = otpctl("enrol", "nobody-at-all", "--json", "--allow-pipe", stdin="")
    assert done.returncode == REFUSED


@pytest.mark.parametrize(
    "words",
    [(), ("nonsense",), ("enrol",), ("status", "a", "b"), ("list", "x"), ("enrol", "a", "--digits", "five"), ("enrol", "a", "--period", "5"), ("enrol", "a", "--nonsense")],
    ids=" ".join,
)
def test_a_wrong_command_line_is_2(machine, words):
    done = otpctl(*words)
    assert done.returncode == USAGE and done.stdout == "" and done.stderr


NEW_KEY = [("enrol", "USER", "--json", "--allow-pipe"), ("add", "--json", "--allow-pipe"), ("rotate", "--json", "--allow-pipe"), ("token", "add", "USER")]
INVITE = [("invite", "USER", "--replace", "--allow-pipe")]
LETTER = [("invite", "USER", "--replace", "--letter", "/tmp/bounds.html")]
REOPEN = [("reopen", "USER"), ("--offline", "reopen", "USER")]
SPANS = ["", 0, "0m", "-1m", "+1m", 10, "m", "1.5m", "1 m", "1M", "1mm", f"{HUGE}s", f"{2**64}s", f"{2**63}w"]

# option -> the commands that have it, what is out of bounds, what is said then
BOUNDS = {
    "--digits": (NEW_KEY, ["", 0, -1, -6, 5, 9, 66, "6.0", "0x6", " 6", "six", 2**32 + 6, 2**64 + 6, HUGE], "wanted 6, 7 or 8"),
    "--period": (NEW_KEY, ["", 0, -1, -30, 14, 121, "30.0", "30s", " 30", 2**16 + 30, 2**32 + 30, 2**64 + 30, HUGE], "wanted 15 to 120 seconds"),
    "--algorithm": (NEW_KEY, ["", 0, -1, 1, "MD5", "SHA-1", HUGE], "wanted SHA1, SHA256 or SHA512"),
    "--kind": (NEW_KEY, ["", 0, -1, "TOTP", HUGE], "wanted totp or hotp"),
    "--label": ([NEW_KEY[0], NEW_KEY[1], NEW_KEY[3]], ["", " ", "x" * 33, HUGE, "a\tb"], "wanted 1 to 32 letters"),
    "--for": (INVITE, SPANS, "wanted a number and s, m, h, d or w"),
    "--form": (INVITE, ["", 0, -1, "Spoken", "spoken,mail", HUGE], "wanted spoken, mail, letter or split"),
    "--paper": (LETTER, ["", 0, -1, "a3", HUGE], "wanted a4 or letter"),
    "--origin": (REOPEN, ["", 0, -1, 5, "Self", "all", "self,other", HUGE], "wanted self, other, remote, console or socket"),
}


def vault_of(user):
    return user.key_file.read_bytes(), user.state_file.read_bytes()


@pytest.mark.parametrize("option", BOUNDS)
def test_a_value_out_of_bounds_is_2_says_what_was_wanted_and_changes_nothing(machine, enrolled, option):
    user, _ = enrolled
    commands, values, wanted = BOUNDS[option]
    before, start = vault_of(user), daemon_log.position()
    for command in commands:
        for value in values:
            words = [user.name if word == "USER" else word for word in command]
            done = otpctl(*words, f"{option}={value}", stdin="")
            assert (done.returncode, done.stdout) == (USAGE, ""), (words, value)
            assert option in done.stderr and wanted in done.stderr, done.stderr
    assert vault_of(user) == before and daemon_log.calls(start) == []


GOOD = {
    "--digits": "6", "--period": "30", "--algorithm": "SHA1", "--kind": "totp", "--label": "tablet",
    "--for": "5m", "--form": "mail", "--paper": "a4", "--origin": "self",
}


@pytest.mark.parametrize("option", GOOD)
def test_an_option_given_twice_or_without_its_value_is_2_and_changes_nothing(machine, enrolled, option):
    user, _ = enrolled
    good = GOOD[option]
    before, start = vault_of(user), daemon_log.position()
    for command in BOUNDS[option][0]:
        words = [user.name if word == "USER" else word for word in command]
        for more, said in [((option, good, option, good), ["is given twice"]), ((option,), ["has no value", 'found ""; wanted'])]:
            done = otpctl(*words, *more, stdin="")
            assert (done.returncode, done.stdout) == (USAGE, ""), (words, more)
            assert option in done.stderr and any(text in done.stderr for text in said), done.stderr
    assert vault_of(user) == before and daemon_log.calls(start) == []


@pytest.mark.parametrize("uid", ["", -1, 2**32 - 1, 2**32, "2**32 + UID", "0xUID", "UID.0", " UID", HUGE], ids=lambda uid: str(uid)[:12])
def test_a_number_that_is_no_uid_of_a_user_is_1_and_changes_nothing(machine, enrolled, uid):
    user, _ = enrolled
    before = vault_of(user)
    number = {"2**32 + UID": str(2**32 + user.uid), "0xUID": hex(user.uid)}.get(uid, str(uid).replace("UID", str(user.uid)))
    for command in [("forget", "--"), ("--offline", "forget", "--"), ("emergency", "end", "--"), ("adopt", user.name, "--from")]:
        words = [*command[:-1], f"--from={number}"] if command[-1] == "--from" else [*command, number]
        done = otpctl(*words)
        assert (done.returncode, done.stdout) == (REFUSED, "") and done.stderr.startswith("otpctl: "), words
    assert vault_of(user) == before


def test_help_and_version_are_0(machine):
    for word in ("--help", "--version"):
        done = otpctl(word)
        assert done.returncode == DONE and done.stdout


@pytest.mark.parametrize("words", [("status",), ("list",), ("list", "--json"), ("enrol", "root", "--json", "--allow-pipe")], ids=" ".join)
def test_without_the_daemon_it_is_3_and_says_so(machine, words):
    with machine.daemon_stopped():
        done = otpctl(*words, stdin="")
    assert done.returncode == UNREACHABLE and "otp.sock" in done.stderr


def test_a_label_with_control_characters_never_reaches_the_terminal(machine, user):
    done = otpctl("enrol", user.name, "--label", "a\x1b[2Jb", "--json", "--allow-pipe", stdin="\n")
    assert done.returncode != DONE
    assert "\x1b" not in done.stdout + done.stderr


def test_output_to_a_closed_pipe_is_no_crash(machine, enrolled):
    done = subprocess.run(f"{OTPCTL} list | head -c 0", shell=True, capture_output=True, text=True, timeout=30)
    assert "panicked" not in done.stderr


def test_a_key_that_was_stored_is_not_said_to_be_none_when_the_output_ends(machine, user, tmp_path):
    picture = tmp_path / "key.svg"
    words = ["enrol", user.name, "--json", "--allow-pipe", "--svg", picture]
    process = subprocess.Popen([OTPCTL, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    key = key_of(json.loads(process.stdout.readline())["enrolment"]["uri"])
    process.stdout.close()
    process.stdin.write(key.confirming + "\n")
    process.stdin.flush()
    assert process.wait(10) == REFUSED
    said = process.stderr.read()
    assert "the key is stored anyway" in said and "otpctl recovery-codes" in said
    assert picture.exists(), "it is the picture of a key that is good"
    assert machine.ask("otp", user, key.first)[0] == SUCCESS
