"""The words of `otpctl doctor` and who hears them, that it changes nothing and tells no secret, and that it has an end with very many users."""

import json
import os
import re
import struct
import time
import zlib
from pathlib import Path

import pytest

from harness.doctor import examined, ids, marks_of_all, sound_host
from harness.machine import ACCOUNT, HOST_KEY, OTPCTL, VAULT, append, otpctl, run
from harness.resets import only_members
from harness.strace import calls_of
from harness.terminal import Terminal

READ_BY_ROOT_ALONE = {"the host key", "the newest time that the vault knows", "the vault's files", "recovery codes and interrupted changes of users", "sudoers", "when passwords were last looked at"}
# system calls that change a file or a directory
CHANGES = re.compile(r"^(rename|unlink|link|symlink|mkdir|rmdir|mknod|chmod|fchmod|chown|fchown|lchown|truncate|ftruncate|fallocate|utime|setxattr|fsync|fdatasync|mount|pwrite)")


@pytest.fixture
def sound(machine):
    with sound_host(machine) as it:
        yield it


def test_how_keys_are_replaced_here_and_whether_anybody_agrees_is_said_and_no_fault(machine, sound):
    admins = [machine.new_user() for _ in range(2)]
    with only_members("otp-admin", *admins), only_members("otp-helpdesk", sound.bob):
        done = json.loads(otpctl("doctor", "--json").stdout)
        assert not {"resets-simple"} & set(done["counts"]) and done["facts"][0].startswith("Resets are guarded, as otp-helpdesk has members"), done
        assert done["facts"][1].startswith("Resetting an administrator takes a second one"), done


@pytest.fixture
def viewer(machine, sound):
    machine.join(sound.bob, "otp-viewer")
    yield sound.bob
    machine.leave(sound.bob, "otp-viewer")


def test_the_first_line_is_that_of_a_monitoring_plugin_and_the_rest_says_what_why_and_how(sound):
    done = otpctl("doctor")
    first, *facts = [line for line in done.stdout.splitlines() if line]
    assert (done.returncode, first) == (0, "OTP OK - nothing is wrong | critical=0 warning=0 unknown=0")
    assert [fact.split(",")[0] for fact in facts] == ["Resets are simple", "otp-admin and root are one person here: nobody has to approve when root resets an administrator."], facts
    HOST_KEY.chmod(0o444)
    done = otpctl("doctor")
    assert done.returncode == 2
    first, _, title, what, why, decide, use, command, *_ = done.stdout.splitlines()
    assert first == "OTP CRITICAL - 1 critical: host-key-untrusted | critical=1 warning=0 unknown=0"
    assert title == "CRITICAL host-key-untrusted"
    assert what.startswith("  /etc/otp/host.key: ") and "mode 0444" in what
    assert why.startswith("  Why it matters: ") and decide.startswith("  Decide: ")
    assert use == "  Use:" and command.startswith("    install -o root ")


def test_it_is_for_root_and_viewers_alone(sound):
    done = otpctl("doctor", user=sound.alice)
    assert (done.returncode, done.stdout) == (3, "OTP UNKNOWN - otpctl doctor is for root and members of the group otp-viewer\n")


def test_a_viewer_hears_what_was_not_looked_at(sound, viewer):
    found = examined(viewer)
    assert ids(found) == ["not-looked-at"]
    texts = {one["what"] for one in found}
    assert texts == {f"not looked at: {what}: only root may read it; run this as root" for what in READ_BY_ROOT_ALONE}


def test_a_viewer_sees_users_by_way_of_the_daemon_which_puts_nothing_right(sound, viewer):
    sound.shell(f"cp -a {sound.alice.state_file} /root/state; rm {sound.alice.state_file}; cp -a /root/state {sound.alice.state_file}; rm {sound.carol.key_file}")
    sound.shell(f"echo torn >{sound.carol.key_file}; chown {ACCOUNT}: {sound.carol.key_file}; chmod 0600 {sound.carol.key_file}")
    assert ids(examined(viewer)) == ["not-looked-at", "restored-copy", "user-unreadable"]


def test_without_the_daemon_a_viewer_hears_that_users_were_not_looked_at(machine, sound, viewer):
    with machine.daemon_stopped():
        found = examined(viewer)
    assert ids(found) == ["daemon-unreachable", "not-looked-at"]
    assert any(one["what"].startswith("not looked at: users: ") for one in found)


def test_the_file_for_prometheus_has_every_id_and_comes_in_one_step(sound):
    path = Path("/tmp/otp.prom")
    path.write_text("an earlier one")
    os.umask(0o077)
    done = otpctl("doctor", "--textfile", path)
    os.umask(0o022)
    assert done.returncode == 0, done.stderr
    text = path.read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r'\w+(\{id="[a-z-]+",severity="\w+"\})? \d+', line) for line in lines), text
    assert 'otp_doctor_findings{id="host-key-missing",severity="critical"} 0' in lines and "otp_doctor_status 0" in lines
    assert path.stat().st_mode & 0o777 == 0o644
    missing = otpctl("doctor", "--textfile", "/tmp/no-such-directory/otp.prom")
    assert missing.returncode == 3 and "/tmp/no-such-directory/otp.prom" in missing.stderr


