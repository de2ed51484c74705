"""One suite of logins, the same for every host."""

import fcntl
import os
import signal
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from harness import hosts as programs
from harness.hosts import CHAIN_PORT, HOSTS, IDENTITY, gates, one_try_at_login, sshd
from harness.journal import decisions
from harness.machine import CODE_PROMPT, NOT_A_CODE, REFUSAL, UNKNOWN, as_user, disable, policy, run, write
from harness.notices import HEADING
from harness.origins import failures, no_wait
from harness.terminal import Terminal
from harness.wait import until
from harness.wire import Client, call

ZONE_PORT = 2203
OWN = ("self", "socket")  # origins that are told why


@pytest.fixture(scope="module")
def asking_hosts(machine):
    """Every host asks for the code alone; sshd runs."""
    machine.somebody = machine.new_user()
    with one_try_at_login(), gates(machine), sshd():
        yield
    write(Path("/etc/doas.conf"), "", 0o600)


@pytest.fixture(params=HOSTS)
def host(request, asking_hosts):
    return HOSTS[request.param]


def decided(journal, start, host):
    """The module's log line of the authentication, as pairs."""
    lines = [line for line in decisions(journal.since(start)) if "stage" not in line]
    assert all(line["service"] == host.service for line in lines)
    assert all(line.get("origin", host.origin) == host.origin for line in lines)
    return [(line["outcome"], line["reason"]) for line in lines]


def told(host, reason):
    """The reason that a process of this host can know."""
    return reason if host.privileged or reason in ("junk", "waiting", "closed", "suspended", "disabled") else "refused"


def refused_at(host, attempt, text=REFUSAL):
    return not attempt.opened and (text in attempt.text) == host.tells


def guess(machine, host, user, key, times):
    """So many wrong codes from the host's origin, in no time."""
    uid, claims = programs.claims(host.origin, user)
    with Client(uid=uid) as client:
        for number in range(times):
            assert client.call("Verify", user=user.name, code=key.wrong(number), **claims)["verdict"]["accepted"] is False


# the cases


def test_the_right_code_opens(machine, host, enrolled, journal):
    user, key = enrolled
    start = journal.position()
    attempt = host.attempt(machine, user, key.first)
    assert attempt.opened and attempt.asked == 1, attempt
    assert decided(journal, start, host) == [("accepted", "code")]


def test_a_wrong_code_is_refused_and_counted_where_it_comes_from(machine, host, enrolled, journal):
    user, key = enrolled
    start = journal.position()
    attempt = host.attempt(machine, user, key.wrong())
    assert refused_at(host, attempt), attempt
    assert decided(journal, start, host) == [("refused", told(host, "wrong"))]
    assert failures(machine, user) == {host.origin: 1}
    assert host.attempt(machine, user, key.first).opened


def test_an_empty_answer_is_refused_and_not_counted(machine, host, enrolled, journal):
    user, key = enrolled
    start = journal.position()
    attempt = host.attempt(machine, user, "")
    assert refused_at(host, attempt, NOT_A_CODE), attempt
    assert decided(journal, start, host) == [("refused", "junk")]
    assert failures(machine, user) == {}


def test_a_used_code_is_refused(machine, host, enrolled, journal):
    user, key = enrolled
    assert host.attempt(machine, user, key.first).opened
    start = journal.position()
    attempt = host.attempt(machine, user, key.first)
    assert refused_at(host, attempt), attempt
    assert decided(journal, start, host) == [("refused", told(host, "replayed"))]


def test_a_late_code_is_refused(machine, host, enrolled, journal):
    user, key = enrolled
    start = journal.position()
    with machine.clock(+120):
        attempt = host.attempt(machine, user, key.first)
    assert refused_at(host, attempt), attempt
    assert decided(journal, start, host) == [("refused", told(host, "wrong"))]


