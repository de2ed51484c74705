"""Reads Rust source as far as the house rules need it: modules, imports between files, names of types, lengths.

It is no compiler: a path is followed by the module tree and the `use` lines alone, so names that a macro makes are not seen.
Code under `#[cfg(test)]` is the business of tests and counts nowhere but in the lines of whole files."""

import re
import tomllib
from dataclasses import dataclass, field
from typing import NamedTuple

TOKEN = re.compile(
    r"""
      (?P<blank>\s+|//[^\n]*)
    | (?P<block>/\*)
    | (?P<string>(?:b|c)?r(?P<hashes>\#*)".*?"(?P=hashes) | [bc]?"(?:[^"\\]|\\.)*")
    | (?P<char>b?'(?:[^'\\\n]|\\(?:x[0-9a-fA-F]{2}|u\{[^}]*\}|.))')
    | (?P<lifetime>'(?:r\#)?[^\W\d]\w*)
    | (?P<number>\d\w*(?:\.\d\w*)?)
    | (?P<name>(?:r\#)?[^\W\d]\w*)
    | (?P<sign>::|->|=>|.)
    """,
    re.X | re.S,
)
COMMENT_EDGE = re.compile(r"/\*|\*/")
WORDS = set(
    """as async await break const continue crate dyn else enum extern false fn for if impl in let loop match mod move mut pub ref
    return self Self static struct super trait true type unsafe use where while""".split()
)
ANCHORS = ("crate", "self", "super")
CLOSING = {"(": ")", "[": "]", "{": "}"}
BEFORE_ITEM = {"async", "const", "default", "extern", "pub", "unsafe"}  # words that may stand before the word that says what it is
BLOCKS = {"enum", "fn", "impl", "mod", "struct", "trait", "union"}
LINES = {"const", "crate", "let", "static", "type", "use"}  # `crate` as in `extern crate x;`
PATH_IN_TEXT = re.compile(r'"(\w+(?:::\w+)+)"')


class Token(NamedTuple):
    kind: str  # word (a keyword), name, string, char, lifetime, number, sign
    text: str  # a raw identifier stands here without its r#
    line: int


class Definition(NamedTuple):
    name: str
    file: str
    line: int


class Function(NamedTuple):
    name: str
    file: str
    line: int
    length: int


class Edge(NamedTuple):
    file: str
    line: int
    target: str
    written: str

    def __str__(self):
        return f"{self.file}:{self.line} -> {self.target} ({self.written})"


class Import(NamedTuple):
    """One leaf of a `use` tree; `name` is what it is called from now on, `*` for all that is there."""

    path: tuple
    name: str
    line: int
    public: bool

    @property
    def written(self):
        return "::".join(self.path + (("*",) if self.name == "*" else ()))

    def __str__(self):
        return f"line {self.line}: {self.written} as {self.name}"


class Stop(NamedTuple):
    """A module on the way of a path, and what is left of the path there."""

    module: "Module"
    rest: tuple


@dataclass(eq=False)
class Module:
    path: tuple
    file: str
    is_test: bool
    parent: "Module" = None
    children: dict = field(default_factory=dict)
    items: set = field(default_factory=set)  # names that are defined here
    imports: list = field(default_factory=list)
    inline: list = field(default_factory=list)  # (line, path) of every path in code
    names: set = field(default_factory=set)  # every identifier in its code

    def is_below(self, other):
        return self is not other and self.path[: len(other.path)] == other.path


# --- from text to tokens


def lex(text):
    """The tokens of a file, without blanks and comments."""
    tokens, at, line = [], 0, 1
    while at < len(text):
        found = TOKEN.match(text, at)
        kind, end = found.lastgroup, found.end()
        if kind == "block":
            end = end_of_comment(text, at)
        elif kind != "blank":
            tokens.append(token(kind, found[0], line))
        line += text.count("\n", at, end)
        at = end
    return tokens


def end_of_comment(text, start):
    """Block comments nest in Rust."""
    depth = 0
    for edge in COMMENT_EDGE.finditer(text, start):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(text)


