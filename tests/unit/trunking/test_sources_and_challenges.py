"""Allowed source addresses, and digest responses that somebody else collected."""

from __future__ import annotations

import hashlib

import pytest

from trunking.challenge import ChallengeResponse, is_correct
from trunking.source_addresses import is_allowed, parse_network


@pytest.mark.parametrize(
    ("source", "allowed"),
    [
        ("192.0.2.7", True),
        ("192.0.3.7", False),
        ("::ffff:192.0.2.7", True),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        ("198.51.100.1", True),
        ("nonsense", False),
        ("", False),
    ],
)
def test_sources(source: str, allowed: bool) -> None:
    assert is_allowed(source, ("192.0.2.0/24", "2001:db8::/32", "198.51.100.1", "broken")) is allowed


@pytest.mark.parametrize(
    "text", ["", "a.b.c.d", "192.0.2.1/33", "192.0.2.1/24", "fe80::1%eth0", "1" * 100, "192.0.2"]
)
def test_what_is_no_network(text: str) -> None:
    assert parse_network(text) is None


def test_digest_of_rfc_2617() -> None:
    """The example of RFC 2617 section 3.5, whose password is known."""
    challenge = ChallengeResponse(
        username="Mufasa",
        realm="testrealm@host.com",
        nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",
        uri="/dir/index.html",
        response="6629fae49393a05397450978507c4ef1",
        method="GET",
        qop="auth",
        nonce_count="00000001",
        client_nonce="0a4f113b",
    )
    assert is_correct(challenge, "Mufasa", ["Circle Of Life"])
    assert is_correct(challenge, "Mufasa", ["new", "Circle Of Life"]), "the password before a rotation"
    assert not is_correct(challenge, "Mufasa", ["circle of life"])
    assert not is_correct(challenge, "Scar", ["Circle Of Life"])
    assert not is_correct(challenge, "Mufasa", [])


@pytest.mark.parametrize(
    ("algorithm", "name"), [("SHA-256", "sha256"), ("SHA-512-256", "sha512_256"), ("md5", "md5")]
)
def test_algorithms_without_qop(algorithm: str, name: str) -> None:
    def digest(text: str) -> str:
        return hashlib.new(name, text.encode()).hexdigest()

    response = digest(f"{digest('user:realm:secret')}:nonce:{digest('INVITE:sip:host')}")
    challenge = ChallengeResponse("user", "realm", "nonce", "sip:host", response, algorithm=algorithm)
    assert is_correct(challenge, "user", ["secret"])
    unknown = ChallengeResponse("user", "realm", "nonce", "sip:host", response, algorithm="CRC32")
    assert not is_correct(unknown, "user", ["secret"])
