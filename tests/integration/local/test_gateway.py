"""The gateway over HTTP: what reaches a handler, and what API Gateway answers by itself."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from local.gateway.functions import Function
from local.gateway.routes import Route
from local.gateway.server import BODY_LIMIT, Gateway


@dataclass
class Served:
    """A gateway with a client."""

    client: aiohttp.ClientSession
    events: list[dict[str, Any]]


def fail(_: dict[str, Any], __: object) -> Any:
    """A handler with a bug."""
    raise RuntimeError("a bug")


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """Routes to a handler that echoes, one that raises, one that never ends and one that answers nonsense."""
    events: list[dict[str, Any]] = []
    end = threading.Event()

    def echo(event: dict[str, Any], context: Any) -> dict[str, Any]:
        events.append(event)
        assert 0 < context.get_remaining_time_in_millis() <= 5000
        return {"statusCode": 202, "headers": {"X-Echo": "1"}, "body": event.get("body", "")}

    def never(_: dict[str, Any], __: object) -> None:
        end.wait()

    handlers = {"Echo": echo, "Fail": fail, "Never": never, "Nonsense": lambda _, __: {"statusCode": "x"}}
    functions = {
        name: Function(name, handler, 128, 0.05 if name == "Never" else 5.0)
        for name, handler in handlers.items()
    }
    gateway = Gateway([Route("ANY", f"/{name.lower()}/{{id}}", name) for name in handlers], functions)
    port = await gateway.start("127.0.0.1", 0)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
        yield Served(client, events)
    end.set()
    await gateway.close()


async def test_a_request_reaches_the_handler_and_its_answer_comes_back(served: Served) -> None:
    async with served.client.put("/echo/7?a=%2B1", json={"b": 2}) as response:
        assert response.status == 202
        assert response.headers["x-echo"] == "1"
        assert await response.json(content_type=None) == {"b": 2}
    (event,) = served.events
    assert event["pathParameters"] == {"id": "7"}
    assert event["rawQueryString"] == "a=%2B1"
    assert event["requestContext"]["http"]["sourceIp"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/nowhere", 404, "Not Found"),
        ("/fail/1", 500, "Internal Server Error"),
        ("/nonsense/1", 500, "Internal Server Error"),
        ("/never/1", 500, "Internal Server Error"),
    ],
)
async def test_what_no_function_answers_has_api_gateways_shape(
    served: Served, path: str, status: int, message: str
) -> None:
    async with served.client.get(path) as response:
        assert (response.status, await response.json()) == (status, {"message": message})


async def test_a_function_that_outlasts_api_gateway_s_patience_is_503() -> None:
    end = threading.Event()
    functions = {"Never": Function("Never", lambda _, __: end.wait(), 128, 60.0)}
    gateway = Gateway([Route("ANY", "/never", "Never")], functions, integration_timeout=0.05)
    port = await gateway.start("127.0.0.1", 0)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client, client.get("/never") as response:
        assert (response.status, await response.json()) == (503, {"message": "Service Unavailable"})
    end.set()
    await gateway.close()


async def test_a_body_above_lambdas_limit_is_refused(served: Served) -> None:
    async with served.client.post("/echo/1", data=b"x" * (BODY_LIMIT + 1)) as response:
        assert (response.status, await response.json()) == (413, {"message": "Request Entity Too Large"})
    assert not served.events


async def test_headers_above_api_gateways_limit_are_refused(served: Served) -> None:
    headers = {f"x-{number}": "y" * 2000 for number in range(6)}
    async with served.client.get("/echo/1", headers=headers) as response:
        assert response.status == 431
    assert not served.events


async def test_a_taken_port_is_an_error(served: Served) -> None:
    assert served.client._base_url is not None
    port = served.client._base_url.port
    assert port is not None
    with pytest.raises(OSError, match="address already in use"):
        await Gateway([], {}).start("127.0.0.1", port)
