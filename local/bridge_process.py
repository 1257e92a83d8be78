"""The bridge as a child process, run as it runs in its container: `python -m bridge` and its settings."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

READY_TIMEOUT = 60.0
STOP_TIMEOUT = 8.0
LOG_TAIL = 15
"""Lines of the log that a failure shows."""


class BridgeFailedError(Exception):
    """The bridge ended, or was not ready in time; the message has the end of its log."""


@dataclass(frozen=True)
class BridgeAddresses:
    """Where a running bridge listens."""

    sip_port: int
    http_port: int


class BridgeProcess:
    """One bridge."""

    def __init__(self, environment: Mapping[str, str], directory: Path) -> None:
        self._ready_file = directory / "bridge.json"
        self._log_file = directory / "bridge.log"
        self._environment = {**os.environ, **environment, "BRIDGE_READY_FILE": str(self._ready_file)}
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> BridgeAddresses:
        """Start and wait until it serves; raises `BridgeFailedError`."""
        self._ready_file.unlink(missing_ok=True)
        with self._log_file.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "local.process_end",
                str(os.getpid()),
                sys.executable,
                "-m",
                "bridge",
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C in the terminal is for the stack, which then stops the bridge in its order.
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(READY_TIMEOUT):
                while not self._ready_file.exists():
                    if self._process.returncode is not None:
                        raise BridgeFailedError(f"the bridge ended while it started\n{self._log_tail()}")
                    await asyncio.sleep(0.02)
        except TimeoutError as error:
            raise BridgeFailedError(
                f"the bridge was not ready after {READY_TIMEOUT:.0f} s\n{self._log_tail()}"
            ) from error
        ready = json.loads(self._ready_file.read_text())
        return BridgeAddresses(sip_port=ready["sip"]["udp"][1], http_port=ready["http"][1])

    async def wait(self) -> None:
        """Return when the bridge ends; raises `BridgeFailedError`, as it should not by itself."""
        assert self._process is not None, "start() first"
        status = await self._process.wait()
        raise BridgeFailedError(f"the bridge ended with status {status}\n{self._log_tail()}")

    async def stop(self) -> None:
        """Ask it to end and wait; it is killed when it takes too long. Stopping twice is no error."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_TIMEOUT)
        except TimeoutError:
            # Its media workers are in the session that it leads: none may stay behind.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()
        self._ready_file.unlink(missing_ok=True)

    def _log_tail(self) -> str:
        lines = self._log_file.read_text(errors="replace").splitlines()
        return "\n".join([f"the end of {self._log_file}:", *lines[-LOG_TAIL:]])
