"""The coordinator's memory: users and calls of one application, and how they look in responses. No I/O."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.stream.api_error import INPUT_ERROR, NOT_FOUND, ApiError

MAX_USERS = 100_000
MAX_CALLS = 100_000
ROUTING_NUMBER_DIGITS = 10


def timestamp() -> int:
    """Now, as Stream's REST responses write it: nanoseconds since the epoch."""
    return time.time_ns()


@dataclass(slots=True)
class StreamUser:
    """A user of the application."""

    id: str
    name: str = ""
    role: str = "user"
    image: str = ""
    custom: dict[str, Any] = field(default_factory=dict)
    created_at: int = field(default_factory=timestamp)
    updated_at: int = field(default_factory=timestamp)

    def response(self) -> dict[str, Any]:
        """The fields of Stream's `UserResponse` that clients read."""
        return {
            "id": self.id,
            "name": self.name,
            "role": self.role,
            "image": self.image,
            "custom": self.custom,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "language": "",
            "teams": [],
            "blocked_user_ids": [],
        }


@dataclass(slots=True)
class StreamCall:
    """A call of the application."""

    type: str
    id: str
    created_by: StreamUser
    custom: dict[str, Any]
    routing_number: str
    max_participants: int | None = None
    session_id: str = field(default_factory=lambda: secrets.token_hex(16))
    created_at: int = field(default_factory=timestamp)
    updated_at: int = field(default_factory=timestamp)
    ended_at: int | None = None

    @property
    def cid(self) -> str:
        """`type:id`."""
        return f"{self.type}:{self.id}"

    def response(self) -> dict[str, Any]:
        """The fields of Stream's `CallResponse` that clients read."""
        return {
            "cid": self.cid,
            "type": self.type,
            "id": self.id,
            "created_by": self.created_by.response(),
            "custom": self.custom,
            "routing_number": self.routing_number,
            "current_session_id": self.session_id,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "ended_at": self.ended_at,
            "backstage": False,
            "recording": False,
            "transcribing": False,
            "translating": False,
            "captioning": False,
            "blocked_user_ids": [],
            "settings": {"limits": {"max_participants": self.max_participants}},
            "ingress": {"rtmp": {"address": ""}},
            "egress": {"broadcasting": False, "rtmps": []},
        }


class Directory:
    """Users and calls by id. What does not exist raises `ApiError`."""

    def __init__(self) -> None:
        self._users: dict[str, StreamUser] = {}
        self._calls: dict[tuple[str, str], StreamCall] = {}

    def upsert_user(self, user_id: str, fields: Mapping[str, Any]) -> StreamUser:
        """Create the user or change what `fields` names."""
        if not user_id or len(user_id) > 255:
            raise ApiError(400, INPUT_ERROR, "user id must have 1 to 255 characters")
        user = self._users.get(user_id)
        if user is None:
            if len(self._users) >= MAX_USERS:
                raise ApiError(400, INPUT_ERROR, "too many users for a local Stream")
            user = self._users[user_id] = StreamUser(user_id)
        user.name = str(fields.get("name") or user.name)
        user.role = str(fields.get("role") or user.role)
        user.image = str(fields.get("image") or user.image)
        if isinstance(fields.get("custom"), dict):
            user.custom = dict(fields["custom"])
        user.updated_at = timestamp()
        return user

    def user(self, user_id: str) -> StreamUser:
        """An existing user."""
        user = self._users.get(user_id)
        if user is None:
            raise ApiError(404, NOT_FOUND, f"user {user_id!r} doesn't exist")
        return user

    def get_or_create_call(
        self, call_type: str, call_id: str, creator: StreamUser, fields: Mapping[str, Any]
    ) -> tuple[StreamCall, bool]:
        """The call and whether it is new; `custom` and `settings_override` of an existing call stay."""
        call = self._calls.get((call_type, call_id))
        if call is not None:
            return call, False
        if len(self._calls) >= MAX_CALLS:
            raise ApiError(400, INPUT_ERROR, "too many calls for a local Stream")
        call = StreamCall(
            call_type, call_id, creator, dict(fields.get("custom") or {}), self._new_routing_number()
        )
        limits = (fields.get("settings_override") or {}).get("limits") or {}
        if isinstance(limits.get("max_participants"), int):
            call.max_participants = limits["max_participants"]
        self._calls[call_type, call_id] = call
        return call, True

    def call(self, call_type: str, call_id: str) -> StreamCall:
        """An existing call."""
        call = self._calls.get((call_type, call_id))
        if call is None:
            raise ApiError(404, NOT_FOUND, f"call {call_type}:{call_id} doesn't exist")
        return call

    def forget_calls(self) -> None:
        """As if none had been made."""
        self._calls.clear()

    def find_calls(self, conditions: Mapping[str, Any], limit: int) -> list[StreamCall]:
        """Calls whose fields equal all conditions (`{"routing_number": "..."}` or `{"$eq": ...}`)."""
        wanted = {
            name: value["$eq"] if isinstance(value, dict) and "$eq" in value else value
            for name, value in conditions.items()
        }
        found = (
            call
            for call in self._calls.values()
            if all(_field(call, name) == value for name, value in wanted.items())
        )
        return [call for call, _ in zip(found, range(limit), strict=False)]

    def _new_routing_number(self) -> str:
        taken = {call.routing_number for call in self._calls.values()}
        while True:
            number = "".join(secrets.choice("0123456789") for _ in range(ROUTING_NUMBER_DIGITS))
            if number not in taken:
                return number


def _field(call: StreamCall, name: str) -> Any:
    if name == "created_by_user_id":
        return call.created_by.id
    if name.startswith("custom."):
        return call.custom.get(name.removeprefix("custom."))
    return call.response().get(name)
