"""`GET /openapi.json` without authentication; every other path that comes here does not exist.

The document is generated when the code changes, not when it is asked for: see `generation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from trunking.http.api import Api

DOCUMENT = Path(__file__).with_name("openapi.json")
_nothing = Api(())


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Answer one request."""
    http = event["requestContext"]["http"]
    if event.get("rawPath") == "/openapi.json" and http["method"] in ("GET", "HEAD"):
        return {
            "statusCode": 200,
            "headers": {"content-type": "application/json", "cache-control": "public, max-age=300"},
            "body": _document(),
            "isBase64Encoded": False,
        }
    return _nothing(event, context)


@cache
def _document() -> str:
    return DOCUMENT.read_text()
