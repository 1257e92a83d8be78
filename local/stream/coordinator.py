"""The coordinator's REST API: users, calls, joining, custom events and ending, as Stream's clients call it.

It knows calls and who may join them; media and sessions are the SFU's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from local.stream.api_error import API_KEY_UNKNOWN, INPUT_ERROR, NOT_ALLOWED, ApiError
from local.stream.coordinator_socket import CoordinatorSockets
from local.stream.directory import Directory, StreamCall, StreamUser
from local.stream.faults import Faults
from local.stream.sfu import Sfu, SfuEdge
from local.stream.tokens import Identity, Tokens

CAPABILITIES = ["join-call", "read-call", "send-audio", "create-call", "end-call", "update-call"]
CALL_PATH = "/api/v2/video/call/{type}/{id}"
MAX_BODY = 256 * 1024

Answer = Callable[[web.Request, Identity, dict[str, Any]], Awaitable[tuple[int, dict[str, Any]]]]


class Coordinator:
    """Stream's coordinator of one application."""

    def __init__(self, api_key: str, tokens: Tokens, directory: Directory, sfu: Sfu, faults: Faults) -> None:
        self._api_key = api_key
        self._tokens = tokens
        self._directory = directory
        self._sfu = sfu
        self._faults = faults
        self.sockets = CoordinatorSockets(api_key, tokens, directory, faults)

    def add_routes(self, app: web.Application) -> None:
        """Serve the API and its WebSocket."""
        app.router.add_get("/api/v2/connect", self.sockets.connect)
        app.router.add_get("/video/connect", self.sockets.connect)
        for method, path, answer in (
            ("POST", "/api/v2/users", self._upsert_users),
            ("POST", "/api/v2/video/calls", self._query_calls),
            ("POST", CALL_PATH, self._get_or_create_call),
            ("GET", CALL_PATH, self._get_call),
            ("PATCH", CALL_PATH, self._update_call),
            ("POST", CALL_PATH + "/join", self._join_call),
            ("POST", CALL_PATH + "/event", self._send_event),
            ("POST", CALL_PATH + "/mark_ended", self._mark_ended),
        ):
            app.router.add_route(method, path, self._handler(answer))

    async def end_call(self, call: StreamCall) -> None:
        """End the call for everybody and for good."""
        call.ended_at = call.ended_at or time.time_ns()
        await self.sockets.publish(call, "call.ended", {"call": call.response()})
        await self._sfu.end_call(call.cid)

    def _handler(self, answer: Answer) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            started = time.perf_counter()
            try:
                await self._faults.strike()
                identity = self._authenticate(request)
                status, body = await answer(request, identity, await _read_body(request))
            except ApiError as error:
                return error.response()
            body["duration"] = f"{(time.perf_counter() - started) * 1000:.2f}ms"
            return web.json_response(body, status=status)

        return handle

    def _authenticate(self, request: web.Request) -> Identity:
        if request.query.get("api_key") != self._api_key:
            raise ApiError(401, API_KEY_UNKNOWN, "api_key not found", unrecoverable=True)
        return self._tokens.identify(request.headers.get("Authorization", "").removeprefix("Bearer "))

    async def _upsert_users(
        self, request: web.Request, identity: Identity, body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        _require_server(identity)
        users = body.get("users")
        if not isinstance(users, dict) or not users:
            raise ApiError(400, INPUT_ERROR, "users is a required field")
        upserted = {
            user_id: self._directory.upsert_user(user_id, fields) for user_id, fields in users.items()
        }
        return 201, {"users": {user_id: user.response() for user_id, user in upserted.items()}}

    async def _get_or_create_call(
        self, request: web.Request, identity: Identity, body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        call, created = self._get_or_create(request, identity, body.get("data") or {})
        return 201 if created else 200, {**_call_fields(call), "created": created}

    async def _get_call(
        self, request: web.Request, identity: Identity, body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        call = self._directory.call(*_names(request))
        self.sockets.watch(request.query.get("connection_id", ""), call)
        return 200, _call_fields(call)

    async def _update_call(
        self, request: web.Request, identity: Identity, body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        call = self._directory.call(*_names(request))
        if isinstance(body.get("custom"), dict):
            call.custom.update(body["custom"])
        await self.sockets.publish(call, "call.updated", {"call": call.response()})
        return 200, _call_fields(call)

    async def _query_calls(
        self, request: web.Request, identity: Identity, body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        limit = body.get("limit", 25)
        conditions = body.get("filter_conditions") or {}
        if not isinstance(limit, int) or not 1 <= limit <= 25 or not isinstance(conditions, dict):
            raise ApiError(400, INPUT_ERROR, "limit must be 1 to 25 and filter_conditions an object")
        return 201, {"calls": [_call_fields(call) for call in self._directory.find_calls(conditions, limit)]}

    async def _join_call(
        self, request: web.Request, identity: Identity, body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        user = self._directory.user(identity.user_id)
        if body.get("create"):
            call, created = self._get_or_create(request, identity, body.get("data") or {})
        else:
            call, created = self._directory.call(*_names(request)), False
        if call.ended_at is not None:
            raise ApiError(403, NOT_ALLOWED, "this call has ended", unrecoverable=True)
        limit = call.max_participants
        if limit is not None and self._sfu.participant_count(call.cid) >= limit:
            raise ApiError(403, NOT_ALLOWED, "this call has reached its participant limit")
        self.sockets.watch(request.query.get("connection_id", ""), call)
        edge = self._sfu.edge_for_join(
            [str(body.get("migrating_from", "")), *body.get("migrating_from_list", [])]
        )
        return 201, {
            **_call_fields(call),
            "created": created,
            "own_capabilities": CAPABILITIES,
            "credentials": self._credentials(user, call, edge),
            "stats_options": {"enable_rtc_stats": False, "reporting_interval_ms": 60_000},
        }

    async def _send_event(
        self, request: web.Request, identity: Identity, body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        call = self._directory.call(*_names(request))
        user = self._directory.user(str(body.get("user_id", "")) if identity.server else identity.user_id)
        custom = body.get("custom")
        if not isinstance(custom, dict):
            raise ApiError(400, INPUT_ERROR, "custom is a required field")
        await self.sockets.publish(call, "custom", {"custom": custom, "user": user.response()})
        return 201, {}

    async def _mark_ended(
        self, request: web.Request, identity: Identity, body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        await self.end_call(self._directory.call(*_names(request)))
        return 201, {}

    def _get_or_create(
        self, request: web.Request, identity: Identity, fields: dict[str, Any]
    ) -> tuple[StreamCall, bool]:
        call_type, call_id = _names(request)
        creator = self._creator(identity, fields)
        call, created = self._directory.get_or_create_call(call_type, call_id, creator, fields)
        self.sockets.watch(request.query.get("connection_id", ""), call)
        return call, created

    def _creator(self, identity: Identity, fields: dict[str, Any]) -> StreamUser:
        if not identity.server:
            return self._directory.user(identity.user_id)
        created_by = fields.get("created_by")
        if isinstance(created_by, dict) and "id" in created_by:
            return self._directory.upsert_user(str(created_by["id"]), created_by)
        if not fields.get("created_by_id"):
            raise ApiError(400, INPUT_ERROR, "either created_by or created_by_id must be provided")
        return self._directory.user(str(fields["created_by_id"]))

    def _credentials(self, user: StreamUser, call: StreamCall, edge: SfuEdge) -> dict[str, Any]:
        return {
            "server": {"edge_name": edge.name, "url": edge.signal_url, "ws_endpoint": edge.websocket_url},
            "token": self._tokens.mint_sfu_token(user.id, call.cid, edge.name),
            "ice_servers": [],
        }


async def _read_body(request: web.Request) -> dict[str, Any]:
    text = await request.text()
    if not text:
        return {}
    try:
        body = json.loads(text)
    except ValueError as error:
        raise ApiError(400, INPUT_ERROR, "the body is not JSON") from error
    if not isinstance(body, dict):
        raise ApiError(400, INPUT_ERROR, "the body is not a JSON object")
    return body


def _names(request: web.Request) -> tuple[str, str]:
    return request.match_info["type"], request.match_info["id"]


def _require_server(identity: Identity) -> None:
    if not identity.server:
        raise ApiError(403, NOT_ALLOWED, "this needs a server token")


def _call_fields(call: StreamCall) -> dict[str, Any]:
    return {"call": call.response(), "members": [], "own_capabilities": CAPABILITIES}
