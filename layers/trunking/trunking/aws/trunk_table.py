"""Reading trunks and routing rules from the table. Imports core and boto3; writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trunking.aws.deployment import Deployment
from trunking.aws.items import Item, StoredTrunk, application_pk, key, stored_rule, stored_trunk
from trunking.aws.service_errors import translated
from trunking.routing_rule import RoutingRule


def read_item(deployment: Deployment, pk: str, sk: str) -> Item | None:
    """One item, as it is now."""
    with translated("DynamoDB"):
        answer: dict[str, Any] = deployment.dynamodb.get_item(
            TableName=deployment.table, Key=key(pk, sk), ConsistentRead=True
        )  # type: ignore[assignment]
    return answer.get("Item")


def query(
    deployment: Deployment, pk: str, low: str, high: str, *, newest_first: bool = False
) -> Iterator[Item]:
    """The items of a partition with a sort key from `low` to `high`, page after page, as they are now."""
    pages = deployment.dynamodb.get_paginator("query").paginate(
        TableName=deployment.table,
        KeyConditionExpression="pk = :pk AND sk BETWEEN :low AND :high",
        ExpressionAttributeValues={":pk": {"S": pk}, ":low": {"S": low}, ":high": {"S": high}},
        ConsistentRead=True,
        ScanIndexForward=not newest_first,
    )
    with translated("DynamoDB"):
        for page in pages:
            yield from page["Items"]


def query_prefix(
    deployment: Deployment, pk: str, prefix: str, *, newest_first: bool = False
) -> Iterator[Item]:
    """The items of a partition whose sort key starts with `prefix`."""
    return query(deployment, pk, prefix, f"{prefix}\U0010ffff", newest_first=newest_first)


def read_stored_trunk(deployment: Deployment, application_id: str, trunk_id: str) -> StoredTrunk | None:
    """A trunk by id; None when there is none."""
    item = read_item(deployment, application_pk(application_id), f"TRUNK#{trunk_id}")
    return None if item is None else stored_trunk(item)


def read_stored_rule(deployment: Deployment, application_id: str, rule_id: str) -> RoutingRule | None:
    """A routing rule by id; None when there is none."""
    item = read_item(deployment, application_pk(application_id), f"RULE#{rule_id}")
    return None if item is None else stored_rule(item)


def read_trunk_of_number(deployment: Deployment, application_id: str, number: str) -> StoredTrunk | None:
    """The application's trunk that has `number`; None when nobody's, or another application's."""
    item = read_item(deployment, f"NUM#{number}", "OWNER")
    if item is None or item["application_id"]["S"] != application_id:
        return None
    return read_stored_trunk(deployment, application_id, item["trunk_id"]["S"])


def list_trunks(deployment: Deployment, application_id: str) -> list[StoredTrunk]:
    """All trunks of an application, the oldest first."""
    pk = application_pk(application_id)
    found = [stored_trunk(item) for item in query_prefix(deployment, pk, "TRUNK#")]
    return sorted(found, key=lambda stored: (stored.trunk.created_at, stored.trunk.id))


def list_rules(deployment: Deployment, application_id: str) -> list[RoutingRule]:
    """All routing rules of an application, the oldest first."""
    pk = application_pk(application_id)
    found = [stored_rule(item) for item in query_prefix(deployment, pk, "RULE#")]
    return sorted(found, key=lambda rule: (rule.created_at, rule.id))
