"""Puts each committed change on the bus, in the order of the stream.

A change that cannot be put stops the batch there and is returned as its failure, so that Lambda asks again
from it on and nothing is lost. Later changes of the same request may be on the bus already; they come again,
with the same id, and consumers order by version. Imports trunking only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import BotoCoreError, ClientError

from trunking.aws.deployment import Deployment, current_deployment
from trunking.aws.items import stored_change
from trunking.change import Change
from trunking.change_event import DETAIL_SOURCE, change_detail, detail_type

if TYPE_CHECKING:
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

    _Numbered = tuple[str, PutEventsRequestEntryTypeDef]

MAX_ENTRIES = 10
MAX_BYTES = 200_000
"""Of one PutEvents; EventBridge's own limits are 10 entries and 256 KiB with what it adds."""

logger = Logger()
metrics = Metrics(namespace="Trunkline")
tracer = Tracer(patch_modules=("botocore",))


@tracer.capture_lambda_handler(capture_response=False)
def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Publish the changes of a batch; return the first that could not be published."""
    changes = _changes(event["Records"])
    deployment = current_deployment()
    published = 0
    failed: str | None = None
    for batch in _batches([(number, _entry(change, deployment.bus)) for number, change in changes]):
        done = _publish(deployment, [entry for _, entry in batch])
        published += done
        if done < len(batch):
            failed = batch[done][0]
            break
    metrics.add_metric("ChangesPublished", MetricUnit.Count, published)
    metrics.add_metric("ChangesFailed", MetricUnit.Count, int(failed is not None))
    metrics.flush_metrics()
    return {"batchItemFailures": [] if failed is None else [{"itemIdentifier": failed}]}


def _changes(records: Sequence[Mapping[str, Any]]) -> list[tuple[str, Change]]:
    """The batch's changes with their sequence numbers, in order; other records are none of ours."""
    return [
        (record["dynamodb"]["SequenceNumber"], stored_change(record["dynamodb"]["NewImage"]))
        for record in records
        if record["eventName"] == "INSERT" and record["dynamodb"]["Keys"]["sk"]["S"].startswith("CHG#")
    ]


def _entry(change: Change, bus: str) -> PutEventsRequestEntryTypeDef:
    return {
        "Source": DETAIL_SOURCE,
        "DetailType": detail_type(change),
        "Detail": json.dumps(change_detail(change), ensure_ascii=False, separators=(",", ":")),
        "EventBusName": bus,
        "Time": change.occurred_at,
    }


def _batches(entries: Sequence[_Numbered]) -> Iterator[list[_Numbered]]:
    """Runs of entries, in order, of which each fits into one PutEvents."""
    batch: list[_Numbered] = []
    size = 0
    for numbered in entries:
        length = len(numbered[1]["Detail"].encode())
        if batch and (len(batch) == MAX_ENTRIES or size + length > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(numbered)
        size += length
    if batch:
        yield batch


def _publish(deployment: Deployment, entries: Sequence[PutEventsRequestEntryTypeDef]) -> int:
    """Put the entries; return how many of them, from the first on, are on the bus."""
    try:
        answer = deployment.events.put_events(Entries=entries)
    except (ClientError, BotoCoreError):
        logger.exception("changes not published")
        return 0
    for index, entry in enumerate(answer["Entries"]):
        if "ErrorCode" in entry:
            logger.error("change not published", error=entry["ErrorCode"])
            return index
    return len(entries)
