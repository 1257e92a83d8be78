"""Deadlines for a core that reads no clock: a heap of callbacks, run when the caller says what time it is.

Also the base values of RFC 3261's timers. Imports nothing of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush

T1 = 0.5
"""Seconds; the round-trip estimate (RFC 3261 section 17.1.1.1)."""
T2 = 4.0
"""Seconds; the longest interval between retransmissions of non-INVITE requests and INVITE responses."""
T4 = 5.0
"""Seconds; how long a message stays in the network."""
TIMEOUT = 64 * T1
"""Seconds; timers B, F, H, J, L: a transaction gives up."""


class Timer:
    """One deadline. Cancelling it twice, or after it ran, is no error."""

    __slots__ = ("_owner", "callback", "deadline")

    def __init__(self, deadline: float, callback: Callable[[float], None], owner: Timers) -> None:
        self.deadline = deadline
        self.callback: Callable[[float], None] | None = callback
        self._owner = owner

    def cancel(self) -> None:
        """The callback will not run."""
        if self.callback is not None:
            self.callback = None
            self._owner._forget()


class Timers:
    """All deadlines of one endpoint."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._sequence = 0
        self._cancelled = 0

    def __len__(self) -> int:
        return len(self._heap) - self._cancelled

    def start(self, deadline: float, callback: Callable[[float], None]) -> Timer:
        """Run `callback(now)` once `now` has reached `deadline`."""
        timer = Timer(deadline, callback, self)
        self._sequence += 1
        heappush(self._heap, (deadline, self._sequence, timer))
        return timer

    def next_deadline(self) -> float | None:
        """The earliest deadline, or None."""
        heap = self._heap
        while heap and heap[0][2].callback is None:
            heappop(heap)
            self._cancelled -= 1
        return heap[0][0] if heap else None

    def run(self, now: float) -> None:
        """Run everything that is due, in order of its deadline, what callbacks start included."""
        while True:
            deadline = self.next_deadline()
            if deadline is None or deadline > now:
                return
            timer = heappop(self._heap)[2]
            callback, timer.callback = timer.callback, None
            if callback is not None:
                callback(now)

    def _forget(self) -> None:
        self._cancelled += 1
        if self._cancelled > 64 and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].callback is not None]
            heapify(self._heap)
            self._cancelled = 0
