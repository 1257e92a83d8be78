"""Which rule takes a call: the order, the explanation, and an index that decides as looking at each does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trunking.call import CallIdentity
from trunking.matching import RuleEntry, TrunkRules, best
from trunking.routing import InboundCall, Rejection, Route, RoutingIndex, call_of_routing_number, resolve
from trunking.routing_rule import CallerConfig, DirectRouting, PinRouting, RoutingRule
from trunking.termination import Termination
from trunking.trunk import Trunk

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CALLED, CALLER = "+15551230001", "+12125550100"
TRUNK = Trunk("t", "app", "Main line", (CALLED,), "user", (), NOW, NOW)


def rule(rule_id: str, **changes: Any) -> RoutingRule:
    """A rule of the trunk."""
    values: dict[str, Any] = {
        "id": rule_id,
        "application_id": "app",
        "name": rule_id,
        "trunk_ids": ("t",),
        "caller": CallerConfig("phone-{{caller_number}}"),
        "created_at": NOW,
        "updated_at": NOW,
        "direct_routing": DirectRouting("default", "room"),
    }
    return RoutingRule(**{**values, **changes})


def call(**changes: Any) -> InboundCall:
    """A call to the trunk's number."""
    values: dict[str, Any] = {
        "called_number": CALLED,
        "caller_number": CALLER,
        "sip_call_id": "call@host",
        "received_at": NOW,
        "uuid": "11111111-2222-3333-4444-555555555555",
    }
    return InboundCall(**{**values, **changes})


# From the winner on, each rule loses to all before it.
ORDER = [
    rule("both exact", called_numbers=(CALLED,), caller_numbers=(CALLER,)),
    rule("called exact, caller prefix", called_numbers=(CALLED,), caller_numbers=("+1212*",)),
    rule("called exact, caller shorter prefix", called_numbers=(CALLED,), caller_numbers=("+1*",)),
    rule("called prefix, caller exact", called_numbers=("+1555*",), caller_numbers=(CALLER,)),
    rule("called exact", called_numbers=(CALLED,)),
    rule("called prefix", called_numbers=("+1555123*",)),
    rule("called shorter prefix", called_numbers=("+1*", "+44*")),
    rule("caller exact", caller_numbers=(CALLER,)),
    rule("caller prefix", caller_numbers=("+1212*",)),
    rule("any, high priority", priority=5),
    rule("any, oldest", created_at=NOW - timedelta(days=1)),
    rule("any"),
]


@pytest.mark.parametrize("first", range(len(ORDER)))
def test_order(first: int) -> None:
    rules = ORDER[first:]
    for given_rules in (rules, rules[::-1]):
        decision = resolve(call(), TRUNK, given_rules)
        assert isinstance(decision, Route)
        assert decision.rule.id == ORDER[first].id
        assert set(decision.explanation.rejected_rules) == {each.id for each in rules[1:]}


def test_explanation_names_the_first_failed_condition() -> None:
    rules = [
        rule("winner", called_numbers=(CALLED,), priority=1),
        rule("other trunk", trunk_ids=("other",)),
        rule("disabled", enabled=False),
        rule("called", called_numbers=("+4420*",)),
        rule("caller", caller_numbers=("+4420*",)),
        rule("less", called_numbers=("+1555*",), priority=100),
        rule("priority", called_numbers=(CALLED,)),
        rule("age", called_numbers=(CALLED,), priority=1, created_at=NOW + timedelta(seconds=1)),
    ]
    decision = resolve(call(), TRUNK, rules)
    failed = {rule_id: each.condition for rule_id, each in decision.explanation.rejected_rules.items()}
    assert failed == {
        "other trunk": "trunk",
        "disabled": "enabled",
        "called": "called_number",
        "caller": "caller_number",
        "less": "less_specific",
        "priority": "priority",
        "age": "age",
    }
    called = decision.explanation.rejected_rules["called"]
    assert (called.expected, called.received) == ("+4420*", CALLED)


