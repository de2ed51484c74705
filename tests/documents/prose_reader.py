"""Finds the project's prose: documents, man pages, comments, and texts in Rust and C strings. Wrapped lines are joined."""

import io
import os
import re
import tokenize
from bisect import bisect_right
from itertools import accumulate
from pathlib import Path

LEFT_OUT = {"target", "__pycache__", "tests/first-release"}
HIDDEN_BUT_OURS = {".cargo", ".ci"}  # other hidden folders are caches of tools

SENTENCE_ENDS = re.compile(r"[.!?][\"')]*\s+(?=[\"'(]*[A-Z])")

BLOCK_BEGINS = re.compile(r"\s*(?:#+ |[-*] |\d+\. |[A-Z]\d+  |```)")
ONE_LINE_BLOCK = re.compile(r"\s*(?:#+ |```)")
MARKUP = re.compile(r"^\s*(?:#+|[-*>]|\d+\.|[A-Z]\d+ ) |\]\([^)\s]*\)|[\[\]`]|\*\*")

COMMENT_OR_STRING = re.compile(
    r"""//[/!]?(?P<comment>[^\n]*)
      | /\*(?P<block>.*?)\*/
      | \bb?r(?P<hashes>\#*)"(?P<raw>.*?)"(?P=hashes)
      | "(?P<string>(?:\\.|[^"\\])*)"
      | '(?:\\'|\\[^'\n]+|[^'\\\n])'""",
    re.VERBOSE | re.DOTALL,
)
ESCAPE = re.compile(r"\\(?:u\{\w+\}|x\w\w|(?=[\"'])|.|$)")

