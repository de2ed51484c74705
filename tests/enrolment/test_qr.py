"""The QR code as a phone sees it, and the address in it as the phone apps read it."""

import os
import re
import socket
import time
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from harness.machine import AUTH_ERR, POLICY, SERVICE_ERR, SUCCESS, default_policy, key_of, otpctl, policy, run, write
from harness.qr_readers import read_image
from harness.screen import DARK, LIGHT, Pane, read_qr
from harness.totp import unbase32
from harness.wire import Client

THEMES = {"dark": DARK, "light": LIGHT}
WISHES = {
    "ordinary": [],
    "long": ["--algorithm", "SHA512", "--digits", "8", "--period", "60", "--label", "the phone in the drawer"],
}


@pytest.mark.parametrize("wish", WISHES)
@pytest.mark.parametrize("theme", THEMES)
def test_the_code_on_the_screen_reads_as_the_address_printed_below(machine, user, tmp_path, theme, wish):
    with Pane(f"qr-{theme}", " ".join(["otpctl", "enrol", user.name, *(f"'{word}'" for word in WISHES[wish])]), columns=240) as pane:
        key = machine.read_screen(pane)
        assert read_qr(pane.coloured(), THEMES[theme], tmp_path / "screen.png") == [key.uri]
        pane.types(key.confirming)
        assert pane.ended() == 0
    assert machine.ask("otp", user, key.first)[0] == SUCCESS


def read_picture(path, tmp_path):
    """The texts of the QR codes in an image file, by tools of others."""
    if path.suffix == ".svg":
        run("rsvg-convert", "-o", tmp_path / "drawn.png", path)
        path = tmp_path / "drawn.png"
    return read_image(path)


@pytest.mark.parametrize("wish", WISHES)
def test_the_picture_files_read_as_the_address_on_the_screen(machine, user, tmp_path, wish):
    svg, png = tmp_path / "key.svg", tmp_path / "key.png"
    with Pane("qr-file", " ".join(["otpctl", "enrol", user.name, "--svg", str(svg), "--png", str(png), *(f"'{word}'" for word in WISHES[wish])]), columns=240) as pane:
        key = machine.enrol_on_screen(pane)
        for path in (svg, png):
            assert f"{path} holds the key: anyone who reads it can make codes; delete it when it has been scanned" in pane.text()
    for path in (svg, png):
        assert read_picture(path, tmp_path) == [key.uri]
        assert (path.stat().st_mode & 0o7777, path.stat().st_uid) == (0o600, 0)


def test_a_picture_file_goes_with_a_key_that_is_not_stored(machine, user, tmp_path):
    done = otpctl("enrol", user.name, "--json", "--allow-pipe", "--png", tmp_path / "key.png", stdin="000000\n")
    assert done.returncode == 1 and not user.key_file.exists()
    assert list(tmp_path.iterdir()) == []


def taken_by(kind, path, mine):
    mine.write_text("mine")
    match kind:
        case "file":
            path.write_text("mine")
        case "link":
            path.symlink_to(mine)
        case "dangling link":
            path.symlink_to(path.with_name("new"))
        case "hard link":
            path.hardlink_to(mine)
        case "directory":
            path.mkdir()
        case "fifo":
            os.mkfifo(path)


@pytest.mark.parametrize("kind", ["file", "link", "dangling link", "hard link", "directory", "fifo"])
def test_a_picture_file_never_takes_the_place_of_anything(machine, user, tmp_path, kind):
    path, mine = tmp_path / "key.svg", tmp_path / "mine"
    taken_by(kind, path, mine)
    before = {entry.name: entry.lstat().st_ino for entry in tmp_path.iterdir()}
    done = otpctl("enrol", user.name, "--json", "--allow-pipe", "--svg", path, stdin="")
    assert done.returncode == 2 and "not overwritten" in done.stderr
    assert done.stdout == "" and mine.read_text() == "mine"
    assert {entry.name: entry.lstat().st_ino for entry in tmp_path.iterdir()} == before


def test_unusual_values_name_the_apps_that_ignore_them(machine, user):
    with Pane("qr-apps", f"otpctl enrol {user.name} --algorithm SHA256 --digits 8", columns=240) as pane:
        machine.read_screen(pane)
        text = pane.text()
        pane.interrupts()
        pane.ended()
    assert re.search("SHA256 is ignored by Google Authenticator.* then show codes that are refused", text)
    assert "a code of 8 digits is ignored by" in text and "a period of" not in text