def token(kind, text, line):
    if kind == "name" and text in WORDS:
        kind = "word"
    return Token(kind, text.removeprefix("r#") if kind == "name" else text, line)


class Source:
    """The tokens of one file, their brackets, and which of them are tests."""

    def __init__(self, text):
        self.tokens = lex(text)
        self.length = text.count("\n")
        self.match = {}  # index of an opening bracket -> index of its closing one
        self.around = []  # for each token the index of the bracket around it, -1 for none
        self.find_brackets()
        self.is_test = [False] * len(self.tokens)
        self.test_lines = set()
        self.find_tests()

    def text(self, at):
        return self.tokens[at].text if 0 <= at < len(self.tokens) and self.tokens[at].kind != "string" else ""

    def kind(self, at):
        return self.tokens[at].kind if 0 <= at < len(self.tokens) else ""

    def is_word(self, at, *words):
        return self.kind(at) == "word" and self.text(at) in words

    def find_brackets(self):
        opened = [-1]
        for at, one in enumerate(self.tokens):
            if one.kind == "sign" and one.text in ")]}" and len(opened) > 1:
                self.match[opened.pop()] = at
            self.around.append(opened[-1])
            if one.kind == "sign" and one.text in "([{":
                opened.append(at)

    def past(self, at):
        """The index behind the bracket that opens at `at`."""
        return self.match.get(at, len(self.tokens)) + 1

    def find_tests(self):
        at = 0
        while at < len(self.tokens):
            if self.text(at) != "#":
                at += 1
                continue
            start, at, tests, whole = at, *self.attributes(at)
            if tests:
                # an inner attribute speaks of all that is around it
                end = self.match.get(self.around[start], len(self.tokens)) if whole else self.end_of_item(at)
                self.mark(start, end)
                at = end

    def attributes(self, at):
        """Goes over the attributes from `at` on: (index behind them, do they make it a test, is that an inner one)."""
        tests = whole = False
        while self.text(at) == "#":
            inner = self.text(at + 1) == "!"
            opening = at + 1 + inner
            if self.text(opening) != "[":
                return at + 1, tests, whole
            if self.makes_test(opening):
                tests, whole = True, whole or inner
            elif self.text(opening + 1) == "cfg_attr" and self.names_test(opening + 3, self.first_comma(opening + 2)):
                self.mark(at, self.past(opening))
            at = self.past(opening)
        return at, tests, whole

    def first_comma(self, opening):
        inside = range(opening + 1, self.past(opening))
        return next((at for at in inside if self.text(at) == "," and self.around[at] == opening), opening)

    def makes_test(self, opening):
        name = self.text(opening + 1)
        if name == "test":
            return self.text(opening + 2) == "]"
        return name == "cfg" and self.names_test(opening + 3, self.past(opening) - 2)

    def names_test(self, at, end):
        """Does a condition hold in tests alone? `not(test)` is the product, and so is one of several in `any` without it."""
        if self.text(at) in ("any", "all") and self.text(at + 1) == "(":
            parts = [self.names_test(begin, stop) for begin, stop in self.parts(at + 1)]
            return bool(parts) and (all(parts) if self.text(at) == "any" else any(parts))
        return end - at == 1 and self.kind(at) == "name" and self.text(at) == "test"

    def parts(self, opening):
        """Where each of the conditions in a pair of brackets begins and ends."""
        closing, begin = self.past(opening) - 1, opening + 1
        commas = [at for at in range(begin, closing) if self.text(at) == "," and self.around[at] == opening]
        for stop in [*commas, closing]:
            if begin < stop:
                yield begin, stop
            begin = stop + 1

    def mark(self, start, end):
        self.is_test[start:end] = [True] * (min(end, len(self.tokens)) - start)
        last = self.tokens[min(end, len(self.tokens)) - 1].line
        self.test_lines.update(range(self.tokens[start].line, last + 1))

    def end_of_item(self, at):
        what = self.what_item(at)
        if what in LINES:
            return self.end_of_line(at)
        return self.end_of_block(at) if what in BLOCKS else self.end_of_part(at)

    def what_item(self, at):
        """The word that says what kind of item begins at `at`."""
        while self.text(at) in BEFORE_ITEM or self.kind(at) == "string":
            if self.is_word(at, "const") and self.text(at + 1) not in BEFORE_ITEM | {"fn"}:
                return "const"
            if self.is_word(at, "extern", "unsafe") and "{" in (self.text(at + 1), self.text(at + 2)):
                return "mod"  # extern "C" { ... } ends like a module
            at = self.past(at + 1) if self.text(at + 1) == "(" else at + 1
        return self.text(at)

    def end_of_line(self, at):
        while at < len(self.tokens) and self.text(at) != ";":
            at = self.past(at) if self.text(at) in CLOSING else at + 1
        return at + 1

    def end_of_block(self, at):
        while at < len(self.tokens) and self.text(at) not in (";", "{"):
            at = self.past(at) if self.text(at) in CLOSING else at + 1
        return self.past(at) if self.text(at) == "{" else at + 1

    def end_of_part(self, at):
        """The end of a field, a variant, an arm, a statement or a macro's call."""
        angles, has_type = 0, ":" in (self.text(at + 1), self.text(at + 2))
        while at < len(self.tokens):
            text = self.text(at)
            angles += has_type * ((text == "<") - (text == ">"))
            if text in (")", "]", "}"):
                return at
            if text == ";" or (text == "," and angles == 0):
                return at + 1
            at = self.past(at) if text in CLOSING else at + 1
            if text == "{":
                return at + (self.text(at) in (",", ";"))
        return at


