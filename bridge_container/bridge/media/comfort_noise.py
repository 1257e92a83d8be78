"""Comfort noise: what the far end hears when a stream has nothing to say (RFC 3389). Imports bridge.media."""

from __future__ import annotations

import numpy as np

from bridge.media.g711 import Samples
from bridge.media.waveform import root_mean_square, to_samples

SILENT_LEVEL = 1.0
"""Root mean square under which noise is not worth making."""
_LOUDEST = 200.0
"""Noise louder than this (-44 dBov) would not be comfort."""
_FULL_SCALE = 32767.0


def level_of_payload(payload: bytes) -> float:
    """Root mean square of the noise that a comfort-noise payload describes: its first octet is -dBov."""
    if not payload:
        return 0.0
    return float(_FULL_SCALE * 10.0 ** (-(payload[0] & 0x7F) / 20.0))


class ComfortNoise:
    """Low noise at the level of the background that was heard before."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(1)
        self._filtered = np.float32(0.0)
        self.level = 0.0

    def learn(self, samples: Samples) -> None:
        """Follow the background: down at once, up slowly, so that speech does not count as background."""
        heard = root_mean_square(samples)
        self.level = heard if heard < self.level or self.level == 0.0 else self.level * 1.04

    def produce(self, count: int) -> Samples | None:
        """`count` samples, or None when the background is silent."""
        if self.level < SILENT_LEVEL:
            return None
        white = self._random.standard_normal(count + 2, np.float32)
        soft = (white[2:] + white[1:-1] + white[:-2]) / np.float32(np.sqrt(3.0))
        return to_samples(soft * np.float32(min(self.level, _LOUDEST)))
