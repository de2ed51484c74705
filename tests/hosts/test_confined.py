"""Root hosts that may do less than root: without capabilities, in a unit's sandbox, as polkit's helper is from version 127 on."""

import re
import subprocess

import pytest

from harness.journal import decisions
from harness.machine import AUTH_ERR, AUTHINFO_UNAVAIL, CODE_PROMPT, SUCCESS, VAULT
from harness.rotation import stack
from harness.strace import calls_of
from harness.terminal import dialogue

SERVICE = "otp-confined"
NOBODY = 0xFFFFFFFF  # setfsuid of it only asks
NO_FILE_CAPABILITIES = "-dac_override,-dac_read_search"


@pytest.fixture(scope="module")
def confined(machine):
    return machine.service(SERVICE, "required pam_otp.so", "required pam_permit.so", account="required pam_otp.so")


def tries(user, code, *before):
    """pamtester as root, after these words: both stages."""
    command = [*before, "pamtester", SERVICE, user.name, "authenticate", "acct_mgmt"]
    return subprocess.run(command, input=f"{code}\n", capture_output=True, text=True, timeout=60)


def opens(*words):
    return tries(*words).returncode == 0


# without capabilities


@pytest.mark.parametrize("bounding", ["-dac_override", NO_FILE_CAPABILITIES, f"{NO_FILE_CAPABILITIES},-fowner,-chown", "-all,+setuid", "-setuid", "-setpcap,-setgid"])
def test_root_without_capabilities_over_files_goes_by_the_files(machine, confined, enrolled, journal, bounding):
    """The daemon is not there: nobody else can have decided."""
    user, key = enrolled
    bound, start = ("setpriv", f"--bounding-set={bounding}"), journal.position()
    with machine.daemon_stopped():
        assert not opens(user, key.wrong(), *bound)
        assert opens(user, key.first, *bound)
        assert not opens(user, key.first, *bound)
        assert opens(user, key.second)
    assert [line["reason"] for line in decisions(journal.since(start)) if "stage" not in line] == ["wrong", "code", "replayed", "code"]


def test_root_with_neither_asks_the_daemon(machine, confined, enrolled, journal):
    user, key = enrolled
    bound, start = ("setpriv", "--bounding-set=-all"), journal.position()
    assert opens(user, key.first, *bound) and not opens(user, key.first, *bound) and not opens(user, key.wrong(), *bound)
    assert [line["reason"] for line in decisions(journal.since(start)) if "stage" not in line] == ["code", "replayed", "wrong"]
    with machine.daemon_stopped():
        start = journal.position()
        assert not opens(user, key.second, *bound)
        (line,) = [line for line in decisions(journal.since(start)) if "stage" not in line]
        assert line["reason"] == "unreadable-file" and "Permission denied" in line["detail"] and "nobody listens" in line["detail"]
    assert opens(user, key.second)


@pytest.mark.parametrize("program", ["sudo", "su"])
def test_setuid_programs_of_a_session_without_capabilities_over_files(machine, enrolled, program):
    user, key = enrolled
    machine.sudo_asks(user, "required pam_otp.so", account="required pam_otp.so")
    before = ["setpriv", f"--bounding-set={NO_FILE_CAPABILITIES}", f"--reuid={user.uid}", f"--regid={user.uid}", "--clear-groups", "--"]
    command = {"sudo": ["sudo", "--", "id", "-u"], "su": ["su", user.name, "-c", "id -u"]}[program]
    with stack("su", "auth required pam_otp.so", "account required pam_otp.so", "session required pam_permit.so"), machine.daemon_stopped():
        outcome = dialogue([*before, *command], [(CODE_PROMPT, key.first)])
    assert outcome.status == 0, outcome.text


@pytest.mark.parametrize("code, answer", [("first", SUCCESS), ("confirming", AUTH_ERR)])
def test_the_process_is_afterwards_as_it_was(machine, confined, enrolled, code, answer):
    """File system uid, the two marks that the kernel takes away, and a capability that is permitted and not in force."""
    user, key = enrolled
    with machine.daemon_stopped():
        found, said = machine.ask(SERVICE, user, getattr(key, code), "-a", "-p")
    assert found == answer, said
    before, after = (re.search(rf"^process {when} (.*)$", said, re.M)[1] for when in ("before", "after"))
    assert before == after and before.startswith("fsuid=0 dumpable=1 signal=10 ")


