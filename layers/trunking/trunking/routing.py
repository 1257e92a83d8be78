"""Which routing rule takes a call, and why the others do not: one pure decision that explains itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from trunking.call import CallIdentity
from trunking.routing_rule import RoutingRule
from trunking.termination import Termination
from trunking.trunk import Trunk


@dataclass(frozen=True, slots=True)
class InboundCall:
    """What a SIP call brings to the decision; numbers are normalised to E.164 where they can be."""

    called_number: str
    caller_number: str
    """Empty for an anonymous caller."""
    sip_call_id: str
    received_at: datetime
    uuid: str
    """One per SIP call: the value of `{{uuid}}`."""
    caller_name: str = ""
    sip_headers: Mapping[str, str] = field(default_factory=dict)
    """The request's X- headers; names lower case with underscores for dashes."""
    verstat: str = ""
    """What the carrier says of the caller's number: `TN-Validation-Passed` and so on."""
    digits: str = ""
    """What the caller keyed in, where the rule asks for it."""


@dataclass(frozen=True, slots=True)
class FailedCondition:
    """The first condition by which a rule or trunk did not take the call."""

    condition: str
    """`enabled`, `trunk`, `called_number`, `caller_number`, `less_specific`, `priority`, `age`."""
    expected: str
    received: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why the decision is what it is: for each rule that did not win, its first failed condition."""

    rejected_rules: Mapping[str, FailedCondition] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """The call goes here."""

    trunk: Trunk
    rule: RoutingRule
    call: CallIdentity | None
    """None for PIN routing: the call is named by the number that the caller keys in."""
    user_id: str
    user_custom_data: Mapping[str, Any]
    call_custom_data: Mapping[str, Any]
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class Rejection:
    """The call goes nowhere; a value of the domain, not an error."""

    termination: Termination
    expected: str
    """What would have been taken, in words an operator understands."""
    received: str
    explanation: Explanation = field(default_factory=Explanation)
