"""The SELinux module: it compiles, Debian's policy takes it, and only those that check codes reach keys. `tests/enforced` has a
kernel enforce it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import setools

from harness.machine import HOST_KEY, MARKS, OUTBOX, POLICY, ROOT, VAULT, run
from harness.wire import SOCKET

SOURCE = ROOT / "packaging/selinux"
# By the attribute of login programs, whatever they are called, and one that has not got it.
CHECK_CODES = {"pam_domain", "policykit_auth_t", "passwd_t"}


@pytest.fixture(scope="module")
def compiled_policy(tmp_path_factory):
    """(The package, what the compiler said.)"""
    directory = tmp_path_factory.mktemp("selinux")
    for file in SOURCE.iterdir():
        shutil.copy(file, directory)
    command = ["make", "-C", directory, "-f", "/usr/share/selinux/devel/Makefile", "NAME=default", "otp.pp"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return directory / "otp.pp", done.stdout + done.stderr


@pytest.fixture(scope="module")
def system_policy(compiled_policy):
    """The policy of a Debian that has the module: linked, and checked against its assertions. No kernel here would load it."""
    run("semodule", "--noreload", "--store=default", "--install", compiled_policy[0])
    return setools.SELinuxPolicy(str(max(Path("/etc/selinux/default/policy").glob("policy.*"))))


@pytest.fixture(scope="module")
def rules_of_types(system_policy):
    """(source, target, class, permissions) of each rule about a type of ours."""
    found = (rule for rule in system_policy.terules() if rule.ruletype == setools.TERuletype.allow and str(rule.target).startswith("otp_"))
    return [(str(rule.source), str(rule.target), str(rule.tclass), rule.perms) for rule in found]


def allowed(rules, target, kind, permission):
    """The sources of this permission by a rule about just this type."""
    return {rule[0] for rule in rules if rule[1:3] == (target, kind) and permission in rule[3]}


def test_the_compiler_has_no_warning(compiled_policy):
    assert "warning" not in compiled_policy[1].lower()


def test_nothing_in_it_is_permissive_and_no_login_program_is_named_alone(system_policy):
    text = (SOURCE / "otp.te").read_text()
    assert "permissive" not in text and not re.search(r"\b(sshd|local_login|xdm|remote_login|crond)\w*_t\b", text)
    assert not [kind for kind in system_policy.types() if kind.ispermissive and str(kind).startswith("otp_")]


@pytest.mark.parametrize(
    ("target", "readers", "writers"),
    [
        ("otp_key_t", CHECK_CODES, set()),  # not even the daemon, which gets systemd's copy
        ("otp_vault_t", CHECK_CODES | {"otp_enrolld_t"}, {"otp_enrolld_t"}),
        ("otp_state_t", CHECK_CODES | {"otp_enrolld_t"}, CHECK_CODES | {"otp_enrolld_t"}),
        ("otp_outbox_t", {"otp_enrolld_t", "otp_notify_t"}, {"otp_enrolld_t", "otp_notify_t"}),
    ],
)
def test_who_reaches_what(rules_of_types, target, readers, writers):
    """Beside root, and what makes it all."""
    found = [allowed(rules_of_types, target, "file", permission) - {"otp_init_t", "sysadm_t"} for permission in ("read", "write")]
    assert found == [readers, writers]


@pytest.mark.parametrize("permission", ["create", "unlink", "rename", "setattr"])
def test_a_login_writes_states_and_makes_no_file(rules_of_types, permission):
    for target in ("otp_key_t", "otp_vault_t", "otp_state_t"):
        assert not CHECK_CODES & allowed(rules_of_types, target, "file", permission)


def test_every_login_program_and_every_user_may_ask_the_daemon(system_policy, rules_of_types):
    programs = {str(member) for name in ("pam_domain", "userdomain") for member in system_policy.lookup_typeattr(name).expand()}
    assert {"sshd_t", "local_login_t", "xdm_t", "staff_sudo_t", "user_t", "unconfined_t"} <= programs
    for target, kind, permission in (("otp_enrolld_t", "unix_stream_socket", "connectto"), ("otp_runtime_t", "sock_file", "write")):
        served = allowed(rules_of_types, target, kind, permission)
        assert {"pam_domain", "userdomain", "policykit_auth_t", "vlock_t"} <= served


@pytest.mark.parametrize(
    ("path", "label"),
    [
        (POLICY, "otp_etc_t"),
        (MARKS / "1000", "otp_etc_t"),
        (Path("/run/otp-emergency/1000"), "otp_etc_t"),
        (HOST_KEY, "otp_key_t"),
        (Path("/run/otp-key/host.key"), "otp_key_t"),
        (VAULT / "keys/1000.toml", "otp_vault_t"),
        (VAULT / "state/1000", "otp_state_t"),
        (OUTBOX / "1.0.0", "otp_outbox_t"),
        (Path(SOCKET), "otp_runtime_t"),
        (Path("/run/otp-sudo/1000"), "otp_sudo_t"),
        (Path("/usr/sbin/otp-enrolld"), "otp_enrolld_exec_t"),
    ],
    ids=str,
)
def test_each_path_has_its_type(system_policy, path, label):
    contexts = "/etc/selinux/default/contexts/files/file_contexts"
    assert f":{label}:" in run("matchpathcon", "-f", contexts, path)