def test_the_reader_of_screens_does_not_find_a_code_without_its_colours(machine, user, tmp_path):
    """Else the test above could not fail for a code drawn in the terminal's own colours."""
    with Pane("qr-plain", f"otpctl enrol {user.name}", columns=240) as pane:
        machine.read_screen(pane)
        found = [read_qr(pane.text(), theme, tmp_path / "screen.png") for theme in THEMES.values()]
        pane.interrupts()
        pane.ended()
    assert [] in found


def test_the_ordinary_code_fits_a_terminal_of_eighty_columns(machine, user, tmp_path):
    with Pane("qr-80", f"otpctl enrol {user.name}", columns=80, rows=50) as pane:
        key = machine.read_screen(pane)
        assert read_qr(pane.coloured(), DARK, tmp_path / "screen.png") == [key.uri]
        pane.interrupts()
        pane.ended()


# what the apps read (their parsers' rules)


@pytest.fixture(params=["lab", "Example Ltd", "A&B=C?D#E/F%G+H", "Ünïcödé GmbH"])
def issuer(request):
    return request.param


def uri_under(machine, issuer, host="web1", **wishes):
    text = f"version = 1\nissuer = '{issuer}'\nhost = '{host}'\n"
    with machine.policy(text):
        user = machine.new_user()
        with Client() as client:
            return user, client.call("BeginEnrolment", user=user.name, **wishes)["enrolment"]


def label_of(uri):
    return unquote(urlsplit(uri).path.removeprefix("/"), errors="strict")


def test_google_authenticator_finds_issuer_secret_and_account(machine, issuer):
    user, enrolment = uri_under(machine, issuer)
    parts = urlsplit(enrolment["uri"])
    asked = dict(parse_qsl(parts.query, strict_parsing=True))
    assert (parts.scheme, parts.netloc, parts.fragment) == ("otpauth", "totp", "")
    assert label_of(enrolment["uri"]) == f"{user.name}@web1"
    assert asked["issuer"] == issuer and asked["secret"] == enrolment["secret"]


def test_freeotp_finds_no_second_issuer_before_a_colon_and_a_secret_of_sixteen_bytes_or_more(machine, issuer):
    _, enrolment = uri_under(machine, issuer)
    assert ":" not in label_of(enrolment["uri"])
    assert len(unbase32(enrolment["secret"])) >= 16


def test_aegis_finds_no_colon_to_cut_the_account_at_and_one_issuer(machine, issuer):
    _, enrolment = uri_under(machine, issuer)
    pairs = parse_qsl(urlsplit(enrolment["uri"]).query)
    assert ":" not in unquote(label_of(enrolment["uri"])) and [value for name, value in pairs if name == "issuer"] == [issuer]


# an app tells its entries apart by issuer and account


@pytest.mark.parametrize(("label", "more"), [(None, ""), ("phone", ""), ("tablet", " tablet"), ("my 2nd @.-_ one", " my 2nd @.-_ one")])
def test_the_account_names_user_host_and_any_label_but_the_usual_one(machine, label, more):
    wishes = {} if label is None else {"label": label}
    user, enrolment = uri_under(machine, "lab", **wishes)
    assert label_of(enrolment["uri"]) == f"{user.name}@web1{more}"


@pytest.mark.parametrize("host", ["web1", "web1.example.org", "b\u00fcro", "a+b&c?d#e/f%g", "x" * 64])
def test_the_host_is_that_of_the_policy_whatever_it_is_called(machine, host):
    user, enrolment = uri_under(machine, "lab", host)
    assert label_of(enrolment["uri"]) == f"{user.name}@{host}"
    assert urlsplit(enrolment["uri"]).path.count("/") == 1 and "+" not in enrolment["uri"]


def test_without_a_policy_the_machine_gives_its_name_to_both(machine, user):
    with machine.policy("version = 1\n"), Client() as client:
        uri = client.call("BeginEnrolment", user=user.name)["enrolment"]["uri"]
    asked, name = dict(parse_qsl(urlsplit(uri).query)), socket.gethostname()
    assert label_of(uri) == f"{user.name}@{name}" and asked["issuer"] == name