# --- from tokens to modules


class Reader:
    """Takes down what one file says, inline modules included."""

    def __init__(self, crate, module, source):
        self.crate, self.source = crate, source
        self.scopes = [(-1, module)]  # (index of the opening brace, module)
        self.associating = set()  # braces of traits and impls: a `type` in them is no type of its own
        self.other_path = None  # what #[path = "..."] says of the next module

    def read(self):
        at = 0
        while at < len(self.source.tokens):
            while self.scopes[-1][0] >= 0 and at > self.source.match.get(self.scopes[-1][0], at):
                self.scopes.pop()
            at = self.step(at)

    def step(self, at):
        kind, text = self.source.kind(at), self.source.text(at)
        if text == "#" and self.source.text(at + 1) == "[":
            self.attribute(at + 1)
        elif kind == "word" and text == "mod" and self.source.kind(at + 1) == "name":
            return self.mod(at)
        elif kind in ("word", "name") and not self.is_test(at):
            return self.code(at)
        return at + 1

    def is_test(self, at):
        return self.source.is_test[at] or self.scopes[-1][1].is_test

    def attribute(self, opening):
        name = self.source.text(opening + 1)
        if name == "path":
            self.other_path = self.source.tokens[opening + 3].text.strip('"')
        if name == "serde" and not self.is_test(opening):  # it names functions in strings
            for one in self.source.tokens[opening : self.source.past(opening)]:
                found = one.kind == "string" and PATH_IN_TEXT.fullmatch(one.text)
                if found:
                    self.scopes[-1][1].inline.append((one.line, tuple(found[1].split("::"))))

    def mod(self, at):
        parent, name = self.scopes[-1][1], self.source.text(at + 1)
        module = Module((*parent.path, name), parent.file, self.is_test(at), parent)
        if not module.is_test or name not in parent.children:
            parent.children[name] = module
        other, self.other_path = self.other_path, None
        if self.source.text(at + 2) == "{":
            self.scopes.append((at + 2, module))
            self.crate.modules.append(module)
        else:
            inside = [scope.path[-1] for _, scope in self.scopes[1:]]
            self.crate.add_file(module, inside, other)
        return at + 3

    def code(self, at):
        text = self.source.text(at)
        if self.source.kind(at) == "word":
            if text == "use":
                return self.use(at)
            if text == "pub":
                return self.visibility(at)
            self.define(at)
        elif text == "union" and self.source.kind(at + 1) == "name":
            self.define(at)
        return self.path(at)

    def visibility(self, at):
        """Whom a thing is shown to is no import."""
        limited = self.source.text(at + 1) == "(" and self.source.is_word(at + 2, "in", *ANCHORS)
        if limited and (self.source.text(at + 2) == "in" or self.source.text(at + 3) == ")"):
            return self.source.past(at + 1)
        return at + 1

    def define(self, at):
        what = self.source.text(at)
        named = at + 1 + self.source.is_word(at + 1, "mut")
        if what in ("impl", "trait") and self.begins_item(at):
            self.associating.add(self.body(at))
        if self.source.kind(named) != "name" or what not in ("const", "enum", "fn", "static", "struct", "trait", "type", "union"):
            return
        opening, module = self.scopes[-1]
        name, line = self.source.text(named), self.source.tokens[at].line
        if self.source.around[at] == opening:
            module.items.add(name)
        if what == "fn":
            self.function(at, name)
        elif what not in ("const", "static") and self.source.around[at] not in self.associating:
            self.crate.types.append(Definition(name, module.file, line))

    def begins_item(self, at):
        """`impl` is also found in types."""
        return self.source.text(at) == "trait" or self.source.text(at - 1) in ("", ";", "{", "}", "]", "unsafe", "default")

    def body(self, at):
        """Index of the brace that opens the body of what begins at `at`; None if a semicolon ends it."""
        while at < len(self.source.tokens) and self.source.text(at) not in (";", "{"):
            at = self.source.past(at) if self.source.text(at) in CLOSING else at + 1
        return at if self.source.text(at) == "{" else None

    def function(self, at, name):
        body = self.body(at)
        if body is not None:
            first, last = self.source.tokens[at].line, self.source.tokens[self.source.past(body) - 1].line
            self.crate.functions.append(Function(name, self.scopes[-1][1].file, first, last - first + 1))

    def use(self, at):
        if self.source.text(at + 1) == "<":  # `impl Trait + use<'a>` captures, and imports nothing
            return at + 1
        before = at - 1
        if self.source.text(before) == ")":
            before = self.source.around[before - 1] - 1
        self.tree(at + 1, (), self.source.is_word(before, "pub"))
        return self.source.end_of_line(at)

    def tree(self, at, path, public):
        """Takes down one branch of a `use` tree; returns the index after it."""
        source, line = self.source, self.source.tokens[at].line
        while source.text(at) not in (",", ";", "}", "", "as"):
            if source.text(at) == "{":
                return self.branches(at, path, public)
            if source.text(at) == "*":
                self.scopes[-1][1].imports.append(Import(path, "*", line, public))
                return at + 1
            # a path that begins with :: names another crate, as an empty segment does here
            if source.text(at) != "::" or not path:
                path += (source.text(at).strip(":"),)
            at += 1
        if path[-1] == "self" and len(path) > 1:
            path = path[:-1]
        renamed = source.text(at) == "as"
        name = source.text(at + 1) if renamed else path[-1]
        self.scopes[-1][1].imports.append(Import(path, name, line, public))
        return at + 2 * renamed

    def branches(self, opening, path, public):
        at = opening + 1
        while at < self.source.match[opening]:
            at = self.tree(at, path, public)
            at += self.source.text(at) == ","
        return self.source.past(opening)

    def path(self, at):
        """Takes down a path of two segments or more; returns the index after it."""
        source, module, line = self.source, self.scopes[-1][1], self.source.tokens[at].line
        before = source.text(at - 1)
        segments = (source.text(at),)
        at += 1
        while source.text(at) == "::" and source.kind(at + 1) in ("name", "word"):
            segments += (source.text(at + 1),)
            at += 2
        if before in ("::", ".") or (before == "$" and segments[0] != "crate"):
            return at  # the rest of a type's path, a method, a macro's variable
        if before != "type":  # an associated type's own name
            module.names.add(segments[0])
        if len(segments) > 1:
            module.inline.append((line, segments))
        return at


