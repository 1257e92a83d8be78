"""Trunks and rules as events and clients see them: JSON values without secrets.

The field names are those of Stream's API. Pure; imports the domain's values only.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from trunking.routing_rule import RoutingRule
from trunking.trunk import Trunk

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def nanoseconds(at: datetime) -> int:
    """Since 1970, the form of time in Stream's API; exact to the microsecond."""
    since = at - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000


def trunk_uri(sip_host: str) -> str:
    """The SIP URI that carriers send calls to; the user part is theirs: the number that was called."""
    return f"sip:{sip_host}"


def public_trunk(trunk: Trunk) -> dict[str, Any]:
    """A trunk without its password."""
    return {
        "id": trunk.id,
        "name": trunk.name,
        "numbers": list(trunk.numbers),
        "username": trunk.username,
        "allowed_ips": list(trunk.allowed_ips),
        "created_at": nanoseconds(trunk.created_at),
        "updated_at": nanoseconds(trunk.updated_at),
        "rev": trunk.rev,
        "enabled": trunk.enabled,
        "max_concurrent_calls": trunk.max_concurrent_calls,
        "max_calls_per_second": trunk.max_calls_per_second,
        "country": trunk.country,
    }


def public_rule(rule: RoutingRule) -> dict[str, Any]:
    """A routing rule without its default PIN and its webhook's address, which may carry a token."""
    form: dict[str, Any] = {
        "id": rule.id,
        "name": rule.name,
        "trunk_ids": list(rule.trunk_ids),
        "called_numbers": list(rule.called_numbers),
        "caller_numbers": list(rule.caller_numbers),
        "caller_configs": {"id": rule.caller.id, "custom_data": dict(rule.caller.custom_data)},
        "call_configs": {"custom_data": dict(rule.call_custom_data)},
        "created_at": nanoseconds(rule.created_at),
        "updated_at": nanoseconds(rule.updated_at),
        "rev": rule.rev,
        "enabled": rule.enabled,
        "priority": rule.priority,
    }
    if rule.direct_routing is not None:
        form["direct_routing_configs"] = {
            "call_type": rule.direct_routing.call_type,
            "call_id": rule.direct_routing.call_id,
        }
    if rule.pin_routing is not None:
        form["pin_routing_configs"] = {
            name: value
            for name in rule.pin_routing.__slots__
            if name != "custom_webhook_url" and (value := getattr(rule.pin_routing, name)) is not None
        }
    if rule.pin_protection is not None:
        form["pin_protection_configs"] = {
            name: value
            for name in ("enabled", "max_attempts", "required_pin_digits")
            if (value := getattr(rule.pin_protection, name)) is not None
        }
    return form
