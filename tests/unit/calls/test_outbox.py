"""Records and events on their way out: batches, retries, poison, overflow, the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest
from botocore.exceptions import ClientError

from bridge.adapters.call_reports import BusCallEvents, TableCallRecords
from bridge.adapters.outbox import Outbox
from tests.support.call_world import MIDNIGHT
from trunking.call_record import CallRecord
from trunking.errors import ThrottledError


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.adapters.outbox._FIRST_PAUSE", 0.001)


class Far:
    """The other side of an outbox."""

    def __init__(self, refuse: Callable[[Sequence[int]], Exception | None] = lambda batch: None) -> None:
        self.batches: list[list[int]] = []
        self.lost = 0
        self._refuse = refuse

    def deliver(self, batch: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(batch))
        error = self._refuse(batch)
        if error is not None:
            raise error
        return ()

    def count_lost(self, count: int) -> None:
        self.lost += count

    def outbox(self, capacity: int = 100, batch: int = 3) -> Outbox[int]:
        return Outbox("far", self.deliver, capacity=capacity, batch=batch, lost=self.count_lost)


def refused(code: str) -> ClientError:
    """An error as boto3 raises it."""
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "BatchWriteItem")


async def test_batches_keep_their_order() -> None:
    far = Far()
    outbox = far.outbox()
    for number in range(7):
        outbox.offer(number)
    outbox.start()
    await outbox.close(30.0)
    assert far.batches == [[0, 1, 2], [3, 4, 5], [6]]
    assert far.lost == 0


async def test_throttled_batch_is_tried_again_before_what_came_later() -> None:
    far = Far(lambda batch: ThrottledError("DynamoDB") if len(far.batches) < 3 else None)
    outbox = far.outbox()
    for number in range(4):
        outbox.offer(number)
    outbox.start()
    await outbox.close(30.0)
    assert far.batches == [[0, 1, 2]] * 3 + [[3]]


async def test_item_that_is_refused_for_good_does_not_hold_up_the_rest() -> None:
    far = Far(lambda batch: refused("ValidationException") if 1 in batch else None)
    outbox = far.outbox()
    for number in range(4):
        outbox.offer(number)
    outbox.start()
    await outbox.close(30.0)
    assert far.batches == [[0, 1, 2], [0], [1], [2], [3]]
    assert far.lost == 1


async def test_missing_permission_is_waited_for() -> None:
    far = Far(lambda batch: refused("AccessDeniedException") if len(far.batches) < 4 else None)
    outbox = far.outbox()
    outbox.offer(1)
    outbox.start()
    await outbox.close(30.0)
    assert far.batches == [[1]] * 4
    assert far.lost == 0


async def test_full_outbox_gives_up_the_oldest_and_counts_it() -> None:
    far = Far()
    outbox = far.outbox(capacity=2)
    for number in range(5):
        outbox.offer(number)
    outbox.start()
    await outbox.close(30.0)
    assert far.batches == [[3, 4]]
    assert far.lost == 3


async def test_end_does_not_wait_for_ever() -> None:
    far = Far(lambda batch: ThrottledError("DynamoDB"))
    outbox = far.outbox()
    for number in range(3):
        outbox.offer(number)
    outbox.start()
    await outbox.close(0.05)
    assert far.lost == 3


async def test_only_the_last_state_of_a_record_is_written() -> None:
    written: list[CallRecord] = []

    def put_many(records: Sequence[CallRecord]) -> Sequence[CallRecord]:
        written.extend(records)
        return ()

    records = TableCallRecords(put_many, lambda count: None)
    for codec in (None, "PCMU"):
        records.put(CallRecord("r", "app", "c", "b", "udp:1", "+1", "+2", MIDNIGHT, codec=codec))
    records.start()
    await records.close(30.0)
    assert [record.codec for record in written] == ["PCMU"]


async def test_single_refused_event_is_published_again() -> None:
    class Events:
        def __init__(self) -> None:
            self.published: list[list[str]] = []

        def put_events(self, *, Entries: list[dict[str, str]]) -> object:  # noqa: N803
            self.published.append([entry["DetailType"] for entry in Entries])
            first = len(self.published) == 1
            return {
                "Entries": [
                    {"ErrorCode": "ThrottlingException"} if first and number == 1 else {"EventId": "x"}
                    for number in range(len(Entries))
                ]
            }

    class DeploymentWithEvents:
        bus = "bus"
        events = Events()

    deployment = DeploymentWithEvents()
    events = BusCallEvents(deployment, lambda count: None)  # type: ignore[arg-type]
    for kind in ("received", "answered", "ended"):
        events.emit(kind, "app", 1, {"id": "r"})
    events.start()
    await asyncio.sleep(0)
    await events.close(30.0)
    assert deployment.events.published == [
        ["sip.call.received", "sip.call.answered", "sip.call.ended"],
        ["sip.call.answered"],
    ]
