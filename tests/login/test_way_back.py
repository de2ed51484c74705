"""The way back in: each path is walked with the very part broken that it is for."""

import json
import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.journal import ALERT, decisions
from harness.machine import (
    AUTH_ERR,
    AUTHINFO_UNAVAIL,
    DAEMON,
    HOST_KEY,
    IGNORE,
    MARKS,
    MODULE,
    OTPCTL,
    POLICY,
    ROOT,
    SERVICE_ERR,
    SUCCESS,
    VAULT,
    as_user,
    default_policy,
    otpctl,
    pam_codes,
    run,
    write,
)
from harness.otpctl import DONE, REFUSED, USAGE
from harness.places import changed, moved_away
from harness.troubles import clock_in_1971, clock_in_2099, daemon_dead, everything, host_key_lost, no_trouble, policy_broken, vault_gone, vault_open_to_all
from harness.wait import until


@pytest.fixture(scope="module")
def typo(machine):
    """The same with an option that does not exist."""
    return machine.service("otp-typo", "required pam_otp.so nulok", "required pam_permit.so", account="required pam_otp.so nulok")


@contextmanager
def bypass(user, reason="lost the phone"):
    done = otpctl("emergency", "bypass", user.name, "--reason", reason)
    assert done.returncode == DONE, done.stderr
    try:
        yield
    finally:
        done = otpctl("emergency", "end", user.name)
        assert done.returncode == DONE, done.stderr


TROUBLES = [no_trouble, policy_broken, vault_gone, vault_open_to_all, host_key_lost, daemon_dead, clock_in_2099, clock_in_1971, everything]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
def test_a_bypass_opens_the_gate_whatever_is_broken_and_its_end_closes_it(machine, gate, enrolled, trouble):
    user, _ = enrolled
    with trouble(machine):
        assert pam_codes(machine, gate, user)[0] in (AUTH_ERR, AUTHINFO_UNAVAIL, SERVICE_ERR)
        with bypass(user):
            assert pam_codes(machine, gate, user) == (SUCCESS, SUCCESS)
        assert pam_codes(machine, gate, user)[0] in (AUTH_ERR, AUTHINFO_UNAVAIL, SERVICE_ERR)


def test_a_bad_option_does_not_matter_under_a_mark(machine, typo, enrolled):
    user, _ = enrolled
    assert pam_codes(machine, typo, user)[0] == SERVICE_ERR
    with bypass(user):
        assert pam_codes(machine, typo, user) == (SUCCESS, SUCCESS)


@pytest.mark.parametrize("line", ["whose=invoker nonsense", "whose=invokr", "whse=invoker"])
def test_under_a_bad_line_no_mark_of_another_person_is_honoured(machine, enrolled, line):
    """It may have meant the invoker, who has no mark; that of the user whom PAM names is another's."""
    user, _ = enrolled
    invoker = machine.new_user()
    service = machine.service("otp-whose", f"required pam_otp.so {line}", "required pam_permit.so")
    with bypass(user):
        assert machine.ask(service, user, "000000", "-r", invoker.uid)[0] == SERVICE_ERR
    with bypass(invoker):
        opened = machine.ask(service, user, "000000", "-r", invoker.uid)[0]
        assert opened == (SUCCESS if "whose=invoker" in line else SERVICE_ERR)


def test_sudo_asks_for_the_password_alone_under_a_mark(machine, enrolled):
    user, _ = enrolled
    machine.sudo_asks(user, "requisite pam_unix.so", "required pam_otp.so", account="required pam_otp.so")
    with policy_broken(machine), bypass(user):
        outcome = machine.sudo(user, [(r"\[sudo\] password for \S+: ", "the pass word")])
    assert outcome.status == 0 and outcome.asked("One-time code") == 0 and "\n0\n" in outcome.text


def test_under_a_mark_the_module_stands_aside_and_accepts_nothing(machine, enrolled):
    """PAM_IGNORE: alone in a stack it opens nothing."""
    user, _ = enrolled
    with bypass(user):
        assert pam_codes(machine, "otp", user)[0] not in (SUCCESS, IGNORE)


