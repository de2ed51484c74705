"""A font of the Linux console: the glyphs of a PSF file, found by its own table of Unicode."""

import gzip
import struct
from pathlib import Path

FONTS = Path("/usr/share/consolefonts")
NO_MAPPING = "\ufffd"


class ConsoleFont:
    """Draws a character as the kernel does: what the font lacks is its replacement character, or a question mark."""

    def __init__(self, name):
        data = gzip.decompress((FONTS / f"{name}.psf.gz").read_bytes())
        self.glyphs, self.mapped, (self.width, self.height) = psf1(data) if data[:2] == b"\x36\x04" else psf2(data)

    def has(self, signs):
        return all(sign in self.mapped for sign in signs)

    def draw(self, image, corner, sign, ink):
        known = (self.mapped[one] for one in (sign, NO_MAPPING, "?") if one in self.mapped)
        rows = self.glyphs[next(known)]
        wide = (self.width + 7) // 8
        for y in range(self.height):
            bits = int.from_bytes(rows[y * wide : (y + 1) * wide], "big") >> (8 * wide - self.width)
            image.point([(corner[0] + x, corner[1] + y) for x in range(self.width) if bits >> (self.width - 1 - x) & 1], fill=ink)


def psf1(data):
    mode, height = data[2:4]
    count = 512 if mode & 1 else 256
    glyphs = [data[4 + n * height : 4 + (n + 1) * height] for n in range(count)]
    table = data[4 + count * height :]
    units = struct.unpack(f"<{len(table) // 2}H", table[: len(table) // 2 * 2])
    mapped, place, single = {}, 0, True
    for unit in units:
        if unit == 0xFFFF:
            place, single = place + 1, True
        elif unit == 0xFFFE:  # several characters for one glyph follow
            single = False
        elif single:
            mapped.setdefault(chr(unit), place)
    return glyphs, mapped, (8, height)


def psf2(data):
    head, _, count, size, height, width = struct.unpack("<6I", data[8:32])
    glyphs = [data[head + n * size : head + (n + 1) * size] for n in range(count)]
    mapped = {}
    for place, entry in enumerate(data[head + count * size :].split(b"\xff")[:count]):
        for sign in entry.split(b"\xfe")[0].decode(errors="replace"):
            mapped.setdefault(sign, place)
    return glyphs, mapped, (width, height)
