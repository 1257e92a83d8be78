"""One headless Chromium for all tests of the call page, with a fake microphone that speaks."""

from __future__ import annotations

import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from local.demo.chromium import Chromium, chromium, find_chromium

RATE = 48000


def voice(seconds: float) -> bytes:
    """Bursts of a voiced sound with a wandering pitch: a steady tone is noise to the browser's filter."""
    times = np.arange(int(seconds * RATE)) / RATE
    pitch = 140 + 25 * np.sin(2 * np.pi * 2.5 * times)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    harmonics = np.arange(1, 24)
    centres = np.array([500, 1500, 2500])[:, None]
    weights = np.exp(-(((harmonics * 140 - centres) / 180) ** 2)).sum(axis=0)
    sound = weights @ np.sin(harmonics[:, None] * phase)
    syllables = np.clip(1.5 * np.sin(2 * np.pi * 3 * times), 0, 1)
    samples = sound * syllables
    return bytes((samples / np.abs(samples).max() * 20000).astype(np.int16).tobytes())


@pytest.fixture(scope="session")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the browser's microphone hears."""
    path = tmp_path_factory.mktemp("microphone") / "voice.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(voice(60))
    return path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(microphone: Path) -> AsyncIterator[Chromium]:
    """The browser; each test opens its own pages."""
    if find_chromium() is None:
        pytest.skip("Chromium is not installed (apt-get install chromium), so no page was tried in a browser")
    async with chromium(microphone=microphone) as running:
        yield running