def test_every_use_is_logged_at_alert_with_its_reason(machine, gate, enrolled, journal):
    user, _ = enrolled
    with bypass(user, "phone in the lake"):
        start = journal.position()
        pam_codes(machine, gate, user)
        lines = journal.since(start)
    first, second = [line for line in lines if " outcome=" in line]
    assert first.startswith(ALERT) and second.startswith(ALERT)
    for found in decisions(lines):
        assert (found["outcome"], found["reason"], found["detail"]) == ("ignored", "emergency", "phone in the lake")
        assert found["user"] == user.name
    assert decisions(lines)[1]["stage"] == "account"


def test_beginning_and_end_are_logged_at_alert(machine, user, journal):
    start = journal.position()
    with bypass(user, "a \"reason\"; with\u202eodd signs"):
        pass
    begun, ended = [line for line in journal.since(start) if "event=emergency-" in line]
    assert begun.startswith(ALERT) and "otpctl" in begun and f"user={user.name}" in begun and "event=emergency-bypass" in begun
    assert ended.startswith(ALERT) and "event=emergency-end" in ended
    assert "\u202e" not in begun


def test_the_end_of_a_mark_by_number_names_its_user_in_the_log(machine, user, journal):
    assert otpctl("emergency", "bypass", user.name, "--reason", "lost phone").returncode == DONE
    start = journal.position()
    assert otpctl("emergency", "end", str(user.uid)).returncode == DONE
    (ended,) = [line for line in journal.since(start) if "event=emergency-end" in line]
    assert f"user={user.name} uid={user.uid} " in ended


def test_marks_are_listed_with_those_that_do_not_count(machine, user):
    other = machine.new_user()
    assert otpctl("emergency", "list").stdout == "nobody has a bypass\n"
    assert json.loads(otpctl("emergency", "list", "--json").stdout) == {"marks": []}
    with bypass(user, "phone in the lake"), bypass(other), machine.daemon_stopped():
        with changed(MARKS / str(other.uid), mode=0o666):
            text, listed = otpctl("emergency", "list").stdout, json.loads(otpctl("emergency", "list", "--json").stdout)["marks"]
    assert re.search(rf"^{user.name} \(uid {user.uid}\): not asked since 20.*, by uid 0.*: phone in the lake$", text, re.M)
    assert re.search(rf"^{other.name} \(uid {other.uid}\): the bypass does not count: .*mode 0666", text, re.M)
    assert [(one["user"], one["reason"], one["not_honoured"] is None) for one in listed] == [(user.name, "phone in the lake", True), (other.name, None, False)]
    assert otpctl("emergency", "list", user=user).returncode == REFUSED


def test_a_mark_is_for_one_user(machine, gate, enrolled):
    user, _ = enrolled
    other, _ = machine.enrolled_user()
    with bypass(user):
        assert pam_codes(machine, gate, other)[0] == AUTH_ERR


def test_a_mark_is_not_for_the_next_owner_of_a_uid(machine, gate, journal):
    user = machine.new_user()
    with bypass(user):
        machine.remove_user(user)
        heir = machine.new_user("heir", user.uid)
        start = journal.position()
        assert pam_codes(machine, gate, heir)[0] == AUTH_ERR
        assert any("emergency=not-honoured" in line and line.startswith(ALERT) for line in journal.since(start))
        machine.remove_user(heir)
        machine.new_user(user.name, user.uid)


def test_a_mark_of_somebody_who_is_gone_is_ended_by_uid(machine):
    user = machine.new_user()
    otpctl("emergency", "bypass", user.name, "--reason", "x")
    machine.remove_user(user)
    assert otpctl("emergency", "end", user.name).returncode == REFUSED
    assert otpctl("emergency", "end", str(user.uid)).returncode == DONE
    assert not (MARKS / str(user.uid)).exists()


@pytest.mark.parametrize("wrong", [{"owner": "nobody"}, {"mode": 0o664}, {"mode": 0o646}], ids=str)
def test_a_mark_that_is_not_roots_alone_is_not_honoured_and_logged(machine, gate, enrolled, journal, wrong):
    user, _ = enrolled
    with bypass(user), changed(MARKS / str(user.uid), **wrong):
        start = journal.position()
        assert pam_codes(machine, gate, user)[0] == AUTH_ERR
        assert any("emergency=not-honoured" in line and line.startswith(ALERT) for line in journal.since(start))


