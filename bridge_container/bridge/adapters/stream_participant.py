"""One phone in one Stream call, carried by Stream's SDK: audio both ways, digits, mute, and how it ended.

The media engine's 20 ms are the only clock: with each piece of the phone's audio that comes out of the
engine, one goes to the SDK, and one of the mixed remote tracks goes back. Imports getstream_rtc.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import getstream_rtc as sdk
import numpy as np

from bridge.adapters.stream_api import StreamApi
from bridge.adapters.stream_application import StreamApplication
from bridge.adapters.stream_audio import TrackMixer, mono
from bridge.adapters.stream_failures import end_of_call
from bridge.calls.call_platform import CallPlatformError, JoinRequest, ParticipantEnded
from trunking.termination import Termination

AUDIO_TRACKS = (sdk.TrackType.AUDIO, sdk.TrackType.SCREEN_SHARE_AUDIO)
SDK_QUEUE_SECONDS = 0.06
"""Audio that may wait inside the SDK, which drops the oldest beyond. What gathers while it connects never
drains again, both ends being real time: this is the delay of the whole call (measured: 183 ms with 0.2)."""
WAITING_FRAMES = 5
LEAVE_TIMEOUT = 5.0
LAST_EVENTS_TIMEOUT = 1.0

_log = logging.getLogger(__name__)


class PhoneAudio(Protocol):
    """The phone's side of the audio: an external leg in the media engine's room."""

    def write(self, pcm: bytes) -> None:
        """Give the room 20 ms of 16-bit mono PCM."""
        ...

    async def close(self) -> None:
        """Leave the room. Closing twice is no error."""
        ...


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """What an operator may choose about calls in Stream; times in seconds."""

    join_timeout: float = 10.0
    """From the first request to Stream until audio can flow; then the phone gets 503."""
    reconnect_timeout: float = 20.0
    """How long a lost connection to the SFU may take to come back before the call ends."""
    sample_rate: int = 8000
    """Hz between phone and SDK: 8000, or 16000 where phones use G.722 or Opus."""


class StreamParticipant:
    """Implements `bridge.calls.call_platform.CallParticipant`."""

    def __init__(
        self,
        call: sdk.Call,
        request: JoinRequest,
        application: StreamApplication,
        api: StreamApi,
        settings: StreamSettings,
        ended: Callable[[ParticipantEnded], None],
    ) -> None:
        self._call = call
        self._request = request
        self._application = application
        self._api = api
        self._settings = settings
        self._ended = ended
        self._mixer = TrackMixer(settings.sample_rate)
        self._microphone = sdk.LocalAudioTrack(pcm_queue_capacity=SDK_QUEUE_SECONDS)
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue(WAITING_FRAMES)
        self._tasks: set[asyncio.Task[None]] = set()
        self._phone: PhoneAudio | None = None
        self._digits = 0
        self._released: Callable[[], None] = lambda: None
        self._over = False
        self._reconnect_deadline: asyncio.TimerHandle | None = None
        # Made before joining, so that what happens while joining is not lost. The last two are read only when
        # the call is over: they keep the newest events, and those say why.
        self._tracks = call.tracks()
        self._states = call.client_events()
        self._last_events = (call.sfu_events(), call.coordinator_events())

    async def join(self) -> None:
        """Join and publish. Raises what the SDK raises."""
        await self._call.join(self._request.user.user_id, create=False)
        self._start(self._read_tracks(), "tracks")
        self._start(self._watch_state(), "state")
        await self._call.publish_audio(self._microphone)
        rule = sdk.TrackSubscriptionConfig(track_types=list(AUDIO_TRACKS))
        await self._call.update_subscriptions(sdk.SubscriptionConfig(default=rule))
        self._start(self._write_microphone(), "microphone")

    def when_left(self, released: Callable[[], None]) -> None:
        """Whom to tell once everything is freed."""
        self._released = released

    def attach(self, phone: PhoneAudio) -> None:
        """The phone's audio is there: mixed remote audio goes to it from now on."""
        self._phone = phone

    def receive_phone_audio(self, pcm: bytes) -> None:
        """20 ms from the phone; the clock of both directions."""
        if self._outgoing.full():
            self._outgoing.get_nowait()
        self._outgoing.put_nowait(pcm)
        if self._phone is not None:
            self._phone.write(self._mixer.step())

    async def send_dtmf(self, digit: str, duration_ms: int) -> None:
        """Send a custom event with the fields of Stream's own `call.dtmf`."""
        self._digits += 1
        user = self._request.user
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        event = {
            "type": "call.dtmf",
            "call_cid": self._request.call.cid,
            "digit": digit,
            "duration_ms": duration_ms,
            "seq_number": self._digits,
            "timestamp": now,
            "created_at": now,
            "user": {"id": user.user_id, "name": user.name, "custom": user_custom_data(self._request)},
        }
        try:
            await self._api.send_event(self._application, self._request.call, user.user_id, event)
        except CallPlatformError as error:
            # The call goes on: a digit is not worth a caller. Its value stays out of the log.
            _log.warning("call.dtmf not sent: %s", error.detail, extra={"leg_id": self._request.leg_id})

    async def mute(self, muted: bool) -> None:
        """Show the phone as muted, or not, to the others in the call."""
        if muted:
            await self._call.mute_track(sdk.TrackType.AUDIO)
        else:
            await self._call.unmute_track(sdk.TrackType.AUDIO)

    async def leave(self) -> None:
        """Leave the call and free what the SDK holds. Leaving twice is no error."""
        self._over = True
        if self._reconnect_deadline is not None:
            self._reconnect_deadline.cancel()
        phone, self._phone = self._phone, None
        if phone is not None:
            await phone.close()
        try:
            async with asyncio.timeout(LEAVE_TIMEOUT):
                await self._call.leave()
        except (sdk.RustError, TimeoutError) as error:
            why = str(error) or "not done in time"
            _log.warning("leaving Stream's call: %s", why, extra={"leg_id": self._request.leg_id})
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._released()

    def _start(self, work: Coroutine[Any, Any, None], what: str) -> None:
        task = asyncio.create_task(work, name=f"stream-{what}-{self._request.leg_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read_tracks(self) -> None:
        while True:
            try:
                track = await anext(self._tracks)
            except StopAsyncIteration:
                return
            except sdk.RtcError as error:
                # Raised once when more tracks waited than the SDK keeps; it goes on.
                _log.warning("remote tracks dropped: %s", error, extra={"leg_id": self._request.leg_id})
                continue
            if track.track_type in AUDIO_TRACKS:
                self._start(self._read_track(track), "track")
            # The SDK unsubscribes when the last reference goes.
            del track

    async def _read_track(self, track: sdk.RemoteTrack) -> None:
        rate = self._settings.sample_rate
        resampler = sdk.StreamResampler(rate, 1)
        buffer = self._mixer.add_track()
        try:
            while (frame := await track.next_pcm()) is not None:
                samples = mono(frame.samples, frame.channels)
                if frame.sample_rate != rate:
                    samples = resampler.push(samples, frame.sample_rate, 1).samples
                buffer.write(samples)
        finally:
            self._mixer.remove_track(buffer)

    async def _write_microphone(self) -> None:
        while True:
            samples = np.frombuffer(await self._outgoing.get(), np.int16)
            try:
                await self._microphone.write_pcm(samples, self._settings.sample_rate, 1)
            except sdk.PcmQueueOverflowError:
                # The SDK does not send now (it reconnects): old audio is of no use later.
                continue
            except sdk.IllegalStateError:
                # The track is stopped: the call is over, or it took our right to speak.
                return

    async def _watch_state(self) -> None:
        async for event in self._states:
            if not isinstance(event, sdk.CallingStateChanged):
                continue
            if event.state in (sdk.CallingState.RECONNECTING, sdk.CallingState.MIGRATING):
                self._reconnecting()
            elif event.state == sdk.CallingState.JOINED:
                self._reconnected()
            elif event.state == sdk.CallingState.RECONNECTING_FAILED:
                self._end(Termination.CALL_PLATFORM_FAILED, "the SDK gave up reconnecting to Stream's SFU")
            elif event.state == sdk.CallingState.LEFT:
                break
        if not self._over:
            self._end(*end_of_call([event async for event in self._newest_events()]))

    def _reconnecting(self) -> None:
        if self._reconnect_deadline is None:
            _log.info("reconnecting to Stream", extra={"leg_id": self._request.leg_id})
            detail = f"the connection to Stream's SFU was lost for {self._settings.reconnect_timeout:g} s"
            self._reconnect_deadline = asyncio.get_running_loop().call_later(
                self._settings.reconnect_timeout, self._end, Termination.CALL_PLATFORM_FAILED, detail
            )

    def _reconnected(self) -> None:
        if self._reconnect_deadline is not None:
            self._reconnect_deadline.cancel()
            self._reconnect_deadline = None
            _log.info("reconnected to Stream", extra={"leg_id": self._request.leg_id})

    async def _newest_events(self) -> AsyncIterator[sdk.CallEvent]:
        """What the call's event streams still hold; they end with the call."""
        for stream in self._last_events:
            try:
                async with asyncio.timeout(LAST_EVENTS_TIMEOUT):
                    async for event in stream:
                        yield event
            except TimeoutError:
                continue

    def _end(self, termination: Termination, detail: str) -> None:
        """Say once that the call side ended it; whoever is told leaves."""
        if not self._over:
            self._over = True
            self._ended(ParticipantEnded(self._request.leg_id, termination, detail))


def user_custom_data(request: JoinRequest) -> dict[str, Any]:
    """The user's custom data, with the caller's number as Stream's own SIP gives it (`phone`)."""
    phone = {"phone": request.user.phone_number} if request.user.phone_number else {}
    return {**phone, **request.user.custom_data}
