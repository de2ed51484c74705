"""Examples of `otp.toml`: each that the documents show is kept in tests/first-release/policies, and read for ever from then on."""

import re
import tomllib

from harness.machine import ROOT

KEPT = ROOT / "tests/first-release/policies"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MANUAL = ROOT / "packaging/man/otp.toml.5"


def policies_shown():
    """Every block of a policy: fenced, or with a table of a service in it; in the man page all displays."""
    for page in PAGES:
        text = page.read_text()
        yield from re.findall(r"^```toml\n(.*?)^```", text, re.M | re.S)
        indented = (re.sub(r"^ +", "", block, flags=re.M) for block in re.findall(r"(?:^    .*\n)+", text, re.M))
        yield from (block for block in indented if re.match(r"\[service\.", block))
    displays = re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed", MANUAL.read_text(), re.M | re.S)
    yield from (text.replace(r"\&", "").replace(r"\-", "-") for text in displays)


def is_toml(text):
    try:
        return bool(tomllib.loads(text))
    except tomllib.TOMLDecodeError:
        return False


def test_every_example_of_a_policy_in_the_documents_is_kept():
    kept = {path.read_text().split("\n", 1)[1] for path in KEPT.glob("*.toml")}
    shown = [text for text in policies_shown() if is_toml(text)]
    assert len(shown) >= 9 and [text for text in shown if text not in kept] == []