def test_rejections() -> None:
    none = resolve(call(caller_number=""), TRUNK, [rule("r", caller_numbers=("+1*",))])
    assert isinstance(none, Rejection)
    assert none.termination is Termination.NO_ROUTING_RULE
    assert "anonymous" in none.received
    disabled = Trunk("t", "app", "off", (CALLED,), "user", (), NOW, NOW, enabled=False)
    off = resolve(call(), disabled, [rule("r")])
    assert isinstance(off, Rejection)
    assert off.termination is Termination.TRUNK_DISABLED
    assert off.explanation.rejected_rules["r"].condition == "trunk_enabled"


def test_rendered_ids_are_checked() -> None:
    headers = {"x_room": "a" * 10_000}
    templates = DirectRouting("default", "{{sip_headers.x_room}}")
    long = resolve(call(sip_headers=headers), TRUNK, [rule("r", direct_routing=templates)])
    assert isinstance(long, Rejection)
    assert long.termination is Termination.INVALID_ROUTE
    missing = resolve(call(), TRUNK, [rule("r", direct_routing=templates)])
    assert isinstance(missing, Rejection)
    assert "sip_headers.x_room" in missing.expected


def test_route_of_direct_and_pin_routing() -> None:
    direct = resolve(
        call(caller_number=""), TRUNK, [rule("r", direct_routing=DirectRouting("t", "w-{{uuid}}"))]
    )
    assert isinstance(direct, Route)
    assert direct.call == CallIdentity("app", "t", "w-11111111-2222-3333-4444-555555555555")
    assert direct.user_id == "phone-anonymous"
    pin = resolve(call(), TRUNK, [rule("r", direct_routing=None, pin_routing=PinRouting())])
    assert isinstance(pin, Route)
    assert pin.call is None
    assert call_of_routing_number("app", "12345") == CallIdentity("app", "default", "12345")
    for digits in ("12", "1" * 13, "12a", "", "\u0661\u0662\u0663"):
        assert call_of_routing_number("app", digits) is None


NUMBERS = st.sampled_from(["+1212555", "+1212556", "+1213", "+44", "+1", ""])
PATTERNS = st.lists(
    st.sampled_from(["+1212555", "+1212556", "+1212*", "+121*", "+1*", "+4*", "+44", "+1213"]),
    max_size=3,
    unique=True,
)
ENTRIES = st.lists(
    st.builds(
        RuleEntry,
        id=st.uuids().map(str),
        called_numbers=PATTERNS.map(tuple),
        caller_numbers=PATTERNS.map(tuple),
        priority=st.integers(0, 2),
        created_at=st.integers(0, 3).map(lambda days: NOW + timedelta(days=days)),
        enabled=st.booleans(),
    ),
    max_size=40,
    unique_by=lambda entry: entry.id,
)


@settings(max_examples=300, deadline=None)
@given(ENTRIES, NUMBERS, NUMBERS)
def test_index_decides_as_looking_at_each(entries: list[RuleEntry], called: str, caller: str) -> None:
    index = TrunkRules()
    for entry in entries:
        index.put(entry)
    assert index.best(called, caller) == best(entries, called, caller)


def test_wide_rules_are_in_the_index() -> None:
    called = tuple(f"+1555123{number:04}" for number in range(50))
    callers = tuple(f"+1212555{number:04}" for number in range(50))
    index = TrunkRules()
    for number in range(20):
        index.put(RuleEntry(f"narrow {number}", (f"+1555123{number:04}",), (), 0, NOW))
    index.put(RuleEntry("wide", called, callers, 0, NOW))
    found = index.best("+15551230007", "+12125550007")
    assert found is not None
    assert found.id == "wide"
    other = index.best("+15551230007", "+12125559999")
    assert other is not None
    assert other.id == "narrow 7"


def test_index_follows_changes() -> None:
    index = RoutingIndex([rule("a"), rule("b", priority=1)])
    assert len(index) == 2
    decision = index.resolve(call(), TRUNK)
    assert isinstance(decision, Route)
    assert decision.rule.id == "b"
    index.put(rule("b", trunk_ids=("other",)))
    decision = index.resolve(call(), TRUNK)
    assert isinstance(decision, Route)
    assert decision.rule.id == "a"
    index.remove("a")
    index.remove("a")
    rejected = index.resolve(call(), TRUNK)
    assert isinstance(rejected, Rejection)
    assert rejected.termination is Termination.NO_ROUTING_RULE
    assert [each.id for each in index.of_trunk("other")] == ["b"]
