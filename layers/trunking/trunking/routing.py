"""Which routing rule takes a call, and why the others do not: one pure decision that explains itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from trunking.call import CALL_ID_PATTERN, CallIdentity
from trunking.matching import EXACT, RuleEntry, Specificity, TrunkRules, best, best_weight, specificity
from trunking.routing_rule import RoutingRule
from trunking.templates import (
    MissingHeaderError,
    TemplateError,
    TemplateValues,
    parse_template,
    render_custom_data,
)
from trunking.termination import Termination
from trunking.trunk import Trunk
from trunking.user import USER_ID_PATTERN


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
    """`trunk`, `trunk_enabled`, `enabled`, `called_number`, `caller_number`, `less_specific`, `priority`,
    `age`."""
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


ROUTING_NUMBER_CALL_TYPE = "default"
"""The type of calls that a keyed-in routing number names."""


def resolve(call: InboundCall, trunk: Trunk, rules: Iterable[RoutingRule]) -> Route | Rejection:
    """Which of `rules` takes `call` on `trunk`, with the reason why each other does not.

    Looks at every rule; `RoutingIndex.resolve` decides the same without.
    """
    every = list(rules)
    on_trunk = {rule.id: rule for rule in every if trunk.id in rule.trunk_ids}
    entries = [RuleEntry.of(rule) for rule in on_trunk.values()]
    winner = best(entries, call.called_number, call.caller_number) if trunk.enabled else None
    explanation = explain(call, trunk, every, winner)
    return decide(call, trunk, None if winner is None else on_trunk[winner.id], explanation)


def decide(
    call: InboundCall, trunk: Trunk, rule: RoutingRule | None, explanation: Explanation | None = None
) -> Route | Rejection:
    """The route by the rule that won, or the rejection; renders the rule's templates."""
    explanation = explanation if explanation is not None else Explanation()
    if not trunk.enabled:
        return Rejection(
            Termination.TRUNK_DISABLED, "an enabled trunk", f"trunk {trunk.id} disabled", explanation
        )
    if rule is None:
        return Rejection(
            Termination.NO_ROUTING_RULE,
            f"an enabled routing rule of trunk {trunk.id} that matches both numbers",
            f"called {call.called_number or 'nothing'}, caller {call.caller_number or 'anonymous'}",
            explanation,
        )
    return _render(call, trunk, rule, explanation)


def call_of_routing_number(application_id: str, digits: str) -> CallIdentity | None:
    """The call that a keyed-in routing number names; None when no call can have that number."""
    if not (digits.isascii() and digits.isdigit() and 3 <= len(digits) <= 12):
        return None
    return CallIdentity(application_id, ROUTING_NUMBER_CALL_TYPE, digits)


def template_values(call: InboundCall, trunk: Trunk, rule: RoutingRule) -> TemplateValues:
    """What the templates of `rule` can use."""
    return TemplateValues(
        variables={
            "uuid": call.uuid,
            "caller_number": call.caller_number or "anonymous",
            "called_number": call.called_number,
            "caller_name": call.caller_name,
            "trunk_id": trunk.id,
            "trunk_name": trunk.name,
            "rule_id": rule.id,
            "sip_call_id": call.sip_call_id,
            "verstat": call.verstat,
            "date": call.received_at.date().isoformat(),
            "digits": call.digits,
        },
        sip_headers=call.sip_headers,
    )


def explain(
    call: InboundCall, trunk: Trunk, rules: Iterable[RoutingRule], winner: RuleEntry | None
) -> Explanation:
    """For each rule but the winner, the first condition by which it does not take the call."""
    return Explanation(
        {
            rule.id: _failed_condition(call, trunk, rule, winner)
            for rule in rules
            if winner is None or rule.id != winner.id
        }
    )


class RoutingIndex:
    """The rules of one application, found by trunk and numbers without looking at each.

    Changes are applied one at a time; who needs a consistent view applies and reads in one thread.
    """

    __slots__ = ("_by_trunk", "_rules")

    def __init__(self, rules: Iterable[RoutingRule] = ()) -> None:
        self._rules: dict[str, RoutingRule] = {}
        self._by_trunk: dict[str, TrunkRules] = {}
        for rule in rules:
            self.put(rule)

    def __len__(self) -> int:
        return len(self._rules)

    def get(self, rule_id: str) -> RoutingRule | None:
        """The rule with this id."""
        return self._rules.get(rule_id)

    def put(self, rule: RoutingRule) -> None:
        """Add or replace."""
        self.remove(rule.id)
        self._rules[rule.id] = rule
        entry = RuleEntry.of(rule)
        for trunk_id in rule.trunk_ids:
            self._by_trunk.setdefault(trunk_id, TrunkRules()).put(entry)

    def remove(self, rule_id: str) -> None:
        """Remove; an absent one is no error."""
        rule = self._rules.pop(rule_id, None)
        for trunk_id in rule.trunk_ids if rule is not None else ():
            entries = self._by_trunk[trunk_id]
            entries.remove(rule_id)
            if not len(entries):
                del self._by_trunk[trunk_id]

    def of_trunk(self, trunk_id: str) -> list[RoutingRule]:
        """The rules that list this trunk."""
        return [self._rules[entry.id] for entry in self._by_trunk.get(trunk_id, ())]

    def resolve(self, call: InboundCall, trunk: Trunk) -> Route | Rejection:
        """As `resolve` decides over all rules; only a rejection explains itself, by the trunk's rules."""
        entries = self._by_trunk.get(trunk.id)
        winner = entries.best(call.called_number, call.caller_number) if entries is not None else None
        if winner is not None and trunk.enabled:
            return decide(call, trunk, self._rules[winner.id])
        return decide(call, trunk, None, explain(call, trunk, self.of_trunk(trunk.id)[:100], None))


