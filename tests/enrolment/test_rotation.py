"""Replacing a key through PAM: passwd where its owner is asked, and every host that meets a key that is due."""

import re
import subprocess
from pathlib import Path

import pytest

from harness.enrolment import enrol, spoken_code
from harness.hosts import HOSTS as COMMON
from harness.hosts import IDENTITY, OTHER_HOSTS, gates, listens, one_try_at_login, server, sshd
from harness.journal import decisions
from harness.machine import CODE_PROMPT, NOT_A_CODE, PASSWORD, REFUSAL, SUCCESS, Key, as_user, otpctl, policy, write
from harness.prompts import APP_PROMPT, confirms, enrolling, key_on
from harness.rotation import DAY, DUE_PROMPT, NEW_PASSWORD, OFFER, changes_password, days_later, has_password, replaced_at_the_login, rotates, rotating, stack
from harness.terminal import Terminal
from harness.wait import until
from harness.wire import Client, Refused

DUE_TEXT = "is due and is replaced now"
ALL_HOSTS = COMMON | OTHER_HOSTS
SERVICES = sorted({host.service for host in ALL_HOSTS.values()})
DEBIANS_OTHER = [f"@include common-{stage}" for stage in ("auth", "account", "password", "session")]
ASKING = ["sudo", "sudo-i", "su-by-root", "su-own", "su-by-another", "su-login", "ssh", "ssh-key-then-code", "login", "doas"]


# passwd, where the PAM line says that the owner is asked


def test_passwd_replaces_a_key_for_a_code_of_it(machine, passwd, enrolled, journal):
    user, old = enrolled
    start = journal.position()
    terminal = changes_password(passwd, user)
    terminal.awaits(OFFER)
    terminal.types_hidden(old.first)
    new = rotates(terminal)
    assert terminal.ends() == 0, terminal.transcript
    assert [(line["outcome"], line["reason"]) for line in decisions(journal.since(start))] == [("accepted", "rotated")]
    assert new.base32 != old.base32
    assert machine.ask("otp", user, old.second)[0] != SUCCESS
    assert machine.ask("otp", user, new.first)[0] == SUCCESS
    assert len(machine.status(user)["keys"]) == 1
    assert has_password(user, NEW_PASSWORD)


def test_an_empty_answer_keeps_the_key_and_changes_the_password(machine, passwd, enrolled):
    user, key = enrolled
    terminal = changes_password(passwd, user)
    terminal.awaits(OFFER)
    terminal.types_hidden("")
    assert terminal.ends() == 0, terminal.transcript
    assert machine.ask("otp", user, key.first)[0] == SUCCESS and has_password(user, NEW_PASSWORD)


def changed_unasked(passwd, user):
    terminal = changes_password(passwd, user)
    assert terminal.ends() == 0 and OFFER not in terminal.transcript, terminal.transcript


def test_who_is_exempt_changes_the_password_unasked(machine, passwd, enrolled):
    user, _ = enrolled
    with policy(f'[service.passwd]\nexempt = ["user:{user.name}"]\n'):
        changed_unasked(passwd, user)
    assert has_password(user, NEW_PASSWORD)


def test_under_an_emergency_mark_the_password_is_changed_unasked_whatever_is_broken(machine, passwd, enrolled, journal):
    user, _ = enrolled
    assert otpctl("emergency", "bypass", user.name, "--reason", "phone in the lake").returncode == 0
    start = journal.position()
    try:
        with policy("no TOML\n"):
            changed_unasked(passwd, user)
    finally:
        assert otpctl("emergency", "end", user.name).returncode == 0
    assert ("ignored", "emergency") in [(line["outcome"], line["reason"]) for line in decisions(journal.since(start))]
    assert has_password(user, NEW_PASSWORD)


