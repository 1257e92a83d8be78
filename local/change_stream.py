"""What a Lambda event source mapping does: reads the table's stream and calls the publisher with batches.

A batch that fails is given again from its first failed record, so order is kept and nothing is lost. Sleeps
until the table was written to; there is nothing to poll for before.
"""

from __future__ import annotations

import json
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

import boto3

from local.aws.intrinsics import Intrinsics
from local.event_pattern import matches
from local.gateway.functions import Function

RETRY_DELAY = 0.5
"""Seconds before a failed batch is given again."""


class ChangeStream:
    """One event source mapping of a table's stream, on a thread of its own."""

    def __init__(
        self,
        session: boto3.Session,
        mapping: Mapping[str, Any],
        intrinsics: Intrinsics,
        function: Function,
    ) -> None:
        self._streams = session.client("dynamodbstreams")
        self._stream_arn: str = intrinsics.resolve(mapping["EventSourceArn"])
        self._batch_size = int(mapping.get("BatchSize", 100))
        self._patterns = [
            json.loads(pattern["Pattern"])
            for pattern in intrinsics.resolve(mapping.get("FilterCriteria", {})).get("Filters", ())
        ]
        self._function = function
        self._written = threading.Event()
        self._stopping = threading.Event()
        self._failed: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=self._run, name="change stream", daemon=True)

    def start(self) -> None:
        """Follow the stream from here on; what was written before is not given."""
        shard = self._streams.describe_stream(StreamArn=self._stream_arn)["StreamDescription"]["Shards"][0]
        self._iterator = self._streams.get_shard_iterator(
            StreamArn=self._stream_arn, ShardId=shard["ShardId"], ShardIteratorType="LATEST"
        )["ShardIterator"]
        self._thread.start()

    def wake(self) -> None:
        """The table may have been written to. Any thread."""
        self._written.set()

    def stop(self) -> None:
        """Give what is there to the publisher once more, then stop."""
        self._stopping.set()
        self._written.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._written.wait()
            stopping = self._stopping.is_set()
            self._written.clear()
            while self._step():
                pass
            if stopping or self._stopping.is_set():
                return
            if self._failed:
                time.sleep(RETRY_DELAY)
                self._written.set()

    def _step(self) -> bool:
        """Read and give one batch; whether there may be more to give right away."""
        records = self._failed
        if not records:
            answer = self._streams.get_records(ShardIterator=self._iterator, Limit=self._batch_size)
            self._iterator = answer["NextShardIterator"]
            read = [_lambda_record(record, self._stream_arn) for record in answer["Records"]]
            records = [record for record in read if self._wanted(record)]
            if not records:
                return bool(read)
        self._failed = self._give(records)
        return not self._failed

    def _wanted(self, record: Mapping[str, Any]) -> bool:
        return not self._patterns or any(matches(pattern, record) for pattern in self._patterns)

    def _give(self, records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Call the publisher; the records that it has to be given again."""
        try:
            answer = self._function.invoke({"Records": list(records)}) or {}
        except Exception:  # noqa: BLE001 - whatever a function raises, Lambda gives the batch again
            traceback.print_exc()
            return list(records)
        failures = {failure["itemIdentifier"] for failure in answer.get("batchItemFailures", ())}
        for index, record in enumerate(records):
            if record["dynamodb"]["SequenceNumber"] in failures:
                return list(records[index:])
        return []


def _lambda_record(record: Mapping[str, Any], stream_arn: str) -> dict[str, Any]:
    """A stream record as Lambda writes it: epoch seconds, and the stream's ARN beside it."""
    change = dict(record["dynamodb"])
    created = change.get("ApproximateCreationDateTime")
    if created is not None:
        change["ApproximateCreationDateTime"] = created.timestamp()
    return {
        "eventID": record["eventID"],
        "eventName": record["eventName"],
        "eventVersion": record.get("eventVersion", "1.1"),
        "eventSource": "aws:dynamodb",
        "awsRegion": record.get("awsRegion", ""),
        "dynamodb": change,
        "eventSourceARN": stream_arn,
    }
