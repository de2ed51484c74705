"""The outcomes of PAM CODES in pam_otp(8), a test for each: the exact PAM code of both stages and the line in the log; then clocks, hostile
environments, full disks, small limits and single commands."""

import fcntl
import re
import signal
import subprocess
import threading
import time
from binascii import crc32
from contextlib import ExitStack
from pathlib import Path

import pexpect
import pytest

from harness.enrolment import invited_and_enrolled
from harness.journal import decisions, fields
from harness.machine import (
    ACCT_EXPIRED,
    AUTH_ERR,
    AUTHINFO_UNAVAIL,
    CODE_PROMPT,
    CONV_ERR,
    DAY,
    HOST_KEY,
    PASSWORD,
    PASSWORD_PROMPT,
    REFUSAL,
    SERVICE_ERR,
    SUCCESS,
    UNKNOWN,
    VAULT,
    YEAR,
    as_user,
    codes_of_both_stages,
    disable,
    otpctl,
    pam_codes,
    policy,
    run,
    write,
)
from harness.origins import no_wait
from harness.places import accounts_in_files_alone, changed, moved_away
from harness.strace import run_under
from harness.terminal import Terminal
from harness.wire import Client, Refused

EXACT = "[success=done default=die]"
IGNORED = 6  # libpam says PAM_PERM_DENIED where the module that decides says PAM_IGNORE; ours never says it itself


@pytest.fixture(scope="module")
def exact(machine):
    return machine.service("otp-exact", f"{EXACT} pam_otp.so", account=f"{EXACT} pam_otp.so")


def logged(journal, start):
    """(stage, outcome, reason) of every decision."""
    return [(line.get("stage", "auth"), line["outcome"], line["reason"]) for line in decisions(journal.since(start))]


# authenticate and acct_mgmt


def test_accepted(machine, exact, enrolled, journal):
    user, key = enrolled
    start = journal.position()
    assert pam_codes(machine, exact, user, "text", key.first) == (SUCCESS, SUCCESS)
    assert logged(journal, start) == [("auth", "accepted", "code")]


@pytest.mark.parametrize("reason", ["wrong", "replayed", "junk"])
def test_refused_for_what_was_typed(machine, exact, enrolled, journal, reason):
    user, key = enrolled
    typed = {"wrong": key.wrong(), "replayed": key.confirming, "junk": "hunter2"}[reason]
    start = journal.position()
    assert pam_codes(machine, exact, user, "text", typed) == (AUTH_ERR, SUCCESS)
    assert logged(journal, start) == [("auth", "refused", reason)]


def test_unknown_user(machine, exact, journal):
    start = journal.position()
    assert pam_codes(machine, exact, UNKNOWN, "text", "123456") == (AUTH_ERR, AUTH_ERR)
    assert logged(journal, start) == [("auth", "refused", "unknown-user")]


def test_not_enrolled_under_deny(machine, exact, user, journal):
    start = journal.position()
    assert pam_codes(machine, exact, user, "text", "123456") == (AUTH_ERR, SUCCESS)
    assert logged(journal, start) == [("auth", "refused", "not-enrolled")]


@pytest.mark.parametrize("rule, reason", [('unenrolled = "skip"', "not-enrolled"), ("report_only = true", "not-enrolled-yet"), ("allow_until = 2099-01-01", "not-enrolled-yet")])
def test_not_enrolled_where_that_may_pass(machine, exact, user, journal, rule, reason):
    with policy(f"[service.{exact}]\n{rule}\n"):
        start = journal.position()
        assert pam_codes(machine, exact, user, "text", "123456") == (IGNORED, SUCCESS)
        assert logged(journal, start) == [("auth", "ignored", reason)]


def test_exempt(machine, exact, enrolled, journal):
    user, key = enrolled
    with policy(f'[service.{exact}]\nexempt = ["user:{user.name}"]\n'):
        start = journal.position()
        assert pam_codes(machine, exact, user, "text", key.wrong()) == (IGNORED, SUCCESS)
        assert logged(journal, start) == [("auth", "ignored", "exempt")]


