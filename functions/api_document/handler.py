"""`GET /openapi.json` without authentication; every other path that comes here does not exist.

The document is generated when the code changes, not when it is asked for: see `generation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from trunking.http.api import Api
from trunking.http.api_errors import method_not_allowed

DOCUMENT = Path(__file__).with_name("openapi.json")
METHODS = ("GET", "HEAD")
_unknown = Api(())


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Answer one request."""
    if event.get("rawPath") != "/openapi.json":
        return _unknown(event, context)
    method = event["requestContext"]["http"]["method"]
    if method not in METHODS:
        return _unknown.refuse(event, method_not_allowed(method, METHODS))
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json", "cache-control": "public, max-age=300"},
        "body": _document(),
        "isBase64Encoded": False,
    }


@cache
def _document() -> str:
    return DOCUMENT.read_text()
