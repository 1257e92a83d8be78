"""The quality of running calls: who is measured when, in turned time, with every port faked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from bridge.adapters.metrics import BridgeMetrics
from bridge.calls.live_quality import PORTION, LiveQuality
from bridge.calls.media_engine import LegStatistics
from bridge.sip.events import CallEnded
from tests.support.call_world import CallWorld, HandClock, settle
from trunking.live_quality import CallQuality

PERIOD = 10.0


@dataclass
class Written:
    """What was put, and when. A door that is closed holds writers up."""

    clock: HandClock
    portions: list[tuple[float, int, Sequence[CallQuality]]] = field(default_factory=list)
    door: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.door.set()

    async def put(self, portion: int, calls: Sequence[CallQuality]) -> None:
        self.portions.append((self.clock.now - 1000.0, portion, calls))
        await self.door.wait()


@asynccontextmanager
async def running(world: CallWorld, period: float = PERIOD) -> AsyncIterator[Written]:
    """Live quality over the world's calls."""
    written = Written(world.clock)
    live = LiveQuality(
        world.media,
        written,
        world.reports,
        world.clock,
        world.clock,
        connected=world.control.connected,
        period=period,
    )
    live.start()
    await settle()
    try:
        yield written
    finally:
        await live.close()


async def test_a_running_call_is_measured_once_in_a_period_and_its_record_left_alone() -> None:
    world = CallWorld()
    call = await world.invite()
    world.media.figures = LegStatistics(
        500, 400, 5, 1, 0.01, 3.5, 42.0, 0.02, 4.1, peer_loss_ratio=0.0, peer_mos=4.3
    )
    records = len(world.reports.records)
    async with running(world) as written:
        await world.clock.advance(35.0)
    assert [(at, portion) for at, portion, _ in written.portions] == [(10.0, 0), (20.0, 0), (30.0, 0)]
    (quality,) = written.portions[0][2]
    assert (quality.call_id, quality.application_id) == (world.leg_of(call), "app")
    assert quality.measured_at.timestamp() % 60 == 10
    assert quality.figures["loss_ratio"] == 0.01
    assert quality.figures["round_trip_ms"] == 42.0
    assert (quality.figures["mos"], quality.figures["peer_mos"]) == (4.1, 4.3)
    assert "peer_jitter_ms" not in quality.figures, "the phone did not report it"
    assert len(world.reports.records) == records
    assert world.reports.counts["measured"] == 3


async def test_calls_are_spread_over_the_period_and_asked_for_together() -> None:
    world = CallWorld()
    for _ in range(2 * PORTION + 10):
        await world.invite()
    async with running(world) as written:
        await world.clock.advance(29.9)
    assert [(round(at, 2), portion) for at, portion, _ in written.portions] == [
        (10.0, 0),
        (13.33, 1),
        (16.67, 2),
        (20.0, 0),
        (23.33, 1),
        (26.67, 2),
    ]
    assert [len(asked) for asked in world.media.sampled[:3]] == [PORTION, PORTION, 10]
    measured = [call.call_id for _, _, calls in written.portions[:3] for call in calls]
    assert len(set(measured)) == len(measured) == 2 * PORTION + 10


async def test_what_has_ended_or_is_not_yet_connected_is_not_measured() -> None:
    world = CallWorld()
    ended = await world.invite()
    going_on = await world.invite()
    world.platform.door.clear()
    await world.invite()
    async with running(world) as written:
        world.control.sip_event(CallEnded(ended, "bye", ""))
        await world.clock.advance(15.0)
        assert [call.call_id for _, _, calls in written.portions for call in calls] == [
            world.leg_of(going_on)
        ]
        world.control.sip_event(CallEnded(going_on, "bye", ""))
        await world.clock.advance(25.0)
    assert len(written.portions) == 1, "nothing is written while no call runs"


async def test_legs_that_the_engine_does_not_know_are_left_out() -> None:
    world = CallWorld()
    lost, kept = await world.invite(), await world.invite()
    del world.media.rooms[world.leg_of(lost)]
    async with running(world) as written:
        await world.clock.advance(10.0)
    assert [call.call_id for _, _, calls in written.portions for call in calls] == [world.leg_of(kept)]


async def test_a_table_that_is_slow_makes_rounds_rarer_and_nothing_piles_up() -> None:
    world = CallWorld()
    await world.invite()
    async with running(world) as written:
        written.door.clear()
        await world.clock.advance(60.0)
        assert len(written.portions) == 1
        written.door.set()
        await settle()
        await world.clock.advance(0.1)
        assert [at for at, *_ in written.portions] == [10.0, 60.0]
        await world.clock.advance(10.0)
    assert [at for at, *_ in written.portions] == [10.0, 60.0, 70.0]


async def test_a_period_of_nought_switches_it_off() -> None:
    world = CallWorld()
    await world.invite()
    async with running(world, 0.0) as written:
        await world.clock.advance(100.0)
    assert (written.portions, world.media.sampled) == ([], [])


@pytest.mark.parametrize(
    ("figures", "samples"),
    [
        (
            LegStatistics(loss_ratio=0.02, jitter_ms=12.0, mos=3.7, round_trip_ms=80.0),
            {'trunkline_call_mos_sum{direction="from_phone"}': 3.7,
             'trunkline_call_loss_ratio_bucket{direction="from_phone",le="0.01"}': 0.0,
             'trunkline_call_loss_ratio_bucket{direction="from_phone",le="0.02"}': 1.0,
             'trunkline_call_jitter_seconds_sum{direction="from_phone"}': 0.012,
             "trunkline_call_round_trip_seconds_sum": 0.08,
             "trunkline_call_concealed_ratio_count": 1.0},
        ),
        (
            LegStatistics(peer_loss_ratio=0.3, peer_jitter_ms=5.0, peer_mos=2.2),
            {'trunkline_call_mos_sum{direction="to_phone"}': 2.2,
             'trunkline_call_loss_ratio_sum{direction="to_phone"}': 0.3,
             'trunkline_call_jitter_seconds_sum{direction="to_phone"}': 0.005,
             "trunkline_call_concealed_ratio_count": 0.0,
             "trunkline_call_round_trip_seconds_count": 0.0},
        ),
    ],
)  # fmt: skip
def test_quality_is_in_the_metrics_without_a_label_for_each_call(
    figures: LegStatistics, samples: dict[str, float]
) -> None:
    metrics = BridgeMetrics()
    metrics.measured(figures)
    page = dict(
        line.rsplit(" ", 1) for line in metrics.page().decode().splitlines() if not line.startswith("#")
    )
    assert {name: float(page[name]) for name in samples} == samples
    directions = {line for line in page if "trunkline_call_mos_count" in line}
    assert directions <= {f'trunkline_call_mos_count{{direction="{way}_phone"}}' for way in ("from", "to")}
