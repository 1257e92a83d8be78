"""What the local Stream does wrong on purpose, so that clients can be tried against it. Set by tests."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from local.stream.api_error import INTERNAL_ERROR, RATE_LIMITED, ApiError


@dataclass(slots=True)
class Faults:
    """Faults of the coordinator; a default one has none."""

    rate_limited: int = 0
    """How many of the next REST requests get 429."""
    broken: int = 0
    """How many of the next REST requests get 500."""
    delay: float = 0.0
    """Seconds that each REST request waits first."""
    silent: bool = False
    """REST requests get no answer at all."""
    silent_login: bool = False
    """WebSocket logins get no answer at all."""
    _released: asyncio.Event = field(default_factory=asyncio.Event)

    async def strike(self) -> None:
        """Apply the faults to one REST request. Raises `ApiError`."""
        if self.silent:
            await self._released.wait()
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.rate_limited > 0:
            self.rate_limited -= 1
            raise ApiError(429, RATE_LIMITED, "Too many requests")
        if self.broken > 0:
            self.broken -= 1
            raise ApiError(500, INTERNAL_ERROR, "Internal server error")

    async def strike_login(self) -> None:
        """Apply the faults to one WebSocket login."""
        if self.silent_login:
            await self._released.wait()

    def clear(self) -> None:
        """No faults any more; whoever waits for an answer goes on."""
        self.rate_limited = self.broken = 0
        self.delay = 0.0
        self.silent = self.silent_login = False
        self._released.set()
        self._released = asyncio.Event()

    def release(self) -> None:
        """Let everybody go who waits for an answer; used when the server closes."""
        self._released.set()
