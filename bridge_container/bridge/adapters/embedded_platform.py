"""The embedded call platform: calls are rooms in this bridge's media engine. Single machine by nature."""

from __future__ import annotations

from collections.abc import Callable

from bridge.calls.call_platform import CallParticipant, CallPlatformError, JoinRequest, ParticipantEnded
from bridge.calls.media_engine import MediaEngine, MediaError
from trunking.call import CallIdentity
from trunking.termination import Termination


class EmbeddedPlatform:
    """Implements `bridge.calls.call_platform.CallPlatform`."""

    name = "embedded"

    def __init__(self, engine: MediaEngine) -> None:
        self._engine = engine

    def room(self, call: CallIdentity, sip_call_id: str) -> str:
        """The room that browsers of the call join too."""
        return f"{call.application_id}/{call.cid}"

    async def join(self, request: JoinRequest, ended: Callable[[ParticipantEnded], None]) -> CallParticipant:
        """Let the phone into the room."""
        try:
            await self._engine.join_room(request.leg_id, request.user.name)
        except MediaError as error:
            raise CallPlatformError(Termination.MEDIA_WORKER_FAILED, str(error)) from error
        return EmbeddedParticipant()

    async def close(self) -> None:
        """Nothing is held here: legs belong to the media engine."""


class EmbeddedParticipant:
    """A phone in a room. Its digits are on the event bus; nobody in the room reads them otherwise."""

    async def send_dtmf(self, digit: str, duration_ms: int) -> None:
        """Nothing to do: `sip.call.dtmf` is emitted for every platform."""

    async def leave(self) -> None:
        """Nothing to do: closing the media leg leaves the room."""
