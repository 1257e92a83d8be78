"""The local Stream as one server: coordinator and SFU on one loopback port."""

from __future__ import annotations

from aiohttp import web

from local.stream.coordinator import MAX_BODY, Coordinator
from local.stream.directory import Directory
from local.stream.faults import Faults
from local.stream.loopback import require_loopback
from local.stream.sfu import Sfu
from local.stream.sfu_signal import SfuSignal
from local.stream.sfu_socket import SfuSockets
from local.stream.tokens import Tokens

SHUTDOWN_TIMEOUT = 2.0


class LocalStream:
    """One application of a Stream on this machine. Audio only; nothing outlives the process."""

    def __init__(
        self, *, api_key: str, api_secret: str, host: str = "127.0.0.1", port: int = 0, edges: int = 1
    ) -> None:
        """Raises `NotLoopbackError` when `host` is not a loopback address; port 0 is an ephemeral one."""
        self._host = require_loopback(host)
        self._port = port
        self.directory = Directory()
        self.faults = Faults()
        self.sfu = Sfu(host, edges)
        tokens = Tokens(api_secret)
        self.coordinator = Coordinator(api_key, tokens, self.directory, self.sfu, self.faults)
        app = web.Application(client_max_size=MAX_BODY)
        self.coordinator.add_routes(app)
        SfuSockets(self.sfu, tokens, self.directory).add_routes(app)
        SfuSignal(self.sfu, tokens).add_routes(app)
        self._runner = web.AppRunner(app, shutdown_timeout=SHUTDOWN_TIMEOUT, access_log=None)

    @property
    def authority(self) -> str:
        """`host:port` of the HTTP server."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{host}:{self._port}"

    @property
    def base_url(self) -> str:
        """What a client has for `https://video.stream-io-api.com`."""
        return f"http://{self.authority}"

    @property
    def websocket_url(self) -> str:
        """The coordinator's WebSocket."""
        return f"ws://{self.authority}/api/v2/connect"

    async def start(self) -> None:
        """Listen."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.sfu.start(self.authority)

    async def close(self) -> None:
        """End all calls and stop listening."""
        self.faults.release()
        await self.sfu.close()
        await self.coordinator.sockets.close()
        await self._runner.cleanup()
