"""A code that its owner tries out: `TryCode` on the socket, and `otpctl status --try-code`."""

import json
import subprocess

import pytest

from harness import daemon_log
from harness.machine import OTPCTL, SUCCESS, as_user, otpctl, policy
from harness.origins import failures, no_wait
from harness.otpctl import DONE, REFUSED, USAGE, session
from harness.tokens import enrol_token
from harness.wire import INTERFACE, Client, Refused

SAYS_NO = {"accepted": False, "reason": "refused", "key": None, "wait": 0}
AN_HOUR = 120  # steps


def tried_by(user, code, **previous):
    with Client(uid=user.uid) as client:
        return client.call("TryCode", code=code, **previous)


def to_come(key):
    """Two codes in a row of about an hour from now that the key has not shown in the last day."""
    past = {key.code(key.step - step) for step in range(2883)}
    step = next(step for step in range(key.step + AN_HOUR, key.step + 2 * AN_HOUR) if not {key.code(step), key.code(step + 1)} & past)
    return key.code(step), key.code(step + 1)


def last_used(machine, user):
    return [key["last_used"] for key in machine.status(user)["keys"]]


def test_inside_the_window_it_is_a_login(machine, user):
    key = machine.enrol(user, label="blue phone")
    start = daemon_log.position()
    assert tried_by(user, key.first) == {"verdict": {"accepted": True, "reason": "code", "key": "blue phone", "wait": 0}, "diagnosis": None}
    (line,) = daemon_log.verdicts(start)
    assert (line["outcome"], line["origin"], line["by"]) == ("accepted", "socket", str(user.uid))
    assert machine.ask("otp", user, key.first)[0] != SUCCESS, "it was not used up"
    assert machine.ask("otp", user, key.second)[0] == SUCCESS


def test_a_used_code_is_told_as_a_wrong_one_and_not_counted(machine, enrolled):
    user, key = enrolled
    assert tried_by(user, key.first)["verdict"]["accepted"] is True
    assert tried_by(user, key.first) == {"verdict": SAYS_NO, "diagnosis": None}
    assert failures(machine, user) == {}


def test_a_code_of_an_hour_ago_is_counted_told_and_moves_no_watermark(machine, enrolled):
    user, key = enrolled
    before = last_used(machine, user)
    answer = tried_by(user, key.code(key.step_now() - AN_HOUR))
    assert answer["verdict"] == SAYS_NO
    word, seconds = answer["diagnosis"].split()
    assert word == "clock-slow" and abs(int(seconds) - 3600) <= 30
    assert failures(machine, user) == {"socket": 1}
    assert last_used(machine, user) == before
    assert machine.ask("otp", user, key.first)[0] == SUCCESS


def test_r8_a_code_to_come_is_not_told_by_itself(machine, enrolled):
    user, key = enrolled
    before, (code, following) = last_used(machine, user), to_come(key)
    assert tried_by(user, code) == {"verdict": SAYS_NO, "diagnosis": None}
    assert tried_by(user, code, previous=key.wrong()) == {"verdict": SAYS_NO, "diagnosis": None}
    answer = tried_by(user, following, previous=code)
    assert answer["verdict"] == SAYS_NO and answer["diagnosis"].startswith("clock-fast 36")
    assert failures(machine, user) == {"socket": 3}
    assert last_used(machine, user) == before
    with machine.clock(3600):
        assert machine.ask("otp", user, following)[0] == SUCCESS, "what is found is used up"


def test_no_login_looks_for_a_code_at_other_times(machine, enrolled):
    user, key = enrolled
    old = key.code(key.step_now() - AN_HOUR)
    with Client(uid=user.uid) as client:
        assert client.call("Verify", code=old) == {"verdict": SAYS_NO}
    assert "clock" not in machine.ask("otp", user, old)[1]


def suspended(machine, user, key):
    assert otpctl("suspend", user.name).returncode == DONE


def closed(machine, user, key):
    with Client(uid=user.uid) as client:
        for number in range(20):
            client.call("Verify", code=key.wrong(number))


@pytest.mark.parametrize("barred", [suspended, closed])
def test_who_is_barred_hears_that_and_no_more(machine, enrolled, barred):
    user, key = enrolled
    with policy(no_wait(20)):
        barred(machine, user, key)
        before = failures(machine, user)
        answer = tried_by(user, key.code(key.step_now() - AN_HOUR))
        assert answer == {"verdict": SAYS_NO | {"reason": barred.__name__}, "diagnosis": None}
        assert failures(machine, user) == before


def test_while_a_wait_lasts_no_code_is_looked_for(machine, enrolled):
    user, key = enrolled
    with machine.no_wait_passes():
        answers = [tried_by(user, key.code(key.step_now() - AN_HOUR - step)) for step in range(5)]
        assert [answer["verdict"]["reason"] for answer in answers[-2:]] == ["refused", "waiting"] and answers[-1]["diagnosis"] is None
        assert failures(machine, user) == {"socket": 4}


def test_the_codes_of_a_counter_have_no_time(machine, user):
    token = enrol_token(user)
    assert tried_by(user, token.code(4000)) == {"verdict": SAYS_NO, "diagnosis": None}
    answer = tried_by(user, token.code(2))
    assert (answer["verdict"]["accepted"], answer["verdict"]["key"]) == (True, "token")


