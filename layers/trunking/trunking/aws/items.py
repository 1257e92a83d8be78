"""How entities are written as items of the one table and read back. Imports core only; no calls to AWS.

Texts, numbers and lists are attributes; custom data is JSON text, because DynamoDB's numbers are not JSON's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from trunking.change import Change, ChangeKind
from trunking.matching import RuleEntry
from trunking.routing_rule import CallerConfig, DirectRouting, PinProtection, PinRouting, RoutingRule
from trunking.trunk import Trunk

Item = dict[str, Any]
"""An item or key in DynamoDB's own attribute values."""

_serializer = TypeSerializer()


@dataclass(frozen=True, slots=True)
class StoredTrunk:
    """A trunk with what only the control plane needs to know of it."""

    trunk: Trunk
    secret_version: str
    """The version of the trunk's secret that holds the current password."""
    previous_secret_version: str | None = None
    previous_valid_until: datetime | None = None
    rules: Mapping[str, RuleEntry] = field(default_factory=dict)
    """What the matching needs of each rule that lists this trunk."""
    rule_names: Mapping[str, str] = field(default_factory=dict)

    @property
    def rev(self) -> int:
        """The trunk's revision."""
        return self.trunk.rev


def key(pk: str, sk: str) -> Item:
    """A primary key."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def application_pk(application_id: str) -> str:
    """The partition of an application."""
    return f"APP#{application_id}"


def change_sk(version: int) -> str:
    """Sorts as the versions do."""
    return f"CHG#{version:012d}"


def to_item(attributes: Mapping[str, Any]) -> Item:
    """Plain values as an item; None is left out."""
    return {name: _serializer.serialize(value) for name, value in attributes.items() if value is not None}


def to_value(value: Any) -> Any:
    """One plain value as an attribute value."""
    return _serializer.serialize(value)


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item as plain values; whole numbers as int, others as float."""
    return {name: _plain(value) for name, value in item.items()}


def write_time(at: datetime) -> str:
    """A point in time as text that sorts."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def read_time(text: str) -> datetime:
    """What `write_time` wrote."""
    return datetime.fromisoformat(text)


def trunk_attributes(stored: StoredTrunk) -> dict[str, Any]:
    """The attributes of a trunk's item, without those that rules write into it."""
    trunk = stored.trunk
    return {
        "id": trunk.id,
        "name": trunk.name,
        "numbers": list(trunk.numbers),
        "username": trunk.username,
        "allowed_ips": list(trunk.allowed_ips),
        "created_at": write_time(trunk.created_at),
        "updated_at": write_time(trunk.updated_at),
        "rev": trunk.rev,
        "enabled": trunk.enabled,
        "max_concurrent_calls": trunk.max_concurrent_calls,
        "max_calls_per_second": _decimal(trunk.max_calls_per_second),
        "country": trunk.country,
        "secret_version": stored.secret_version,
        "previous_secret_version": stored.previous_secret_version,
        "previous_valid_until": (
            None if stored.previous_valid_until is None else write_time(stored.previous_valid_until)
        ),
    }


def stored_trunk(item: Mapping[str, Any]) -> StoredTrunk:
    """The trunk of an item."""
    found = from_item(item)
    rules = found.get("rules", {})
    until = found.get("previous_valid_until")
    trunk = Trunk(
        id=found["id"],
        application_id=found["pk"].removeprefix("APP#"),
        name=found["name"],
        numbers=tuple(found["numbers"]),
        username=found["username"],
        allowed_ips=tuple(found["allowed_ips"]),
        created_at=read_time(found["created_at"]),
        updated_at=read_time(found["updated_at"]),
        rev=found["rev"],
        enabled=found["enabled"],
        max_concurrent_calls=found.get("max_concurrent_calls"),
        max_calls_per_second=found.get("max_calls_per_second"),
        country=found.get("country"),
    )
    return StoredTrunk(
        trunk=trunk,
        secret_version=found["secret_version"],
        previous_secret_version=found.get("previous_secret_version"),
        previous_valid_until=None if until is None else read_time(until),
        rules={rule_id: _rule_entry(rule_id, entry) for rule_id, entry in rules.items()},
        rule_names={rule_id: entry["name"] for rule_id, entry in rules.items()},
    )