def test_during_a_wait_even_the_right_code_is_refused(machine, host, enrolled, journal):
    user, key = enrolled
    with policy(no_wait(10)):
        guess(machine, host, user, key, 9)
    start = journal.position()
    attempt = host.attempt(machine, user, key.first)  # 9 failures are a wait of a minute by the usual rules
    assert refused_at(host, attempt, "before the next try" if host.origin in OWN else REFUSAL), attempt
    assert decided(journal, start, host) == [("refused", "waiting")]


def test_a_closed_origin_refuses_the_right_code(machine, host, enrolled, journal):
    user, key = enrolled
    with policy(no_wait(10)):
        guess(machine, host, user, key, 10)
        start = journal.position()
        attempt = host.attempt(machine, user, key.first)
    assert refused_at(host, attempt, "closed" if host.origin in OWN else REFUSAL), attempt
    assert decided(journal, start, host) == [("refused", "closed")]


def test_a_suspended_user_is_refused(machine, host, enrolled, journal):
    user, key = enrolled
    with Client() as client:
        client.call("Suspend", user=user.name)
    start = journal.position()
    attempt = host.attempt(machine, user, key.first)
    assert refused_at(host, attempt, "suspended" if host.origin in OWN else REFUSAL), attempt
    assert decided(journal, start, host) == [("refused", "suspended")]


def test_who_has_no_key_is_refused_where_nothing_else_is_said(machine, host, user, journal):
    start = journal.position()
    attempt = host.attempt(machine, user, "123456")
    assert refused_at(host, attempt), attempt
    assert decided(journal, start, host) == [("refused", told(host, "not-enrolled"))]


@pytest.mark.parametrize(
    "rule, reason",
    [('unenrolled = "skip"', "not-enrolled"), ("report_only = true", "not-enrolled-yet"), ("allow_until = 2099-12-31", "not-enrolled-yet")],
)
def test_who_has_no_key_is_let_through_where_the_policy_says_so_and_not_asked(machine, host, user, journal, rule, reason):
    with policy(f"[service.{host.service}]\n{rule}\n"):
        start = journal.position()
        attempt = host.attempt(machine, user)
    assert attempt.opened, attempt
    assert decided(journal, start, host) == [("ignored", reason)]


def test_who_has_a_key_is_asked_all_the_same(machine, host, enrolled):
    user, key = enrolled
    with policy(f'[service.{host.service}]\nunenrolled = "skip"\nreport_only = true\nallow_until = 2099-12-31\n'):
        assert refused_at(host, host.attempt(machine, user, key.wrong()))


def test_a_roll_out_that_is_over_lets_nobody_through(machine, host, user):
    with policy(f"[service.{host.service}]\nallow_until = 2020-01-31\n[service.another]\nreport_only = true\nnonsense = 1\n"):
        assert refused_at(host, host.attempt(machine, user, "123456"))


@pytest.mark.parametrize("by", ["user", "group"])
def test_the_exempt_are_not_asked(machine, host, enrolled, journal, by):
    user, key = enrolled
    with policy(f'[service.{host.service}]\nexempt = ["{by}:{user.name}"]\n'):
        start = journal.position()
        attempt = host.attempt(machine, user)
    assert attempt.opened, attempt
    assert decided(journal, start, host) == [("ignored", "exempt")]


@pytest.mark.parametrize(
    "rule, asked",
    [
        ('exempt = ["user:{name}"]', False),
        ('exempt = ["user:{somebody}"]', True),
        ('exempt = ["user:nobody-of-that-name"]', True),
        ('exempt = ["uid:{uid}"]', False),
        ('exempt = ["gid:{uid}"]', False),
        ('exempt = ["gid:1"]', True),
        ('exempt = ["group:no-such-group"]', True),
        ('require = ["user:{name}"]', True),
        ('require = ["gid:{uid}"]', True),
        ('require = ["user:{somebody}"]', False),
        ('require = ["user:nobody-of-that-name"]', True),
        ('require = ["group:{name}"]\nexempt = ["user:{name}"]', True),
        ('require = ["net:10.0.0.0/8"]', False),
    ],
)
def test_who_is_asked(machine, asking_hosts, enrolled, rule, asked):
    user, key = enrolled
    host = HOSTS["plain"]
    names = {"{name}": user.name, "{uid}": str(user.uid), "{somebody}": machine.somebody.name}
    for name, value in names.items():
        rule = rule.replace(name, value)
    with policy(f"[service.{host.service}]\n{rule}\n"):
        assert host.attempt(machine, user, key.first).opened
    with Client() as client:
        used_up = client.call("Verify", user=user.name, code=key.first)["verdict"]["reason"] == "replayed"
    assert used_up == asked


