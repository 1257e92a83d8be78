"""What an operator sets of a trunk or a routing rule, before it has an id. Pure values and their checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from trunking.call import CALL_ID_PATTERN, CALL_TYPE_PATTERN
from trunking.errors import InvalidInputError
from trunking.numbers import is_country, parse_e164, parse_number_pattern
from trunking.routing_rule import CallerConfig, DirectRouting, PinProtection, PinRouting
from trunking.shown_value import shortened
from trunking.source_addresses import parse_network
from trunking.templates import TemplateError, check_custom_data, check_identifier_template
from trunking.user import USER_ID_PATTERN

MAX_ID = 255
"""Characters of an id; ids are made by us, and ASCII."""


@dataclass(frozen=True, slots=True)
class TrunkSettings:
    """What an operator sets of a trunk."""

    name: str
    numbers: tuple[str, ...]
    allowed_ips: tuple[str, ...] = ()
    enabled: bool = True
    max_concurrent_calls: int | None = None
    max_calls_per_second: float | None = None
    country: str | None = None

    def check(self) -> None:
        """Raise InvalidInputError for what is no number, address or country, and for repetitions."""
        faults: dict[str, str] = {}
        for index, number in enumerate(self.numbers):
            if parse_e164(number) is None:
                faults[f"numbers[{index}]"] = _unlike("a phone number in E.164, such as +15551230001", number)
        for index, address in enumerate(self.allowed_ips):
            if parse_network(address) is None:
                faults[f"allowed_ips[{index}]"] = _unlike("an IPv4 or IPv6 address or CIDR block", address)
        _check_repetition("numbers", self.numbers, faults)
        _check_repetition("allowed_ips", self.allowed_ips, faults)
        if self.country is not None and not is_country(self.country):
            faults["country"] = _unlike("an ISO 3166 alpha-2 code in capitals, such as US", self.country)
        _refuse(faults)


@dataclass(frozen=True, slots=True)
class RuleSettings:
    """What an operator sets of a routing rule."""

    name: str
    trunk_ids: tuple[str, ...]
    caller: CallerConfig
    called_numbers: tuple[str, ...] = ()
    caller_numbers: tuple[str, ...] = ()
    call_custom_data: Mapping[str, Any] = field(default_factory=dict)
    direct_routing: DirectRouting | None = None
    pin_routing: PinRouting | None = None
    pin_protection: PinProtection | None = None
    enabled: bool = True
    priority: int = 0

    def check(self) -> None:
        """Raise InvalidInputError for what is no number or template, and for two routings or none."""
        faults: dict[str, str] = {}
        for name, patterns in (
            ("called_numbers", self.called_numbers),
            ("caller_numbers", self.caller_numbers),
        ):
            for index, pattern in enumerate(patterns):
                if parse_number_pattern(pattern) is None:
                    faults[f"{name}[{index}]"] = _unlike(
                        "an E.164 number or a prefix such as +1212*", pattern
                    )
            _check_repetition(name, patterns, faults)
        for index, trunk_id in enumerate(self.trunk_ids):
            if not trunk_id.isascii() or not 0 < len(trunk_id) <= MAX_ID:
                faults[f"trunk_ids[{index}]"] = f"trunk {shortened(trunk_id)} does not exist"
        _check_repetition("trunk_ids", self.trunk_ids, faults)
        self._check_routing(faults)
        self._check_templates(faults)
        self._check_pin(faults)
        _refuse(faults)

    def _check_routing(self, faults: dict[str, str]) -> None:
        if (self.direct_routing is None) == (self.pin_routing is None):
            reason = "exactly one of direct_routing_configs and pin_routing_configs is required"
            faults["direct_routing_configs"] = reason
            faults["pin_routing_configs"] = reason
        direct = self.direct_routing
        if direct is not None and CALL_TYPE_PATTERN.fullmatch(direct.call_type) is None:
            faults["direct_routing_configs.call_type"] = _unlike(
                f"a call type of the form {CALL_TYPE_PATTERN.pattern}", direct.call_type
            )
        webhook = None if self.pin_routing is None else self.pin_routing.custom_webhook_url
        if webhook is not None and not _is_https_url(webhook):
            # Not what was received: a webhook's address may carry a token.
            faults["pin_routing_configs.custom_webhook_url"] = "has to be an https URL with a host"

    def _check_templates(self, faults: dict[str, str]) -> None:
        ids = [("caller_configs.id", self.caller.id, USER_ID_PATTERN)]
        if self.direct_routing is not None:
            ids.append(("direct_routing_configs.call_id", self.direct_routing.call_id, CALL_ID_PATTERN))
        for name, text, allowed in ids:
            try:
                check_identifier_template(text, allowed)
            except TemplateError as error:
                faults[name] = str(error)
        for name, custom_data in (
            ("caller_configs.custom_data", self.caller.custom_data),
            ("call_configs.custom_data", self.call_custom_data),
        ):
            try:
                check_custom_data(custom_data)
            except TemplateError as error:
                faults[name] = str(error)

    def _check_pin(self, faults: dict[str, str]) -> None:
        protection = self.pin_protection
        if protection is None or protection.default_pin is None:
            return
        pin = protection.default_pin
        if not (pin.isascii() and pin.isdigit()):
            faults["pin_protection_configs.default_pin"] = (
                "is not made of digits, which is all a phone can send"
            )
        elif protection.required_pin_digits is not None and len(pin) != protection.required_pin_digits:
            faults["pin_protection_configs.default_pin"] = (
                f"has {len(pin)} digits where required_pin_digits is {protection.required_pin_digits}"
            )


def _check_repetition(name: str, values: Sequence[str], faults: dict[str, str]) -> None:
    if len(set(values)) != len(values):
        twice = next(value for index, value in enumerate(values) if value in values[:index])
        faults[name] = f"names {shortened(twice)} twice"


def _unlike(expected: str, received: str) -> str:
    return f"has to be {expected}; received {shortened(received)}"


def _is_https_url(text: str) -> bool:
    if not text.isascii() or not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and port != 0


def _refuse(faults: Mapping[str, str]) -> None:
    if faults:
        raise InvalidInputError(faults)
