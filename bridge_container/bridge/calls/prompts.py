"""What a caller hears while keying in. Tones now; a voice takes the same port later. Pure."""

from __future__ import annotations

import math
from array import array
from enum import StrEnum
from functools import lru_cache
from typing import Protocol

SAMPLE_RATE = 8000
"""Hz, as `MediaEngine.play` takes it."""


class Prompt(StrEnum):
    """What the prompt says."""

    ENTER = "enter"
    SUCCESS = "success"
    FAILED = "failed"
    HANGUP = "hangup"


class Prompts(Protocol):
    """Makes prompts audible."""

    def audio(self, prompt: Prompt, text: str) -> bytes:
        """16-bit mono PCM at 8000 Hz; `text` is what the rule wants said, empty for the usual words."""
        ...


_MELODIES: dict[Prompt, tuple[tuple[int, int], ...]] = {
    # Pairs of hertz and milliseconds; 0 Hz is silence. Leading silence lets the media path open.
    Prompt.ENTER: ((0, 200), (440, 150), (0, 50), (660, 250)),
    Prompt.SUCCESS: ((660, 120), (880, 200), (0, 100)),
    Prompt.FAILED: ((0, 100), (330, 250), (0, 100), (330, 250), (0, 200)),
    Prompt.HANGUP: ((440, 200), (330, 200), (220, 400), (0, 200)),
}
_LEVEL = 8000
_FADE_MS = 8


class TonePrompts:
    """Short melodies: rising asks, high confirms, low refuses, falling says good-bye. Speaks no text."""

    def audio(self, prompt: Prompt, text: str) -> bytes:
        """The melody of the prompt."""
        return _melody(prompt)


@lru_cache(maxsize=len(Prompt))
def _melody(prompt: Prompt) -> bytes:
    samples = array("h")
    for hertz, milliseconds in _MELODIES[prompt]:
        samples.extend(_tone(hertz, milliseconds))
    return samples.tobytes()


def _tone(hertz: int, milliseconds: int) -> list[int]:
    count = SAMPLE_RATE * milliseconds // 1000
    if hertz == 0:
        return [0] * count
    fade = SAMPLE_RATE * _FADE_MS // 1000
    step = 2 * math.pi * hertz / SAMPLE_RATE
    return [
        round(_LEVEL * min(1.0, i / fade, (count - 1 - i) / fade) * math.sin(step * i)) for i in range(count)
    ]
