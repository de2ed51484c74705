"""The worked examples of docs/examples, run as a service account, and recipes of docs/hosts.md, run to the letter."""

import os
import re
import socket
import subprocess
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from harness.hosts import HOSTS, IDENTITY, OTHER_HOSTS, Doas, Ssh, Sudo, gates, listens, one_try_at_login, server, sshd
from harness.machine import CODE_PROMPT, DAEMON_LOG, DAY, PASSWORD, PASSWORD_PROMPT, ROOT, SUCCESS, User, as_user, policy, run, write
from harness.origins import all_failures
from harness.rotation import DUE_PROMPT, NEW_PASSWORD, OFFER, days_later, has_password, replaced_at_the_login, rotates, rotating, stack
from harness.stacks import lines_by_hand
from harness.terminal import Terminal, dialogue
from harness.wait import until
from harness.wire import SOCKET, acting_as

EXAMPLES = ROOT / "docs/examples"
ALL_HOSTS = HOSTS | OTHER_HOSTS
ACCEPTED, REFUSED, USAGE, NOT_DECIDED = 0, 1, 2, 3
YES = b'{"parameters":{"verdict":{"accepted":true,"reason":"code","key":null,"wait":0}}}'


@pytest.fixture(scope="module")
def examples(hosts):
    """Where the service account can run them: the checkout may be closed to it."""
    python, c = hosts / "verify.py", hosts / "verify"
    python.write_bytes((EXAMPLES / "verify.py").read_bytes())
    python.chmod(0o755)
    run("gcc", "-Wall", "-Wextra", "-Werror", "-O2", "-o", c, EXAMPLES / "verify.c")
    return {"python": python, "c": c}


@pytest.fixture(params=["python", "c"])
def example(request, examples):
    return examples[request.param]


@pytest.fixture
def verifier(machine):
    """A service account in the group otp-verify."""
    account = machine.new_user()
    run("gpasswd", "--add", account.name, "otp-verify")
    return account


def run_example(example, caller, user, code, action="release the payroll"):
    name = user.name if isinstance(user, User) else user
    return subprocess.run([*as_user(caller), example, name, action], input=code, capture_output=True, text=True, timeout=60)


def test_a_code_opens_once(machine, enrolled, verifier, example):
    user, key = enrolled
    assert run_example(example, verifier, user, key.first).returncode == ACCEPTED
    assert run_example(example, verifier, user, key.first).returncode == REFUSED
    assert run_example(example, verifier, user, key.first).returncode == REFUSED
    assert run_example(example, verifier, user, key.second + "\n").returncode == ACCEPTED


def test_debians_own_sudo_file_asks_after_the_line_of_readme(machine, enrolled):
    user, key = enrolled
    lines = lines_by_hand()
    files = [Path("/etc/pam.d/sudo"), Path("/etc/pam.d/sudo-i")]
    before = [path.read_text() for path in files]
    try:
        for _ in range(2):
            run("sh", "-c", lines)
        for options in ((), ("-i",)):
            done = machine.sudo(user, [(PASSWORD_PROMPT, PASSWORD), (CODE_PROMPT, key.second if options else key.first)], options)
            assert done.status == 0 and "\n0\n" in done.text, done
        assert machine.sudo(user, [(PASSWORD_PROMPT, PASSWORD), (CODE_PROMPT, key.first)]).status == 1
        assert [path.read_text().count("pam_otp.so") for path in files] == [2, 2]
    finally:
        for path, text in zip(files, before, strict=True):
            write(path, text, 0o644)


def test_a_half_of_the_readmes_lines_is_completed_and_a_comment_is_none(tmp_path):
    file, stock = tmp_path / "sudo", "@include common-auth\n@include common-account\n"
    whole = "@include common-auth\nauth required pam_otp.so\naccount required pam_otp.so\n@include common-account\n"
    halves = [stock, whole, whole.replace("auth required pam_otp.so\n", ""), whole.replace("account required pam_otp.so\n", "")]
    for text in [*halves, "# auth required pam_otp.so\n" + stock]:
        file.write_text(text)
        run("sh", "-c", lines_by_hand(file))
        assert file.read_text().removeprefix("# auth required pam_otp.so\n") == whole, text
    with_brackets = "auth [success=ok default=die] pam_otp.so nullok\n-account\trequired\tpam_otp.so\n" + stock
    file.write_text(with_brackets)
    run("sh", "-c", lines_by_hand(file))
    assert file.read_text() == with_brackets


