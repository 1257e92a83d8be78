"""Digest authentication, the verifying side (RFC 3261 section 22, RFC 7616, RFC 8760).

Nonces are signed and carry their time, so that nothing is kept for a stranger; only nonces that were used
with a right password are remembered, to refuse a replayed count. Imports the message and the grammar;
passwords come from the user of this module and appear in no message, representation or log.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Sequence
from enum import Enum, auto

from bridge.sip.errors import RemoteProtocolError
from bridge.sip.grammar import parameter, quote, split_outside_quotes, unquote
from bridge.sip.message import SipRequest
from bridge.sip.nonce import Nonces, NonceState

HASHES: dict[str, Callable[[bytes], str]] = {
    # usedforsecurity=False: MD5 is what most carriers speak; RFC 8760 keeps it as the last choice.
    "MD5": lambda content: hashlib.md5(content, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda content: hashlib.sha256(content).hexdigest(),
    # RFC 7616 section 3.2 means SHA-512/256 (FIPS 180-4), not a SHA-512 cut short.
    "SHA-512-256": lambda content: hashlib.new("sha512_256", content).hexdigest(),
}
"""Hash of each algorithm that a challenge may name."""

STRENGTH = ("SHA-512-256", "SHA-256", "MD5")
_VERIFICATIONS = 2
"""Passwords that each verification tries, whatever there is: current and previous. Equal work, equal time."""
_COUNTS_PER_NONCE = 256
"""Requests that one nonce serves; the next is told that it is stale."""
_REMEMBERED_NONCES = 100_000


class Verdict(Enum):
    """What a request's credentials are worth."""

    ACCEPTED = auto()
    STALE = auto()
    """A right password with a nonce that is old or of another bridge: challenge with stale=true and the peer
    asks nobody again."""
    REFUSED = auto()
    MISSING = auto()
    """No credentials for our realm: the normal first INVITE, never a failure."""


def digest_response(
    algorithm: str,
    *,
    username: str,
    realm: str,
    password: str,
    method: str,
    uri: str,
    nonce: str,
    nonce_count: str = "",
    client_nonce: str = "",
    quality: str = "",
) -> str:
    """The `response` parameter (RFC 7616 section 3.4.1); without `quality` as RFC 2069 has it."""
    digest = HASHES[algorithm]
    first = digest(f"{username}:{realm}:{password}".encode())
    second = digest(f"{method}:{uri}".encode())
    middle = f"{nonce}:{nonce_count}:{client_nonce}:{quality}" if quality else nonce
    return digest(f"{first}:{middle}:{second}".encode())


class Credentials:
    """The parameters of one Authorization header."""

    __slots__ = ("_parameters",)

    def __init__(self, parameters: tuple[tuple[str, str | None], ...]) -> None:
        self._parameters = parameters

    @classmethod
    def parse(cls, value: str) -> Credentials | None:
        """None for a scheme that is not Digest; raises `RemoteProtocolError`."""
        scheme, _, rest = value.replace("\t", " ").strip().partition(" ")
        if scheme.lower() != "digest":
            return None
        parameters = []
        for part in split_outside_quotes(rest, ","):
            name, equals, text = part.partition("=")
            if equals:
                parameters.append((name.strip().lower(), unquote(text.strip())))
        return cls(tuple(parameters))

    def get(self, name: str) -> str:
        """A parameter's value, quotes undone; empty when it is missing."""
        return parameter(self._parameters, name) or ""

    @property
    def algorithm(self) -> str:
        """In the registry's spelling; MD5 when the peer names none (RFC 7616 section 3.3)."""
        return self.get("algorithm").upper() or "MD5"

    def __repr__(self) -> str:
        return "Credentials()"


