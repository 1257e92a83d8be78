"""Digest authentication, behaviours 15 to 17 (RFC 3261 section 22, RFC 7616, RFC 8760)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise

import pytest

import bridge.sip.digest
from bridge.sip.digest import Credentials, DigestAuthenticator, Verdict, digest_response
from bridge.sip.message import SipRequest
from bridge.sip.parser import parse_datagram
from tests.support.sip.caller import Caller

REALM = "trunkline"
KEY = bytes(range(32))
PASSWORD = "correct horse"
URI = "sip:+15551230001@trunk.example.com"


def independent_hash(algorithm: str, text: str) -> str:
    """The caller's own arithmetic."""
    name = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}[algorithm]
    return hashlib.new(name, text.encode()).hexdigest()


@dataclass(frozen=True)
class Challenge:
    """A caller's reading of WWW-Authenticate."""

    algorithm: str
    nonce: str
    stale: bool

    @classmethod
    def read(cls, value: str) -> Challenge:
        """Split at commas: our values have none inside quotes."""
        parts = dict(part.strip().split("=", 1) for part in value.removeprefix("Digest ").split(","))
        assert parts["realm"] == f'"{REALM}"'
        assert parts["qop"] == '"auth"'
        return cls(parts["algorithm"], parts["nonce"].strip('"'), parts.get("stale") == "true")


def authorised(
    challenge: Challenge, password: str = PASSWORD, *, count: int = 1, user: str = "trunk-1", qop: bool = True
) -> SipRequest:
    """An INVITE with credentials."""
    first = independent_hash(challenge.algorithm, f"{user}:{REALM}:{password}")
    second = independent_hash(challenge.algorithm, f"INVITE:{URI}")
    middle = f"{challenge.nonce}:{count:08x}:c,n:auth" if qop else challenge.nonce
    response = independent_hash(challenge.algorithm, f"{first}:{middle}:{second}")
    value = (
        f'Digest username="{user}",realm="{REALM}", nonce="{challenge.nonce}" ,uri="{URI}",'
        f'response="{response}", algorithm={challenge.algorithm}, opaque="a,b=c"'
    )
    if qop:
        value += f', qop=auth, nc={count:08x}, cnonce="c,n"'
    return parsed(Caller().invite(headers=(("Authorization", value),)))


def parsed(data: bytes) -> SipRequest:
    """A request as the endpoint hands it on."""
    message = parse_datagram(data)
    assert isinstance(message, SipRequest)
    return message


def challenges(authenticator: DigestAuthenticator, now: float = 0.0, stale: bool = False) -> list[Challenge]:
    """What the authenticator asks."""
    return [Challenge.read(value) for value in authenticator.challenges(now, stale=stale)]


@pytest.fixture
def authenticator() -> DigestAuthenticator:
    """With a nonce lifetime of 300 s."""
    return DigestAuthenticator(REALM, KEY)


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_15_the_examples_of_rfc_7616(algorithm: str, expected: str) -> None:
    response = digest_response(
        algorithm,
        username="Mufasa",
        realm="http-auth@example.org",
        password="Circle of Life",
        method="GET",
        uri="/dir/index.html",
        nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        nonce_count="00000001",
        client_nonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        quality="auth",
    )
    assert response == expected


def test_15_one_challenge_for_each_algorithm_strongest_first(authenticator: DigestAuthenticator) -> None:
    assert [one.algorithm for one in challenges(authenticator)] == ["SHA-512-256", "SHA-256", "MD5"]


def test_a_choice_of_algorithms_is_kept() -> None:
    authenticator = DigestAuthenticator(REALM, KEY, algorithms=("MD5",))
    (only,) = challenges(authenticator)
    assert only.algorithm == "MD5"
    other = Challenge("SHA-256", only.nonce, False)
    assert authenticator.verify(authorised(other), [PASSWORD], 1.0) is Verdict.REFUSED
    assert authenticator.verify(authorised(only), [PASSWORD], 1.0) is Verdict.ACCEPTED


