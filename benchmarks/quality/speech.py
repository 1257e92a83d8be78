"""The sentences that are sent, at 8 kHz, spoken by espeak-ng; and their packets."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np

from bridge.media.codec import AudioFormat, make_encoder
from bridge.media.g711 import Samples

FRAME = 160
SECONDS = 16
_TEXT = (
    "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. "
    "It is easy to tell the depth of a well. These days a chicken leg is a rare dish. "
    "Rice is often served in round bowls. The juice of lemons makes fine punch. "
    "The box was thrown beside the parked truck. The hogs were fed chopped corn and garbage."
)


def spoken() -> Samples:
    """About 16 s of speech, a woman's voice and a man's in turn. Raises RuntimeError without espeak-ng."""
    program = shutil.which("espeak-ng")
    if program is None:
        raise RuntimeError(
            "the quality benchmark needs espeak-ng (Debian package of that name) for its speech"
        )
    with tempfile.TemporaryDirectory() as folder:
        parts = [_speak(program, Path(folder) / f"{voice}.wav", voice) for voice in ("en+f3", "en+m3")]
    half = SECONDS * 4000
    speech = np.concatenate([part[:half] for part in parts])
    peak = float(np.abs(speech).max())
    return (speech * (16000.0 / peak)).astype(np.int16)


def _speak(program: str, path: Path, voice: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    subprocess.run([program, "-v", voice, "-s", "165", "-w", str(path), _TEXT], check=True)
    with wave.open(str(path)) as opened:
        rate = opened.getframerate()
        samples = np.frombuffer(opened.readframes(opened.getnframes()), np.int16).astype(np.float64)
    # A low pass before the rate is reduced: a windowed sinc at 3.6 kHz.
    taps = np.arange(-64, 65)
    low_pass = np.sinc(2 * 3600 / rate * taps) * np.hamming(len(taps))
    filtered = np.convolve(samples, low_pass / low_pass.sum(), "same")
    places = np.arange(0, len(filtered) - 1, rate / 8000)
    narrow: np.ndarray[tuple[int], np.dtype[np.float64]] = np.interp(
        places, np.arange(len(filtered)), filtered
    )
    return narrow


def packets(speech: Samples, audio: AudioFormat, loss_percent: int) -> list[bytes]:
    """One payload for each 20 ms; Opus with redundancy for a loss that the receiver reported."""
    encoder = make_encoder(audio, 8000, 9)
    encoder.adapt(9, loss_percent)
    return [encoder.encode(speech[n : n + FRAME]) for n in range(0, len(speech) - FRAME + 1, FRAME)]
