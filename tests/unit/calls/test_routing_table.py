"""The routing table: what is found by number, username and source, before and after changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.calls.routing_table import ApplicationContent, RoutingTable
from bridge.calls.source_index import SourceIndex, parse_address
from tests.support.call_world import CREDENTIALS, MIDNIGHT, RULE, TRUNK, rule, trunk
from trunking.routing import InboundCall, Rejection, Route


def table() -> RoutingTable:
    """One application with one trunk and one rule."""
    made = RoutingTable()
    made.replace_application(ApplicationContent("app", 3, (TRUNK,), (RULE,), (CREDENTIALS,)))
    return made


def call(called: str = "+15551230001") -> InboundCall:
    """A call of nobody in particular."""
    return InboundCall(called, "+15557654321", "c", MIDNIGHT, "u")


def test_found_by_number_and_username() -> None:
    made = table()
    assert made.trunk_of_number("+15551230002") == TRUNK
    assert made.trunk_of_username("alice") == TRUNK
    assert made.credentials("trunk-1") == CREDENTIALS
    assert made.trunk_of_number("+15550000000") is None
    assert made.version("app") == 3
    assert made.version("nobody") == 0


def test_changed_trunk_leaves_no_old_names() -> None:
    made = table()
    made.set_trunk(trunk(numbers=("+15551230009",), username="carol", allowed_ips=("192.0.2.1",)))
    assert made.trunk_of_number("+15551230001") is None
    assert made.trunk_of_username("alice") is None
    assert made.trunk_of_number("+15551230009") is not None
    assert made.allows_source("trunk-1", "192.0.2.1")
    made.remove_trunk("trunk-1")
    assert made.trunk_of_number("+15551230009") is None
    assert made.trunk_of_username("carol") is None
    assert not made.trusts_source("192.0.2.1")
    assert made.credentials("trunk-1") is None


def test_number_that_moved_to_another_trunk_is_not_forgotten_with_the_old_one() -> None:
    made = table()
    made.set_trunk(trunk(id="trunk-2", username="dave", numbers=("+15551230001",)))
    made.set_trunk(trunk(numbers=("+15551230002",)))
    found = made.trunk_of_number("+15551230001")
    assert found is not None
    assert found.id == "trunk-2"


def test_rules_follow_their_changes() -> None:
    made = table()
    assert isinstance(made.resolve(call(), TRUNK), Route)
    made.set_rule(rule(called_numbers=("+15551230002",)))
    assert isinstance(made.resolve(call(), TRUNK), Rejection)
    assert isinstance(made.resolve(call("+15551230002"), TRUNK), Route)
    made.remove_rule("rule-1")
    made.remove_rule("rule-1")
    assert isinstance(made.resolve(call("+15551230002"), TRUNK), Rejection)


def test_replacing_an_application_forgets_what_it_no_longer_has_and_spares_others() -> None:
    made = table()
    other = replace(TRUNK, id="trunk-9", application_id="other", username="zed", numbers=("+15557770001",))
    made.replace_application(ApplicationContent("other", 1, (other,), (), ()))
    made.replace_application(ApplicationContent("app", 4, (), (), ()))
    assert made.trunk_of_number("+15551230001") is None
    assert made.trunk_of_number("+15557770001") == other
    assert made.sizes() == (1, 0)
    made.remove_application("other")
    assert made.versions == {"app": 4}
    assert made.sizes() == (0, 0)


@pytest.mark.parametrize(
    ("source", "allowed"),
    [
        ("192.0.2.7", True),
        ("192.0.3.7", False),
        ("::ffff:192.0.2.7", True),
        ("2001:db8::5", True),
        ("2001:db9::5", False),
        ("fe80::1%eth0", False),
        ("no address", False),
    ],
)
def test_sources_by_address_and_block(source: str, allowed: bool) -> None:
    index = SourceIndex()
    index.set_trunk("t", ("192.0.2.0/24", "2001:db8::/32", "198.51.100.1"))
    assert index.allows("t", source) is allowed
    index.set_trunk("t", ())
    assert index.holders(source) == ()


def test_addresses_are_plain() -> None:
    assert str(parse_address("::ffff:10.0.0.1")) == "10.0.0.1"
    assert parse_address("x") is None
