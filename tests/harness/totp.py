"""RFC 6238 in a few lines of our own, so that no test believes the code under test."""

import base64
import hashlib
import hmac
import struct

HASHES = {"SHA1": hashlib.sha1, "SHA256": hashlib.sha256, "SHA512": hashlib.sha512}


def totp(secret, step, algorithm="SHA1", digits=6):
    """Of a secret as bytes or in base32; for a counter, its number is the step."""
    if isinstance(secret, str):
        secret = unbase32(secret)
    mac = hmac.new(secret, struct.pack(">Q", step), HASHES[algorithm]).digest()
    at = mac[-1] & 15
    number = struct.unpack(">I", mac[at : at + 4])[0] & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def unbase32(text):
    return base64.b32decode(text + "=" * (-len(text) % 8))
