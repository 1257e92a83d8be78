"""DTMF as tones in the audio (ITU-T Q.23, Q.24), for phones without telephone-event. Imports bridge.media.

Each 20 ms frame is compared with the eight frequencies (Goertzel's sums, as one matrix product). A digit
must hold for two frames, nearly all of the frame's energy must be in its two tones, and their levels must
fit each other: speech seldom does all of that. It is reported once, at its end. Works at 8 kHz.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bridge.media.g711 import Samples
from bridge.media.telephone_event import Digit

_LOW = (697.0, 770.0, 852.0, 941.0)
_HIGH = (1209.0, 1336.0, 1477.0, 1633.0)
_DIGITS = ("123A", "456B", "789C", "*0#D")
_FRAME = 160
_QUIETEST = 150.0
"""Amplitude of a tone below which it is not looked at: about -45 dBm0."""
_IN_TONES = 0.65
"""Share of the energy that must be in the two tones."""
_ABOVE_OTHERS = 4.0
"""Power by which each tone must stand out in its group: 6 dB."""
_TWIST = 8.0
"""Largest ratio of the groups' powers: 9 dB."""
_HELD = 2
_GONE = 2


def _references() -> npt.NDArray[np.float32]:
    time = np.arange(_FRAME) / 8000
    waves = [wave(2 * np.pi * hertz * time) for hertz in (*_LOW, *_HIGH) for wave in (np.cos, np.sin)]
    return np.asarray(waves, np.float32) * np.float32(2 / _FRAME)


_REFERENCES = _references()


class ToneDetector:
    """Follows one stream, a frame at a time."""

    def __init__(self) -> None:
        self._candidate: str | None = None
        self._frames = 0
        self._missing = 0
        self._pressed = False

    def feed(self, frame: Samples | None) -> Digit | None:
        """Take 20 ms at 8 kHz; the digit that has ended, if one has."""
        heard = None if frame is None else _digit(frame)
        if heard is not None and heard == self._candidate:
            self._frames += 1 + self._missing
            self._missing = 0
            self._pressed = self._pressed or self._frames >= _HELD
            return None
        ended: Digit | None = None
        if self._candidate is not None:
            self._missing += 1
            if heard is None and self._missing < _GONE and self._pressed:
                return None
            if self._pressed:
                ended = Digit(self._candidate, 20 * self._frames)
        self._candidate = heard
        self._frames = 1 if heard is not None else 0
        self._missing = 0
        self._pressed = False
        return ended


def _digit(frame: Samples) -> str | None:
    if len(frame) != _FRAME:
        return None
    signal = frame.astype(np.float32)
    energy = float(np.dot(signal, signal)) / _FRAME
    if energy < _QUIETEST * _QUIETEST:  # two tones of that amplitude
        return None
    sums = _REFERENCES @ signal
    powers = np.square(sums).reshape(8, 2).sum(axis=1)
    low, high = powers[:4], powers[4:]
    row, column = int(np.argmax(low)), int(np.argmax(high))
    tone_low, tone_high = float(low[row]), float(high[column])
    if (tone_low + tone_high) / 2 < _IN_TONES * energy:
        return None
    if max(tone_low, tone_high) > _TWIST * min(tone_low, tone_high):
        return None
    others_low = float(np.delete(low, row).max())
    others_high = float(np.delete(high, column).max())
    if tone_low < _ABOVE_OTHERS * others_low or tone_high < _ABOVE_OTHERS * others_high:
        return None
    return _DIGITS[row][column]
