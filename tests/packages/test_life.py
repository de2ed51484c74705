"""A machine's life with the Debian packages: installed, used, upgraded while people log in, booted again, removed, purged."""

import re
import subprocess
import threading

import pytest

from harness.boot import booting_without_the_product
from harness.machine import CODE_PROMPT, DAEMON, HOST_KEY, MODULE, PASSWORD, PASSWORD_PROMPT, POLICY, ROOT, VAULT, Key, run
from harness.packages import PACKAGES, apt_install, disk, dpkg_install, let_root_enrol, never_had_the_product, package_files
from harness.stacks import lines_of_readme
from harness.tokens import CountingToken
from harness.wait import until
from harness.wire import SOCKET

UNITS = ("otp-enrolld.socket", "otp-enrolld.service", "otp-notify.path")


@pytest.fixture(scope="module")
def bare_machine(packages, newer_packages):  # made first, so that the machine sees them
    """A booted machine that never had the product."""
    with booting_without_the_product() as it:
        never_had_the_product(it)
        yield it


@pytest.fixture
def installed(bare_machine, packages):
    """The same with the packages, and no gate."""
    if bare_machine.tries("dpkg-query", "--status", *PACKAGES).stdout.count("install ok installed") < len(PACKAGES):
        dpkg_install(bare_machine, packages)
    let_root_enrol(bare_machine)
    yield bare_machine
    bare_machine.run("sh", "-c", "pam-auth-update --package --remove otp && sed -i /pam_otp/d /etc/pam.d/*")


def pam_files(machine):
    return machine.run("sh", "-c", "cd /etc/pam.d && sha256sum *")


def sudo(machine, user, code):
    """Exit code of sudo at a terminal."""
    console = machine.console("setpriv", f"--reuid={user.uid}", f"--regid={user.uid}", "--init-groups", "sudo", "id", "-u")
    console.awaits(PASSWORD_PROMPT)
    console.types_hidden(PASSWORD)
    console.awaits(CODE_PROMPT)
    console.types_hidden(code)
    return console.ends()


def test_an_installation_runs_and_gates_nothing(bare_machine, packages):
    before = pam_files(bare_machine)
    apt_install(bare_machine, packages)
    assert pam_files(bare_machine) == before
    assert all(bare_machine.is_active(unit) for unit in UNITS) and bare_machine.failed_units() == []
    assert bare_machine.property("FragmentPath") == "/lib/systemd/system/otp-enrolld.service"
    assert bare_machine.run("stat", "-c", "%U %a", HOST_KEY).split() == ["root", "400"]
    assert len(bare_machine.run("otpctl", "list").splitlines()) == 1, "the heading alone"


def test_a_key_that_came_over_the_activated_socket_opens_gated_sudo_once(installed):
    installed.systemctl("stop", "otp-enrolld.service")
    user, key = installed.enrolled_user("first")
    installed.run("sh", "-c", lines_of_readme())
    assert (sudo(installed, user, key.first), sudo(installed, user, key.first)) == (0, 1)


def test_an_upgrade_while_people_log_in_keeps_everybody_and_refuses_nobody(installed, newer_packages):
    users = [installed.enrolled_user(f"up{number}") for number in range(3)]
    installed.run("sh", "-c", lines_of_readme())
    before, answers = installed.property("MainPID"), []
    logins = threading.Thread(target=lambda: answers.extend(sudo(installed, user, key.second) for user, key in users))
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


def test_a_gate_made_by_hand_stops_the_removal_before_anything_is_changed(installed):
    installed.run("sh", "-c", "printf 'auth required pam_otp.so\\n' >>/etc/pam.d/su; pam-auth-update --package --enable otp")
    before = pam_files(installed)
    number = len(installed.run("cat", "/etc/pam.d/su").splitlines())
    done = installed.tries("dpkg", "--remove", *PACKAGES)
    assert done.returncode != 0 and f"/etc/pam.d/su:{number}: auth required pam_otp.so" in done.stdout + done.stderr
    assert "common-auth" not in done.stdout + done.stderr, "the profile's own line is no obstacle"
    assert pam_files(installed) == before and all(installed.is_active(unit) for unit in UNITS)
    assert installed.run("test", "-e", MODULE) == ""


