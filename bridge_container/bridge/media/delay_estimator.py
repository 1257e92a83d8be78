"""How long to hold packets so that nearly all of them are there when their time comes.

It looks at the transit time (arrival minus media time, so with an unknown constant) of the recent packets
and answers with the transit that all but 1 % of them keep. A drifting clock moves every transit, hence the
answer. Imports nothing of ours.
"""

from __future__ import annotations

from collections import deque

MAX_DELAY = 0.4
"""Seconds above the quickest packet that we are willing to wait."""
_WINDOW = 250
"""Packets looked at: five seconds of 20 ms packets."""
_QUANTILE = 0.99
_RENEW = 10
"""Packets between two looks."""


class DelayEstimator:
    """Follows one stream. All times are seconds."""

    __slots__ = ("_since", "_transits", "margin", "quickest", "target")

    def __init__(self) -> None:
        self._transits: deque[float] = deque(maxlen=_WINDOW)
        self._since = 0
        self.quickest = 0.0
        """The least transit of the recent packets."""
        self.margin = 0.0
        """Seconds to wait longer, so that the packet after a lost one, with its redundancy, is there."""
        self.target = 0.0
        """The transit at which packets should be played."""

    @property
    def empty(self) -> bool:
        """Whether no packet has come yet."""
        return not self._transits

    def add(self, transit: float) -> None:
        """Take the next packet's transit."""
        transits = self._transits
        transits.append(transit)
        self._since += 1
        if self._since >= _RENEW or len(transits) < _RENEW:
            self._since = 0
            ranked = sorted(transits)
            self.quickest = ranked[0]
            wanted = ranked[int(_QUANTILE * (len(ranked) - 1) + 0.5)]
            self.target = min(wanted + self.margin, self.quickest + MAX_DELAY)

    def reset(self) -> None:
        """Forget everything: the stream has restarted."""
        self._transits.clear()
        self._since = 0
