"""Making speech a little shorter or longer without changing its pitch. Imports bridge.media.

One pitch period is taken out or put in, with a cross-fade as long as the period. It is done only where it
cannot be heard: in a clearly periodic stretch or in near silence.
"""

from __future__ import annotations

import numpy as np

from bridge.media.g711 import Samples
from bridge.media.waveform import cross_fade, root_mean_square, to_samples

_SHORTEST = 0.0025
LONGEST_PERIOD = 0.0125
"""Seconds that one call takes out or puts in at most."""
_ENOUGH_ALIKE = 0.85
_QUIET = 200.0
"""Root mean square below which any cut will do."""


def shorten(samples: Samples, rate: int) -> Samples:
    """Without one pitch period, or as it was when no cut would go unheard."""
    period = _period(samples, rate)
    if period == 0:
        return samples
    signal = samples.astype(np.float32)
    joined = cross_fade(signal[:period], signal[period : 2 * period])
    return np.concatenate((to_samples(joined), samples[2 * period :]))


def lengthen(samples: Samples, rate: int) -> Samples:
    """With one pitch period twice, or as it was when no insertion would go unheard."""
    period = _period(samples, rate)
    if period == 0:
        return samples
    signal = samples.astype(np.float32)
    joined = cross_fade(signal[period : 2 * period], signal[:period])
    return np.concatenate((samples[:period], to_samples(joined), samples[period:]))


def _period(samples: Samples, rate: int) -> int:
    """The period at the begin of `samples`, or 0."""
    shortest = int(_SHORTEST * rate)
    longest = min(int(LONGEST_PERIOD * rate), len(samples) // 2)
    if longest <= shortest:
        return 0
    signal = samples.astype(np.float32)
    if root_mean_square(samples) < _QUIET:
        return longest
    template = signal[:longest]
    searched = signal[shortest : 2 * longest]
    products = np.correlate(searched, template, "valid")
    energies = np.convolve(np.square(searched), np.ones(longest, np.float32), "valid")
    scores = products / np.sqrt(energies * float(np.dot(template, template)) + 1.0)
    best = int(np.argmax(scores))
    return shortest + best if scores[best] > _ENOUGH_ALIKE else 0
