"""How much effort the codecs may spend, from how busy the worker is. Pure; imports nothing of ours.

Overload is a cliff: 5 % more calls can take the delay from 20 to 500 ms. So effort is taken back early,
long before deadlines are missed, and given back late; at the lowest effort an Opus frame costs half of what
it does at 5, and at 8 kHz hardly sounds different. When that is not enough, new legs are refused.
"""

from __future__ import annotations

_STEPS = (10, 8, 5, 3, 1, 0)
_BUSY = 0.65
"""Share of the core above which effort is taken back."""
_EASY = 0.40
"""Share below which it is given back, after a while."""
_PATIENCE = 10
"""Looks in a row that must be easy."""
_SMOOTHING = 0.3


class LoadGovernor:
    """One worker's effort. `observe` is called about once a second."""

    def __init__(self, complexity: int, limit: float = 0.85) -> None:
        self._steps = [complexity, *(step for step in _STEPS if step < complexity)]
        self._place = 0
        self._easy = 0
        self._limit = limit
        self.busy = 0.0
        """Smoothed share of the core that the engine uses."""

    @property
    def complexity(self) -> int:
        """The Opus complexity to use now."""
        return self._steps[self._place]

    @property
    def full(self) -> bool:
        """Whether new legs must be refused."""
        return self.busy > self._limit

    def observe(self, busy: float) -> bool:
        """Take the share of the last second; True when the complexity has changed."""
        self.busy += _SMOOTHING * (busy - self.busy)
        if self.busy > _BUSY and self._place + 1 < len(self._steps):
            self._easy = 0
            self._place += 1
            return True
        self._easy = self._easy + 1 if self.busy < _EASY else 0
        if self._easy >= _PATIENCE and self._place > 0:
            self._easy = 0
            self._place -= 1
            return True
        return False
