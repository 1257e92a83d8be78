"""The packets of one stream that wait for their time, by timestamp. Imports bridge.media.

Refuses what is late or duplicated, sees when a sender has moved to another timeline, and is bounded.
"""

from __future__ import annotations

from enum import Enum, auto

from bridge.media.delay_estimator import DelayEstimator
from bridge.media.rtp import unwrap

_CAPACITY = 64
_LATE_IN_A_ROW = 5
"""So many late packets without one in time mean that the sender's timestamps went back."""
_AHEAD = 0.3
"""Seconds by which no network can make a packet quicker than the quickest before it."""
_BEHIND = 2.0
"""Seconds of delay that we take for another timeline."""


class Arrival(Enum):
    """What became of a packet."""

    STORED = auto()
    LATE = auto()
    DUPLICATED = auto()
    RESTARTED = auto()
    """Stored as the first of a new timeline; whoever plays must start again."""


class PacketStore:
    """Payloads by extended timestamp."""

    __slots__ = ("_clock_rate", "_last", "_late", "cursor", "estimator", "waiting")

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self._last: int | None = None
        self._late = 0
        self.cursor: int | None = None
        """Timestamp to be played next; None until playing has begun."""
        self.estimator = DelayEstimator()
        self.waiting: dict[int, bytes] = {}

    def insert(self, timestamp: int, payload: bytes, now: float) -> Arrival:
        """Take a packet; `timestamp` is the 32-bit field."""
        extended = timestamp if self._last is None else unwrap(timestamp, self._last, 32)
        transit = now - extended / self._clock_rate
        restarted = self._elsewhere(transit)
        if restarted:
            self.clear()
        cursor = self.cursor
        if cursor is not None and extended < cursor:
            self._late += 1
            if self._late < _LATE_IN_A_ROW:
                self.estimator.add(transit)
                return Arrival.LATE
            self.clear()
            restarted = True
        if extended in self.waiting:
            return Arrival.DUPLICATED
        self._late = 0
        self._last = extended
        self.estimator.add(transit)
        self.waiting[extended] = payload
        if len(self.waiting) > _CAPACITY:
            del self.waiting[min(self.waiting)]
        return Arrival.RESTARTED if restarted else Arrival.STORED

    def _elsewhere(self, transit: float) -> bool:
        estimator = self.estimator
        if estimator.empty:
            return False
        return transit < estimator.quickest - _AHEAD or transit > estimator.target + _BEHIND

    def clear(self) -> None:
        """Forget the timeline."""
        self.waiting.clear()
        self.estimator.reset()
        self.cursor = None
        self._last = None
        self._late = 0

    def take(self) -> bytes | None:
        """The payload at the cursor, when it is there."""
        return None if self.cursor is None else self.waiting.pop(self.cursor, None)

    def first(self) -> int | None:
        """The earliest timestamp that waits."""
        return min(self.waiting) if self.waiting else None

    def due(self, timestamp: int, now: float) -> bool:
        """Whether a packet has waited as long as the estimator asks."""
        return now - timestamp / self._clock_rate >= self.estimator.target - 1e-6

    def spare(self, now: float) -> float:
        """Seconds by which the packet at the cursor is played later than needed (negative: too soon)."""
        if self.cursor is None:
            return 0.0
        return now - self.cursor / self._clock_rate - self.estimator.target
