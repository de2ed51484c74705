"""QR codes in an image file, read by two decoders that have nothing in common: what only one of them finds, many phones do not."""

import re
import subprocess


def read_image(path):
    """The texts that both find."""
    by_zxing = zxing(path)
    return [text for text in zbar(path) if text in by_zxing]


def zbar(path):
    found = subprocess.run(["zbarimg", "--raw", "-q", str(path)], capture_output=True, text=True)
    return found.stdout.splitlines()


def zxing(path):
    found = subprocess.run(["ZXingReader", "-format", "QRCode", str(path)], capture_output=True, text=True)
    return re.findall(r'^Text: +"(.*)"$', found.stdout, re.M)