@pytest.mark.parametrize("host", [name for name, host in HOSTS.items() if host.origin in OWN], indirect=True)
def test_r8_who_has_a_key_and_who_has_none_see_the_same(machine, host, enrolled):
    user, key = enrolled
    people = [user, machine.new_user()] + ([UNKNOWN] if host.takes_any_name else [])
    texts = {host.attempt(machine, person, key.wrong()).text for person in people}
    assert len(texts) == 1 and (REFUSAL in texts.pop()) == host.tells


def with_a_wrong_code(machine, host):
    user, key = machine.enrolled_user()
    return user, key.wrong()


def with_a_used_code(machine, host):
    user, key = machine.enrolled_user()
    with Client() as client:
        assert client.call("Verify", user=user.name, code=key.first)["verdict"]["accepted"] is True
    return user, key.first


def during_a_wait(machine, host):
    user, key = machine.enrolled_user()
    with policy(no_wait(10)):
        guess(machine, host, user, key, 9)
    return user, key.first


def at_a_closed_origin(machine, host):
    user, key = machine.enrolled_user()
    with policy(no_wait(10)):
        guess(machine, host, user, key, 10)
    return user, key.first


def with_disabled_keys(machine, host):
    user, key = machine.enrolled_user()
    with policy(no_wait(20)):
        disable(machine, user, key)
    return user, key.first


def with_suspended_keys(machine, host):
    user, key = machine.enrolled_user()
    call("Suspend", user=user.name)
    return user, key.first


def without_its_last_key(machine, host):
    user, key = machine.enrolled_user()
    with Client() as client:
        client.call("Revoke", user=user.name, key="phone")
    return user, key.first


REFUSALS = {
    "wrong": with_a_wrong_code,
    "replayed": with_a_used_code,
    "junk": lambda machine, host: (machine.enrolled_user()[0], "hunter2"),
    "waiting": during_a_wait,
    "closed": at_a_closed_origin,
    "disabled": with_disabled_keys,
    "suspended": with_suspended_keys,
    "no-key": without_its_last_key,
    "not-enrolled": lambda machine, host: (machine.new_user(), "123456"),
    "unknown-user": lambda machine, host: (UNKNOWN, "123456"),
}


@pytest.mark.parametrize("host", [name for name, host in HOSTS.items() if host.origin not in OWN], indirect=True)
def test_r8_others_than_the_owner_see_the_same_whatever_the_reason(machine, host, journal):
    """Side by side, for the pause after a refusal is long; decided one after another, for only so many codes at once are looked
    at for one stranger."""
    tries = {reason: bring_about(machine, host) for reason, bring_about in REFUSALS.items() if reason != "unknown-user" or host.takes_any_name}
    start = journal.position()
    terminals = {reason: Terminal(host.command(machine, person)) for reason, (person, _) in tries.items()}
    for terminal in terminals.values():
        terminal.awaits(CODE_PROMPT)
    for number, (reason, terminal) in enumerate(terminals.items()):
        terminal.types_hidden(tries[reason][1])
        until(lambda: len(decisions(journal.since(start))) > number, "the decision")
    attempts = {reason: host.conclude(terminal, tries[reason][0]) for reason, terminal in terminals.items()}
    assert {line["user"]: line["reason"] for line in decisions(journal.since(start))} == {programs.name_of(person): reason for reason, (person, _) in tries.items()}
    assert refused_at(host, attempts.pop("junk"), NOT_A_CODE), "from the input alone"
    assert all(refused_at(host, attempt) for attempt in attempts.values()), attempts
    assert {reason: attempt.text for reason, attempt in attempts.items()} == dict.fromkeys(attempts, attempts["wrong"].text)


