"""The picture that a person sees: a tmux pane captured with its colours, drawn with a real font."""

import itertools
import os
import re
import subprocess
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from harness.qr_readers import read_image
from harness.wait import until

FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf"
DARK = {"ink": (229, 229, 229), "paper": (0, 0, 0)}
LIGHT = {"ink": (0, 0, 0), "paper": (255, 255, 255)}
BASIC = [(0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229)]
BRIGHT = [(127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0), (92, 92, 255), (255, 0, 255), (0, 255, 255), (255, 255, 255)]


class Pane:
    """A program in a tmux pane."""

    all = set()  # a tmux server goes on when its pane is forgotten
    servers = itertools.count()

    def __init__(self, name, command, columns=120, rows=60):
        Pane.all.add(self)
        self.name = name
        self.server = f"otp-{next(Pane.servers)}"  # of its own: one that is about to end takes no new session
        # tmux 3.3 at times forgets a child that has died, so a shell that outlives an interrupt tells the status: in the title,
        # which tmux learns after all that the program has written
        shell = f"trap : INT; {command}; printf '\\033]2;ended %d\\007' $?; exec sleep infinity"
        self._tmux("new-session", "-d", "-x", columns, "-y", rows, "-s", name, shell)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.hangs_up()

    def hangs_up(self):
        Pane.all.discard(self)
        self._tmux("kill-session", "-t", self.name)

    def _tmux(self, *words):
        command = ["tmux", "-L", self.server, "-f", "/dev/null", *map(str, words)]
        environment = dict(os.environ, LC_ALL="C.UTF-8", TERM="xterm-256color")
        return subprocess.run(command, check=True, capture_output=True, env=environment).stdout.decode()

    def text(self):
        """The text on the screen, wrapped lines joined."""
        return self._tmux("capture-pane", "-p", "-J", "-t", self.name)

    def coloured(self):
        return self._tmux("capture-pane", "-p", "-e", "-N", "-t", self.name)

    def awaits(self, text, times=1):
        """Waits until the screen shows the text that often."""
        until(lambda: self.text().count(text.strip()) >= times, f"{text!r} on the screen, {times} times")

    def history(self):
        """Also what has scrolled off the top."""
        return self._tmux("capture-pane", "-p", "-J", "-S", "-", "-t", self.name)

    def becomes(self, columns, rows):
        """The window is given another size, and the terminal in it has it when this returns."""
        self._tmux("resize-window", "-x", columns, "-y", rows, "-t", self.name)
        tty = self._tmux("display-message", "-p", "-t", self.name, "#{pane_tty}").strip()
        until(lambda: subprocess.check_output(["stty", "-F", tty, "size"], text=True).split() == [str(rows), str(columns)], "the new size")

    def types(self, text):
        self._tmux("send-keys", "-t", self.name, text, "Enter")

    def interrupts(self):
        self._tmux("send-keys", "-t", self.name, "C-c")

    def ended(self):
        """The exit status as a shell tells it, once the program has ended."""
        return int(until(lambda: re.match(r"ended (\d+)$", self.title()), "the end of the program")[1])

    def title(self):
        return self._tmux("display-message", "-p", "-t", self.name, "#{pane_title}")


def read_qr(coloured, theme, path, font=None):
    """The text of every QR code that phones would read off that screen."""
    picture(coloured, theme, font or true_type()).save(path)
    return read_image(path)


def picture(coloured, theme, font):
    rows = list(cells(coloured.split("\n"), theme))
    image = Image.new("RGB", (font.width * max(map(len, rows), default=1), font.height * len(rows)), theme["paper"])
    draw = ImageDraw.Draw(image)
    for y, row in enumerate(rows):
        for x, (sign, ink, paper) in enumerate(row):
            left, top = x * font.width, y * font.height
            draw.rectangle((left, top, left + font.width - 1, top + font.height - 1), fill=paper)
            if sign != " ":
                font.draw(draw, (left, top), sign, ink)
    return image


class TrueType:
    """The font of an emulator."""

    def __init__(self, path):
        self.font = ImageFont.truetype(path, 16)
        self.width, self.height = round(self.font.getlength("M")), sum(self.font.getmetrics())

    def draw(self, image, corner, sign, ink):
        image.text(corner, sign, fill=ink, font=self.font)


@cache
def true_type():
    return TrueType(FONT)


def cells(lines, theme):
    """Per line, (character, ink, paper) of each cell; colours last from one line to the next."""
    style = Style(theme)
    for line in lines:
        row = []
        for escape, sign in re.findall(r"\x1b\[([0-9;:]*)m|(.)", line):
            if sign:
                row.append((sign, *style.colours()))
            else:
                style.change(escape)
        yield row


class Style:
    def __init__(self, theme):
        self.theme = theme
        self.change("0")

    def colours(self):
        pair = (self.ink or self.theme["ink"], self.paper or self.theme["paper"])
        return pair[::-1] if self.reverse else pair

    def change(self, escape):
        numbers = [int(n or 0) for n in re.split("[;:]", escape)]
        while numbers:
            n = numbers.pop(0)
            if n == 0:
                self.ink = self.paper = None
                self.reverse = False
            elif n in (7, 27):
                self.reverse = n == 7
            elif n in (38, 48):
                colour = taken(numbers)
                self.ink, self.paper = (colour, self.paper) if n == 38 else (self.ink, colour)
            elif n in (39, 49):
                self.ink, self.paper = (None, self.paper) if n == 39 else (self.ink, None)
            elif n // 10 in (3, 9):
                self.ink = (BASIC if n < 90 else BRIGHT)[n % 10]
            elif n // 10 in (4, 10):
                self.paper = (BASIC if n < 100 else BRIGHT)[n % 10]


def taken(numbers):
    """The colour that follows 38 or 48: `5;N` of 256 or `2;R;G;B`."""
    if numbers.pop(0) == 2:
        return tuple(numbers.pop(0) for _ in range(3))
    n = numbers.pop(0)
    if n < 16:
        return (BASIC + BRIGHT)[n]
    if n >= 232:
        return (8 + 10 * (n - 232),) * 3
    return tuple((0, 95, 135, 175, 215, 255)[(n - 16) // place % 6] for place in (36, 6, 1))
