"""A participant without a browser: an aiortc peer with a file for a microphone, and what it said and heard.

For machines without Chromium. It joins through the call page's HTTP interface, as the page's script does,
with aiortc's own sender and receiver, which makes it a peer independent of the bridge's media engine.
"""

from __future__ import annotations

import asyncio
import contextlib
import fractions
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from unittest import mock

import aiohttp
import numpy as np
from aioice.ice import get_host_addresses
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame
from yarl import URL

from local.demo.demonstration_error import DemonstrationFailedError
from local.demo.timeline import SAMPLE_RATE, Samples, Timeline, read_wav, resample

FRAME_SECONDS = 0.02
CONNECT_SECONDS = 15.0


class _Microphone(MediaStreamTrack):
    """A voice over and over, 20 ms at a time in real time, with a record of when it said what."""

    kind = "audio"

    def __init__(self, voice: Samples) -> None:
        super().__init__()
        self._voice = voice
        self._position = 0
        self._began: float | None = None
        self.began_at = 0.0

    async def recv(self) -> AudioFrame:
        """The next frame, when it has been said."""
        loop = asyncio.get_running_loop()
        if self._began is None:
            self._began, self.began_at = loop.time(), time.time()
        count = int(FRAME_SECONDS * SAMPLE_RATE)
        # A frame is there only when its last sample was said.
        said_at = self._began + (self._position + count) / SAMPLE_RATE
        await asyncio.sleep(max(0.0, said_at - loop.time()))
        if self.readyState != "live":
            raise MediaStreamError
        samples = self._samples(self._position, self._position + count)
        frame = AudioFrame.from_ndarray(
            (samples * 32767).astype(np.int16)[None, :], format="s16", layout="mono"
        )
        frame.pts, frame.sample_rate = self._position, SAMPLE_RATE
        frame.time_base = fractions.Fraction(1, SAMPLE_RATE)
        self._position += count
        return frame

    @property
    def said(self) -> Timeline:
        """All that was said."""
        return Timeline(self._samples(0, self._position), self.began_at)

    def _samples(self, start: int, end: int) -> Samples:
        return self._voice[np.arange(start, end) % len(self._voice)]


class AiortcParticipant:
    """One peer in one call."""

    def __init__(self, session: aiohttp.ClientSession, voice: Samples) -> None:
        self._session = session
        self._microphone = _Microphone(voice)
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._connection.on("track", self._listen)
        self._heard: list[Samples] = []
        self._offsets: list[float] = []
        self._samples_heard = 0
        self._listening: asyncio.Task[None] | None = None

    async def join(self, call_url: str, name: str) -> None:
        """Join the call of a page; raises `DemonstrationFailedError`."""
        connected = asyncio.Event()

        def changed() -> None:
            if self._connection.connectionState == "connected":
                connected.set()

        self._connection.on("connectionstatechange", changed)
        self._connection.addTrack(self._microphone)
        # Aioice leaves loopback out, which is all that a machine without a network has.
        with mock.patch("aioice.ice.get_host_addresses", _addresses_with_loopback):
            await self._connection.setLocalDescription(await self._connection.createOffer())
        address = URL(call_url)
        target = address.with_query(None).joinpath("participants").update_query(name=name, **address.query)
        headers = {"Content-Type": "application/sdp"}
        offer = self._connection.localDescription.sdp
        async with self._session.post(target, data=offer, headers=headers) as response:
            answer = await response.text()
            if response.status != 201:
                raise DemonstrationFailedError(f"joining the call was answered {response.status}: {answer}")
            self._resource = address.join(URL(response.headers["Location"]))
        await self._connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        try:
            await asyncio.wait_for(connected.wait(), CONNECT_SECONDS)
        except TimeoutError as error:
            raise DemonstrationFailedError("no WebRTC connection came about") from error

    async def recording(self, name: str) -> Timeline:
        """What was `said` or `heard` so far."""
        if name == "said":
            return self._microphone.said
        if not self._heard:
            return Timeline(np.zeros(0, np.float32), 0.0)
        return Timeline(np.concatenate(self._heard), float(np.median(self._offsets)))

    async def leave(self) -> None:
        """Leave the call and free everything."""
        async with self._session.delete(self._resource):
            await self._connection.close()
        if self._listening is not None:
            self._listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listening

    def _listen(self, track: MediaStreamTrack) -> None:
        self._listening = asyncio.create_task(self._record(track))

    async def _record(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if not isinstance(frame, AudioFrame):
                continue
            channels = frame.to_ndarray().reshape(-1, len(frame.layout.channels))
            samples = resample(channels[:, 0].astype(np.float32) / np.float32(32768), frame.sample_rate)
            self._offsets.append(time.time() - self._samples_heard / SAMPLE_RATE)
            self._samples_heard += len(samples)
            self._heard.append(samples)


def _addresses_with_loopback(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    return [*get_host_addresses(use_ipv4, use_ipv6), *(["127.0.0.1"] if use_ipv4 else [])]


@asynccontextmanager
async def aiortc_in_call(call_url: str, microphone: Path, name: str) -> AsyncIterator[AiortcParticipant]:
    """Join a call; leave it at the end."""
    async with aiohttp.ClientSession() as session:
        participant = AiortcParticipant(session, await asyncio.to_thread(read_wav, microphone))
        await participant.join(call_url, name)
        try:
            yield participant
        finally:
            await participant.leave()
