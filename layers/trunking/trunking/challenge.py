"""Checking a SIP digest response that somebody else collected (RFC 3261 section 22.4, RFC 7616, RFC 8760).

For `POST sip/resolve`, whose caller sent the challenge itself: nonce and replay are that caller's to check.
Pure; imports nothing of ours.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

_ALGORITHMS = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}


@dataclass(frozen=True, slots=True)
class ChallengeResponse:
    """The parameters of an Authorization header, and the method of its request."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    method: str = "INVITE"
    algorithm: str = "MD5"
    qop: str = ""
    """`auth`, or empty for the form without (RFC 2069)."""
    nonce_count: str = ""
    client_nonce: str = ""
    username_is_hashed: bool = False


def is_correct(challenge: ChallengeResponse, username: str, passwords: Sequence[str]) -> bool:
    """Whether the response was made with `username` and one of `passwords`. Compares in constant time."""
    name = _ALGORITHMS.get(challenge.algorithm.upper())
    if name is None or challenge.qop not in ("", "auth"):
        return False

    def digest(text: str) -> str:
        # MD5 is what most carriers have; it is keyed by the password here and signs nothing else.
        return hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()

    expected_username = digest(f"{username}:{challenge.realm}") if challenge.username_is_hashed else username
    correct = hmac.compare_digest(challenge.username.encode(), expected_username.encode())
    matched = False
    for password in passwords:
        secret = digest(f"{username}:{challenge.realm}:{password}")
        request = digest(f"{challenge.method}:{challenge.uri}")
        if challenge.qop:
            middle = f"{challenge.nonce}:{challenge.nonce_count}:{challenge.client_nonce}:{challenge.qop}"
        else:
            middle = challenge.nonce
        expected = digest(f"{secret}:{middle}:{request}")
        matched |= hmac.compare_digest(expected.encode(), challenge.response.lower().encode())
    return correct and matched