class Crate:
    """One crate root and the modules below it."""

    def __init__(self, base, root):
        self.base, self.root_file = base, root
        self.modules, self.types, self.functions, self.sources = [], [], [], {}
        self.directories = {}  # file -> where its `mod x;` are looked for
        self.root = Module((), relative(root, base), False)
        self.read(self.root, root, root.parent)

    def add_file(self, module, inside, other):
        """Reads the file of `mod x;`, which is in the inline modules `inside`."""
        parent = self.base / module.parent.file
        directory = self.directories[module.parent.file].joinpath(*inside)
        if other:
            path = (directory if inside else parent.parent) / other
            below = path.parent
        else:
            flat, below = directory / f"{module.path[-1]}.rs", directory / module.path[-1]
            path = flat if flat.exists() else below / "mod.rs"
        self.read(module, path, below)

    def read(self, module, path, directory):
        module.file = relative(path, self.base)
        self.directories[module.file] = directory
        source = self.sources[module.file] = Source(path.read_text())
        module.is_test = module.is_test or (bool(source.is_test) and all(source.is_test))
        self.modules.append(module)
        Reader(self, module, source).read()

    @property
    def files(self):
        """Files that are not tests."""
        return sorted({module.file for module in self.modules if not module.is_test})

    def tree(self):
        return {"::".join(("crate", *module.path)): module.file for module in self.modules if not module.is_test}

    def edges(self):
        found = {edge for module in self.modules if not module.is_test for edge in edges_of(module)}
        return sorted(edge for edge in found if edge.target != edge.file)

    def circles(self):
        """Sets of files each of which leads to each other one, as the edges within them."""
        edges = self.edges()
        reach = {file: reachable(file, edges) for file in self.files}
        circles = {frozenset(other for other in reach[file] if file in reach[other]) for file in self.files if file in reach[file]}
        return [[edge for edge in edges if {edge.file, edge.target} <= circle] for circle in sorted(circles, key=sorted)]


