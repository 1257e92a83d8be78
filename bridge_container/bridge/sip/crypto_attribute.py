"""`a=crypto` lines (RFC 4568, RFC 7714): SRTP keys in SDP, as values that parse and print themselves.

Lines with a master key identifier or session parameters that change the packets are not ours to use.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass, field

KEY_LENGTHS = {
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
    "AEAD_AES_128_GCM": 28,
    "AEAD_AES_256_GCM": 44,
}
"""Bytes of master key and salt of each suite that we support."""


@dataclass(frozen=True, slots=True)
class CryptoAttribute:
    """One suite and key."""

    tag: int
    suite: str
    key: bytes = field(repr=False)
    """Master key and salt."""

    @classmethod
    def parse(cls, text: str) -> CryptoAttribute | None:
        """None for a line that is malformed or asks for what we do not support."""
        pieces = text.split()
        if len(pieces) < 3 or not (pieces[0].isascii() and pieces[0].isdigit() and len(pieces[0]) <= 9):
            return None
        suite = pieces[1]
        method, _, inline = pieces[2].partition(":")
        key_text, _, rest = inline.partition("|")
        # RFC 4568 section 6.1: `|lifetime` is advice; `|MKI:length` changes each packet.
        if method.lower() != "inline" or suite not in KEY_LENGTHS or ":" in rest or ";" in inline:
            return None
        if any(not parameter.upper().startswith("WSH=") for parameter in pieces[3:]):
            return None
        try:
            key = b64decode(key_text + "=" * (-len(key_text) % 4), validate=True)
        except (Base64Error, ValueError):
            return None
        return cls(int(pieces[0]), suite, key) if len(key) == KEY_LENGTHS[suite] else None

    def __str__(self) -> str:
        return f"{self.tag} {self.suite} inline:{b64encode(self.key).decode('ascii')}"
