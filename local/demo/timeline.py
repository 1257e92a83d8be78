"""Audio with a place in time: 8 kHz samples, and when the first of them was said or heard. Pure values.

Files are WAV with a JSON beside them for the time, so that processes can hand them on.
"""

from __future__ import annotations

import json
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 8000
Samples = NDArray[np.float32]
"""-1.0 to 1.0, mono, 8 kHz."""


@dataclass(frozen=True)
class Timeline:
    """Samples and their time."""

    samples: Samples
    began_at: float
    """When the first sample was said or heard, seconds since the epoch."""

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / SAMPLE_RATE

    def between(self, start: float, end: float) -> Timeline:
        """The part between two times, as far as it is there."""
        first = max(0, round((start - self.began_at) * SAMPLE_RATE))
        last = max(first, round((end - self.began_at) * SAMPLE_RATE))
        return Timeline(self.samples[first:last], self.began_at + first / SAMPLE_RATE)

    def save(self, path: Path) -> None:
        """Write a 16-bit WAV file, and its time beside it."""
        write_wav(path, self.samples)
        path.with_suffix(".json").write_text(json.dumps({"began_at": self.began_at}))

    @classmethod
    def load(cls, path: Path) -> Timeline:
        """Read what `save` wrote."""
        return cls(read_wav(path), json.loads(path.with_suffix(".json").read_text())["began_at"])


def write_wav(path: Path, samples: Samples) -> None:
    """Write 16-bit mono at 8 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def read_wav(path: Path) -> Samples:
    """Read 16-bit mono of any rate as 8 kHz; raises ValueError for other formats."""
    with wave.open(str(path), "rb") as file:
        if file.getnchannels() != 1 or file.getsampwidth() != 2:
            raise ValueError(f"{path} is not 16-bit mono")
        rate = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32)
    return resample(samples / np.float32(32768), rate)


def resample(samples: Samples, rate: int) -> Samples:
    """The samples at 8 kHz, band-limited in the frequency domain: exact enough to measure with."""
    if rate == SAMPLE_RATE or not len(samples):
        return samples
    wanted = round(len(samples) * SAMPLE_RATE / rate)
    spectrum = np.fft.rfft(samples)[: wanted // 2 + 1]
    return (np.fft.irfft(spectrum, wanted) * (wanted / len(samples))).astype(np.float32)
