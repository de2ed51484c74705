"""docs/examples/ansible, run by the real Ansible as an account without root whose sudo is gated: a second run changes nothing."""

import re
import shlex
import subprocess
import time

import pytest

from harness.boot import booting_without_the_product
from harness.enrolment import REGISTRATION_CODE
from harness.machine import CODE_PROMPT, DAY, PASSWORD, ROOT, Key
from harness.packages import gated_sudo, never_had_the_product, package_files

PLAYBOOKS = "/usr/local/share/otp-ansible"
LONGEST = 300  # seconds for a playbook on a busy machine
UNTIL = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 100 * DAY))


class Control:
    """Ansible, which an account on the machine runs for the machine itself."""

    def __init__(self, machine, packages):
        self.machine = machine
        machine.run("cp", "-r", ROOT / "docs/examples/ansible", PLAYBOOKS)
        machine.run("chmod", "-R", "a+rX", PLAYBOOKS)
        self.deploy = machine.new_user("deploy")
        self.alice, self.bob = machine.new_user("alice"), machine.new_user("bob")
        lines = [
            f"ansible_become_password: {PASSWORD!r}",
            f"otp_packages: [{', '.join(map(str, package_files(packages)))}]",
            f"otp_users: [{self.alice.name}, {self.bob.name}]",
            f"otp_automation: {self.deploy.name}",
            f"otp_automation_until: '{UNTIL}'",
        ]
        self.variables = f"/home/{self.deploy.name}/variables.yml"
        machine.write(self.variables, "".join(f"{line}\n" for line in lines), 0o600)
        machine.run("chown", self.deploy.name, self.variables)

    def words(self, user, *words):
        home = ["env", "-i", f"HOME=/home/{user.name}", f"USER={user.name}", "LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin:/usr/sbin:/sbin", "ANSIBLE_NOCOLOR=1", "TERM=dumb"]
        inside = f"cd {PLAYBOOKS} && exec {shlex.join(map(str, words))}"
        return ["setpriv", f"--reuid={user.uid}", f"--regid={user.uid}", "--init-groups", "--", *home, "sh", "-c", inside]

    def plays(self, playbook, *words):
        """How many tasks have changed something; `said` has the words of Ansible."""
        ansible = ["ansible-playbook", "-v", "-i", "inventory.yml", "-e", f"@{self.variables}", playbook, *words]
        command = [str(word) for word in (*self.machine.enter, *self.words(self.deploy, *ansible))]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LONGEST)
        self.said = done.stdout + done.stderr
        assert done.returncode == 0, self.said
        return changes(self.said)

    def answers(self, playbook, *answers):
        """The same at a terminal, where it asks for these."""
        ansible = ["ansible-playbook", "-i", "inventory.yml", "-e", f"@{self.variables}", playbook]
        console = self.machine.console(*self.words(self.deploy, *ansible))
        for prompt, answer in zip(("Your account on the host: ", "Your password there: ", "A code of your key there: ", "The next code: "), answers, strict=True):
            console.pty.timeout = LONGEST
            console.awaits(prompt)
            console.types(answer)
        status = console.ends()
        self.said = console.transcript
        assert status == 0, self.said
        return changes(self.said)

    def becomes(self, user, *options, seconds=30):
        """Whether a module of Ansible ran as root for this user within so long."""
        ansible = ["timeout", "--kill-after=5", seconds, "ansible", "-i", "inventory.yml", "localhost", "-b", "-m", "command", "-a", "id -u", *options]
        command = [str(word) for word in (*self.machine.enter, *self.words(user, *ansible))]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LONGEST)
        return done.returncode == 0 and "\n0\n" in done.stdout


def changes(said):
    (found,) = re.findall(r"ok=\d+ +changed=(\d+) +unreachable=0 +failed=0", said)
    return int(found)


@pytest.fixture(scope="module")
def control(packages):  # made first, so that the machine sees them
    with booting_without_the_product() as machine:
        never_had_the_product(machine)
        yield Control(machine, packages)


def enrols(machine, user):
    """With the code of the letter that the playbook has left."""
    code = re.search(r'<p class="code">([^<]+)<', machine.run("cat", f"/root/letters/{user.name}.html"))[1]
    with machine.asks(uid=user.uid) as client:
        key = Key(client.call("Redeem", registration=code)["enrolment"])
        client.call("ConfirmEnrolment", code=key.confirming)
    return key


def test_the_playbooks_set_a_host_up_gate_it_and_change_nothing_the_second_time(control, tmp_path):
    machine = control.machine
    assert control.plays("host.yml") >= 5
    assert not REGISTRATION_CODE.search(control.said), "no code in what Ansible shows and logs"
    assert control.plays("host.yml") == 0, control.said
    assert "[service.sudo-i]" in machine.run("cat", "/etc/otp/otp.toml")

    key = enrols(machine, control.alice)
    machine.run("sh", "-c", "rm /root/letters/*")
    assert control.plays("host.yml") == 0, "she has a key, and he a code"
    assert gated_sudo_asks_nothing(machine, control.alice)
    key.step = key.step_now()  # a playbook takes its time
    assert control.answers("gate.yml", control.alice.name, PASSWORD, key.first, key.second) == 1
    assert PASSWORD not in control.said and not {key.first, key.second} & set(control.said.split())
    assert gated_sudo(machine, control.alice, key.first) == 1, "asked, and that code is used"
    assert control.answers("gate.yml", control.alice.name, "", "", "") == 0

    assert control.plays("host.yml") == 0, "through the gate, as an account that is exempt"
    assert f"reason=exempt user={control.deploy.name}" in "\n".join(machine.journalctl())


def gated_sudo_asks_nothing(machine, user):
    """The password alone opens sudo."""
    console = machine.console("setpriv", f"--reuid={user.uid}", f"--regid={user.uid}", "--init-groups", "sudo", "true")
    console.awaits(r"\[sudo\] password for \S+: ")
    console.types_hidden(PASSWORD)
    return console.ends() == 0 and CODE_PROMPT not in console.transcript


def test_who_is_not_exempt_does_not_become_root_by_ansible_and_nopasswd_asks_nothing(control):
    machine = control.machine
    password = ["-e", f"ansible_become_password='{PASSWORD}'"]
    assert control.becomes(control.deploy, *password)
    assert not control.becomes(control.alice, *password)
    robot = machine.new_user("robot")
    machine.write("/etc/sudoers.d/zz-robot", f"{robot.name} ALL=(ALL:ALL) NOPASSWD: ALL\n", 0o440)
    assert control.becomes(robot)


def test_a_leaver_is_gone_once(control):
    assert control.plays("leaver.yml", "-e", f"otp_leaver={control.bob.name}") == 3
    assert control.plays("leaver.yml", "-e", f"otp_leaver={control.bob.name}") == 0
