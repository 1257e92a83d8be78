"""One write of a transaction, and what it means when its condition does not hold.

Imports core and boto3's types; calls nothing. `put`, `update` and `delete` take plain values; conditions and
expressions are DynamoDB's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trunking.aws.items import Item, to_item, to_value
from trunking.errors import TrunkingError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

Refusal = Callable[[Item | None], TrunkingError]
"""From the item as it stands, where DynamoDB returned it, to the error that its condition stands for."""
ABSENT = "attribute_not_exists(pk)"


@dataclass(frozen=True, slots=True)
class Action:
    """One write of a transaction."""

    write: TransactWriteItemTypeDef
    refused: Refusal


class StaleReadError(TrunkingError):
    """An entity was written between reading it and committing; read it again."""


def stale(item: Item | None) -> TrunkingError:
    """The refusal of a condition that held when the entity was read."""
    return StaleReadError("written since it was read")


def put(
    table: str,
    attributes: Mapping[str, Any],
    *,
    condition: str = ABSENT,
    values: Mapping[str, Any] | None = None,
    refused: Refusal = stale,
) -> Action:
    """Write a whole item, where there is none unless `condition` says otherwise."""
    return _action("Put", table, {"Item": to_item(attributes)}, condition, {}, values, refused)


def update(
    table: str,
    key: Item,
    expression: str,
    *,
    condition: str,
    names: Mapping[str, str] | None = None,
    values: Mapping[str, Any] | None = None,
    refused: Refusal | None = None,
) -> Action:
    """Change some attributes of an item. A `refused` of its own gets the item as it stands."""
    write: dict[str, Any] = {"Key": key, "UpdateExpression": expression}
    if refused is not None:
        write["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    return _action("Update", table, write, condition, names, values, refused or stale)


def delete(
    table: str,
    key: Item,
    *,
    condition: str,
    names: Mapping[str, str] | None = None,
    values: Mapping[str, Any] | None = None,
) -> Action:
    """Remove an item."""
    return _action("Delete", table, {"Key": key}, condition, names, values, stale)


def _action(
    kind: str,
    table: str,
    write: Mapping[str, Any],
    condition: str,
    names: Mapping[str, str] | None,
    values: Mapping[str, Any] | None,
    refused: Refusal,
) -> Action:
    parameters: dict[str, Any] = {"TableName": table, **write, "ConditionExpression": condition}
    # DynamoDB refuses these where they are empty.
    if names:
        parameters["ExpressionAttributeNames"] = dict(names)
    if values:
        parameters["ExpressionAttributeValues"] = {name: to_value(value) for name, value in values.items()}
    made: Any = {kind: parameters}
    return Action(made, refused)
