"""The project's prose sounds no more translated than it did, and the check sees what it is to see."""

import subprocess

import pytest
from prose import CONSTRUCTIONS, ROOT, Construction, Place, complaint, places, places_in
from prose_reader import paragraphs_of

EXAMPLES = {
    "headless-who": ["Who invites never sees it.", "Whoever reads it holds it.", "## Who may do what"],
    "headless-what": ["What was restored counts.", "It works. What is left is a ticket."],
    "of-roots": ["a file of root's that nobody reads", "a process of the daemon's.", "a page of somebody else's"],
    "in-the-place-of": ["A new key in the place of the old one."],
    "anew": ["Begin anew."],
    "behind-it": ["The code is one line behind it."],
    "look-that": ["**Look that `/etc/pam.d/sudo` exists.**"],
    "data-base": ["the user data base"],
    "name-space": ["in name spaces of its own"],
    "he": ["He asks.", "One tells him.", "A user has his key.", "for himself"],
    "bring-along": ["Bring along a key.", "a secret that is brought along"],
    "left-out-it-is": ["The user; left out, it is the caller"],
    "is-dead": ["The old set is dead.", "the old ones are dead"],
    "whoever-calls": ["the keys of whoever calls"],
    "are-it-and": ["are it and otpctl of the same version?"],
    "farewell": ["The farewell to root"],
    "led-astray": ["Opening without being led astray"],
    "is-meant": ["use --last if that is meant"],
    "restored-in-force": ["alice: what was restored is in force"],
    "seen-often-enough": ["what has not been seen often enough"],
    "for-because": ["It is wiped, for it may be secret."],
    "stands-in": ["The reason stands in the log.", "what else may stand there"],
    "becomes-of": ["all that becomes of a key"],
    "nothing-of": ["nothing of it is on disk"],
}
FINE = [
    "Who may do this, and who may not?",
    "| Who | What |",
    "Nobody knows what root's shell does.",
    "the end of the user's session, and the name of root's or the daemon's file",
    "a clock behind it",
    "the daemon is dead",
    "It is meant to be read.",
    "a table, for somebody else",
    "It stands in for a terminal; nothing stands in the way.",
    "This is here. The history of these sheets.",
]


def names(path, text):
    return [name for name, _, _ in places_in(path, text)]


def texts(path, text):
    return [paragraph.text for paragraph in paragraphs_of(path, text)]


@pytest.fixture(scope="module")
def found():
    return places()


@pytest.mark.parametrize("construction", CONSTRUCTIONS, ids=lambda construction: construction.name)
def test_a_bad_construction_only_gets_rarer(found, construction):
    wrong = complaint(construction, found[construction.name])
    if wrong:
        pytest.fail(wrong, pytrace=False)


@pytest.mark.parametrize("name", [construction.name for construction in CONSTRUCTIONS])
def test_each_construction_is_found(name):
    assert [names("page.md", example) for example in EXAMPLES[name]] == [[name]] * len(EXAMPLES[name])


@pytest.mark.parametrize("text", FINE)
def test_good_english_is_not_found(text):
    assert names("page.md", text) == []


def test_one_place_too_many_names_all_of_them_and_one_too_few_the_new_bound():
    construction = Construction("anew", "anew", '"again"', 2)
    place = Place("docs/page.md", 7, "Begin anew.")
    assert complaint(construction, [place] * 2) is None
    too_many = complaint(construction, [place] * 3)
    assert '3 found, 2 allowed; write "again"' in too_many
    assert too_many.count("docs/page.md:7: Begin anew.") == 3
    assert "lower the bound to 1 in tests/documents/prose.py" in complaint(construction, [place])


def test_every_kind_of_file_is_read_and_old_releases_and_builds_are_not(tmp_path):
    kinds = {
        "README.md": "Begin anew.",
        "docs/page.md": "Begin anew.",
        "packaging/man/otpctl.1": "Begin anew.",
        "packaging/systemd/a.service": "# Begin anew.",
        "packaging/script": "#!/bin/sh\n# Begin anew.",
        "tests/tool": "#!/usr/bin/python3\n'''Begin anew.'''",
        "tests/hosts/host.c": "/* Begin anew. */",
        "otp-core/src/lib.rs": "//! Begin anew.",
    }
    left_out = ["LICENSE-MIT", "target/a.md", "tests/panicking/target/a.md", ".git/a.md", ".venv/a.md", "tests/first-release/a.md", "tests/documents/prose.py"]
    for path, text in {**kinds, **dict.fromkeys(left_out, "Begin anew.")}.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert {place.file for place in places(tmp_path)["anew"]} == kinds.keys()


