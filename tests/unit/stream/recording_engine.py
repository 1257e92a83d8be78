"""A media engine that does nothing and notes what a call platform asks of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bridge.calls.media_engine import (
    LegStatistics,
    MediaEvent,
    PhoneLegParameters,
    RoomMember,
    RtpAddress,
)


class RecordingEngine:
    """Implements `bridge.calls.media_engine.MediaEngine`."""

    def __init__(self) -> None:
        self.moved: list[tuple[str, str]] = []
        self.joined: list[str] = []

    def subscribe(self, listener: Callable[[MediaEvent], None]) -> None:
        return

    async def open_phone_leg(self, leg_id: str, room: str, *, prefer_ipv6: bool = False) -> RtpAddress:
        return RtpAddress("127.0.0.1", 1)

    async def configure_phone_leg(self, leg_id: str, parameters: PhoneLegParameters) -> None:
        return

    async def move_leg(self, leg_id: str, room: str) -> None:
        self.moved.append((leg_id, room))

    async def join_room(self, leg_id: str, name: str) -> None:
        self.joined.append(leg_id)

    async def open_webrtc_leg(self, leg_id: str, room: str, name: str, offer: str) -> str:
        return ""

    async def mute(self, leg_id: str, muted: bool) -> None:
        return

    async def send_dtmf(self, leg_id: str, digits: str) -> None:
        return

    async def play(self, leg_id: str, prompt: bytes) -> None:
        return

    async def members(self, room: str) -> tuple[RoomMember, ...]:
        return ()

    async def statistics(self, leg_id: str) -> LegStatistics:
        return LegStatistics()

    async def sample(self, leg_ids: Sequence[str]) -> Mapping[str, LegStatistics]:
        return {}

    async def close_leg(self, leg_id: str) -> LegStatistics:
        return LegStatistics()
