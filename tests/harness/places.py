"""Putting something else in a file's place: each function makes one oddity at `path`, the true file being at `away`."""

import os
import re
import shutil
from contextlib import contextmanager
from pathlib import Path

from harness.machine import ACCOUNT


@contextmanager
def moved_away(path):
    away = path.with_name("away")
    path.rename(away)
    try:
        yield away
    finally:
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
        away.rename(path)


@contextmanager
def changed(path, mode=None, owner=None):
    before = path.stat()
    if mode is not None:
        path.chmod(mode)
    if owner is not None:
        shutil.chown(path, owner)
    try:
        yield
    finally:
        path.chmod(before.st_mode & 0o7777)
        os.chown(path, before.st_uid, before.st_gid)


@contextmanager
def accounts_in_files_alone():
    """Where another source follows, its "no such user" is the answer when /etc/passwd cannot be read."""
    switch = Path("/etc/nsswitch.conf")
    before = switch.read_text()
    switch.write_text(re.sub(r"(?m)^passwd:.*", "passwd: files", before))
    try:
        yield
    finally:
        switch.write_text(before)


def overwrite(path, content):
    """In place: the file stays the same inode, owner and mode."""
    with open(path, "r+b") as file:
        file.write(content)
        file.truncate()


def symlink(path, away):
    path.symlink_to(away)


def relative_symlink(path, away):
    path.symlink_to(away.name)


def dangling_symlink(path, away):
    path.symlink_to("nothing")


def hard_link(path, away):
    os.link(away, path)


def fifo(path, away):
    os.mkfifo(path, 0o600)
    shutil.chown(path, ACCOUNT, ACCOUNT)


def directory(path, away):
    path.mkdir(0o700)
    shutil.chown(path, ACCOUNT, ACCOUNT)


def device(path, away):
    os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))
    shutil.chown(path, ACCOUNT, ACCOUNT)


def missing(path, away):
    pass


def empty(path, away):
    copy(path, away)
    os.truncate(path, 0)


def hundred_megabytes(path, away):
    copy(path, away)
    os.truncate(path, 100 << 20)


# for every file of the vault
INTRUDERS = [symlink, relative_symlink, dangling_symlink, hard_link, fifo, directory, device, missing, empty, hundred_megabytes]


def hundred_megabytes_of_comment(path, away):
    copy(path, away)
    with open(path, "ab") as file:
        for _ in range(100):
            file.write(b"#" * (1 << 20))


def copy(path, away):
    """The same bytes, owner and mode in another inode, as from a backup."""
    shutil.copy2(away, path)
    shutil.chown(path, ACCOUNT, ACCOUNT)


SLOT = 4096
ZEROED = bytes(SLOT)


def with_slots(whole, *replaced):
    slots = [whole[:SLOT], whole[SLOT:]]
    for slot in replaced:
        slots[slot] = ZEROED
    return b"".join(slots)
