"""Nonces that need no memory: time, a serial number and a signature over both (RFC 7616 section 5.4)."""

from __future__ import annotations

import hashlib
import hmac
import struct
from enum import Enum, auto

_SIGNATURE = 16


class NonceState(Enum):
    """What a nonce is worth."""

    FRESH = auto()
    EXPIRED = auto()
    """Ours, but too old."""
    FOREIGN = auto()
    """Not made with our key."""


class Nonces:
    """Makes and checks nonces with one key."""

    def __init__(self, key: bytes, lifetime: float) -> None:
        """`lifetime` in seconds of whatever clock `now` is read from; whoever shares the key shares the
        clock."""
        if len(key) < 16:
            raise ValueError("a nonce key has at least 16 bytes")
        self._key = key
        self._lifetime = lifetime
        self._serial = 0

    def make(self, now: float) -> str:
        """A new nonce, never the same twice."""
        self._serial += 1
        content = struct.pack("!dI", now, self._serial & 0xFFFFFFFF)
        return (content + self._sign(content)).hex()

    def check(self, nonce: str, now: float) -> NonceState:
        """Whose the nonce is, and whether it is still good at `now`."""
        try:
            packed = bytes.fromhex(nonce)
        except ValueError:
            return NonceState.FOREIGN
        content, signature = packed[:12], packed[12:]
        if (
            packed.hex() != nonce
            or len(content) != 12
            or not hmac.compare_digest(signature, self._sign(content))
        ):
            return NonceState.FOREIGN
        made: float = struct.unpack("!dI", content)[0]
        return NonceState.FRESH if made <= now <= made + self._lifetime else NonceState.EXPIRED

    def _sign(self, content: bytes) -> bytes:
        return hmac.new(self._key, content, hashlib.sha256).digest()[:_SIGNATURE]
