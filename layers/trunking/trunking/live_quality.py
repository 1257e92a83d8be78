"""The quality of calls that run, as bridges report it between two states of a record. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class CallQuality:
    """What one running call measured since it was last asked."""

    call_id: str
    """The call record's id."""
    application_id: str
    figures: Mapping[str, float]
    """Named as in `CallRecord.quality`; what was not measured is left out."""
    measured_at: datetime
