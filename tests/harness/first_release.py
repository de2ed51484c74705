"""The files of the first release, tests/first-release, put in the place where a vault and a policy are."""

import json
import os
import shutil
from contextlib import contextmanager
from pathlib import Path

from harness.machine import ACCOUNT, HOST_KEY, MARKS, POLICY, ROOT, VAULT, User, default_policy, run, write
from harness.places import moved_away
from harness.totp import totp, unbase32

HERE = ROOT / "tests/first-release"
VAULT_DIRS = ("keys", "state", "notices", "tickets", "audit")
FILE_BYTES = 8192


class Person(User):
    """A user of the first release: secrets by label, and the status that the daemon gave then."""

    def __init__(self, entry):
        super().__init__(entry["user"], entry["uid"])
        self.secrets = entry["secrets"]
        self.status = entry["status"]

    def key(self, label):
        return next(key for key in self.status["keys"] if key["label"] == label)

    def code(self, label, step):
        """Of a key that counts `step` is the counter."""
        key = self.key(label)
        return totp(unbase32(self.secrets[label]), step, key["algorithm"], key["digits"])


def people():
    return [Person(entry) for entry in json.loads((HERE / "users.json").read_text())]


def person(name):
    return next(person for person in people() if person.name.startswith(name))


def bytes_of(dump):
    """A state file from its dump: rows of 32 bytes behind their offsets; rows that are left out are zeros."""
    data = bytearray(FILE_BYTES)
    for line in dump.read_text().splitlines():
        offset, row = line.split()
        data[int(offset, 16) : int(offset, 16) + len(row) // 2] = bytes.fromhex(row)
    assert len(data) == FILE_BYTES
    return bytes(data)


@contextmanager
def first_release_installed(machine):
    """Vault, host key, policy and emergency marks of the first release instead of this machine's own."""
    machine.stop()
    for one in people():
        if one.name not in Path("/etc/passwd").read_text():
            machine.new_user(one.name, one.uid)
    run("mount", "-t", "tmpfs", "-o", "mode=0755", "first-release", VAULT)
    try:
        with moved_away(HOST_KEY), machine.synchronised(True):  # the files grow older than what an unvouched clock is believed
            shutil.copyfile(HERE / "host.key", HOST_KEY)
            HOST_KEY.chmod(0o400)
            # since then root enrols nobody unless the policy says so
            write(POLICY, "admin_enrol = true\n" + (HERE / "otp.toml").read_text(), 0o644)
            lay_out()
            machine.start()
            try:
                yield
            finally:
                machine.stop()
                default_policy()
                for mark in (HERE / "emergency").iterdir():
                    (MARKS / mark.name).unlink(missing_ok=True)
    finally:
        run("umount", VAULT)
        machine.start()


def lay_out():
    for name in VAULT_DIRS:
        (VAULT / name).mkdir()
        (VAULT / name).chmod(0o700)
    for name in ("vault.toml", "clock"):
        write(VAULT / name, (HERE / name).read_text(), 0o600)
    for one in people():
        write(one.key_file, (HERE / "keys" / one.key_file.name).read_text(), 0o600)
        one.state_file.write_bytes(bytes_of(HERE / f"state/{one.uid}.hex"))
        one.state_file.chmod(0o600)
    VAULT.chmod(0o700)
    for place in (VAULT, *VAULT.rglob("*")):
        shutil.chown(place, ACCOUNT, ACCOUNT)
    MARKS.mkdir(exist_ok=True)
    MARKS.chmod(0o755)
    for mark in (HERE / "emergency").iterdir():
        write(MARKS / mark.name, mark.read_text(), 0o644)
    os.sync()
