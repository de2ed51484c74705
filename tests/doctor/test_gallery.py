"""`otpctl doctor` finds what is broken on each host of the gallery and nothing else, and what it prints mends it."""

from pathlib import Path

import pytest

from harness.doctor import examined, expected, ids, sound_host

GALLERY = Path(__file__).parent / "gallery"


@pytest.mark.parametrize("name", sorted(path.name for path in GALLERY.iterdir()))
def test_what_is_broken_is_found_and_mended_by_the_command_that_is_printed(machine, name):
    folder = GALLERY / name
    with sound_host(machine) as host:
        assert examined() == [], "the host was not in order before"
        host.shell((folder / "break").read_text())
        found = examined()
        assert ids(found) == expected(folder, "expect"), found
        host.mend(found, folder)
        left = examined()
        assert ids(left) == expected(folder, "then"), left
        host.mend(left, folder)
        assert examined() == []