@pytest.mark.parametrize("wrong", [{"owner": "nobody"}, {"mode": 0o775}, {"mode": 0o757}], ids=str)
def test_a_mark_in_a_directory_of_somebody_elses_is_not_honoured(machine, gate, enrolled, wrong):
    user, _ = enrolled
    with bypass(user), changed(MARKS, **wrong):
        assert pam_codes(machine, gate, user)[0] == AUTH_ERR


def test_a_mark_with_two_names_or_behind_a_link_is_not_honoured(machine, gate, enrolled):
    user, _ = enrolled
    mark = MARKS / str(user.uid)
    with bypass(user):
        os.link(mark, MARKS / "twin")
        assert pam_codes(machine, gate, user)[0] == AUTH_ERR
        (MARKS / "twin").unlink()
        with moved_away(mark) as away:
            mark.symlink_to(away)
            assert pam_codes(machine, gate, user)[0] == AUTH_ERR
        assert pam_codes(machine, gate, user)[0] == SUCCESS


def test_a_mark_that_would_not_be_honoured_is_not_left_behind(machine, user):
    with bypass(user):
        with changed(MARKS, mode=0o777):
            done = otpctl("emergency", "bypass", user.name, "--reason", "again")
            assert done.returncode == REFUSED and "not trusted" in done.stderr
            assert not (MARKS / str(user.uid)).exists()
        assert otpctl("emergency", "bypass", user.name, "--reason", "again").returncode == DONE


def test_a_process_without_root_finds_the_mark_too(machine, gate, enrolled):
    """A screen locker asks as its user."""
    user, _ = enrolled
    host = [*as_user(user), machine.hosts / "oddconv", "-a", "--", gate, user.name, "text", "000000"]

    def result():
        return subprocess.run(host, capture_output=True, text=True, timeout=60).stdout

    assert "authenticate 0" not in result()
    with bypass(user):
        assert "authenticate 0" in result() and "account 0" in result()


def test_a_mark_is_written_whole_and_readable_whatever_the_umask(machine, user):
    command = f"umask 077; rm -rf {MARKS}; otpctl emergency bypass {user.name} --reason umask"
    assert subprocess.run(["sh", "-c", command], capture_output=True).returncode == DONE
    assert MARKS.stat().st_mode & 0o7777 == 0o755 and (MARKS / str(user.uid)).stat().st_mode & 0o7777 == 0o644
    assert [path.name for path in MARKS.iterdir()] == [str(user.uid)]
    assert otpctl("emergency", "end", user.name).returncode == DONE


def test_only_root_writes_marks(machine, user):
    for words in (("bypass", user.name, "--reason", "mine"), ("end", user.name)):
        done = otpctl("emergency", *words, user=user)
        assert done.returncode == REFUSED and "only root" in done.stderr
    assert not (MARKS / str(user.uid)).exists()


@pytest.mark.parametrize("words", [("bypass",), ("bypass", "root"), ("bypass", "root", "--reason", ""), ("bypass", "root", "--reason", "a\nb"), ("bypass", "root", "--reason", "x" * 129), ("end",), ()], ids=str)
def test_a_mark_without_a_reason_is_a_wrong_command_line(machine, words):
    assert otpctl("emergency", *words).returncode == USAGE
    assert not (MARKS / "0").exists()


def test_an_unknown_user_has_no_mark_to_write_or_end(machine, user):
    assert otpctl("emergency", "bypass", "nobody-at-all", "--reason", "x").returncode == REFUSED
    assert otpctl("emergency", "end", "nobody-at-all").returncode == REFUSED
    ended = otpctl("emergency", "end", user.name)
    assert ended.returncode == 0 and "nothing was changed" in ended.stdout


