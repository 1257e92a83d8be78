"""A call page on an ephemeral port of 127.0.0.1, with the real media engine and WebRTC socket behind it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from aiohttp import web

from bridge.adapters.call_page.access import CallAccess, OpenCallAccess
from bridge.adapters.call_page.routes import CallPageSettings, add_call_page_routes
from bridge.adapters.media_engine import TickMediaEngine
from bridge.adapters.media_settings import MediaSettings
from bridge.adapters.webrtc_socket import WebRtcSettings, WebRtcSocket
from bridge.calls.media_engine import MediaEvent

APPLICATION = "app-1"


@dataclass
class ServedCall:
    """What a test needs to know of the running page."""

    engine: TickMediaEngine
    socket: WebRtcSocket
    port: int
    call: str = "default/front-desk"
    events: list[MediaEvent] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The call page's address."""
        return f"http://127.0.0.1:{self.port}/calls/{self.call}"

    @property
    def room(self) -> str:
        """The call's room in the engine."""
        return f"{APPLICATION}/{self.call.replace('/', ':')}"


@contextlib.asynccontextmanager
async def served_call(
    access: CallAccess | None = None,
    *,
    port: int = 0,
    settings: CallPageSettings | None = None,
    webrtc: WebRtcSettings | None = None,
) -> AsyncIterator[ServedCall]:
    """Serve until the block ends; then no socket, task or leg is left."""
    socket = WebRtcSocket(webrtc or WebRtcSettings())
    engine = TickMediaEngine(MediaSettings(), socket)
    await engine.start()
    application = web.Application()
    page = add_call_page_routes(application, engine, access or OpenCallAccess(APPLICATION), settings)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
    served = ServedCall(engine, socket, runner.addresses[0][1])

    def heard(event: MediaEvent) -> None:
        served.events.append(event)
        page.media_event(event)

    engine.subscribe(heard)
    try:
        yield served
    finally:
        await runner.cleanup()
        await page.close()
        await engine.close()
        socket.close()
