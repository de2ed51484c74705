"""The shapes of docs/json.md: the notation of its tables, read, and values held to them."""

import re
from functools import cache

from harness.machine import ROOT

PAGE = ROOT / "docs/json.md"
INTERFACE = ROOT / "otp-protocol/src/interface/io.pam-otp.Otp1.varlink"
MOMENTS = ROOT / "otpctl/src/output/json.rs"
PLAIN = {"text": str, "number": int, "bool": bool, "object": dict}


class Mismatch(AssertionError):
    pass


def shapes_of(command):
    """The shapes that a command writes by the page: each of these."""
    return [shape(span) for span in spans(rows("Commands")[command])]


def commands():
    return set(rows("Commands"))


def rows(heading):
    """Of the table below a heading: the first cell to the second."""
    chapter = PAGE.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `([^`]+)` \| (.*) \|$", chapter, re.M))


def spans(cell):
    return re.findall(r"`(\{[^`]*\})`", cell)


def shape(text):
    words = re.findall(r'"[^"]+"|\w+|[][{},:?]', text)
    read = value(words)
    assert not words, (text, words)
    return read


def value(words):
    """Reads one: a word, ("list", X), ("members", {name: X}, [type]) or ("maybe", X)."""
    word = words.pop(0)
    if word == "[":
        read = ("list", value(words))
        assert words.pop(0) == "]"
    elif word == "{":
        read = members(words)
    else:
        read = word
    if words and words[0] == "?":
        words.pop(0)
        return ("maybe", read)
    return read


def members(words):
    named, whole = {}, []
    while True:
        word = words.pop(0)
        if word.startswith('"'):
            assert words.pop(0) == ":"
            named[word.strip('"')] = value(words)
        else:
            whole.append(word)
        if words.pop(0) == "}":
            return ("members", named, whole)


@cache
def known_types():
    known = {name: shape(spans(cell)[0]) for name, cell in rows("Types").items()}
    return {**of_the_interface(), **known}


@cache
def of_the_interface():
    """The types of the interface, as otpctl writes them."""
    moments = re.findall(r'"(\w+)"', re.search(r"MOMENTS: \[&str; \d+\] = \[(.*?)\]", MOMENTS.read_text(), re.S)[1])
    text = re.sub(r" *#.*", "", INTERFACE.read_text())

    def read(name, kind):
        if kind.startswith("?"):
            return ("maybe", read(name, kind[1:]))
        if kind.startswith("[]"):
            return ("list", read(name, kind[2:]))
        return {"string": "text", "int": "time" if name in moments else "number"}.get(kind, kind)

    found = {}
    for name, body in re.findall(r"^type (\w+) \(([^)]*)\)", text, re.M):
        found[name] = ("members", {field: read(field, kind) for field, kind in re.findall(r"(\w+): ([?\[\]\w]+)", body)}, [])
    return found


def members_of(wanted):
    """Every member of a shape of members, times twice."""
    _, named, whole = wanted
    all_of_them = {}
    for name in whole:
        all_of_them.update(members_of(known_types()[name]))
    for name, kind in named.items():
        all_of_them[name] = kind
        if kind == "time":
            all_of_them[f"{name}_utc"] = "moment"
        elif kind == ("maybe", "time"):
            all_of_them[f"{name}_utc"] = ("maybe", "moment")
    return all_of_them


def fits(found, wanted, path="$"):
    """Raises Mismatch where a value has not this shape."""
    if isinstance(wanted, str):
        if wanted in known_types():
            return fits(found, known_types()[wanted], path)
        if wanted == "moment":
            good = isinstance(found, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found)
        else:
            good = type(found) is PLAIN["number" if wanted == "time" else wanted]
        if not good:
            raise Mismatch(f"{path}: {found!r} is no {wanted}")
    elif wanted[0] == "maybe":
        if found is not None:
            fits(found, wanted[1], path)
    elif wanted[0] == "list":
        if not isinstance(found, list):
            raise Mismatch(f"{path}: {found!r} is no list")
        for number, one in enumerate(found):
            fits(one, wanted[1], f"{path}[{number}]")
    else:
        members_fit(found, members_of(wanted), path)


def members_fit(found, wanted, path):
    if not isinstance(found, dict):
        raise Mismatch(f"{path}: {found!r} is no object")
    needed = {name for name, kind in wanted.items() if kind[0] != "maybe"}
    if set(found) - set(wanted) or needed - set(found):
        raise Mismatch(f"{path}: has {sorted(set(found) - set(wanted))} too many, lacks {sorted(needed - set(found))}")
    for name, one in found.items():
        fits(one, wanted[name], f"{path}.{name}")


def fits_one_of(found, wanted):
    problems = []
    for one in wanted:
        try:
            return fits(found, one)
        except Mismatch as mismatch:
            problems.append(str(mismatch))
    raise Mismatch("\n".join(problems))
