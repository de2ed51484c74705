"""A machine's life with the Debian packages: installed, used, upgraded while people log in, booted again, removed, purged."""

import re
import subprocess
import threading
from pathlib import Path

from harness.machine import DAEMON, HOST_KEY, MODULE, POLICY, ROOT, VAULT, Key
from harness.packages import (
    PACKAGES,
    UNIT_DIRECTORY,
    UNITS,
    accounts_of_everybody,
    apt_install,
    disk,
    dpkg_install,
    gated_sudo,
    let_root_enrol,
    never_had_the_product,
    package_files,
    pam_files,
    verified,
)
from harness.stacks import lines_by_hand
from harness.wait import until
from harness.wire import SOCKET


def test_an_installation_runs_and_gates_nothing(bare_machine, packages):
    before = pam_files(bare_machine)
    apt_install(bare_machine, packages)
    assert pam_files(bare_machine) == before
    assert all(bare_machine.is_active(unit) for unit in UNITS) and bare_machine.failed_units() == []
    assert bare_machine.property("FragmentPath") == f"{UNIT_DIRECTORY}/otp-enrolld.service"
    assert bare_machine.run("stat", "-c", "%U %a", HOST_KEY).split() == ["root", "400"]
    assert len(bare_machine.run("otpctl", "list").splitlines()) == 1, "the heading alone"


def test_a_key_that_came_over_the_activated_socket_opens_gated_sudo_once(installed):
    installed.systemctl("stop", "otp-enrolld.service")
    user, key = installed.enrolled_user("first")
    installed.run("sh", "-c", lines_by_hand())
    assert (gated_sudo(installed, user, key.first), gated_sudo(installed, user, key.first)) == (0, 1)


def test_ssh_asks_for_a_code_after_the_password(installed):
    user, key = installed.enrolled_user("ssh")
    with installed.sshd(), installed.gate("sshd"), installed.ssh(user, key.first) as session:
        assert session.shell("id -un") == (0, user.name)


def test_an_installation_by_hand_over_the_package_is_refused(installed, request):
    artefacts = Path(request.config.getoption("--artefacts")).resolve()
    done = installed.tries(ROOT / "packaging/install", "--built", artefacts, "/")
    assert done.returncode == 1 and "the module is of a package (libpam-otp" in done.stderr, done
    done = installed.tries(ROOT / "packaging/uninstall", "/")
    assert done.returncode == 1 and "the module is of a package (libpam-otp" in done.stderr, done
    assert installed.run("dpkg", "--verify", "libpam-otp", "otp-enrolld") == ""


def test_an_upgrade_while_people_log_in_keeps_everybody_and_refuses_nobody(installed, newer_packages):
    users = [installed.enrolled_user(f"up{number}") for number in range(3)]
    installed.run("sh", "-c", lines_by_hand())
    before, answers = installed.property("MainPID"), []
    logins = threading.Thread(target=lambda: answers.extend(gated_sudo(installed, user, key.later) for user, key in users))
    logins.start()
    said = dpkg_install(installed, newer_packages)
    logins.join()
    assert answers == [0, 0, 0], said
    assert installed.property("MainPID") != before and all(installed.is_active(unit) for unit in UNITS)
    assert all("enrolled" in installed.run("otpctl", "status", user.name) for user, _ in users)


def test_a_machine_that_boots_again_serves_with_the_same_keys(packages):
    with disk() as kept:
        with kept.booting() as machine:
            never_had_the_product(machine)
            dpkg_install(machine, packages)
            let_root_enrol(machine)
            user, key = machine.enrolled_user("again")
            vault, host_key = machine.run("cat", VAULT / "vault.toml"), machine.run("sha256sum", HOST_KEY)
            machine.run("sync")
        with kept.booting() as machine:
            until(lambda: all(machine.is_active(unit) for unit in UNITS), "the units after the boot", 20)
            assert machine.failed_units() == []
            assert "ordering cycle" not in machine.run("journalctl", "--boot", "--no-pager")
            assert (machine.run("cat", VAULT / "vault.toml"), machine.run("sha256sum", HOST_KEY)) == (vault, host_key)
            with machine.asks() as client:
                assert client.call("Verify", user=user.name, code=key.first)["verdict"]["accepted"]