@pytest.mark.parametrize("offline", [(), ("--offline",)], ids=str)
def test_a_policy_is_looked_over_without_a_daemon(machine, offline):
    with machine.daemon_stopped():
        POLICY.unlink()
        assert "default" in otpctl(*offline, "config", "check").stdout
        for text, place in [("version = 1\nnonsense\n", "line 2"), ('[service.sudo]\nprompt = 7\n', "line 2")]:
            write(POLICY, text, 0o644)
            try:
                done = otpctl(*offline, "config", "check")
            finally:
                default_policy()
            assert done.returncode == REFUSED and place in done.stderr and str(POLICY) in done.stderr
        write(POLICY, "version = 1\n", 0o644)
        try:
            assert "in order" in otpctl(*offline, "config", "check").stdout
        finally:
            default_policy()
    write(POLICY, "version = 1\n[service.sudo]\ndigits = [8]\n", 0o644)
    try:
        done = otpctl("config", "check")
        assert done.returncode == REFUSED and "a new key has 6" in done.stderr
    finally:
        default_policy()
    assert otpctl("config", "check", "/etc/otp/nothing.toml").returncode == REFUSED


def check(text):
    write(POLICY, text, 0o644)
    try:
        return otpctl("config", "check")
    finally:
        default_policy()


def test_a_table_for_a_service_that_nobody_has_is_told(machine, stock):
    machine.service("checked", "required pam_otp.so", account="required pam_otp.so")
    done = check("[service.checked]\n[service.chekced]\n")
    assert done.returncode == DONE and "chekced" in done.stderr and "[service.checked]" not in done.stderr


@pytest.mark.parametrize("how", ["plain", "@include", "include", "substack", "bracket", "quiet"])
def test_a_service_that_is_to_ask_for_a_new_key_must_be_able_to(machine, stock, how):
    write(Path("/etc/pam.d/rotating-part"), "password required pam_otp.so\n", 0o644)
    line = {
        "plain": "password required pam_otp.so",
        "@include": "@include rotating-part",
        "include": "password include rotating-part",
        "substack": "password substack rotating-part",
        "quiet": "-password required pam_otp.so",
        "bracket": f"password [success=ok default=die] {MODULE} rotate=due",
    }[how]
    text = '[rotation]\nmax_age = 90\nrotate_services = ["rotating"]\n'
    for password, good in (("", False), ("# " + line, False), ("auth include rotating-part", False), (line, True)):
        write(Path("/etc/pam.d/rotating"), f"auth required pam_otp.so\naccount required pam_otp.so\n{password}\n", 0o644)
        done = check(text)
        assert (done.returncode == DONE) == good, (password, done.stderr)
        assert good or ("rotating" in done.stderr and "password [success=done ignore=ignore default=die] pam_otp.so" in done.stderr)


@pytest.mark.parametrize(
    "lines",
    [
        "password include /etc/pam.d/rotating-part",
        "@include /etc/pam.d/rotating-part",
        "password INCLUDE rotating-part",
        "# c:\\\npassword required pam_otp.so nonsense",
        "password required \\ \n pam_otp.so nonsense",
        "password required \\\n# why\n\n pam_otp.so nonsense",
        "password required pam_otp.so nonsense # \\",
    ],
)
def test_a_pam_file_is_read_as_libpam_reads_it(machine, stock, user, journal, lines):
    write(Path("/etc/pam.d/rotating-part"), "password required pam_otp.so nonsense\n", 0o644)
    write(Path("/etc/pam.d/rotating"), f"account required pam_otp.so\n{lines}\nauth required pam_otp.so\n", 0o644)
    start = journal.position()
    subprocess.run(["pamtester", "rotating", user.name, "chauthtok"], capture_output=True, timeout=30)
    ran = "stage=password reason=bad-option" in "".join(journal.since(start))
    assert ran or "# why" in lines, "libpam has not run it; that of Debian 13 lets a comment end a line that goes on"
    done = check('[rotation]\nmax_age = 90\nrotate_services = ["rotating"]\n')
    assert "in order" in done.stdout and "note:" not in done.stderr, done.stderr
    assert done.returncode == REFUSED and "nonsense: no such option" in done.stderr


