"""docs/day-two.md: every file and step that it shows is there. Of all pages and playbooks: so is every command and option."""

import re
import shutil
import subprocess

import pytest

from harness.machine import OTPCTL, ROOT, run

PAGE = ROOT / "docs/day-two.md"
ANSIBLE = ROOT / "docs/examples/ansible"
SOURCES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted(ANSIBLE.rglob("*.yml"))]


def shown_commands(path):
    """The words after otpctl, of each command that a page or a playbook shows."""
    text = path.read_text()
    if path.suffix == ".md":
        places = [*re.findall(r"^    (?:sudo )?otpctl (.*)$", text, re.M), *re.findall(r"`otpctl ([^`]+)`", text)]
    else:
        places = re.findall(r"otpctl (.+(?:\n +--.*)*)", re.sub(r"^ *#.*\n", "", text, flags=re.M))
    return [" ".join(place.split()) for place in places]


def leaf_of(words):
    """The command that these words name, and the help of it."""
    path = []
    for word in [word for word in words if word != "--offline"]:
        help_text = run(OTPCTL, *path, "--help")
        below = re.findall(r"^  ([a-z][a-z-]*)  +\S", help_text.partition("\nOptions:\n")[0], re.M)
        if word not in below:
            break
        path.append(word)
    assert path, words
    return path, run(OTPCTL, *path, "--help")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_every_command_and_option_that_is_shown_exists(machine, path):
    for command in shown_commands(path):
        words = command.split()
        if words[0] == "->" or words == ["--offline"]:
            continue  # what a crate links, and the way past the daemon by itself
        _, help_text = leaf_of(words)
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", command):
            assert re.search(rf"{option}\b", help_text), command


def test_the_files_of_which_dpkg_asks_are_those_of_the_packages():
    contents = "\n".join(path.read_text() for path in (ROOT / "tests/packages/contents").iterdir())
    ours = set(re.findall(r" (/etc/\S+)$", contents, re.M))
    assert len(ours) >= 2
    (row,) = re.findall(r"^\| ([^|]*) \| `otp-enrolld` \|", (ROOT / "docs/install.md").read_text(), re.M)
    assert set(re.findall(r"`(/\S+?)`", row)) == ours


def test_the_rule_for_the_automation_account_is_the_one_of_the_playbook():
    """With the names of the page."""
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.S)
    for line in block.splitlines():
        template = (ANSIBLE / "templates/otp.toml.j2").read_text().replace("{{ otp_automation }}", "deploy").replace("{{ otp_automation_until }}", "2027-07-01")
        assert line in template.replace("{{ service }}", "sudo") or line in template.replace("{{ service }}", "sudo-i"), line
    assert "Defaults:deploy passwd_timeout=1" in PAGE.read_text()
    assert 'content: "Defaults:{{ otp_automation }} passwd_timeout=1\\n"' in (ANSIBLE / "host.yml").read_text()


@pytest.mark.parametrize("playbook", sorted(ANSIBLE.glob("[gh]*.yml")) + [ANSIBLE / "leaver.yml"], ids=lambda path: path.name)
def test_ansible_understands_every_playbook(playbook):
    if not shutil.which("ansible-playbook"):
        pytest.skip("Ansible is not here")
    done = subprocess.run(["ansible-playbook", "--syntax-check", "-i", ANSIBLE / "inventory.yml", playbook], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0, done.stderr
