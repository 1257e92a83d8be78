"""The phone program as a child process, and the conversation with it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from local.demo.demonstration_error import DemonstrationFailedError


class PhoneProgram:
    """The phone's process and the conversation with it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def tell(self, line: str) -> None:
        """Write a line to it."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        await self._process.stdin.drain()

    async def hear(self, event: str) -> dict[str, Any]:
        """Its next report, which has to be of this event; raises `DemonstrationFailedError` otherwise."""
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), 60)
        report: dict[str, Any] = json.loads(line) if line else {"event": "failed", "why": "the phone ended"}
        if report["event"] != event:
            raise DemonstrationFailedError(f"the phone's call failed: {report.get('why', report['event'])}")
        return report


@asynccontextmanager
async def phone_program() -> AsyncIterator[PhoneProgram]:
    """A phone in a process of its own, gone afterwards."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "local.demo.phone_program",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env=os.environ,
    )
    try:
        yield PhoneProgram(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
