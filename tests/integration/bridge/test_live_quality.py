"""The quality of a running call, each way, seen through the API while it runs; and switched off."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import numpy as np
import pytest
import pytest_asyncio

from bridge.media.rtcp import ReportBlock, build_receiver_report
from local.demo.command import temporary_stack
from local.demo.phone import Account, Phone
from local.demo.phone_rtp import PhoneRtp
from local.demo.timeline import SAMPLE_RATE
from local.ready_file import LocalStack
from tests.support.running_bridge import NUMBER, RunningBridge, carrier_world, running_bridge
from tests.support.waiting import until
from trunking.aws.live_quality import LiveQuality
from trunking.live_quality import CallQuality

CALLS = "/api/v2/video/sip/calls"


class LossyRtp(PhoneRtp):
    """Loses one packet of ten on the way out, and reports what it lost of ours (multiplexed RTCP)."""

    def __init__(self) -> None:
        super().__init__()
        self._written = 0
        self._bridge_ssrc = 0
        self._sender_report = (0, 0.0)
        """The middle of the bridge's latest NTP time, and when it came (RFC 3550 section 6.4.1)."""

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        if data[1] == 200:
            self._sender_report = (int.from_bytes(data[10:14], "big"), time.monotonic())
        elif data[1] & 0x7F == 0:
            self._bridge_ssrc = int.from_bytes(data[8:12], "big")
        super().datagram_received(data, address)

    def report(self, lost: int, of_256: int) -> None:
        """A receiver report: packets lost in all, and the share of the last ones."""
        middle, came = self._sender_report
        since = round(65536 * (time.monotonic() - came)) if middle else 0
        block = ReportBlock(self._bridge_ssrc, of_256, lost, 1000, 40, middle, since)
        assert self._transport is not None
        self._transport.sendto(build_receiver_report(99, [block]), self._remote)

    def _write(self, payload_type: int, payload: bytes, *, marker: bool, stamp: int) -> None:
        self._written += 1
        if self._written % 10:
            super()._write(payload_type, payload, marker=marker, stamp=stamp)
        else:
            self._sequence = (self._sequence + 1) % (1 << 16)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalStack]:
    async with temporary_stack(tmp_path_factory.mktemp("stack") / "local") as started:
        yield started


class CallsApi:
    """`GET sip/calls` of the stack, and the metrics of its bridge."""

    def __init__(self, stack: LocalStack, session: aiohttp.ClientSession) -> None:
        self._stack = stack
        self._session = session

    async def read(self, sip_call_id: str) -> dict[str, Any]:
        """The call, found in the list, as its own page shows it; waits until its record is written."""
        async with asyncio.timeout(30):
            while True:
                for call in (await self._get(CALLS))["sip_calls"]:
                    if call["sip_call_id"] == sip_call_id:
                        single: dict[str, Any] = (await self._get(f"{CALLS}/{call['id']}"))["sip_call"]
                        return single
                await asyncio.sleep(0.05)

    async def ended(self, sip_call_id: str) -> dict[str, Any]:
        """The call once it has ended."""
        async with asyncio.timeout(30):
            while True:
                call = await self.read(sip_call_id)
                if call["state"] == "ended":
                    return call
                await asyncio.sleep(0.05)

    async def metrics(self) -> str:
        """The bridge's /metrics."""
        async with self._session.get(f"{self._stack.call_url.partition('/calls/')[0]}/metrics") as answer:
            return await answer.text()

    async def _get(self, path: str) -> Any:
        token = jwt.encode({"server": True}, self._stack.api_secret, algorithm="HS256")
        async with self._session.get(
            f"{self._stack.api_url}{path}",
            params={"api_key": self._stack.api_key},
            headers={"Authorization": token, "stream-auth-type": "jwt"},
        ) as answer:
            assert answer.status == 200
            return await answer.json()


