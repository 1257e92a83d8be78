"""The quality of running calls, brought to where operators see it, while the calls run.

Once in a period it goes over all connected calls, a portion at a time, evenly spread: one timer and one task
for all, one question to each media worker and one write for each portion. What could not be written is not
tried again, because the next round brings newer figures. It never touches a call's record: how a call ended
stays as the record says. Imports the trunking core.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Sequence

from bridge.calls.call_ports import Scheduler
from bridge.calls.call_reports import CallMeters, QualityReports
from bridge.calls.media_engine import MediaEngine
from bridge.calls.sip_call import SipCall, quality_of
from bridge.calls.trunk_identification import Clock
from trunking.live_quality import CallQuality

PORTION = 25
"""Calls that are measured and written at once: their items fit into one request, whosever they are."""


class LiveQuality:
    """Rounds over the connected calls, from `start` to `close`."""

    def __init__(
        self,
        media: MediaEngine,
        reports: QualityReports,
        meters: CallMeters,
        clock: Clock,
        scheduler: Scheduler,
        *,
        connected: Callable[[], Sequence[SipCall]],
        period: float,
    ) -> None:
        """`connected` is asked at the begin of each round; `period` is in seconds, 0 for no rounds at all."""
        self._media = media
        self._reports = reports
        self._meters = meters
        self._clock = clock
        self._scheduler = scheduler
        self._connected = connected
        self._period = period
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin with the first round, one period from now."""
        if self._period > 0:
            self._task = asyncio.ensure_future(self._run())
            self._task.add_done_callback(_ended)

    async def close(self) -> None:
        """No more rounds."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        await self._pause_until(self._clock.monotonic() + self._period)
        while True:
            await self._round()

    async def _round(self) -> None:
        began = self._clock.monotonic()
        # One application's calls together: each has an item of its own in a portion.
        calls = sorted(self._connected(), key=lambda call: call.route.trunk.application_id)
        portions = max(math.ceil(len(calls) / PORTION), 1)
        for portion in range(portions):
            await self._measure(portion, calls[portion * PORTION : (portion + 1) * PORTION])
            await self._pause_until(began + self._period * (portion + 1) / portions)

    async def _measure(self, portion: int, calls: Sequence[SipCall]) -> None:
        alive = [call for call in calls if call.alive]
        if not alive:
            return
        found = await self._media.sample([call.leg_id for call in alive])
        at = self._clock.utc()
        measured = []
        for call in alive:
            figures = found.get(call.leg_id)
            if figures is None or not call.alive:
                continue
            self._meters.measured(figures)
            measured.append(
                CallQuality(call.record.id, call.route.trunk.application_id, quality_of(figures), at)
            )
        if measured:
            await self._reports.put(portion, measured)

    async def _pause_until(self, until: float) -> None:
        """Always gives way to others, also when the round took longer than its period."""
        over = asyncio.Event()
        timer = self._scheduler.call_later(max(until - self._clock.monotonic(), 0.0), over.set)
        try:
            await over.wait()
        finally:
            timer.cancel()


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        logging.getLogger("bridge.calls").error("live quality has ended", exc_info=task.exception())
