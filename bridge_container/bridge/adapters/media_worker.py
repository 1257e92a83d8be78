"""A media worker: a process with one engine, told what to do over a pipe by `media_worker_pool`.

It shares nothing with signalling. Its garbage is collected between ticks, never inside one. When signalling
is gone, so is it.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle

from bridge.adapters.garbage import GarbageSchedule
from bridge.adapters.media_engine import TickMediaEngine
from bridge.adapters.media_settings import MediaSettings
from bridge.adapters.media_worker_messages import METHODS, Adoption, LoadReport, Reply, Request, Stop
from bridge.adapters.webrtc_port import WebRtcPeerFactory
from bridge.calls.media_engine import MediaError, MediaEvent

_REPORT_EACH = 1.0


def run_media_worker(
    pipe: Connection, settings: MediaSettings, webrtc_peers: WebRtcPeerFactory | None
) -> None:
    """The process's main function."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # signalling decides when we end, also on Ctrl-C
    asyncio.run(MediaWorker(pipe, settings, webrtc_peers).run())


class MediaWorker:
    """Serves one pipe."""

    def __init__(
        self, pipe: Connection, settings: MediaSettings, webrtc_peers: WebRtcPeerFactory | None
    ) -> None:
        self._pipe = pipe
        self._engine = TickMediaEngine(settings, webrtc_peers)
        self._engine.subscribe(self._tell)
        self._stopped = asyncio.Event()
        self._answering: set[asyncio.Task[None]] = set()
        self._garbage: GarbageSchedule | None = None

    async def run(self) -> None:
        """Serve until told to stop or signalling has gone."""
        loop = asyncio.get_running_loop()
        await self._engine.start()
        self._garbage = GarbageSchedule()
        loop.add_reader(self._pipe.fileno(), self._read)
        self._report()
        await self._stopped.wait()
        loop.remove_reader(self._pipe.fileno())
        await self._engine.close()

    def _read(self) -> None:
        try:
            message = self._pipe.recv()
            if isinstance(message, Adoption):
                descriptors = recv_handle(self._pipe), recv_handle(self._pipe)
                self._adopt(message, descriptors)
            elif isinstance(message, Request):
                task = asyncio.get_running_loop().create_task(self._answer(message))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
            elif isinstance(message, Stop):
                self._stopped.set()
        except (EOFError, OSError):  # signalling has gone
            self._stopped.set()

    def _adopt(self, message: Adoption, descriptors: tuple[int, int]) -> None:
        rtp, rtcp = (
            socket.socket(message.family, socket.SOCK_DGRAM, fileno=descriptor) for descriptor in descriptors
        )
        try:
            address = self._engine.adopt_phone_leg(message.leg_id, message.room, (rtp, rtcp))
        except MediaError as error:
            rtp.close()
            rtcp.close()
            self._send(Reply(message.number, None, error))
        else:
            self._send(Reply(message.number, address, None))

    async def _answer(self, request: Request) -> None:
        if request.method not in METHODS:
            self._send(Reply(request.number, None, MediaError(f"no method {request.method}")))
            return
        try:
            value = await getattr(self._engine, request.method)(*request.arguments)
        except MediaError as error:
            self._send(Reply(request.number, None, error))
        else:
            self._send(Reply(request.number, value, None))

    def _tell(self, event: MediaEvent) -> None:
        self._send(event)

    def _report(self) -> None:
        self._send(LoadReport(self._engine.load()))
        if self._garbage is not None:
            self._garbage.collect()
        if not self._stopped.is_set():
            asyncio.get_running_loop().call_later(_REPORT_EACH, self._report)

    def _send(self, message: object) -> None:
        try:
            self._pipe.send(message)
        except OSError:  # signalling has gone
            self._stopped.set()
