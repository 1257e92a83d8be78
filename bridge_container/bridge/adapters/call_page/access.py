"""Who may open a call's page and join: everybody on this machine, or holders of a user token.

Decisions as values: an `Admission` or a `Refusal`, never an exception. Tokens are the application's user
tokens (HS256 with the API secret, claim `user_id`, as Stream's SDKs make them). Imports aiohttp's request and
PyJWT.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

import jwt
from aiohttp import web
from yarl import URL

from trunking.errors import ThrottledError, UnavailableError

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
_LONGEST_TOKEN = 4096
_LONGEST_USER = 255
_LEEWAY = 10
"""Seconds by which clocks may differ."""


@dataclass(frozen=True, slots=True)
class CallApplication:
    """A tenant as far as user tokens need it."""

    application_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Admission:
    """Come in: the application whose calls are meant, and who it is when that is known."""

    application_id: str
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Stay out. `status` is 401, 403 or 503; `why` is shown to the user and holds no secret."""

    status: int
    code: str
    why: str


class CallAccess(Protocol):
    """Decides for one request."""

    page_needs_host: bool
    """Whether even the static page is checked with `same_machine`."""

    async def admit(self, request: web.Request, cid: str) -> Admission | Refusal:
        """Whether the request may act on the call `type:id`."""
        ...


def same_origin(request: web.Request) -> Refusal | None:
    """Refuse what another site's page sends: a browser names that site (RFC 6454, Fetch metadata)."""
    origin = request.headers.get("Origin")
    if origin is not None and URL(origin).authority != request.host:
        return Refusal(403, "wrong_origin", f"expected the page's own origin, found {origin[:200]!r}")
    site = request.headers.get("Sec-Fetch-Site")
    if site not in (None, "same-origin", "none"):
        return Refusal(
            403, "wrong_origin", "expected a request of the page itself, found one of another site"
        )
    return None


class OpenCallAccess:
    """Everybody who reaches the loopback interface, and no web site that only pretends to be it."""

    page_needs_host = True

    def __init__(self, application_id: str, hosts: frozenset[str] = LOOPBACK_HOSTS) -> None:
        self._application_id = application_id
        self._hosts = hosts

    async def admit(self, request: web.Request, cid: str) -> Admission | Refusal:
        """Check the Host header: a name of somebody else's that resolves to us is DNS rebinding."""
        try:
            host = URL(f"//{request.host}").host
        except ValueError:
            host = None
        if host not in self._hosts:
            expected = ", ".join(sorted(self._hosts))
            return Refusal(
                403, "wrong_host", f"expected Host to be one of {expected}, found {request.host[:200]!r}"
            )
        return same_origin(request) or Admission(self._application_id)


class TokenCallAccess:
    """Holders of a user token: `?api_key=` names the application, `Authorization` holds the token."""

    page_needs_host = False

    def __init__(self, applications: Callable[[str], Awaitable[CallApplication | None]]) -> None:
        self._applications = applications
        self._nobodys_secret = secrets.token_hex(32)

    async def admit(self, request: web.Request, cid: str) -> Admission | Refusal:
        """Check the token. A wrong key, signature and age are told apart by nobody."""
        token = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        if not token:
            return Refusal(
                401, "token_missing", "expected a user token in the Authorization header, found none"
            )
        try:
            application = await self._applications(request.query.get("api_key", "")[:_LONGEST_USER])
        except (ThrottledError, UnavailableError):
            return Refusal(503, "accounts_unavailable", "tokens cannot be checked now, please try again")
        secret = application.secret if application is not None else self._nobodys_secret
        refusal = Refusal(401, "token_refused", "expected a valid user token for this api_key")
        if len(token) > _LONGEST_TOKEN:
            return refusal
        try:
            claims = jwt.decode(token, secret, algorithms=["HS256"], leeway=_LEEWAY)
        except jwt.InvalidTokenError:
            return refusal
        user_id = claims.get("user_id")
        if application is None or not isinstance(user_id, str) or not 0 < len(user_id) <= _LONGEST_USER:
            return refusal
        allowed = claims.get("call_cids")
        if allowed is not None and (not isinstance(allowed, list) or cid not in allowed):
            return Refusal(403, "other_call", "the token is for other calls than this one")
        return same_origin(request) or Admission(application.application_id, user_id)
