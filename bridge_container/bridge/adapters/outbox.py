"""A bounded queue whose content leaves in batches through a thread: calls never wait for AWS.

Delivery is retried with backoff while the queue fills; when it is full the oldest goes, counted. Knows
nothing of what it delivers.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from trunking.aws.service_errors import error_code
from trunking.errors import ThrottledError, UnavailableError

Item = TypeVar("Item")
logger = logging.getLogger("bridge.outbox")

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 10.0
_REFUSED_FOR_GOOD = frozenset(
    {"ValidationException", "ValidationError", "SerializationException", "InvalidParameterValue", "413"}
)
"""Errors about the item itself, such as one that is too large: trying again changes nothing."""


class Outbox(Generic[Item]):
    """Holds items until `deliver` has taken them. `offer` and `start` belong to the event loop."""

    def __init__(
        self,
        name: str,
        deliver: Callable[[Sequence[Item]], Sequence[Item]],
        *,
        capacity: int,
        batch: int,
        lost: Callable[[int], None],
        linger: float = 0.0,
    ) -> None:
        """`deliver` runs in a thread, returns what has to be tried again; `lost` counts what was given up.

        A batch that is not full waits `linger` seconds for more.
        """
        self._name = name
        self._deliver = deliver
        self._capacity = capacity
        self._batch = batch
        self._lost = lost
        self._linger = linger
        self._items: deque[Item] = deque()
        self._filled = asyncio.Event()
        self._closed = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._items)

    def offer(self, item: Item) -> None:
        """Queue an item; the oldest goes when there is no room."""
        if len(self._items) >= self._capacity:
            self._items.popleft()
            self._lost(1)
        self._items.append(item)
        self._filled.set()

    def start(self) -> None:
        """Begin to deliver."""
        self._task = asyncio.ensure_future(self._run())

    async def close(self, seconds: float) -> None:
        """Deliver what is queued, for at most so long, then stop; what is left is counted as lost."""
        self._closed.set()
        self._filled.set()
        if self._task is not None:
            done, _ = await asyncio.wait([self._task], timeout=seconds)
            if not done:
                self._task.cancel()
        if self._items:
            fields = {"to": self._name, "items": len(self._items)}
            logger.error("reports given up", extra={"fields": fields})
            self._lost(len(self._items))
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            if not self._items:
                if self._closed.is_set():
                    return
                self._filled.clear()
                await self._filled.wait()
                continue
            if len(self._items) < self._batch:
                await self._wait_for_more()
            batch = [self._items.popleft() for _ in range(min(self._batch, len(self._items)))]
            again = await self._try(batch)
            self._items.extendleft(reversed(again))
            if again:
                # Full jitter: bridges that failed together do not come back together.
                await asyncio.sleep(pause * random.random())  # noqa: S311 - spreads load, keeps no secret
                pause = min(_LONGEST_PAUSE, pause * 2)
            else:
                pause = _FIRST_PAUSE

    async def _try(self, batch: Sequence[Item]) -> Sequence[Item]:
        """Deliver; what has to be tried again. An item that is refused for good must not hold up the rest."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, self._deliver, batch)
        except (BotoCoreError, ClientError, ThrottledError, UnavailableError) as error:
            fields = {"to": self._name, "error": str(error)[:300], "items": len(batch)}
            logger.warning("delivery failed", extra={"fields": fields})
            if not isinstance(error, ClientError) or error_code(error) not in _REFUSED_FOR_GOOD:
                return batch
        if len(batch) == 1:
            self._lost(1)
            return ()
        return [item for single in batch for item in await self._try([single])]

    async def _wait_for_more(self) -> None:
        if self._linger:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closed.wait(), self._linger)
