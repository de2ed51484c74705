"""A new key on every kind of screen: the QR code, the key in letters and the question are there at the same time and the QR code is
read by two decoders, or it is left out and the reason is told."""

import re
import shlex
from contextlib import contextmanager

import pytest

from harness.console_font import FONTS, ConsoleFont
from harness.enrolment import spoken_code
from harness.hosts import HOSTS, gates, one_try_at_login, sshd
from harness.machine import CODE_PROMPT, OTPCTL, POLICY, as_user, key_of, otpctl, policy, write
from harness.otpctl import DONE, USAGE
from harness.prompts import APP_PROMPT, KEEP_PROMPT, enrolling, key_of_letters, key_on
from harness.screen import DARK, LIGHT, Pane, read_qr
from harness.terminal import Terminal
from harness.wait import until

THEMES = {"dark": DARK, "light": LIGHT}
CONSOLE = {"ink": (170, 170, 170), "paper": (0, 0, 0)}
SIZES = [(80, 24), (80, 25), (100, 30), (132, 43), (40, 20), (200, 60)]
EMULATOR, SERIAL, LINUX, ASCII = "TERM=tmux-256color", "TERM=vt220", "TERM=linux", "LC_ALL=C"
FULL_BLOCKS = "▀▄█"
LETTERS_SHOWN = re.compile(r"^ {0,4}([A-Z2-7]{4}(?: [A-Z2-7]{1,4})+)$", re.M)
LACK = re.compile(r"no QR code: it needs (?:(\d+) rows)?(?: and )?(?:(\d+) columns)?, this window has")


def pane_of(user, *variables, words=(), columns=80, rows=24):
    """Root's `otpctl enrol` in a window, up to its question."""
    command = shlex.join(["env", "-u", "NO_COLOR", *variables, str(OTPCTL), "enrol", user.name, *words])
    pane = Pane(f"any-{user.name}", command, columns=columns, rows=rows)
    pane.awaits(APP_PROMPT)
    return pane


def on_screen(pane):
    """The key in letters on the screen, above the question in the last line."""
    *above, last = [line.rstrip() for line in pane.text().splitlines() if line.strip()]
    assert last == APP_PROMPT.strip(), pane.text()
    (letters,) = LETTERS_SHOWN.findall(joined("\n".join(above[-3:])))
    return key_of_letters(letters)


def joined(text):
    """A key that took two lines."""
    return re.sub(r"(?<=[A-Z2-7]{4})\n *(?=[A-Z2-7]{1,4}\b)", " ", text)


def uri_of(pane):
    return re.search(r"otpauth://\S+", pane.history())[0]


def on_one_line(text):
    return " ".join(text.split())


def decoded(pane, tmp_path):
    """By theme, what the decoders find on the screen."""
    return {name: read_qr(pane.coloured(), theme, tmp_path / "screen.png") for name, theme in THEMES.items()}


def shows_again(pane):
    """Types nothing, and waits until it is asked again."""
    before = pane.history().count(APP_PROMPT.strip())
    pane.types("")
    until(lambda: pane.history().count(APP_PROMPT.strip()) > before, "the question again")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("kind", [EMULATOR, SERIAL, LINUX, ASCII])
def test_the_qr_code_is_whole_with_key_and_question_or_its_need_is_told(machine, user, tmp_path, kind, size):
    columns, rows = size
    with pane_of(user, kind, columns=columns, rows=rows) as pane:
        key, uri = on_screen(pane), uri_of(pane)
        assert key_of(uri).base32 == key.base32
        lack = LACK.search(on_one_line(pane.text()))
        if kind in (LINUX, ASCII):
            assert lack if rows < 41 else rows == 43 or not lack, pane.text()
        else:
            assert bool(lack) == (size == (40, 20)), pane.text()
        if lack:
            assert decoded(pane, tmp_path) == {"dark": [], "light": []}
            needed = [int(number or 0) for number in lack.groups()]
            assert needed[0] > rows or needed[1] > columns, pane.text()
            pane.becomes(max(columns, needed[1]), max(rows, needed[0]))
            shows_again(pane)
            assert on_screen(pane).base32 == key.base32
        assert decoded(pane, tmp_path) == {"dark": [uri], "light": [uri]}, pane.text()
        pane.types(key_of(uri).confirming)
        assert pane.ended() == DONE


@pytest.mark.parametrize("wish", [["--algorithm", "SHA512"], ["--label", "the phone in the drawer", "--digits", "8", "--period", "60"]], ids=" ".join)
def test_a_larger_qr_code_asks_for_a_larger_window_and_gets_it(machine, user, tmp_path, wish):
    with policy("issuer = '会議室 Ünïcödé GmbH'\n"), pane_of(user, EMULATOR, words=wish) as pane:
        key, uri = on_screen(pane), uri_of(pane)
        (rows, columns) = LACK.search(on_one_line(pane.text())).groups()
        assert int(rows) > 24 and columns is None
        pane.becomes(80, int(rows) - 1)
        shows_again(pane)
        assert decoded(pane, tmp_path) == {"dark": [], "light": []}
        pane.becomes(80, int(rows))
        shows_again(pane)
        assert on_screen(pane).base32 == key.base32
        assert decoded(pane, tmp_path) == {"dark": [uri], "light": [uri]}


