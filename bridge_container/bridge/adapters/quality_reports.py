"""The quality of running calls into the table. Implements `bridge.calls.call_reports.QualityReports`.

What fails is counted and forgotten: newer figures are on their way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta

from bridge.adapters.routing_subscription import SOURCE_ERRORS
from trunking.aws.live_quality import LiveQuality
from trunking.live_quality import CallQuality

logger = logging.getLogger("bridge.quality")

_PERIODS_VALID = 3
"""So many periods without a newer figure, and the last one is no longer shown."""


class TableQualityReports:
    """Writes each portion in a thread."""

    def __init__(
        self, table: LiveQuality, bridge_id: str, period: float, lost: Callable[[int], None]
    ) -> None:
        """`period` is that of the rounds, in seconds; `lost` counts calls whose figures were not written."""
        self._table = table
        self._bridge_id = bridge_id
        self._lifetime = timedelta(seconds=_PERIODS_VALID * period)
        self._lost = lost

    async def put(self, portion: int, calls: Sequence[CallQuality]) -> None:
        """Write the figures in place of those before."""
        try:
            left = await asyncio.to_thread(self._table.put, self._bridge_id, portion, calls, self._lifetime)
        except SOURCE_ERRORS as error:
            logger.warning("quality not written", extra={"fields": {"error": str(error)[:300]}})
            left = calls
        if left:
            self._lost(len(left))
