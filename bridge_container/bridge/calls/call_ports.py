"""What call control is given: its ports, in one value that the composition root builds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from bridge.calls.call_platform import CallPlatform
from bridge.calls.call_reports import CallEvents, CallMeters, CallRecords
from bridge.calls.media_engine import MediaEngine
from bridge.calls.signalling import Signalling
from bridge.calls.trunk_identification import Clock


class Scheduler(Protocol):
    """The timers of an event loop; a loop is one."""

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> asyncio.TimerHandle:
        """Call `callback` once, `delay` seconds from now."""
        ...


@dataclass(frozen=True, slots=True)
class CallPorts:
    """The outside of call control."""

    signalling: Signalling
    media: MediaEngine
    platform: CallPlatform
    records: CallRecords
    events: CallEvents
    meters: CallMeters
    clock: Clock
    scheduler: Scheduler
