"""Change events lost, repeated, late and out of order: the table ends up true."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace

import pytest

from bridge.adapters.routing_subscription import RoutingSubscription, parse_event
from bridge.calls.routing_table import ApplicationContent, RoutingTable
from tests.support.call_world import CREDENTIALS, MIDNIGHT, RULE, TRUNK
from trunking.change import Change, ChangeKind
from trunking.errors import UnavailableError
from trunking.routing_rule import RoutingRule
from trunking.trunk import Trunk, TrunkCredentials


class Source:
    """The control plane's table as a dictionary, with its chain of changes."""

    def __init__(self) -> None:
        self.trunks: dict[str, Trunk] = {}
        self.rules: dict[str, RoutingRule] = {}
        self.chain: list[Change] = []
        self.reads: list[str] = []
        self.expired_before = 0
        self.down = 0

    def change(self, kind: ChangeKind, subject_id: str) -> str:
        """Commit a change; the event that tells of it."""
        self.chain.append(Change("app", len(self.chain) + 1, kind, subject_id, MIDNIGHT))
        return event("app", len(self.chain), kind, subject_id)

    def put_trunk(self, trunk: Trunk) -> str:
        created = trunk.id not in self.trunks
        self.trunks[trunk.id] = trunk
        return self.change(ChangeKind.TRUNK_CREATED if created else ChangeKind.TRUNK_UPDATED, trunk.id)

    def put_rule(self, rule: RoutingRule) -> str:
        self.rules[rule.id] = rule
        return self.change(ChangeKind.RULE_CREATED, rule.id)

    def snapshot(self) -> Sequence[ApplicationContent]:
        if self.down:
            self.down -= 1
            raise UnavailableError("DynamoDB")
        found = self.application("app")
        return [found] if found is not None else []

    def application(self, application_id: str) -> ApplicationContent | None:
        self.reads.append("application")
        credentials = [replace(CREDENTIALS, trunk_id=t.id, username=t.username) for t in self.trunks.values()]
        return ApplicationContent(
            "app", len(self.chain), tuple(self.trunks.values()), tuple(self.rules.values()), credentials
        )

    def versions(self) -> Mapping[str, int]:
        return {"app": len(self.chain)} if self.chain else {}

    def changes(self, application_id: str, after_version: int) -> Sequence[Change]:
        self.reads.append("changes")
        return [c for c in self.chain if c.version > max(after_version, self.expired_before)]

    def trunk(self, application_id: str, trunk_id: str) -> tuple[Trunk, TrunkCredentials] | None:
        self.reads.append("trunk")
        found = self.trunks.get(trunk_id)
        return None if found is None else (found, CREDENTIALS)

    def rule(self, application_id: str, rule_id: str) -> RoutingRule | None:
        self.reads.append("rule")
        return self.rules.get(rule_id)


def event(application_id: str, version: int, kind: ChangeKind, subject_id: str) -> str:
    """An event as the bus brings it."""
    detail = {"application": application_id, "version": version, "subject": {"id": subject_id}}
    return json.dumps({"source": "trunkline", "detail-type": f"sip.{kind.value}", "detail": detail})


class World:
    """A table, its subscription and what it counted."""

    def __init__(self) -> None:
        self.source = Source()
        self.table = RoutingTable()
        self.counts: list[str] = []
        self.subscription = RoutingSubscription(
            self.table, self.source, reconcile_seconds=3600.0, counted=self.counts.append
        )


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    made.source.put_trunk(TRUNK)
    made.source.put_rule(RULE)
    await made.subscription.load()
    made.counts.clear()
    made.source.reads.clear()
    yield made
    await made.subscription.close()


async def test_snapshot_then_events_in_order(world: World) -> None:
    assert world.table.version("app") == 2
    moved = replace(TRUNK, numbers=("+15551230009",))
    await world.subscription.take([world.source.put_trunk(moved)])
    assert world.table.trunk_of_number("+15551230009") == moved
    assert world.table.trunk_of_number("+15551230001") is None
    assert world.table.version("app") == 3
    assert world.counts == ["applied"]
    assert world.source.reads == ["trunk"]


