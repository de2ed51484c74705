"""The worst constructions in the project's prose: how often each may still appear, and where it does. Bounds only fall."""

import re
from collections import namedtuple
from pathlib import Path

from prose_reader import paragraphs_of, prose_files

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = {"tests/documents/prose.py", "tests/documents/test_prose.py"}  # they quote the constructions
SHOWN = 100  # characters on each side of a place

Place = namedtuple("Place", "file line text")
Construction = namedtuple("Construction", "name pattern instead bound")

# What may follow a double genitive ("a file of root's that ..."), and cannot be the noun of a plain one ("of root's shell").
FOLLOWERS = """that which who whose is are was were has have had can could cannot must may should in on at by from with to for
    as of if when not but than until before after it its alone only a the""".split()
NO_NOUN = rf"""(?=[.,;:)?!"]|$| (?:{"|".join(FOLLOWERS)})\b| (?:and|or) (?!\S*\s?\S+['’]s\b))"""
QUESTION = r".*\?\W*$"

# Mended a place? Lower the bound: the last number of the line.
CONSTRUCTIONS = [
    Construction(*row)
    for row in (
        ("headless-who", rf"^\W*(?-i:Who|Whoever|WHO|WHOEVER)\b(?=\W+\w)(?!{QUESTION})", '"Anyone who ..." or the actor: "The owner ..."', 0),
        ("headless-what", rf"^\W*(?-i:What|WHAT)\b(?=\W+\w)(?!{QUESTION})", 'the thing itself: "The daemon\'s answers"', 1),
        ("of-roots", rf"\bof (?:\w+ )?(?!(?:it|that|what|who|there|here)\b)\w+['’]s{NO_NOUN}", '"a root-owned process", "the daemon\'s thread"', 0),
        ("in-the-place-of", r"\bin the place of\b", '"instead of"', 0),
        ("anew", r"\banew\b", '"again"', 0),
        ("behind-it", r"(?<!clock )(?<!nobody )(?<!person )(?<!systemd )\bbehind it\b", '"after it"', 0),
        ("look-that", r"\blook(?:s|ed|ing)? that\b", '"check that"', 0),
        ("data-base", r"\bdata bases?\b", '"database"', 0),
        ("name-space", r"\bname spaces?\b", '"namespace"', 0),
        ("he", r"\b(?:he|him|his|himself)\b", '"they", "them", "their"', 0),
        ("bring-along", r"\b(?:bring|brings|bringing|brought) along\b", '"import"', 0),
        ("left-out-it-is", r"\bleft out, it is\b", '"defaults to"', 0),
        ("is-dead", r"(?<!daemon )(?<!process )\b(?:is|are) dead\b", '"no longer works"', 0),
        ("whoever-calls", r"\bwhoever calls\b", '"the caller"', 0),
        ("are-it-and", r"\bare it and\b", '"do the daemon and otpctl versions match?"', 0),
        ("farewell", r"\bthe farewell to\b", '"drops root privileges permanently"', 0),
        ("led-astray", r"\bbeing led astray\b", '"safe opening: no symlinks, trusted parents"', 0),
        ("is-meant", r"\bis meant\b(?! (?:to|for|as)\b)", '"accept", "is intended"', 0),
        ("restored-in-force", r"\bwhat was restored is in force\b", '"restore accepted"', 0),
        ("seen-often-enough", r"\bseen often enough\b", '"unread"', 0),
        ("for-because", r", for (?:it|he|she|they|there|that|nobody|somebody|everybody) \w+ \w", '"because"', 0),
        ("stands-in", r"\bstands? (?:there|in (?!for\b|(?:the|its|their) way\b))", '"is in", "is there"', 0),
        ("becomes-of", r"\bbecomes of\b", '"happens to"', 0),
        ("nothing-of", r"(?<!knows )(?<!asks )\bnothing of (?!ours\b|nothing\b)", '"none of", "nothing about"', 0),
    )
]
PATTERNS = {row.name: re.compile(row.pattern, re.IGNORECASE) for row in CONSTRUCTIONS}


def places(root=ROOT):
    """All places in the tree, in order, by the name of the construction."""
    found = {name: [] for name in PATTERNS}
    for path in prose_files(root):
        if str(path) not in LEFT_OUT:
            for name, line, text in places_in(path, (root / path).read_text(errors="replace")):
                found[name].append(Place(str(path), line, text))
    return {name: sorted(of_one) for name, of_one in found.items()}


def places_in(path, text):
    """The places in one file: name of the construction, line, and the words around it."""
    for paragraph in paragraphs_of(path, text):
        for begin, sentence in paragraph.sentences():
            for name, pattern in PATTERNS.items():
                for match in pattern.finditer(sentence):
                    yield name, paragraph.line_at(begin + match.start()), around(match)


def around(match):
    sentence, begin, end = match.string, max(match.start() - SHOWN, 0), match.end() + SHOWN
    return ("..." if begin else "") + sentence[begin:end] + ("..." if end < len(sentence) else "")


def complaint(construction, found):
    """What is wrong with these places of a construction; None if they are as many as its bound says."""
    name, _, instead, bound = construction
    if len(found) > bound:
        lines = [f"{name}: {len(found)} found, {bound} allowed; write {instead}"]
        return "\n".join([*lines, *(f"{place.file}:{place.line}: {place.text}" for place in found)])
    if len(found) < bound:
        return f"{name}: {len(found)} found, {bound} allowed; lower the bound to {len(found)} in tests/documents/prose.py"
    return None
