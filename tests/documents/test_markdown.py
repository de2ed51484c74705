"""In Markdown one paragraph, and one item of a list, is one line."""

import re

import pytest

from harness.machine import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"\s*```")
BEGINS = re.compile(r"\s*(?:#+ |[-*+] |\d+\. |\||>|<|```)")
COMPLETE = re.compile(r"\s*(?:#+ |\||<|```)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_paragraph_is_one_line(page):
    assert wrapped(page.read_text()) == []


def test_what_a_wrapped_line_is():
    assert wrapped("one\ntwo\n\n- item\n  more\n- next\n1. first\nlazy\n") == ["two", "  more", "lazy"]
    assert wrapped("---\nname: x\nkind: y\n---\n# Head\ntext\n\n| a |\n| b |\n\n    code\n\n    more\n    code\n\n```\nfenced\ncode\n```\ntext\n") == []


def wrapped(text):
    """The lines that only continue the line before."""
    found, before, code, fenced = [], "", False, False
    for line in re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S).splitlines():
        code = line.startswith("    ") and (code or not before.strip())
        if not (fenced or code or BEGINS.match(line) or COMPLETE.match(before)) and line.strip() and before.strip():
            found.append(line)
        fenced ^= bool(FENCE.match(line))
        before = line if not (fenced or code) else ""
    return found
