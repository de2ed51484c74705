"""Help, refusals and tables on terminals of all sizes, with and without colours, as a person sees them."""

import re
import subprocess
from unicodedata import combining, east_asian_width

import pytest

from harness.machine import DAEMON, OTPCTL, run
from harness.terminal import Terminal

COLOURS = re.compile(r"\x1b\[[\d;]*m")
SIZES = [20, 40, 80, 132]


def at_width(command, columns, **env):
    """The exit status and the lines."""
    terminal = Terminal(command, columns=columns, env=env)
    status = terminal.ends()
    return status, terminal.transcript


def columns_of(line):
    return sum(0 if combining(letter) else 1 + (east_asian_width(letter) in "WF") for letter in line)


def fits_the_width(text, columns):
    """No line is longer, unless it is one word; none ends in blanks."""
    for line in COLOURS.sub("", text).splitlines():
        assert columns_of(line) <= columns or len(line.split()) == 1, (columns, line)
        assert line == line.rstrip(), (columns, line)


def command_lines(program=OTPCTL, *above):
    """Every command that help shows, by its words."""
    yield above
    text = run(program, *above, "--help").split("Options:")[0]
    for name in re.findall(r"^  ([a-z-]+) ", text, re.M):
        yield from command_lines(program, *above, name)


@pytest.mark.parametrize("columns", SIZES)
def test_every_help_fits_the_terminal_has_an_example_and_names_the_manual(machine, columns):
    every = [(OTPCTL, *words) for words in command_lines()] + [(DAEMON, *words) for words in command_lines(DAEMON)]
    assert len(every) > 35
    for words in every:
        status, text = at_width([*words, "--help"], columns)
        assert status == 0, text
        fits_the_width(text, columns)
        plain = " ".join(COLOURS.sub("", text).split())
        assert "Examples: " in plain and re.search(r" See otp(ctl\(1\)|-enrolld\(8\))\.$", plain), plain


@pytest.mark.parametrize("columns", SIZES)
def test_a_refusal_fits_the_terminal_and_can_be_copied(machine, columns):
    path = "/no/such/directory/with-a-long-name/otp.toml"
    status, text = at_width([OTPCTL, "config", "check", path], columns)
    assert status == 1 and "/no" in text
    fits_the_width(text, columns)
    status, text = at_width([OTPCTL, "status", "--no-such-option"], columns)
    assert status == 2
    fits_the_width(text, columns)
    assert "did you mean" not in text and "`otpctl status --help`" in " ".join(text.split())


def test_without_a_size_columns_counts_and_else_80(machine):
    for env, longest in [({}, 80), ({"COLUMNS": "33"}, 33), ({"COLUMNS": "wide"}, 80), ({"COLUMNS": "0"}, 80)]:
        lines = COLOURS.sub("", at_width([OTPCTL, "--help"], 0, **env)[1]).splitlines()
        assert longest - 12 < max(map(len, lines)) <= longest, env


def test_into_a_pipe_nothing_is_wrapped_or_coloured_but_help_is_laid_out(machine):
    text = run(OTPCTL, "--help")
    assert max(map(len, text.splitlines())) <= 80 and "\x1b" not in text
    refused = subprocess.run([OTPCTL, "invite", "alice", "--for", "soon"], capture_output=True, text=True, env={"COLUMNS": "20", "TERM": "xterm"})
    assert refused.stderr.count("\n") == 1 and "\x1b" not in refused.stderr


def test_colours_are_shown_only_where_they_are_wanted(machine):
    cases = [
        ({}, [], True),
        ({"NO_COLOR": "1"}, [], False),
        ({"NO_COLOR": ""}, [], True),
        ({"TERM": "dumb"}, [], False),
        ({"TERM": ""}, [], False),
        ({}, ["--color", "never"], False),
        ({"NO_COLOR": "1", "TERM": "dumb"}, ["--color=always"], True),
    ]
    for env, words, coloured in cases:
        for last in ["--help", "no-such-command"]:
            text = at_width([OTPCTL, *words, last], 80, **env)[1]
            assert ("\x1b" in text) == coloured, (env, words, last)
            assert COLOURS.sub("", text) == COLOURS.sub("", at_width([OTPCTL, last], 80)[1]), "the words are the same"
    assert "\x1b" in run(OTPCTL, "--color", "always", "--help")


@pytest.mark.parametrize("columns", SIZES)
def test_status_list_and_notices_fit_the_terminal(machine, enrolled, columns):
    user, _ = enrolled
    run(OTPCTL, "suspend", user.name)
    for words in [("status", user.name), ("list",), ("notices", user.name)]:
        status, text = at_width([OTPCTL, *words], columns)
        assert status == 0 and "suspended" in text, text
        fits_the_width(text, columns)


def test_a_mistyped_word_is_named_with_the_one_that_was_meant(machine):
    for words, meant in [(["enroll"], "enrol"), (["gate", "enabel"], "enable"), (["enrol", "--lable", "x"], "--label")]:
        status, text = at_width([OTPCTL, *words], 200)
        assert status == 2 and f"did you mean {meant}?" in text, text
