"""The bridge's HTTP side: health, readiness and metrics. The call page adds its routes itself."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web


class HttpServer:
    """Serves an aiohttp application on one address."""

    def __init__(
        self, *, healthy: Callable[[], bool], ready: Callable[[], bool], metrics: Callable[[], bytes]
    ) -> None:
        """`healthy` fails while draining, so that no more is sent here; `ready` until calls may come."""
        self.application = web.Application(client_max_size=256 * 1024)
        self._healthy = healthy
        self._ready = ready
        self._metrics = metrics
        self._runner: web.AppRunner | None = None
        self.application.router.add_get("/healthz", self._health)
        self.application.router.add_get("/readyz", self._readiness)
        self.application.router.add_get("/metrics", self._metrics_page)

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; the address that it got."""
        self._runner = web.AppRunner(self.application, access_log=None, handle_signals=False)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        address = self._runner.addresses[0]
        return str(address[0]), int(address[1])

    async def close(self) -> None:
        """Stop listening; requests under way are finished."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _health(self, _request: web.Request) -> web.Response:
        return _state(self._healthy(), "ok", "draining")

    async def _readiness(self, _request: web.Request) -> web.Response:
        return _state(self._ready(), "ready", "not ready")

    async def _metrics_page(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=self._metrics(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )


def _state(good: bool, yes: str, no: str) -> web.Response:
    return web.json_response({"status": yes if good else no}, status=200 if good else 503)
