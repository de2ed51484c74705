"""Traces of a secret: its forms, and where they may be found on a disk and in a process."""

import base64
import os
import re
import stat
from contextlib import suppress
from pathlib import Path

# all that the machine's parts write; the tests' own programs and the machine's software are elsewhere
SEARCHED = ("/etc", "/var", "/run", "/tmp", "/home", "/root/.bash_history", "/dev/shm")
LARGEST = 64 << 20


def forms(key):
    """The secret as it could stand somewhere: name -> bytes."""
    text = key.base32.encode()
    return {
        "raw": key.secret,
        "base32": text,
        "lower base32": text.lower(),
        "base32 in groups": b" ".join(text[at : at + 4] for at in range(0, len(text), 4)),
        "hex": key.secret.hex().encode(),
        "upper hex": key.secret.hex().upper().encode(),
        "base64": base64.b64encode(key.secret).rstrip(b"="),
    }


def ends(secrets):
    """The rest of a piece of memory that was given back and not wiped: malloc notes its own things in the first 16 bytes."""
    return {f"{name}, the end": secret[16:] for name, secret in secrets.items() if len(secret) >= 24}


def on_disk(secrets, since=0):
    """Where they stand, in files that were changed since then."""
    found = []
    for path in searched_files():
        try:
            content = path.read_bytes() if path.stat().st_ctime >= since else b""
        except FileNotFoundError:  # it is gone
            continue
        found += [f"{name} in {path}" for name, secret in secrets.items() if secret in content]
    return found


def searched_files():
    for top in SEARCHED:
        for directory, _, names in os.walk(top):
            for name in names:
                path = Path(directory, name)
                with suppress(FileNotFoundError):  # it has gone meanwhile
                    if stat.S_ISREG((about := path.lstat()).st_mode) and about.st_size <= LARGEST:
                        yield path


def in_memory(pid, secrets):
    found = []
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            start, end, rights, name = re.match(r"(\w+)-(\w+) (\S+) \S+ \S+ \S+\s*(.*)", line).groups()
            if rights[0] != "r" or name.startswith("[v"):
                continue
            memory.seek(int(start, 16))
            try:
                content = memory.read(int(end, 16) - int(start, 16))
            except OSError:  # the stack of a thread that has just ended
                continue
            found += [f"{what} in {name or 'anonymous memory'}" for what, secret in secrets.items() if secret in content]
    return found
