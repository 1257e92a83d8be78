"""Writers at the same time: one number has one owner, and the version chain has no gap."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

from tests.support.control_plane import ControlPlane
from trunking.aws.change_chain import ChangeChain
from trunking.aws.changes import read_changes
from trunking.aws.deployment import Deployment
from trunking.aws.rule_changes import RuleChanges
from trunking.aws.trunk_changes import TrunkChanges
from trunking.errors import NumberTakenError
from trunking.routing_rule import CallerConfig, DirectRouting
from trunking.settings import RuleSettings, TrunkSettings

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def run_together(count: int, work: Callable[[int], None]) -> None:
    """Run `work` on `count` threads that start at the same moment."""
    gate = threading.Barrier(count)

    def run(index: int) -> None:
        gate.wait(10)
        work(index)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)


def another(deployment: Deployment) -> Deployment:
    """The same deployment with clients of its own, as another Lambda instance has."""
    return Deployment(deployment.table, deployment.secret_prefix, deployment.bus, deployment.sip_host)


def trunk_secret_names(deployment: Deployment) -> set[str]:
    """The names of all trunks' secrets."""
    pages = deployment.secrets_manager.get_paginator("list_secrets").paginate()
    names = {entry["Name"] for page in pages for entry in page["SecretList"]}
    return {name for name in names if name.startswith(f"{deployment.secret_prefix}trunks/")}


def test_six_creators_of_one_number(control_plane: ControlPlane) -> None:
    made: list[str] = []
    refused: list[NumberTakenError] = []
    application_id = control_plane.application.application_id

    def create(index: int) -> None:
        changes = TrunkChanges(another(control_plane.deployment))
        try:
            found = changes.create(application_id, TrunkSettings(f"{index}", ("+15551230001",)), None, NOW)
        except NumberTakenError as error:
            refused.append(error)
        else:
            made.append(found.trunk.id)

    run_together(6, create)
    assert (len(made), len(refused)) == (1, 5)
    assert {error.numbers for error in refused} == {("+15551230001",)}
    assert trunk_secret_names(control_plane.deployment) == {
        f"{control_plane.deployment.secret_prefix}trunks/{made[0]}"
    }
    assert control_plane.ask("GET", "/inbound_trunks").body["sip_trunks"][0]["id"] == made[0]


def test_eight_writers_make_a_gapless_chain(control_plane: ControlPlane) -> None:
    application_id = control_plane.application.application_id
    trunk = TrunkChanges(control_plane.deployment).create(
        application_id, TrunkSettings("shared", ("+15551230001",)), None, NOW
    )

    def write(index: int) -> None:
        deployment = another(control_plane.deployment)
        settings = RuleSettings(
            f"rule {index}",
            (trunk.trunk.id,),
            CallerConfig("phone"),
            direct_routing=DirectRouting("default", "room"),
        )
        for _ in range(3):
            RuleChanges(deployment).create(application_id, settings, NOW)

    run_together(8, write)
    changes = read_changes(control_plane.deployment, application_id, 0)
    assert [change.version for change in changes] == list(range(1, 26))
    assert ChangeChain(control_plane.deployment).version(application_id) == 25
    assert len(control_plane.ask("GET", "/inbound_routing_rules").body["sip_inbound_routing_rules"]) == 24


def test_update_against_delete_leaves_no_claim_behind(control_plane: ControlPlane) -> None:
    """Whoever comes first, the end is a whole trunk or none of it."""
    application_id = control_plane.application.application_id
    trunk = TrunkChanges(control_plane.deployment).create(
        application_id, TrunkSettings("contested", ("+15551230001",)), None, NOW
    )
    path = f"/inbound_trunks/{trunk.trunk.id}"

    def write(index: int) -> None:
        if index == 0:
            control_plane.ask("DELETE", path)
        else:
            control_plane.ask("PUT", path, {"name": "moved", "numbers": ["+15551230002"]})

    run_together(2, write)
    items = control_plane.deployment.dynamodb.scan(TableName=control_plane.deployment.table)["Items"]
    claims = {item["pk"]["S"] for item in items if item["pk"]["S"].startswith("NUM#")}
    trunks = control_plane.ask("GET", "/inbound_trunks").body["sip_trunks"]
    assert claims == {f"NUM#{number}" for found in trunks for number in found["numbers"]}
