"""A change as an event on the bus: hints for who follows, without secrets. Pure."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

from trunking.change import Change

DETAIL_SOURCE = "trunkline"
_NAMESPACE = UUID("6f2c1d9e-3f0a-5b5c-9d55-9d1a8f8f3a10")


def detail_type(change: Change) -> str:
    """Such as `sip.trunk.created`."""
    return f"sip.{change.kind.value}"


def change_detail(change: Change) -> dict[str, Any]:
    """The event's detail. The id stays the same when a change is published again, so repetitions show."""
    return {
        "id": str(uuid5(_NAMESPACE, f"{change.application_id}/{change.version}")),
        "version": change.version,
        "occurred_at": change.occurred_at.isoformat(timespec="microseconds"),
        "application": change.application_id,
        "subject": {**change.subject, "id": change.subject_id},
    }