@pytest.mark.parametrize("code", ["hunter2", "R-307EN-W3AHR-Z6DMV-29GQY-5CKTB"])
def test_what_is_no_code_of_a_key_is_neither_used_up_nor_counted(machine, enrolled, code):
    user, _ = enrolled
    with pytest.raises(Refused, match="code-refused"):
        tried_by(user, code)
    assert failures(machine, user) == {}


@pytest.mark.parametrize("who", ["root", "otp-verify"])
def test_nobody_else_can_name_the_user(machine, enrolled, who):
    user, key = enrolled
    other = machine.new_user()
    machine.join(other, "otp-verify")
    with Client(uid=0 if who == "root" else other.uid) as client:
        with pytest.raises(Refused, match="InvalidParameter"):
            client.call("TryCode", code=key.first, user=user.name)
        old = key.code(key.step_now() - AN_HOUR)
        assert client.call("TryCode", code=old) == {"verdict": SAYS_NO, "diagnosis": None}, "this is a code of the caller's"
        verdict = client.call("Verify", user=user.name, code=old)
        assert set(verdict) == {"verdict"} and "clock" not in json.dumps(verdict)


# otpctl


def try_code_at_terminal(user, *codes):
    """The exit status, and the screen of a person who types these codes."""
    terminal = session(user, "status", "--try-code")
    for prompt, code in zip(("Code: ", "Enter to stop: "), codes, strict=False):
        terminal.awaits(prompt)
        terminal.types_hidden(code)
    return terminal.ends(), terminal.transcript


def test_a_person_hears_which_key_accepts_it_and_the_code_is_not_shown(machine, enrolled):
    user, key = enrolled
    status, screen = try_code_at_terminal(user, key.first)
    assert status == DONE and 'accepted by the key "phone"; the code is used up' in screen
    assert key.first not in screen


def test_a_person_hears_that_the_clock_of_the_phone_is_slow(machine, enrolled):
    user, key = enrolled
    status, screen = try_code_at_terminal(user, key.code(key.step_now() - AN_HOUR))
    assert status == REFUSED and "code refused: the clock of your phone or token is slow by" in screen


def test_that_it_is_fast_shows_in_the_next_code(machine, enrolled):
    user, key = enrolled
    status, screen = try_code_at_terminal(user, *to_come(key))
    assert status == REFUSED and "code refused: the clock of your phone or token is fast by" in screen


def test_the_daemon_does_not_wait_for_the_next_code(machine, enrolled):
    """It gives a silent connection ten seconds, and the next code may take half a minute."""
    user, key = enrolled
    codes = "\n".join(to_come(key)) + "\n"
    done = subprocess.run(["strace", "-f", "-e", "trace=connect", *as_user(user), OTPCTL, "status", "--try-code"], input=codes, capture_output=True, text=True, timeout=60)
    assert done.returncode == REFUSED and "is fast by" in done.stderr
    assert done.stderr.count("/run/otp/otp.sock") == 2, "a connection for each code"


def test_a_person_may_paste_a_code(machine, enrolled):
    user, key = enrolled
    pasted = "".join(chr(0xFF10 + int(digit)) for digit in key.first)
    assert try_code_at_terminal(user, f"“{pasted}.”")[0] == DONE


def test_a_used_code_and_then_the_next_one_is_accepted(machine, enrolled):
    user, key = enrolled
    assert try_code_at_terminal(user, key.confirming, key.first)[0] == DONE
    status, screen = try_code_at_terminal(user, key.first, "")
    assert status == REFUSED and "it was used before, or none of your keys shows it" in screen


def test_a_script_reads_json(machine, enrolled):
    user, key = enrolled
    old = key.code(key.step_now() - AN_HOUR)
    slow, accepted = (otpctl("status", "--try-code", "--json", stdin=code, user=user) for code in (old, key.first))
    assert slow.returncode == REFUSED and json.loads(slow.stdout)["diagnosis"].startswith("clock-slow 36")
    assert accepted.returncode == DONE and json.loads(accepted.stdout)["verdict"]["key"] == "phone"


@pytest.mark.parametrize("words", [["root"], ["--offline"]])
def test_of_somebody_else_or_without_the_daemon_it_is_a_mistake(machine, enrolled, words):
    user, key = enrolled
    done = otpctl("status", "--try-code", *words, stdin=key.first, user=None if words == ["--offline"] else user)
    assert done.returncode == USAGE and ("--offline" if words == ["--offline"] else "--try-code") in done.stderr
    assert tried_by(user, key.first)["verdict"]["accepted"] is True


def test_no_code_that_is_tried_is_logged(machine, enrolled):
    user, key = enrolled
    start = daemon_log.position()
    codes = [key.code(key.step_now() - AN_HOUR), key.wrong(), key.first]
    for code in codes:
        tried_by(user, code)
    lines = "\n".join(daemon_log.since(start))
    assert len(daemon_log.verdicts(start)) == 3 and INTERFACE not in lines
    assert not any(code in lines for code in codes)