def test_two_devices_two_hosts_and_a_rotation_are_told_apart_as_far_as_apps_can(machine):
    """One more device and another host are entries of their own; the key that takes the place of another has its name."""
    user, phone = uri_under(machine, "lab")
    _, tablet = uri_under(machine, "lab", label="tablet")
    _, elsewhere = uri_under(machine, "lab", "web2")
    entries = {label_of(one["uri"]).replace(one["user"], user.name) for one in (phone, tablet, elsewhere)}
    assert len(entries) == 3


@pytest.mark.parametrize(
    ("issuer", "kept"),
    [("\u00fc" * 17, "\u00fc" * 16), ("\u65e5\u672c" * 16, "\u65e5\u672c" * 5), ("a" * 31 + "\u00fc", "a" * 31), ("a" * 30 + " \u00fc", "a" * 30)],
)
def test_a_long_issuer_is_cut_at_a_character_and_config_check_says_so_with_its_line(machine, issuer, kept):
    _, enrolment = uri_under(machine, issuer)
    assert dict(parse_qsl(urlsplit(enrolment["uri"]).query))["issuer"] == kept
    with policy(f"issuer = '{issuer}'\n"):
        said = otpctl("config", "check").stderr
    assert f"note: {POLICY}: line 3, column 10: issuer has {len(issuer.encode())} bytes; apps are given the first {len(kept.encode())}" in said, said


@pytest.mark.parametrize("host", ["", "a:b", "alice@web1", "web 1", "x" * 65])
def test_a_host_that_no_app_could_show_is_refused_with_its_line(machine, host):
    with policy(f"host = '{host}'\n"):
        done = otpctl("config", "check")
    assert done.returncode == 1 and f"line 3, column 8: host is \"{host}\"; wanted 1 to 64 bytes" in done.stderr, done.stderr


def test_oathtool_and_a_reader_of_addresses_agree_about_a_key_with_an_odd_name(machine):
    """The address as Python's own reader and zbar have it, the codes as oathtool makes them."""
    user, enrolment = uri_under(machine, "S\u00f6hne & Co+", "b\u00fcro", label="my tablet")
    asked = dict(parse_qsl(urlsplit(enrolment["uri"]).query, strict_parsing=True))
    key = key_of(enrolment["uri"])
    step = int(time.time()) // 30
    (shown,) = run("oathtool", "--totp", "--base32", f"--now=@{step * 30}", asked["secret"]).split()
    assert shown == key.code(step) and label_of(enrolment["uri"]) == f"{user.name}@b\u00fcro my tablet"


def test_the_secret_is_upper_case_base32_without_padding(machine):
    for algorithm in ("SHA1", "SHA256", "SHA512"):
        _, enrolment = uri_under(machine, "lab", algorithm=algorithm)
        assert set(enrolment["secret"]) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")


def test_algorithm_digits_and_period_are_always_named(machine):
    for wish in ({}, {"algorithm": "SHA256", "digits": 7, "period": 45}):
        _, enrolment = uri_under(machine, "lab", **wish)
        pairs = parse_qsl(urlsplit(enrolment["uri"]).query, strict_parsing=True)
        assert len(dict(pairs)) == len(pairs) == 5
        asked = dict(pairs)
        assert (asked["algorithm"], int(asked["digits"]), int(asked["period"])) == (enrolment["algorithm"], enrolment["digits"], enrolment["period"])


def test_blanks_are_percent_20_and_never_a_plus(machine):
    """Half of the apps show a plus as a plus."""
    _, enrolment = uri_under(machine, "Example Ltd")
    assert "Example%20Ltd" in enrolment["uri"] and "+" not in enrolment["uri"]


def test_every_sign_of_the_address_is_printable_ascii_that_rfc_3986_allows(machine, issuer):
    _, enrolment = uri_under(machine, issuer)
    allowed = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?=&%@")
    assert set(enrolment["uri"]) <= allowed


@pytest.mark.parametrize("issuer", ["a:b", "", "a\\nb"])
def test_an_issuer_that_would_break_the_label_is_refused_by_the_policy(machine, issuer, enrolled):
    user, key = enrolled
    write(POLICY, f'version = 1\nadmin_enrol = true\nissuer = "{issuer}"\n', 0o644)
    try:
        assert machine.ask("otp", user, key.first)[0] == SERVICE_ERR
    finally:
        default_policy()


def test_a_code_of_the_address_read_by_another_implementation_opens(machine, user):
    key = machine.enrol(user)
    again = key_of(key.uri)
    again.step = key.step
    assert machine.ask("otp", user, again.first)[0] == SUCCESS
    assert machine.ask("otp", user, again.first)[0] == AUTH_ERR
