"""The other participant of each call: Stream's SDK, which murmurs, sends bursts when asked, and listens."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import getstream_rtc as sdk
import numpy as np
import numpy.typing as npt

RATE = 48_000
FRAME = 960
LOUD = 3000
"""A sample beyond this is part of a burst, not of comfort noise."""

Samples = npt.NDArray[np.int16]


def burst(rate: int, seconds: float = 0.1) -> Samples:
    """A short tone at half of full scale."""
    positions = np.arange(round(rate * seconds))
    samples: Samples = (16_000 * np.sin(2 * np.pi * 500 * positions / rate)).astype(np.int16)
    return samples


def first_loud(samples: Sequence[int] | Samples) -> int | None:
    """The index of a burst's beginning."""
    loud = np.flatnonzero(np.abs(np.asarray(samples, np.int32)) > LOUD)
    return int(loud[0]) if len(loud) else None


@dataclass
class FarSide:
    """One participant of one call."""

    client: sdk.Client
    heard_bursts: list[float] = field(default_factory=list)
    """When each burst of the phone came out of the SDK, in seconds of the loop's clock."""
    said_burst: float = 0.0
    """When the last burst of ours went into the SDK."""
    frames: int = 0
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _burst_wanted: bool = False

    async def join(self, call_id: str) -> None:
        """Join, talk and listen."""
        self._call = self.client.call("default", call_id)
        self._microphone = sdk.LocalAudioTrack(pcm_queue_capacity=0.04)
        self._tasks.append(asyncio.create_task(self._listen(self._call.tracks())))
        await self._call.join("far-side")
        await self._call.publish_audio(self._microphone)
        rule = sdk.TrackSubscriptionConfig(track_types=[sdk.TrackType.AUDIO])
        await self._call.update_subscriptions(sdk.SubscriptionConfig(default=rule))
        self._tasks.append(asyncio.create_task(self._talk()))

    async def leave(self) -> None:
        """Leave the call."""
        await self._call.leave()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def say_burst(self) -> None:
        """Send one with the next frame."""
        self._burst_wanted = True

    async def _talk(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        # Not digital silence: what is coded should cost what speech costs.
        murmur = (np.random.default_rng(1).standard_normal(50 * FRAME) * 300).astype(np.int16)
        loud = burst(RATE)
        left: Samples = np.zeros(0, np.int16)
        number = 0
        while True:
            frame = murmur[number % 50 * FRAME : (number % 50 + 1) * FRAME]
            if self._burst_wanted:
                self._burst_wanted, left = False, loud
                self.said_burst = loop.time()
            if len(left):
                frame, left = left[:FRAME], left[FRAME:]
            with contextlib.suppress(sdk.PcmQueueOverflowError):
                await self._microphone.write_pcm(frame, RATE, 1)
            number += 1
            await asyncio.sleep(max(0.0, began + number * FRAME / RATE - loop.time()))

    async def _listen(self, tracks: sdk.TrackStream) -> None:
        async for track in tracks:
            await self._hear(track)

    async def _hear(self, track: sdk.RemoteTrack) -> None:
        loop = asyncio.get_running_loop()
        quiet_since = 0.0
        while (frame := await track.next_pcm()) is not None:
            self.frames += 1
            now = loop.time()
            start = first_loud(frame.samples[:: frame.channels])
            if start is None:
                continue
            if now - quiet_since > 0.3:
                # The frame's last sample is the newest; what is before it is older.
                self.heard_bursts.append(now - (len(frame.samples) / frame.channels - start) / RATE)
            quiet_since = now