class DigestAuthenticator:
    """Challenges and verifies for one realm."""

    def __init__(
        self,
        realm: str,
        key: bytes,
        nonce_lifetime: float = 300.0,
        algorithms: Sequence[str] = STRENGTH,
    ) -> None:
        """`key` signs nonces: at least 16 random bytes, the same on bridges that share callers.

        Only `algorithms` are offered, in their order, and taken. A peer that reads the first challenge alone
        and knows MD5 alone needs MD5 first, or nothing else.
        """
        self._realm = realm
        self._algorithms = tuple(algorithms)
        self._nonces = Nonces(key, nonce_lifetime)
        self._used: OrderedDict[str, set[int]] = OrderedDict()
        self._latest: tuple[SipRequest, Credentials | None] | None = None
        self._dummy = hmac.new(key, b"no such password", hashlib.sha256).hexdigest()

    def challenges(self, now: float, *, stale: bool = False) -> tuple[str, ...]:
        """Values of WWW-Authenticate headers, strongest algorithm first (RFC 8760 section 2.3)."""
        suffix = ", stale=true" if stale else ""
        nonce = self._nonces.make(now)
        return tuple(
            f'Digest realm={quote(self._realm)}, nonce="{nonce}", algorithm={algorithm}, qop="auth"{suffix}'
            for algorithm in self._algorithms
        )

    def username(self, request: SipRequest) -> str | None:
        """The username of the credentials for our realm, or None."""
        credentials = self._credentials(request)
        return credentials.get("username") or None if credentials is not None else None

    def verify(self, request: SipRequest, passwords: Sequence[str], now: float) -> Verdict:
        """Check the credentials against up to two passwords; none at all costs the same and is refused."""
        credentials = self._credentials(request)
        if credentials is None:
            return Verdict.MISSING
        state = self._nonces.check(credentials.get("nonce"), now)
        genuine = self._matches(credentials, request.method, passwords)
        if not genuine:
            return Verdict.REFUSED
        if state is not NonceState.FRESH:
            # Also for a nonce that is not ours: another bridge's, or ours from before a restart.
            return Verdict.STALE
        return self._count(credentials, now)

    @property
    def remembered_nonces(self) -> int:
        """How many nonces are kept against replay."""
        return len(self._used)

    def _credentials(self, request: SipRequest) -> Credentials | None:
        """The credentials for our realm; parsed once for the username and the verification behind it."""
        if self._latest is None or self._latest[0] is not request:
            self._latest = request, self._find_credentials(request)
        return self._latest[1]

    def _find_credentials(self, request: SipRequest) -> Credentials | None:
        """Those of the strongest algorithm when there are several."""
        found: Credentials | None = None
        for value in request.headers.all("Authorization")[:8]:
            try:
                credentials = Credentials.parse(value)
            except RemoteProtocolError:
                continue
            if credentials is None or credentials.get("realm") != self._realm:
                continue
            if found is None or _rank(credentials) < _rank(found):
                found = credentials
        return found

    def _matches(self, credentials: Credentials, method: str, passwords: Sequence[str]) -> bool:
        """Compute both digests whatever the passwords are: an unknown user takes as long as a wrong
        password."""
        algorithm = credentials.algorithm
        quality = credentials.get("qop").lower()
        known = algorithm in self._algorithms and quality in ("", "auth") and credentials.get("uri") != ""
        candidates = [*passwords[:_VERIFICATIONS], *[self._dummy] * _VERIFICATIONS][:_VERIFICATIONS]
        matched = False
        given = credentials.get("response").lower().encode()
        for position, password in enumerate(candidates):
            expected = digest_response(
                algorithm if algorithm in HASHES else "MD5",
                username=credentials.get("username"),
                realm=self._realm,
                password=password,
                method=method,
                uri=credentials.get("uri"),
                nonce=credentials.get("nonce"),
                nonce_count=credentials.get("nc"),
                client_nonce=credentials.get("cnonce"),
                quality=credentials.get("qop"),
            )
            equal = hmac.compare_digest(expected.encode(), given)
            matched |= equal and position < len(passwords)
        return matched and known

    def _count(self, credentials: Credentials, now: float) -> Verdict:
        """RFC 7616 section 3.4.5: one nonce count serves once."""
        nonce, text = credentials.get("nonce"), credentials.get("nc")
        if credentials.get("qop"):
            if len(text) != 8 or text.strip("0123456789abcdefABCDEF"):
                return Verdict.REFUSED
            count = int(text, 16)
        else:
            count = 0  # RFC 2069 has no count: such a nonce serves one request.
        used = self._used.get(nonce)
        if used is None:
            self._forget_expired(now)
            used = self._used[nonce] = set()
        if count in used:
            return Verdict.REFUSED
        if len(used) >= _COUNTS_PER_NONCE:
            return Verdict.STALE
        used.add(count)
        return Verdict.ACCEPTED

    def _forget_expired(self, now: float) -> None:
        """Nonces are remembered in about the order in which they were made."""
        while self._used:
            oldest = next(iter(self._used))
            if len(self._used) < _REMEMBERED_NONCES and self._nonces.check(oldest, now) is NonceState.FRESH:
                return
            del self._used[oldest]


def _rank(credentials: Credentials) -> int:
    return STRENGTH.index(credentials.algorithm) if credentials.algorithm in STRENGTH else len(STRENGTH)