# su


def test_su_by_another_goes_through_the_daemon_and_without_one_to_the_files(machine, asking_hosts, enrolled, journal):
    user, key = enrolled
    host = HOSTS["su-by-another"]
    with machine.daemon_stopped():
        start = journal.position()
        assert host.attempt(machine, user, key.first).opened
        assert not host.attempt(machine, user, key.first).opened
        assert decided(journal, start, host) == [("accepted", "code"), ("refused", "replayed")]
    assert not host.attempt(machine, user, key.first).opened
    assert host.attempt(machine, user, key.second).opened


def test_a_daemon_that_hangs_makes_foreign_su_refuse_in_time_and_does_not_touch_the_owners_login(machine, asking_hosts, enrolled, journal):
    user, key = enrolled
    sudo, su = HOSTS["sudo"], HOSTS["su-by-another"]
    with machine.daemon_hanging():
        start = journal.position()
        terminal = Terminal(su.command(machine, user), deadline=40)
        terminal.awaits(CODE_PROMPT)
        terminal.types_hidden(key.first)
        assert sudo.attempt(machine, user, key.first).opened
        assert not su.conclude(terminal, user).opened and REFUSAL in terminal.transcript
    assert [(line["outcome"], line["reason"]) for line in decisions(journal.since(start))] == [("accepted", "code"), ("failed", "no-daemon")]


@contextmanager
def stopped(process):
    os.kill(process, signal.SIGSTOP)
    yield
    os.kill(process, signal.SIGCONT)


@contextmanager
def killed(process):
    os.kill(process, signal.SIGKILL)
    yield


@contextmanager
def frozen(process):
    """As containers are paused: by a control group, which no signal ends."""
    tree = Path("/tmp/cgroup2")
    tree.mkdir()
    run("mount", "-t", "cgroup2", "cgroup2", tree)
    group = tree / f"otp-tests-{os.stat('/proc/self/ns/pid').st_ino}"
    group.mkdir()
    try:
        (group / "cgroup.procs").write_text(str(process))
        (group / "cgroup.freeze").write_text("1")
        until(lambda: "frozen 1" in (group / "cgroup.events").read_text(), "the process frozen")
        yield
    finally:
        (group / "cgroup.freeze").write_text("0")
        until(lambda: "populated 0" in (group / "cgroup.events").read_text(), "the end of the process")
        group.rmdir()
        run("umount", tree)