@pytest.mark.parametrize("typed", ["wrong", "junk", "used"])
def test_without_a_good_code_the_old_key_goes_on(machine, passwd, enrolled, typed):
    user, key = enrolled
    if typed == "used":
        assert machine.ask("otp", user, key.first)[0] == SUCCESS
    terminal = changes_password(passwd, user)
    terminal.awaits(OFFER)
    terminal.types_hidden({"wrong": key.wrong(), "junk": PASSWORD, "used": key.first}[typed])
    assert terminal.ends() != 0 and APP_PROMPT not in terminal.transcript, terminal.transcript
    assert (NOT_A_CODE if typed == "junk" else REFUSAL) in terminal.transcript
    assert machine.ask("otp", user, key.second)[0] == SUCCESS


def test_given_up_at_the_picture_the_old_key_goes_on(machine, passwd, enrolled):
    user, key = enrolled
    terminal = changes_password(passwd, user)
    terminal.awaits(OFFER)
    terminal.types_hidden(key.first)
    terminal.awaits(APP_PROMPT)
    terminal.ends_input_hidden()  # passwd does not let itself be interrupted any more
    assert terminal.ends() != 0
    assert machine.ask("otp", user, key.second)[0] == SUCCESS


def test_after_too_many_wrong_codes_the_old_key_goes_on(machine, passwd, enrolled):
    user, key = enrolled
    terminal = changes_password(passwd, user)
    terminal.awaits(OFFER)
    terminal.types_hidden(key.first)
    terminal.awaits(APP_PROMPT)
    new = key_on(terminal.transcript)
    for number in range(6):
        terminal.types_hidden(new.wrong(number))
        if number < 5:
            terminal.awaits(APP_PROMPT)
    assert terminal.ends() != 0
    assert machine.ask("otp", user, key.second)[0] == SUCCESS


def with_recovery_codes(machine, user):
    with stack("sudo-recovery", "auth required pam_otp.so", "account required pam_permit.so", "session required pam_permit.so"):
        with enrolling("sudo-recovery"):
            write(Path("/etc/sudoers.d") / user.name, f"Defaults:{user.name} pam_service=sudo-recovery\n", 0o440)
            terminal = Terminal([*as_user(user), "sudo", "--", "id", "-u"])
            terminal.awaits(CODE_PROMPT)
            terminal.types_hidden(spoken_code(user))
            found = confirms(terminal)
            assert terminal.ends() == 0
    return found


def test_a_lost_phone_is_replaced_for_a_recovery_code_and_the_password(machine, passwd, user):
    old, codes = with_recovery_codes(machine, user)
    terminal = changes_password(passwd, user)
    terminal.awaits(OFFER)
    terminal.types_hidden(codes[3])
    new = rotates(terminal)
    assert terminal.ends() == 0, terminal.transcript
    assert machine.ask("otp", user, old.second)[0] != SUCCESS
    assert machine.ask("otp", user, new.first)[0] == SUCCESS
    assert machine.ask("otp", user, codes[3])[0] != SUCCESS, "it is used up"
    assert machine.ask("otp", user, codes[4])[0] == SUCCESS, "the others go on"


def test_of_several_keys_the_lost_one_is_named_before_the_recovery_code_is_spent(machine, user):
    """In the recommended order: a refused code leaves the password as it was."""
    old, codes = with_recovery_codes(machine, user)
    kept = machine.enrol(user, label="tablet")
    with stack("passwd", "password requisite pam_otp.so rotate=ask", "password required pam_unix.so", "account required pam_permit.so"):
        for name in ("no such key", " phone "):
            terminal = Terminal([*as_user(user), "passwd"])
            terminal.awaits("Current password: ")
            terminal.types_hidden(PASSWORD)
            terminal.awaits(OFFER)
            terminal.types_hidden(codes[3])
            terminal.awaits("Name of the key to replace: ")
            terminal.types(name)
            if name == "no such key":
                assert terminal.ends() != 0 and "there is no key with that label or id, or more than one" in terminal.transcript, terminal.transcript
                assert has_password(user, PASSWORD)
        new = rotates(terminal)
        for prompt in ("New password: ", "Retype new password: "):
            terminal.awaits(prompt)
            terminal.types_hidden(NEW_PASSWORD)
        assert terminal.ends() == 0, terminal.transcript
    assert has_password(user, NEW_PASSWORD)
    assert machine.ask("otp", user, old.second)[0] != SUCCESS
    assert machine.ask("otp", user, new.first)[0] == SUCCESS and machine.ask("otp", user, kept.first)[0] == SUCCESS


