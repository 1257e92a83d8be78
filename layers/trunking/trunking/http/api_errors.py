"""Errors as Stream's clients read them (`APIError`), and the one table from the domain's errors to them.

Codes are Stream's: 4 input, 5 authentication, 9 rate, 16 does not exist, 17 not allowed, 22 too large,
-1 internal. Imports core only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from trunking.errors import (
    InvalidInputError,
    NotFoundError,
    NumberTakenError,
    RevisionMismatchError,
    ThrottledError,
    TrunkingError,
    TrunkInUseError,
    UnavailableError,
)

INTERNAL = -1
INPUT = 4
AUTHENTICATION = 5
RATE = 9
DOES_NOT_EXIST = 16
NOT_ALLOWED = 17
TOO_LARGE = 22
MORE_INFO = "https://getstream.io/chat/docs/api_errors_response"


class ApiError(Exception):
    """An answer other than success."""

    def __init__(
        self,
        status: int,
        code: int,
        message: str,
        *,
        fields: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        unrecoverable: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.fields = dict(fields or {})
        self.headers = dict(headers or {})
        self.unrecoverable = unrecoverable

    def body(self, operation: str | None, duration: str) -> dict[str, Any]:
        """The `APIError`; Stream's messages name the operation that failed."""
        message = self.message if operation is None else f'{operation} failed with error: "{self.message}"'
        body: dict[str, Any] = {
            "code": self.code,
            "message": message,
            "StatusCode": self.status,
            "duration": duration,
            "more_info": MORE_INFO,
            "details": [],
        }
        if self.fields:
            body["exception_fields"] = self.fields
        if self.unrecoverable:
            body["unrecoverable"] = True
        return body


def invalid(fields: Mapping[str, str]) -> ApiError:
    """400 for fields that cannot be taken, each with its reason."""
    message = "; ".join(f"{name} {reason}" for name, reason in fields.items())
    return ApiError(400, INPUT, message, fields=fields)


def method_not_allowed(method: str, allowed: Iterable[str]) -> ApiError:
    """405 for a path that exists, with what it takes instead (RFC 9110 15.5.6)."""
    headers = {"allow": ", ".join(sorted(allowed))}
    return ApiError(405, INPUT, f"{method} is not allowed here", headers=headers)


def api_error_of(error: TrunkingError) -> ApiError:
    """What a client is told of a domain error."""
    match error:
        case InvalidInputError():
            return invalid(error.fields)
        case NumberTakenError():
            # Not whose it is: a number may belong to another application.
            fields = {"numbers": f"{', '.join(error.numbers)} cannot be used, already in use"}
            return ApiError(400, INPUT, fields["numbers"], fields=fields)
        case TrunkInUseError():
            return ApiError(400, INPUT, str(error))
        case NotFoundError():
            return ApiError(404, DOES_NOT_EXIST, str(error))
        case RevisionMismatchError():
            return ApiError(412, INPUT, str(error), headers={"etag": f'"{error.actual}"'})
        case ThrottledError():
            return ApiError(429, RATE, str(error), headers={"retry-after": str(error.retry_after)})
        case UnavailableError():
            return ApiError(503, INTERNAL, str(error), headers={"retry-after": str(error.retry_after)})
    return ApiError(500, INTERNAL, "internal error")