def test_the_command_shows_counts_and_places(found):
    def says(*options):
        return subprocess.run([ROOT / "tests/prose", *options], check=True, capture_output=True, text=True).stdout

    counts = says()
    for construction in CONSTRUCTIONS:
        assert f"{len(found[construction.name])} {construction.bound:5}  {construction.name}: write" in counts
    assert "NAME" in says("--help")
    name = CONSTRUCTIONS[0].name
    assert says(name).splitlines() == [f"{place.file}:{place.line}: {place.text}" for place in found[name]]


def test_the_prose_of_this_project_is_there():
    for path in ("README.md", "docs/architecture.md", "packaging/man/otpctl.1", "otp-core/src/lib.rs", "tests/conftest.py", "tests/run"):
        assert texts(path, (ROOT / path).read_text()), path


def test_a_sentence_that_wraps_is_one_and_its_place_is_the_line_where_the_construction_begins():
    wrapped = {
        "page.md": "First line.\nA key in the\nplace of another.",
        "a.rs": "// First line.\n    // A key in the\n    // place of another.",
        "b.rs": "/// First line.\n/// A key in the\n/// place of another.",
        "c.rs": '"first line \\\n  in the \\\n   place of another"',
        "a.py": "# First line.\n# A key in the\n# place of another.",
        "b.py": '"""First line.\nA key in the\nplace of another."""',
        "a.conf": "# First line.\n# A key in the\n# place of another.",
        "a.8": "First line.\nA key in the\nplace of another.",
    }
    for path, text in wrapped.items():
        assert [(name, line) for name, line, _ in places_in(path, text)] == [("in-the-place-of", 2)], path


def test_a_question_over_two_lines_is_a_question():
    assert names("a.rs", "// Who may\n// do this?") == []
    assert names("a.rs", "// Who may\n// does this. May they?") == ["headless-who"]


def test_separate_comments_paragraphs_and_cells_are_not_joined():
    for path, text in {
        "a.rs": "// in the\nlet a = 1;\n// place of",
        "b.rs": "a(); // in the\nb(); // place of",
        "c.rs": '"in the\\nplace of"',
        "a.md": "- in the\n- place of",
        "b.md": "| in the | place of |",
        "c.md": "in the\n\nplace of",
        "a.1": "in the\n.Pp\nplace of",
    }.items():
        assert names(path, text) == [], path


def test_in_rust_only_comments_and_strings_with_a_blank_are_prose():
    source = r"""
        let he = 'h'; // a comment
        fn f<'a>(x: &'a str, quote: char) -> bool { x == "anew" || quote == '"' || quote == '\'' }
        const A: &str = "a \"quoted\" text // no comment";
        const B: &[u8] = br#"a "raw" text"#; /* a block */
        const C: &str = "no-blank";
    """
    assert sorted(texts("a.rs", source)) == ['a "quoted" text // no comment', 'a "raw" text', "a block", "a comment"]


def test_in_python_only_comments_and_docstrings_are_prose():
    source = '"""A module."""\nhe = "he himself"  # a comment\n\n\ndef f():\n    r"""read by a user"""\n    return "his # own"\n'
    assert sorted(texts("a.py", source)) == ["A module.", "a comment", "read by a user"]


def test_in_a_script_comments_and_the_help_are_prose():
    source = "#!/bin/bash\nhe=$# # a comment\ncat <<'TEXT'\nusage: run\nTEXT\necho ${he#his}\n"
    assert texts("run", source) == ["a comment", "usage: run"]


def test_of_a_man_page_the_text_is_left_without_macros():
    page = (
        '.\\" a comment\n.Dd today\n.Sh THE KEY\nThe file\n.Pa /etc/otp\nis read by\n.Xr otpctl 1 ,\n.Nm\nand others.\n.It Fl a Ns Ar B\nsays\\ so\n'
    )
    assert texts("a.1", page) == ["THE KEY", "The file /etc/otp is read by otpctl 1 , and others.", "a B", "says so"]