def test_what_a_thief_makes_of_a_recovery_code_and_the_password_ends_with_not_me(machine, passwd, user):
    """The thief uses the letter first, keeps its recovery codes, and some day makes another key by passwd, and more with that."""
    letter = spoken_code(user, form="letter")
    with Client(uid=user.uid) as thief:
        first = Key(thief.call("Redeem", registration=letter)["enrolment"])
        recovery = thief.call("ConfirmEnrolment", code=first.confirming)["recovery_codes"]
    terminal = changes_password(passwd, user)
    terminal.awaits(OFFER)
    terminal.types_hidden(recovery[0])
    made = rotates(terminal)
    assert terminal.ends() == 0, terminal.transcript
    with Client(uid=user.uid) as thief:
        added = Key(thief.call("AddKey", code=made.first, label="second")["enrolment"])
        thief.call("ConfirmEnrolment", code=added.confirming)
    own = machine.enrol(user, label="own")  # by root, and so not the thief's key
    for code in (added.first, recovery[1], own.first):
        assert machine.ask("otp", user, code)[0] == SUCCESS
    with Client(uid=user.uid) as owner:
        with pytest.raises(Refused) as spent:
            owner.call("Redeem", registration=letter)
        assert spent.value.name == "RegistrationSpent"
        assert owner.call("Repudiate", registration=letter) == {"keys": 2}
    for code in (made.second, added.second, *recovery[2:]):
        assert machine.ask("otp", user, code)[0] != SUCCESS
    assert machine.ask("otp", user, own.second)[0] == SUCCESS


def test_a_recovery_code_without_the_password_replaces_nothing(machine, user, journal):
    old, codes = with_recovery_codes(machine, user)
    start = journal.position()
    with stack("passwd", "password required pam_otp.so rotate=ask", "account required pam_permit.so"):
        terminal = Terminal([*as_user(user), "passwd"])
        terminal.awaits(OFFER)
        terminal.types_hidden(codes[0])
        assert terminal.ends() != 0 and APP_PROMPT not in terminal.transcript
    assert [line["reason"] for line in decisions(journal.since(start))] == ["needs-password"]
    assert machine.ask("otp", user, codes[0])[0] == SUCCESS, "it was not even looked at"


def test_who_has_no_key_is_not_asked(machine, passwd, user):
    terminal = changes_password(passwd, user)
    assert terminal.ends() == 0 and OFFER not in terminal.transcript
    assert has_password(user, NEW_PASSWORD)


def test_root_setting_a_password_is_not_asked_for_the_owners_code(machine, passwd, enrolled):
    user, _ = enrolled
    terminal = Terminal(["passwd", user.name])
    for prompt in ("New password: ", "Retype new password: "):
        terminal.awaits(prompt)
        terminal.types_hidden(NEW_PASSWORD)
    assert terminal.ends() == 0 and OFFER not in terminal.transcript


@pytest.mark.parametrize("daemon", ["stopped", "hanging"])
def test_without_the_daemon_a_password_can_be_changed_and_a_key_cannot(machine, passwd, enrolled, daemon):
    user, key = enrolled
    with machine.daemon_stopped() if daemon == "stopped" else machine.daemon_hanging():
        terminal = changes_password(passwd, user)
        assert terminal.ends() == 0 and OFFER not in terminal.transcript
    assert machine.ask("otp", user, key.first)[0] == SUCCESS


def test_without_the_option_passwd_is_not_disturbed(machine, enrolled):
    user, key = enrolled
    with stack("passwd", "password requisite pam_unix.so", "password required pam_otp.so", "account required pam_permit.so"):
        terminal = changes_password(["passwd"], user)
        assert terminal.ends() == 0 and "Code of" not in terminal.transcript
    assert machine.ask("otp", user, key.first)[0] == SUCCESS


