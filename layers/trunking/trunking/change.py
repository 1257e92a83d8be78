"""Changes: one link of an application's gapless version chain. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class ChangeKind(StrEnum):
    """What changed; also the detail type on the event bus after `sip.`."""

    TRUNK_CREATED = "trunk.created"
    TRUNK_UPDATED = "trunk.updated"
    TRUNK_DELETED = "trunk.deleted"
    TRUNK_PASSWORD_ROTATED = "trunk.password_rotated"  # noqa: S105 - a kind of change, not a password
    RULE_CREATED = "routing_rule.created"
    RULE_UPDATED = "routing_rule.updated"
    RULE_DELETED = "routing_rule.deleted"


@dataclass(frozen=True, slots=True)
class Change:
    """One committed change of an application: version v of its chain, without secrets."""

    application_id: str
    version: int
    """Gapless from 1 within an application."""
    kind: ChangeKind
    subject_id: str
    """The id of the trunk or routing rule."""
    occurred_at: datetime
    subject: Mapping[str, Any] = field(default_factory=dict)
    """The trunk or rule as it was after the change (before it, when deleted), without secrets."""
