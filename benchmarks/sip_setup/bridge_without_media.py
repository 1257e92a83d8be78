"""The whole bridge but for its media: `python -m bridge` with an engine that opens no port."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from unittest.mock import patch

from bridge import __main__ as bridge_command
from bridge.adapters.media_engine import TickMediaEngine
from bridge.adapters.media_settings import EngineLoad
from bridge.adapters.settings import BridgeSettings
from bridge.calls.media_engine import LegStatistics, MediaEvent, PhoneLegParameters, RtpAddress


class NoMediaEngine(TickMediaEngine):
    """Says yes to everything about phones."""

    def __init__(self) -> None:
        """Needs nothing."""

    def subscribe(self, listener: Callable[[MediaEvent], None]) -> None:
        """There will be no events."""

    async def start(self) -> None:
        """Nothing to start."""

    async def close(self) -> None:
        """Nothing to close."""

    def loads(self) -> Sequence[EngineLoad]:
        """No workers."""
        return ()

    async def open_phone_leg(self, leg_id: str, room: str, *, prefer_ipv6: bool = False) -> RtpAddress:
        """A port that nobody listens on."""
        return RtpAddress("127.0.0.1", 9)

    async def configure_phone_leg(self, leg_id: str, parameters: PhoneLegParameters) -> None:
        """Nothing to configure."""

    async def join_room(self, leg_id: str, name: str) -> None:
        """No rooms."""

    async def sample(self, leg_ids: Sequence[str]) -> Mapping[str, LegStatistics]:
        """Figures for everybody: what writing them costs is part of signalling."""
        return dict.fromkeys(leg_ids, LegStatistics())

    async def close_leg(self, leg_id: str) -> LegStatistics:
        """No figures."""
        return LegStatistics()


def build_no_media(_: BridgeSettings) -> TickMediaEngine:
    """In place of the real engine."""
    return NoMediaEngine()


if __name__ == "__main__":
    with patch("bridge.bootstrap.bridge.build_media", build_no_media):
        sys.exit(bridge_command.main())
