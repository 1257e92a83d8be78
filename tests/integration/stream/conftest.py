"""A local Stream, a media engine and the platform under test; phones and SDK participants on request."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from bridge.adapters.external_audio import ExternalAudioSocket
from bridge.adapters.media_engine import TickMediaEngine
from bridge.adapters.media_settings import MediaSettings
from bridge.adapters.stream_application import StreamApplication
from bridge.adapters.stream_participant import StreamParticipant
from bridge.adapters.stream_platform import StreamPlatform, StreamSettings
from bridge.calls.call_platform import JoinRequest, ParticipantEnded, PlatformUser
from local.stream.server import LocalStream
from tests.integration.stream.phone import Phone
from tests.integration.stream.sdk_participant import SdkParticipant
from trunking.call import CallIdentity

API_SECRET = "a-secret-of-the-local-stream-only-for-tests"
APPLICATION = "app-1"


@dataclass
class Bridge:
    """The part of a bridge that meets Stream: engine and platform, without SIP."""

    local_stream: LocalStream | None
    """None when it runs in another process."""
    engine: TickMediaEngine
    platform: StreamPlatform
    audio: ExternalAudioSocket
    account: list[StreamApplication | None]
    ended: list[ParticipantEnded] = field(default_factory=list)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    phones: list[Phone] = field(default_factory=list)

    @property
    def stream(self) -> LocalStream:
        """The local Stream in this process."""
        assert self.local_stream is not None
        return self.local_stream

    def call(self, call_id: str = "support") -> CallIdentity:
        """A call of the application."""
        return CallIdentity(APPLICATION, "default", call_id)

    async def dial(
        self, call_id: str = "support", frequency: float = 440.0, user_id: str = "", *, talk: bool = True
    ) -> tuple[Phone, StreamParticipant]:
        """A phone calls in, is let into the call, and talks. Raises `CallPlatformError`."""
        number = next(self.numbers)
        phone = Phone(f"leg-{number}", frequency)
        self.phones.append(phone)
        request = JoinRequest(
            call=self.call(call_id),
            user=PlatformUser(
                user_id or f"phone-{number}", "Alice", {"tier": "gold"}, f"+1555123{number:04d}"
            ),
            call_custom_data={"purpose": "test"},
            leg_id=phone.leg_id,
            sip_call_id=f"sip-{number}",
        )
        await phone.start(self.engine, self.platform.room(request.call, request.sip_call_id))
        if talk:
            phone.talk()
        participant = await self.platform.join(request, self.ended.append)
        assert isinstance(participant, StreamParticipant)
        return phone, participant

    async def hang_up(self, phone: Phone, participant: StreamParticipant) -> None:
        """The phone leaves."""
        await participant.leave()
        await self.engine.close_leg(phone.leg_id)
        await phone.stop()
        self.phones.remove(phone)


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something that real threads and sockets bring about; fails when it does not come in time."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is awaited happens in the SDK's threads
            await asyncio.sleep(0.02)


@pytest.fixture
async def stream() -> AsyncIterator[LocalStream]:
    """A local Stream with two edges."""
    server = LocalStream(api_key="local", api_secret=API_SECRET, edges=2)
    await server.start()
    yield server
    await server.close()


@pytest.fixture
def settings() -> StreamSettings:
    """Override to change the platform's settings."""
    return StreamSettings()


@asynccontextmanager
async def running_platform(
    account: StreamApplication, settings: StreamSettings, stream: LocalStream | None = None
) -> AsyncIterator[Bridge]:
    """Engine and platform, with this account as the application's."""
    # All sides share a machine that is perhaps busy: the engine's own admission is not under test.
    engine = TickMediaEngine(MediaSettings(load_limit=100.0))
    engine.subscribe(lambda event: None)
    await engine.start()
    accounts: list[StreamApplication | None] = [account]

    async def find_application(application_id: str) -> StreamApplication | None:
        return accounts[0] if application_id == APPLICATION else None

    audio = ExternalAudioSocket(engine)
    platform = StreamPlatform(engine, find_application, audio, settings)
    built = Bridge(stream, engine, platform, audio, accounts)
    yield built
    await platform.close()
    for phone in built.phones:
        await phone.stop()
    await engine.close()


@pytest.fixture
async def bridge(stream: LocalStream, settings: StreamSettings) -> AsyncIterator[Bridge]:
    """Engine and platform, with the local Stream as the application's account."""
    account = StreamApplication("local", API_SECRET, stream.base_url, stream.websocket_url)
    async with running_platform(account, settings, stream) as running:
        yield running


Invite = Callable[[str, str, float], Awaitable[SdkParticipant]]


@asynccontextmanager
async def inviting(stream: LocalStream) -> AsyncIterator[Invite]:
    """Gives what lets somebody join with the unmodified SDK; they leave at the end."""
    joined: list[SdkParticipant] = []

    async def join(call_id: str, user_id: str, frequency: float) -> SdkParticipant:
        participant = SdkParticipant(stream, API_SECRET, user_id, frequency)
        await participant.join("default", call_id)
        joined.append(participant)
        return participant

    yield join
    for participant in joined:
        await participant.leave()


@pytest.fixture
async def invite(stream: LocalStream) -> AsyncIterator[Invite]:
    """`await invite(call_id, user_id, frequency)`: somebody joins with the unmodified SDK."""
    async with inviting(stream) as join:
        yield join
