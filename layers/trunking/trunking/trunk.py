"""Trunks: the agreement with a carrier. Pure values; imports nothing of ours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Trunk:
    """A SIP trunk without its secret."""

    id: str
    application_id: str
    name: str
    numbers: tuple[str, ...]
    """Phone numbers in E.164, such as `+15551230001`."""
    username: str
    """The SIP digest username, unique in the deployment."""
    allowed_ips: tuple[str, ...]
    """Addresses or CIDR blocks, IPv4 or IPv6, that may call without digest; empty: digest for all."""
    created_at: datetime
    updated_at: datetime
    rev: int = 1
    """Counts the writes to this trunk; the ETag of `If-Match`."""
    enabled: bool = True
    max_concurrent_calls: int | None = None
    """SIP calls at once; None is without limit."""
    max_calls_per_second: float | None = None
    """New SIP calls per second; None is without limit."""
    country: str | None = None
    """ISO 3166 alpha-2: the plan that national caller and called numbers are read in."""


@dataclass(frozen=True, slots=True)
class TrunkCredentials:
    """What a carrier authenticates with by SIP digest (RFC 3261 section 22)."""

    trunk_id: str
    username: str
    password: str
    previous_password: str | None = None
    """The password before a rotation, while its grace period runs."""
    previous_valid_until: datetime | None = None

    def passwords(self, now: datetime) -> tuple[str, ...]:
        """The passwords that are valid at `now`, the current one first."""
        if self.previous_password is None or self.previous_valid_until is None:
            return (self.password,)
        if now >= self.previous_valid_until:
            return (self.password,)
        return (self.password, self.previous_password)

    def __repr__(self) -> str:
        """Never shows a password."""
        return f"TrunkCredentials(trunk_id={self.trunk_id!r}, username={self.username!r})"
