"""The coordinator's WebSocket: login, health checks and the events of the calls that it watches."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from aiohttp import WSMsgType, web

from local.stream.api_error import AUTHENTICATION_FAILED, ApiError
from local.stream.directory import Directory, StreamCall
from local.stream.faults import Faults
from local.stream.tokens import Tokens

LOGIN_TIMEOUT = 10.0
MAX_MESSAGE = 64 * 1024


class CoordinatorSockets:
    """All WebSocket connections, by connection id."""

    def __init__(self, api_key: str, tokens: Tokens, directory: Directory, faults: Faults) -> None:
        self._api_key = api_key
        self._tokens = tokens
        self._directory = directory
        self._faults = faults
        self._connections: dict[str, web.WebSocketResponse] = {}
        self._watching: dict[str, set[str]] = defaultdict(set)

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one connection until it closes."""
        socket = web.WebSocketResponse(max_msg_size=MAX_MESSAGE)
        await socket.prepare(request)
        connection_id = str(uuid.uuid4())
        try:
            await self._faults.strike_login()
            await self._login(socket, request.query.get("api_key", ""), connection_id)
        except ApiError as error:
            await socket.send_str(error.websocket_event())
            await socket.close()
            return socket
        self._connections[connection_id] = socket
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._send(socket, {"type": "health.check", "connection_id": connection_id})
        finally:
            self._connections.pop(connection_id, None)
            for watchers in self._watching.values():
                watchers.discard(connection_id)
        return socket

    def watch(self, connection_id: str, call: StreamCall) -> None:
        """Send the call's events to this connection from now on."""
        if connection_id in self._connections:
            self._watching[call.cid].add(connection_id)

    async def publish(self, call: StreamCall, event: str, fields: dict[str, Any]) -> None:
        """Send an event of the call to all who watch it."""
        message = {"type": event, "call_cid": call.cid, "created_at": _now(), **fields}
        sockets = [self._connections[each] for each in self._watching[call.cid] if each in self._connections]
        await asyncio.gather(*(self._send(socket, message) for socket in sockets))

    async def close(self) -> None:
        """Close all connections."""
        await asyncio.gather(*(socket.close(code=1001) for socket in tuple(self._connections.values())))

    async def _login(self, socket: web.WebSocketResponse, api_key: str, connection_id: str) -> None:
        if api_key != self._api_key:
            raise ApiError(401, AUTHENTICATION_FAILED, "api_key not valid", unrecoverable=True)
        try:
            login = json.loads(await socket.receive_str(timeout=LOGIN_TIMEOUT))
            token, details = str(login["token"]), dict(login["user_details"])
        except (TimeoutError, TypeError, ValueError, KeyError) as error:
            raise ApiError(400, AUTHENTICATION_FAILED, "expected token and user_details") from error
        identity = self._tokens.identify(token)
        if identity.server or identity.user_id != details.get("id"):
            raise ApiError(401, AUTHENTICATION_FAILED, "the token is not this user's")
        user = self._directory.upsert_user(identity.user_id, details)
        await self._send(
            socket,
            {
                "type": "connection.ok",
                "connection_id": connection_id,
                "created_at": _now(),
                "me": user.response(),
            },
        )

    @staticmethod
    async def _send(socket: web.WebSocketResponse, message: dict[str, Any]) -> None:
        if not socket.closed:
            await socket.send_str(json.dumps(message))


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
