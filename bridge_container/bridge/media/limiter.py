"""Keeps a mix within 16 bits by turning it down, never by clipping. Imports bridge.media."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bridge.media.g711 import Samples

_CEILING = 32000.0
_RELEASE = 0.05
"""Share of the missing gain given back in each frame: back to full in about half a second."""


class Limiter:
    """One listener's gain: down at once within a frame, up slowly."""

    __slots__ = ("_gain",)

    def __init__(self) -> None:
        self._gain = 1.0

    def limit(self, mix: npt.NDArray[np.int32]) -> Samples:
        """The mix as 16-bit samples."""
        peak = max(int(mix.max()), -int(mix.min()))
        if self._gain == 1.0 and peak <= _CEILING:
            return mix.astype(np.int16)
        before = self._gain
        wanted = min(1.0, _CEILING / peak) if peak else 1.0
        released = 1.0 if before > 0.999 else before + (1.0 - before) * _RELEASE
        self._gain = min(wanted, released)
        if self._gain >= before:
            gain: npt.NDArray[np.float32] | float = np.linspace(
                before, self._gain, len(mix), dtype=np.float32
            )
        else:  # a ramp down would let the begin of the frame through too loud
            gain = self._gain
        limited: Samples = np.rint(mix * gain).astype(np.int16)
        return limited
