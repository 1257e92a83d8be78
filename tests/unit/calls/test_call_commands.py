"""Commands about live calls over HTTP: who may give them, and what they do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bridge.adapters.call_commands import CallCommands
from tests.support.call_world import CallWorld, settle
from trunking.aws.applications import ApplicationCredentials
from trunking.termination import Termination

SECRET = "the secret of the application, long enough for HS256"
APPLICATION = ApplicationCredentials("app", "key", SECRET)
OTHER = ApplicationCredentials("other", "other-key", SECRET[::-1])
Client = TestClient[web.Request, web.Application]


class Commands:
    """A client of the commands about one world's calls."""

    def __init__(self, world: CallWorld, client: Client) -> None:
        self.world = world
        self._client = client

    async def give(
        self,
        method: str,
        path: str,
        *,
        of: ApplicationCredentials = APPLICATION,
        claims: dict[str, Any] | None = None,
        secret: str | None = None,
        body: Any = None,
    ) -> int:
        token = jwt.encode(claims or {"server": True}, secret or of.api_secret, algorithm="HS256")
        async with self._client.request(
            method, path, params={"api_key": of.api_key}, headers={"Authorization": token}, json=body
        ) as answer:
            return answer.status


@pytest.fixture
async def commands() -> AsyncIterator[Commands]:
    world = CallWorld()
    application = web.Application()
    CallCommands(application, world.control, {known.api_key: known for known in (APPLICATION, OTHER)}.get)
    async with TestClient(TestServer(application, host="127.0.0.1")) as client:
        yield Commands(world, client)


async def test_hanging_up(commands: Commands) -> None:
    call = await commands.world.invite()
    path = f"/sip/calls/{commands.world.leg_of(call)}"
    assert await commands.give("DELETE", path) == 204
    await settle()
    assert commands.world.record_of(call).termination is Termination.CALL_SIDE_ENDED
    assert await commands.give("DELETE", path) == 404


async def test_transfer(commands: Commands) -> None:
    call = await commands.world.invite()
    path = f"/sip/calls/{commands.world.leg_of(call)}/transfer"
    assert await commands.give("POST", path, body={"to": "sip:+15550001111@carrier.example"}) == 202
    assert commands.world.signalling.of(call)[-1] == ("transfer", "sip:+15550001111@carrier.example")


@pytest.mark.parametrize(
    "body",
    [None, [], {}, {"to": 5}, {"to": "https://example.com"}, {"to": "sip:a\r\nb@c"}, {"to": "s" * 600}],
)
async def test_targets_that_are_none(commands: Commands, body: Any) -> None:
    call = await commands.world.invite()
    path = f"/sip/calls/{commands.world.leg_of(call)}/transfer"
    assert await commands.give("POST", path, body=body) == 400


async def test_only_the_applications_own_servers_command(commands: Commands) -> None:
    call = await commands.world.invite()
    path = f"/sip/calls/{commands.world.leg_of(call)}"
    unknown = ApplicationCredentials("none", "no-key", SECRET)
    assert await commands.give("DELETE", path, secret="x" * 40) == 401
    assert await commands.give("DELETE", path, of=unknown) == 401
    assert await commands.give("DELETE", path, claims={"user_id": "bob"}) == 401
    assert await commands.give("DELETE", path, claims={"exp": 1}) == 401
    assert await commands.give("DELETE", path, of=OTHER) == 404
    assert commands.world.control.calls == 1