def test_it_makes_no_system_call_that_changes_anything(sound):
    calls = calls_of([OTPCTL, "doctor"])
    own = [call for call in calls if call.task == calls[0].task]  # the programs that it asks answer it through pipes
    changing = [call for call in calls if CHANGES.match(call.name)]
    made = [call for call in calls if call.name.startswith("open") and re.search(r"O_(CREAT|TRUNC|APPEND|TMPFILE)", call.arguments)]
    written = [call for call in own if call.name in ("write", "writev")]
    assert (changing, made) == ([], []), (changing, made)
    assert len({call.arguments.split(",")[0] for call in written}) == 1, f"its output alone: {written}"
    assert '"OTP OK - nothing is wrong' in written[0].arguments
    assert sum(call.name == "flock" for call in calls) >= 2, "each user was locked for a moment"


def test_no_secret_is_told_whatever_is_broken(sound):
    secret = HOST_KEY.read_text().strip().split(":")[1]
    sealed = re.findall(r'sealed = "([^"]+)"', sound.alice.key_file.read_text())
    assert sealed
    sound.shell(f"chmod 0666 {HOST_KEY} {sound.alice.key_file} {sound.alice.state_file}; echo '{secret}' >>/etc/otp/otp.toml; otpctl invite --allow-pipe {sound.bob.name} >/tmp/code; chmod 0644 {VAULT}/tickets/{sound.bob.uid}")
    code = re.search(r"E-[0-9A-Z-]+", Path("/tmp/code").read_text())[0]
    for words in (("doctor",), ("doctor", "--json")):
        said = otpctl(*words)
        text = said.stdout + said.stderr
        assert "vault-owner-or-mode" in text and "policy-unusable" in text
        assert not any(one in text for one in (secret, code, *sealed)), text


def test_on_a_terminal_it_says_how_far_it_is(sound):
    terminal = Terminal([OTPCTL, "doctor"], columns=100, rows=40)
    terminal.awaits("looking at: users")
    assert terminal.ends() == 0, terminal.transcript


PEAK = """import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"""


def test_with_very_many_users_it_stays_small_and_quick(machine, sound):
    small, large = 500 * machine.rounds, 2000 * machine.rounds
    seconds = []
    with ManyUsers(sound.carol) as grow:
        for count in (small, large):
            grow(count)
            looks = [(time.monotonic(), int(run("python3", "-c", PEAK, OTPCTL, "doctor")), time.monotonic()) for _ in range(2)]
            # a child begins with the peak of its parent, and this process is large
            peak = max(kibibytes for _, kibibytes, _ in looks)
            seconds.append(min(ended - begun for begun, _, ended in looks))
            assert peak < 128 * 1024, f"{peak} KiB with {count} users"
    print("seconds with", small, large, "users:", seconds, "memory:", peak)
    assert seconds[1] < 8 * seconds[0] + 1, seconds  # four times the users


class ManyUsers:
    """Users with keys, by copies of the files of one; the vault of this test goes with it."""

    def __init__(self, like):
        self.like, self.made = like, 0
        self.passwd = Path("/etc/passwd").read_bytes()

    def __enter__(self):
        return self.grow

    def grow(self, count):
        owner = self.like.key_file.stat().st_uid, self.like.key_file.stat().st_gid
        key, state = self.like.key_file.read_text().split("\n", 1)[1], self.like.state_file.read_bytes()
        lines = []
        for uid in range(1_000_000 + self.made, 1_000_000 + count):
            name = f"many{uid}"
            text = key.replace(f'"{self.like.name}"', f'"{name}"').replace(f"uid = {self.like.uid}\n", f"uid = {uid}\n")
            self.file(VAULT / f"keys/{uid}.toml", f'crc32 = "{zlib.crc32(text.encode()):08x}"\n{text}'.encode(), owner)
            path = VAULT / f"state/{uid}"
            self.file(path, state, owner)
            with open(path, "r+b") as file:
                for at in (0, 4096):
                    slot = bytearray(state[at : at + 640])
                    struct.pack_into("<Q", slot, 24, path.stat().st_ino)
                    struct.pack_into("<Q", slot, 32, int(time.time()))
                    struct.pack_into("<I", slot, 40, uid)
                    struct.pack_into("<I", slot, 8, zlib.crc32(bytes(slot[12:])))
                    file.seek(at)
                    file.write(slot)
            lines.append(f"{name}:x:{uid}:{uid}::/:/bin/sh")
        append("/etc/passwd", "\n".join(lines))
        self.made = count

    @staticmethod
    def file(path, content, owner):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(file, content)
        os.fchown(file, *owner)
        os.close(file)

    def __exit__(self, *_):
        Path("/etc/passwd").write_bytes(self.passwd)


def test_a_daemon_that_does_not_run_and_a_torn_index_are_mended_by_a_restart(booted):
    machine = booted
    machine.enrolled_user("doctor")
    for breaking, found in [
        ("systemctl stop otp-enrolld.socket otp-enrolld.service", "daemon-unreachable"),
        ("systemctl kill --signal=KILL otp-enrolld.service; systemctl stop otp-enrolld.socket; rm -f /run/otp/otp.sock", "daemon-unreachable"),
        (f"for file in {VAULT}/names/*; do truncate -s 20 $file; done", "names-damaged"),
    ]:
        machine.run("bash", "-euc", breaking)
        (one,) = (one for one in findings_there(machine) if one["id"] == found)
        machine.run("bash", "-euc", one["command"])
        assert found not in ids(findings_there(machine))


def findings_there(machine):
    return json.loads(machine.tries("otpctl", "doctor", "--json").stdout)["findings"]


def test_marks_of_everything_are_taken(sound):
    """The proof in every test of the gallery that nothing was changed sees what a touch leaves."""
    before = marks_of_all()
    run("touch", sound.alice.state_file)
    assert marks_of_all() != before
