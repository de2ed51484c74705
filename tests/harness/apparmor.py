"""AppArmor's rules for files, as apparmor_parser(8) lays them out, and the accesses in a trace that they have to allow."""

import os
import re
import subprocess
from typing import NamedTuple

from harness.machine import ROOT

PROFILES = ROOT / "packaging/apparmor/otp-enrolld"
RULE = re.compile(r'^\s*((?:(?:audit|allow|deny|owner|file)\s+)*)("[^"]*"|[/@]\S*)\s+([a-zA-Z]+)\s*,')


class FileRule(NamedTuple):
    denies: bool
    owners: bool  # only for the owner of the file
    path: str
    permissions: str
    pattern: re.Pattern

    def matches(self, path):
        return self.pattern.fullmatch(path) is not None


def file_rules(text, variables):
    """Those of one profile's text."""
    found = [RULE.match(line.split(" #")[0]) for line in text.splitlines()]
    parts = [(rule[1], rule[2].strip('"'), rule[3]) for rule in found if rule]
    return [FileRule("deny" in words, "owner" in words, path, permissions, compiled(path, variables)) for words, path, permissions in parts]


def preprocessed():
    """(the text of each profile by its name, with what it includes; the values of each variable)."""
    command = ["apparmor_parser", "--preprocess", "--quiet", PROFILES]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    variables = {name: values.split() for name, values in re.findall(r"^(@\{\w+\}) *\+?= *(.*)$", text, re.M)}
    blocks = re.findall(r"^profile (\S+)[^\n]*\{\n(.*?)^\}", text, re.M | re.S)
    return dict(blocks), variables


def compiled(path, variables):
    return re.compile("|".join(expression(re.sub("//+", "/", one)) for one in expanded(path, variables)))


def expanded(path, variables):
    """The path with each value of its variables, which may name others."""
    found = re.search(r"@\{\w+\}", path)
    if not found:
        return [path]
    return [one for value in variables[found[0]] for one in expanded(path.replace(found[0], value), variables)]


def expression(glob):
    """The regular expression of apparmor.d(5), Globbing. After a slash, `*` and `**` stand for one character at least."""
    out, depth, rest = "", 0, glob
    while rest:
        piece = re.match(r"\*\*|\[[^\]]*\]|\\.|.", rest)[0]
        rest = rest[len(piece) :]
        many = "+" if out.endswith("/") else "*"
        if piece == "{":
            depth, out = depth + 1, f"{out}(?:"
        elif piece == "}":
            depth, out = depth - 1, f"{out})"
        elif piece == "," and depth:
            out += "|"
        elif piece in ("*", "**"):
            out += {"*": "[^/]", "**": "."}[piece] + many
        else:
            out += {"?": "[^/]"}.get(piece) or (piece if piece[0] in "[\\" else re.escape(piece))
    return out.replace("/(?:/", "(?:/")


def not_allowed_accesses(rules, accesses, of_others):
    """`PERMISSIONS PATH` of each access that the rules do not allow to a program that does not own these paths."""
    common = [rule for rule in rules if not rule.owners]
    lacking = ((not_allowed(common if path in of_others else rules, path, wanted), path) for path, wanted in accesses)
    return sorted({f"{letters} {path}" for letters, path in lacking if letters})


def not_allowed(rules, path, wanted):
    granted = {letter for rule in rules if not rule.denies and rule.matches(path) for letter in rule.permissions}
    denied = {letter for rule in rules if rule.denies and rule.matches(path) for letter in rule.permissions}
    return "".join(letter for letter in wanted if letter not in granted - denied)


# what a traced program does


def accesses(log, program):
    """(path, permissions) of each successful call of the program in a log of `strace -f -y`, as the kernel asks AppArmor for
    them; what it starts has a profile of its own, or none."""
    begun, others = False, set()
    for task, name, arguments in completed(log.read_text(errors="replace").splitlines()):
        result = re.search(r" = (\d+|-1 ENXIO)(?:<(.*?)>)?(?: \(.*\))?$", arguments)
        if not result or task in others or "(deleted)" in arguments:
            continue
        if name == "execve" and arguments.startswith(f'"{program}"'):
            begun = True
        elif begun and name == "execve":
            others.add(task)
            yield re.match('"(.*?)"', arguments)[1], "x"
        elif begun:
            yield from asked_for(name, arguments, result[2])


def completed(lines):
    """(task, name, arguments with the result) of each call, put together where another task came in between."""
    begun = {}
    for line in lines:
        task, rest = line.split(None, 1)
        if rest.endswith("<unfinished ...>"):
            begun[task] = rest.removesuffix("<unfinished ...>").rstrip()
            continue
        if resumed := re.match(r"<\.\.\. \w+ resumed>(.*)", rest):
            rest = begun.pop(task, "") + resumed[1]
        if call := re.match(r"(\w+)\((.*)", rest):
            yield task, call[1], call[2]


def asked_for(name, arguments, opened):
    paths = [os.path.join(at, path) for at, path in re.findall(r'(?:(?:\d+|AT_FDCWD)<([^>]*)>, )?"([^"]*)"', arguments)]
    if name in ("open", "openat", "openat2", "creat"):
        if " = -1 ENXIO" in arguments:  # a device whose driver was asked after AppArmor
            yield paths[0], mode_of(arguments)
        elif opened and opened.startswith("/") and "O_PATH" not in arguments:
            yield as_directory(opened) if "O_DIRECTORY" in arguments else opened, mode_of(arguments)
    elif name in ("rename", "renameat", "renameat2"):
        yield from zip(paths, ("rw", "w"), strict=True)
    elif name in ("link", "linkat"):
        yield paths[1], "l"
    elif name in ("mkdir", "mkdirat"):
        yield as_directory(paths[0]), "w"
    elif name in ("unlink", "unlinkat", "chmod", "fchmodat", "chown", "fchownat", "truncate"):
        yield paths[0], "w"
    elif name in ("bind", "connect", "sendto", "sendmsg") and (socket := re.search(r'sun_path="(/[^"]*)"', arguments)):
        yield socket[1], "w"
    elif held := re.match(r"(?:\S+, )*?\d+<(/[^>]*)>", arguments):
        path = as_directory(held[1]) if os.path.isdir(held[1]) else held[1]
        if name in ("fchmod", "fchown", "ftruncate"):
            yield path, "w"
        elif name == "flock":
            yield path, "wk" if "LOCK_EX" in arguments else "k"
        elif name == "mmap" and "PROT_EXEC" in arguments:
            yield path, "m"


def as_directory(path):
    return path.rstrip("/") + "/"


def mode_of(flags):
    return "rw" if "O_RDWR" in flags else "w" if "O_WRONLY" in flags else "r"


TRACED = ["strace", "-D", "-f", "-y", "-qq", "-s", "256", "-e", "trace=%file,%network,mmap,flock,fchmod,fchown,ftruncate"]
