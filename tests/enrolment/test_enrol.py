"""otpctl as the owner of a key uses it: enrol with a registration code, add, rotate, recovery codes; and tokens."""

import base64
import json
import re
import socket
import subprocess

import pytest

from harness import daemon_log
from harness.enrolment import invite, labels, spoken_code
from harness.journal import fields
from harness.machine import AUTH_ERR, CODE_PROMPT, OTPCTL, SUCCESS, as_user, early_in_a_step, key_of, otpctl, pam_code, run
from harness.otpctl import DONE, REFUSED, UNREACHABLE, USAGE, answers, finishes, key_shown, session
from harness.screen import DARK, Pane, read_qr
from harness.terminal import Terminal

LOCAL_TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"
RECOVERY = r"^ {4}(R(?:-[0-9A-HJKMNP-TV-Z]{5}){5})$"


def mistyped(code):
    """One symbol is another one."""
    symbol = "7" if code[4] != "7" else "8"
    return code[:4] + symbol + code[5:]


def enrolled_by_code(machine, user, code):
    """(key, recovery codes) of a user who enrols at a terminal."""
    terminal = session(user, "enrol")
    answers(terminal, "Registration code: ", code)
    key = key_shown(terminal)
    return key, re.findall(RECOVERY, finishes(terminal, key), re.M)


def sudo_opens(machine, user, code):
    outcome = machine.sudo(user, [(CODE_PROMPT, code)])
    return outcome.status == 0 and "\n0\n" in outcome.text


# the registration code


@pytest.mark.parametrize("form", ["spoken", "mail", "letter", "split"])
def test_invited_enrolled_and_let_in(machine, user, form):
    text = Terminal([OTPCTL, "invite", user.name, "--form", form], columns=200)
    assert text.ends() == DONE
    code = " ".join(re.findall(r"^ {4}(E-\S+)$", text.transcript, re.M))
    key, recovery = enrolled_by_code(machine, user, code)
    assert len(set(recovery)) == 8
    machine.sudo_asks(user, "required pam_otp.so")
    assert sudo_opens(machine, user, key.first)
    assert sudo_opens(machine, user, recovery[0])
    assert not sudo_opens(machine, user, recovery[0]), "a recovery code opened twice"
    assert sudo_opens(machine, user, recovery[7])


def test_the_code_on_the_screen_of_the_owner_reads_as_the_address(machine, user, tmp_path):
    command = " ".join([*as_user(user), "otpctl", "enrol"])
    with Pane("owner", command, columns=240) as pane:
        pane.awaits("Registration code: ")
        pane.types(spoken_code(user))
        key = machine.read_screen(pane)
        assert read_qr(pane.coloured(), DARK, tmp_path / "screen.png") == [key.uri]
        pane.types(key.confirming)
        assert pane.ended() == DONE
        assert "recovery codes, shown only now" in pane.text()


AS_PEOPLE_TYPE = {
    "small": str.lower,
    "blanks": lambda code: code.replace("-", " "),
    "look-alikes": lambda code: code.replace("0", "o").replace("1", "l"),
    "long dashes": lambda code: code.replace("-", "–"),
    "quoted": lambda code: f"“{code}.”",
    "full width": lambda code: "".join(chr(ord(symbol) + 0xFEE0) for symbol in code),
    "no prefix": lambda code: code.removeprefix("E-"),
    "non-breaking blanks": lambda code: code.replace("-", "\u00a0"),
}


@pytest.mark.parametrize("change", AS_PEOPLE_TYPE.values(), ids=AS_PEOPLE_TYPE)
def test_a_code_may_be_typed_as_people_type(machine, user, change):
    enrolled_by_code(machine, user, change(spoken_code(user)))


def test_the_lines_of_a_letter_may_be_typed_one_by_one(machine, user):
    code = invite(user, form="letter")
    terminal = session(user, "enrol")
    answers(terminal, "Registration code: ", code[:19])
    terminal.awaits("15 of 25 letters and digits are there: 10 are missing; type the rest")
    answers(terminal, "The rest: ", code[20:25])
    terminal.awaits("20 of 25 letters and digits are there: 5 are missing; type the rest")
    answers(terminal, "The rest: ", code[26:])
    finishes(terminal, key_shown(terminal))


