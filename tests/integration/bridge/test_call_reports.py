"""Call records on their way into the table: coalesced, in batches, and again when a write was throttled."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from unittest.mock import patch

from bridge.adapters.call_reports import TableCallRecords
from tests.support.control_plane import create_table, emulated_aws
from trunking.aws.call_records import MAX_BATCH, CallRecords
from trunking.aws.deployment import Deployment
from trunking.call_record import CallRecord
from trunking.identifiers import new_call_record_id
from trunking.termination import Termination


def record(number: int) -> CallRecord:
    """A call that has just arrived."""
    now = datetime.now(UTC)
    return CallRecord(
        id=new_call_record_id(now),
        application_id="app",
        sip_call_id=f"call-{number}",
        bridge_id="bridge",
        source="udp:192.0.2.1:5060",
        called_number="+15551230001",
        caller_number="+12125550100",
        received_at=now,
    )


def ended(arrived: CallRecord) -> CallRecord:
    """Its last state."""
    return replace(
        arrived, ended_at=datetime.now(UTC), termination=Termination.CALLER_HUNG_UP, sip_status=200
    )


async def test_states_of_a_call_are_written_once_and_the_last_one_counts() -> None:
    written: list[Sequence[CallRecord]] = []

    def put_many(records: Sequence[CallRecord]) -> Sequence[CallRecord]:
        written.append(records)
        return ()

    records = TableCallRecords(put_many, lambda _: None)
    arrived = [record(number) for number in range(MAX_BATCH + 5)]
    for each in arrived:
        records.put(each)
    for each in arrived:
        records.put(ended(each))
    records.start()
    await records.close(5.0)
    assert [len(batch) for batch in written] == [MAX_BATCH, 5]
    assert all(each.termination is Termination.CALLER_HUNG_UP for batch in written for each in batch)


async def test_what_was_not_written_is_tried_again_and_never_goes_back_in_time() -> None:
    loop = asyncio.get_running_loop()
    arrived, table, lost = record(1), dict[str, CallRecord](), list[int]()
    attempts: list[Sequence[CallRecord]] = []

    def put_many(batch: Sequence[CallRecord]) -> Sequence[CallRecord]:
        attempts.append(batch)
        if len(attempts) == 1:
            # The call ends while its first state is refused.
            loop.call_soon_threadsafe(records.put, ended(arrived))
            return batch
        table.update({each.id: each for each in batch})
        return ()

    records = TableCallRecords(put_many, lost.append)
    records.put(arrived)
    records.start()
    await records.close(5.0)
    assert table[arrived.id].termination is Termination.CALLER_HUNG_UP
    assert not lost


def test_batch_in_the_table_and_a_throttled_write() -> None:
    deployment = Deployment(table="trunkline-test")
    with emulated_aws():
        create_table(deployment)
        records = CallRecords(deployment)
        batch = [record(number) for number in range(MAX_BATCH)]
        assert records.put_many(batch) == []
        page = records.list("app", limit=100)
        assert {each.id for each in page.records} == {each.id for each in batch}
        assert records.get("app", batch[3].id) == batch[3]
        client = deployment.dynamodb

        def throttled(RequestItems: dict[str, list[object]]) -> dict[str, object]:  # noqa: N803 - boto3's name
            return {"UnprocessedItems": {deployment.table: RequestItems[deployment.table][-2:]}}

        with patch.object(client, "batch_write_item", throttled):
            assert records.put_many(batch) == batch[-2:]
