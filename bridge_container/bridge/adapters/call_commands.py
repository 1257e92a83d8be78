"""Commands about live SIP calls over the bridge's HTTP: hang up, transfer. For the application's own servers.

Every request needs a server token: HS256, signed with the application's secret, without a user. Translates
and checks, decides nothing.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from typing import Any, Protocol

import jwt
from aiohttp import web

from bridge.sip.errors import RemoteProtocolError
from bridge.sip.uri import OtherUri, parse_uri
from trunking.aws.applications import ApplicationCredentials
from trunking.termination import Termination

_LONGEST_TOKEN = 4096
_LONGEST_KEY = 255
_LONGEST_TARGET = 512
_LEEWAY_SECONDS = 10


class LiveCalls(Protocol):
    """The SIP calls that are alive on this bridge."""

    def end_by_id(self, record_id: str, application_id: str, termination: Termination, detail: str) -> bool:
        """End a call of an application; False when there is none."""
        ...

    def transfer(self, record_id: str, application_id: str, target: str) -> bool:
        """Ask the peer of an application's connected call to call `target`; False when there is none."""
        ...


class CallCommands:
    """Adds its routes to an aiohttp application."""

    def __init__(
        self,
        application: web.Application,
        calls: LiveCalls,
        by_api_key: Callable[[str], ApplicationCredentials | None],
    ) -> None:
        """`by_api_key` blocks; it runs in a thread."""
        self._calls = calls
        self._by_api_key = by_api_key
        self._nobodys_secret = secrets.token_hex(32)
        application.router.add_delete("/sip/calls/{id}", self._hang_up)
        application.router.add_post("/sip/calls/{id}/transfer", self._transfer)

    async def _hang_up(self, request: web.Request) -> web.Response:
        application_id = await self._application(request)
        if application_id is None:
            return _error(401, "expected a server token of the application that `api_key` names")
        ended = self._calls.end_by_id(
            request.match_info["id"], application_id, Termination.CALL_SIDE_ENDED, "hung up over HTTP"
        )
        return web.Response(status=204) if ended else _error(404, "no such call on this bridge")

    async def _transfer(self, request: web.Request) -> web.Response:
        application_id = await self._application(request)
        if application_id is None:
            return _error(401, "expected a server token of the application that `api_key` names")
        target = _target(await request.read())
        if target is None:
            return _error(400, 'expected {"to": "sip:..."} or a tel: URI')
        asked = self._calls.transfer(request.match_info["id"], application_id, target)
        return web.Response(status=202) if asked else _error(404, "no such connected call on this bridge")

    async def _application(self, request: web.Request) -> str | None:
        """The application that the request's token is of. Wrong keys and signatures look alike."""
        token = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        if not token or len(token) > _LONGEST_TOKEN:
            return None
        api_key = request.query.get("api_key", "")[:_LONGEST_KEY]
        found = await asyncio.to_thread(self._by_api_key, api_key)
        secret = self._nobodys_secret if found is None else found.api_secret
        try:
            claims = jwt.decode(token, secret, algorithms=["HS256"], leeway=_LEEWAY_SECONDS)
        except jwt.InvalidTokenError:
            return None
        return None if found is None or "user_id" in claims else found.application_id


def _target(body: bytes) -> str | None:
    try:
        content: Any = json.loads(body)
    except ValueError:
        return None
    target = content.get("to") if isinstance(content, dict) else None
    if not isinstance(target, str) or len(target) > _LONGEST_TARGET:
        return None
    try:
        return None if isinstance(parse_uri(target), OtherUri) else target
    except RemoteProtocolError:
        return None


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"status": status, "message": message}, status=status)
