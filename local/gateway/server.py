"""The HTTP server in front of the functions: API Gateway's limits and error shapes, nothing of its own."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web
from multidict import CIMultiDict

from local.gateway.functions import Function
from local.gateway.http_event import HttpRequest, HttpResponse, InvalidAnswerError, event_of, response_of
from local.gateway.routes import Route, select_route

# Lambda takes 6 MB for a synchronous invocation, less than API Gateway's own 10 MB.
BODY_LIMIT = 6 * 1024 * 1024
HEADER_LIMIT = 10_240
# Seconds that API Gateway waits for a function.
INTEGRATION_TIMEOUT = 30.0
WORKERS = 8


def gateway_error(status: int, message: str) -> HttpResponse:
    """An error in API Gateway's own shape, for what no function answered."""
    return HttpResponse(
        status, [("content-type", "application/json")], json.dumps({"message": message}).encode()
    )


class Gateway:
    """Serves the routes by calling the functions on threads."""

    def __init__(
        self,
        routes: Sequence[Route],
        functions: Mapping[str, Function],
        integration_timeout: float = INTEGRATION_TIMEOUT,
    ) -> None:
        self._routes = routes
        self._functions = functions
        self._integration_timeout = integration_timeout
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="function")
        self._application = web.Application(client_max_size=BODY_LIMIT)
        self._application.router.add_route("*", r"/{path:[\s\S]*}", self._handle)
        self._runner = web.AppRunner(
            self._application, access_log=None, max_field_size=HEADER_LIMIT, shutdown_timeout=1.0
        )

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port. Raises OSError when it is taken."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        bound: int = self._runner.addresses[0][1]
        return bound

    async def close(self) -> None:
        """Stop listening; a request in a handler is waited for."""
        await self._runner.cleanup()
        self._workers.shutdown()

    async def _handle(self, request: web.Request) -> web.Response:
        response = await self._respond(request)
        headers = CIMultiDict(
            (name, value) for name, value in response.headers if name not in ("content-length", "connection")
        )
        return web.Response(status=response.status, headers=headers, body=response.body)

    async def _respond(self, request: web.Request) -> HttpResponse:
        selected = select_route(self._routes, request.method, request.path)
        if selected is None:
            return gateway_error(404, "Not Found")
        if sum(len(name) + len(value) for name, value in request.headers.items()) > HEADER_LIMIT:
            return gateway_error(431, "Request Header Fields Too Large")
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return gateway_error(413, "Request Entity Too Large")
        route, path_variables = selected
        received = HttpRequest(
            method=request.method,
            path=request.path,
            query=request.rel_url.raw_query_string,
            headers=list(request.headers.items()),
            body=body,
            source_ip=request.remote or "",
        )
        return await self._invoke(received, route, path_variables)

    async def _invoke(
        self, request: HttpRequest, route: Route, path_variables: Mapping[str, str]
    ) -> HttpResponse:
        function = self._functions[route.function]
        event = event_of(request, route, path_variables)
        loop = asyncio.get_running_loop()
        patience = min(function.timeout, self._integration_timeout)
        try:
            answer = await asyncio.wait_for(
                loop.run_in_executor(self._workers, function.invoke, event), patience
            )
            return response_of(answer)
        except TimeoutError:
            print(f"{function.name} took more than {patience:.0f} s", flush=True)
            # Lambda ends the function and reports an error; or API Gateway waits no longer.
            if patience == function.timeout:
                return gateway_error(500, "Internal Server Error")
            return gateway_error(503, "Service Unavailable")
        except InvalidAnswerError as error:
            print(f"{function.name}: {error}", flush=True)
            return gateway_error(500, "Internal Server Error")
        except Exception:  # noqa: BLE001 - whatever a function raises, Lambda reports and the API answers 500
            traceback.print_exc()
            return gateway_error(500, "Internal Server Error")
