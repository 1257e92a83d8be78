"""Each application's own call platform, where one bridge serves applications of several.

The application's secret may name its platform (`platform`); otherwise the bridge's own setting holds. Decides
and hands on; calls live in the platforms. Imports calls.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from bridge.adapters.application_secret import Secret, SecretUnavailableError
from bridge.calls.call_platform import (
    CallDirectory,
    CallParticipant,
    CallPlatform,
    CallPlatformError,
    JoinRequest,
    ParticipantEnded,
)
from bridge.calls.media_engine import MediaEngine
from trunking.call import CallIdentity
from trunking.routing import call_of_routing_number
from trunking.termination import Termination


class PlatformChoice:
    """Implements `bridge.calls.call_platform.CallPlatform` and `CallDirectory`."""

    def __init__(
        self,
        engine: MediaEngine,
        default: str,
        platforms: Mapping[str, CallPlatform],
        find_secret: Callable[[str], Awaitable[Secret]],
    ) -> None:
        self.name = default
        self._engine = engine
        self._platforms = platforms
        self._find_secret = find_secret

    def room(self, call: CallIdentity, sip_call_id: str) -> str:
        """The room in the default platform; a phone of another one is moved when it joins."""
        return self._platforms[self.name].room(call, sip_call_id)

    async def join(self, request: JoinRequest, ended: Callable[[ParticipantEnded], None]) -> CallParticipant:
        """Join in the application's platform."""
        platform = await self._platform(request.call.application_id)
        room = platform.room(request.call, request.sip_call_id)
        if room != self.room(request.call, request.sip_call_id):
            await self._engine.move_leg(request.leg_id, room)
        return await platform.join(request, ended)

    async def find_call(self, application_id: str, routing_number: str) -> CallIdentity | None:
        """The call that has this routing number in the application's platform."""
        platform = await self._platform(application_id)
        if isinstance(platform, CallDirectory):
            return await platform.find_call(application_id, routing_number)
        return call_of_routing_number(application_id, routing_number)

    async def call_pin(self, call: CallIdentity) -> str | None:
        """The call's own PIN in the application's platform."""
        platform = await self._platform(call.application_id)
        return await platform.call_pin(call) if isinstance(platform, CallDirectory) else None

    async def close(self) -> None:
        """Close all platforms."""
        for platform in self._platforms.values():
            await platform.close()

    async def _platform(self, application_id: str) -> CallPlatform:
        try:
            secret = await self._find_secret(application_id)
        except SecretUnavailableError as error:
            detail = f"the application's secret cannot be read: {error}"
            raise CallPlatformError(Termination.CALL_PLATFORM_UNAVAILABLE, detail) from error
        name = secret.get("platform") or self.name
        platform = self._platforms.get(name)
        if platform is None:
            detail = (
                f"expected platform {' or '.join(self._platforms)} in the application's secret, found another"
            )
            raise CallPlatformError(Termination.CALL_PLATFORM_REFUSED, detail)
        return platform