def relative(path, base):
    path, base = path.resolve(), base.resolve()
    return str(path.relative_to(base)) if path.is_relative_to(base) else str(path)


def reachable(start, edges):
    below = {}
    for edge in edges:
        below.setdefault(edge.file, set()).add(edge.target)
    found, todo = set(), [start]
    while todo:
        new = below.get(todo.pop(), set()) - found
        found |= new
        todo += new
    return found


# --- from paths to files


def stops(module, path, seen=frozenset()):
    """The modules that a path leads through: the one of its longest prefix, then wherever re-exports pass it on to."""
    at, rest = module, tuple(path)
    entered = rest[0] in ANCHORS
    while rest and (rest[0] in ANCHORS or rest[0] in at.children):
        at, rest = enter(at, rest[0]), rest[1:]
        entered = True
        if at is None:
            return []
    found = [Stop(at, rest)] if entered else []
    return found + passed_on(at, rest, module, seen) if rest else found


def enter(module, segment):
    if segment == "self":
        return module
    if segment == "super":
        return module.parent
    if segment == "crate":
        return enter(module.parent, segment) if module.parent else module
    return module.children[segment]


def passed_on(module, rest, asker, seen):
    """Where the imports of `module` take a path on to. Only the modules below it see private items there."""
    name, found = rest[0], []
    if name in module.items or (module, name) in seen:
        return found
    seen = seen | {(module, name)}
    for one in module.imports:
        if not (one.public or asker is module or asker.is_below(module)):
            continue
        if one.name == name:
            found += stops(module, one.path + rest[1:], seen)
        elif one.name == "*":
            for target in modules_named(module, one.path, seen):
                found += found_in(target, rest, asker, seen)
    return found


def modules_named(module, path, seen=frozenset()):
    return [stop.module for stop in stops(module, path, seen) if not stop.rest]


def found_in(module, rest, asker, seen=frozenset()):
    """The stops of a path in a module that was imported with a star: none if the name is not there."""
    if rest[0] in module.items:
        return [Stop(module, rest)]
    if rest[0] in module.children:
        return stops(module.children[rest[0]], ("self", *rest[1:]), seen)
    beyond = passed_on(module, rest, asker, seen)
    return [Stop(module, rest), *beyond] if beyond else []


def edges_of(module):
    for one in module.imports:
        for target in targets_of_import(module, one):
            yield Edge(module.file, one.line, target.file, one.written)
    for line, path in module.inline:
        for target in targets_of_path(module, path):
            yield Edge(module.file, line, target.file, "::".join(path))