def _render(
    call: InboundCall, trunk: Trunk, rule: RoutingRule, explanation: Explanation
) -> Route | Rejection:
    values = template_values(call, trunk, rule)
    try:
        identity = _call_identity(trunk.application_id, rule, values)
        user_id = _rendered_id(rule.caller.id, values, USER_ID_PATTERN)
    except _RenderedIdError as error:
        return Rejection(Termination.INVALID_ROUTE, error.expected, error.received, explanation)
    return Route(
        trunk=trunk,
        rule=rule,
        call=identity,
        user_id=user_id,
        user_custom_data=render_custom_data(rule.caller.custom_data, values),
        call_custom_data=render_custom_data(rule.call_custom_data, values),
        explanation=explanation,
    )


class _RenderedIdError(ValueError):
    def __init__(self, expected: str, received: str) -> None:
        super().__init__(expected)
        self.expected = expected
        self.received = received


def _call_identity(application_id: str, rule: RoutingRule, values: TemplateValues) -> CallIdentity | None:
    if rule.direct_routing is None:
        return None
    call_id = _rendered_id(rule.direct_routing.call_id, values, CALL_ID_PATTERN)
    return CallIdentity(application_id, rule.direct_routing.call_type, call_id)


def _rendered_id(template: str, values: TemplateValues, allowed: re.Pattern[str]) -> str:
    try:
        rendered = parse_template(template).render_identifier(values)
    except MissingHeaderError as error:
        raise _RenderedIdError(str(error), "an INVITE without it") from error
    except TemplateError as error:
        raise _RenderedIdError("a template of known variables", str(error)) from error
    if allowed is CALL_ID_PATTERN:
        rendered = rendered.replace("@", "_")
    if allowed.fullmatch(rendered) is None:
        raise _RenderedIdError(
            f"an id of the form {allowed.pattern} from {template!r}",
            f"{rendered[:80]!r} ({len(rendered)} characters)",
        )
    return rendered


def _failed_condition(
    call: InboundCall, trunk: Trunk, rule: RoutingRule, winner: RuleEntry | None
) -> FailedCondition:
    if trunk.id not in rule.trunk_ids:
        return FailedCondition("trunk", " or ".join(rule.trunk_ids), trunk.id)
    if not trunk.enabled:
        return FailedCondition("trunk_enabled", "enabled", "disabled")
    if not rule.enabled:
        return FailedCondition("enabled", "enabled", "disabled")
    if best_weight(rule.called_numbers, call.called_number) is None:
        return FailedCondition("called_number", " or ".join(rule.called_numbers), call.called_number)
    if best_weight(rule.caller_numbers, call.caller_number) is None:
        return FailedCondition(
            "caller_number", " or ".join(rule.caller_numbers), call.caller_number or "anonymous"
        )
    entry = RuleEntry.of(rule)
    mine = specificity(entry, call.called_number, call.caller_number)
    if winner is None or mine is None:
        return FailedCondition("less_specific", "a rule that wins", "none won")
    theirs = specificity(winner, call.called_number, call.caller_number)
    if mine != theirs:
        return FailedCondition("less_specific", f"closer than rule {winner.id}", _words(mine))
    if rule.priority != winner.priority:
        return FailedCondition("priority", f"above {winner.priority} of rule {winner.id}", str(rule.priority))
    return FailedCondition(
        "age",
        f"created before rule {winner.id}, {winner.created_at.isoformat()}",
        rule.created_at.isoformat(),
    )


def _words(found: Specificity) -> str:
    called = _weight_words(found.called)
    caller = _weight_words(found.caller)
    return f"called number {called}, caller number {caller}"


def _weight_words(found: int) -> str:
    if found == 0:
        return "any"
    return "exact" if found >= EXACT else f"prefix of {found} characters"
