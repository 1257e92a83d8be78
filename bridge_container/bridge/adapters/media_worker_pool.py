"""The media engine as worker processes, one per core: implements the `MediaEngine` port by asking them.

A room lives in one worker; rooms are placed where there is least to do. Phones' sockets are opened here and
handed over, so that a leg can go to another worker and keep its port. A worker that crashes or hangs ends
its legs with `worker_failed` and is replaced; signalling and the other workers do not notice.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from bridge.adapters.media_settings import EngineLoad, MediaSettings
from bridge.adapters.media_worker_client import MediaWorkerClient
from bridge.adapters.rtp_ports import RtpPorts, SocketPair, raise_descriptor_limit
from bridge.adapters.webrtc_port import WebRtcPeerFactory
from bridge.calls.media_engine import (
    LegFailed,
    LegStatistics,
    MediaError,
    MediaEvent,
    PhoneLegParameters,
    RoomMember,
    RtpAddress,
)


class _Leg:
    """Where a leg is, and what it takes to open it again elsewhere."""

    __slots__ = ("parameters", "room", "sockets", "worker")

    def __init__(self, worker: MediaWorkerClient, room: str, sockets: SocketPair | None) -> None:
        self.worker = worker
        self.room = room
        self.sockets = sockets
        self.parameters: PhoneLegParameters | None = None

    def close_sockets(self) -> None:
        for opened in self.sockets or ():
            opened.close()
        self.sockets = None


class WorkerPoolMediaEngine:
    """A `MediaEngine` over several processes."""

    def __init__(self, settings: MediaSettings, webrtc_peers: WebRtcPeerFactory | None = None) -> None:
        self._settings = settings
        self._ports = RtpPorts(
            settings.bind_host, settings.port_first, settings.port_last, settings.bind_host_ipv6
        )
        self._workers = [
            MediaWorkerClient(settings, webrtc_peers, self._pass_on, self._worker_failed)
            for _ in range(max(settings.workers, 1))
        ]
        self._legs: dict[str, _Leg] = {}
        self._listener: Callable[[MediaEvent], None] = lambda event: None

    async def start(self) -> None:
        """Start the workers; returns when all of them serve."""
        raise_descriptor_limit()
        # A worker's arrays are small: threads of the linear algebra library would only take its core away.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        for worker in self._workers:
            worker.start()
        await self.ready()

    async def ready(self) -> None:
        """Wait until every worker serves. Raises `MediaError` when one does not come up."""
        for worker in self._workers:
            await worker.ready()

    async def close(self) -> None:
        """Stop the workers and free all ports."""
        for worker in self._workers:
            await worker.stop()
        for leg in self._legs.values():
            leg.close_sockets()
        self._legs.clear()

    def subscribe(self, listener: Callable[[MediaEvent], None]) -> None:
        """Register the one listener; it is called on the signalling loop."""
        self._listener = listener

    def loads(self) -> Sequence[EngineLoad]:
        """How each worker is doing, as of its last report."""
        return [worker.load for worker in self._workers]

    def serving_workers(self) -> int:
        """How many workers can be asked now; fewer than configured while one is being replaced."""
        return sum(worker.serving for worker in self._workers)

    def worker_process_id(self, room: str) -> int | None:
        """The process that holds a room, for operators and tests."""
        worker = self._worker_of(room)
        return None if worker is None else worker.process_id

    async def open_phone_leg(self, leg_id: str, room: str, *, prefer_ipv6: bool = False) -> RtpAddress:
        """Reserve an RTP port in the worker that holds the room."""
        self._refuse_known(leg_id)
        leg = _Leg(self._place(room), room, self._ports.open(prefer_ipv6=prefer_ipv6))
        self._legs[leg_id] = leg
        try:
            return await self._adopt(leg_id, leg)
        except MediaError:
            self._legs.pop(leg_id, None)
            leg.close_sockets()
            raise

    async def _adopt(self, leg_id: str, leg: _Leg) -> RtpAddress:
        if leg.sockets is None:
            raise MediaError(f"leg {leg_id} is no phone")
        address = await leg.worker.adopt(leg_id, leg.room, leg.sockets)
        if not isinstance(address, RtpAddress):
            raise MediaError("the media worker gave no address")
        return address

    async def configure_phone_leg(self, leg_id: str, parameters: PhoneLegParameters) -> None:
        """Set or change what was negotiated."""
        leg = self._leg(leg_id)
        await leg.worker.ask("configure_phone_leg", leg_id, parameters)
        leg.parameters = parameters

    async def move_leg(self, leg_id: str, room: str) -> None:
        """Let a leg that has not joined yet be for another room, in another worker if need be."""
        leg = self._leg(leg_id)
        there = self._worker_of(room) or leg.worker
        if there is leg.worker:
            await leg.worker.ask("move_leg", leg_id, room)
            leg.room = room
            return
        await leg.worker.ask("close_leg", leg_id)
        leg.worker, leg.room = there, room
        await self._adopt(leg_id, leg)
        if leg.parameters is not None:
            await there.ask("configure_phone_leg", leg_id, leg.parameters)

    async def join_room(self, leg_id: str, name: str) -> None:
        """Let the leg hear, and be heard in, its room."""
        await self._leg(leg_id).worker.ask("join_room", leg_id, name)

    async def open_webrtc_leg(self, leg_id: str, room: str, name: str, offer: str) -> str:
        """Answer an offer in the worker that holds the room."""
        self._refuse_known(leg_id)
        leg = self._legs[leg_id] = _Leg(self._place(room), room, None)
        try:
            answer = await leg.worker.ask("open_webrtc_leg", leg_id, room, name, offer)
        except MediaError:
            self._legs.pop(leg_id, None)
            raise
        return str(answer)

    async def mute(self, leg_id: str, muted: bool) -> None:
        """Stop or resume what others hear of this leg."""
        await self._leg(leg_id).worker.ask("mute", leg_id, muted)

    async def send_dtmf(self, leg_id: str, digits: str) -> None:
        """Play digits to the phone as telephone-events."""
        await self._leg(leg_id).worker.ask("send_dtmf", leg_id, digits)

    async def play(self, leg_id: str, prompt: bytes) -> None:
        """Play 16-bit mono PCM at 8000 Hz to this leg alone."""
        await self._leg(leg_id).worker.ask("play", leg_id, prompt)

    async def members(self, room: str) -> tuple[RoomMember, ...]:
        """Who is in the room now."""
        worker = self._worker_of(room)
        members = () if worker is None else await worker.ask("members", room)
        return members if isinstance(members, tuple) else ()

    async def statistics(self, leg_id: str) -> LegStatistics:
        """What the leg measured so far."""
        return _statistics(await self._leg(leg_id).worker.ask("statistics", leg_id))

    async def sample(self, leg_ids: Sequence[str]) -> Mapping[str, LegStatistics]:
        """What legs measured since each was last sampled; one question to each of their workers."""
        asked: defaultdict[MediaWorkerClient, list[str]] = defaultdict(list)
        for leg_id in leg_ids:
            leg = self._legs.get(leg_id)
            if leg is not None:
                asked[leg.worker].append(leg_id)
        found: dict[str, LegStatistics] = {}
        for worker, its in asked.items():
            try:
                answer = await worker.ask("sample", tuple(its))
            except MediaError:  # it died: its legs are ended elsewhere
                continue
            if isinstance(answer, dict):
                found |= answer
        return found

    async def close_leg(self, leg_id: str) -> LegStatistics:
        """End the leg and free its port. Closing twice is no error, nor is it after a crash."""
        leg = self._legs.pop(leg_id, None)
        if leg is None:
            return LegStatistics()
        leg.close_sockets()
        try:
            return _statistics(await leg.worker.ask("close_leg", leg_id))
        except MediaError:  # the worker died meanwhile, and the leg with it
            return LegStatistics()

    def _refuse_known(self, leg_id: str) -> None:
        if leg_id in self._legs:
            raise MediaError(f"leg {leg_id} is open already")

    def _leg(self, leg_id: str) -> _Leg:
        leg = self._legs.get(leg_id)
        if leg is None:
            raise MediaError(f"there is no leg {leg_id}")
        return leg

    def _worker_of(self, room: str) -> MediaWorkerClient | None:
        return next((leg.worker for leg in self._legs.values() if leg.room == room), None)

    def _place(self, room: str) -> MediaWorkerClient:
        """The room's worker, or for a new room the one with least to do."""
        worker = self._worker_of(room)
        if worker is not None:
            return worker
        legs = dict.fromkeys(self._workers, 0)
        for leg in self._legs.values():
            legs[leg.worker] += 1
        serving = [worker for worker in self._workers if worker.serving]
        if not serving:
            raise MediaError("no media worker is serving")
        return min(serving, key=lambda worker: (round(worker.load.busy, 1), legs[worker]))

    def _pass_on(self, event: MediaEvent) -> None:
        if event.leg_id in self._legs:
            self._listener(event)

    def _worker_failed(self, failed: MediaWorkerClient) -> None:
        """The legs of a dead worker are over; it has been replaced already."""
        for leg_id in [leg_id for leg_id, leg in self._legs.items() if leg.worker is failed]:
            self._legs.pop(leg_id).close_sockets()
            self._listener(LegFailed(leg_id, "worker_failed"))


def _statistics(value: object) -> LegStatistics:
    return value if isinstance(value, LegStatistics) else LegStatistics()