# a key that is due


@pytest.fixture(scope="module")
def hosts_that_rotate(machine):
    """Every host asks our module at all stages."""
    machine.somebody = machine.new_user()
    with one_try_at_login(), gates(machine, ALL_HOSTS), sshd():
        for service in SERVICES:
            path = Path("/etc/pam.d") / service
            path.write_text(path.read_text() + "password required pam_otp.so\n")
        yield


@pytest.mark.parametrize("name", ASKING)
def test_a_due_key_is_replaced_at_the_login_and_the_login_goes_on(machine, hosts_that_rotate, enrolled, name):
    (user, key), host = enrolled, ALL_HOSTS[name]
    with rotating(host.service), days_later(machine, 8, key):
        new, attempt = replaced_at_the_login(machine, host, user, key)
        assert attempt.opened and DUE_TEXT in attempt.text, attempt
        assert host.attempt(machine, user, new.first).opened, "and is not asked again"
        assert not host.attempt(machine, user, key.second).opened


def test_login_that_believes_its_caller_asks_for_no_code_and_replaces_a_due_key_all_the_same(machine, hosts_that_rotate, enrolled):
    (user, key), host = enrolled, ALL_HOSTS["login-f"]
    with rotating(host.service), days_later(machine, 8, key):
        terminal = Terminal(host.command(machine, user))
        terminal.awaits(DUE_PROMPT)
        terminal.types_hidden("")
        assert not host.conclude(terminal, user).opened
        terminal = Terminal(host.command(machine, user))
        terminal.awaits(DUE_PROMPT)
        terminal.types_hidden(key.second)
        new = rotates(terminal)
        attempt = host.conclude(terminal, user)
        assert attempt.opened and attempt.asked == 0, attempt
        assert host.attempt(machine, user).opened, "and is not asked again"
        assert machine.ask("otp", user, new.first)[0] == SUCCESS


@pytest.mark.parametrize("name", ["sudo", "sudo-i", "su-own", "su-login", "ssh", "login", "doas"])
def test_who_does_not_replace_a_due_key_is_not_let_in(machine, hosts_that_rotate, enrolled, name):
    (user, key), host = enrolled, ALL_HOSTS[name]
    with rotating(host.service), days_later(machine, 8, key):
        host.prepare(machine, user)
        terminal = Terminal(host.command(machine, user))
        terminal.awaits(CODE_PROMPT)
        terminal.types_hidden(key.first)
        terminal.awaits(DUE_PROMPT)
        terminal.types_hidden("")
        assert not host.conclude(terminal, user).opened


def test_chsh_has_no_place_for_a_new_key_and_refuses_where_it_is_listed(machine, hosts_that_rotate, enrolled):
    (user, key), host = enrolled, ALL_HOSTS["chsh"]
    with rotating(host.service), days_later(machine, 8, key):
        attempt = host.attempt(machine, user, key.first)
        assert not attempt.opened and APP_PROMPT not in attempt.text and "new one required" in attempt.text, attempt
    with rotating("another"), days_later(machine, 8, key):
        attempt = host.attempt(machine, user, key.second)
        assert attempt.opened and "is due: replace it" in attempt.text, attempt


@pytest.mark.parametrize("name", ["pamtester", "plain"])
def test_a_host_that_is_not_root_only_reminds(machine, hosts_that_rotate, enrolled, name):
    (user, key), host = enrolled, ALL_HOSTS[name]
    with rotating(host.service), days_later(machine, 8, key):
        attempt = host.attempt(machine, user, key.first)
    assert attempt.opened and "is due: replace it" in attempt.text, attempt


def stages_run(journal, start):
    """Which stages of ours a host has run."""
    return {line.get("stage", "auth") for line in decisions(journal.since(start))}


