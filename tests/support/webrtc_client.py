"""A browser's stand-in: an aiortc peer that says a tone and keeps what it hears.

Used by tests and by `make demo` where Chromium is not to be had. It talks to loopback alone. Not part of the
product; it uses aiortc's stock sender and receiver, which is what makes it an independent peer.
"""

from __future__ import annotations

import asyncio
import contextlib
import fractions
from collections.abc import AsyncIterator, Awaitable, Callable
from unittest import mock

import aiohttp
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame
from numpy.typing import NDArray
from yarl import URL

SAMPLE_RATE = 48000
_FRAME = SAMPLE_RATE // 50


class ToneTrack(MediaStreamTrack):
    """A sine wave in real time, 20 ms a frame; silence while `muted`."""

    kind = "audio"

    def __init__(self, hertz: float, amplitude: float = 0.3) -> None:
        super().__init__()
        self.muted = False
        self._hertz = hertz
        self._amplitude = amplitude
        self._position = 0
        self._began: float | None = None

    async def recv(self) -> AudioFrame:
        """The next frame, when it is due."""
        loop = asyncio.get_running_loop()
        if self._began is None:
            self._began = loop.time()
        await asyncio.sleep(max(0.0, self._began + self._position / SAMPLE_RATE - loop.time()))
        if self.readyState != "live":
            raise MediaStreamError
        times = np.arange(self._position, self._position + _FRAME) / SAMPLE_RATE
        wave = np.sin(2 * np.pi * self._hertz * times) * (0.0 if self.muted else self._amplitude)
        frame = AudioFrame.from_ndarray((wave * 32767).astype(np.int16)[None, :], format="s16", layout="mono")
        frame.pts, frame.sample_rate = self._position, SAMPLE_RATE
        frame.time_base = fractions.Fraction(1, SAMPLE_RATE)
        self._position += _FRAME
        return frame


class WebRtcClient:
    """One participant. `offer` and `accept` for any negotiation, `join` for the call page's."""

    def __init__(self, *, tone: float | None = 440.0, codec: str = "opus") -> None:
        """`tone` in Hz, None to only listen; `codec` is the one offered: `opus`, `PCMU` or `PCMA`."""
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.track = ToneTrack(tone) if tone is not None else None
        self._codec = codec
        self._heard: list[NDArray[np.int16]] = []
        self._listening: asyncio.Task[None] | None = None
        self._resource: str | None = None
        self.connection.on("track", self._listen)

    async def offer(self) -> str:
        """An SDP offer with all candidates inside."""
        transceiver = self.connection.addTransceiver(
            self.track or "audio", direction="sendrecv" if self.track else "recvonly"
        )
        capabilities = RTCRtpSender.getCapabilities("audio").codecs
        wanted = f"audio/{self._codec}".lower()
        transceiver.setCodecPreferences([c for c in capabilities if c.mimeType.lower() == wanted])
        # aioice leaves 127.0.0.1 out; tests keep to it, and run where there is no other interface.
        with mock.patch("aioice.ice.get_host_addresses", return_value=["127.0.0.1"]):
            await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def accept(self, answer: str) -> None:
        """Take the answer and begin to connect."""
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def negotiate(self, answerer: Callable[[str], Awaitable[str]]) -> None:
        """Offer to, and accept the answer of, a function."""
        await self.accept(await answerer(await self.offer()))

    async def join(
        self, session: aiohttp.ClientSession, call_url: str, name: str, *, token: str | None = None
    ) -> None:
        """Join a call by its page's address."""
        address = URL(call_url)
        headers = {"Content-Type": "application/sdp"}
        if token is not None:
            headers["Authorization"] = token
        target = address.with_fragment(None).joinpath("participants").update_query(name=name)
        target = target.update_query(address.query)
        async with session.post(target, data=await self.offer(), headers=headers) as response:
            body = await response.text()
            if response.status != 201:
                raise RuntimeError(f"joining answered {response.status}: {body}")
            self._resource = str(address.join(URL(response.headers["Location"])))
        await self.accept(body)

    async def connected(self, within: float = 10.0) -> None:
        """Wait until ICE and DTLS are up."""
        done = asyncio.Event()

        def look() -> None:
            if self.connection.connectionState == "connected":
                done.set()

        self.connection.on("connectionstatechange", look)
        look()
        await asyncio.wait_for(done.wait(), within)

    def heard(self) -> NDArray[np.int16]:
        """All that came so far, mono at 48 kHz."""
        return np.concatenate(self._heard) if self._heard else np.zeros(0, np.int16)

    def forget_heard(self) -> None:
        """Begin a new recording."""
        self._heard.clear()

    async def leave(self, session: aiohttp.ClientSession | None = None) -> None:
        """Leave the call, by HTTP too when it was joined so, and free everything."""
        if session is not None and self._resource is not None:
            async with session.delete(self._resource):
                self._resource = None
        await self.connection.close()
        if self._listening is not None:
            self._listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listening

    def _listen(self, track: MediaStreamTrack) -> None:
        self._listening = asyncio.ensure_future(self._record(track))

    async def _record(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if not isinstance(frame, AudioFrame):
                continue
            samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0]
            factor = SAMPLE_RATE // frame.sample_rate
            self._heard.append(np.repeat(samples, factor).astype(np.int16))


@contextlib.asynccontextmanager
async def webrtc_client(*, tone: float | None = 440.0, codec: str = "opus") -> AsyncIterator[WebRtcClient]:
    """A client that leaves at the end."""
    client = WebRtcClient(tone=tone, codec=codec)
    try:
        yield client
    finally:
        await client.leave()


def tone_strength(samples: NDArray[np.int16], hertz: float, sample_rate: int = SAMPLE_RATE) -> float:
    """How much of the samples' energy lies within 20 Hz of a tone, 0.0 to 1.0."""
    if len(samples) < sample_rate // 10 or not np.any(samples):
        return 0.0
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    frequencies = np.fft.rfftfreq(len(samples), 1 / sample_rate)
    near = np.abs(frequencies - hertz) <= 20
    return float(spectrum[near].sum() / spectrum.sum())