def test_with_all_capabilities_too_the_opens_use_none(machine, confined, enrolled):
    """Every open of something in the vault is between a change to the owner's uid and the change back."""
    user, key = enrolled
    owner, uid, opened = VAULT.stat().st_uid, 0, []
    for call in calls_of([str(machine.hosts / "oddconv"), "-a", "--", SERVICE, user.name, "text", key.first]):
        if call.name == "setfsuid" and (change := re.match(r"(\d+)\)", call.arguments)):
            uid = int(change[1]) if int(change[1]) != NOBODY else uid
        elif call.name.startswith("open") and re.search(rf'"({VAULT}|vault\.toml|clock|(keys/|state/)?{user.uid}(\.toml)?)"', call.arguments):
            opened.append(uid)
    assert len(opened) >= 5 and set(opened) == {owner} and uid == 0


# in a sandbox

STRICT, CALLS = "ProtectSystem=strict", "SystemCallFilter=@system-service"
# polkit-agent-helper@.service of polkit 127, without the socket that starts it
POLKIT = [
    *("DeviceAllow=/dev/null rw", "DeviceAllow=/dev/urandom r", "DevicePolicy=strict", "LimitMEMLOCK=0", "LockPersonality=yes"),
    *("MemoryDenyWriteExecute=yes", "NoNewPrivileges=yes", "PrivateNetwork=yes", "PrivateTmp=yes", "ProtectControlGroups=yes"),
    *("ProtectKernelModules=yes", "ProtectKernelLogs=yes", "ProtectKernelTunables=yes", STRICT, "ProtectClock=yes"),
    *("ProtectHostname=yes", "RemoveIPC=yes", "RestrictAddressFamilies=AF_UNIX", "RestrictNamespaces=yes", "RestrictRealtime=yes"),
    *("RestrictSUIDSGID=yes", "SystemCallArchitectures=native", CALLS, "UMask=0077"),
]
# how root is confined, and who then looks at the code
SANDBOXES = {
    "read-only": ([STRICT], "daemon"),
    "read-only-vault": ([f"ReadOnlyPaths={VAULT}"], "daemon"),
    "read-only-but-for-the-vault": ([STRICT, f"ReadWritePaths={VAULT}"], "files"),
    "system-calls": ([CALLS], "files"),
    "clock": (["ProtectClock=yes"], "files"),
    "no-capability": (["CapabilityBoundingSet="], "daemon"),
    "no-capability-over-files": (["CapabilityBoundingSet=~CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH"], "files"),
    "no-capability-and-calls": (["CapabilityBoundingSet=~CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH", CALLS, "SystemCallFilter=~@privileged"], "daemon"),
    "hidden-vault": ([f"InaccessiblePaths={VAULT}"], "daemon"),
    "hidden-keys-and-calls": ([f"InaccessiblePaths={VAULT}/keys", CALLS], "daemon"),
    "hidden-host-key": (["InaccessiblePaths=/etc/otp/host.key"], "daemon"),
    "polkit": (POLKIT, "daemon"),
}


@pytest.fixture(scope="module")
def sandboxed(booted):
    booted.write(f"/etc/pam.d/{SERVICE}", "auth required pam_otp.so\nauth required pam_permit.so\naccount required pam_otp.so\n")
    return booted


def in_a_unit(booted, properties, typed, *command):
    """A command as root in a unit with these properties, what is typed on a pipe."""
    unit = " ".join(f"-p '{one}'" for one in properties)
    return booted.tries("sh", "-c", f"printf '{typed}\\n' | systemd-run --quiet --wait --pipe {unit} {' '.join(command)}")


def both_stages(booted, properties, user, code):
    return in_a_unit(booted, properties, code, "pamtester", SERVICE, user.name, "authenticate", "acct_mgmt")


def looked_at_by_the_daemon(booted, user):
    """How often the daemon has looked at a code of this user."""
    return sum(f" user={user.name} " in line and line.startswith("event=verify ") for line in booted.journal("otp-enrolld.service"))