@pytest.mark.parametrize(("name", "run"), [("vlock", {"auth"}), ("vlock-unprivileged", {"auth"}), ("runuser", set())])
def test_a_host_that_never_asks_the_account_stage_hears_of_no_age(machine, hosts_that_rotate, enrolled, journal, name, run):
    """It opens what is open already: a locked screen, or anything to root."""
    (user, key), host = enrolled, ALL_HOSTS[name]
    with rotating(host.service):
        for days in (8, 18):
            with days_later(machine, days, key):
                start = journal.position()
                attempt = host.attempt(machine, user, key.first if run else None)
                assert attempt.opened and "too old" not in attempt.text, attempt
                assert stages_run(journal, start) == run


@pytest.mark.parametrize(("days", "refusal"), [(0, None), (8, "Authentication token is no longer valid; new one required"), (18, "User account has expired")])
def test_polkits_helper_has_no_place_for_a_new_key_and_refuses(machine, hosts_that_rotate, enrolled, journal, days, refusal):
    """By hand, on a pipe and without a bus: it cannot tell polkit, but what it would tell is known."""
    user, key = enrolled
    with stack("polkit-1", *(f"{stage} required pam_otp.so" for stage in ("auth", "account", "password"))):
        with rotating("polkit-1"), days_later(machine, days, key):
            start = journal.position()
            command = [*as_user(user), "/usr/lib/polkit-1/polkit-agent-helper-1", user.name]
            done = subprocess.run(command, input=f"cookie\n{key.first}\n", capture_output=True, text=True, timeout=30)
    assert [(line["outcome"], line["reason"]) for line in decisions(journal.since(start))][0] == ("accepted", "code")
    assert re.findall("pam_acct_mgmt failed: .*", done.stderr) == [f"pam_acct_mgmt failed: {refusal}"] * bool(refusal), done


@pytest.mark.parametrize("name", ["sudo", "su-own", "ssh"])
def test_a_service_that_is_not_listed_only_reminds(machine, hosts_that_rotate, enrolled, name):
    (user, key), host = enrolled, ALL_HOSTS[name]
    with rotating("another"), days_later(machine, 8, key):
        attempt = host.attempt(machine, user, key.first)
    assert attempt.opened, attempt
    assert name == "ssh" or "is due: replace it with otpctl rotate; it stops working in 9 days" in attempt.text, attempt


def test_a_reminder_comes_before_the_key_is_due(machine, hosts_that_rotate, enrolled):
    (user, key), host = enrolled, ALL_HOSTS["sudo"]
    with rotating("sudo-hosts", days=30), days_later(machine, 0, key):
        assert "is due in 30 days: replace it with otpctl rotate" in host.attempt(machine, user, key.first).text


@pytest.mark.parametrize("daemon", ["stopped", "hanging"])
def test_without_the_daemon_a_due_key_still_opens(machine, hosts_that_rotate, enrolled, daemon):
    """It cannot be replaced, and due is not overdue."""
    (user, key), host = enrolled, ALL_HOSTS["sudo"]
    away = machine.daemon_stopped if daemon == "stopped" else machine.daemon_hanging
    with rotating(host.service), away(), days_later(machine, 8, key):
        attempt = host.attempt(machine, user, key.first)
    assert attempt.opened and "is due: replace it" in attempt.text, attempt


@pytest.mark.parametrize("name", [*ASKING, "login-f", "chsh", "pamtester", "plain"])
def test_an_overdue_key_opens_nothing(machine, hosts_that_rotate, enrolled, journal, name):
    (user, key), host = enrolled, ALL_HOSTS[name]
    with rotating(host.service), days_later(machine, 18, key):
        start = journal.position()
        attempt = host.attempt(machine, user, key.first if name != "login-f" else None)
        assert not attempt.opened, attempt
    assert not host.tells or "is too old and no longer lets you in" in attempt.text
    assert ("account", "overdue") in {(line.get("stage"), line["reason"]) for line in decisions(journal.since(start))}


