"""PAM files that name the module: which lines stop a removal, which stay, and how another package can take a gate out."""

import re
from contextlib import contextmanager

import pytest

from harness.machine import CODE_PROMPT, HOST_KEY, MODULE, MULTIARCH, PASSWORD, POLICY, VAULT
from harness.packages import PACKAGES, UNITS, built_on, demo_package, dpkg_install, gated_sudo, package_files, pam_files, unpacked
from harness.stacks import lines_by_hand


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


def test_gates_of_otpctl_go_with_the_package_and_a_changed_one_stops_the_removal(installed):
    before = pam_files(installed)
    user, key = installed.enrolled_user("gated")
    console = installed.console("otpctl", "gate", "enable", "sudo", "--admin", user.name, "--no-rollback")
    for code in (key.first, key.second):  # for sudo and sudo-i
        for prompt, answer in (("Password: ", PASSWORD), (CODE_PROMPT, code)):
            console.awaits(prompt)
            console.types_hidden(answer)
    assert console.ends() == 0
    installed.run("sh", "-c", "cp -p /etc/pam.d/sudo /root && echo '# mine' >>/etc/pam.d/sudo")
    done = installed.tries("dpkg", "--remove", "libpam-otp")
    assert done.returncode != 0 and "is new: # mine" in done.stdout + done.stderr and installed.run("test", "-e", MODULE) == ""
    installed.run("mv", "/root/sudo", "/etc/pam.d/sudo")
    installed.run("dpkg", "--remove", *PACKAGES)
    assert pam_files(installed) == before


@contextmanager
def deconfigured(machine, packages, directory, *fields):
    """By dpkg, for the sake of a package with these fields, which goes again at the end."""
    demo = demo_package(machine, directory, "in-favour", "1", *fields)
    try:
        said = machine.tries("dpkg", "--auto-deconfigure", "--install", demo).stdout
        assert "De-configuring libpam-otp" in said and "Setting up in-favour" in said, said
        assert machine.run("dpkg-query", "--show", "--showformat=${db:Status-Status}", "libpam-otp") != "installed"
        yield
    finally:
        machine.run("dpkg", "--purge", "in-favour")
        dpkg_install(machine, packages)


@pytest.mark.parametrize("fields", [["Breaks: libpam-otp"], ["Conflicts: otp-enrolld", "Replaces: otp-enrolld"]], ids=["module", "daemon"])
def test_deconfigured_by_dpkg_the_module_stays_in_place_and_so_do_the_gates(installed, packages, tmp_path, request, fields):
    """For another package's sake; where that one conflicts with the daemon, dpkg also removes the daemon."""
    user, key = installed.enrolled_user(f"for-{request.node.callspec.id}")
    installed.run("sh", "-c", f"{lines_by_hand()}\necho 'auth required pam_otp.so' >>/etc/pam.d/su")
    before = pam_files(installed)
    with deconfigured(installed, packages, tmp_path, *fields):
        assert pam_files(installed) == before
        assert (gated_sudo(installed, user, key.first), gated_sudo(installed, user, key.first)) == (0, 1)
    assert pam_files(installed) == before and all(installed.is_active(unit) for unit in UNITS)
    assert gated_sudo(installed, user, key.later) == 0


def test_deconfigured_the_profile_stays_too(installed, packages, tmp_path):
    installed.run("pam-auth-update", "--package", "--enable", "otp")
    before = pam_files(installed)
    with deconfigured(installed, packages, tmp_path, "Breaks: libpam-otp"):
        assert pam_files(installed) == before
    assert pam_files(installed) == before


def of_another_architecture(machine, packages, directory):
    """On the machine: the module's package as i386 would have it, as far as dpkg can tell."""
    tree = unpacked(next(packages.glob("libpam-otp_*.deb")), directory / "tree")
    control = (tree / "DEBIAN/control").read_text()
    control = re.sub("(?m)^Architecture: .*$", "Architecture: i386", control)
    daemon = re.search(r"otp-enrolld \(= [^)]*\)", control)[0]  # it has no i386 libraries to depend on
    (tree / "DEBIAN/control").write_text(re.sub("(?m)^Depends: .*$", f"Depends: {daemon}", control))
    (tree / "usr/lib" / MULTIARCH).rename(tree / "usr/lib/i386-linux-gnu")
    return built_on(machine, tree, directory / "libpam-otp_i386.deb")