def sudo_as_ansible(user, seconds):
    """As Ansible does it: the first prompt is answered on a pipe that stays open, and then the sign of success is waited for."""
    words = ["sudo", "-H", "-S", "-p", "[sudo via ansible, key=x] password:", "-u", "root", "/bin/sh", "-c", "echo BECOME-SUCCESS-x; id -u"]
    process = subprocess.Popen([*as_user(user), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdin.write(f"{PASSWORD}\n")
    process.stdin.flush()
    try:
        status = process.wait(seconds)
    finally:
        process.kill()
    return status, process.stdout.read(), process.stderr.read()


def test_the_recipe_for_ansible_works_and_ends_where_the_exemption_has_ended(machine, journal):
    deploy = machine.new_user("deploy")
    machine.sudo_asks(deploy, "requisite pam_unix.so", "required pam_otp.so", account="required pam_permit.so")
    chapter = (ROOT / "docs/day-two.md").read_text().split("## Automation and break-glass accounts\n")[1].split("\n#")[0]
    rules = re.search(r"```toml\n(.*?)```", chapter, re.S)[1].replace("service.sudo]", f"service.sudo-{deploy.name}]")
    limit = re.search(r"^    (Defaults:deploy passwd_timeout=1)$", chapter, re.M)[1]
    rule = Path("/etc/sudoers.d") / deploy.name
    write(rule, rule.read_text() + limit.replace("=1", "=0.05") + "\n", 0o440)  # three seconds
    with policy(rules):
        start = journal.position()
        status, said, _ = sudo_as_ansible(deploy, 20)
        assert (status, said) == (0, "BECOME-SUCCESS-x\n0\n")
        assert any("outcome=ignored reason=exempt" in line for line in journal.since(start))
    with policy(rules.replace("2027-07-01", "2020-01-01")):
        status, said, why = sudo_as_ansible(deploy, 30)
        assert status == 1 and said == "" and "timed out" in why


SSHD = ("usepam yes", "kbdinteractiveauthentication yes", "passwordauthentication no")


def in_force(config):
    """The values by which the real sshd would go."""
    said = run("/usr/sbin/sshd", "-T", "-f", config).splitlines()
    return tuple(line for line in said if line.split()[0] in {one.split()[0] for one in SSHD})


@pytest.mark.parametrize("others", [{}, {"50-cloud-init.conf": "PasswordAuthentication yes\nKbdInteractiveAuthentication no\n"}], ids=["debian", "cloud"])
def test_the_drop_in_for_sshd_goes_before_debians_own_lines_and_others(machine, tmp_path, others):
    text = (ROOT / "docs/hosts.md").read_text()
    name, lines = re.search(r"`/etc/ssh/sshd_config\.d/(\S+)`:\n\n((?:    .*\n)+)", text).groups()
    lines = "".join(line.strip() + "\n" for line in lines.splitlines())
    drop_ins, config = tmp_path / "sshd_config.d", tmp_path / "sshd_config"
    drop_ins.mkdir()
    stock = Path("/usr/share/openssh/sshd_config").read_text().replace("/etc/ssh/sshd_config.d", str(drop_ins))
    assert str(drop_ins) in stock and "\nKbdInteractiveAuthentication no\n" in stock
    run("ssh-keygen", "-A")
    for other, content in others.items():
        (drop_ins / other).write_text(content)
    config.write_text(stock + lines)
    assert set(in_force(config)) != set(SSHD), "appended, they do not hold"
    config.write_text(stock)
    (drop_ins / name).write_text(lines)
    assert set(in_force(config)) == set(SSHD)


def test_everything_else_is_refused_in_the_same_way(machine, enrolled, verifier, example):
    user, key = enrolled
    answers = [run_example(example, verifier, user, code) for code in (key.wrong(), "hunter2", "x" * 70)]
    answers += [run_example(example, verifier, name, key.first) for name in (machine.new_user(), "nobody-at-all", "root")]
    assert {(answer.returncode, answer.stdout, answer.stderr) for answer in answers} == {(REFUSED, "", "")}


def test_a_wrong_code_counts_for_other_and_not_for_the_users_own_origins(machine, enrolled, verifier, example):
    user, key = enrolled
    run_example(example, verifier, user, key.wrong())
    failures = all_failures(machine, user)
    assert failures == {"self": 0, "other": 1, "remote": 0, "console": 0, "socket": 0}


def test_whoever_is_not_in_the_group_decides_nothing(machine, enrolled, example):
    user, key = enrolled
    outsider = machine.new_user()
    answers = [run_example(example, outsider, who, key.first) for who in (user, "nobody-at-all")]
    assert [answer.returncode for answer in answers] == [NOT_DECIDED, NOT_DECIDED]
    assert all("NotAllowed" in answer.stderr for answer in answers)
    assert run_example(example, user, user, key.first).returncode == ACCEPTED, "the user's own code, and it was not used up"


def test_the_action_is_in_the_log(machine, enrolled, verifier, example):
    user, key = enrolled
    begin = len(DAEMON_LOG.read_text())
    run_example(example, verifier, user, key.first, 'pay "4711"\nevent=verify outcome=forged')
    lines = [line for line in DAEMON_LOG.read_text()[begin:].splitlines() if "event=verify" in line]
    assert len(lines) == 1 and f"by={verifier.uid} " in lines[0] and " outcome=accepted " in lines[0]
    assert r'action="pay \x224711\x22\x0aevent=verify outcome=forged"' in lines[0]
    assert key.first not in lines[0]


def test_what_the_daemon_will_not_take_is_not_decided(machine, enrolled, verifier, example):
    user, key = enrolled
    assert run_example(example, verifier, user, key.first, "x" * 257).returncode == NOT_DECIDED
    assert run_example(example, verifier, user, "").returncode == NOT_DECIDED
    assert subprocess.run([*as_user(verifier), example, user.name], capture_output=True, timeout=60).returncode == USAGE
    with machine.daemon_stopped():
        assert run_example(example, verifier, user, key.first).returncode == NOT_DECIDED


@contextmanager
def false_daemon(machine, uid, reply):
    """Somebody with this uid answers on the socket."""
    machine.stop()
    Path(SOCKET).unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX)
    server.bind(SOCKET)
    os.chmod(SOCKET, 0o666)
    with acting_as(uid):
        server.listen()

    def answer():
        peer, _ = server.accept()
        with peer, suppress(OSError):  # it may hang up on us
            peer.recv(65536)
            peer.sendall(reply)

    threading.Thread(target=answer, daemon=True).start()
    try:
        yield
    finally:
        server.close()
        machine.start()


def test_somebody_else_who_answers_is_not_believed(machine, user, verifier, example):
    with false_daemon(machine, verifier.uid, YES + b"\0"):
        answer = run_example(example, verifier, user, "123456")
    assert answer.returncode == NOT_DECIDED and "belongs to uid" in answer.stderr


REPLIES = {
    YES + b"\0": ACCEPTED,
    YES.replace(b"true", b"false") + b"\0": REFUSED,
    b' { "parameters" : {"verdict":{"key":"a\\"}","more":[1,{"accepted":false}],"accepted":true}} }\0': ACCEPTED,
    YES: NOT_DECIDED,
    b"\0": NOT_DECIDED,
    b"": NOT_DECIDED,
    YES + b"x\0": NOT_DECIDED,
    YES[:-1] + b"\0": NOT_DECIDED,
    YES + YES + b"\0": NOT_DECIDED,
    YES.replace(b"true", b'"true"') + b"\0": NOT_DECIDED,
    YES.replace(b"true", b"1") + b"\0": NOT_DECIDED,
    YES.replace(b"true", b"null") + b"\0": NOT_DECIDED,
    YES.replace(b"true", b'false,"accepted":true') + b"\0": NOT_DECIDED,
    YES.replace(b'{"par', b'{"error":"io.pam-otp.Otp1.Busy","par', 1) + b"\0": NOT_DECIDED,
    b'{"accepted":true}\0': NOT_DECIDED,
    b'{"parameters":{"accepted":true}}\0': NOT_DECIDED,
    b'{"parameters":{"x":{"verdict":{"accepted":true}}}}\0': NOT_DECIDED,
    b'{"parameters":[{"verdict":{"accepted":true}}]}\0': NOT_DECIDED,
    b'"accepted":true\0': NOT_DECIDED,
    b"true\0": NOT_DECIDED,
    b"[" * 60000 + b"\0": NOT_DECIDED,
    b"x" * 100000: NOT_DECIDED,
}


def test_only_a_clear_yes_opens(machine, user, verifier, example):
    for reply, wanted in REPLIES.items():
        with false_daemon(machine, 0, reply):
            assert run_example(example, verifier, user, "123456").returncode == wanted, reply[:120]


# recipes


def recipe(heading, number):
    """The number-th indented block below a heading of docs/hosts.md."""
    section = (ROOT / "docs/hosts.md").read_text().split(f"{heading}\n", 1)[1].split("\n#")[0]
    blocks = re.findall(r"(?:^    .*\n)+", section, re.M)
    return re.sub(r"^    ", "", blocks[number], flags=re.M)


@pytest.fixture
def one_gated_command():
    """/usr/local/sbin/deploy, gated by the recipe as it stands, and a sudo without the lab's own time stamps."""
    command, service = Path("/usr/local/sbin/deploy"), Path("/etc/pam.d/sudo-otp")
    rules, lab = Path("/etc/sudoers.d/otp"), Path("/etc/sudoers.d/lab")
    before = lab.read_text()
    write(command, "#!/bin/sh\necho deployed\n", 0o755)
    write(service, recipe("### One sensitive command, and the rest not", 0), 0o644)
    write(rules, recipe("### One sensitive command, and the rest not", 1), 0o440)
    write(lab, before.replace("timestamp_timeout=0", "timestamp_timeout=15"), 0o440)
    run("visudo", "-cq")
    yield command
    write(lab, before, 0o440)
    for path in (command, service, rules):
        path.unlink()


def sudo_in_one_session(user, answers, *commands):
    """Time stamps are kept for each terminal, so all commands are run on one."""
    shell = "; ".join(f"sudo {command}" for command in commands)
    return dialogue([*as_user(user), "sh", "-c", shell], answers)


def test_one_sensitive_command_wants_a_code_and_the_rest_do_not(machine, enrolled, one_gated_command):
    user, key = enrolled
    password, code = (PASSWORD_PROMPT, PASSWORD), (CODE_PROMPT, key.first)
    plain = sudo_in_one_session(user, [password], "id -u", "id -u")
    assert plain.status == 0 and plain.asked(CODE_PROMPT) == 0
    gated = sudo_in_one_session(user, [password, password, code], "-v", one_gated_command)
    assert gated.status == 0 and "deployed" in gated.text, "an earlier time stamp does not open it"
    refused = sudo_in_one_session(user, [password, code], one_gated_command)
    assert refused.status != 0 and "deployed" not in refused.text


@pytest.mark.parametrize("way_round", ["sh -c /usr/local/sbin/deploy", "env /usr/local/sbin/deploy", "-i /usr/local/sbin/deploy", "-s /usr/local/sbin/deploy"])
def test_what_gating_one_command_cannot_stop_is_as_described(machine, enrolled, one_gated_command, way_round):
    user, _ = enrolled
    outcome = sudo_in_one_session(user, [(PASSWORD_PROMPT, PASSWORD)], way_round)
    assert "deployed" in outcome.text and outcome.asked(CODE_PROMPT) == 0


def unlock(machine, user, stack, answer):
    """A program of the user's own, without root, that gives one answer to every prompt, as screen lockers do."""
    write(Path("/etc/pam.d/locker"), stack + "account required pam_permit.so\n", 0o644)
    command = [*as_user(user), "pamtester", "locker", user.name, "authenticate"]
    return dialogue(command, [(".+: ", answer)]).status == 0


def test_a_locker_opens_for_password_and_code_typed_as_one(machine, enrolled):
    user, key = enrolled
    stack = recipe("## Screen lockers", 0)
    assert "forward_pass" in stack
    assert not unlock(machine, user, stack, PASSWORD)
    assert not unlock(machine, user, stack, PASSWORD + key.wrong())
    assert unlock(machine, user, stack, PASSWORD + key.first)
    assert not unlock(machine, user, stack, PASSWORD + key.first)
    assert not unlock(machine, user, stack, "not it" + key.second)
    assert not unlock(machine, user, stack, PASSWORD + key.second), "used up by the wrong password before"
    with machine.daemon_stopped():
        assert not unlock(machine, user, stack, PASSWORD + key.code(key.step + 2))


def test_a_locker_opens_for_the_code_alone(machine, enrolled):
    user, key = enrolled
    stack = recipe("## Screen lockers", 1)
    assert "success=done" in stack
    assert not unlock(machine, user, stack, key.wrong())
    assert unlock(machine, user, stack, key.first)
    assert not unlock(machine, user, stack, key.first)


@pytest.fixture
def passwd_of_the_recipe():
    with stack("passwd", recipe("## passwd", 0).strip(), "@include common-password", "account required pam_permit.so"):
        yield


def at_the_code(user):
    """passwd, up to the question for a code."""
    terminal = Terminal([*as_user(user), "passwd"])
    terminal.awaits("Current password: ")
    terminal.types_hidden(PASSWORD)
    terminal.awaits(OFFER)
    return terminal


def test_passwd_leaves_the_password_as_it_is_after_a_refused_code(machine, enrolled, passwd_of_the_recipe):
    user, key = enrolled
    terminal = at_the_code(user)
    terminal.types_hidden(key.wrong())
    assert terminal.ends() != 0 and "New password" not in terminal.transcript, terminal.transcript
    assert has_password(user, PASSWORD) and machine.ask("otp", user, key.first)[0] == SUCCESS


def test_passwd_replaces_the_key_and_changes_the_password(machine, enrolled, passwd_of_the_recipe):
    user, key = enrolled
    terminal = at_the_code(user)
    terminal.types_hidden(key.first)
    new = rotates(terminal)
    for prompt in ("New password: ", "Retype new password: "):
        terminal.awaits(prompt)
        terminal.types_hidden(NEW_PASSWORD)
    assert terminal.ends() == 0, terminal.transcript
    assert has_password(user, NEW_PASSWORD) and machine.ask("otp", user, new.first)[0] == SUCCESS


RECIPE_HOSTS = ["sudo", "sudo-i", "su-own", "su-login", "doas", "ssh", "login"]


@contextmanager
def due_by_the_recipe(host):
    """Its service is to ask for a new key, and is otherwise as Debian has it."""
    with sshd(), one_try_at_login(), rotating(host.service):
        service = Path("/etc/pam.d") / host.service
        debian = "account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\naccount requisite pam_deny.so\naccount required pam_permit.so\n"
        service.write_text(service.read_text() + debian + recipe("## Keys that become due", 0))
        yield


@pytest.mark.parametrize("name", RECIPE_HOSTS)
def test_a_due_key_is_replaced_by_the_recipe_and_no_new_password_is_wanted(machine, enrolled, name):
    (user, key), host = enrolled, ALL_HOSTS[name]
    with gates(machine, {name: host}), due_by_the_recipe(host), days_later(machine, 8, key):
        _, attempt = replaced_at_the_login(machine, host, user, key)
        assert attempt.opened and "assword" not in attempt.text.split(DUE_PROMPT)[1], attempt


@pytest.mark.parametrize("name", RECIPE_HOSTS)
def test_an_expired_password_is_changed_by_the_recipe_too(machine, enrolled, name):
    (user, key), host = enrolled, ALL_HOSTS[name]
    run("chage", "-d", "0", user.name)
    with gates(machine, {name: host}), due_by_the_recipe(host):
        host.prepare(machine, user)
        terminal = Terminal(host.command(machine, user))
        terminal.awaits(CODE_PROMPT)
        terminal.types_hidden(key.first)
        for prompt, text in (("Current password: ", PASSWORD), ("New password: ", NEW_PASSWORD), ("Retype new password: ", NEW_PASSWORD)):
            terminal.awaits(prompt)
            terminal.types_hidden(text)
        assert host.conclude(terminal, user).opened
    assert has_password(user, NEW_PASSWORD)


def both_are_due(machine, host, user, key, code):
    """A login that meets an expired password and a due key, up to this code of the key."""
    run("chage", "-d", "0", user.name)
    host.prepare(machine, user)
    terminal = Terminal(host.command(machine, user))
    for prompt, text in ((CODE_PROMPT, key.first), ("Current password: ", PASSWORD), (DUE_PROMPT, code)):
        terminal.awaits(prompt)
        terminal.types_hidden(text)
    return terminal


@pytest.mark.parametrize("name", RECIPE_HOSTS)
def test_a_due_key_and_an_expired_password_are_both_replaced_by_the_recipe_at_one_login(machine, enrolled, name):
    (user, key), host = enrolled, ALL_HOSTS[name]
    with gates(machine, {name: host}), due_by_the_recipe(host), days_later(machine, 8, key):
        terminal = both_are_due(machine, host, user, key, key.second)
        new = rotates(terminal)
        for prompt in ("New password: ", "Retype new password: "):
            terminal.awaits(prompt)
            terminal.types_hidden(NEW_PASSWORD)
        assert host.conclude(terminal, user).opened
        assert machine.ask("otp", user, new.first)[0] == SUCCESS
    assert has_password(user, NEW_PASSWORD)


@pytest.mark.parametrize("name", RECIPE_HOSTS)
def test_a_refused_code_of_a_due_key_leaves_the_expired_password_as_it_is(machine, enrolled, name):
    (user, key), host = enrolled, ALL_HOSTS[name]
    with gates(machine, {name: host}), due_by_the_recipe(host), days_later(machine, 8, key):
        terminal = both_are_due(machine, host, user, key, key.wrong())
        attempt = host.conclude(terminal, user)
        assert not attempt.opened and "New password" not in attempt.text, attempt


def test_a_password_past_its_longest_age_is_due_beside_the_key(machine, enrolled):
    (user, key), host = enrolled, ALL_HOSTS["sudo"]
    with gates(machine, {"sudo": host}), due_by_the_recipe(host), days_later(machine, 8, key):
        six_days_ago = key.step_now() * 30 // DAY - 6
        for later, (longest, due) in enumerate((("99999", False), ("-1", False), ("5", True))):
            run("chage", "-d", six_days_ago, "-M", longest, user.name)
            host.prepare(machine, user)
            terminal = Terminal(host.command(machine, user))
            terminal.awaits(CODE_PROMPT)
            terminal.types_hidden(key.code(key.step - 1 + later))
            terminal.awaits("Current password: " if due else DUE_PROMPT)
            terminal.ends_input_hidden()
            assert terminal.ends() != 0


# suspended users who are asked for nothing


class SudoUnasked(Sudo):
    service = "sudo"

    def prepare(self, machine, user):
        write(Path("/etc/sudoers.d") / user.name, f"{user.name} ALL=(ALL:ALL) NOPASSWD: ALL\n", 0o440)


class SudoLoginUnasked(SudoUnasked):
    service = "sudo-i"

    def command(self, machine, user):
        return [*as_user(user), "sudo", "-i", "--", "id", "-u"]


class DoasUnasked(Doas):
    def prepare(self, machine, user):
        write(Path("/etc/doas.conf"), f"permit nopass {user.name}\n", 0o600)


class SshByKey(Ssh):
    def __init__(self):
        super().__init__(BY_KEY_PORT, "-i", str(IDENTITY), "-tt")


BY_KEY_PORT = 2203
UNASKED = {"sudo": SudoUnasked(), "sudo-i": SudoLoginUnasked(), "doas": DoasUnasked(), "ssh": SshByKey()}


@pytest.fixture
def by_key():
    with sshd():
        process = server(BY_KEY_PORT, "publickey")
        until(lambda: listens(BY_KEY_PORT), "sshd that takes a key alone")
        yield
        process.terminate()
        process.wait(10)


def debians_with_lines_by_hand(service):
    run("sh", "-c", lines_by_hand(Path("/etc/pam.d") / service))


def whole_file_by_hand(service):
    """The whole file that docs/hosts.md shows."""
    (block,) = [text for text in recipes() if text.startswith("auth     requisite  pam_unix.so\nauth     required   pam_otp.so\naccount")]
    write(Path("/etc/pam.d") / service, block, 0o644)


@pytest.mark.parametrize("lines", [debians_with_lines_by_hand, whole_file_by_hand], ids=["Debian", "whole"])
@pytest.mark.parametrize("name", UNASKED)
def test_an_expired_password_leads_no_suspended_user_past_our_account_line(machine, enrolled, stock, by_key, name, lines):
    (user, _), host = enrolled, UNASKED[name]
    lines(host.service)
    assert (Path("/etc/pam.d") / host.service).read_text().count("pam_otp.so") == 2
    assert host.attempt(machine, user).opened
    run("otpctl", "suspend", user.name)
    assert not host.attempt(machine, user).opened
    for days in (("-d", "0"), ("-d", "2020-01-01", "-M", "30"), ("-d", "2020-01-01", "-M", "30", "-I", "1")):
        run("chage", *days, user.name)
        attempt = host.attempt(machine, user)
        assert not attempt.opened and "assword:" not in attempt.text, attempt
    run("otpctl", "resume", user.name)
    run("chage", "-d", "2020-01-01", "-M", "99999", "-I", "-1", user.name)
    assert host.attempt(machine, user).opened, "it was the suspension that kept them out"


# users who are not asked for a code


def recipes():
    """Every stack with an auth line of ours that the documents show as a block."""
    blocks = re.findall(r"(?:^ {4,6}(?! ).*\n)+", (ROOT / "docs/hosts.md").read_text(), re.M)
    blocks += re.findall(r"^\.Bd -literal.*\n((?:.*\n)*?)\.Ed$", (ROOT / "packaging/man/pam_otp.8").read_text(), re.M)
    stacks = [re.sub(r"^ +", "", block, flags=re.M) for block in blocks]
    return sorted({text for text in stacks if re.search(r"^auth .*pam_otp\.so", text, re.M)})


def test_the_documents_show_such_stacks():
    assert len(recipes()) >= 4 and any("forward_pass" in text for text in recipes()) and any("success=done" in text for text in recipes())


@contextmanager
def marked(user):
    run("otpctl", "emergency", "bypass", user.name, "--reason", "lost the phone")
    try:
        yield
    finally:
        run("otpctl", "emergency", "end", user.name)


def exempt(user):
    return policy(f'[service.locker]\nexempt = ["user:{user.name}"]\n')


def skipped(user):
    return policy('[service.locker]\nunenrolled = "skip"\n')


@pytest.mark.parametrize("as_root", [True, False], ids=["root", "the user"])
@pytest.mark.parametrize("text", recipes())
@pytest.mark.parametrize("unasked", [marked, exempt, skipped])
def test_a_user_who_is_not_asked_for_a_code_gets_in_with_the_password(machine, enrolled, unasked, text, as_root):
    user = machine.new_user() if unasked == skipped else enrolled[0]
    if "account" not in text:
        text += "account required pam_otp.so\n"
    write(Path("/etc/pam.d/locker"), text, 0o644)
    command = [*([] if as_root else as_user(user)), "pamtester", "locker", user.name, "authenticate", "acct_mgmt"]
    with unasked(user):
        assert dialogue(command, [(".+: ", PASSWORD)]).status == 0
        assert dialogue(command, [(".+: ", "not it")]).status != 0
    code_too = [] if re.match("auth .*pam_otp", text) else [(CODE_PROMPT, "000000")]
    assert dialogue(command, [(".+: ", PASSWORD), *code_too]).status != 0, "and with it alone only then"


@pytest.mark.parametrize("options", ["forward_pass nulok", "forward_pass=9", "forward_pass=", "nullok unenrolled=skip forward_pass", "forward_pass use_first_pass try_first_pass", "[prompt=] forward_pass=7"])
def test_a_mistake_on_a_line_with_forward_pass_does_not_close_the_way_back_in(machine, enrolled, options):
    user, key = enrolled
    write(Path("/etc/pam.d/locker"), f"auth requisite pam_otp.so {options}\nauth required pam_unix.so use_first_pass\naccount required pam_permit.so\n", 0o644)
    command = ["pamtester", "locker", user.name, "authenticate"]
    assert dialogue(command, [(".+: ", PASSWORD + key.first)]).status != 0
    with marked(user):
        assert dialogue(command, [(".+: ", PASSWORD)]).status == 0
        assert dialogue(command, [(".+: ", "not it")]).status != 0
