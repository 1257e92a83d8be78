"""Somebody in a Stream call with Stream's unmodified native SDK: sends a tone, keeps what the others send."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import getstream_rtc as sdk
import numpy as np

from local.stream.server import LocalStream
from tests.integration.stream.tones import Samples, tone

RATE = 48_000
FRAME = 960


class SdkParticipant:
    """One participant; its user is made on joining."""

    def __init__(self, stream: LocalStream, api_secret: str, user_id: str, frequency: float) -> None:
        self.user_id = user_id
        self.frequency = frequency
        self._client = sdk.Client("local", api_secret, base_url=stream.base_url, ws_url=stream.websocket_url)
        self._microphone = sdk.LocalAudioTrack()
        self._heard: dict[str, list[Samples]] = defaultdict(list)
        self._tasks: set[asyncio.Task[None]] = set()
        self.custom_events: list[dict[str, object]] = []
        self.events: list[str] = []

    async def join(self, call_type: str, call_id: str) -> None:
        """Join, publish and listen."""
        self.call = self._client.call(call_type, call_id)
        self._start(self._listen(self.call.tracks()))
        self._start(self._keep_coordinator_events(self.call.coordinator_events()))
        self._start(self._keep_sfu_events(self.call.sfu_events()))
        await self.call.join(self.user_id)
        await self.call.publish_audio(self._microphone)
        rule = sdk.TrackSubscriptionConfig(track_types=[sdk.TrackType.AUDIO])
        await self.call.update_subscriptions(sdk.SubscriptionConfig(default=rule))
        self._start(self._talk())

    async def leave(self) -> None:
        """Leave and free everything."""
        await self.call.leave()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def hear(self, user_id: str, seconds: float) -> Samples:
        """The newest audio of another participant; shorter when there is less."""
        heard = self._heard[user_id]
        samples = np.concatenate(heard) if heard else np.zeros(0, np.int16)
        return samples[-round(seconds * RATE) :]

    def heard_users(self) -> list[str]:
        """Whose audio came."""
        return list(self._heard)

    def hear_newest(self, seconds: float) -> Samples:
        """The newest audio of the newest track, whoever sends it: an SDK that migrates may not know yet."""
        heard = self._heard[next(reversed(self._heard))] if self._heard else []
        return np.concatenate(heard)[-round(seconds * RATE) :] if heard else np.zeros(0, np.int16)

    def forget_heard(self) -> None:
        """Begin to listen anew."""
        self._heard.clear()

    def _start(self, work: object) -> None:
        assert asyncio.iscoroutine(work)
        self._tasks.add(asyncio.create_task(work))

    async def _talk(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in range(1 << 16):
            samples = tone(self.frequency, RATE, number * FRAME, FRAME)
            await self._microphone.write_pcm(samples, RATE, 1)
            await asyncio.sleep(max(0.0, began + (number + 1) * 0.02 - loop.time()))

    async def _listen(self, tracks: sdk.TrackStream) -> None:
        async for track in tracks:
            self._start(self._hear(track))

    async def _hear(self, track: sdk.RemoteTrack) -> None:
        user_id = track.participant.user_id
        while (frame := await track.next_pcm()) is not None:
            self._heard[user_id].append(frame.samples[:: frame.channels])

    async def _keep_coordinator_events(self, events: sdk.EventStream) -> None:
        async for event in events:
            self.events.append(event.name)
            if isinstance(event, sdk.CoordinatorEvent) and event.name == "custom":
                self.custom_events.append(event.data)

    async def _keep_sfu_events(self, events: sdk.EventStream) -> None:
        async for event in events:
            self.events.append(event.name)
