"""Many enrolled users at once: key and state files as the daemon writes them, made after those of one real user. Their seals open for nobody."""

import hashlib
import os
import re
import shutil
import time
import zlib
from contextlib import contextmanager
from pathlib import Path

from harness.machine import ACCOUNT, VAULT
from harness.places import SLOT

FIRST_UID = 2_000_000
SLOT_BYTES = 640


def key_file(template, name, uid):
    text = re.sub(r'(?m)^user = .*$', f'user = "{name}"', template.split("\n", 1)[1], count=1)
    text = re.sub(r"(?m)^uid = .*$", f"uid = {uid}", text, count=1)
    return f'crc32 = "{zlib.crc32(text.encode()):08x}"\n{text}'.encode()


def slot(template, inode, uid):
    """Magic and checksum, then version, sequence, inode, time of the write, uid (docs/file-format.md)."""
    body = bytearray(template[12:SLOT_BYTES])
    body[12:20], body[20:28], body[28:32] = inode.to_bytes(8, "little"), int(time.time()).to_bytes(8, "little"), uid.to_bytes(4, "little")
    return template[:8] + zlib.crc32(body).to_bytes(4, "little") + bytes(body)


def make_files(user, uids):
    """Files like those of `user`, who is enrolled, for each uid; the names are those of `crowd_name`."""
    owner = shutil._get_uid(ACCOUNT), shutil._get_gid(ACCOUNT)
    record, state = user.key_file.read_text(), user.state_file.read_bytes()
    for uid in uids:
        with owned_file(VAULT / "state" / str(uid), owner) as file:
            inode = os.fstat(file).st_ino
            slots = [slot(state[at : at + SLOT_BYTES], inode, uid).ljust(SLOT, b"\0") for at in (0, SLOT)]
            os.write(file, b"".join(slots))
        with owned_file(VAULT / "keys" / f"{uid}.toml", owner) as file:
            os.write(file, key_file(record, crowd_name(uid), uid))


def make_index(uids, local):
    """The entries of names/ for them, which a daemon writes one by one, each synced."""
    owner = shutil._get_uid(ACCOUNT), shutil._get_gid(ACCOUNT)
    for uid in uids:
        text = f'version = 1\nuser = "{crowd_name(uid)}"\nuid = {uid}\nlocal = {str(local).lower()}\n'
        with owned_file(entry_of(uid), owner) as file:
            os.write(file, f'crc32 = "{zlib.crc32(text.encode()):08x}"\n{text}'.encode())


def entry_of(uid):
    return VAULT / "names" / hashlib.sha256(crowd_name(uid).encode()).hexdigest()


def crowd_name(uid):
    return f"crowd{uid}"


@contextmanager
def owned_file(path, owner):
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        os.fchown(file, *owner)
        yield file
    finally:
        os.close(file)


def remove_files(uids):
    for uid in uids:
        for path in (VAULT / "keys" / f"{uid}.toml", VAULT / "state" / str(uid), VAULT / "gone" / str(uid), entry_of(uid)):
            path.unlink(missing_ok=True)


@contextmanager
def accounts(uids):
    """A line in /etc/passwd for each, in one write; afterwards the file is as it was."""
    passwd = Path("/etc/passwd")
    before = passwd.read_text()
    passwd.write_text(before + "".join(f"{crowd_name(uid)}:x:{uid}:{uid}::/:/bin/sh\n" for uid in uids))
    try:
        yield
    finally:
        passwd.write_text(before)


@contextmanager
def crowd(user, count, first=FIRST_UID):
    """So many users besides those who are there, with accounts."""
    uids = range(first, first + count)
    with accounts(uids):
        try:
            make_files(user, uids)
            yield uids
        finally:
            remove_files(uids)  # before the accounts: the daemon would mark as gone those whose files are still there