def test_emergency_mark(machine, exact, enrolled, journal):
    user, key = enrolled
    assert otpctl("emergency", "bypass", user.name, "--reason", "a test").returncode == 0
    try:
        start = journal.position()
        assert pam_codes(machine, exact, user, "text", key.wrong()) == (IGNORED, SUCCESS)
        assert logged(journal, start) == [("auth", "ignored", "emergency"), ("account", "ignored", "emergency")]
    finally:
        assert otpctl("emergency", "end", user.name).returncode == 0


@pytest.mark.parametrize("wrong_codes, reason", [(10, "waiting"), (20, "closed")])
def test_an_origin_with_wrong_codes(machine, exact, enrolled, journal, wrong_codes, reason):
    user, key = enrolled
    with policy(no_wait(20)), Client() as client:
        for number in range(wrong_codes):
            client.call("Verify", user=user.name, code=key.wrong(number), real_uid=0, tty="tty1")
    start = journal.position()
    assert pam_codes(machine, exact, user, "text", key.first) == (AUTH_ERR, SUCCESS)
    assert logged(journal, start) == [("auth", "refused", reason)]


def test_suspended(machine, exact, enrolled, journal):
    user, key = enrolled
    with Client() as client:
        client.call("Suspend", user=user.name)
    start = journal.position()
    assert pam_codes(machine, exact, user, "text", key.first) == (AUTH_ERR, ACCT_EXPIRED)
    assert logged(journal, start) == [("auth", "refused", "suspended"), ("account", "refused", "suspended")]


def test_disabled(machine, exact, enrolled, journal):
    user, key = enrolled
    with policy(no_wait(20)):
        disable(machine, user, key)
    start = journal.position()
    assert pam_codes(machine, exact, user, "text", key.first) == (AUTH_ERR, ACCT_EXPIRED)
    assert logged(journal, start) == [("auth", "refused", "disabled"), ("account", "refused", "disabled")]


@pytest.mark.parametrize("asker", [(), ("-r", 4242)], ids=["on-the-files", "by-the-daemon"])
def test_expired(machine, exact, enrolled, journal, asker):
    """The account stage reads the end of a key and opens no seal: it can be written by hand."""
    user, key = enrolled
    head, text = user.key_file.read_text().split("\n", 1)
    ended = re.sub(r"^(floor = .*)$", r"\1\nexpires = 1", text, flags=re.M)
    user.key_file.write_text(f'crc32 = "{crc32(ended.encode()):08x}"\n{ended}')
    start = journal.position()
    assert pam_codes(machine, exact, user, "text", key.first, *asker)[1] == ACCT_EXPIRED
    assert logged(journal, start)[-1] == ("account", "refused", "expired")
    status = machine.status(user)
    assert (status["expired"], status["keys"][0]["expires"]) == (True, 1)


