"""The audio of one phone in a Stream call, as pure steps: what remote participants send becomes one signal.

Each remote track has a short playout buffer; one 20 ms step takes from all of them and adds up. No SDK, no
clock, no I/O: `stream_participant` feeds and steps it. Imports numpy.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]

FRAME_SECONDS = 0.02
TARGET_FRAMES = 2
"""Frames that a track waits for before it plays: what the SDK's delivery may jitter."""
LONGEST_FRAMES = 8
"""More than this many waiting frames are delay that nobody needs; the oldest go at once."""
WINDOW = 50
"""Steps after which frames that were waiting all the time go: a burst at the start is not delay for ever."""


class TrackBuffer:
    """One remote participant's audio between its arrival and its playout."""

    def __init__(self, sample_rate: int) -> None:
        self._frame = round(sample_rate * FRAME_SECONDS)
        self._waiting: list[Samples] = []
        self._length = 0
        self._playing = False
        self._steps = 0
        self._lowest = 0
        """The fewest samples that were left after a step of this window."""
        self.dropped_samples = 0
        """Samples thrown away because too many were waiting."""

    def write(self, samples: Samples) -> None:
        """Add what arrived."""
        if not len(samples):
            return
        self._waiting.append(samples)
        self._length += len(samples)
        surplus = self._length - LONGEST_FRAMES * self._frame
        if surplus > 0:
            self._take(surplus)
            self.dropped_samples += surplus

    def read(self) -> Samples | None:
        """20 ms, or None while there is nothing to play."""
        frame = self._read()
        self._lowest = min(self._lowest, self._length) if self._steps else self._length
        self._steps += 1
        if self._steps == WINDOW:
            self._steps = 0
            surplus = self._lowest - (TARGET_FRAMES - 1) * self._frame
            if surplus > 0:
                self._take(surplus)
                self.dropped_samples += surplus
        return frame

    def _read(self) -> Samples | None:
        if not self._playing:
            if self._length < TARGET_FRAMES * self._frame:
                return None
            self._playing = True
        if self._length < self._frame:
            # Ran dry: a pause in speech or a late packet. Gather again before playing on.
            self._playing = False
            return None
        taken = self._take(self._frame)
        return taken[0] if len(taken) == 1 else np.concatenate(taken)

    def _take(self, count: int) -> list[Samples]:
        """Take the oldest samples, in pieces."""
        taken: list[Samples] = []
        self._length -= count
        missing = count
        while missing:
            head = self._waiting[0]
            if len(head) <= missing:
                taken.append(self._waiting.pop(0))
                missing -= len(head)
            else:
                taken.append(head[:missing])
                self._waiting[0] = head[missing:]
                missing = 0
        return taken


class TrackMixer:
    """All remote tracks of one phone."""

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._buffers: list[TrackBuffer] = []
        self._silence = bytes(2 * round(sample_rate * FRAME_SECONDS))

    def add_track(self) -> TrackBuffer:
        """A buffer for a new track."""
        buffer = TrackBuffer(self._sample_rate)
        self._buffers.append(buffer)
        return buffer

    def remove_track(self, buffer: TrackBuffer) -> None:
        """The track has ended."""
        self._buffers.remove(buffer)

    def step(self) -> bytes:
        """The next 20 ms for the phone: 16-bit PCM in the machine's byte order."""
        playing = [frame for buffer in self._buffers if (frame := buffer.read()) is not None]
        if not playing:
            return self._silence
        if len(playing) == 1:
            return playing[0].tobytes()
        total = np.sum(playing, axis=0, dtype=np.int32)
        return np.clip(total, -32768, 32767).astype(np.int16).tobytes()


def mono(samples: Samples, channels: int) -> Samples:
    """Interleaved samples as one channel, the average of all."""
    if channels == 1:
        return samples
    averaged: Samples = samples.reshape(-1, channels).mean(axis=1).astype(np.int16)
    return averaged