@pytest.mark.parametrize("position", [0, 1, 2])
def test_15_each_algorithm_verifies(authenticator: DigestAuthenticator, position: int) -> None:
    challenge = challenges(authenticator)[position]
    request = authorised(challenge)
    assert authenticator.username(request) == "trunk-1"
    assert authenticator.verify(request, [PASSWORD], 1.0) is Verdict.ACCEPTED


def test_15_wrong_password_and_unknown_user_look_the_same(authenticator: DigestAuthenticator) -> None:
    challenge = challenges(authenticator)[0]
    assert authenticator.verify(authorised(challenge, "wrong"), [PASSWORD], 1.0) is Verdict.REFUSED
    assert authenticator.verify(authorised(challenge, "wrong"), [], 1.0) is Verdict.REFUSED


def test_15_every_refusal_costs_the_same_hashes(
    authenticator: DigestAuthenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = []

    def counted(algorithm: str, **values: str) -> str:
        computed.append(algorithm)
        return digest_response(algorithm, **values)

    monkeypatch.setattr(bridge.sip.digest, "digest_response", counted)
    challenge = challenges(authenticator)[0]
    costs = []
    for passwords in ([], ["other"], ["other", "older"], [PASSWORD], ["other", PASSWORD]):
        computed.clear()
        authenticator.verify(authorised(challenge), passwords, 1.0)
        costs.append(len(computed))
    assert costs == [2] * 5


def test_15_two_passwords_are_valid_during_a_rotation(authenticator: DigestAuthenticator) -> None:
    for password, expected in (
        ("new", Verdict.ACCEPTED),
        ("old", Verdict.ACCEPTED),
        ("older", Verdict.REFUSED),
    ):
        challenge = challenges(authenticator)[1]
        assert authenticator.verify(authorised(challenge, password), ["new", "old"], 1.0) is expected


def test_15_an_old_nonce_is_stale_for_the_right_password_alone(authenticator: DigestAuthenticator) -> None:
    challenge = challenges(authenticator, 0.0)[0]
    assert authenticator.verify(authorised(challenge), [PASSWORD], 301.0) is Verdict.STALE
    assert authenticator.verify(authorised(challenge, "wrong"), [PASSWORD], 301.0) is Verdict.REFUSED
    renewed = challenges(authenticator, 301.0, stale=True)
    assert all(one.stale for one in renewed)
    assert authenticator.verify(authorised(renewed[0]), [PASSWORD], 302.0) is Verdict.ACCEPTED


@pytest.mark.parametrize("nonce", ["", "zz", "00" * 28, "00" * 27, "00 " * 28, "\u00e9"])
def test_15_a_nonce_that_is_not_ours_never_lets_in(authenticator: DigestAuthenticator, nonce: str) -> None:
    request = authorised(Challenge("SHA-256", nonce, False))
    assert authenticator.verify(request, [PASSWORD], 1.0) is Verdict.STALE
    assert authenticator.verify(request, ["other"], 1.0) is Verdict.REFUSED


def test_15_a_nonce_of_a_bridge_with_the_same_key_is_good(authenticator: DigestAuthenticator) -> None:
    other = DigestAuthenticator(REALM, KEY)
    challenge = challenges(other)[0]
    assert authenticator.verify(authorised(challenge), [PASSWORD], 1.0) is Verdict.ACCEPTED


def test_15_a_count_serves_once(authenticator: DigestAuthenticator) -> None:
    challenge = challenges(authenticator)[0]
    for count, expected in (
        (1, Verdict.ACCEPTED),
        (1, Verdict.REFUSED),
        (3, Verdict.ACCEPTED),
        (2, Verdict.ACCEPTED),
        (3, Verdict.REFUSED),
    ):
        assert authenticator.verify(authorised(challenge, count=count), [PASSWORD], 1.0) is expected


def test_15_a_wrong_password_uses_up_no_count(authenticator: DigestAuthenticator) -> None:
    challenge = challenges(authenticator)[0]
    assert authenticator.verify(authorised(challenge, "wrong"), [PASSWORD], 1.0) is Verdict.REFUSED
    assert authenticator.verify(authorised(challenge), [PASSWORD], 1.0) is Verdict.ACCEPTED


def test_a_worn_out_nonce_is_stale(authenticator: DigestAuthenticator) -> None:
    challenge = challenges(authenticator)[2]
    verdicts = [
        authenticator.verify(authorised(challenge, count=count), [PASSWORD], 1.0) for count in range(1, 258)
    ]
    assert verdicts == [Verdict.ACCEPTED] * 256 + [Verdict.STALE]


def test_credentials_without_qop_serve_one_request(authenticator: DigestAuthenticator) -> None:
    challenge = challenges(authenticator)[2]
    request = authorised(challenge, qop=False)
    assert authenticator.verify(request, [PASSWORD], 1.0) is Verdict.ACCEPTED
    assert authenticator.verify(request, [PASSWORD], 1.0) is Verdict.REFUSED


def test_17_an_invite_without_credentials_is_no_failure(authenticator: DigestAuthenticator) -> None:
    request = parsed(Caller().invite())
    assert authenticator.username(request) is None
    assert authenticator.verify(request, [PASSWORD], 1.0) is Verdict.MISSING


@pytest.mark.parametrize(
    "value",
    [
        "Basic dXNlcjpwYXNz",
        'Digest realm="other", username="trunk-1", response="0"',
        'Digest username="unbalanced',
        "Digest",
        "",
        "Digest ,,,=,=",
    ],
)
def test_credentials_for_others_count_as_none(authenticator: DigestAuthenticator, value: str) -> None:
    request = parsed(Caller().invite(headers=(("Authorization", value),)))
    assert authenticator.verify(request, [PASSWORD], 1.0) is Verdict.MISSING


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("algorithm=SHA-256", "algorithm=ROT13"),
        ("qop=auth,", "qop=auth-int,"),
        ("nc=00000001", "nc=1"),
        ("nc=00000001", "nc=zzzzzzzz"),
        (f'uri="{URI}"', 'uri=""'),
    ],
)
def test_what_we_did_not_ask_for_is_refused(authenticator: DigestAuthenticator, old: str, new: str) -> None:
    value = authorised(challenges(authenticator)[1]).header("Authorization") or ""
    assert old in value
    request = parsed(Caller().invite(headers=(("Authorization", value.replace(old, new)),)))
    assert authenticator.verify(request, [PASSWORD], 1.0) is Verdict.REFUSED