@pytest.mark.parametrize(
    "name, lines, why",
    [
        ("chekced", None, "no PAM file"),
        ("Checked", "auth required pam_otp.so\naccount required pam_otp.so\n", "lower case"),
        ("checked", "auth required pam_unix.so\naccount required pam_unix.so\n", "pam_otp.so"),
    ],
)
def test_what_the_policy_says_of_a_service_that_will_not_obey_it_is_told(machine, stock, name, lines, why):
    if lines:
        write(Path("/etc/pam.d") / name, lines, 0o644)
    for text in (f"[service.{name}]\n", f'[rotation]\nmax_age = 90\nrotate_services = ["{name}"]\n'):
        done = check(text)
        assert name in done.stderr and "applies to nobody" in done.stderr and why in done.stderr
        assert done.returncode == (REFUSED if name == "Checked" else DONE), "a name with capitals is more than a note"


def test_a_program_for_notices_that_could_not_be_run_is_told(machine, stock):
    done = check('notify_command = ["/usr/local/sbin/no-such-program"]\n')
    assert done.returncode == DONE and "no-such-program" in done.stderr


def test_a_file_is_named_as_it_is_from_here(machine, tmp_path):
    done = subprocess.run([OTPCTL, "config", "check", "x.toml"], cwd="/etc/otp", capture_output=True, text=True, timeout=30)
    assert done.returncode == REFUSED and "/etc/otp/x.toml" in done.stderr


def test_a_host_key_that_is_lost_for_good_is_survived_with_a_new_vault(machine, gate, enrolled):
    """As in docs/locked-out.md: move the vault away, init, start and enrol again."""
    user, _ = enrolled
    machine.stop()
    with moved_away(HOST_KEY), moved_away(VAULT):
        assert pam_codes(machine, gate, user)[0] == AUTHINFO_UNAVAIL
        run(DAEMON, "init")
        machine.start()
        key = machine.enrol(user)
        assert machine.ask("otp", user, key.first)[0] == SUCCESS
        machine.stop()
        shutil.rmtree(VAULT)
        VAULT.mkdir()  # for moved_away to remove
    machine.start()


def test_a_suspension_offline_is_told_also_where_a_code_on_its_way_cannot_be_ended(machine, enrolled, journal):
    user, _ = enrolled
    book = VAULT / "tickets" / str(user.uid)
    book.write_text("nonsense")
    start = journal.position()
    done = otpctl("--offline", "suspend", user.name)
    assert done.returncode == REFUSED and "suspended, but a registration code that is on its way may still work" in done.stderr
    assert machine.status(user)["suspended"] is True
    (line,) = [line for line in journal.since(start) if "event=offline" in line]
    assert line.startswith(ALERT) and f"{user.name}: suspended" in line
    assert "suspended" in otpctl("notices", user.name).stdout
    book.unlink()


def test_a_suspension_says_that_it_is_done_also_where_a_code_on_its_way_cannot_be_ended(machine, enrolled):
    user, _ = enrolled
    book = VAULT / "tickets" / str(user.uid)
    book.write_text("nonsense")
    done = otpctl("suspend", user.name)
    assert done.returncode == REFUSED and "the keys are suspended, but a registration code that is on its way" in done.stderr, done.stderr
    assert machine.status(user)["suspended"] is True
    book.unlink()


def test_without_systemd_the_daemon_is_started_again_as_the_page_says(machine):
    """The old one answers until it is gone; that must not keep the new one from starting."""
    (line,) = [line for line in (ROOT / "docs/locked-out.md").read_text().splitlines() if line.startswith("Without systemd the last line is")]
    command, log = re.search("`(.*)`", line)[1], Path("/var/log/otp-enrolld.log")
    log.touch()
    for number in range(1, 11):
        shell = subprocess.Popen(["sh", "-c", f"{command} echo $!; wait"], stdout=subprocess.PIPE, text=True)
        machine.process.wait(60)
        machine.process = shell
        new = int(shell.stdout.readline())
        shell.send_signal = lambda how, new=new: os.kill(new, how)
        until(lambda: shell.poll() is not None or log.read_text().count("otp-enrolld: ready") == number, "the new daemon, or its end")
        assert shell.poll() is None, log.read_text()
    machine.stop()
    machine.start()
