"""A 2xx to INVITE, repeated until its ACK comes (RFC 3261 section 13.3.1.4), over every transport."""

from __future__ import annotations

from collections.abc import Callable

from bridge.sip.timers import T1, T2, TIMEOUT, Timer, Timers


class SuccessResponse:
    """One 2xx. The transaction below sends it the first time; this sends it again."""

    __slots__ = (
        "_deadline",
        "_interval",
        "_on_timeout",
        "_repeat",
        "_response",
        "_send",
        "_timers",
        "acknowledged",
    )

    def __init__(
        self,
        response: bytes,
        timers: Timers,
        now: float,
        send: Callable[[bytes], None],
        on_timeout: Callable[[float], None],
    ) -> None:
        """`on_timeout(now)` runs when no ACK came in 64*T1."""
        self.acknowledged = False
        self._response = response
        self._timers = timers
        self._send = send
        self._on_timeout = on_timeout
        self._interval = T1
        self._deadline = now + TIMEOUT
        self._repeat: Timer | None = timers.start(now + T1, self._repeat_response)

    def acknowledge(self) -> bool:
        """The ACK came; False when it had come before."""
        first = not self.acknowledged
        self.stop()
        self.acknowledged = True
        return first

    def stop(self) -> None:
        """Repeat no more."""
        if self._repeat is not None:
            self._repeat.cancel()
            self._repeat = None

    def _repeat_response(self, now: float) -> None:
        if now >= self._deadline:
            self._repeat = None
            self._on_timeout(now)
            return
        self._send(self._response)
        self._interval = min(2 * self._interval, T2)
        self._repeat = self._timers.start(min(now + self._interval, self._deadline), self._repeat_response)