@pytest.mark.parametrize(
    "line",
    ["-auth\trequired\tpam_otp.so nullok", f"auth [success=1 default=die] {MODULE}", "account required pam_otp.so # ours", "auth required \\\n pam_otp.so"],
)
def test_every_way_to_name_the_module_stops_the_removal(installed, line):
    installed.write("/etc/pam.d/handmade", f"# pam_otp.so in a comment\n{line}\n")
    done = installed.tries("dpkg", "--remove", "libpam-otp")
    assert done.returncode != 0 and re.search(r"/etc/pam.d/handmade:[23]: ", done.stdout + done.stderr), done
    installed.run("rm", "/etc/pam.d/handmade")


def test_lines_beside_the_profiles_own_stop_the_removal_too(installed):
    installed.run("pam-auth-update", "--package", "--enable", "otp")
    installed.run("sh", "-c", "echo 'auth required pam_otp.so' >>/etc/pam.d/common-auth")
    done = installed.tries("dpkg", "--remove", "libpam-otp")
    assert done.returncode != 0 and "/etc/pam.d/common-auth:" in done.stdout + done.stderr


def test_the_profile_goes_with_the_package_and_comments_do_not_matter(installed):
    before = pam_files(installed)
    installed.run("pam-auth-update", "--package", "--enable", "otp")
    assert "pam_otp.so" in installed.run("cat", "/etc/pam.d/common-auth")
    assert "pam_otp" not in installed.run("cat", "/etc/pam.d/common-account"), "cron includes that one"
    installed.run("dpkg", "--remove", *PACKAGES)
    assert pam_files(installed) == before


def test_a_package_that_is_only_deconfigured_keeps_the_profile_and_stops_nobody(installed):
    installed.run("pam-auth-update", "--package", "--enable", "otp")
    before = pam_files(installed)
    installed.run("sh", "-c", "sh /var/lib/dpkg/info/libpam-otp*.prerm deconfigure in-favour something 2.0")
    assert pam_files(installed) == before


def test_removed_and_installed_again_the_keys_are_there_and_purged_they_are_named(installed, packages):
    user, _ = installed.enrolled_user("stays")
    installed.run("dpkg", "--remove", *PACKAGES)
    assert installed.tries("systemctl", "is-active", "otp-enrolld.socket").stdout != "active\n"
    dpkg_install(installed, packages)
    assert "enrolled, generation 1" in installed.run("otpctl", "status", user.name)
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
    bare_machine.install(request.config.getoption("--artefacts"))
    let_root_enrol(bare_machine)
    user, _ = bare_machine.enrolled_user("by-hand")
    said = dpkg_install(bare_machine, packages)
    for name in UNITS:
        assert f"/etc/systemd/system/{name} was installed by hand" in said
        assert bare_machine.property("FragmentPath", name) == f"/lib/systemd/system/{name}" and bare_machine.is_active(name)
        assert bare_machine.run("systemctl", "is-enabled", name) == "enabled\n"
    assert "enrolled, generation 1" in bare_machine.run("otpctl", "status", user.name)


def gated_package(machine, version, directory):
    """On the machine: a package that is not ours, with a file in /etc/pam.d that an administrator may edit."""
    tree, package = directory / version, directory / f"{version}.deb"
    for name, text in {
        "DEBIAN/control": f"Package: gated-demo\nVersion: {version}\nArchitecture: all\nMaintainer: nobody <x@example.org>\nDescription: demo\n",
        "DEBIAN/conffiles": "/etc/pam.d/gated-demo\n",
        "etc/pam.d/gated-demo": f"# {version}\n@include common-auth\n@include common-account\n",
    }.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    run("dpkg-deb", "--root-owner-group", "--build", tree, package)
    (machine.root / "root" / package.name).write_bytes(package.read_bytes())
    return f"/root/{package.name}"