def as_measured(quality: Mapping[str, float]) -> bool:
    """Whether the figures are those of the phone's losses, each way."""
    return (
        quality.get("packets_received", 0) > 50
        and 0.05 < quality.get("loss_ratio", 0) < 0.15
        and quality.get("peer_loss_ratio", 0) == pytest.approx(0.25, abs=0.01)
        and "round_trip_ms" in quality
        and 1.0 <= quality["peer_mos"] < quality["mos"] < 4.0
    )


@pytest.mark.asyncio(loop_scope="module")
async def test_a_running_call_shows_how_it_sounds_each_way(stack: LocalStack) -> None:
    account = Account(stack.sip_host, stack.sip_port, stack.username, stack.password, "+15557650001")
    caller, lossy = Phone(account), LossyRtp()
    caller.rtp = lossy
    await caller.open()
    async with aiohttp.ClientSession() as session:
        api = CallsApi(stack, session)
        await caller.call(stack.number)
        await lossy.first_packet.wait()
        async with asyncio.timeout(60):
            while True:
                lossy.report(50, 64)
                running = await api.read(caller.call_id)
                if as_measured(running["quality"]):
                    break
                await asyncio.sleep(0.1)
        assert (running["state"], "termination" in running) == ("answered", False)
        age = time.time() - running["quality_measured_at"] / 1e9
        assert -1 < age < 10
        assert running["quality"]["jitter_ms"] >= 0
        assert 0 <= running["quality"]["round_trip_ms"] < 1000
        assert running["quality"]["concealed_ratio"] > 0.03
        # The record itself was not written for it: its ladder is that of the answer.
        assert "ended" not in [step["what"] for step in running["ladder"]]
        metrics = await api.metrics()
        assert 'trunkline_call_mos_count{direction="from_phone"}' in metrics
        assert 'trunkline_call_loss_ratio_count{direction="to_phone"}' in metrics
        assert running["id"] not in metrics
        await caller.hang_up()
        caller.close()
        ended = await api.ended(caller.call_id)
        assert "quality_measured_at" not in ended
        assert ended["quality"]["packets_received"] >= running["quality"]["packets_received"]
        assert 0.05 < ended["quality"]["loss_ratio"] < 0.15


async def called(bridge: RunningBridge) -> Phone:
    """A phone in an answered call."""
    phone = Phone(Account("127.0.0.1", bridge.udp_port, "nobody", "nothing"))
    await phone.open()
    await phone.call(NUMBER)
    return phone


@pytest.mark.parametrize("workers", ["0", "1"])
async def test_quality_comes_from_workers_too_and_not_at_all_when_it_is_switched_off(
    tmp_path: Path, workers: str
) -> None:
    with carrier_world() as world:
        live, began = LiveQuality(world.deployment), datetime.now(tz=UTC)

        def shown() -> Mapping[str, CallQuality]:
            return live.read(world.application.application_id, began)

        with running_bridge(
            world, tmp_path / "on", {"QUALITY_SECONDS": "1", "MEDIA_WORKERS": workers}
        ) as bridge:
            phone = await called(bridge)
            await until(lambda: any(each.figures.get("mos", 0) > 4 for each in shown().values()))
            await phone.hang_up()
            phone.close()
            await until(lambda: world.records()[0].ended_at is not None)
            assert set(shown()) == {world.records()[0].id}
        with running_bridge(world, tmp_path / "off", {"QUALITY_SECONDS": "0"}) as bridge:
            phone = await called(bridge)
            phone.rtp.say(np.zeros(round(1.5 * SAMPLE_RATE), np.float32))  # Longer than a round took before.
            await phone.rtp.all_said.wait()
            record = world.records()[0]
            assert (record.answered_at is not None, record.ended_at) == (True, None)
            assert record.id not in shown()
            assert bridge.metrics()["trunkline_call_round_trip_seconds_count"] == 0
            await phone.hang_up()
            phone.close()
            await until(lambda: "packets_received" in world.records()[0].quality)