def rule_binding(rule: RoutingRule) -> dict[str, Any]:
    """What a rule writes into the item of each trunk that it lists."""
    return {
        "name": rule.name,
        "called": list(rule.called_numbers),
        "caller": list(rule.caller_numbers),
        "priority": rule.priority,
        "created_at": write_time(rule.created_at),
        "enabled": rule.enabled,
    }


def rule_attributes(rule: RoutingRule) -> dict[str, Any]:
    """The attributes of a routing rule's item."""
    pin_routing = rule.pin_routing
    pin_protection = rule.pin_protection
    return {
        "id": rule.id,
        "name": rule.name,
        "trunk_ids": list(rule.trunk_ids),
        "called_numbers": list(rule.called_numbers),
        "caller_numbers": list(rule.caller_numbers),
        "caller": {"id": rule.caller.id, "custom_data": _json(rule.caller.custom_data)},
        "call_custom_data": _json(rule.call_custom_data),
        "direct_routing": (
            None
            if rule.direct_routing is None
            else {"call_type": rule.direct_routing.call_type, "call_id": rule.direct_routing.call_id}
        ),
        "pin_routing": None if pin_routing is None else _present(pin_routing, PinRouting.__slots__),
        "pin_protection": None
        if pin_protection is None
        else _present(pin_protection, PinProtection.__slots__),
        "created_at": write_time(rule.created_at),
        "updated_at": write_time(rule.updated_at),
        "rev": rule.rev,
        "enabled": rule.enabled,
        "priority": rule.priority,
    }


def stored_rule(item: Mapping[str, Any]) -> RoutingRule:
    """The routing rule of an item."""
    found = from_item(item)
    direct = found.get("direct_routing")
    pin_routing = found.get("pin_routing")
    pin_protection = found.get("pin_protection")
    return RoutingRule(
        id=found["id"],
        application_id=found["pk"].removeprefix("APP#"),
        name=found["name"],
        trunk_ids=tuple(found["trunk_ids"]),
        caller=CallerConfig(found["caller"]["id"], json.loads(found["caller"]["custom_data"])),
        created_at=read_time(found["created_at"]),
        updated_at=read_time(found["updated_at"]),
        called_numbers=tuple(found["called_numbers"]),
        caller_numbers=tuple(found["caller_numbers"]),
        call_custom_data=json.loads(found["call_custom_data"]),
        direct_routing=None if direct is None else DirectRouting(**direct),
        pin_routing=None if pin_routing is None else PinRouting(**pin_routing),
        pin_protection=None if pin_protection is None else PinProtection(**pin_protection),
        rev=found["rev"],
        enabled=found["enabled"],
        priority=found["priority"],
    )


def stored_change(item: Mapping[str, Any]) -> Change:
    """The change of a `CHG#` item."""
    found = from_item(item)
    return Change(
        application_id=found["pk"].removeprefix("APP#"),
        version=found["version"],
        kind=ChangeKind(found["kind"]),
        subject_id=found["subject_id"],
        occurred_at=read_time(found["occurred_at"]),
        subject=json.loads(found["subject"]),
    )


def _rule_entry(rule_id: str, entry: Mapping[str, Any]) -> RuleEntry:
    return RuleEntry(
        id=rule_id,
        called_numbers=tuple(entry["called"]),
        caller_numbers=tuple(entry["caller"]),
        priority=entry["priority"],
        created_at=read_time(entry["created_at"]),
        enabled=entry["enabled"],
    )


def _present(value: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: found for name in names if (found := getattr(value, name)) is not None}


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _decimal(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(repr(value))


def _plain(attribute: Mapping[str, Any]) -> Any:
    """One attribute value. Not boto3's deserializer: that takes three times as long, by way of Decimal."""
    ((kind, value),) = attribute.items()
    if kind == "S" or kind == "BOOL":
        return value
    if kind == "N":
        return int(value) if value.lstrip("-").isdigit() else float(value)
    if kind == "L":
        return [_plain(below) for below in value]
    if kind == "M":
        return {name: _plain(below) for name, below in value.items()}
    if kind == "NULL":
        return None
    raise ValueError(f"an attribute of type {kind}, which nothing here writes")