@pytest.mark.parametrize("name", ["sudo", "su-own"])
def test_a_repudiated_key_ages_no_more(machine, hosts_that_rotate, user, name):
    """Its owner can neither use nor replace it, and another key opens the gate."""
    code, host = spoken_code(user), ALL_HOSTS[name]
    enrol(user, code)
    with Client(uid=user.uid) as owner:
        owner.call("Repudiate", registration=code)
    with rotating(host.service), machine.synchronised(True), machine.clock(18 * DAY):
        other = machine.enrol(user, label="other")
        attempt = host.attempt(machine, user, other.first)
        assert attempt.opened and 'key "phone" is' not in attempt.text, attempt


# what the hosts do where our password line is missing, or the question is never asked


@pytest.mark.parametrize("name", ["sudo", "su-own"])
@pytest.mark.parametrize("other", ["permit", "deny"])
def test_without_a_password_line_due_only_bars_where_the_fallback_does_and_overdue_always(machine, enrolled, name, other):
    """libpam takes /etc/pam.d/other for the stage that is missing."""
    (user, key), host = enrolled, ALL_HOSTS[name]
    with gates(machine), stack("other", *(f"{stage} required pam_{other}.so" for stage in ("auth", "account", "password", "session"))):
        with rotating(host.service):
            with days_later(machine, 8, key):
                assert host.attempt(machine, user, key.first).opened == (other == "permit")
            with days_later(machine, 18, key):
                assert not host.attempt(machine, user, key.first).opened


@pytest.mark.parametrize("name", ["sudo", "su-own"])
def test_where_the_fallback_is_debians_own_it_is_the_password_that_a_due_key_changes_and_overdue_bars(machine, enrolled, name):
    """pam_unix answers to whatever is due; the key stays as old as it is."""
    (user, key), host = enrolled, ALL_HOSTS[name]

    def asked_for_a_password(code):
        host.prepare(machine, user)
        terminal = Terminal(host.command(machine, user))
        terminal.awaits(CODE_PROMPT)
        terminal.types_hidden(code)
        terminal.awaits("Current password: ")
        return terminal

    with gates(machine), stack("other", *DEBIANS_OTHER), rotating(host.service):
        with days_later(machine, 8, key):
            terminal = asked_for_a_password(key.first)
            terminal.ends_input_hidden()
            assert not host.conclude(terminal, user).opened
            terminal = asked_for_a_password(key.second)
            terminal.types_hidden(PASSWORD)
            for prompt in ("New password: ", "Retype new password: "):
                terminal.awaits(prompt)
                terminal.types_hidden(NEW_PASSWORD)
            attempt = host.conclude(terminal, user)
            assert attempt.opened and DUE_PROMPT not in attempt.text, attempt
        with days_later(machine, 18, key):
            assert not host.attempt(machine, user, key.first).opened


# sudo that asks nothing, or may not ask


def sudoer(user, tag="", more=""):
    rule = f"Defaults:{user.name} pam_service=sudo-hosts{more}\n{user.name} ALL=(ALL:ALL) {tag}ALL\n"
    write(Path("/etc/sudoers.d") / f"zz-{user.name}", rule, 0o440)


def runs(user, *options):
    """Does sudo run a command for this user, though nobody answers?"""
    terminal = Terminal([*as_user(user), "sudo", *options, "--", "id", "-u"])
    ran = terminal.ends() == 0
    assert ran == ("\n0\n" in "\n" + terminal.transcript), terminal.transcript
    return ran


@pytest.mark.parametrize("options", [(), ("-n",)], ids=["may-ask", "may-not-ask"])
@pytest.mark.parametrize("rule", [{"tag": "NOPASSWD: "}, {"more": ", !authenticate"}], ids=["NOPASSWD", "not-authenticated"])
def test_sudo_without_a_password_runs_when_due_and_not_when_overdue(machine, hosts_that_rotate, enrolled, rule, options):
    """It runs the account stage and takes no notice of a key that is due."""
    user, key = enrolled
    sudoer(user, **rule)
    with rotating("sudo-hosts"):
        for days, opened in ((8, True), (18, False)):
            with days_later(machine, days, key):
                assert runs(user, *options) == opened


