"""Tones: made for who talks, looked for in what others hear."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]

AMPLITUDE = 8000.0


def tone(frequency: float, rate: int, first: int, count: int) -> Samples:
    """`count` samples of a continuous sine, from sample number `first` on."""
    positions = np.arange(first, first + count)
    return (AMPLITUDE * np.sin(2 * np.pi * frequency * positions / rate)).astype(np.int16)


def share(samples: Samples, rate: int, frequency: float) -> float:
    """How much of the signal's power lies within 15 Hz of `frequency`, 0 to 1; 0 for silence."""
    if len(samples) < rate // 10 or not np.any(samples):
        return 0.0
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    frequencies = np.fft.rfftfreq(len(samples), 1 / rate)
    return float(power[np.abs(frequencies - frequency) < 15].sum() / power.sum())


def loudness(samples: Samples) -> float:
    """Root mean square, in units of 16-bit samples."""
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2))) if len(samples) else 0.0
