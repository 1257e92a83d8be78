"""ECS task scale-in protection while calls run, so that a deployment or scale-in spares them.

Asked of the agent in the task (`$ECS_AGENT_URI/task-protection/v1/state`); outside of ECS there is nothing to
do. Protection is renewed well before it expires and given up when the last call ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import aiohttp

logger = logging.getLogger("bridge.task_protection")

_EXPIRES_MINUTES = 60
_RENEW_SECONDS = 600.0
_LOOK_SECONDS = 5.0
_TIMEOUT = aiohttp.ClientTimeout(total=5)


class TaskProtection:
    """Follows the number of calls."""

    def __init__(self, agent_uri: str, calls: Callable[[], int], look_seconds: float = _LOOK_SECONDS) -> None:
        """`agent_uri` is ECS_AGENT_URI's value; empty outside of ECS."""
        self._url = f"{agent_uri}/task-protection/v1/state" if agent_uri else ""
        self._calls = calls
        self._look_seconds = look_seconds
        self._protected = False
        self._asked_at = 0.0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to follow."""
        if self._url:
            self._task = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        """Stop; the task is about to end anyway."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            while True:
                wanted = self._calls() > 0
                renew = wanted and loop.time() - self._asked_at > _RENEW_SECONDS
                if (wanted != self._protected or renew) and await self._ask(session, wanted):
                    self._protected, self._asked_at = wanted, loop.time()
                await asyncio.sleep(self._look_seconds)

    async def _ask(self, session: aiohttp.ClientSession, protect: bool) -> bool:
        body: dict[str, object] = {"ProtectionEnabled": protect}
        if protect:
            body["ExpiresInMinutes"] = _EXPIRES_MINUTES
        try:
            async with session.put(self._url, json=body) as answer:
                if answer.status == 200:
                    return True
                why = f"{answer.status}: {(await answer.text())[:200]}"
        except (aiohttp.ClientError, TimeoutError) as error:
            why = str(error)
        # While a deployment runs, the agent refuses now and then; the next look asks again.
        logger.warning("task protection", extra={"fields": {"protect": protect, "error": why}})
        return False
