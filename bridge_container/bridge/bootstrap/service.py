"""Runs a bridge as a process: ready file, signals, drain until the deadline, stop."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from pathlib import Path

from bridge.adapters.garbage import GarbageSchedule
from bridge.adapters.settings import BridgeSettings
from bridge.bootstrap.bridge import Bridge

logger = logging.getLogger("bridge")


async def serve(settings: BridgeSettings) -> None:
    """Run until SIGTERM or SIGINT, then drain. A second signal ends the drain."""
    loop = asyncio.get_running_loop()
    asked, hurried = asyncio.Event(), asyncio.Event()

    def stop_asked() -> None:
        (hurried if asked.is_set() else asked).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop_asked)
    bridge = Bridge(settings)
    start = asyncio.ensure_future(bridge.start())
    stop = asyncio.ensure_future(asked.wait())
    await asyncio.wait([start, stop], return_when=asyncio.FIRST_COMPLETED)
    if start.done():
        # A bridge that cannot start says why, by the exception.
        start.result()
        _write_ready_file(settings.ready_file, bridge)
        collecting = asyncio.ensure_future(_collect_garbage())
        await stop
        bridge.start_draining()
        await bridge.show_draining()
        await _calls_ended(bridge, hurried, settings.drain_seconds)
        collecting.cancel()
    else:
        start.cancel()
        await asyncio.gather(start, return_exceptions=True)
    await bridge.stop()
    if settings.ready_file is not None:
        settings.ready_file.unlink(missing_ok=True)


async def _collect_garbage() -> None:
    schedule = GarbageSchedule()
    while True:
        await asyncio.sleep(1)
        schedule.collect()


async def _calls_ended(bridge: Bridge, hurried: asyncio.Event, seconds: float) -> None:
    """Wait for the last call's end, the deadline or a second signal, whichever comes first."""
    waits = [asyncio.ensure_future(bridge.control.idle()), asyncio.ensure_future(hurried.wait())]
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    logger.info("drained", extra={"fields": {"calls": bridge.control.calls}})


def _write_ready_file(path: Path | None, bridge: Bridge) -> None:
    """Whole or not at all: who waits for it may read it at once."""
    if path is None:
        return
    content = {
        "sip": {name: list(address) for name, address in bridge.listeners.addresses().items()},
        "http": list(bridge.http_address),
        "pid": os.getpid(),
    }
    partial = path.with_name(f"{path.name}.part")
    partial.write_text(json.dumps(content))
    partial.replace(path)
