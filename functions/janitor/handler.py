"""Removes what a crash between two steps left behind; runs on a schedule. Imports trunking only."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit

from trunking.aws.deployment import current_deployment
from trunking.aws.leftovers import Leftovers, Removed

logger = Logger()
metrics = Metrics(namespace="Trunkline")
tracer = Tracer(patch_modules=("botocore",))


@tracer.capture_lambda_handler(capture_response=False)
def handler(event: Mapping[str, Any], context: object) -> dict[str, int]:
    """One round. Returns and counts what was removed."""
    now = datetime.now(tz=UTC)
    leftovers = Leftovers(current_deployment())
    healed = leftovers.heal_secrets(now)
    topic = os.environ.get("TRUNKLINE_BRIDGE_EVENTS_TOPIC")
    prefix = os.environ.get("TRUNKLINE_BRIDGE_QUEUE_PREFIX")
    queues = leftovers.remove_queues(topic, prefix, now) if topic and prefix else Removed()
    counts = {"secrets": healed.secrets, "labels": healed.labels, "queues": queues.queues}
    logger.info("round done", removed=counts)
    for name, count in counts.items():
        metrics.add_metric(f"Leftover{name.capitalize()}", MetricUnit.Count, count)
    metrics.flush_metrics()
    return counts