def test_a_window_that_has_room_for_one_line_less_gets_none(machine, user, tmp_path):
    """The need that is told is the least: with a line less the head of the QR code would scroll off."""
    with pane_of(user, EMULATOR, rows=10) as pane:
        rows = int(LACK.search(on_one_line(pane.text()))[1])
        for height, shown in [(rows - 1, []), (rows, [uri_of(pane)])]:
            pane.becomes(80, height)
            shows_again(pane)
            assert decoded(pane, tmp_path) == {"dark": shown, "light": shown}


# in a font of the Linux console


@pytest.mark.parametrize("font", ["Lat15-Fixed16", "Uni2-VGA16", "Lat15-TerminusBold14", "Lat2-Terminus32x16", "CyrSlav-VGA8", "Thai-Fixed14"])
def test_on_a_linux_console_it_can_be_read_whatever_the_font(machine, user, tmp_path, font):
    with pane_of(user, LINUX, columns=128, rows=48) as pane:
        assert read_qr(pane.coloured(), CONSOLE, tmp_path / "screen.png", ConsoleFont(font)) == [uri_of(pane)]


def test_most_fonts_of_the_linux_console_would_not_show_half_blocks(machine, user, tmp_path):
    """Or the test above could not fail."""
    names = sorted(path.name.removesuffix(".psf.gz") for path in FONTS.glob("*.psf.gz"))
    lacking = [name for name in names if not ConsoleFont(name).has("▀▄")]
    assert len(lacking) > len(names) / 2
    with pane_of(user, EMULATOR, columns=128, rows=48) as pane:
        found = {name: read_qr(pane.coloured(), CONSOLE, tmp_path / "screen.png", ConsoleFont(name)) for name in ("Lat15-Fixed16", "FullGreek-Fixed16")}
        assert found == {"Lat15-Fixed16": [], "FullGreek-Fixed16": [uri_of(pane)]}


# what a locale may be called


def output_in(user, variables, *words, rows=60, columns=120):
    """The text that goes to a terminal until the question, and the terminal."""
    terminal = Terminal([OTPCTL, "enrol", user.name, *words], env=variables, rows=rows, columns=columns)
    terminal.awaits(APP_PROMPT)
    return terminal.transcript, terminal


@pytest.mark.parametrize("locale", [{}, {"LC_ALL": "C"}, {"LC_ALL": "POSIX", "LANG": "C.UTF-8"}, {"LC_CTYPE": "de_DE"}, {"LANG": "ja_JP.eucJP"}, {"LC_ALL": "", "LANG": "de_DE@euro"}], ids=str)
def test_where_the_locale_is_not_utf8_only_ascii_goes_out(machine, user, locale):
    shown, terminal = output_in(user, {"LC_ALL": "", **locale})
    assert shown.isascii() and "\x1b[48" in shown.replace("38;5;16;", "")
    terminal.types(key_of(re.search(r"otpauth://\S+", shown)[0]).confirming)
    assert terminal.ends() == DONE and terminal.transcript.isascii()


@pytest.mark.parametrize("locale", [{"LC_ALL": "C.UTF-8"}, {"LANG": "de_DE.utf8"}, {"LC_CTYPE": "UTF-8", "LANG": "C"}, {"LC_CTYPE": "ca_ES.UTF-8@valencia"}], ids=str)
def test_where_it_is_utf8_half_blocks_do(machine, user, locale):
    shown, terminal = output_in(user, {"LC_ALL": "", **locale})
    assert any(block in shown for block in FULL_BLOCKS)
    terminal.interrupts()


def test_names_are_spelt_out_where_the_locale_is_not_utf8(machine):
    for variables, shown in [({"LC_ALL": "C"}, "j\\u{f6}rg"), ({"LC_ALL": "C.UTF-8"}, "jörg")]:
        terminal = Terminal([OTPCTL, "status", "jörg"], env=variables)
        assert terminal.ends() != DONE
        assert f"no such user: {shown}" in terminal.transcript, terminal.transcript


# terminals without colours, without a size, and none at all


@pytest.mark.parametrize("kind", [["TERM=dumb"], ["TERM="], ["TERM=tmux-256color", "NO_COLOR=1"]], ids=" ".join)
def test_without_colours_no_escape_sequence_goes_out_and_enter_is_for_the_other_theme(machine, user, tmp_path, kind):
    with pane_of(user, *kind, columns=80, rows=24) as pane:
        uri = uri_of(pane)
        shown = []
        for theme in ("dark", "light", "dark"):
            shown.append(decoded(pane, tmp_path)[theme])
            shows_again(pane)
        assert shown == [[uri]] * 3
    # another user, because the daemon may still hold the key that the window has left
    variables = dict(one.split("=") for one in kind)
    transcript, terminal = output_in(machine.new_user(), variables, rows=24, columns=80)
    assert "\x1b" not in transcript and "█" in transcript
    terminal.interrupts()


