"""Doubling and halving the sample rate between narrowband and wideband (8 and 16 kHz). Imports numpy only.

One linear-phase half-band filter of 31 taps: flat to 3.2 kHz, 45 dB down above 4.8 kHz, 0.9 ms of delay at
16 kHz. Only rooms that mix narrowband with wideband legs come here; telephone audio alone never does.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bridge.media.g711 import Samples

_TAPS = 31


def _half_band() -> npt.NDArray[np.float32]:
    offset = np.arange(_TAPS) - _TAPS // 2
    window = np.kaiser(_TAPS, 5.0)
    taps = 0.5 * np.sinc(offset / 2.0) * window
    normalised: npt.NDArray[np.float32] = (taps / taps.sum()).astype(np.float32)
    return normalised


_FILTER = _half_band()


def _to_samples(signal: npt.NDArray[np.float32]) -> Samples:
    return np.clip(np.rint(signal), -32768, 32767).astype(np.int16)


class Upsampler:
    """8 kHz to 16 kHz."""

    def __init__(self) -> None:
        self._history = np.zeros(_TAPS - 1, np.float32)

    def convert(self, samples: Samples) -> Samples:
        """Twice as many samples."""
        stuffed = np.zeros(2 * len(samples) + _TAPS - 1, np.float32)
        stuffed[: _TAPS - 1] = self._history
        stuffed[_TAPS - 1 :: 2] = samples
        self._history = stuffed[-(_TAPS - 1) :]
        return _to_samples(2.0 * np.convolve(stuffed, _FILTER, "valid"))


class Downsampler:
    """16 kHz to 8 kHz. Takes an even number of samples at a time."""

    def __init__(self) -> None:
        self._history = np.zeros(_TAPS - 1, np.float32)

    def convert(self, samples: Samples) -> Samples:
        """Half as many samples."""
        signal = np.concatenate((self._history, samples.astype(np.float32)))
        self._history = signal[-(_TAPS - 1) :]
        return _to_samples(np.convolve(signal, _FILTER, "valid")[::2])