def test_a_split_code_is_asked_for_part_by_part(machine, user):
    first, second = invite(user, form="split").split()
    terminal = session(user, "enrol")
    answers(terminal, "Registration code: ", second)
    terminal.awaits("this is the second part; type the first part first")
    answers(terminal, "Registration code: ", first)
    answers(terminal, "Second part: ", first)
    terminal.awaits("this is not the second part")
    answers(terminal, "Second part: ", second)
    finishes(terminal, key_shown(terminal))


def test_typing_errors_are_told_here_and_the_daemon_hears_nothing(machine, user):
    code = spoken_code(user)
    start = daemon_log.position()
    terminal = session(user, "enrol")
    for wrong, said in [(mistyped(code), "one letter or digit is wrong"), ("123456", "begins with E-"), (code + "0" * 20, "too many for a code")]:
        answers(terminal, "Registration code: ", wrong)
        terminal.awaits(said)
    assert terminal.ends() == REFUSED and "nothing was sent" in terminal.transcript
    assert daemon_log.calls(start) == []
    enrolled_by_code(machine, user, code)


def test_a_mistyped_code_opens_no_connection(machine, user):
    def connections(code):
        done = subprocess.run(["strace", "-f", "-e", "trace=connect", OTPCTL, "enrol", "--registration-stdin", "--allow-pipe"], input=code + "\n", capture_output=True, text=True, timeout=60)
        assert done.returncode == REFUSED
        return done.stderr.count("/run/otp/otp.sock")

    code = spoken_code(user)
    assert connections(mistyped(code)) == 0
    assert connections(code) == 1, "root's own account has no such code, so this was sent and refused"


@pytest.mark.parametrize("words", [("add",), ("rotate",), ("recovery-codes",), ("reopen",), ("revoke", "phone", "--last")], ids=" ".join)
def test_the_daemon_does_not_wait_while_a_code_is_typed(machine, enrolled, words):
    """It gives a silent connection ten seconds."""
    user, key = enrolled

    def connections(typed):
        pipe = ["--allow-pipe"] if words[0] in ("add", "rotate", "recovery-codes") else []
        done = subprocess.run(["strace", "-f", "-e", "trace=connect", *as_user(user), OTPCTL, *words, *pipe], input=typed, capture_output=True, text=True, timeout=60)
        return done.stderr.count("/run/otp/otp.sock")

    assert connections("") == 0 and connections(key.wrong() + "\n") == 1


def test_the_code_is_never_an_argument_and_a_pipe_must_be_named(machine, user):
    code = spoken_code(user)
    for words in [("--allow-pipe",), ("--allow-pipe", "--json")]:
        done = otpctl("enrol", *words, user=user, stdin=code + "\n")
        assert done.returncode == USAGE and "--registration-stdin" in done.stderr and done.stdout == ""
    assert otpctl("enrol", user.name, "--registration-stdin", stdin=code + "\n").returncode == USAGE
    done = otpctl("enrol", "--registration-stdin", user=user, stdin=code + "\n")
    assert done.returncode == USAGE and "--allow-pipe" in done.stderr and "otpauth" not in done.stdout
    enrolled_by_code(machine, user, code)