def test_removed_and_installed_again_the_keys_are_there_and_purged_they_are_named(installed, packages):
    user, _ = installed.enrolled_user("stays")
    installed.run("dpkg", "--remove", *PACKAGES)
    assert installed.tries("systemctl", "is-active", "otp-enrolld.socket").stdout != "active\n"
    dpkg_install(installed, packages)
    assert ": enrolled\n" in installed.run("otpctl", "status", user.name)
    users = len(installed.run("otpctl", "list").splitlines()) - 1
    purged = installed.tries("dpkg", "--purge", *PACKAGES)
    assert purged.returncode == 0 and f"deleting {VAULT}: the vault with {users} users' keys" in purged.stdout
    assert f"deleting {HOST_KEY.parent}: the policy, emergency marks and the host key" in purged.stdout
    for path in (VAULT, POLICY.parent, SOCKET, DAEMON, MODULE):
        assert installed.tries("test", "-e", path).returncode == 1, path
    dpkg_install(installed, packages)
    assert "not enrolled" in installed.run("otpctl", "status", user.name)


def test_an_installation_by_hand_is_taken_over_and_what_hides_the_package_is_named(bare_machine, packages, request):
    bare_machine.tries("dpkg", "--purge", *PACKAGES)
    # as earlier versions were installed by hand
    bare_machine.run("sh", "-c", f"cp {ROOT}/packaging/systemd/otp-*.* /etc/systemd/system")
    bare_machine.install(request.config.getoption("--artefacts"))
    bare_machine.run("sh", "-c", "for file in /etc/systemd/system/otp-*.by-hand; do mv $file ${file%.by-hand}; done && systemctl daemon-reload")
    let_root_enrol(bare_machine)
    user, _ = bare_machine.enrolled_user("by-hand")
    said = dpkg_install(bare_machine, packages)
    for name in UNITS:
        assert f"/etc/systemd/system/{name} was installed by hand" in said
        assert bare_machine.property("FragmentPath", name) == f"{UNIT_DIRECTORY}/{name}" and bare_machine.is_active(name)
        assert bare_machine.run("systemctl", "is-enabled", name) == "enabled\n"
    assert ": enrolled\n" in bare_machine.run("otpctl", "status", user.name)


def test_the_drill_a_backup_opens_everything_on_a_new_machine_with_another_uid_of_the_daemon(installed, packages, newer_packages):
    alice, key, recovery, bob, token, carol, letter = accounts_of_everybody(installed)
    assert verified(installed, alice, key.first) and verified(installed, alice, recovery[0]) and verified(installed, bob, token.code(2))
    installed.run("sh", "-c", "cd /root && tar -cpf backup.tar /var/lib/otp /etc/otp/otp.toml && echo 'correct horse battery' | otpctl host-key export otp.key")
    before = installed.run("id", "-u", "otp-enrolld").strip()

    installed.run("dpkg", "--purge", *PACKAGES)
    installed.run("sh", "-c", f"userdel otp-enrolld; useradd --system --uid {before} somebody-else")
    dpkg_install(installed, packages)
    assert installed.run("id", "-u", "otp-enrolld").strip() != before
    chapter = (ROOT / "docs/day-two.md").read_text().split("### The drill")[1]
    (steps,) = re.findall(r"^((?:    .*\n)+)", chapter, re.M)[:1]
    steps = re.sub(r"^    ", "", steps, flags=re.M).replace("otp.key\n", "otp.key <passphrase\n")
    installed.run("sh", "-euc", f"cd /root; echo 'correct horse battery' >passphrase\n{steps}")

    assert not verified(installed, alice, key.first) and not verified(installed, alice, recovery[0]), "used before"
    assert verified(installed, alice, recovery[1])
    assert [verified(installed, bob, token.code(count)) for count in (3, 4, 4)] == [False, True, False]
    with installed.asks(uid=carol.uid) as client:
        redeemed = Key(client.call("Redeem", registration=letter)["enrolment"])
        client.call("ConfirmEnrolment", code=redeemed.confirming)
    dpkg_install(installed, newer_packages)
    assert verified(installed, carol, redeemed.first)
    installed.run("dpkg", "--force-downgrade", "--install", *package_files(packages))
    assert verified(installed, carol, redeemed.later) and installed.failed_units() == []


def test_in_an_image_no_vault_and_no_host_key_are_made(packages):
    """In a root without a running systemd, as image builders and chroots have it."""
    script = f"""rm -f {MODULE} {DAEMON} /usr/bin/otpctl; rm -rf {VAULT} {POLICY.parent}
        DEBIAN_FRONTEND=noninteractive apt-get -y install {" ".join(str(path) for path in package_files(packages))} || exit
        find {VAULT} {HOST_KEY} /run/otp-key"""
    done = subprocess.run([ROOT / "packaging/private-root", "sh", "-c", script], capture_output=True, text=True)
    assert "Setting up otp-enrolld" in done.stdout and "No such file or directory" in done.stderr, done
    assert "vault.toml" not in done.stdout and str(HOST_KEY) not in done.stdout.splitlines()
