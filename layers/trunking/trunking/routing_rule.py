"""Routing rules: which calls on which trunks go to which call, as which user. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class CallerConfig:
    """Who the caller is in the call: the user's id and custom data, both templates."""

    id: str
    custom_data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DirectRouting:
    """The rule names the call itself; `call_id` is a template."""

    call_type: str
    call_id: str


@dataclass(frozen=True, slots=True)
class PinRouting:
    """The caller keys in the call's routing number."""

    custom_webhook_url: str | None = None
    pin_prompt: str | None = None
    pin_success_prompt: str | None = None
    pin_failed_attempt_prompt: str | None = None
    pin_hangup_prompt: str | None = None


@dataclass(frozen=True, slots=True)
class PinProtection:
    """The caller keys in a PIN before joining."""

    enabled: bool = False
    default_pin: str | None = None
    max_attempts: int | None = None
    required_pin_digits: int | None = None

    def __repr__(self) -> str:
        """Never shows the PIN."""
        return f"PinProtection(enabled={self.enabled})"


@dataclass(frozen=True, slots=True)
class RoutingRule:
    """One inbound routing rule. Exactly one of `direct_routing` and `pin_routing` is set."""

    id: str
    application_id: str
    name: str
    trunk_ids: tuple[str, ...]
    caller: CallerConfig
    created_at: datetime
    updated_at: datetime
    called_numbers: tuple[str, ...] = ()
    """E.164 exactly, or a prefix such as `+1212*`; empty is any number of the trunk."""
    caller_numbers: tuple[str, ...] = ()
    """As `called_numbers`, for who calls."""
    call_custom_data: Mapping[str, Any] = field(default_factory=dict)
    direct_routing: DirectRouting | None = None
    pin_routing: PinRouting | None = None
    pin_protection: PinProtection | None = None
    rev: int = 1
    enabled: bool = True
    priority: int = 0
    """Among equally specific rules the highest wins."""
