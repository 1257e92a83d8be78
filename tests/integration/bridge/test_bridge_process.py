"""The bridge as a process: its settings, its probes, its end of calls, its drain."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.demo.phone import Account, CallRefusedError, Phone
from tests.support.running_bridge import (
    NUMBER,
    ROOM_NUMBER,
    SOURCE_ROOTS,
    CarrierWorld,
    RunningBridge,
    carrier_world,
    running_bridge,
)
from tests.support.waiting import until
from trunking.aws.bridges import Bridges
from trunking.termination import Termination


@pytest.fixture(scope="module")
def world() -> Iterator[CarrierWorld]:
    with carrier_world() as made:
        yield made


def probe(bridge: RunningBridge, path: str) -> tuple[int, str]:
    """Status and state of a probe."""
    try:
        with urllib.request.urlopen(f"http://{bridge.http[0]}:{bridge.http[1]}{path}", timeout=5) as answer:
            return answer.status, json.loads(answer.read())["status"]
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())["status"]


def ended(pid: int) -> bool:
    """Whether our child has ended; it is a zombie until the block around it waits for it."""
    return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"


async def called(bridge: RunningBridge, number: str = NUMBER) -> Phone:
    """A phone in an answered call."""
    phone = Phone(Account("127.0.0.1", bridge.udp_port, "nobody", "nothing"))
    await phone.open()
    await phone.call(number)
    return phone


async def test_longest_call_ends_with_our_bye(world: CarrierWorld, tmp_path: Path) -> None:
    with running_bridge(world, tmp_path, {"MAX_CALL_SECONDS": "0.5"}) as bridge:
        phone = await called(bridge)
        async with asyncio.timeout(30):
            await phone.ended.wait()
        phone.close()
    record = world.records()[0]
    assert record.termination is Termination.MAX_DURATION
    assert record.sip_status == 200
    assert '"termination": "max_duration"' in bridge.log()


async def test_drain_refuses_new_calls_and_lets_running_ones_end(world: CarrierWorld, tmp_path: Path) -> None:
    with running_bridge(world, tmp_path, {"DRAIN_SECONDS": "20"}) as bridge:
        assert (probe(bridge, "/healthz"), probe(bridge, "/readyz")) == ((200, "ok"), (200, "ready"))
        phone = await called(bridge)
        os.kill(bridge.pid, signal.SIGTERM)
        late = Phone(Account("127.0.0.1", bridge.udp_port, "nobody", "nothing"))
        await late.open()
        await until(lambda: probe(bridge, "/healthz")[0] == 503)
        with pytest.raises(CallRefusedError) as refused:
            await late.call(ROOM_NUMBER)
        assert refused.value.status == 503
        assert probe(bridge, "/readyz") == (503, "not ready")
        assert not phone.ended.is_set()
        await phone.hang_up()
        phone.close()
        late.close()
        await until(lambda: ended(bridge.pid), 30.0)
    assert world.records()[0].termination is Termination.CALLER_HUNG_UP


async def test_drain_deadline_ends_what_still_runs(world: CarrierWorld, tmp_path: Path) -> None:
    with running_bridge(world, tmp_path, {"DRAIN_SECONDS": "0.2"}) as bridge:
        phone = await called(bridge)
        os.kill(bridge.pid, signal.SIGTERM)
        async with asyncio.timeout(30):
            await phone.ended.wait()
        phone.close()
    assert world.records()[0].termination is Termination.DRAIN_DEADLINE


async def test_running_bridge_is_seen_and_a_stopped_one_is_not(world: CarrierWorld, tmp_path: Path) -> None:
    bridges = Bridges(world.deployment)
    with running_bridge(world, tmp_path, {"ID": "seen", "MAX_CALLS": "7"}) as bridge:
        await until(lambda: bridges.list(datetime.now(UTC)))
        found = bridges.list(datetime.now(UTC))
        assert [(b.id, b.state, b.capacity, b.calls) for b in found] == [("seen", "ready", 7, 0)]
        assert found[0].sip_address == f"127.0.0.1:{bridge.udp_port}"
    assert bridges.list(datetime.now(UTC)) == []


def test_wrong_setting_ends_the_process_with_its_name() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}
    environment |= {"BRIDGE_TABEL": "x", "PYTHONPATH": os.pathsep.join(map(str, SOURCE_ROOTS))}
    process = subprocess.run(
        [sys.executable, "-m", "bridge"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert process.returncode == 2
    assert "unknown settings: BRIDGE_TABEL" in process.stderr