@pytest.mark.parametrize("days", [0, 8, 18])
def test_sudo_that_may_not_ask_and_wants_a_code_runs_nothing(machine, hosts_that_rotate, enrolled, days):
    user, key = enrolled
    sudoer(user)
    with rotating("sudo-hosts"), days_later(machine, days, key):
        assert not runs(user, "-n")


def test_sudo_that_may_not_ask_is_let_in_by_its_time_stamp_and_not_when_the_key_is_due(machine, hosts_that_rotate, enrolled):
    """The account stage is run although the code was given before, and who must not be asked cannot replace a key."""
    user, key = enrolled
    sudoer(user, more=", timestamp_timeout=5")
    shell = Terminal([*as_user(user), "sh"])

    def said(command):
        shell.awaits(r"\$ ")
        shell.types(f"{command}; echo status $?")
        return shell

    said("sudo -v").awaits(CODE_PROMPT)
    shell.types_hidden(key.first)
    shell.awaits("status 0")
    said("sudo -n id -u").awaits("\r\n0\r\nstatus 0")
    for days in (8, 18):
        with rotating("sudo-hosts"), days_later(machine, days, key):
            said("sudo -n id -u").awaits(r"status [1-9]")
    assert shell.transcript.count("\n0\n") == 1, shell.transcript
    with rotating("sudo-hosts"), days_later(machine, 8, key):
        said("sudo id -u").awaits(DUE_PROMPT)
        shell.types_hidden(key.second)
        rotates(shell)
        shell.awaits("\r\n0\r\nstatus 0")


@pytest.fixture
def key_only(hosts_that_rotate):
    """sshd that asks for the key alone; only the account stage of ours is run."""
    process = server(2203, "publickey")
    until(lambda: listens(2203), "sshd at 2203")
    yield lambda user, *words: ["ssh", "-p", 2203, "-i", IDENTITY, "-o", "IdentitiesOnly=yes", *ALL_HOSTS["ssh"].words(), *words, f"{user.name}@127.0.0.1"]
    process.terminate()
    process.wait(10)


def test_ssh_with_a_key_alone_is_sent_to_passwd_and_rotates_there(machine, key_only, enrolled):
    user, key = enrolled
    with stack("passwd", "password required pam_otp.so", "account required pam_permit.so"), rotating("sshd"):
        with days_later(machine, 8, key):
            terminal = Terminal([*key_only(user, "-tt"), "id -u"])
            terminal.awaits(DUE_PROMPT)
            terminal.types_hidden(key.first)
            new = rotates(terminal)
            terminal.ends()
            assert f"\n{user.uid}\n" not in terminal.transcript, "the session was passwd's"
            again = Terminal([*key_only(user), "id -u"])
            assert again.ends() == 0 and str(user.uid) in again.transcript, again.transcript
            assert machine.ask("otp", user, new.first)[0] == SUCCESS


def test_ssh_with_a_key_alone_and_no_terminal_is_refused(machine, key_only, enrolled):
    user, key = enrolled
    with rotating("sshd"), days_later(machine, 8, key):
        terminal = Terminal([*key_only(user), "id -u"])
        assert terminal.ends() != 0 and str(user.uid) not in terminal.transcript.split("\n")


# what the account stage says of recovery codes


def test_a_login_tells_that_a_recovery_code_was_used_and_asks_for_new_ones_when_few_are_left(machine, hosts_that_rotate, user):
    _, codes = with_recovery_codes(machine, user)
    host = ALL_HOSTS["sudo"]
    with Client() as client:
        client.call("NoticesShown", user=user.name, last=100)
    for used, code in enumerate(codes[:7], 1):
        text = host.attempt(machine, user, code).text
        assert f"one of your recovery codes was used; {8 - used} {'is' if used == 7 else 'are'} left" in text, text
        assert ("otpctl recovery-codes" in text) == (used >= 6), text
