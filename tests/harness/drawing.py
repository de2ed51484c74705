"""A terminal's screen as an SVG picture: text stays text, half blocks become squares that join without gaps."""

import re
from itertools import groupby
from xml.etree import ElementTree

from harness.screen import DARK, cells

WIDE, HIGH = 8, 16  # one cell
MARGIN = 12
FONT = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"
SVG = "http://www.w3.org/2000/svg"
BLOCKS = "▀▄█"


def drawing(coloured, title, columns):
    """SVG of a captured pane."""
    rows = list(cells(coloured.rstrip().split("\n"), DARK))
    wide, high = columns * WIDE + 2 * MARGIN, len(rows) * HIGH + 2 * MARGIN
    picture = ElementTree.Element("svg", {"xmlns": SVG, "viewBox": f"0 0 {wide} {high}", "width": str(wide), "height": str(high), "role": "img"})
    ElementTree.SubElement(picture, "title").text = title
    paper = {"width": str(wide), "height": str(high), "rx": "6", "fill": hexadecimal(DARK["paper"])}
    ElementTree.SubElement(picture, "rect", paper)
    for colour, shape in shapes(rows).items():
        ElementTree.SubElement(picture, "path", {"d": shape, "fill": hexadecimal(colour), "shape-rendering": "crispEdges"})
    for number, row in enumerate(rows):
        write_row(picture, row, MARGIN + number * HIGH)
    ElementTree.indent(picture, " ")
    return ElementTree.tostring(picture, encoding="unicode") + "\n"


def hexadecimal(colour):
    return "#{:02x}{:02x}{:02x}".format(*colour)


def shapes(rows):
    """By colour, all that is painted in it: the halves of each row of cells, neighbours of one colour together."""
    found = {}
    for number, row in enumerate(rows):
        for half, signs in enumerate(("▀█", "▄█")):
            colours = [ink if sign in signs else paper for sign, ink, paper in row]
            top = MARGIN + number * HIGH + half * HIGH // 2
            column = 0
            for colour, run in groupby(colours):
                count = len(list(run))
                if colour != DARK["paper"]:
                    found.setdefault(colour, []).append(f"M{MARGIN + column * WIDE} {top}h{count * WIDE}v{HIGH // 2}h-{count * WIDE}z")
                column += count
    return {colour: "".join(parts) for colour, parts in found.items()}


def write_row(picture, row, top):
    """The words of a row, each where its cell is, whatever the width of the viewer's font."""
    line = "".join(" " if sign in BLOCKS else sign for sign, *_ in row)
    for word in re.finditer(r"\S+(?: \S+)*", line):
        ink = row[word.start()][1]
        attributes = {
            "x": str(MARGIN + word.start() * WIDE),
            "y": str(top + HIGH - 4),
            "textLength": str(len(word[0]) * WIDE),
            "fill": hexadecimal(ink),
            "font-family": FONT,
            "font-size": "13",
        }
        ElementTree.SubElement(picture, "text", attributes).text = word[0]


def words_of(picture):
    """The words of such a picture, a line for each text."""
    return [text.text for text in ElementTree.fromstring(picture).iter(f"{{{SVG}}}text")]
