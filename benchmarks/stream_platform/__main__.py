"""`python -m benchmarks.stream_platform`: a whole bridge with the platform `stream` and the local Stream.

Three processes: this one with SIP phones, Stream SDK participants and emulated AWS; the bridge; the local
Stream. CPU is the bridge process's alone, the SDK's native threads included.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import getstream_rtc as sdk
import jwt
import numpy as np

from benchmarks.stream_platform.far_side import FarSide, burst, first_loud
from local.demo.phone import Account, Phone
from local.stream.account import put_account
from tests.support.running_bridge import ROOM_NUMBER, RunningBridge, carrier_world, running_bridge

ROOT = Path(__file__).parents[2]
PHONE_RATE = 8000
PACKET = 0.02
SECRET = "a-secret-for-the-benchmark-alone"
WHOLE = 0.98
"""The share of the phone's frames that have to come out at the far side."""
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class StreamProcess:
    """A local Stream in a process of its own."""

    base_url: str
    websocket_url: str

    @property
    def account(self) -> dict[str, str]:
        """As the application's secret has it."""
        return {
            "stream_api_key": "local",
            "stream_api_secret": SECRET,
            "stream_base_url": self.base_url,
            "stream_websocket_url": self.websocket_url,
        }

    def client(self) -> sdk.Client:
        """Stream's SDK."""
        return sdk.Client("local", SECRET, base_url=self.base_url, ws_url=self.websocket_url)

    async def call_of(self, user_id: str) -> str:
        """The id of the call that this user created last."""
        token = jwt.encode({"server": True}, SECRET, algorithm="HS256")
        headers = {"Authorization": token, "stream-auth-type": "jwt"}
        body = {"filter_conditions": {"created_by_user_id": user_id}, "limit": 25}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.post(
                f"{self.base_url}/api/v2/video/calls", params={"api_key": "local"}, json=body
            ) as response,
        ):
            calls = (await response.json())["calls"]
        return str(max(calls, key=lambda each: each["call"]["created_at"])["call"]["id"])


@asynccontextmanager
async def stream_process() -> AsyncIterator[StreamProcess]:
    """Started, and stopped afterwards."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "local.stream", "--api-secret", SECRET),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    where = json.loads(await process.stdout.readline())
    try:
        yield StreamProcess(where["base_url"], where["websocket_url"])
    finally:
        process.terminate()
        await process.wait()


def cpu_seconds(pid: int) -> dict[str, float]:
    """CPU time by thread name: Python's one thread, and the SDK's."""
    used: dict[str, float] = {"python": 0.0, "sdk": 0.0}
    for thread in Path(f"/proc/{pid}/task").iterdir():
        text = (thread / "stat").read_text()
        name, fields = text[text.index("(") + 1 : text.rindex(")")], text[text.rindex(")") + 2 :].split()
        used["sdk" if name.startswith("tokio") else "python"] += (int(fields[11]) + int(fields[12])) / TICKS
    return used


class Load:
    """Calls of one phone and one SDK participant each."""

    def __init__(self, bridge: RunningBridge, stream: StreamProcess) -> None:
        self._bridge = bridge
        self._stream = stream
        self._client = stream.client()
        self._next = 1
        self.calls: list[tuple[Phone, FarSide]] = []

    async def phone(self) -> Phone:
        """A phone with a caller's number of its own."""
        number = f"+1555900{self._next:04d}"
        self._next += 1
        phone = Phone(Account("127.0.0.1", self._bridge.udp_port, "none", "none", number))
        await phone.open()
        return phone

    async def add_call(self) -> None:
        """One more call, with audio both ways."""
        phone = await self.phone()
        await phone.call(ROOM_NUMBER, timeout=20)
        noise = np.random.default_rng(2).standard_normal(120 * PHONE_RATE) * 0.01
        phone.rtp.say(noise.astype(np.float32))
        far = FarSide(self._client)
        # The rule's user id: identifiers carry numbers without their plus sign.
        user_id = f"phone-{phone.account.caller_number.removeprefix('+')}"
        await far.join(await self._stream.call_of(user_id))
        self.calls.append((phone, far))

    async def end_all(self) -> None:
        """Hang up everything."""
        for phone, far in self.calls:
            await phone.hang_up()
            await far.leave()
            phone.close()
        self.calls.clear()


