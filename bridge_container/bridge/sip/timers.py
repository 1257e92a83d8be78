"""Deadlines for a core that reads no clock: callbacks, run when the caller says what time it is.

Most deadlines are transaction timeouts, all of one length: they wait in a queue, in the order in which they
were started. The others wait in a heap.

Also the base values of RFC 3261's timers. Imports nothing of ours.
"""

from __future__ import annotations

from collections import deque
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

    __slots__ = ("_heap_owner", "callback", "deadline")

    def __init__(self, deadline: float, callback: Callable[[float], None], heap_owner: Timers | None) -> None:
        self.deadline = deadline
        self.callback: Callable[[float], None] | None = callback
        self._heap_owner = heap_owner

    def cancel(self) -> None:
        """The callback will not run."""
        if self.callback is not None:
            self.callback = None
            if self._heap_owner is not None:
                self._heap_owner._forget()


class Timers:
    """All deadlines of one endpoint."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._timeouts: deque[Timer] = deque()
        self._sequence = 0
        self._cancelled = 0

    def start_timeout(self, now: float, callback: Callable[[float], None]) -> Timer:
        """Run `callback(then)` after 64*T1."""
        timer = Timer(now + TIMEOUT, callback, None)
        queue = self._timeouts
        if queue and queue[-1].deadline > timer.deadline:
            timer.deadline = queue[-1].deadline  # A clock that stepped back must not break the order.
        queue.append(timer)
        return timer

    def __len__(self) -> int:
        """How many are kept, cancelled ones that were not dropped yet included."""
        return len(self._heap) + len(self._timeouts)

    def start(self, deadline: float, callback: Callable[[float], None]) -> Timer:
        """Run `callback(now)` once `now` has reached `deadline`."""
        timer = Timer(deadline, callback, self)
        self._sequence += 1
        heappush(self._heap, (deadline, self._sequence, timer))
        return timer

    def next_deadline(self) -> float | None:
        """The earliest deadline, or None."""
        timer = self._next()
        return None if timer is None else timer.deadline

    def run(self, now: float) -> None:
        """Run everything that is due, in order of its deadline, what callbacks start included."""
        while (timer := self._next()) is not None and timer.deadline <= now:
            if self._timeouts and timer is self._timeouts[0]:
                self._timeouts.popleft()
            else:
                heappop(self._heap)
            callback, timer.callback = timer.callback, None
            if callback is not None:
                callback(now)

    def _next(self) -> Timer | None:
        """The timer whose deadline is the earliest; cancelled ones before it are dropped."""
        heap, timeouts = self._heap, self._timeouts
        while heap and heap[0][2].callback is None:
            heappop(heap)
            self._cancelled -= 1
        while timeouts and timeouts[0].callback is None:
            timeouts.popleft()
        if not timeouts:
            return heap[0][2] if heap else None
        return heap[0][2] if heap and heap[0][0] < timeouts[0].deadline else timeouts[0]

    def _forget(self) -> None:
        self._cancelled += 1
        if self._cancelled > 64 and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].callback is not None]
            heapify(self._heap)
            self._cancelled = 0
