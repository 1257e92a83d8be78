"""What came through of what was said: how late, how loud, how much like it. Pure arithmetic on samples.

Likeness is the idea behind STOI (Taal et al., 2011): correlation of short-time band envelopes, which goes
with how well speech is understood, rather than of waveforms, which codecs need not keep.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from local.demo.timeline import SAMPLE_RATE, Samples, Timeline

LONGEST_DELAY = 2.0
"""Seconds; beyond it nothing is found."""
SHORTEST_DELAY = 0.1
"""Seconds by which the clocks of two recordings may disagree, so that it looks as if heard before said."""
WINDOW = SAMPLE_RATE
"""Samples in which one delay is measured."""
STEP = WINDOW // 2
DRIFT = SAMPLE_RATE // 4
"""Samples by which the delay may differ from window to window."""
SILENCE_DBFS = -50.0
FRAME = 256
HOP = 80
SEGMENT = 40
"""Frames of 10 ms in which envelopes are compared: 400 ms, about a syllable and its neighbours."""
BANDS = 13
LOWEST_BAND = 180.0
"""Hz; third octaves from here end below 4 kHz."""


@dataclass(frozen=True)
class Comparison:
    """One direction of a call."""

    heard_seconds: float
    """How much was recorded."""
    level_dbfs: float
    """Of the loudest second that was heard; -120 for nothing."""
    likeness: float
    """0.0: nothing of what was said; 1.0: all of it, undistorted."""
    delay: float | None
    """Median seconds from mouth to ear; None when it was not heard."""
    delay_spread: float | None
    """Seconds between the 5th and the 95th percentile."""

    @property
    def understood(self) -> bool:
        """Whether a person would have understood it."""
        return self.delay is not None and self.likeness >= 0.6 and self.level_dbfs > SILENCE_DBFS


def compare(said: Timeline, heard: Timeline) -> Comparison:
    """Find what was said in what was heard."""
    level = loudest_second(heard.samples)
    nothing = Comparison(heard.seconds, level, 0.0, None, None)
    if level < SILENCE_DBFS or loudest_second(said.samples) < SILENCE_DBFS:
        return nothing
    later = heard.began_at - said.began_at
    coarse = _lag(said.samples, heard.samples, later)
    if coarse is None:
        return nothing
    lags = [
        _window_lag(said.samples, heard.samples, start, coarse)
        for start in range(0, len(said.samples) - WINDOW + 1, STEP)
    ]
    delays = [lag / SAMPLE_RATE + later for lag in lags if lag is not None]
    likeness = envelope_likeness(said.samples, _aligned(heard.samples, lags, coarse, len(said.samples)))
    if not delays:
        return Comparison(heard.seconds, level, likeness, None, None)
    spread = float(np.percentile(delays, 95) - np.percentile(delays, 5))
    return Comparison(heard.seconds, level, likeness, float(np.median(delays)), spread)


def loudest_second(samples: Samples) -> float:
    """RMS in dBFS of the loudest second, -120 for silence."""
    if not len(samples):
        return -120.0
    power = np.convolve(samples.astype(np.float64) ** 2, np.ones(SAMPLE_RATE) / SAMPLE_RATE, mode="same")
    return float(max(-120.0, 10 * np.log10(max(float(power.max()), 1e-12))))


def envelope_likeness(said: Samples, heard: Samples) -> float:
    """Mean correlation of the band envelopes of aligned signals, where something was said."""
    said_bands, heard_bands = _band_envelopes(said), _band_envelopes(heard)
    loudness = said_bands.sum(axis=0)
    scores = []
    for start in range(0, said_bands.shape[1] - SEGMENT + 1, SEGMENT // 2):
        part = slice(start, start + SEGMENT)
        if loudness[part].mean() < loudness.max() / 30:
            continue  # a pause
        one = said_bands[:, part] - said_bands[:, part].mean(axis=1, keepdims=True)
        other = heard_bands[:, part] - heard_bands[:, part].mean(axis=1, keepdims=True)
        strength = np.linalg.norm(one, axis=1)
        product = strength * np.linalg.norm(other, axis=1)
        correlation = np.divide((one * other).sum(axis=1), product, where=product > 0, out=np.zeros(BANDS))
        # A band in which nothing was said cannot be heard.
        scores.append(float(np.average(correlation, weights=strength)))
    return max(0.0, float(np.mean(scores))) if scores else 0.0


def _band_envelopes(samples: Samples) -> NDArray[np.float64]:
    """Amplitudes by third-octave band and 10 ms frame."""
    if len(samples) < FRAME:
        return np.zeros((BANDS, 0))
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP] * np.hanning(FRAME)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    hertz = np.fft.rfftfreq(FRAME, 1 / SAMPLE_RATE)
    edges = LOWEST_BAND * 2 ** (np.arange(BANDS + 1) / 3)
    bands = [power[:, (hertz >= low) & (hertz < high)].sum(axis=1) for low, high in pairwise(edges)]
    envelopes: NDArray[np.float64] = np.sqrt(np.array(bands))
    return envelopes


def _correlate(part: Samples, whole: Samples) -> NDArray[np.float64]:
    """Normalised correlation of `part` with each place in `whole` where it fits."""
    size = 1 << (len(part) + len(whole)).bit_length()
    product = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size)), size)
    places = len(whole) - len(part) + 1
    energy = np.cumsum(np.concatenate([[0.0], whole.astype(np.float64) ** 2]))
    around = np.sqrt(np.maximum(energy[len(part) :] - energy[:places], 1e-9))
    correlation: NDArray[np.float64] = product[:places] / (around * np.linalg.norm(part) + 1e-9)
    return correlation


def _lag(said: Samples, heard: Samples, later: float) -> int | None:
    """The place of `said` in `heard` (negative: it began before), None when it is not in there.

    `later` is by how many seconds the recording of `heard` began after that of `said`.
    """
    padding = np.zeros(len(said), np.float32)
    correlation = _correlate(said, np.concatenate([padding, heard, padding]))
    # What repeats itself is looked for only where it may be.
    first = len(said) + round((-SHORTEST_DELAY - later) * SAMPLE_RATE)
    last = len(said) + round((LONGEST_DELAY - later) * SAMPLE_RATE)
    first, last = max(0, first), min(len(correlation), last)
    if first >= last:
        return None
    best = first + int(np.argmax(correlation[first:last]))
    return best - len(said) if correlation[best] > 0.15 else None


def _window_lag(said: Samples, heard: Samples, start: int, coarse: int) -> int | None:
    window = said[start : start + WINDOW]
    if loudest_second(window) < SILENCE_DBFS:
        return None
    first = start + coarse - DRIFT
    if first < 0 or start + coarse + WINDOW + DRIFT > len(heard):
        return None
    correlation = _correlate(window, heard[first : start + coarse + WINDOW + DRIFT])
    best = int(np.argmax(correlation))
    return best + first - start if correlation[best] > 0.3 else None


def _aligned(heard: Samples, lags: Sequence[int | None], coarse: int, length: int) -> Samples:
    """What was heard, at the places where it was said: each step by its own delay, which may drift.

    A listener follows a delay that changes slowly; a comparison of envelopes does not.
    """
    aligned = np.zeros(length, np.float32)
    lag = coarse
    for start in range(0, length, STEP):
        index = start // STEP
        found = lags[index] if index < len(lags) else None
        lag = lag if found is None else found
        count = min(STEP, length - start)
        first, last = max(0, start + lag), max(0, start + lag + count)
        source = heard[first:last]
        place = start + first - (start + lag)
        aligned[place : place + len(source)] = source
    return aligned