def targets_of_import(module, one):
    reached = [stop.module for stop in stops(module, one.path)]
    if one.public and reached and reached[0].is_below(module) and one.name not in module.names:
        return []  # a parent that shows what its own children hold, and makes no use of it
    if one.name == "*":
        own = module.items | set(module.children) | {other.name for other in module.imports}
        for target in modules_named(module, one.path):
            for name in module.names - own:
                reached += [stop.module for stop in found_in(target, (name,), module)]
    return reached


def targets_of_path(module, path):
    """A path that begins with an imported item adds nothing to the import."""
    if path[0] in ANCHORS or path[0] in module.children:
        return [stop.module for stop in stops(module, path)]
    heads = modules_named(module, path[:1])
    return [stop.module for head in heads for stop in found_in(head, path[1:], module) or [Stop(head, ())]]


# --- the whole tree


class Package:
    """A member of the workspace: a library, programs, or both."""

    def __init__(self, base, name):
        self.base, self.name, self.directory = base, name, base / name
        self.crates = [Crate(base, root) for root in self.roots()]
        self.sources = {}
        for crate in self.crates:
            self.sources.update(crate.sources)
        self.files = sorted(relative(path, base) for path in (self.directory / "src").rglob("*.rs"))

    def roots(self):
        about = tomllib.loads((self.directory / "Cargo.toml").read_text())
        named = [about.get("lib", {}).get("path", "src/lib.rs"), "src/main.rs"]
        named += [program["path"] for program in about.get("bin", []) if "path" in program]
        usual = [*self.directory.glob("src/bin/*.rs"), *self.directory.glob("src/bin/*/main.rs")]
        paths = {(self.directory / path).resolve() for path in named} | {path.resolve() for path in usual}
        return sorted(path for path in paths if path.exists())

    @property
    def unread(self):
        """Files below src that no `mod` leads to."""
        return [file for file in self.files if file not in self.sources]

    def lines(self):
        return sum(self.sources[file].length for file in self.files if file in self.sources)

    def code_lines(self):
        return sum(self.code_lengths().values())

    def code_lengths(self):
        """Lines of each file that is not a test, without the tests in it."""
        files = {file for crate in self.crates for file in crate.files}
        return {file: self.sources[file].length - len(self.sources[file].test_lines) for file in sorted(files)}

    def unsafe_places(self):
        """Wherever the keyword stands, tests included."""
        for file in self.files:
            for one in self.sources[file].tokens if file in self.sources else ():
                if one.kind == "word" and one.text == "unsafe":
                    yield f"{file}:{one.line}"


class Tree:
    """The packages of a workspace."""

    def __init__(self, base):
        about = tomllib.loads((base / "Cargo.toml").read_text())
        self.packages = [Package(base, name) for name in about["workspace"]["members"]]
        self.crates = [crate for package in self.packages for crate in package.crates]

    def edges(self):
        return [edge for crate in self.crates for edge in crate.edges()]

    def circles(self):
        return [circle for crate in self.crates for circle in crate.circles()]

    def functions(self):
        return sorted({function for crate in self.crates for function in crate.functions})

    def code_lengths(self):
        return {file: length for package in self.packages for file, length in package.code_lengths().items()}

    def types(self):
        """Each name with the places where a type is called so."""
        found = {}
        for crate in self.crates:
            for one in crate.types:
                found.setdefault(one.name, set()).add(f"{one.file}:{one.line}")
        return {name: sorted(places) for name, places in sorted(found.items())}

    def doubled_types(self):
        return {name: places for name, places in self.types().items() if len(places) > 1}

    def aliases(self):
        """Imports outside tests that give a thing another name; `as _` gives none."""
        modules = [module for crate in self.crates for module in crate.modules if not module.is_test]
        found = {one for module in modules for one in module.imports if one.name not in ("*", "_", one.path[-1])}
        return sorted(found, key=lambda one: (one.line, one.path))

    def shares(self):
        """The part of all lines that each package holds, tests included."""
        total = sum(package.lines() for package in self.packages)
        return {package.name: package.lines() / total for package in self.packages}
