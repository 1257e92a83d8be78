"""Serves the console's page and files. Knows no trunk and no secret: the browser itself calls the API."""

from __future__ import annotations

from typing import Any

from console.pages import page_of


def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Lambda: a payload-v2 event of `/console` or below."""
    page = page_of(event["requestContext"]["http"]["method"], event["rawPath"])
    return {"statusCode": page.status, "headers": page.headers, "body": page.body}