async def cost(load: Load, bridge: RunningBridge, calls: int, seconds: float) -> dict[str, float]:
    """CPU and memory per call at this many calls."""
    idle_memory = bridge.memory_kib()
    before = cpu_seconds(bridge.pid)
    await asyncio.sleep(seconds)
    idle = {name: used - before[name] for name, used in cpu_seconds(bridge.pid).items()}
    while len(load.calls) < calls:
        await load.add_call()
    await asyncio.sleep(3)
    frames = sum(far.frames for _, far in load.calls)
    before = cpu_seconds(bridge.pid)
    began = asyncio.get_running_loop().time()
    await asyncio.sleep(seconds)
    took = asyncio.get_running_loop().time() - began
    busy = {name: used - before[name] for name, used in cpu_seconds(bridge.pid).items()}
    heard = (sum(far.frames for _, far in load.calls) - frames) / (calls * took / PACKET)
    memory = (bridge.memory_kib() - idle_memory) / calls / 1024
    await load.end_all()
    per_call = {name: (busy[name] / took - idle[name] / seconds) / calls for name in busy}
    return {
        "calls": calls,
        "python_ms_per_call_second": 1000 * per_call["python"],
        "sdk_ms_per_call_second": 1000 * per_call["sdk"],
        "calls_per_core": 1 / sum(per_call.values()),
        "memory_mib_per_call": memory,
        "frames_heard": heard,
    }


async def join_times(load: Load, count: int) -> dict[str, float]:
    """From INVITE to 200, one call after the other."""
    seconds = []
    for _ in range(count):
        phone = await load.phone()
        seconds.append((await phone.call(ROOM_NUMBER, timeout=20)).seconds_to_answer)
        await phone.hang_up()
        phone.close()
    ordered = sorted(seconds)
    return {
        "joins": count,
        "p50_ms": 1000 * statistics.median(ordered),
        "p99_ms": 1000 * ordered[min(count - 1, round(0.99 * count))],
    }


async def delays(load: Load, count: int) -> dict[str, float]:
    """From a phone's packet to the SDK's frame, and from a frame written to the SDK to the phone's packet."""
    await load.add_call()
    phone, far = load.calls[0]
    await asyncio.sleep(3)
    to_call, to_phone = [], []
    for _ in range(count):
        heard = len(far.heard_bursts)
        phone.rtp.say((burst(PHONE_RATE) / 32768).astype(np.float32))
        await asyncio.sleep(1.0)
        if len(far.heard_bursts) > heard:
            to_call.append(far.heard_bursts[heard] - _loop_time(phone.rtp.said.began_at))
        far.say_burst()
        await asyncio.sleep(1.0)
        timeline = phone.rtp.heard
        newest = timeline.samples[-PHONE_RATE:]
        start = first_loud((newest * 32767).astype(np.int16))
        if start is not None:
            at = timeline.began_at + (len(timeline.samples) - len(newest) + start) / PHONE_RATE
            to_phone.append(_loop_time(at) - far.said_burst)
    await load.end_all()
    return {
        "phone_to_call_ms": 1000 * statistics.median(to_call),
        "call_to_phone_ms": 1000 * statistics.median(to_phone),
    }


def _loop_time(wall: float) -> float:
    """A time of the wall clock on the loop's clock."""
    return wall - time.time() + asyncio.get_running_loop().time()


async def run(calls: int, seconds: float, joins: int) -> dict[str, dict[str, float]]:
    """All figures."""
    with carrier_world() as world, tempfile.TemporaryDirectory() as directory:
        async with stream_process() as stream:
            put_account(world.deployment, world.application.application_id, stream.account)
            with running_bridge(world, Path(directory), {"PLATFORM": "stream"}) as bridge:
                load = Load(bridge, stream)
                # The first call loads what is loaded once.
                await load.add_call()
                await load.end_all()
                return {
                    "join": await join_times(load, joins),
                    "delay": await delays(load, 10),
                    "cost": await cost(load, bridge, calls, seconds),
                }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stream_platform", description=__doc__)
    parser.add_argument("--calls", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--joins", type=int, default=100)
    arguments = parser.parse_args()
    figures = asyncio.run(run(arguments.calls, arguments.seconds, arguments.joins))
    for part, values in figures.items():
        for name, value in values.items():
            print(f"{part:6} {name:28} {value:10.2f}")
    if figures["cost"]["frames_heard"] < WHOLE:
        sys.exit("Frames were missing: the machine was too busy for these figures to count.")


if __name__ == "__main__":
    main()