@pytest.mark.parametrize("halted", [stopped, killed, frozen], ids=lambda halted: halted.__name__)
def test_a_stranger_who_halts_his_su_in_the_middle_does_not_keep_the_owner_out(machine, asking_hosts, enrolled, halted):
    user, key = enrolled
    with open(user.state_file, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # so that the stranger's su is surely in the middle of a decision
        terminal = Terminal(HOSTS["su-by-another"].command(machine, user))
        terminal.awaits(CODE_PROMPT)
        su = terminal.foreground()
        terminal.types_hidden(key.wrong())
        until(lambda: waits_for_the_daemon(su), "su's question to the daemon")
        halt = halted(su)
        halt.__enter__()
    with ExitStack() as stack:
        stack.push(halt)
        assert HOSTS["sudo"].attempt(machine, user, key.first).opened
        assert HOSTS["su-own"].attempt(machine, user, key.second).opened
    assert terminal.ends() != 0


def waits_for_the_daemon(process):
    try:
        connected = any(os.readlink(link).startswith("socket:") for link in Path(f"/proc/{process}/fd").iterdir())
    except FileNotFoundError:  # closed meanwhile
        return False
    return connected and "poll" in Path(f"/proc/{process}/wchan").read_text()


# sshd


def test_three_tries_in_one_connection_are_three_decisions(machine, asking_hosts, enrolled, journal):
    user, key = enrolled
    host = HOSTS["ssh"]
    start = journal.position()
    terminal = Terminal(host.command(machine, user, tries=3))
    for typed in (key.wrong(), "hunter2", key.first):
        terminal.awaits(CODE_PROMPT)
        terminal.types_hidden(typed)
    attempt = host.conclude(terminal, user)
    assert attempt.opened and attempt.asked == 3, attempt
    assert decided(journal, start, host) == [("refused", "wrong"), ("refused", "junk"), ("accepted", "code")]


def test_a_code_is_taken_once_within_one_connection_and_once_across_two(machine, asking_hosts, enrolled):
    user, key = enrolled
    host = HOSTS["ssh"]
    first, second = Terminal(host.command(machine, user)), Terminal(host.command(machine, user))
    for terminal in (first, second):
        terminal.awaits(CODE_PROMPT)
    for terminal in (first, second):
        terminal.types_hidden(key.first)
    assert sorted(host.conclude(terminal, user).opened for terminal in (first, second)) == [False, True]


def test_without_the_key_the_chain_never_gets_as_far_as_the_code(machine, asking_hosts, enrolled, journal):
    user, key = enrolled
    start = journal.position()
    terminal = Terminal(programs.Ssh(CHAIN_PORT).command(machine, user))
    assert terminal.ends() == 255 and CODE_PROMPT not in terminal.transcript
    assert decisions(journal.since(start)) == []


def test_scp_asks_and_copies_and_batch_mode_fails_closed(machine, asking_hosts, enrolled, tmp_path):
    user, key = enrolled
    words = ["scp", "-P", CHAIN_PORT, *programs.Ssh(CHAIN_PORT, "-i", IDENTITY).words()]
    copy = tmp_path / "copy"
    terminal = Terminal([*words, f"{user.name}@127.0.0.1:/etc/hostname", copy])
    terminal.awaits(CODE_PROMPT)
    terminal.types_hidden(key.first)
    assert terminal.ends() == 0 and copy.read_text() == Path("/etc/hostname").read_text()
    batch = Terminal([*words, "-o", "BatchMode=yes", f"{user.name}@127.0.0.1:/etc/hostname", tmp_path / "other"])
    assert batch.ends() != 0 and not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    "address, entry, asked",
    [
        ("127.0.0.1", "net:127.0.0.1", False),
        ("127.0.0.1", "net:127.0.0.0/8", False),
        ("127.0.0.1", "net:::ffff:127.0.0.1", False),
        ("127.0.0.1", "net:::1", True),
        ("127.0.0.1", "net:127.0.0.2", True),
        ("127.0.0.1", "net:0.0.0.0/0", False),
        ("::1", "net:::1", False),
        ("::1", "net:127.0.0.1", True),
        ("::1", "net:0.0.0.0/0", True),
    ],
)
def test_networks_are_exempt_by_address(machine, asking_hosts, enrolled, address, entry, asked):
    user, key = enrolled
    host = HOSTS["ssh"]
    with policy(f'[service.sshd]\nexempt = ["{entry}"]\n'):
        terminal = Terminal(host.command(machine, user, address))
        if asked:
            terminal.awaits(CODE_PROMPT)
            terminal.types_hidden(key.first)
        attempt = host.conclude(terminal, user)
    assert attempt.opened and attempt.asked == int(asked), attempt


@pytest.fixture
def link_local(asking_hosts):
    """Another sshd, at an address that has a zone."""
    run("ip", "address", "add", "fe80::77/64", "dev", "lo", "nodad")
    process = programs.server(ZONE_PORT, "keyboard-interactive", "ListenAddress fe80::77%lo\n")
    try:
        until(lambda: programs.listens(ZONE_PORT), "sshd at the address with a zone")
        yield "fe80::77%lo"
    finally:
        process.terminate()
        process.wait(10)
        run("ip", "address", "del", "fe80::77/64", "dev", "lo")