async def test_repeated_and_late_events_change_nothing(world: World) -> None:
    body = world.source.put_trunk(replace(TRUNK, name="new"))
    await world.subscription.take([body, body])
    await world.subscription.take([event("app", 1, ChangeKind.TRUNK_CREATED, "trunk-1")])
    assert world.counts == ["applied", "duplicate", "duplicate"]
    assert world.table.version("app") == 3


async def test_lost_event_is_read_from_the_chain(world: World) -> None:
    second = replace(TRUNK, id="trunk-2", username="bob", numbers=("+15551230077",))
    world.source.put_trunk(second)
    last = world.source.put_rule(replace(RULE, id="rule-2", trunk_ids=("trunk-2",)))
    await world.subscription.take([last])
    assert world.table.trunk_of_number("+15551230077") == second
    assert world.table.sizes() == (2, 2)
    assert world.table.version("app") == 4
    assert world.counts == ["gap", "applied"]


async def test_expired_chain_is_healed_by_the_application_as_a_whole(world: World) -> None:
    for number in range(5):
        world.source.put_trunk(replace(TRUNK, name=str(number)))
    del world.source.rules["rule-1"]
    body = world.source.change(ChangeKind.RULE_DELETED, "rule-1")
    world.source.expired_before = 5
    await world.subscription.take([body])
    assert world.counts == ["gap", "snapshot"]
    assert world.table.sizes() == (1, 0)
    assert world.table.version("app") == 8


async def test_events_out_of_order_end_up_right(world: World) -> None:
    first = world.source.put_trunk(replace(TRUNK, name="a"))
    second = world.source.put_trunk(replace(TRUNK, name="b"))
    await world.subscription.take([second, first])
    found = world.table.trunk_of_username("alice")
    assert found is not None
    assert found.name == "b"
    assert world.counts == ["gap", "applied", "duplicate"]


async def test_deletions(world: World) -> None:
    del world.source.rules["rule-1"]
    await world.subscription.take([world.source.change(ChangeKind.RULE_DELETED, "rule-1")])
    del world.source.trunks["trunk-1"]
    await world.subscription.take([world.source.change(ChangeKind.TRUNK_DELETED, "trunk-1")])
    assert world.table.sizes() == (0, 0)


async def test_silence_is_healed_by_comparing_versions(world: World) -> None:
    world.source.put_trunk(replace(TRUNK, name="unheard"))
    await world.subscription.reconcile()
    found = world.table.trunk_of_username("alice")
    assert found is not None
    assert found.name == "unheard"
    world.source.chain.clear()
    await world.subscription.reconcile()
    assert world.table.versions == {}


async def test_failed_read_makes_the_event_come_again(world: World) -> None:
    body = world.source.put_trunk(replace(TRUNK, name="later"))

    def fail(application_id: str, trunk_id: str) -> tuple[Trunk, TrunkCredentials] | None:
        raise UnavailableError("DynamoDB")

    read, world.source.trunk = world.source.trunk, fail  # type: ignore[method-assign]
    with pytest.raises(UnavailableError):
        await world.subscription.take([body])
    assert world.table.version("app") == 2
    world.source.trunk = read  # type: ignore[method-assign]
    await world.subscription.take([body])
    assert world.table.version("app") == 3


async def test_snapshot_is_tried_until_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.adapters.routing_subscription._FIRST_RETRY", 0.0)
    made = World()
    made.source.put_trunk(TRUNK)
    made.source.down = 3
    await made.subscription.load()
    assert made.table.version("app") == 1
    assert made.counts == ["failed", "failed", "failed", "snapshot"]
    await made.subscription.close()


async def test_new_application_begins_at_its_first_event(world: World) -> None:
    await world.subscription.take([event("other", 1, ChangeKind.TRUNK_CREATED, "trunk-1")])
    assert world.table.version("other") == 1


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        event("a", 1, ChangeKind.TRUNK_CREATED, "x").replace("trunk.created", "call.ended"),
        '{"detail-type": "sip.trunk.created", "detail": {"application": "a", "version": "x"}}',
        '{"detail-type": "sip.trunk.created", "detail": null}',
    ],
)
def test_other_events_are_none(body: str) -> None:
    assert parse_event(body) is None
