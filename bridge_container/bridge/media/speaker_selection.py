"""Which speakers are mixed when more talk than the ear can follow. Imports bridge.media.

The loudest ones by a level that falls slowly, with a bonus for those chosen before, so that the choice does
not flicker between two equally loud voices.
"""

from __future__ import annotations

import numpy as np

from bridge.media.g711 import Samples

_FALL = 0.9
"""Share of the level left after each silent frame."""
_BONUS = 1.5


class SpeakerSelection:
    """Chooses at most `limit` of the frames."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._levels: dict[str, float] = {}
        self._chosen: frozenset[str] = frozenset()

    def choose(self, frames: dict[str, Samples]) -> dict[str, Samples]:
        """The frames of the active speakers."""
        levels: dict[str, float] = {}
        before = self._levels
        for leg_id, frame in frames.items():
            heard = float(np.abs(frame[::4].astype(np.int32)).mean())
            levels[leg_id] = max(heard, before.get(leg_id, 0.0) * _FALL)
        self._levels = levels
        chosen = self._chosen

        def rank(leg_id: str) -> float:
            return levels[leg_id] * (_BONUS if leg_id in chosen else 1.0)

        self._chosen = frozenset(sorted(levels, key=rank, reverse=True)[: self.limit])
        return {leg_id: frame for leg_id, frame in frames.items() if leg_id in self._chosen}
