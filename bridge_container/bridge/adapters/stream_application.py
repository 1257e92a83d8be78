"""An application's account at Stream: key, secret and addresses, from the application's own secret.

Values and their reading; no HTTP. The secret (Secrets Manager) may hold `stream_api_key`,
`stream_api_secret`, `stream_base_url` and `stream_websocket_url` beside Trunkline's own key. Imports PyJWT.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

import jwt

PRODUCTION_URL = "https://video.stream-io-api.com"
SERVER_TOKEN_LIFETIME = 3600
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class InvalidStreamAccountError(ValueError):
    """The secret names Stream, but not in a way that can be used; the message holds no secret."""


@dataclass(frozen=True, slots=True)
class StreamApplication:
    """How an application's calls reach Stream."""

    api_key: str
    api_secret: str = field(repr=False)
    base_url: str = PRODUCTION_URL
    websocket_url: str = ""
    """The coordinator's WebSocket; empty for the one that belongs to `base_url`."""

    def server_token(self, now: float) -> str:
        """A token for the REST API, valid for an hour from `now` (seconds since the epoch)."""
        # A minute back: the two clocks may differ.
        claims = {"server": True, "iat": int(now) - 60, "exp": int(now) + SERVER_TOKEN_LIFETIME}
        return jwt.encode(claims, self.api_secret, algorithm="HS256")

    @property
    def coordinator_url(self) -> str:
        """The coordinator's WebSocket as the SDK wants it."""
        if self.websocket_url:
            return self.websocket_url
        parts = urlsplit(self.base_url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        return urlunsplit((scheme, parts.netloc, "/api/v2/connect", "", ""))


def stream_application(secret: Mapping[str, str]) -> StreamApplication | None:
    """The account in an application's secret; None when it has none. Raises `InvalidStreamAccountError`."""
    api_key, api_secret = secret.get("stream_api_key", ""), secret.get("stream_api_secret", "")
    if not api_key and not api_secret:
        return None
    if not api_key or not api_secret:
        raise InvalidStreamAccountError("expected both stream_api_key and stream_api_secret, found one")
    base_url = (secret.get("stream_base_url") or PRODUCTION_URL).rstrip("/")
    websocket_url = secret.get("stream_websocket_url", "")
    _require_private(base_url, "https", "http")
    if websocket_url:
        _require_private(websocket_url, "wss", "ws")
    return StreamApplication(api_key, api_secret, base_url, websocket_url)


def _require_private(url: str, encrypted: str, plain: str) -> None:
    """Tokens travel in clear over loopback alone."""
    parts = urlsplit(url)
    if parts.scheme == plain and parts.hostname in _LOOPBACK:
        return
    if parts.scheme != encrypted or not parts.hostname:
        raise InvalidStreamAccountError(f"expected a {encrypted} URL for Stream, found {parts.scheme!r}")
