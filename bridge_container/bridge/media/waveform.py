"""Pitch: the lag at which a voice repeats itself, and cross-fades. Imports numpy only.

Concealment and time scaling both cut and join speech at whole pitch periods, where the ear does not notice.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from bridge.media.g711 import Samples

Signal = npt.NDArray[np.float32]


def pitch_lag(history: Signal, rate: int, lowest_hz: int = 66, highest_hz: int = 400) -> tuple[int, float]:
    """Lag in samples at which the end of `history` best matches its past, and the correlation there, -1 to 1.

    `history` should hold at least 40 ms; the template is its last 20 ms at most.
    """
    shortest, longest = rate // highest_hz, rate // lowest_hz
    template_length = min(rate // 50, len(history) - longest)
    template = history[-template_length:]
    searched = history[-(template_length + longest) : len(history) - shortest]
    products = np.correlate(searched, template, "valid")
    energies = np.convolve(np.square(searched), np.ones(template_length, np.float32), "valid")
    own = float(np.dot(template, template))
    scores = products / np.sqrt(energies * own + 1.0)
    best = int(np.argmax(scores))
    return longest - best, float(scores[best])


def fade_in(length: int) -> Signal:
    """A linear ramp from just above 0 to just under 1."""
    ramp: Signal = (np.arange(1, length + 1, dtype=np.float32) / (length + 1)).astype(np.float32)
    return ramp


def cross_fade(leaving: Signal, entering: Signal) -> Signal:
    """From one signal to another over their common length."""
    ramp = fade_in(len(leaving))
    faded: Signal = leaving * (1.0 - ramp) + entering * ramp
    return faded


def root_mean_square(samples: Samples) -> float:
    """How loud."""
    signal = samples.astype(np.float32)
    return math.sqrt(float(np.dot(signal, signal)) / max(len(signal), 1))


def to_samples(signal: Signal) -> Samples:
    """Round and limit to 16 bits."""
    return np.clip(np.rint(signal), -32768, 32767).astype(np.int16)
