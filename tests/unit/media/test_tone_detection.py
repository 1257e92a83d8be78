"""Digits as tones in the audio: found in all of their tolerance, not found in speech."""

from __future__ import annotations

import shutil
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest

from bridge.media.g711 import Samples, decode, encode
from bridge.media.telephone_event import DIGITS, Digit
from bridge.media.tone_detection import ToneDetector
from tests.unit.media.virtual_phones import speech_like

LOW = (697.0, 770.0, 852.0, 941.0)
HIGH = (1209.0, 1336.0, 1477.0, 1633.0)
PAD = ("123A", "456B", "789C", "*0#D")


def key(
    digit: str, seconds: float = 0.1, *, shift: float = 0.0, level: float = 4000.0, twist: float = 1.0
) -> Samples:
    """A key's two tones."""
    row = next(number for number, keys in enumerate(PAD) if digit in keys)
    column = PAD[row].index(digit)
    time = np.arange(int(seconds * 8000)) / 8000
    low = np.sin(2 * np.pi * LOW[row] * (1 + shift) * time)
    high = np.sin(2 * np.pi * HIGH[column] * (1 + shift) * time)
    return (level * low + level * twist * high).astype(np.int16)


def detect(samples: Samples) -> list[Digit]:
    """What the detector says, by way of mu-law as on a trunk."""
    detector = ToneDetector()
    heard = decode("PCMU", encode("PCMU", samples))
    digits = []
    for begin in range(0, len(heard) - 159, 160):
        digit = detector.feed(heard[begin : begin + 160])
        if digit is not None:
            digits.append(digit)
    return digits


def dial(digits: str, seconds: float = 0.1, pause: float = 0.08, offset: int = 0, **how: float) -> Samples:
    """A number as tones, with silence between."""
    silence = np.zeros(int(pause * 8000), np.int16)
    parts = [np.zeros(offset + 800, np.int16)]
    for digit in digits:
        parts += [key(digit, seconds, **how), silence]
    return np.concatenate([*parts, silence])


@pytest.mark.parametrize("offset", [0, 37, 80, 121])
def test_all_digits_once(offset: int) -> None:
    found = detect(dial(DIGITS, offset=offset))
    assert [digit.digit for digit in found] == list(DIGITS)
    assert all(60 <= digit.duration_ms <= 120 for digit in found)


@pytest.mark.parametrize("shift", [0.01, -0.01])
@pytest.mark.parametrize("level", [500.0, 4000.0, 12000.0])
@pytest.mark.parametrize("twist", [0.6, 1.0, 1.6])
def test_within_tolerance(shift: float, level: float, twist: float) -> None:
    found = detect(dial("159D", shift=shift, level=level, twist=twist))
    assert [digit.digit for digit in found] == list("159D")


def test_the_same_digit_twice_and_a_long_one() -> None:
    assert [digit.digit for digit in detect(dial("55"))] == ["5", "5"]
    (found,) = detect(dial("7", 1.0))
    assert found.duration_ms == pytest.approx(1000, abs=40)


def test_far_off_frequencies_and_single_tones_are_no_digits() -> None:
    assert detect(dial("159D", shift=0.035)) == []
    assert detect(dial("159D", twist=0.1)) == []


def test_noise_and_voices_are_no_digits() -> None:
    noise = np.random.default_rng(3).normal(0, 3000, 8000 * 60).astype(np.int16)
    assert detect(noise) == []
    assert detect(speech_like(60)) == []


@pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="espeak-ng, which speaks the sentences, is not installed"
)
@pytest.mark.parametrize("voice", ["en+m3", "en+f4", "de+m1", "es+f2"])
def test_spoken_sentences_are_no_digits(voice: str, tmp_path: Path) -> None:
    text = (
        "Please call me back on Thursday, the number is on the letter. We were seen near the beach at noon; "
        "nobody knew why the old engine would not start. One two three four five six seven eight nine zero. "
        "Who is there? You know the rules: eat, sleep, repeat. "
    )
    recording = tmp_path / "speech.wav"
    subprocess.run(["espeak-ng", "-v", voice, "-w", str(recording), text * 2], check=True)
    with wave.open(str(recording)) as opened:
        rate = opened.getframerate()
        samples = np.frombuffer(opened.readframes(opened.getnframes()), np.int16)
    places = np.arange(0, len(samples) - 1, rate / 8000)
    narrow = np.interp(places, np.arange(len(samples)), samples).astype(np.int16)
    assert detect(narrow) == []
