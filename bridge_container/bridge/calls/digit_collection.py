"""Collecting what a caller keys in: until `#`, the wanted length, or a pause. Never prints the digits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from bridge.calls.call_settings import CallSettings

_LONGEST = 32


class Timers(Protocol):
    """The timers of an event loop; a loop is one."""

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> asyncio.TimerHandle:
        """Call `callback` once, `delay` seconds from now."""
        ...


class DigitCollection:
    """One caller's digits. `digit` may be called before, between and during entries; only entries count."""

    def __init__(self, timers: Timers, settings: CallSettings) -> None:
        self._timers = timers
        self._settings = settings
        self._digits = ""
        self._length: int | None = None
        self._entry: asyncio.Future[str] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def entry(self, length: int | None) -> str:
        """One entry: `length` digits, or fewer when `#` or a pause ends them; empty when nothing came."""
        self._digits = ""
        self._length = length
        self._entry = asyncio.get_running_loop().create_future()
        self._arm(self._settings.first_digit_timeout)
        try:
            return await self._entry
        finally:
            self.close()

    def digit(self, digit: str) -> None:
        """The caller pressed a key."""
        if self._entry is None or self._entry.done():
            return
        if digit == "#":
            self._finish()
            return
        if digit == "*":
            # A star starts anew: callers who slipped need not wait for the next attempt.
            self._digits = ""
        else:
            self._digits += digit
        if len(self._digits) >= (self._length or _LONGEST):
            self._finish()
        else:
            self._arm(self._settings.digit_timeout)

    def close(self) -> None:
        """Stop collecting; an entry under way stays as it is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._entry = None

    def _arm(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._timers.call_later(seconds, self._finish)

    def _finish(self) -> None:
        if self._entry is not None and not self._entry.done():
            self._entry.set_result(self._digits)
