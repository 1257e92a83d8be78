"""The headers by which a client guards against losing or repeating a write. Imports trunking.aws."""

from __future__ import annotations

import re

from trunking.aws.idempotency import IdempotencyKey
from trunking.http.api_errors import invalid
from trunking.http.operation import ApiCall

_ETAG = re.compile(r'(?:W/)?"([0-9]{1,15})"')
_MAX_KEY = 255


def etag(rev: int) -> dict[str, str]:
    """The header that names an entity's revision."""
    return {"etag": f'"{rev}"'}


def expected_rev(call: ApiCall) -> int | None:
    """The revision that `If-Match` asks for; None where any will do. Raises ApiError 400."""
    header = call.request.headers.get("if-match", "*").strip()
    if header == "*":
        return None
    found = _ETAG.fullmatch(header)
    if found is None:
        raise invalid({"If-Match": "is not one entity tag that this API gave, nor *"})
    return int(found.group(1))


def idempotency_key(call: ApiCall, operation: str) -> IdempotencyKey | None:
    """The `Idempotency-Key`, where there is one. Raises ApiError 400."""
    header = call.request.headers.get("idempotency-key")
    if header is None:
        return None
    if not 0 < len(header) <= _MAX_KEY:
        raise invalid({"Idempotency-Key": f"has to have 1 to {_MAX_KEY} characters"})
    return IdempotencyKey(call.application.application_id, operation, header, call.request.body)
