"""HTTP requests as payload-v2 events, and the functions' answers as HTTP responses; no I/O of its own."""

from __future__ import annotations

import base64
import binascii
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from local.aws.intrinsics import ACCOUNT_ID
from local.gateway.routes import Route

API_ID = "local"
TEXT_TYPES = ("text/", "application/json", "application/javascript", "application/xml")


@dataclass(frozen=True)
class HttpRequest:
    """What came in."""

    method: str
    path: str
    """Decoded, without the query."""
    query: str
    """As it came, without the question mark."""
    headers: Sequence[tuple[str, str]]
    body: bytes
    source_ip: str


@dataclass(frozen=True)
class HttpResponse:
    """What goes out."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


class InvalidAnswerError(Exception):
    """A handler returned what API Gateway would answer with 500 for."""


def event_of(request: HttpRequest, route: Route, path_variables: Mapping[str, str]) -> dict[str, Any]:
    """The payload-v2 event of a request (headers in lower case, repeated ones joined by commas)."""
    headers = _joined((name.lower(), value) for name, value in request.headers if name.lower() != "cookie")
    cookies = [
        cookie.strip()
        for name, value in request.headers
        if name.lower() == "cookie"
        for cookie in value.split(";")
    ]
    now = datetime.now(UTC)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": {
            "accountId": ACCOUNT_ID,
            "apiId": API_ID,
            "domainName": headers.get("host", ""),
            "domainPrefix": API_ID,
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.source_ip,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": route.key,
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(time.time() * 1000),
        },
        "isBase64Encoded": False,
    }
    if cookies:
        event["cookies"] = cookies
    if request.query:
        event["queryStringParameters"] = _joined(parse_qsl(request.query, keep_blank_values=True))
    if path_variables:
        event["pathParameters"] = dict(path_variables)
    if request.body:
        event["body"], event["isBase64Encoded"] = _body_of(request.body, headers.get("content-type", ""))
    return event


def response_of(answer: Any) -> HttpResponse:
    """The response that API Gateway makes of what a handler returned."""
    if not isinstance(answer, dict) or "statusCode" not in answer:
        # API Gateway takes any other JSON value as the body of a 200.
        return HttpResponse(200, [("content-type", "application/json")], json.dumps(answer).encode())
    headers = [(str(name).lower(), str(value)) for name, value in (answer.get("headers") or {}).items()]
    for name, values in (answer.get("multiValueHeaders") or {}).items():
        headers += [(str(name).lower(), str(value)) for value in values]
    headers += [("set-cookie", cookie) for cookie in answer.get("cookies") or ()]
    try:
        body = answer.get("body") or ""
        content = base64.b64decode(body, validate=True) if answer.get("isBase64Encoded") else body.encode()
        return HttpResponse(int(answer["statusCode"]), headers, content)
    except (AttributeError, TypeError, ValueError, binascii.Error) as error:
        raise InvalidAnswerError(
            f"status, headers or body are not what API Gateway takes: {error}"
        ) from error


def _joined(pairs: Any) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in pairs:
        values[name] = f"{values[name]},{value}" if name in values else value
    return values


def _body_of(body: bytes, content_type: str) -> tuple[str, bool]:
    if not content_type or content_type.startswith(TEXT_TYPES):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True
