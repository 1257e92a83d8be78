"""Stream as the call platform: a phone becomes a participant of a Stream call through Stream's own SDK.

Each phone has a room of its own in the media engine, shared with one external leg that carries the SDK's
audio; who else is in the call is Stream's SFU's matter, so any bridge can serve any call.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import getstream_rtc as sdk

from bridge.adapters.application_secret import SecretUnavailableError
from bridge.adapters.stream_api import StreamApi
from bridge.adapters.stream_application import InvalidStreamAccountError, StreamApplication
from bridge.adapters.stream_failures import join_failure
from bridge.adapters.stream_participant import (
    PhoneAudio,
    StreamParticipant,
    StreamSettings,
    user_custom_data,
)
from bridge.calls.call_platform import CallParticipant, CallPlatformError, JoinRequest, ParticipantEnded
from bridge.calls.media_engine import MediaEngine, MediaError, MediaFullError
from trunking.call import CALL_ID_PATTERN, CALL_TYPE_PATTERN, CallIdentity
from trunking.termination import Termination

EVENT_CAPACITY = 64
"""Events that the SDK keeps for each stream; only the newest are read."""


class PhoneAudioCarrier(Protocol):
    """Opens the phones' side of the audio (`bridge.adapters.external_audio`)."""

    async def open(
        self, leg_id: str, room: str, name: str, sample_rate: int, receive: Callable[[bytes], None]
    ) -> PhoneAudio:
        """`receive` takes what the room sends, every 20 ms. Raises `MediaError`."""
        ...

    async def close(self) -> None:
        """Close all of them."""
        ...


__all__ = ["StreamPlatform", "StreamSettings"]


class StreamPlatform:
    """Implements `bridge.calls.call_platform.CallPlatform` and `CallDirectory`."""

    name = "stream"

    def __init__(
        self,
        engine: MediaEngine,
        find_application: Callable[[str], Awaitable[StreamApplication | None]],
        carrier: PhoneAudioCarrier,
        settings: StreamSettings | None = None,
    ) -> None:
        """`find_application` may raise `InvalidStreamAccountError` or `SecretUnavailableError`."""
        self._engine = engine
        self._find_application = find_application
        self._carrier = carrier
        self._settings = settings or StreamSettings()
        self._api = StreamApi()
        self._clients: dict[str, tuple[StreamApplication, sdk.Client]] = {}
        self._participants: set[StreamParticipant] = set()
        sdk.configure_logging(logging.getLogger("getstream_rtc"), logging.WARNING, logging.ERROR)

    @property
    def participants(self) -> int:
        """How many phones are in calls, or about to be."""
        return len(self._participants)

    def room(self, call: CallIdentity, sip_call_id: str) -> str:
        """This phone's own room."""
        return f"{call.application_id}/{call.cid}/{sip_call_id}"

    async def join(self, request: JoinRequest, ended: Callable[[ParticipantEnded], None]) -> CallParticipant:
        """Join the call in Stream; returns when audio can flow both ways."""
        try:
            async with asyncio.timeout(self._settings.join_timeout):
                application = await self._application(request.call.application_id)
                await self._prepare(application, request)
                return await self._participate(application, request, ended)
        except TimeoutError as error:
            detail = f"Stream did not let the phone join within {self._settings.join_timeout:g} s"
            raise CallPlatformError(Termination.CALL_PLATFORM_UNAVAILABLE, detail) from error
        except sdk.RustError as error:
            raise join_failure(error) from error
        except MediaFullError as error:
            raise CallPlatformError(Termination.BRIDGE_FULL, str(error)) from error
        except MediaError as error:
            raise CallPlatformError(Termination.MEDIA_WORKER_FAILED, str(error)) from error

    async def find_call(self, application_id: str, routing_number: str) -> CallIdentity | None:
        """The call whose call object has this `routing_number`."""
        application = await self._application(application_id)
        found = await self._api.find_call(application, routing_number)
        if found is None:
            return None
        call_type, call_id = str(found.get("type", "")), str(found.get("id", ""))
        if CALL_TYPE_PATTERN.fullmatch(call_type) is None or CALL_ID_PATTERN.fullmatch(call_id) is None:
            return None
        return CallIdentity(application_id, call_type, call_id)

    async def call_pin(self, call: CallIdentity) -> str | None:
        """`custom.pin` of the call object, digits only; None when the call has none or does not exist yet."""
        found = await self._api.read_call(await self._application(call.application_id), call)
        pin = _custom(found).get("pin")
        return str(pin) if isinstance(pin, str | int) and str(pin).isdecimal() else None

    async def close(self) -> None:
        """Leave all calls and close the connections."""
        await asyncio.gather(*(each.leave() for each in tuple(self._participants)))
        self._clients.clear()
        await self._carrier.close()
        await self._api.close()

    async def _application(self, application_id: str) -> StreamApplication:
        try:
            application = await self._find_application(application_id)
        except InvalidStreamAccountError as error:
            raise CallPlatformError(Termination.CALL_PLATFORM_REFUSED, str(error)) from error
        except SecretUnavailableError as error:
            detail = f"the application's secret cannot be read: {error}"
            raise CallPlatformError(Termination.CALL_PLATFORM_UNAVAILABLE, detail) from error
        if application is None:
            detail = "expected a Stream key and secret in the application's secret, found none"
            raise CallPlatformError(Termination.CALL_PLATFORM_REFUSED, detail)
        return application

    async def _prepare(self, application: StreamApplication, request: JoinRequest) -> None:
        """User and call exist before the SDK joins; an ended call is refused here, with its reason."""
        user = request.user
        fields = {"name": user.name, "custom": user_custom_data(request)}
        await self._api.upsert_user(application, user.user_id, fields)
        call = await self._api.create_call(application, request.call, user.user_id, request.call_custom_data)
        if call.get("ended_at"):
            raise CallPlatformError(Termination.CALL_PLATFORM_REFUSED, "the call has ended in Stream")

    async def _participate(
        self,
        application: StreamApplication,
        request: JoinRequest,
        ended: Callable[[ParticipantEnded], None],
    ) -> StreamParticipant:
        call = self._client(request.call.application_id, application).call(
            request.call.call_type, request.call.call_id
        )
        participant = StreamParticipant(call, request, application, self._api, self._settings, ended)
        self._participants.add(participant)
        participant.when_left(lambda: self._participants.discard(participant))
        joined = False
        try:
            await participant.join()
            phone = await self._carrier.open(
                f"stream-{request.leg_id}",
                self.room(request.call, request.sip_call_id),
                "stream",
                self._settings.sample_rate,
                participant.receive_phone_audio,
            )
            participant.attach(phone)
            await self._engine.join_room(request.leg_id, request.user.name)
            joined = True
        finally:
            if not joined:
                # Also when the caller hung up meanwhile: nothing may stay in the call.
                await participant.leave()
        return participant

    def _client(self, application_id: str, application: StreamApplication) -> sdk.Client:
        known = self._clients.get(application_id)
        if known is not None and known[0] == application:
            return known[1]
        client = sdk.Client(
            application.api_key,
            application.api_secret,
            base_url=application.base_url,
            ws_url=application.coordinator_url,
            call_event_capacity=EVENT_CAPACITY,
        )
        self._clients[application_id] = (application, client)
        return client


def _custom(call: Mapping[str, Any] | None) -> Mapping[str, Any]:
    custom = call.get("custom") if call is not None else None
    return custom if isinstance(custom, Mapping) else {}
