"""The machine's clocks, as call control asks for them."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """Implements `bridge.calls.trunk_identification.Clock`, on the same clock as the event loop."""

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def utc(self) -> datetime:
        """The time of day."""
        return datetime.now(UTC)
