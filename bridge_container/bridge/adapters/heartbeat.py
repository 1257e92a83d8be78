"""Says that this bridge lives and how loaded it is: into the table, and as an embedded metric in the log.

One task for all; what fails is tried again at the next beat.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable

from bridge.adapters.routing_subscription import SOURCE_ERRORS
from trunking.aws.bridges import Bridges
from trunking.bridge_status import BridgeStatus

logger = logging.getLogger("bridge.heartbeat")

BEAT_SECONDS = 20.0


class Heartbeat:
    """Beats until closed; the last thing it does is to forget the bridge."""

    def __init__(
        self, bridges: Bridges, status: Callable[[], BridgeStatus], metric: Callable[[], str] | None
    ) -> None:
        """`status` is asked at each beat; `metric` gives a line for CloudWatch, None: none is wanted."""
        self._bridges = bridges
        self._status = status
        self._metric = metric
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Beat now and every 20 seconds."""
        self._task = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        """Stop and take the bridge off the list."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait([self._task])
        await self._write(lambda: self._bridges.remove(self._status().id))

    async def beat(self) -> None:
        """One beat, at once: a change of state should be seen soon."""
        status = self._status()
        await self._write(lambda: self._bridges.put(status))
        if self._metric is not None:
            sys.stdout.write(f"{self._metric()}\n")

    async def _run(self) -> None:
        while True:
            await self.beat()
            await asyncio.sleep(BEAT_SECONDS)

    async def _write(self, write: Callable[[], None]) -> None:
        try:
            await asyncio.to_thread(write)
        except SOURCE_ERRORS as error:
            logger.warning("heartbeat failed", extra={"fields": {"error": str(error)[:300]}})
