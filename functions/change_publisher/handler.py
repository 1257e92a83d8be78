"""Puts each committed change on the bus, in the order of the stream.

A change that cannot be put stops the batch there and is returned as its failure, so that Lambda asks again
from it on: nothing overtakes it and nothing is lost. Imports trunking only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import BotoCoreError, ClientError

from trunking.aws.deployment import Deployment
from trunking.aws.items import stored_change
from trunking.change import Change
from trunking.change_event import DETAIL_SOURCE, change_detail, detail_type

MAX_ENTRIES = 10
"""Of one PutEvents, a limit of EventBridge's."""

logger = Logger()
metrics = Metrics()


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Publish the changes of a batch; return the first that could not be published."""
    changes = _changes(event["Records"])
    deployment = Deployment.from_environment()
    published = 0
    failed: str | None = None
    for start in range(0, len(changes), MAX_ENTRIES):
        batch = changes[start : start + MAX_ENTRIES]
        done = _publish(deployment, [change for _, change in batch])
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


def _publish(deployment: Deployment, changes: Sequence[Change]) -> int:
    """Put the changes; return how many of them, from the first on, are on the bus."""
    try:
        answer = deployment.events.put_events(
            Entries=[
                {
                    "Source": DETAIL_SOURCE,
                    "DetailType": detail_type(change),
                    "Detail": json.dumps(change_detail(change), ensure_ascii=False),
                    "EventBusName": deployment.bus,
                    "Time": change.occurred_at,
                }
                for change in changes
            ]
        )
    except (ClientError, BotoCoreError):
        logger.exception("changes not published", version=changes[0].version)
        return 0
    for index, entry in enumerate(answer["Entries"]):
        if "ErrorCode" in entry:
            logger.error("change not published", version=changes[index].version, error=entry["ErrorCode"])
            return index
    return len(changes)
