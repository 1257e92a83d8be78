"""The quality of running calls, beside their records: one small item for many calls, written over and over.

A call's record is written when its state changes and holds its whole ladder; writing it again for each new
figure would cost a multiple and could bring an ended call back. So a bridge keeps items of its own for this,
in the application's partition of records, and a reader joins them to the records of calls that have not
ended. Nothing here ever changes a record. Imports core and boto3.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from trunking.aws.call_records import MAX_BATCH, records_pk
from trunking.aws.deployment import Deployment
from trunking.aws.items import Item, from_item, read_time, to_item, write_time
from trunking.aws.service_errors import translated
from trunking.live_quality import CallQuality

_PREFIX = "QUALITY#"
_DIGITS = 4


class LiveQuality:
    """Figures of the running calls of one deployment."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    def put(
        self, bridge_id: str, portion: int, calls: Sequence[CallQuality], lifetime: timedelta
    ) -> Sequence[CallQuality]:
        """Write the figures of up to `MAX_BATCH` calls in one request; returns those that are not written.

        They replace what the bridge wrote for the same `portion` before, and count for `lifetime`.
        """
        applications: defaultdict[str, list[CallQuality]] = defaultdict(list)
        for call in calls[:MAX_BATCH]:
            applications[call.application_id].append(call)
        table = self._deployment.table
        writes = [
            {"PutRequest": {"Item": _item(bridge_id, portion, application_id, its, lifetime)}}
            for application_id, its in applications.items()
        ]
        with translated("DynamoDB"):
            answer = self._deployment.dynamodb.batch_write_item(
                RequestItems={table: writes}  # type: ignore[dict-item]
            )
        left = {
            request["PutRequest"]["Item"]["pk"]["S"]
            for request in answer.get("UnprocessedItems", {}).get(table, ())
        }
        return [*(c for c in calls if records_pk(c.application_id) in left), *calls[MAX_BATCH:]]

    def read(
        self, application_id: str, now: datetime, bridge_id: str | None = None
    ) -> Mapping[str, CallQuality]:
        """The latest figures by record id, of one bridge or of all; what is too old is left out.

        DynamoDB removes expired items late, so time is checked. A figure may be a moment older than the
        latest one: the read is eventually consistent, at half the cost.
        """
        prefix = _PREFIX if bridge_id is None else _sk(bridge_id)
        found = sorted(
            (
                call
                for item in self._items(application_id, prefix)
                if item["expires_at"] > now.timestamp()
                for call in _calls(item, application_id)
            ),
            key=lambda call: call.measured_at,
        )
        # A call moves to another portion when others end: the later of its figures counts.
        return {call.call_id: call for call in found}

    def _items(self, application_id: str, prefix: str) -> Iterator[dict[str, Any]]:
        pages = self._deployment.dynamodb.get_paginator("query").paginate(
            TableName=self._deployment.table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues={":pk": {"S": records_pk(application_id)}, ":prefix": {"S": prefix}},
        )
        with translated("DynamoDB"):
            for page in pages:
                yield from map(from_item, page["Items"])


def _sk(bridge_id: str, portion: int | None = None) -> str:
    return f"{_PREFIX}{bridge_id}#{'' if portion is None else portion}"


def _item(
    bridge_id: str, portion: int, application_id: str, calls: Sequence[CallQuality], lifetime: timedelta
) -> Item:
    """Names once, then a row of numbers for each call: some 120 bytes with its id."""
    measured_at = max(call.measured_at for call in calls)
    names = sorted({name for call in calls for name in call.figures})
    rows = {call.call_id: [_short(call.figures.get(name)) for name in names] for call in calls}
    return to_item(
        {
            "pk": records_pk(application_id),
            "sk": _sk(bridge_id, portion),
            "measured_at": write_time(measured_at),
            "figures": json.dumps({"names": names, "calls": rows}, separators=(",", ":")),
            "expires_at": math.ceil((measured_at + lifetime).timestamp()),
        }
    )


def _short(value: float | None) -> float | None:
    if value is None:
        return None
    rounded = round(value, _DIGITS)
    return int(rounded) if rounded.is_integer() else rounded


def _calls(item: Mapping[str, Any], application_id: str) -> Iterable[CallQuality]:
    measured_at = read_time(item["measured_at"])
    figures = json.loads(item["figures"])
    for call_id, row in figures["calls"].items():
        measured = {
            name: float(value) for name, value in zip(figures["names"], row, strict=True) if value is not None
        }
        yield CallQuality(call_id, application_id, measured, measured_at)
