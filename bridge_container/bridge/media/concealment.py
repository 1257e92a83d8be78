"""Waveform concealment of lost audio for codecs without their own (after ITU-T G.711 Appendix I).

The last pitch periods before the loss are repeated, first one, then two, then three of them so that the
voice does not buzz; from 10 ms on it fades, by 20 % each 10 ms, into comfort noise at the level heard
before. Unlike the Appendix it adds no delay: the join is smoothed inside the made-up audio. Imports
bridge.media.
"""

from __future__ import annotations

import numpy as np

from bridge.media.g711 import Samples
from bridge.media.waveform import Signal, cross_fade, fade_in, pitch_lag, to_samples

_FADE_AFTER = 0.010
_FADE_EACH = 0.2 / 0.010
"""Share of the gain lost per second: 20 % for each 10 ms."""
_MERGE = 0.004
"""Seconds over which received audio takes over again."""


class Concealment:
    """Makes up audio during one loss. `history` is what was played just before it, 50 ms or more."""

    def __init__(self, history: Samples, rate: int) -> None:
        self._rate = rate
        self._produced = 0
        self._history = history.astype(np.float32)
        longest = rate // 66
        if len(history) < 2 * longest:
            self._history = np.concatenate((np.zeros(2 * longest - len(history), np.float32), self._history))
        self._lag, self._voicing = pitch_lag(self._history, rate)
        self._periods = 1
        self._loop = self._make_loop(1)
        self._phase = 0
        self._step = float(self._history[-1] - self._loop[-1])

    @property
    def gain(self) -> float:
        """How loud the made-up voice still is."""
        seconds = self._produced / self._rate
        return max(0.0, 1.0 - max(0.0, seconds - _FADE_AFTER) * _FADE_EACH)

    def produce(self, count: int) -> Samples:
        """The next `count` samples."""
        return to_samples(self._signal(count))

    def merge(self, received: Samples) -> Samples:
        """Let the first samples after the loss fade in over the made-up voice."""
        count = min(int(_MERGE * self._rate), len(received))
        if count == 0:
            return received
        merged = received.copy()
        merged[:count] = to_samples(cross_fade(self._signal(count), received[:count].astype(np.float32)))
        return merged

    def _signal(self, count: int) -> Signal:
        wanted = 1 + int(self._produced / self._rate / 0.010)
        if wanted != self._periods and wanted <= 3:
            self._periods = wanted
            self._phase %= self._lag
            self._loop = self._make_loop(wanted)
        places = (self._phase + np.arange(count)) % len(self._loop)
        signal: Signal = self._loop[places]
        if self._produced == 0:  # take the step at the join away gently
            smooth = min(self._lag // 4 + 1, count)
            signal[:smooth] += self._step * (1.0 - fade_in(smooth))
        self._phase = (self._phase + count) % len(self._loop)
        seconds = (self._produced + np.arange(count)) / self._rate
        gain = np.clip(1.0 - np.maximum(seconds - _FADE_AFTER, 0.0) * _FADE_EACH, 0.0, 1.0)
        self._produced += count
        faded: Signal = (signal * gain).astype(np.float32)
        return faded

    def _make_loop(self, periods: int) -> Signal:
        """The last `periods` pitch periods, their end cross-faded with what led up to their begin."""
        length = min(periods * self._lag, len(self._history) - self._lag // 4 - 1)
        overlap = self._lag // 4 + 1
        loop = self._history[-length:].copy()
        before = self._history[-length - overlap : -length]
        loop[-overlap:] = cross_fade(loop[-overlap:], before)
        return loop
