"""Quality on its way into the table: what fails is counted, told in the log, and never raised."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from bridge.adapters.quality_reports import TableQualityReports
from bridge.adapters.settings import load_settings
from trunking.aws.live_quality import LiveQuality
from trunking.errors import ThrottledError, UnavailableError
from trunking.live_quality import CallQuality

CALLS = [
    CallQuality(name, "app", {"mos": 4.2}, datetime(2026, 11, 23, tzinfo=UTC)) for name in ("one", "other")
]


class Table(LiveQuality):
    """Takes, refuses or fails as told."""

    def __init__(self, left: Sequence[CallQuality] = (), error: Exception | None = None) -> None:
        self.left = left
        self.error = error
        self.writes: list[tuple[str, int, Sequence[CallQuality], timedelta]] = []

    def put(
        self, bridge_id: str, portion: int, calls: Sequence[CallQuality], lifetime: timedelta
    ) -> Sequence[CallQuality]:
        self.writes.append((bridge_id, portion, calls, lifetime))
        if self.error is not None:
            raise self.error
        return self.left


async def test_figures_are_valid_for_three_periods() -> None:
    table, lost = Table(), list[int]()
    await TableQualityReports(table, "bridge-1", 10.0, lost.append).put(3, CALLS)
    assert table.writes == [("bridge-1", 3, CALLS, timedelta(seconds=30))]
    assert lost == []


@pytest.mark.parametrize(
    ("table", "count"),
    [
        (Table(left=CALLS[:1]), 1),
        (Table(error=UnavailableError("DynamoDB")), 2),
        (Table(error=ThrottledError("DynamoDB")), 2),
    ],
)
async def test_what_is_not_written_is_counted_and_forgotten(
    table: Table, count: int, caplog: pytest.LogCaptureFixture
) -> None:
    lost: list[int] = []
    with caplog.at_level(logging.WARNING):
        await TableQualityReports(table, "bridge-1", 10.0, lost.append).put(0, CALLS)
    assert lost == [count]
    assert len(table.writes) == 1
    assert bool(caplog.records) == (table.error is not None)


@pytest.mark.parametrize(
    ("text", "period"), [("0", 0.0), ("1", 1.0), ("2.5", 2.5), ("300", 300.0), ("", 10.0)]
)
def test_periods_that_can_be_set(text: str, period: float) -> None:
    settings = load_settings({"BRIDGE_TABLE": "table", "BRIDGE_QUALITY_SECONDS": text})
    assert settings.quality_seconds == period


@pytest.mark.parametrize("text", ["-1", "0.5", "301", "often", "nan"])
def test_periods_that_cannot(text: str) -> None:
    with pytest.raises(ValueError, match="quality_seconds"):
        load_settings({"BRIDGE_TABLE": "table", "BRIDGE_QUALITY_SECONDS": text})
