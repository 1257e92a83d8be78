"""What a request costs does not grow with the table: items read and written, counted at botocore's border."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from tests.support.control_plane import Answer, ControlPlane
from trunking.aws.rule_changes import RuleChanges
from trunking.aws.trunk_changes import TrunkChanges
from trunking.http.api import Api
from trunking.routing_rule import CallerConfig, DirectRouting
from trunking.settings import RuleSettings, TrunkSettings

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
RULE = {
    "name": "To the ward",
    "caller_configs": {"id": "phone"},
    "direct_routing_configs": {"call_type": "default", "call_id": "ward"},
}


@contextmanager
def counted(control_plane: ControlPlane) -> Iterator[Counter[str]]:
    """Counts the items of each DynamoDB operation of all handlers within the block."""
    counts: Counter[str] = Counter()

    def count(parsed: dict[str, Any], model: Any, **_: Any) -> None:
        items = len(parsed.get("Items", ())) or 1
        counts[model.name] += items

    apis = [handler for handler in control_plane.handlers.values() if isinstance(handler, Api)]
    clients = {id(api.reach().deployment): api.reach().deployment.dynamodb for api in apis}
    events = [client.meta.events for client in clients.values()]
    for each in events:
        each.register("after-call.dynamodb", count)
    try:
        yield counts
    finally:
        for each in events:
            each.unregister("after-call.dynamodb", count)


def cost(control_plane: ControlPlane, work: Callable[[], Answer]) -> dict[str, int]:
    """The items of one request that succeeds."""
    with counted(control_plane) as counts:
        answer = work()
    assert answer.status in (200, 201), answer.body
    return dict(counts)


def costs(control_plane: ControlPlane, number: int) -> dict[str, dict[str, int]]:
    """The items of each request of an application's life."""
    ask = control_plane.ask
    trunk: dict[str, Any] = {}
    rule: dict[str, Any] = {}

    def create_trunk() -> Answer:
        answer = ask("POST", "/inbound_trunks", {"name": "t", "numbers": [f"+1555900{number:04}"]})
        trunk.update(answer.body["sip_trunk"])
        return answer

    def create_rule() -> Answer:
        answer = ask("POST", "/inbound_routing_rules", {**RULE, "trunk_ids": [trunk["id"]]})
        rule.update(answer.body)
        return answer

    number_of_trunk = {"sip_trunk_number": f"+1555900{number:04}", "sip_caller_number": "+12125550100"}
    requests: dict[str, Callable[[], Answer]] = {
        "create trunk": create_trunk,
        "read trunk": lambda: ask("GET", f"/inbound_trunks/{trunk['id']}"),
        "update trunk": lambda: ask(
            "PUT", f"/inbound_trunks/{trunk['id']}", {"name": "u", "numbers": trunk["numbers"]}
        ),
        "create rule": create_rule,
        "update rule": lambda: ask(
            "PUT", f"/inbound_routing_rules/{rule['id']}", {**RULE, "trunk_ids": [trunk["id"]]}
        ),
        "auth": lambda: ask("POST", "/auth", number_of_trunk),
        "resolve": lambda: ask("POST", "/resolve", {**number_of_trunk, "trunk_id": trunk["id"]}),
        "delete rule": lambda: ask("DELETE", f"/inbound_routing_rules/{rule['id']}"),
        "delete trunk": lambda: ask("DELETE", f"/inbound_trunks/{trunk['id']}"),
    }
    return {name: cost(control_plane, work) for name, work in requests.items()}


def test_cost_does_not_grow_with_the_table(control_plane: ControlPlane) -> None:
    assert control_plane.ask("GET", "/inbound_trunks").status == 200  # the application is known from here on
    for area in ("/inbound_routing_rules", "/bridges"):
        assert control_plane.ask("GET", area).status == 200
    control_plane.ask("POST", "/auth", {"sip_trunk_number": "", "sip_caller_number": ""})
    empty = costs(control_plane, 1)
    application_id = control_plane.application.application_id
    trunks = TrunkChanges(control_plane.deployment)
    rules = RuleChanges(control_plane.deployment)
    for index in range(40):
        settings = TrunkSettings(f"{index}", (f"+1555901{index:04}",))
        trunk = trunks.create(application_id, settings, None, NOW).trunk
        direct = DirectRouting("default", "room")
        rules.create(
            application_id,
            RuleSettings(f"{index}", (trunk.id,), CallerConfig("phone"), direct_routing=direct),
            NOW,
        )
    assert costs(control_plane, 2) == empty
    assert empty["resolve"] == {"GetItem": 3}, "the number, its trunk, the rule that won"
    assert empty["create trunk"] == {"GetItem": 1, "TransactWriteItems": 1}


def test_lists_go_over_pages(control_plane: ControlPlane) -> None:
    """More than DynamoDB's megabyte of one page."""
    application_id = control_plane.application.application_id
    trunk = TrunkChanges(control_plane.deployment).create(
        application_id, TrunkSettings("t", ("+15559010000",)), None, NOW
    )
    rules = RuleChanges(control_plane.deployment)
    note = {"note": "n" * 1000, "more": ["x" * 1000] * 54}
    for index in range(22):
        settings = RuleSettings(
            f"{index}",
            (trunk.trunk.id,),
            CallerConfig("phone", note),
            direct_routing=DirectRouting("default", "room"),
        )
        rules.create(application_id, settings, NOW)
    table = control_plane.deployment.table
    page = control_plane.deployment.dynamodb.query(
        TableName=table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
        ExpressionAttributeValues={":pk": {"S": f"APP#{application_id}"}, ":prefix": {"S": "RULE#"}},
    )
    assert "LastEvaluatedKey" in page, "the rules fill more than one page"
    listed = control_plane.ask("GET", "/inbound_routing_rules").body["sip_inbound_routing_rules"]
    assert len(listed) == 22
