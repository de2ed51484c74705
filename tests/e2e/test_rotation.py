"""Replacing a key through PAM: passwd where its owner is asked, and every host that meets a key that is due."""

from contextlib import contextmanager
from pathlib import Path

import pytest
from hosts import HOSTS, IDENTITY, gates, listens, one_try_at_login, server, sshd
from journal import decisions
from machine import CODE_PROMPT, PASSWORD, SUCCESS, as_user, policy, write
from prompts import APP_PROMPT, confirms, enrolling, invite, key_on
from terminal import Terminal
from wait import until
from wire import Client

DAY = 86_400
NEW_PASSWORD = "another pass word 42"
OFFER = "Code of your one-time-code key to replace it, or Enter to keep it: "
DUE_PROMPT = 'Code of the key "phone", to replace it: '
DUE_TEXT = "is due and is replaced now"
SERVICES = sorted({host.service for host in HOSTS.values()})
ASKING = ["sudo", "su-by-root", "su-own", "su-by-another", "ssh", "ssh-key-then-code", "login", "doas"]


@contextmanager
def stack(service, *lines):
    """A PAM service of these lines for a while."""
    path = Path("/etc/pam.d") / service
    before = path.read_text() if path.exists() else None
    write(path, "\n".join(lines) + "\n", 0o644)
    try:
        yield service
    finally:
        write(path, before, 0o644) if before is not None else path.unlink()


# passwd, where the PAM line says that the owner is asked


@pytest.fixture
def passwd():
    with stack("passwd", "password requisite pam_unix.so", "password required pam_otp.so rotate=ask", "account required pam_permit.so"):
        yield ["passwd"]


def changes_password(command, user, old=PASSWORD, new=NEW_PASSWORD):
    """passwd until it has the new password."""
    terminal = Terminal([*as_user(user), *command])
    terminal.awaits("Current password: ")
    terminal.types_hidden(old)
    terminal.awaits("New password: ")
    terminal.types_hidden(new)
    terminal.awaits("Retype new password: ")
    terminal.types_hidden(new)
    return terminal


def rotates(terminal):
    """From the sheet to the new key. A rotation makes no recovery codes: the old ones go on."""
    terminal.awaits(APP_PROMPT)
    key = key_on(terminal.transcript)
    terminal.types_hidden(key.confirming)
    return key


def has_password(user, password):
    terminal = Terminal([*as_user(user), "su", user.name, "-c", "id -u"])
    terminal.awaits("Password: ")
    terminal.types_hidden(password)
    return terminal.ends() == 0


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


@pytest.mark.parametrize("typed", ["wrong", "junk", "used"])
def test_without_a_good_code_the_old_key_goes_on(machine, passwd, enrolled, typed):
    user, key = enrolled
    if typed == "used":
        assert machine.ask("otp", user, key.first)[0] == SUCCESS
    terminal = changes_password(passwd, user)
    terminal.awaits(OFFER)
    terminal.types_hidden({"wrong": key.wrong(), "junk": PASSWORD, "used": key.first}[typed])
    assert terminal.ends() != 0 and APP_PROMPT not in terminal.transcript, terminal.transcript
    assert "code refused" in terminal.transcript
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
            terminal.types_hidden(invite(user))
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
                assert terminal.ends() != 0 and "no key of that name" in terminal.transcript, terminal.transcript
                assert has_password(user, PASSWORD)
        new = rotates(terminal)
        for prompt in ("New password: ", "Retype new password: "):
            terminal.awaits(prompt)
            terminal.types_hidden(NEW_PASSWORD)
        assert terminal.ends() == 0, terminal.transcript
    assert has_password(user, NEW_PASSWORD)
    assert machine.ask("otp", user, old.second)[0] != SUCCESS
    assert machine.ask("otp", user, new.first)[0] == SUCCESS and machine.ask("otp", user, kept.first)[0] == SUCCESS


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


def test_without_the_daemon_a_password_can_be_changed_and_a_key_cannot(machine, passwd, enrolled):
    user, key = enrolled
    with machine.daemon_stopped():
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


def rotating(*services, days=7, grace=10):
    names = ", ".join(f'"{name}"' for name in services)
    return policy(f"[rotation]\nmax_age = {days}\ngrace = {grace}\nrotate_services = [{names}]\n")


@pytest.fixture(scope="module")
def hosts_that_rotate(machine):
    """Every host asks our module at all stages."""
    machine.somebody = machine.new_user()
    with one_try_at_login(), gates(machine), sshd():
        for service in SERVICES:
            path = Path("/etc/pam.d") / service
            path.write_text(path.read_text() + "password required pam_otp.so\n")
        yield


@contextmanager
def days_later(machine, days, key):
    with machine.synchronised(True), machine.clock(days * DAY):
        key.step = key.step_now()
        yield


@pytest.mark.parametrize("name", ASKING)
def test_a_due_key_is_replaced_at_the_login_and_the_login_goes_on(machine, hosts_that_rotate, enrolled, name):
    (user, key), host = enrolled, HOSTS[name]
    with rotating(host.service), days_later(machine, 8, key):
        host.prepare(machine, user)
        terminal = Terminal(host.command(machine, user))
        terminal.awaits(CODE_PROMPT)
        terminal.types_hidden(key.first)
        terminal.awaits(DUE_PROMPT)
        terminal.types_hidden(key.second)
        new = rotates(terminal)
        attempt = host.conclude(terminal, user)
        assert attempt.opened and DUE_TEXT in attempt.text, attempt
        assert host.attempt(machine, user, new.first).opened, "and is not asked again"
        assert not host.attempt(machine, user, key.second).opened


