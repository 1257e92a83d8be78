"""Errors in the shape that Stream's API answers with, and the codes that its SDKs act on. Nothing else."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

INPUT_ERROR = 4
AUTHENTICATION_FAILED = 5
RATE_LIMITED = 9
NOT_FOUND = 16
NOT_ALLOWED = 17
TOKEN_EXPIRED = 40
TOKEN_SIGNATURE_INVALID = 43
API_KEY_UNKNOWN = 2
INTERNAL_ERROR = -1


class ApiError(Exception):
    """A request that is refused; `body` is what the client gets."""

    def __init__(self, status: int, code: int, message: str, *, unrecoverable: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.unrecoverable = unrecoverable

    @property
    def body(self) -> dict[str, Any]:
        """The error as JSON values (`APIError` of Stream's OpenAPI document)."""
        return {
            "StatusCode": self.status,
            "code": self.code,
            "message": self.message,
            "duration": "0.00ms",
            "more_info": "",
            "details": [],
            "unrecoverable": self.unrecoverable,
        }

    def response(self) -> web.Response:
        """The HTTP response; 429 names when to try again."""
        headers = {"Retry-After": "1"} if self.status == 429 else {}
        return web.json_response(self.body, status=self.status, headers=headers)

    def websocket_event(self) -> str:
        """The `connection.error` that a coordinator WebSocket gets."""
        return json.dumps({"type": "connection.error", "error": self.body})