def test_of_several_credentials_the_strongest_count(authenticator: DigestAuthenticator) -> None:
    strong, _, weak = challenges(authenticator)
    wrong = authorised(weak, "wrong").header("Authorization") or ""
    right = authorised(strong).header("Authorization") or ""
    request = parsed(Caller().invite(headers=(("Authorization", wrong), ("Authorization", right))))
    assert authenticator.verify(request, [PASSWORD], 1.0) is Verdict.ACCEPTED


def test_commas_and_escapes_inside_quotes() -> None:
    credentials = Credentials.parse('DIGEST\tusername="a, \\"b\\" = c", realm = "x" ,nc=00000001')
    assert credentials is not None
    assert credentials.get("username") == 'a, "b" = c'
    assert credentials.get("realm") == "x"
    assert credentials.get("nc") == "00000001"
    assert credentials.algorithm == "MD5"
    assert "a," not in repr(credentials)


def test_nonces_differ_and_the_memory_of_used_ones_ends(authenticator: DigestAuthenticator) -> None:
    nonces = [challenges(authenticator, now)[0].nonce for now in (0.0, 0.0, 1.0)]
    assert all(one != other for one, other in pairwise(nonces))
    for now in range(0, 3000, 10):
        authenticator.verify(authorised(challenges(authenticator, now)[0]), [PASSWORD], now)
    assert authenticator.remembered_nonces <= 32


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        DigestAuthenticator(REALM, b"short")
