"""Letters as they come out of a printer, and the codes on them."""

import re

from harness.machine import run
from harness.qr_readers import read_image
from harness.screen import LIGHT, read_qr

A4, US_LETTER = [210, 297], [216, 279]


def code_on(path):
    """The code as it is read off the page."""
    (code,) = codes_on(path)
    return code


def codes_on(path):
    """Those of a stack, a page each."""
    text = path.read_text()
    if path.suffix == ".html":
        return re.findall(r'<p class="code">([^<]+)<', text)
    return [code.replace(" ", "") for code in re.findall(r"^ {8}(\S(?: \S)+)$", text, re.M)]


def qr_on(path, tmp_path):
    if path.suffix == ".html":
        return read_image(picture_of(path, tmp_path))
    drawn = "\n".join(line for line in path.read_text().splitlines() if re.search("[█▀▄]", line))
    return read_qr(drawn, LIGHT, tmp_path / "page.png")


def picture_of(path, tmp_path, paper=A4):
    """The first page as a browser shows it, with 192 dots an inch."""
    width, height = (round(side / 25.4 * 96) for side in paper)
    picture = tmp_path / "picture.png"
    printing_browser(tmp_path, f"--window-size={width},{height}", "--force-device-scale-factor=2", "--hide-scrollbars", f"--screenshot={picture}", path)
    return picture


def printed(path, tmp_path):
    """The size in millimetres of each page that a browser prints."""
    pdf = tmp_path / "printed.pdf"
    printing_browser(tmp_path, "--no-pdf-header-footer", f"--print-to-pdf={pdf}", path)
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf.read_bytes())
    return [[round(float(points) / 72 * 25.4) for points in box] for box in boxes]


def printing_browser(tmp_path, *words):
    *options, path = words
    run("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={tmp_path / 'profile'}", *options, f"file://{path}")
