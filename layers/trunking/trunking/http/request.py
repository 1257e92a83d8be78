"""An HTTP request as a payload-v2 event brings it. Pure; imports nothing of ours but errors."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trunking.http.api_errors import ApiError


@dataclass(frozen=True, slots=True)
class Request:
    """One request."""

    method: str
    path: str
    path_parameters: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    request_id: str

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Request:
        """The request of an API Gateway HTTP API event, payload format 2.0."""
        http = event["requestContext"]["http"]
        return cls(
            method=http["method"],
            path=event.get("rawPath", http["path"]),
            path_parameters=event.get("pathParameters") or {},
            query=event.get("queryStringParameters") or {},
            headers={name.lower(): value for name, value in (event.get("headers") or {}).items()},
            body=_body(event),
            request_id=event["requestContext"].get("requestId", ""),
        )


def _body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise ApiError(400, 4, "the body cannot be decoded") from error