@pytest.mark.parametrize("kind", SANDBOXES)
def test_a_root_host_in_a_sandbox_takes_a_code_once(sandboxed, kind):
    properties, by = SANDBOXES[kind]
    user, key = sandboxed.enrolled_user(f"s{list(SANDBOXES).index(kind)}")
    done = both_stages(sandboxed, properties, user, key.first)
    assert done.returncode == 0, (done, sandboxed.report())
    assert both_stages(sandboxed, properties, user, key.first).returncode != 0
    assert both_stages(sandboxed, properties, user, key.wrong()).returncode != 0
    assert looked_at_by_the_daemon(sandboxed, user) == {"daemon": 3, "files": 0}[by]
    sandboxed.run("otpctl", "suspend", user.name)
    assert both_stages(sandboxed, properties, user, key.second).returncode != 0


def test_polkits_helper_in_its_units_sandbox_asks_and_takes_a_code(sandboxed):
    """Debian 12's helper under the lines of the newer one's unit; it cannot tell polkit, which did not ask it."""
    user, key = sandboxed.enrolled_user("agent")
    sandboxed.write("/etc/pam.d/polkit-1", "auth required pam_otp.so\nauth required pam_permit.so\naccount required pam_permit.so\n")
    for code, outcome in ((key.wrong(), "refused"), (key.first, "accepted"), (key.first, "refused")):
        in_a_unit(sandboxed, POLKIT, f"cookie\\n{code}", "/usr/lib/polkit-1/polkit-agent-helper-1", user.name)
        lines = [line for line in sandboxed.journalctl("--facility=authpriv") if "pam_otp(polkit-1:auth)" in line]
        assert f"outcome={outcome} " in lines[-1] and " origin=other " in lines[-1], lines
    assert looked_at_by_the_daemon(sandboxed, user) == 3


@pytest.mark.parametrize("properties", [["TemporaryFileSystem=/var/lib/otp:ro"], [STRICT, "BindReadOnlyPaths=/srv:/var/lib/otp"], ["PrivateUsers=yes"]], ids=["empty", "foreign", "users"])
def test_a_vault_that_is_not_the_real_one_refuses_and_asks_nobody(sandboxed, properties):
    user, key = sandboxed.enrolled_user(f"v{properties[-1][0].lower()}")
    assert both_stages(sandboxed, properties, user, key.first).returncode != 0
    assert looked_at_by_the_daemon(sandboxed, user) == 0


def test_a_file_that_is_not_to_be_trusted_refuses_in_a_sandbox_and_asks_nobody(sandboxed):
    user, key = sandboxed.enrolled_user("touched")
    sandboxed.run("chmod", "0640", user.state_file)
    assert both_stages(sandboxed, [STRICT], user, key.first).returncode != 0
    sandboxed.run("chmod", "0600", user.state_file)
    assert looked_at_by_the_daemon(sandboxed, user) == 0


def test_in_a_sandbox_without_the_daemon_nobody_passes_and_the_log_says_both_reasons(sandboxed):
    user, key = sandboxed.enrolled_user("alone")
    sandboxed.systemctl("stop", "otp-enrolld.socket", "otp-enrolld.service")
    try:
        assert both_stages(sandboxed, [STRICT], user, key.first).returncode != 0
        assert both_stages(sandboxed, [], user, key.first).returncode == 0
    finally:
        sandboxed.systemctl("start", "otp-enrolld.socket", "otp-enrolld.service")
    said = "\n".join(sandboxed.journalctl("--facility=authpriv"))
    assert re.search(rf"reason=unreadable-file user={user.name} .*Read-only file system.*nobody listens", said)


def test_a_read_only_vault_of_the_whole_machine_still_refuses(machine, confined):
    """The daemon cannot write it either."""
    with machine.small_vault(4):
        user, key = machine.enrolled_user()
        with machine.read_only_vault():
            assert machine.ask(SERVICE, user, key.first)[0] == AUTHINFO_UNAVAIL
        assert machine.ask(SERVICE, user, key.first)[0] == SUCCESS
