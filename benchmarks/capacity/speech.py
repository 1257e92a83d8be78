"""What the load generator says: looped speech, encoded once, and probes whose bursts tell the delay.

A probe is the same speech at a low level with 60 ms of tone every 340 ms, so it costs a codec as much as
speech.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from bridge.media.g711 import Samples, encode
from bridge.media.opus import OpusEncoder
from tests.unit.media.virtual_phones import speech_like

PERIOD = 17
"""Frames between two bursts."""
_FRAMES = 20 * PERIOD
_BURST = 3
BURST_LEVEL = 2500.0
"""Root mean square of a frame that holds a burst; without one it is far below."""


@dataclass(frozen=True, slots=True)
class Speech:
    """A loop of payloads of 20 ms each."""

    payloads: tuple[bytes, ...]
    timestamp_step: int
    probe: bool

    def begins_burst(self, frame: int) -> bool:
        """Whether a burst begins with this frame."""
        return self.probe and frame % len(self.payloads) % PERIOD == 0


def _samples(rate: int, probe: bool, quiet_voice: bool) -> Samples:
    speech = speech_like(_FRAMES / 50, rate)
    quiet = (speech // 16).astype(np.int16)
    if not probe:
        return quiet if quiet_voice else speech
    frame = rate // 50
    burst = (9000 * np.sin(2 * np.pi * 700 * np.arange(_BURST * frame) / rate)).astype(np.int16)
    for begin in range(0, _FRAMES, PERIOD):
        quiet[begin * frame : begin * frame + len(burst)] = burst
    return quiet


@cache
def speech(codec: str, *, probe: bool, quiet: bool = False) -> Speech:
    """A loop for `PCMU`, `PCMA` or `opus`; `quiet` so low that a probe's bursts stand out from a mix of it.

    Opus is as browsers send it after our answer's `maxplaybackrate`: wideband, at 32 kbit/s.
    """
    if codec == "opus":
        samples = _samples(16000, probe, quiet)
        encoder = OpusEncoder(16000, 9, 32000)
        payloads = tuple(encoder.encode(samples[n * 320 : n * 320 + 320]) for n in range(_FRAMES))
        return Speech(payloads, 960, probe)
    samples = _samples(8000, probe, quiet)
    payloads = tuple(encode(codec, samples[n * 160 : n * 160 + 160]) for n in range(_FRAMES))
    return Speech(payloads, 160, probe)
