"""Fifty phones at once, and nothing left behind after two hundred calls."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bridge.adapters.stream_application import StreamApplication
from bridge.adapters.stream_participant import StreamParticipant
from bridge.adapters.stream_platform import StreamSettings
from tests.integration.stream.conftest import API_SECRET, Bridge, running_platform, until
from tests.integration.stream.phone import RATE as PHONE_RATE
from tests.integration.stream.phone import Phone
from tests.integration.stream.tones import share

ROOT = Path(__file__).parents[3]
AT_ONCE = 50
PATIENCE = 60.0
"""Seconds: all sides of fifty calls, the local Stream included, share this one process."""
CALLS = 200
BATCH = 10
GROUP = 5
TONES = (440.0, 1000.0)


@asynccontextmanager
async def _stream_process() -> AsyncIterator[StreamApplication]:
    """A local Stream in a process of its own, as Stream is elsewhere too."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "local.stream",
        "--api-secret",
        API_SECRET,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    where = json.loads(await process.stdout.readline())
    try:
        yield StreamApplication(
            where["api_key"], where["api_secret"], where["base_url"], where["websocket_url"]
        )
    finally:
        process.terminate()
        await process.wait()


async def test_fifty_calls_at_once_all_have_audio_both_ways() -> None:
    """Twenty-five calls of two phones each: what one says, the other hears, and nobody else."""
    async with (
        _stream_process() as account,
        running_platform(account, StreamSettings(join_timeout=PATIENCE)) as bridge,
    ):
        await _fifty_calls(bridge)


async def _fifty_calls(bridge: Bridge) -> None:
    dialled: list[tuple[Phone, StreamParticipant]] = []
    while len(dialled) < AT_ONCE:
        first = len(dialled)
        group = (bridge.dial(f"call-{n // 2}", TONES[n % 2], talk=False) for n in range(first, first + GROUP))
        dialled += await asyncio.gather(*group)
    assert bridge.platform.participants == AT_ONCE
    phones = [phone for phone, _ in dialled]
    # One call at a time talks, while all fifty are up: the local Stream shares this machine's cores.
    for one, other in zip(phones[::2], phones[1::2], strict=True):
        one.talk()
        other.talk()
        await until(lambda: _hears(one, other.frequency), PATIENCE)  # noqa: B023
        await until(lambda: _hears(other, one.frequency), PATIENCE)  # noqa: B023
        await one.hush()
        await other.hush()
    assert bridge.ended == []
    await asyncio.gather(*(bridge.hang_up(phone, participant) for phone, participant in dialled))
    assert bridge.platform.participants == 0


@pytest.fixture
def settings() -> StreamSettings:
    return StreamSettings(join_timeout=PATIENCE)


async def test_nothing_is_left_after_two_hundred_calls(bridge: Bridge) -> None:
    """No task, thread or descriptor. What is made once and kept is made by the first calls."""
    for _ in range(3):
        await _calls(bridge, BATCH)
    await until(lambda: not bridge.stream.sfu.rooms)
    tasks, threads, descriptors = _tasks(), threading.active_count(), await _descriptors()
    native_threads = _native_threads()
    for _ in range(CALLS // BATCH):
        await _calls(bridge, BATCH)
    await until(lambda: not bridge.stream.sfu.rooms)
    gc.collect()
    assert _tasks() <= tasks
    assert threading.active_count() <= threads
    assert _native_threads() <= native_threads + 2
    # HTTP connections that are kept alive come and go; a leak would be one for each call.
    assert await _descriptors() <= descriptors + CALLS // 10
    assert bridge.platform.participants == 0
    assert bridge.ended == []


def _hears(phone: Phone, frequency: float) -> bool:
    """Whether most of what the phone hears is this tone; gaps are a busy machine's."""
    return share(phone.hear(0.3), PHONE_RATE, frequency) > 0.5


async def _calls(bridge: Bridge, count: int) -> None:
    dialled: list[tuple[Phone, StreamParticipant]] = await asyncio.gather(
        *(bridge.dial(f"call-{n}", user_id=f"phone-{n}") for n in range(count))
    )
    await asyncio.gather(*(bridge.hang_up(phone, participant) for phone, participant in dialled))


def _tasks() -> int:
    return len([task for task in asyncio.all_tasks() if task.get_name().startswith("stream-")])


def _native_threads() -> int:
    return len(os.listdir("/proc/self/task"))


async def _descriptors() -> int:
    """Open descriptors, once the SDK's threads have closed what they close late."""
    lowest = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        await asyncio.sleep(0.02)
        lowest = min(lowest, len(os.listdir("/proc/self/fd")))
    return lowest