def test_a_script_enrols_in_json(machine, user):
    first, second = invite(user, form="split").split()
    command = [*as_user(user), OTPCTL, "enrol", "--registration-stdin", "--json", "--allow-pipe", "--label", "tablet"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdin.write(f"{first}\n{second}\n")
    process.stdin.flush()
    begun = json.loads(process.stdout.readline())
    key = key_of(begun["enrolment"]["uri"])
    rest, _ = process.communicate(key.wrong() + "\n" + key.confirming + "\n", timeout=30)
    refused, confirmed = [json.loads(line) for line in rest.splitlines()]
    assert begun["earlier"] is None and refused["error"]["name"].endswith(".CodeRefused")
    assert confirmed["confirmed"]["key"]["label"] == "tablet" and len(confirmed["confirmed"]["recovery_codes"]) == 8
    assert process.returncode == DONE and pam_code(machine, user, confirmed["confirmed"]["recovery_codes"][3]) == SUCCESS


def test_somebody_elses_code_is_good_for_nothing(machine, user):
    other = machine.new_user()
    terminal = session(other, "enrol")
    answers(terminal, "Registration code: ", spoken_code(user))
    assert terminal.ends() == REFUSED and "it is not good for this account" in terminal.transcript


@pytest.mark.parametrize("end", ["interrupt", "end of input"])
def test_whatever_ends_it_early_leaves_nothing_and_the_next_time_says_so(machine, user, end):
    code = spoken_code(user)
    terminal = session(user, "enrol")
    answers(terminal, "Registration code: ", code)
    lost = key_shown(terminal)
    terminal.awaits("Code from the app: ")
    terminal.interrupts() if end == "interrupt" else terminal.pty.sendeof()
    assert terminal.ends() == REFUSED
    why = "interrupted" if end == "interrupt" else "no code was given"
    entry = f"{user.name}@{socket.gethostname()} ({socket.gethostname()})"
    assert f"{why}\nnothing was stored; delete the entry you scanned, {entry}; then begin again" in terminal.transcript
    assert not user.key_file.exists()
    terminal = session(user, "enrol")
    answers(terminal, "Registration code: ", code)
    terminal.awaits(rf"You used this code just now \({LOCAL_TIME}\), on /dev/pts/\d+, and did not finish\. That does no harm")
    key = key_shown(terminal)
    assert key.secret != lost.secret
    finishes(terminal, key)


def test_without_the_daemon_the_code_is_not_used_up(machine, user):
    code = spoken_code(user)
    with machine.daemon_stopped():
        terminal = session(user, "enrol")
        answers(terminal, "Registration code: ", code)
        assert terminal.ends() == UNREACHABLE and "otp.sock" in terminal.transcript
    enrolled_by_code(machine, user, code)


# what the app does wrong


@pytest.mark.parametrize(
    ("words", "app", "said"),
    [
        (("--algorithm", "SHA256"), {"algorithm": "SHA1"}, "the app makes codes with SHA1, whatever the key says; start again with --algorithm SHA1,"),
        (("--digits", "8"), {"digits": 6}, "the app makes codes of 6 digits, whatever the key says; start again with --digits 6,"),
        (("--period", "60"), {"period": 30}, "the app makes codes for 30 seconds, whatever the key says; start again with --period 30,"),
        ((), {"late": 240}, "the phone's clock is slow by about 4 minutes, or this host's is fast"),
        ((), {"late": -240}, "the phone's clock is fast by about 4 minutes, or this host's is slow"),
    ],
    ids=["hash", "digits", "period", "slow", "fast"],
)
def test_a_wrong_code_says_what_is_wrong_and_the_right_one_still_stores(machine, user, words, app, said):
    terminal = session(user, "enrol", *words)
    answers(terminal, "Registration code: ", spoken_code(user))
    key = key_shown(terminal)
    wrong = key_of(key.uri)
    wrong.__dict__.update({name: value for name, value in app.items() if name != "late"})
    answers(terminal, "Code from the app: ", wrong.code(wrong.step_now() - app.get("late", 0) // wrong.period))
    terminal.awaits(re.escape(said))
    terminal.awaits("code refused: tries left: 5")
    finishes(terminal, key)


# a code that comes back


def user_with_spent_code(machine):
    user = machine.new_user()
    code = spoken_code(user)
    key, _ = enrolled_by_code(machine, user, code)
    return user, code, key


def test_a_code_that_was_used_tells_when_and_from_where_and_no_suspends_what_came_of_it(machine):
    user, code, key = user_with_spent_code(machine)
    terminal = session(user, "enrol")
    answers(terminal, "Registration code: ", code)
    terminal.awaits(rf"A key was made with this registration code just now \({LOCAL_TIME}\), on /dev/pts/\d+\.")
    answers(terminal, r"Was that you\? \[y/n\] ", "perhaps")
    answers(terminal, r"Was that you\? \[y/n\] ", "no")
    terminal.awaits("switched off: the key made with it; its codes and recovery codes are now refused")
    terminal.awaits("call an administrator now")
    assert terminal.ends() == REFUSED
    assert pam_code(machine, user, key.first) == AUTH_ERR


@pytest.mark.parametrize("answer", ["y", "", None], ids=["yes", "empty", "end"])
def test_without_a_no_everything_stays(machine, answer):
    user, code, key = user_with_spent_code(machine)
    terminal = session(user, "enrol")
    answers(terminal, "Registration code: ", code)
    terminal.awaits(r"Was that you\? \[y/n\] ")
    terminal.pty.sendeof() if answer is None else terminal.types(answer)
    assert terminal.ends() == REFUSED
    assert ("its codes work" if answer else "so nothing was done; run the same command with the same code to be asked again") in " ".join(terminal.transcript.split())
    assert pam_code(machine, user, key.first) == SUCCESS


def test_a_script_is_told_and_not_asked(machine):
    user, code, _ = user_with_spent_code(machine)
    done = otpctl("enrol", "--registration-stdin", "--json", "--allow-pipe", user=user, stdin=code + "\nn\n")
    assert done.returncode == REFUSED and json.loads(done.stdout)["error"]["name"].endswith(".RegistrationSpent")
    done = otpctl("enrol", "--registration-stdin", "--allow-pipe", user=user, stdin=code + "\nn\n")
    assert done.returncode == REFUSED and "a key was made with this registration code just now (" in done.stderr and "Was that you" not in done.stdout


# root


def test_root_makes_no_key_for_others_unless_the_policy_says_so(machine, user):
    with machine.policy("version = 1 # and no more\n"):
        done = otpctl("enrol", user.name, "--allow-pipe", stdin="")
        assert done.returncode == REFUSED and "otpctl invite" in done.stderr and "admin_enrol" in done.stderr
        done = otpctl("enrol", user.name, "--allow-pipe", user=user, stdin="")
        assert done.returncode == REFUSED and "leave the name out" in done.stderr


# with a code of a key that is there


def test_one_more_key_for_a_code_of_the_first(machine, enrolled):
    user, key = enrolled
    terminal = session(user, "add", "--label", "tablet")
    answers(terminal, "Code of one of your keys: ", key.first)
    tablet = key_shown(terminal)
    assert 'added for' in finishes(terminal, tablet) and labels(machine, user) == ["phone", "tablet"]
    assert pam_code(machine, user, key.first) == AUTH_ERR, "used up"
    assert pam_code(machine, user, key.second) == SUCCESS and pam_code(machine, user, tablet.first) == SUCCESS


@pytest.mark.parametrize("command", ["add", "rotate", "recovery-codes"])
def test_nothing_is_made_without_a_right_code(machine, enrolled, command):
    user, key = enrolled
    before = user.key_file.read_bytes()
    words = (command, "--label", "tablet") if command == "add" else (command,)
    for typed in (key.wrong(), key.confirming, ""):
        terminal = session(user, *words)
        answers(terminal, "Code of ", typed)
        assert terminal.ends() == REFUSED and "otpauth" not in terminal.transcript and not re.search(RECOVERY, terminal.transcript, re.M)
    assert user.key_file.read_bytes() == before


def test_rotating_ends_the_old_key_when_the_new_one_is_confirmed_and_not_before(machine, enrolled):
    user, old = enrolled
    terminal = session(user, "rotate")
    answers(terminal, "Code of the key to replace: ", old.first)
    key_shown(terminal)
    terminal.awaits("Code from the app: ")
    terminal.interrupts()
    assert terminal.ends() != DONE
    assert pam_code(machine, user, old.second) == SUCCESS, "given up: the old key works"

    user, old = machine.enrolled_user()
    terminal = session(user, "rotate", "phone", "--algorithm", "SHA256")
    answers(terminal, "Code of the key to replace: ", old.first)
    new = key_shown(terminal)
    said = finishes(terminal, new)
    assert "the old one no longer works" in said
    assert f"In the app, delete the old entry. If two are named {user.name}@{socket.gethostname()} ({socket.gethostname()}), it is" in said
    assert pam_code(machine, user, old.second) == AUTH_ERR and pam_code(machine, user, new.first) == SUCCESS
    assert labels(machine, user) == ["phone"]


def test_recovery_codes_are_made_anew_and_the_old_ones_die(machine, user):
    key, old = enrolled_by_code(machine, user, spoken_code(user))
    terminal = session(user, "recovery-codes")
    answers(terminal, "Code of a key: ", key.first)
    assert terminal.ends() == DONE
    new = re.findall(RECOVERY, terminal.transcript, re.M)
    assert len(set(new) - set(old)) == 8 and "the earlier recovery codes no longer work" in terminal.transcript
    assert pam_code(machine, user, old[0]) == AUTH_ERR
    assert pam_code(machine, user, new[0]) == SUCCESS and pam_code(machine, user, new[0]) == AUTH_ERR


def test_recovery_codes_do_not_go_into_a_pipe_and_are_json_when_told(machine, enrolled):
    user, key = enrolled
    done = otpctl("recovery-codes", user=user, stdin=key.first + "\n")
    assert done.returncode == USAGE and "--allow-pipe" in done.stderr
    done = otpctl("recovery-codes", "--json", "--allow-pipe", user=user, stdin=key.first + "\n")
    assert done.returncode == DONE and len(json.loads(done.stdout)["recovery_codes"]) == 8


def test_an_owner_removes_the_last_key_only_when_that_is_said(machine, enrolled):
    user, key = enrolled
    done = otpctl("revoke", "phone", user=user, stdin=key.first + "\n")
    assert done.returncode == REFUSED and "--last" in done.stderr and "Code: " not in done.stdout
    assert otpctl("revoke", "phone", "--last", user=user, stdin=key.first + "\n").returncode == DONE
    assert pam_code(machine, user, key.second) == AUTH_ERR


def test_an_admin_revokes_and_reopens_for_others_without_their_code(machine, enrolled):
    user, _ = enrolled
    admin = machine.new_user()
    machine.join(admin, "otp-admin")
    assert otpctl("reopen", user.name, user=admin, stdin="").returncode == DONE
    assert otpctl("revoke", user.name, "phone", user=admin, stdin="").returncode == DONE
    assert labels(machine, user) == []


# tokens


def oath(kind, secret, *more):
    return run("oathtool", f"--{kind}", "-b", *more, secret).strip()


SECRETS = iter(f"{letter}EZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def types_token_codes(user, secret, *words, prefix=()):
    """The secret comes in a pipe, the codes from the terminal."""
    return Terminal(["sh", "-c", 'secret=$1; shift; echo "$secret" | "$@"', "-", secret, *prefix, OTPCTL, "token", "add", user.name, *words], columns=200)


def test_a_token_that_goes_by_the_time_is_confirmed_by_one_code(machine, user):
    secret = next(SECRETS)
    early_in_a_step()
    terminal = types_token_codes(user, secret, "--label", "fob")
    answers(terminal, "Code from the token: ", oath("totp=SHA1", secret, "--now", "30 seconds ago"))
    assert terminal.ends() == DONE and 'token "fob" is stored' in terminal.transcript
    assert secret not in terminal.transcript
    assert pam_code(machine, user, oath("totp=SHA1", secret)) == SUCCESS


def test_a_token_that_counts_is_confirmed_by_two_codes_in_a_row(machine, user):
    secret = next(SECRETS)
    terminal = types_token_codes(user, secret, "--kind", "hotp")
    answers(terminal, "Code from the token: ", oath("hotp", secret, "-c", "4"))
    terminal.awaits("right so far: now type the next code of the token")
    answers(terminal, "Code from the token: ", oath("hotp", secret, "-c", "5"))
    assert terminal.ends() == DONE
    assert labels(machine, user) == ["token"] and pam_code(machine, user, oath("hotp", secret, "-c", "6")) == SUCCESS


def test_a_secret_typed_at_a_terminal_is_not_shown_and_an_interrupt_leaves_the_terminal_right(machine, user):
    secret = next(SECRETS)
    terminal = Terminal([OTPCTL, "token", "add", user.name], columns=200)
    terminal.awaits("Secret of the token, in base32: ")
    terminal.types_hidden(secret[:10] + "x\x7f" + secret[10:])
    answers(terminal, "Code from the token: ", oath("totp=SHA1", secret))
    assert terminal.ends() == DONE and secret[:8] not in terminal.transcript
    terminal = Terminal(["sh", "-c", f"trap : INT; {OTPCTL} token add {user.name}; stty -a"], columns=200)
    terminal.awaits("Secret of the token, in base32: ")
    terminal.interrupts_hidden()
    terminal.ends()
    assert "nothing was stored" in terminal.transcript and " echo " in terminal.transcript and " icanon" in terminal.transcript


def test_what_is_typed_ahead_of_the_question_is_not_lost(machine, user):
    secret = next(SECRETS)
    terminal = Terminal([OTPCTL, "token", "add", user.name], columns=200)
    terminal.awaits("Secret of the token, in base32: ")
    terminal.types_hidden(secret + "\n" + oath("totp=SHA1", secret))
    assert terminal.ends() == DONE and secret not in terminal.transcript


def test_a_token_is_added_in_json_with_everything_on_standard_input(machine, user):
    secret = next(SECRETS)
    lines = [secret, "000000", oath("totp=SHA1", secret)]
    done = otpctl("token", "add", user.name, "--json", stdin="\n".join(lines) + "\n")
    begun, refused, confirmed = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == DONE and begun["tries"] == 6 and "error" in refused and confirmed["confirmed"]["key"]["label"] == "token"
    assert secret not in done.stdout


NO_SECRETS = {
    "": "no secret was given",
    "GEZDGNBV": "5 bytes; wanted 16 to 64",
    "3132333435363738393031323334353637383930": "this looks like hex; use --hex",
    "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ1": "wanted 16 to 64 bytes in base32",
    "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ token": "2 words; wanted the secret alone",
    "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ of alice": "10 words; wanted the secret alone",
    "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=" + "x" * 300: 'an address or a part of one; wanted the secret alone, which is in the address after "secret="',
}


@pytest.mark.parametrize("secret", NO_SECRETS)
def test_what_is_no_secret_is_named_and_not_repeated(machine, user, secret):
    start = daemon_log.position()
    done = otpctl("token", "add", user.name, "--json", stdin=secret + "\n")
    assert done.returncode == REFUSED and NO_SECRETS[secret] in done.stderr
    assert not any(word in done.stdout + done.stderr for word in secret.split() if len(word) > 3 and word not in ("token", "alice"))
    assert daemon_log.calls(start) == []


def test_words_after_a_secret_that_is_typed_unseen_are_refused(machine, user):
    secret = next(SECRETS)
    for between in ("\t", "\u00a0"):
        terminal = Terminal([OTPCTL, "token", "add", user.name], columns=200)
        terminal.awaits("Secret of the token, in base32: ")
        terminal.types_hidden(f"{secret}{between}token")
        assert terminal.ends() == REFUSED and "2 words; wanted the secret alone" in terminal.transcript and secret not in terminal.transcript


def test_a_secret_in_hex_is_taken_when_told(machine, user):
    secret = next(SECRETS)
    pairs = ":".join(f"{byte:02x}" for byte in base64.b32decode(secret))
    done = otpctl("token", "add", user.name, "--json", "--hex", stdin=f"{pairs}\n{oath('totp=SHA1', secret)}\n")
    assert done.returncode == DONE and json.loads(done.stdout.splitlines()[-1])["confirmed"]
    done = otpctl("token", "add", machine.new_user().name, "--json", "--hex", stdin=secret + "\n")
    assert done.returncode == REFUSED and "this looks like base32; leave out --hex" in done.stderr


JUNK_OF_A_TOKEN = {
    "ubhe00000001755224": "the token types its identifier before the code",
    "000000000001755224": "the token types its identifier before the code",
    "&é\"'(-": "the keyboard layout turns the token's digits into other characters",
    "+ěščřž": "the keyboard layout turns the token's digits into other characters",
    "cccccccccccc&é\"'(-": "the keyboard layout turns the token's digits into other characters",
    "ccccccfhdvhkbnrhtckdigvtdtnkvlbkjhgdrtrurfbc": "a one-time password for Yubico's service",
    "hunter2": "that is not a code: type the digits that the token shows",
}


def test_junk_of_a_token_is_named_and_never_goes_to_the_daemon(machine, user):
    secret = next(SECRETS)
    terminal = types_token_codes(user, secret)
    for typed, text in JUNK_OF_A_TOKEN.items():
        answers(terminal, "Code from the token: ", typed)
        terminal.awaits(text)
    answers(terminal, "Code from the token: ", oath("totp=SHA1", secret))
    assert terminal.ends() == DONE and "tries left" not in terminal.transcript
    other = next(SECRETS)
    done = otpctl("token", "add", machine.new_user().name, "--json", stdin="\n".join([other, *JUNK_OF_A_TOKEN, oath("totp=SHA1", other)]) + "\n")
    _, *refused, confirmed = [json.loads(line) for line in done.stdout.splitlines()]
    assert [text in one["error"]["parameters"]["wanted"] for one, text in zip(refused, JUNK_OF_A_TOKEN.values(), strict=True)] == [True] * len(JUNK_OF_A_TOKEN)
    assert done.returncode == DONE and confirmed["confirmed"]


def test_a_token_with_a_wrong_clock_is_a_token_to_the_last_try(machine, user):
    secret = next(SECRETS)
    terminal = types_token_codes(user, secret)
    for wrong in ("4 minutes ago", "1 hour", "4 minutes", "5 minutes ago", "3 hours ago", "1 day"):
        answers(terminal, "Code from the token: ", oath("totp=SHA1", secret, "--now", wrong))
        terminal.awaits("the token's clock is .*cannot be set")
    assert terminal.ends() == REFUSED
    assert "no tries left" in terminal.transcript and "phone" not in terminal.transcript and " app" not in terminal.transcript


def test_one_secret_is_never_two_keys_and_only_admins_bring_one(machine, user):
    secret, other, admin, helper = next(SECRETS), machine.new_user(), machine.new_user(), machine.new_user()
    machine.join(admin, "otp-admin")
    machine.join(helper, "otp-helpdesk")
    lines = f"{secret}\n{oath('totp=SHA1', secret)}\n"
    assert otpctl("token", "add", user.name, "--json", user=helper, stdin=lines).returncode == REFUSED
    assert otpctl("token", "add", user.name, "--json", user=user, stdin=lines).returncode == REFUSED
    assert otpctl("token", "add", user.name, "--json", user=admin, stdin=lines).returncode == DONE
    done = otpctl("token", "add", other.name, "--json", stdin=lines)
    assert done.returncode == REFUSED and "secret-in-use" in done.stdout


def test_nothing_of_this_works_offline(machine, user):
    for words in [("invite", user.name), ("enrol",), ("add",), ("rotate",), ("recovery-codes",), ("token", "add", user.name)]:
        done = otpctl("--offline", *words, stdin="")
        assert done.returncode == USAGE and "not with --offline" in done.stderr


def test_no_code_and_no_secret_reaches_the_log(machine, user):
    start = daemon_log.position()
    code = spoken_code(user)
    key, recovery = enrolled_by_code(machine, user, code)
    pam_code(machine, user, recovery[0])
    log = "\n".join(daemon_log.since(start))
    assert {"registration-code-issued", "registration-code-used", "enrolled"} <= {fields(line).get("event") for line in log.splitlines()}
    for secret in (code, code[2:7], key.base32, key.secret.hex(), *recovery):
        assert secret not in log


def test_a_lost_phone_is_suspended_and_replaced_by_a_new_invitation(machine, user):
    lost, recovery = enrolled_by_code(machine, user, spoken_code(user))
    assert otpctl("suspend", user.name).returncode == DONE
    new, _ = enrolled_by_code(machine, user, spoken_code(user, replaces=True))
    assert otpctl("resume", user.name).returncode == DONE
    assert pam_code(machine, user, lost.first) == AUTH_ERR and pam_code(machine, user, recovery[0]) == AUTH_ERR
    assert pam_code(machine, user, new.first) == SUCCESS and labels(machine, user) == ["phone"]
