"""Signalling's end of one media worker: starts the process, asks it, hears it, replaces it when it dies."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from multiprocessing.reduction import send_handle

from bridge.adapters.media_settings import EngineLoad, MediaSettings
from bridge.adapters.media_worker import run_media_worker
from bridge.adapters.media_worker_messages import Adoption, LoadReport, Reply, Request, Stop
from bridge.adapters.rtp_ports import SocketPair
from bridge.adapters.webrtc_port import WebRtcPeerFactory
from bridge.calls.media_engine import DtmfReceived, LegConnected, LegFailed, MediaError, MediaEvent

_log = logging.getLogger(__name__)
_IDLE = EngineLoad(0.0, 0, 0, 0, 0, 0, full=False)
_SIGN_OF_LIFE = 8.0
"""Seconds without a report after which a worker counts as hung and is killed."""
_STARTING = 30.0
"""Seconds that a worker may take to its first report."""
_RESTART_AFTER = 0.2
_STOP_WITHIN = 3.0


class MediaWorkerClient:
    """One worker and its successors."""

    def __init__(
        self,
        settings: MediaSettings,
        webrtc_peers: WebRtcPeerFactory | None,
        event: Callable[[MediaEvent], None],
        failed: Callable[[MediaWorkerClient], None],
    ) -> None:
        self._settings = settings
        self._webrtc_peers = webrtc_peers
        self._event = event
        self._failed = failed
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None
        self._waiting: dict[int, asyncio.Future[object]] = {}
        self._numbers = 0
        self._serving = asyncio.Event()
        self._watch: asyncio.TimerHandle | None = None
        self._stopping = False
        self.load = _IDLE
        self.failures = 0
        """How often a worker had to be replaced."""

    @property
    def serving(self) -> bool:
        """Whether it can be asked."""
        return self._serving.is_set()

    @property
    def process_id(self) -> int | None:
        """Of the running worker."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start the process; it serves after a moment."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self._process = context.Process(
            target=run_media_worker,
            args=(theirs, self._settings, self._webrtc_peers),
            name="media-worker",
            daemon=True,
        )
        self._process.start()
        theirs.close()
        self._pipe = ours
        self.load = _IDLE
        loop = asyncio.get_running_loop()
        loop.add_reader(ours.fileno(), self._read)
        self._watch = loop.call_later(_STARTING, self._hung)

    async def ready(self) -> None:
        """Wait for the first report. Raises `MediaError` when it does not come."""
        try:
            await asyncio.wait_for(self._serving.wait(), _STARTING)
        except TimeoutError as error:
            raise MediaError("a media worker did not start") from error

    async def stop(self) -> None:
        """End the process, by force if it must be."""
        self._stopping = True
        process = self._process
        if process is None:
            return
        if self._pipe is not None:
            self._write(Stop())
        for _ in range(int(_STOP_WITHIN / 0.02)):
            if not process.is_alive():
                break
            await asyncio.sleep(0.02)
        else:
            process.kill()
        self._forget("the media worker was stopped")
        process.join(1.0)

    async def ask(self, method: str, *arguments: object) -> object:
        """Call a method of the worker's engine. Raises `MediaError`, the worker's own included."""
        number, future = self._expect()
        self._write(Request(number, method, arguments))
        return await future

    async def adopt(self, leg_id: str, room: str, sockets: SocketPair) -> object:
        """Hand a pair of sockets over and open a phone leg on it; our own copies stay open."""
        number, future = self._expect()
        process, pipe = self._process, self._pipe
        self._write(Adoption(number, leg_id, room, int(sockets[0].family)))
        if process is not None and pipe is not None and process.pid is not None:
            try:
                for opened in sockets:
                    send_handle(pipe, opened.fileno(), process.pid)
            except OSError as error:
                raise MediaError("the media worker has failed") from error
        return await future

    def _expect(self) -> tuple[int, asyncio.Future[object]]:
        if self._pipe is None or not self.serving:
            raise MediaError("the media worker has failed")
        self._numbers += 1
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._waiting[self._numbers] = future
        return self._numbers, future

    def _write(self, message: object) -> None:
        if self._pipe is None:
            return
        try:
            self._pipe.send(message)
        except OSError:  # it has died: reading the pipe tells
            _log.debug("a media worker's pipe is closed")

    def _read(self) -> None:
        if self._pipe is None:
            return
        try:
            message = self._pipe.recv()
        except (EOFError, OSError):
            self._died()
            return
        if isinstance(message, Reply):
            future = self._waiting.pop(message.number, None)
            if future is None or future.done():
                return
            if message.error is not None:
                future.set_exception(message.error)
            else:
                future.set_result(message.value)
        elif isinstance(message, LoadReport):
            self.load = message.load
            self._serving.set()
            self._wait_for_sign_of_life()
        elif isinstance(message, DtmfReceived | LegConnected | LegFailed):
            self._event(message)

    def _wait_for_sign_of_life(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._watch = asyncio.get_running_loop().call_later(_SIGN_OF_LIFE, self._hung)

    def _hung(self) -> None:
        _log.error("a media worker gives no sign of life and is killed")
        if self._process is not None:
            self._process.kill()  # its pipe then closes, which `_read` sees

    def _died(self) -> None:
        self._forget("the media worker has failed")
        if self._stopping:
            return
        self.failures += 1
        _log.error("a media worker has failed and is replaced (failure %d)", self.failures)
        self._failed(self)
        asyncio.get_running_loop().call_later(_RESTART_AFTER, self._restart)

    def _restart(self) -> None:
        if not self._stopping:
            self.start()

    def _forget(self, why: str) -> None:
        self._serving.clear()
        if self._watch is not None:
            self._watch.cancel()
        if self._pipe is not None:
            asyncio.get_running_loop().remove_reader(self._pipe.fileno())
            self._pipe.close()
            self._pipe = None
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(MediaError(why))
        self._waiting.clear()