@pytest.mark.parametrize("name", ["sudo", "su-own", "ssh", "login", "doas"])
def test_who_does_not_replace_a_due_key_is_not_let_in(machine, hosts_that_rotate, enrolled, name):
    (user, key), host = enrolled, HOSTS[name]
    with rotating(host.service), days_later(machine, 8, key):
        host.prepare(machine, user)
        terminal = Terminal(host.command(machine, user))
        terminal.awaits(CODE_PROMPT)
        terminal.types_hidden(key.first)
        terminal.awaits(DUE_PROMPT)
        terminal.types_hidden("")
        assert not host.conclude(terminal, user).opened


@pytest.mark.parametrize("name", ["sudo", "su-own", "ssh"])
def test_a_service_that_is_not_listed_only_reminds(machine, hosts_that_rotate, enrolled, name):
    (user, key), host = enrolled, HOSTS[name]
    with rotating("another"), days_later(machine, 8, key):
        attempt = host.attempt(machine, user, key.first)
    assert attempt.opened, attempt
    assert name == "ssh" or "is due: replace it with otpctl rotate; in 9 days it lets you in no more" in attempt.text, attempt


def test_a_reminder_comes_before_the_key_is_due(machine, hosts_that_rotate, enrolled):
    (user, key), host = enrolled, HOSTS["sudo"]
    with rotating("sudo-hosts", days=30), days_later(machine, 0, key):
        assert "is due in 30 days: replace it with otpctl rotate" in host.attempt(machine, user, key.first).text


def test_without_the_daemon_a_due_key_still_opens(machine, hosts_that_rotate, enrolled):
    """It cannot be replaced, and due is not overdue."""
    (user, key), host = enrolled, HOSTS["sudo"]
    with rotating(host.service), machine.daemon_stopped(), days_later(machine, 8, key):
        attempt = host.attempt(machine, user, key.first)
    assert attempt.opened and "is due: replace it" in attempt.text, attempt


@pytest.mark.parametrize("name", ASKING)
def test_an_overdue_key_opens_nothing(machine, hosts_that_rotate, enrolled, journal, name):
    (user, key), host = enrolled, HOSTS[name]
    with rotating(host.service), days_later(machine, 18, key):
        start = journal.position()
        attempt = host.attempt(machine, user, key.first)
        assert not attempt.opened, attempt
    assert not host.tells or "is too old and lets you in no more" in attempt.text
    assert ("account", "overdue") in {(line.get("stage"), line["reason"]) for line in decisions(journal.since(start))}


# what the hosts do where our password line is missing, or the question is never asked


@pytest.mark.parametrize("name", ["sudo", "su-own"])
@pytest.mark.parametrize("other", ["permit", "deny"])
def test_without_a_password_line_due_only_bars_where_the_fallback_does_and_overdue_always(machine, enrolled, name, other):
    """libpam takes /etc/pam.d/other for the stage that is missing."""
    (user, key), host = enrolled, HOSTS[name]
    with gates(machine), stack("other", *(f"{stage} required pam_{other}.so" for stage in ("auth", "account", "password", "session"))):
        with rotating(host.service):
            with days_later(machine, 8, key):
                assert host.attempt(machine, user, key.first).opened == (other == "permit")
            with days_later(machine, 18, key):
                assert not host.attempt(machine, user, key.first).opened


def test_sudo_without_a_password_runs_when_due_and_not_when_overdue(machine, hosts_that_rotate, enrolled):
    user, key = enrolled
    rule = f"Defaults:{user.name} pam_service=sudo-hosts\n{user.name} ALL=(ALL:ALL) NOPASSWD: ALL\n"
    write(Path("/etc/sudoers.d") / f"zz-{user.name}", rule, 0o440)
    with rotating("sudo-hosts"):
        for days, opened in ((8, True), (18, False)):
            with days_later(machine, days, key):
                assert (Terminal([*as_user(user), "sudo", "--", "id", "-u"]).ends() == 0) == opened


def test_sudo_that_may_not_ask_is_refused(machine, hosts_that_rotate, enrolled):
    user, key = enrolled
    rule = f"Defaults:{user.name} pam_service=sudo-hosts, !authenticate\n"
    write(Path("/etc/sudoers.d") / f"zz-{user.name}", rule, 0o440)
    with rotating("sudo-hosts"), days_later(machine, 18, key):
        assert Terminal([*as_user(user), "sudo", "-n", "--", "id", "-u"]).ends() != 0


@pytest.fixture
def key_only(hosts_that_rotate):
    """sshd that asks for the key alone; only the account stage of ours is run."""
    process = server(2203, "publickey")
    until(lambda: listens(2203), "sshd at 2203")
    yield lambda user, *words: ["ssh", "-p", 2203, "-i", IDENTITY, "-o", "IdentitiesOnly=yes", *HOSTS["ssh"].words(), *words, f"{user.name}@127.0.0.1"]
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
    host = HOSTS["sudo"]
    with Client() as client:
        client.call("NoticesShown", user=user.name, last=100)
    for used, code in enumerate(codes[:7], 1):
        text = host.attempt(machine, user, code).text
        assert f"a recovery code of yours was used; {8 - used} are left" in text, text
        assert ("otpctl recovery-codes" in text) == (used >= 6), text