@pytest.mark.parametrize("asker", [(), ("-r", 4242)], ids=["on-the-files", "by-the-daemon"])
def test_the_account_stage_does_not_wait_long_for_a_lock(machine, enrolled, journal, asker):
    user, _ = enrolled
    service = machine.service("otp-account", "required pam_permit.so", account=f"{EXACT} pam_otp.so")
    with open(user.state_file, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        begun = time.monotonic()
        assert pam_codes(machine, service, user, "text", "", *asker)[1] == AUTHINFO_UNAVAIL
        assert 1 < time.monotonic() - begun < 8, "a decision takes milliseconds, and who only looks does not wait ten seconds"
    assert pam_codes(machine, service, user, "text", "", *asker)[1] == SUCCESS


def test_disabled_refuses_sudo_that_asks_for_nothing(machine, enrolled):
    """NOPASSWD skips authenticate, but not acct_mgmt."""
    user, key = enrolled
    machine.sudo_asks(user, "required pam_otp.so", account="required pam_otp.so")
    rule = Path("/etc/sudoers.d") / user.name
    write(rule, rule.read_text() + f"{user.name} ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    assert machine.sudo(user, []).status == 0
    with policy(no_wait(20)):
        disable(machine, user, key)
    outcome = machine.sudo(user, [])
    assert outcome.status == 1 and "\n0\n" not in outcome.text


def test_an_untrusted_file(machine, exact, enrolled, journal):
    user, key = enrolled
    with changed(user.key_file, mode=0o644):
        start = journal.position()
        assert pam_codes(machine, exact, user, "text", key.first) == (AUTHINFO_UNAVAIL, AUTHINFO_UNAVAIL)
        assert logged(journal, start) == [("auth", "failed", "untrusted-file"), ("account", "refused", "untrusted-file")]


def test_an_unreadable_file(machine, exact, enrolled, journal):
    user, key = enrolled
    with moved_away(user.key_file):
        start = journal.position()
        assert pam_codes(machine, exact, user, "text", key.first) == (AUTHINFO_UNAVAIL, AUTHINFO_UNAVAIL)
        assert {outcome for _, outcome, _ in logged(journal, start)} == {"failed", "refused"}


@pytest.mark.parametrize("gone, account", [(VAULT, AUTHINFO_UNAVAIL), (HOST_KEY, SUCCESS)], ids=["vault", "host-key"])
def test_a_vault_or_a_host_key_that_is_gone(machine, exact, enrolled, journal, gone, account):
    user, key = enrolled
    with moved_away(gone):
        start = journal.position()
        assert pam_codes(machine, exact, user, "text", key.first) == (AUTHINFO_UNAVAIL, account)
        assert logged(journal, start)[0][:2] == ("auth", "failed")
    assert machine.ask(exact, user, key.first)[0] == SUCCESS


def test_a_lock_that_does_not_come_free_refuses_on_the_files_and_at_the_daemon(machine, exact, enrolled, journal):
    user, key = enrolled
    found = {}

    def on_the_socket():
        with Client(timeout=20) as client, pytest.raises(Refused) as refused:
            client.call("Verify", user=user.name, code=key.first)
        found["socket"] = refused.value.name

    def by_another():
        found["su"] = machine.ask(exact, user, key.first, "-r", 4242)[0]

    with open(user.state_file, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        others = [threading.Thread(target=on_the_socket), threading.Thread(target=by_another)]
        start = journal.position()
        for thread in others:
            thread.start()
        assert machine.ask(exact, user, key.first)[0] == AUTHINFO_UNAVAIL
        for thread in others:
            thread.join()
    assert found == {"socket": "Unavailable", "su": AUTHINFO_UNAVAIL}
    assert logged(journal, start) == [("auth", "failed", "lock-timeout")] * 2
    assert machine.ask(exact, user, key.first)[0] == SUCCESS


def test_what_cannot_be_persisted(machine, exact, enrolled, journal):
    user, key = enrolled
    start = journal.position()
    for code in (key.first, key.wrong(), key.confirming):
        command = ["env", "--ignore-signal=XFSZ", "prlimit", "--fsize=0", machine.hosts / "oddconv", "-a", "--", exact, user.name, "text", code]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60)
        assert codes_of_both_stages(done.stdout) == (AUTHINFO_UNAVAIL, SUCCESS)
    lines = logged(journal, start)
    assert {(outcome, len(lines)) for _, outcome, _ in lines} == {("failed", 3)} and len(set(lines)) == 1


def test_a_host_that_does_not_ignore_sigxfsz_dies_before_any_answer_and_uses_nothing_up(machine, exact, enrolled):
    """The module changes no signal of its host (R9). sudo and su die so, too."""
    user, key = enrolled
    for code in (key.first, key.wrong(), key.confirming):
        command = ["env", "--default-signal=XFSZ", "prlimit", "--core=0", "--fsize=0", machine.hosts / "oddconv", "-a", "--", exact, user.name, "text", code]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (-signal.SIGXFSZ, "")
    assert machine.ask(exact, user, key.first)[0] == SUCCESS


def test_no_daemon_for_who_needs_one(machine, exact, enrolled, journal):
    user, key = enrolled
    command = [*as_user(user), str(machine.hosts / "oddconv"), "-a", "--", exact, user.name, "text", key.first]
    with machine.daemon_stopped():
        start = journal.position()
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert codes_of_both_stages(done.stdout) == (AUTHINFO_UNAVAIL, AUTHINFO_UNAVAIL)
        assert logged(journal, start) == [("auth", "failed", "no-daemon"), ("account", "refused", "no-daemon")]


@pytest.mark.parametrize("fault", ["EMFILE", "EIO"])
def test_a_failure_of_nss_is_no_unknown_user(machine, exact, enrolled, journal, fault):
    user, key = enrolled
    start = journal.position()
    options = ["-P", "/etc/passwd", "-e", "trace=openat", "-e", f"inject=openat:error={fault}"]
    with accounts_in_files_alone():
        done = run_under(options, [machine.hosts / "oddconv", "-a", "--", exact, user.name, "text", key.first])
    assert codes_of_both_stages(done.stdout) == (AUTHINFO_UNAVAIL, AUTHINFO_UNAVAIL)
    assert logged(journal, start) == [("auth", "failed", "user-lookup"), ("account", "refused", "user-lookup")]


@pytest.mark.parametrize("kind", ["error", "null", "noarray", "noconv"])
def test_a_conversation_that_fails(machine, exact, enrolled, journal, kind):
    user, key = enrolled
    start = journal.position()
    assert pam_codes(machine, exact, user, kind) == (CONV_ERR, SUCCESS)
    assert logged(journal, start) == [("auth", "failed", "conversation")]


def test_a_bad_option(machine, enrolled, journal):
    user, key = enrolled
    service = machine.service("otp-exact-bad", f"{EXACT} pam_otp.so nulok", account=f"{EXACT} pam_otp.so nulok")
    start = journal.position()
    assert pam_codes(machine, service, user, "text", key.first) == (SERVICE_ERR, SERVICE_ERR)
    assert logged(journal, start) == [("auth", "failed", "bad-option"), ("account", "refused", "bad-option")]


def test_a_bad_policy(machine, exact, enrolled, journal):
    user, key = enrolled
    with policy(f"[service.{exact}]\nnonsense = 1\n"):
        start = journal.position()
        assert pam_codes(machine, exact, user, "text", key.first) == (SERVICE_ERR, SERVICE_ERR)
        assert logged(journal, start) == [("auth", "failed", "bad-policy"), ("account", "refused", "bad-policy")]


def test_setcred_always_succeeds_and_a_password_line_never_does(machine, exact, enrolled):
    user, key = enrolled
    assert "credentials 0" in machine.converse(exact, user, "text", key.first, "-a")[1]
    (Path("/etc/pam.d") / exact).open("a").write("password required pam_otp.so\n")
    done = subprocess.run(["pamtester", exact, user.name, "chauthtok"], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=20)
    assert done.returncode != 0


# the clock


@pytest.fixture(params=["forward", "back", "to and fro"])
def steps_of_the_clock(request):
    return {"forward": [0, 3600, DAY, 20 * DAY], "back": [0, -3600, -DAY, -YEAR], "to and fro": [3600, 0, 3600, -3600, 7200, 0]}[request.param]


def test_nothing_is_accepted_twice_whatever_the_clock_does(machine, exact, enrolled, steps_of_the_clock):
    user, key = enrolled
    accepted = []
    for shift in steps_of_the_clock:
        with machine.clock(shift):
            for step in (key.step_now(), key.step_now() + 1):
                for _ in range(2):
                    if machine.ask(exact, user, key.code(step))[0] == SUCCESS:
                        accepted.append(step)
    assert accepted and len(set(accepted)) == len(accepted) and accepted == sorted(accepted)


@pytest.mark.parametrize("then", ["an hour ago", "1970"])
def test_a_clock_behind_the_last_code_refuses_says_so_and_counts_nothing(machine, exact, enrolled, journal, then):
    user, key = enrolled
    assert machine.ask(exact, user, key.first)[0] == SUCCESS
    before = user.state_file.read_bytes()
    with machine.clock({"an hour ago": -3600, "1970": 1000 - int(time.time())}[then]):
        start = journal.position()
        code, printed = machine.ask(exact, user, key.code(key.step_now()), "-r", user.uid)
        assert code == AUTH_ERR and "clock is behind" in printed
        assert logged(journal, start) == [("auth", "refused", "clock-behind")]
    assert user.state_file.read_bytes() == before
    assert machine.ask(exact, user, key.second)[0] == SUCCESS


@pytest.mark.parametrize("jump, believed", [(29 * DAY, True), (31 * DAY, False), (73 * YEAR, False)], ids=["29 days", "31 days", "2099"])
def test_an_unsynchronised_clock_is_believed_for_thirty_days(machine, exact, enrolled, journal, jump, believed):
    user, key = enrolled
    before = user.state_file.read_bytes()
    with machine.synchronised(False), machine.clock(jump):
        start = journal.position()
        assert machine.ask(exact, user, key.code(key.step_now()))[0] == (SUCCESS if believed else AUTH_ERR)
        assert logged(journal, start) == [("auth", "accepted", "code") if believed else ("auth", "refused", "clock-ahead")]
    assert (user.state_file.read_bytes() == before) == (not believed)
    if not believed:
        assert machine.ask(exact, user, key.second)[0] == SUCCESS, "when the clock is right again, so is everything"


@pytest.mark.parametrize("way", ["synchronised", "trusted"])
def test_a_far_jump_is_believed_if_the_kernel_or_the_admin_vouches(machine, exact, enrolled, way):
    user, key = enrolled
    with ExitStack() as stack:
        stack.enter_context(machine.synchronised(way == "synchronised"))
        stack.enter_context(policy('clock = "trusted"\n' if way == "trusted" else ""))
        stack.enter_context(machine.clock(73 * YEAR))
        code = key.code(key.step_now())
        assert machine.ask(exact, user, code)[0] == SUCCESS
        assert machine.ask(exact, user, code)[0] == AUTH_ERR


def test_root_offline_says_that_an_unsynchronised_clock_is_right_and_from_then_on_it_is_believed(machine, exact, journal):
    """In a vault of its own: what its clock mark knows to have passed stays known."""
    with machine.small_vault(4):
        (user, key), (other, others_key) = machine.enrolled_user(), machine.enrolled_user()
        before = user.state_file.read_bytes()
        with machine.synchronised(False), machine.clock(40 * DAY):
            start = journal.position()
            for one, ones_key, asker in [(user, key, ("-r", user.uid)), (other, others_key, ("-r", 4242))]:
                assert machine.ask(exact, one, ones_key.code(ones_key.step_now()), *asker)[0] == AUTH_ERR
            assert logged(journal, start) == [("auth", "refused", "clock-ahead")] * 2
            assert otpctl("--offline", "clock", user=user).returncode == 1, "for root alone"
            assert machine.ask(exact, user, key.code(key.step_now()))[0] == AUTH_ERR
            assert user.state_file.read_bytes() == before
            start = journal.position()
            assert otpctl("--offline", "clock").returncode == 0
            assert [fields(line)["done"] for line in journal.since(start) if line.startswith("<81>") and "event=offline" in line] == ["clock"]
            assert machine.ask(exact, user, key.code(key.step_now()))[0] == SUCCESS
            assert machine.ask(exact, other, others_key.code(others_key.step_now()), "-r", 4242)[0] == SUCCESS, "the daemon believes it, too"
        with machine.synchronised(False), machine.clock(75 * DAY):
            assert machine.ask(exact, other, others_key.code(others_key.step_now()))[0] == AUTH_ERR, "it was said of that time, not for ever"


# the house of the guest

HOSTILE = {
    "HOME": "/nonexistent", "LANG": "xx_XX", "LC_ALL": "tr_TR.UTF-8", "LANGUAGE": "ar", "TZ": ":/etc/shadow", "TMPDIR": "/nonexistent",
    "XDG_CONFIG_HOME": "/tmp", "XDG_RUNTIME_DIR": "/tmp", "LOCPATH": "/tmp", "NLSPATH": "/tmp/%N", "HOSTALIASES": "/etc/shadow",
    "RUST_BACKTRACE": "full", "RUST_LOG": "trace", "RUST_MIN_STACK": "1", "MALLOC_CHECK_": "3", "OTP_CONFIG": "/tmp/x",
    "LD_LIBRARY_PATH": "/tmp", "LD_BIND_NOW": "1", "LD_DEBUG_OUTPUT": "/tmp/ld",
}


@pytest.mark.parametrize("program", ["sudo", "pamtester"])
@pytest.mark.parametrize("typed", ["right", "wrong", "used"])
def test_a_hostile_environment_changes_nothing(machine, exact, enrolled, program, typed):
    """Setuid or not: the transcript with it is the transcript without it."""
    user, key = enrolled
    machine.sudo_asks(user, "required pam_otp.so")
    command = [*as_user(user), *{"sudo": ["sudo", "id", "-u"], "pamtester": ["pamtester", exact, user.name, "authenticate"]}[program]]
    plain = {"right": key.first, "wrong": key.wrong(), "used": key.confirming}[typed]
    hostile = {"right": key.second, "wrong": key.wrong(1), "used": key.confirming}[typed]
    seen = []
    for environment, code in (({}, plain), (HOSTILE, hostile)):
        terminal = Terminal(command, env=environment)
        terminal.awaits(CODE_PROMPT)
        terminal.types_hidden(code)
        seen.append((terminal.ends(), terminal.transcript))
    assert seen[0] == seen[1] and (seen[0][0] == 0) == (typed == "right")


def test_a_library_that_the_user_preloads_is_not_in_sudo(machine, enrolled, tmp_path):
    user, key = enrolled
    source, library = tmp_path / "evil.c", Path("/usr/local/lib/evil.so")
    source.write_text('#include <stdio.h>\n__attribute__((constructor)) void evil(void) { puts("EVIL"); }\n')
    run("gcc", "-shared", "-fPIC", "-o", library, source)
    machine.sudo_asks(user, "required pam_otp.so")
    terminal = Terminal([*as_user(user), "sudo", "id", "-u"], env={"LD_PRELOAD": str(library)})
    terminal.awaits(CODE_PROMPT)
    before = terminal.transcript
    terminal.types_hidden(key.first)
    assert terminal.ends() == 0 and "EVIL" in before  # setpriv had it
    assert "EVIL" not in terminal.transcript.removeprefix(before)


def descriptors(machine, user, command, answers):
    terminal = Terminal([*command, "ls -l /proc/self/fd"] if command[-1] == "-c" else [*command, "ls", "-l", "/proc/self/fd"])
    for answer in answers:
        terminal.awaits(CODE_PROMPT)
        terminal.types_hidden(answer)
    assert terminal.ends() == 0, terminal.transcript
    found = re.findall(r" (\d+) -> (\S+)$", terminal.transcript, re.M)
    return [(number, re.sub(r"\d+", "N", target)) for number, target in found]


@pytest.mark.parametrize("way", ["sudo", "su-own", "su-by-another", "su-by-root"])
def test_no_descriptor_of_ours_is_in_the_users_shell(machine, enrolled, way):
    """The same as after a login that our module has no part in."""
    user, key = enrolled
    stranger = machine.new_user()
    invoker = {"sudo": user, "su-own": user, "su-by-another": stranger, "su-by-root": None}[way]
    prefix = as_user(invoker) if invoker else []
    command = [*prefix, "sudo", "--"] if way == "sudo" else [*prefix, "su", user.name, "-c"]
    debians = Path("/etc/pam.d/su").read_text()
    found = {}
    try:
        for stack, answers in (("required pam_permit.so", []), ("required pam_otp.so", [key.first])):
            machine.sudo_asks(user, stack)
            machine.service("su", stack)
            found[stack] = descriptors(machine, user, command, answers)
    finally:
        write(Path("/etc/pam.d/su"), debians, 0o644)
    plain, ours = found.values()
    assert len(plain) >= 3 and ours == plain


def test_two_threads_of_one_process_authenticate_at_once(machine, enrolled):
    user, key = enrolled
    other, others_key = machine.enrolled_user()
    program = machine.hosts / "threads"
    assert run(program, "otp", user.name, key.first, other.name, others_key.first) == f"{SUCCESS} {SUCCESS}\n"
    assert run(program, "otp", user.name, key.first, other.name, others_key.second) == f"{AUTH_ERR} {SUCCESS}\n"
    assert sorted(run(program, "otp", user.name, key.second, user.name, key.second).split()) == [str(SUCCESS), str(AUTH_ERR)]


# disks and limits


@pytest.mark.parametrize("kind", ["tmpfs", "ext4"])
def test_on_a_full_disk_logins_work_and_codes_work_once(machine, kind):
    with machine.small_vault(megabytes=4, kind=kind) as fill:
        user, key = machine.enrolled_user()
        fill()
        assert machine.ask("otp", user, key.first)[0] == SUCCESS
        assert machine.ask("otp", user, key.first)[0] == AUTH_ERR
        with Client(uid=user.uid) as client:
            assert client.call("Verify", code=key.first)["verdict"]["accepted"] is False
            assert client.call("Verify", code=key.second)["verdict"]["accepted"] is True
        assert machine.ask("otp", user, key.second)[0] == AUTH_ERR


def test_a_daemon_that_starts_on_a_full_disk_answers(machine):
    with machine.small_vault(megabytes=4) as fill:
        user, key = machine.enrolled_user()
        run("rm", VAULT / "clock")
        machine.stop()
        fill()
        machine.start()
        with Client(uid=user.uid) as client:
            assert client.call("Verify", code=key.first)["verdict"]["accepted"] is True


@pytest.mark.parametrize("kind", ["tmpfs", "ext4"])
def test_a_read_only_disk_refuses_every_code_in_the_same_words(machine, kind):
    with machine.small_vault(megabytes=4, kind=kind):
        user, key = machine.enrolled_user()
        with machine.read_only_vault():
            answers = {machine.ask("otp", user, code) for code in (key.first, key.wrong(), key.confirming)}
            assert [code for code, _ in answers] == [AUTHINFO_UNAVAIL]
        assert machine.ask("otp", user, key.first)[0] == SUCCESS
        other, _, _, recovery = invited_and_enrolled(machine)
        assert machine.ask("otp", other, recovery[0])[0] == SUCCESS
        with machine.read_only_vault():
            answers = {machine.ask("otp", other, code) for code in (recovery[0], recovery[1], WRONG_RECOVERY)}
            assert [code for code, _ in answers] == [AUTHINFO_UNAVAIL], "used, good and wrong are the same"
        assert machine.ask("otp", other, recovery[1])[0] == SUCCESS


WRONG_RECOVERY = "R-307EN-W3AHR-Z6DMV-29GQY-5CKTB"
LIMITS = ["--fsize=0", *(f"--nofile={number}" for number in range(3, 13))]


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_that_the_user_sets_tells_no_right_code_from_a_wrong_one(machine, enrolled, journal, limit):
    """sudo, with the limit of the user who started it: what we do not accept looks the same. (After an accepted code sudo may fail by itself.)"""
    user, key = enrolled
    start = journal.position()
    machine.sudo_asks(user, "required pam_otp.so")
    seen = []
    for code in (key.first, key.wrong()):
        terminal = Terminal([*as_user(user), "prlimit", limit, "sudo", "id", "-u"])
        if terminal.pty.expect([CODE_PROMPT, pexpect.EOF]) == 0:
            terminal.types_hidden(code)
        seen.append((terminal.ends(), terminal.transcript))
    right, wrong = seen
    assert wrong[0] != 0 and "\n0\n" not in wrong[1]
    accepted = [line for line in decisions(journal.since(start)) if line["outcome"] == "accepted"]
    assert right == wrong or accepted
    if limit in ("--fsize=0", "--nofile=3", "--nofile=8"):
        assert not accepted and right[0] != 0


# single commands

GATE = "Defaults!/usr/bin/id pam_service=otp-of-one-command, timestamp_timeout=0\n"


class Shell:
    """One shell that stays open, so that sudo's time stamp is its own."""

    def __init__(self, user):
        self.terminal = Terminal([*as_user(user), "env", "PS1=@@ ", "PS2=", "bash", "--norc", "--noprofile", "--noediting"])
        self.terminal.awaits("@@ ")

    def run(self, line, *answers):
        """(what was asked, output) of one command line."""
        begun = len(self.terminal.transcript)  # before the echo: the prompt may come in one piece with it
        self.terminal.types(line)
        self.terminal.awaits(re.escape(line) + r"\r\n")
        for prompt, answer in answers:
            self.terminal.awaits(prompt)
            self.terminal.types_hidden(answer)
        self.terminal.awaits("@@ ")
        return self.terminal.transcript[begun:]


@pytest.fixture
def shell_with_gate(machine, enrolled):
    user, key = enrolled
    machine.service("otp-of-one-command", "required pam_otp.so")
    write(Path("/etc/sudoers.d") / user.name, f"Defaults:{user.name} timestamp_timeout=15\n{GATE}", 0o440)
    run("visudo", "-cq")
    yield Shell(user), key
    (Path("/etc/sudoers.d") / user.name).unlink()


def asks(text):
    return {word for word, prompt in (("code", CODE_PROMPT), ("password", r"\[sudo\] password")) if re.search(prompt, text)}


def test_one_command_asks_for_a_code_each_time_and_the_rest_for_a_password_once(shell_with_gate):
    shell, key = shell_with_gate
    assert asks(shell.run("sudo whoami", (PASSWORD_PROMPT, PASSWORD))) == {"password"}
    text = shell.run("sudo id -u", (CODE_PROMPT, key.first))
    assert asks(text) == {"code"} and "\n0\n" in text, "the time stamp of the password must not open the gate"
    text = shell.run("sudo whoami")
    assert asks(text) == set() and "root" in text
    text = shell.run("sudo id -u", (CODE_PROMPT, key.first))
    assert "\n0\n" not in text and REFUSAL in text
    text = shell.run("sudo id -u", (CODE_PROMPT, key.second))
    assert "\n0\n" in text


@pytest.mark.parametrize("spelling", ["/bin/id", "/usr/bin/../bin/id", "id"])
def test_the_gate_is_on_the_file_however_it_is_called(shell_with_gate, spelling):
    shell, key = shell_with_gate
    text = shell.run(f"sudo {spelling} -u", (CODE_PROMPT, key.first))
    assert asks(text) == {"code"} and "\n0\n" in text


@pytest.mark.parametrize("detour", ["sh -c 'id -u'", "env id -u"])
def test_what_the_gate_cannot_stop(shell_with_gate, detour):
    """Documented: a user who may run a shell may run everything."""
    shell, _ = shell_with_gate
    text = shell.run(f"sudo {detour}", (PASSWORD_PROMPT, PASSWORD))
    assert asks(text) == {"password"} and "0\n" in text


@pytest.mark.parametrize("both", [False, True])
def test_sudo_i_has_a_service_of_its_own(machine, enrolled, both):
    user, key = enrolled
    machine.service("otp-of-one-command", "required pam_otp.so")
    rule = f"Defaults:{user.name} pam_service=otp-of-one-command" + (", pam_login_service=otp-of-one-command" if both else "")
    write(Path("/etc/sudoers.d") / user.name, rule + "\n", 0o440)
    answer = (CODE_PROMPT, key.first) if both else (PASSWORD_PROMPT, PASSWORD)
    outcome = machine.sudo(user, [answer], options=["-i"])
    assert outcome.status == 0 and "\n0\n" in outcome.text
