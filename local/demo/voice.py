"""What is said in the demonstration: sentences by espeak-ng where it is installed, else melodies of tones."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from local.demo.timeline import SAMPLE_RATE, Samples, read_wav

PHONE_SENTENCE = (
    "Hello, this is the phone speaking. The quick brown fox jumps over the lazy dog. "
    "My number ends in one two three four, please call me back before six."
)
BROWSER_SENTENCE = (
    "Good morning from the browser. She sells sea shells by the sea shore. "
    "The weather is bright and the meeting starts at nine in the large room."
)
PEAK = 0.5
NOTE_SECONDS = 0.12
PAUSE_SECONDS = 0.06
PROGRAM = "espeak-ng"


def can_speak() -> bool:
    """Whether sentences can be spoken here."""
    return shutil.which(PROGRAM) is not None


def spoken(sentence: str, voice: str) -> Samples:
    """A sentence as speech; raises CalledProcessError or FileNotFoundError where espeak-ng fails."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "voice.wav"
        command = [PROGRAM, "-v", voice, "-s", "160", "-w", str(path), sentence]
        subprocess.run(command, check=True, capture_output=True)
        samples = read_wav(path)
    return samples * np.float32(PEAK / np.max(np.abs(samples)))


def melody(seconds: float, seed: int) -> Samples:
    """Notes of 300 to 3000 Hz in an order that never repeats within some seconds."""
    order = np.random.default_rng(seed)
    notes: list[Samples] = []
    times = np.arange(int(NOTE_SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    # Rising and falling softly: a click would be heard at all frequencies.
    envelope = np.sin(np.pi * times / NOTE_SECONDS) ** 0.5
    pause = np.zeros(int(PAUSE_SECONDS * SAMPLE_RATE), np.float32)
    while sum(map(len, notes)) < seconds * SAMPLE_RATE:
        hertz = 300 * 10 ** order.random()
        notes += [(PEAK * envelope * np.sin(2 * np.pi * hertz * times)).astype(np.float32), pause]
    return np.concatenate(notes)


def phone_voice() -> Samples:
    """What the phone says."""
    return spoken(PHONE_SENTENCE, "en-us") if can_speak() else melody(8, seed=1)


def browser_voice() -> Samples:
    """What the browser says: another voice, other words."""
    return spoken(BROWSER_SENTENCE, "en-gb+f3") if can_speak() else melody(8, seed=2)