STATEMENT_BEGINS = {tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
HASH_COMMENT = re.compile(r"(?:^|\s)#+(?!!)(.*)")

TROFF_HIDDEN = re.compile(r"\.(?:\\\"|D[dt]\b|Os\b)")
TROFF_BREAK = re.compile(r"\.(?:S[hs]|Pp|It|[BE][ld]|Dl|Nd)\b")
TROFF_MACRO = re.compile(r"^\.[A-Z][a-z]|\b(?:Ar|Cm|Dq|Dv|Em|Ev|Fl|Fn|Ic|Li|Nm|No|Ns|Op|Pa|Pq|Ql|Sx|Sy|Va|Xr)(?=\s|$)|\"|\\\(..|\\.")


class Paragraph:
    """The lines of one text, each with its number in the file."""

    def __init__(self, lines):
        lines = [(number, " ".join(text.split())) for number, text in lines if text.strip()]
        texts = [text for _, text in lines]
        self.numbers = [number for number, _ in lines]
        self.text = " ".join(texts)
        self.starts = [0, *accumulate(len(text) + 1 for text in texts[:-1])]

    def sentences(self):
        """Each sentence with its position in the text."""
        begin = 0
        for end in [*(found.end() for found in SENTENCE_ENDS.finditer(self.text)), len(self.text)]:
            yield begin, self.text[begin:end].rstrip()
            begin = end

    def line_at(self, position):
        return self.numbers[bisect_right(self.starts, position) - 1]


def prose_files(root):
    """The files below `root` that may hold prose: their paths from there."""
    for directory, below, names in os.walk(root):
        here = Path(directory).relative_to(root)
        below[:] = sorted(name for name in below if not {name, str(here / name)} & LEFT_OUT and (name[0] != "." or name in HIDDEN_BUT_OURS))
        yield from (here / name for name in sorted(names) if Path(name).suffix in ("", *READERS))


def paragraphs_of(path, text):
    """The paragraphs of a file."""
    reader = READERS.get(Path(path).suffix) or script_reader(text)
    return reader(text) if reader else ()


def script_reader(text):
    first = text.partition("\n")[0]
    if not first.startswith("#!"):
        return None
    return python if "python" in first else hash_comments


def markdown(text):
    return blocks(enumerate(text.splitlines(), 1))


def blocks(lines):
    """Paragraphs, headings, list items, numbered rules and table cells. An empty line ends each of them."""
    block = []
    for number, line in lines:
        if not line.strip() or BLOCK_BEGINS.match(line) or is_table_row(line):
            yield from flushed(block)
        if is_table_row(line):
            yield from (Paragraph([(number, plain(cell))]) for cell in line.strip(" |").split(" | "))
        elif line.strip():
            block.append((number, plain(line)))
        if ONE_LINE_BLOCK.match(line):
            yield from flushed(block)
    yield from flushed(block)


def is_table_row(line):
    return line.lstrip().startswith("|")


def plain(line):
    return MARKUP.sub("", line)


def flushed(block):
    if block:
        yield Paragraph(block)
        block.clear()


def man_page(text):
    block = []
    for number, line in enumerate(text.splitlines(), 1):
        if TROFF_HIDDEN.match(line):
            continue
        alone = TROFF_BREAK.match(line)
        if alone:
            yield from flushed(block)
        for cell in line.split(" Ta "):
            block.append((number, TROFF_MACRO.sub(" ", cell)))
            if alone:
                yield from flushed(block)
    yield from flushed(block)


def rust_or_c(text):
    comments = []
    for found in COMMENT_OR_STRING.finditer(text):
        begin = found.start()
        number = text.count("\n", 0, begin) + 1
        if found["comment"] is not None:
            before = text[text.rfind("\n", 0, begin) + 1 : begin]
            comments.append((number, found["comment"], not before.strip()))
        elif found["block"] is not None:
            yield from blocks(enumerate(found["block"].splitlines(), number))
        elif " " in (found["string"] or ""):
            yield from blocks(unescaped(number, found["string"]))
        elif " " in (found["raw"] or ""):
            yield from blocks(enumerate(found["raw"].splitlines(), number))
    yield from blocks(adjacent_joined(comments))


def unescaped(number, string):
    """The lines of a string literal; `\\n` ends a paragraph."""
    for place, line in enumerate(string.split("\n"), number):
        first, *others = line.split("\\n")
        yield place, ESCAPE.sub("", first)
        for other in others:
            yield place, ""
            yield place, ESCAPE.sub("", other)


def adjacent_joined(comments):
    """Lines for `blocks`: comments that have adjacent lines to themselves are one text."""
    last = None
    for number, text, alone in comments:
        if not alone or last != number - 1:
            yield number, ""
        yield number, text
        last = number if alone else None


def python(text):
    """Comments and docstrings."""
    comments = []
    before = tokenize.NEWLINE
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        number, column = token.start
        if token.type == tokenize.COMMENT:
            comments.append((number, token.string.lstrip("#"), not token.line[:column].strip()))
        elif token.type == tokenize.STRING and before in STATEMENT_BEGINS:
            yield from blocks(enumerate(token.string.lstrip("bfrBFR").strip("\"'").splitlines(), number))
        if token.type not in (tokenize.NL, tokenize.COMMENT):
            before = token.type
    yield from blocks(adjacent_joined(comments))


def hash_comments(text):
    """Comments of shell scripts and configuration, and what a script prints from `<<'TEXT'` to `TEXT`."""
    found, printing = [], False
    for number, line in enumerate(text.splitlines(), 1):
        if printing:
            printing = line != "TEXT"
            found.append((number, line if printing else "", True))
        elif comment := HASH_COMMENT.search(line):
            found.append((number, comment[1], comment.start() == 0))
        printing = printing or line.endswith("<<'TEXT'")
    return blocks(adjacent_joined(found))


READERS = {
    **dict.fromkeys((".md",), markdown),
    **dict.fromkeys((".1", ".5", ".8"), man_page),
    **dict.fromkeys((".rs", ".c", ".h"), rust_or_c),
    **dict.fromkeys((".py",), python),
    **dict.fromkeys((".toml", ".service", ".socket", ".path", ".conf", ".varlink"), hash_comments),
}