def test_a_gate_that_a_package_question_took_out_is_seen_by_config_check(installed, tmp_path):
    old, new = gated_package(installed, "1", tmp_path), gated_package(installed, "2", tmp_path)
    installed.run("dpkg", "--install", old)
    installed.run("sed", "-i", "-e", "/common-auth/a auth required pam_otp.so", "-e", "/common-account/i account required pam_otp.so", "/etc/pam.d/gated-demo")
    installed.write(POLICY, '[service.gated-demo]\nunenrolled = "deny"\n')
    assert "gated-demo" not in installed.tries("otpctl", "config", "check").stderr
    installed.run("dpkg", "--force-confold", "--install", new)
    assert "pam_otp.so" in installed.run("cat", "/etc/pam.d/gated-demo"), "the gate is kept with the old file"
    installed.run("dpkg", "--force-confold", "--install", old)
    installed.run("dpkg", "--force-confnew", "--install", new)
    assert "pam_otp.so" not in installed.run("cat", "/etc/pam.d/gated-demo")
    assert "[service.gated-demo] holds for nobody yet" in installed.tries("otpctl", "config", "check").stderr


def verified(machine, user, code):
    with machine.asks() as client:
        return client.call("Verify", user=user.name, code=code)["verdict"]["accepted"]


def accounts_of_everybody(machine):
    """(user with an app, their key, their recovery codes, user with a token, the token, an invited user, their code)."""
    alice, bob, carol = (machine.new_user(name) for name in ("drill-app", "drill-token", "drill-letter"))
    with machine.asks() as client:
        (code,) = client.call("Invite", user=alice.name, form="mail")["invitation"]["codes"]
    with machine.asks(uid=alice.uid) as client:
        key = Key(client.call("Redeem", registration=code)["enrolment"])
        recovery = client.call("ConfirmEnrolment", code=key.confirming)["recovery_codes"]
    with machine.asks() as client:
        token = CountingToken(client.call("BeginEnrolment", user=bob.name, kind="hotp", label="token")["enrolment"])
        client.call("ConfirmEnrolment", code=token.code(1))
    with machine.asks() as client:
        (letter,) = client.call("Invite", user=carol.name, form="letter")["invitation"]["codes"]
    return alice, key, recovery, bob, token, carol, letter


def test_the_drill_a_backup_opens_everything_on_a_new_machine_with_another_uid_of_the_daemon(installed, packages, newer_packages):
    alice, key, recovery, bob, token, carol, letter = accounts_of_everybody(installed)
    assert verified(installed, alice, key.first) and verified(installed, alice, recovery[0]) and verified(installed, bob, token.code(2))
    installed.run("sh", "-c", "cd /root && tar -cpf backup.tar /var/lib/otp /etc/otp/otp.toml && echo 'correct horse battery' | otpctl host-key export otp.key")
    before = installed.run("id", "-u", "otp-enrolld").strip()

    installed.run("dpkg", "--purge", *PACKAGES)
    installed.run("sh", "-c", f"userdel otp-enrolld; useradd --system --uid {before} somebody-else")
    dpkg_install(installed, packages)
    assert installed.run("id", "-u", "otp-enrolld").strip() != before
    chapter = (ROOT / "docs/operator-guide.md").read_text().split("**On a new machine**")[1]
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
    assert verified(installed, carol, redeemed.second) and installed.failed_units() == []


def test_in_an_image_no_vault_and_no_host_key_are_made(packages):
    """In a root without a running systemd, as image builders and chroots have it."""
    script = f"""rm -f {MODULE} {DAEMON} /usr/bin/otpctl; rm -rf {VAULT} {POLICY.parent}
        DEBIAN_FRONTEND=noninteractive apt-get -y install {" ".join(str(path) for path in package_files(packages))} || exit
        find {VAULT} {HOST_KEY} /run/otp-key"""
    done = subprocess.run([ROOT / "packaging/private-root", "sh", "-c", script], capture_output=True, text=True)
    assert "Setting up otp-enrolld" in done.stdout and "No such file or directory" in done.stderr, done
    assert "vault.toml" not in done.stdout and str(HOST_KEY) not in done.stdout.splitlines()