def test_the_module_of_another_architecture_shares_the_daemon_and_its_end_leaves_the_gates(installed, packages, tmp_path):
    user, key = installed.enrolled_user("foreign")
    native = installed.run("dpkg", "--print-architecture").strip()
    installed.run("dpkg", "--add-architecture", "i386")
    installed.run("sh", "-c", f"{lines_by_hand()}\npam-auth-update --package --enable otp")
    installed.run("dpkg", "--install", of_another_architecture(installed, packages, tmp_path))
    before = pam_files(installed)
    refused = installed.tries("dpkg", "--remove", f"libpam-otp:{native}")
    assert refused.returncode != 0 and "/etc/pam.d/sudo:" in refused.stderr, "sudo would have no module"
    installed.run("dpkg", "--purge", "libpam-otp:i386")
    assert pam_files(installed) == before
    installed.run("pam-auth-update", "--package", "--remove", "otp")
    assert gated_sudo(installed, user, key.first) == 0
    installed.run("dpkg", "--remove-architecture", "i386")


# a module that was installed by hand, beside the daemon of the package


@pytest.fixture
def module_by_hand(installed, packages):
    installed.run("cp", MODULE, "/root/pam_otp.so")
    installed.run("dpkg", "--purge", "libpam-otp")
    installed.run("install", "-m", "0644", "/root/pam_otp.so", MODULE)
    yield installed
    dpkg_install(installed, packages)


def test_a_vault_that_gates_need_is_not_purged(module_by_hand):
    user, key = module_by_hand.enrolled_user("kept")
    module_by_hand.run("sh", "-c", lines_by_hand())
    number = module_by_hand.run("sh", "-c", "grep -n '^auth.*pam_otp' /etc/pam.d/sudo").split(":")[0]
    done = module_by_hand.tries("dpkg", "--purge", "otp-enrolld")
    assert done.returncode != 0 and f"/etc/pam.d/sudo:{number}: auth required pam_otp.so" in done.stderr
    module_by_hand.run("test", "-e", VAULT / "vault.toml", "-a", "-e", HOST_KEY, "-a", "-e", POLICY)
    assert gated_sudo(module_by_hand, user, key.first) == 0, "it needs no daemon"
    module_by_hand.run("sh", "-c", "sed -i /pam_otp/d /etc/pam.d/*")
    assert f"deleting {VAULT}" in module_by_hand.run("dpkg", "--purge", "otp-enrolld")


def test_an_upgrade_of_the_daemon_alone_names_a_module_by_hand(module_by_hand, packages, newer_packages):
    elsewhere = "/opt/pam_otp.so"
    module_by_hand.run("cp", "/root/pam_otp.so", elsewhere)
    module_by_hand.run("sh", "-c", f"echo 'auth required {elsewhere} nullok' >>/etc/pam.d/su")
    _, daemon = package_files(newer_packages)
    said = module_by_hand.tries("dpkg", "--install", daemon).stderr
    for module in (MODULE, elsewhere):
        assert f"WARNING: {module} was installed by hand" in said
    module_by_hand.run("sh", "-c", f"rm {elsewhere}; sed -i /pam_otp/d /etc/pam.d/su")
    both = module_by_hand.tries("dpkg", "--install", *package_files(newer_packages))
    assert both.returncode == 0 and "WARNING" not in both.stderr, "the package has taken its place"
    module_by_hand.run("dpkg", "--purge", *PACKAGES)


# other packages


def test_a_gate_that_a_package_question_took_out_is_seen_by_config_check(installed, tmp_path):
    stack = ["@include common-auth", "@include common-account"]
    old, new = (
        demo_package(installed, tmp_path, "gated-demo", version, conffiles={"/etc/pam.d/gated-demo": [f"# {version}", *stack]})
        for version in ("1", "2")
    )
    installed.run("dpkg", "--install", old)
    installed.run("sed", "-i", "-e", "/common-auth/a auth required pam_otp.so", "-e", "/common-account/i account required pam_otp.so", "/etc/pam.d/gated-demo")
    installed.write(POLICY, '[service.gated-demo]\nunenrolled = "deny"\n')
    assert "gated-demo" not in installed.tries("otpctl", "config", "check").stderr
    installed.run("dpkg", "--force-confold", "--install", new)
    assert "pam_otp.so" in installed.run("cat", "/etc/pam.d/gated-demo"), "the gate is kept with the old file"
    installed.run("dpkg", "--force-confold", "--install", old)
    installed.run("dpkg", "--force-confnew", "--install", new)
    assert "pam_otp.so" not in installed.run("cat", "/etc/pam.d/gated-demo")
    assert "[service.gated-demo] applies to nobody yet" in installed.tries("otpctl", "config", "check").stderr
