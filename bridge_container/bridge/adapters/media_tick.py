"""The one loop that carries all audio: drain every socket, step legs and rooms, write every socket.

It runs each 5 ms on the event loop that it shares with commands and WebRTC's ICE and DTLS. When it comes
late it steps the frames that it missed, so that nobody's audio loses its place; after a long stall it goes
on from now.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bridge.adapters.packet_transport import PacketTransport
from bridge.adapters.rtp_udp import UdpPoller
from bridge.adapters.webrtc_port import WebRtcPeerFactory
from bridge.media.media_core import TICK_SECONDS, CoreEvent, MediaCore
from bridge.media.media_leg import MediaLeg
from bridge.media.room import Room

_MAX_CATCH_UP = 40
"""Ticks stepped at once after a stall: 200 ms; older ones are given up."""
_LATE = 0.020
"""Seconds by which a tick may come late before its frames count as late."""


class MediaTick:
    """Owns no leg; pumps packets between their transports and the core."""

    def __init__(
        self,
        core: MediaCore,
        poller: UdpPoller,
        webrtc: WebRtcPeerFactory | None,
        notify: Callable[[CoreEvent], None],
    ) -> None:
        self._core = core
        self._webrtc = webrtc
        self._poller = poller
        self._notify = notify
        self._carried: dict[str, tuple[MediaLeg, PacketTransport]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._begin = 0.0
        self._tick = 0
        self.ticks = 0
        self.late_ticks = 0
        """Ticks that came more than 20 ms after their time."""
        self.skipped_ticks = 0
        """Ticks given up after a stall."""
        self.busy_seconds = 0.0
        """Time spent inside the tick, for the load figure."""

    def start(self) -> None:
        """Begin to tick on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._begin = self._loop.time()
        self._tick = 0
        self._timer = self._loop.call_at(self._begin + TICK_SECONDS, self._run)

    def stop(self) -> None:
        """Tick no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def now(self) -> float:
        """The nominal time of the latest tick, in the core's seconds."""
        return self._tick * TICK_SECONDS

    def carry(self, leg: MediaLeg, transport: PacketTransport) -> None:
        """Pump packets for a leg from now on."""
        self._carried[leg.leg_id] = (leg, transport)

    def drop(self, leg_id: str) -> None:
        """Pump no more for a leg."""
        self._carried.pop(leg_id, None)

    def _run(self) -> None:
        loop = self._loop
        if loop is None:
            return
        began = loop.time()
        latest = int((began - self._begin) / TICK_SECONDS)
        missed = latest - self._tick
        if missed > 1 and missed * TICK_SECONDS > _LATE:
            self.late_ticks += 1
        if missed > _MAX_CATCH_UP:
            self.skipped_ticks += missed - _MAX_CATCH_UP
            self._tick = latest - _MAX_CATCH_UP
        self.advance(latest)
        ended = loop.time()
        self.busy_seconds += ended - began
        self.ticks += 1
        self._timer = loop.call_at(max(self._begin + (self._tick + 1) * TICK_SECONDS, ended), self._run)

    def _write(self, room: Room) -> None:
        """Write what a room's step made."""
        carried = self._carried
        for leg_id, leg in room.legs.items():
            if leg.outgoing.packets and leg_id in carried:
                carried[leg_id][1].send(leg.take_packets())

    def advance(self, latest: int) -> None:
        """Drain, step every tick up to `latest`, write. Public for tests that step by hand."""
        now = latest * TICK_SECONDS
        carried = self._carried
        self._poller.poll(now)
        if self._webrtc is not None:
            self._webrtc.receive(now)
        for leg, transport in tuple(carried.values()):
            packets = transport.drain()
            if packets:
                leg.receive(packets, now)
        for leg, transport in carried.values():
            if leg.outgoing.packets:  # passed through
                transport.send(leg.take_packets())
        core = self._core
        while self._tick < latest:
            self._tick += 1
            core.step(self._tick, self._tick * TICK_SECONDS, self._write)
        for event in core.take_events():
            self._notify(event)
