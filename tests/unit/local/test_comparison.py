"""How what was heard is compared with what was said."""

from __future__ import annotations

import numpy as np
import pytest

from local.demo.comparison import compare
from local.demo.timeline import SAMPLE_RATE, Samples, Timeline, resample
from local.demo.voice import melody

SAID = melody(6, seed=1)
OTHER = melody(6, seed=2)


def later(samples: Samples, seconds: float) -> Samples:
    """With silence before and after."""
    silence = np.zeros(int(seconds * SAMPLE_RATE), np.float32)
    return np.concatenate([silence, samples, np.zeros(SAMPLE_RATE, np.float32)])


@pytest.mark.parametrize("delay", [0.0, 0.045, 0.3, 1.2])
def test_the_delay_is_found(delay: float) -> None:
    found = compare(Timeline(SAID, 100.0), Timeline(later(SAID, delay), 100.0))
    assert found.delay == pytest.approx(delay, abs=0.001)
    assert found.likeness > 0.99
    assert found.understood


def test_the_recordings_own_times_count() -> None:
    found = compare(Timeline(SAID, 100.0), Timeline(later(SAID, 0.1), 100.05))
    assert found.delay == pytest.approx(0.15, abs=0.001)


def test_a_recording_that_begins_in_the_middle_is_found_too() -> None:
    found = compare(Timeline(SAID, 100.0), Timeline(SAID[2 * SAMPLE_RATE :], 102.08))
    assert found.delay == pytest.approx(0.08, abs=0.001)


def test_a_delay_that_drifts_does_not_make_it_unlike() -> None:
    half = len(SAID) // 2
    gap = np.zeros(SAMPLE_RATE // 20, np.float32)
    drifted = np.concatenate([SAID[:half], gap, SAID[half:]])
    found = compare(Timeline(SAID, 0.0), Timeline(later(drifted, 0.1), 0.0))
    assert found.likeness > 0.9
    assert found.delay_spread == pytest.approx(0.05, abs=0.002)


def test_noise_and_another_voice_lower_the_likeness() -> None:
    clean = compare(Timeline(SAID, 0.0), Timeline(later(SAID, 0.1), 0.0)).likeness
    noise = np.random.default_rng(1).normal(0, 0.15, len(SAID)).astype(np.float32)
    noisy = compare(Timeline(SAID, 0.0), Timeline(later(SAID + noise, 0.1), 0.0))
    assert noisy.likeness < clean
    assert noisy.delay == pytest.approx(0.1, abs=0.002)


@pytest.mark.parametrize("heard", [OTHER, np.zeros(8000, np.float32), np.zeros(0, np.float32)])
def test_what_was_not_said_is_not_understood(heard: Samples) -> None:
    found = compare(Timeline(SAID, 0.0), Timeline(heard, 0.0))
    assert not found.understood


def test_resampling_keeps_a_tone() -> None:
    times = np.arange(48000) / 48000
    tone = np.sin(2 * np.pi * 1000 * times).astype(np.float32)
    resampled = resample(tone, 48000)
    assert len(resampled) == SAMPLE_RATE
    expected = np.sin(2 * np.pi * 1000 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
    assert np.max(np.abs(resampled - expected)) < 0.01