def test_without_colours_and_without_half_blocks_the_reason_is_told(machine, user):
    shown, terminal = output_in(user, {"TERM": "dumb", "LC_ALL": "C"})
    assert "no QR code: the locale is not UTF-8, and TERM=dumb has no colours; start again with --png FILE" in on_one_line(shown)
    terminal.interrupts()


def test_a_terminal_that_tells_no_size_has_twenty_four_lines_of_eighty_columns(machine, user):
    shown, terminal = output_in(user, {"TERM": "vt220"}, rows=0, columns=0)
    lower = shown.split("scan the QR code")[1]
    assert "█" in lower and len(lower.splitlines()) <= 25
    terminal.interrupts()
    shown, terminal = output_in(machine.new_user(), {"TERM": "linux"}, rows=0, columns=0)
    assert re.search(r"no QR code: it needs \d+ rows.*, this terminal, whose size is unknown, may have 24.*; set its size with `stty rows N columns N`", on_one_line(shown))
    terminal.interrupts()


def test_a_pipe_gets_the_key_and_no_picture(machine, user):
    done = otpctl("enrol", "--registration-stdin", "--allow-pipe", stdin=f"{spoken_code(user)}\n", user=user)
    assert "no QR code: standard output is not a terminal; start again with --png FILE" in done.stdout
    assert LETTERS_SHOWN.search(done.stdout) and "otpauth://" in done.stdout
    assert done.stdout.isascii() and "\x1b" not in done.stdout


# --no-qr


@pytest.mark.parametrize("command", ["enrol", "add", "rotate"])
def test_no_qr_is_letters_and_address_and_nothing_to_look_at(machine, user, command):
    key = None if command == "enrol" else machine.enrol(user)
    words = {"enrol": [], "add": ["--label", "tablet"], "rotate": []}[command]
    terminal = Terminal([*as_user(user), OTPCTL, command, "--no-qr", *words])
    terminal.awaits(": ")
    terminal.types(key.first if key else spoken_code(user))
    terminal.awaits(APP_PROMPT)
    shown = terminal.transcript
    assert "type this key into the app:\n    " in shown and "QR code" not in shown
    assert not any(block in shown for block in FULL_BLOCKS) and "\x1b" not in shown
    terminal.types(key_of(re.search(r"otpauth://\S+", shown)[0]).confirming)
    assert terminal.ends() == DONE


def test_no_qr_and_json_exclude_each_other(machine, user):
    done = otpctl("enrol", user.name, "--json", "--allow-pipe", "--no-qr")
    assert done.returncode == USAGE and "--no-qr" in done.stderr and done.stdout == ""


# at a prompt of the module


@pytest.fixture(scope="module")
def prompting(machine):
    with one_try_at_login(), gates(machine), sshd(), enrolling(*(HOSTS[name].service for name in ("sudo", "ssh"))):
        yield


@contextmanager
def host_policy(line):
    """A line of the host's own, before the tables of services."""
    before = POLICY.read_text()
    write(POLICY, before.replace("version = 1\n", f"version = 1\n{line}", 1), 0o644)
    try:
        yield
    finally:
        write(POLICY, before, 0o644)


@pytest.mark.parametrize("name", ["sudo", "ssh"])
@pytest.mark.parametrize("kind", ["usual", "large"])
def test_at_a_prompt_qr_code_key_and_question_keep_to_twenty_four_lines(machine, prompting, user, tmp_path, name, kind):
    host = HOSTS[name]
    host.prepare(machine, user)
    issuer = "issuer = '会議室 Ünïcödé GmbH'\n" if kind == "large" else ""
    command = shlex.join(map(str, host.command(machine, user)))
    code = spoken_code(user)
    with Pane(f"prompt-any-{name}-{kind}", command, columns=80, rows=24) as pane:
        pane.awaits(CODE_PROMPT)
        with host_policy(issuer):
            pane.types(code)
            pane.awaits(APP_PROMPT)
        key = key_on(pane.text())
        found = read_qr(pane.coloured(), DARK, tmp_path / "screen.png")
        assert ("No QR code: with the question it takes" in pane.history()) == (kind == "large")
        assert [key_of(uri).base32 for uri in found] == ([] if kind == "large" else [key.base32]), pane.text()
        shows_again(pane)
        found = read_qr(pane.coloured(), LIGHT, tmp_path / "screen.png")
        assert [key_of(uri).base32 for uri in found] == ([] if kind == "large" else [key.base32]), pane.text()
        pane.types(key.confirming)
        pane.awaits(KEEP_PROMPT)
        pane.types("")
        assert pane.ended() == DONE, pane.text()
