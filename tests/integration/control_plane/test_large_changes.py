"""Changes that are larger than one transaction of DynamoDB takes."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.support.control_plane import ControlPlane
from trunking.aws.rule_changes import RuleChanges
from trunking.aws.trunk_changes import TrunkChanges
from trunking.routing_rule import CallerConfig, DirectRouting
from trunking.settings import RuleSettings, TrunkSettings

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FIRST = tuple(f"+1555123{index:04}" for index in range(50))
SECOND = tuple(f"+1555124{index:04}" for index in range(50))


def test_fifty_numbers_are_replaced_by_fifty_others(control_plane: ControlPlane) -> None:
    application_id = control_plane.application.application_id
    changes = TrunkChanges(control_plane.deployment)
    made = changes.create(application_id, TrunkSettings("before", FIRST), None, NOW)
    moved = changes.update(
        application_id, made.trunk.id, lambda trunk: TrunkSettings("after", SECOND), None, NOW
    )
    assert moved.trunk.numbers == SECOND
    items = control_plane.deployment.dynamodb.scan(TableName=control_plane.deployment.table)["Items"]
    claims = {item["pk"]["S"] for item in items if item["pk"]["S"].startswith("NUM#")}
    assert claims == {f"NUM#{number}" for number in SECOND}


def test_rule_moves_from_fifty_trunks_to_fifty_others(control_plane: ControlPlane) -> None:
    application_id = control_plane.application.application_id
    changes = TrunkChanges(control_plane.deployment)
    trunks = [
        changes.create(application_id, TrunkSettings("trunk", (number,)), None, NOW).trunk.id
        for number in (*FIRST, *SECOND)
    ]

    def settings(trunk_ids: tuple[str, ...]) -> RuleSettings:
        return RuleSettings(
            "rule", trunk_ids, CallerConfig("phone"), direct_routing=DirectRouting("default", "room")
        )

    rules = RuleChanges(control_plane.deployment)
    rule = rules.create(application_id, settings(tuple(trunks[:50])), NOW)
    rules.update(application_id, rule.id, lambda before: settings(tuple(trunks[50:])), NOW)
    for number, expected in ((FIRST[7], "no_routing_rule"), (SECOND[7], None)):
        answer = control_plane.ask("POST", "/explain", {"sip_trunk_number": number}).body
        assert answer.get("rejection", {}).get("termination") == expected