@pytest.mark.parametrize("entry, asked", [("net:fe80::/10", False), ("net:fe80::77", False), ("net:fe80::78", True), ("net:127.0.0.0/8", True)])
def test_a_network_holds_an_address_with_a_zone(machine, link_local, enrolled, journal, entry, asked):
    user, key = enrolled
    host, start = programs.Ssh(ZONE_PORT), journal.position()
    with policy(f'[service.sshd]\nexempt = ["{entry}"]\n'):
        terminal = Terminal(host.command(machine, user, link_local))
        if asked:
            terminal.awaits(CODE_PROMPT)
            terminal.types_hidden(key.first)
        attempt = host.conclude(terminal, user)
    assert attempt.opened and attempt.asked == int(asked), attempt
    assert {line["rhost"] for line in decisions(journal.since(start))} == {link_local}, "what sshd says"


def test_a_network_says_nothing_about_logins_at_this_machine(machine, asking_hosts, enrolled):
    user, key = enrolled
    with policy('[service.login]\nexempt = ["net:0.0.0.0/0", "net:::/0"]\n'):
        attempt = HOSTS["login"].attempt(machine, user, key.first)
    assert attempt.opened and attempt.asked == 1, attempt


@pytest.mark.parametrize("name", ["root", UNKNOWN])
def test_strangers_at_sshd_count_nothing_against_anybody(machine, asking_hosts, journal, name):
    """For root, forbidden, and for the unknown sshd types junk of its own."""
    start = journal.position()
    attempt = HOSTS["ssh"].attempt(machine, name, "123456")
    assert not attempt.opened and attempt.asked == 1, attempt
    assert {line["outcome"] for line in decisions(journal.since(start))} == {"refused"}


# polkit


@pytest.mark.parametrize("invoker, origin", [("owner", "self"), ("stranger", "other")])
def test_polkits_helper_asks_whom_it_is_told_to_for_who_started_it(machine, asking_hosts, enrolled, journal, invoker, origin):
    """By hand, on a pipe and without a bus: it cannot tell polkit, but it asks and we decide."""
    user, key = enrolled
    caller = {"owner": user, "stranger": machine.somebody}[invoker]
    machine.service("polkit-1", *programs.STACK)
    start = journal.position()
    for code in (key.wrong(), key.first, key.first):
        command = [*as_user(caller), "/usr/lib/polkit-1/polkit-agent-helper-1", user.name]
        done = subprocess.run(command, input=f"cookie\n{code}\n", capture_output=True, text=True, timeout=30)
        assert f"PAM_PROMPT_ECHO_OFF {CODE_PROMPT.rstrip()}" in done.stdout, done
    lines = [(line["outcome"], line["reason"], line["origin"], line["service"]) for line in decisions(journal.since(start))]
    expected = [("refused", "wrong"), ("accepted", "code"), ("refused", "replayed")]
    assert lines == [(*pair, origin, "polkit-1") for pair in expected]


# notices


@pytest.mark.parametrize("name", ["sudo", "su-by-root", "su-own", "su-by-another", "login", "doas"])
def test_a_host_on_a_terminal_shows_what_happened_to_the_keys(machine, asking_hosts, enrolled, name):
    user, key = enrolled
    attempt = HOSTS[name].attempt(machine, user, key.first)
    assert attempt.opened and attempt.text.count(HEADING) == 1, attempt
    assert "a key was made for you by somebody else" in attempt.text


def test_sshd_shows_what_happened_to_the_keys_before_a_shell(machine, asking_hosts, enrolled):
    user, key = enrolled
    terminal = Terminal(HOSTS["ssh"].command(machine, user)[:-1])
    terminal.awaits(CODE_PROMPT)
    terminal.types_hidden(key.first)
    terminal.awaits(HEADING)
    terminal.awaits(r"\$ ")
    terminal.types("exit")
    assert terminal.ends() == 0 and terminal.transcript.count(HEADING) == 1
