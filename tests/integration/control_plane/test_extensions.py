"""What Stream's API does not have: reading one, rotation, explanation, preconditions, repetition, records."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.control_plane import ControlPlane
from trunking.aws.bridges import Bridges
from trunking.aws.call_records import CallRecords
from trunking.aws.leftovers import Leftovers
from trunking.aws.snapshot import SnapshotReader
from trunking.bridge_status import BridgeStatus
from trunking.call_record import CallRecord, LadderStep
from trunking.identifiers import new_call_record_id
from trunking.termination import Termination

TRUNK = {"name": "Main line", "numbers": ["+15551230001"]}


@pytest.fixture
def trunk(control_plane: ControlPlane) -> dict[str, Any]:
    """A trunk."""
    made: dict[str, Any] = control_plane.ask("POST", "/inbound_trunks", TRUNK).body["sip_trunk"]
    return made


def rule(trunk: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A request for a rule of the trunk."""
    return {
        "name": "To the ward",
        "trunk_ids": [trunk["id"]],
        "caller_configs": {"id": "phone-{{caller_number}}"},
        "direct_routing_configs": {"call_type": "default", "call_id": "ward"},
        **changes,
    }


def test_read_one(control_plane: ControlPlane, trunk: dict[str, Any]) -> None:
    answer = control_plane.ask("GET", f"/inbound_trunks/{trunk['id']}")
    assert answer.body["sip_trunk"] == trunk
    assert answer.headers["etag"] == '"1"'
    made = control_plane.ask("POST", "/inbound_routing_rules", rule(trunk)).body
    found = control_plane.ask("GET", f"/inbound_routing_rules/{made['id']}").body["sip_inbound_routing_rule"]
    assert {**found, "duration": ""} == {**made, "duration": ""}


def test_if_match(control_plane: ControlPlane, trunk: dict[str, Any]) -> None:
    path = f"/inbound_trunks/{trunk['id']}"
    first = control_plane.ask("PUT", path, TRUNK, headers={"if-match": '"1"'})
    assert (first.status, first.headers["etag"]) == (201, '"2"')
    stale = control_plane.ask("PUT", path, TRUNK, headers={"if-match": '"1"'})
    assert (stale.status, stale.headers["etag"]) == (412, '"2"')
    assert control_plane.ask("DELETE", path, headers={"if-match": '"1"'}).status == 412
    assert control_plane.ask("DELETE", path, headers={"if-match": "nonsense"}).status == 400
    assert control_plane.ask("DELETE", path, headers={"if-match": '"2"'}).status == 200


def test_rotation_has_two_valid_passwords_then_one(
    control_plane: ControlPlane, trunk: dict[str, Any]
) -> None:
    application_id = control_plane.application.application_id
    request = {"grace_period_seconds": 3600}
    rotated = control_plane.ask("POST", f"/inbound_trunks/{trunk['id']}/rotate_password", request).body
    now = datetime.now(tz=UTC)
    found = SnapshotReader(control_plane.deployment).read_trunk(application_id, trunk["id"])
    assert found is not None
    new, old = rotated["sip_trunk"]["password"], trunk["password"]
    assert new != old
    assert found[1].passwords(now) == (new, old)
    assert found[1].passwords(now + timedelta(hours=1, minutes=1)) == (new,)
    later = SnapshotReader(control_plane.deployment, lambda: now + timedelta(hours=2))
    after = later.read_trunk(application_id, trunk["id"])
    assert after is not None
    assert after[1].passwords(now) == (new,), "the old one is not even read"
    until = rotated["sip_trunk"]["previous_password_valid_until"] / 1e9
    assert abs(until - now.timestamp() - 3600) < 60
    without = control_plane.ask(
        "POST", f"/inbound_trunks/{trunk['id']}/rotate_password", {"grace_period_seconds": 0}
    ).body["sip_trunk"]
    assert "previous_password_valid_until" not in without


def test_update_by_stream_s_client_keeps_extensions(
    control_plane: ControlPlane, trunk: dict[str, Any]
) -> None:
    path = f"/inbound_trunks/{trunk['id']}"
    extended = {
        **TRUNK,
        "country": "US",
        "max_concurrent_calls": 5,
        "max_calls_per_second": 0.5,
        "enabled": False,
    }
    control_plane.ask("PUT", path, extended)
    kept = control_plane.ask("PUT", path, {**TRUNK, "name": "renamed"}).body["sip_trunk"]
    assert {name: kept[name] for name in extended} == {**extended, "name": "renamed"}
    assert kept["password"] == trunk["password"]
    cleared = control_plane.ask("PUT", path, {**TRUNK, "country": None, "max_concurrent_calls": None})
    assert "country" not in cleared.body["sip_trunk"]
    assert cleared.body["sip_trunk"]["max_calls_per_second"] == 0.5


def test_idempotency_key(control_plane: ControlPlane, trunk: dict[str, Any]) -> None:
    headers = {"idempotency-key": "the-same"}
    request = {"name": "Second", "numbers": ["+15551230002"]}
    first = control_plane.ask("POST", "/inbound_trunks", request, headers=headers)
    again = control_plane.ask("POST", "/inbound_trunks", request, headers=headers)
    assert (first.status, again.status) == (201, 201)
    assert again.body["sip_trunk"] == first.body["sip_trunk"]
    other = control_plane.ask("POST", "/inbound_trunks", {**request, "name": "Other"}, headers=headers)
    assert (other.status, set(other.body["exception_fields"])) == (400, {"Idempotency-Key"})
    rules = [
        control_plane.ask("POST", "/inbound_routing_rules", rule(trunk), headers=headers).body["id"]
        for _ in range(2)
    ]
    assert rules[0] == rules[1]
    assert len(control_plane.ask("GET", "/inbound_routing_rules").body["sip_inbound_routing_rules"]) == 1


def test_explain(control_plane: ControlPlane, trunk: dict[str, Any]) -> None:
    other = control_plane.ask("POST", "/inbound_trunks", {"name": "Other", "numbers": ["+15551230002"]}).body
    control_plane.ask(
        "PUT", f"/inbound_trunks/{trunk['id']}", {**TRUNK, "country": "US", "allowed_ips": ["192.0.2.0/24"]}
    )
    won = control_plane.ask("POST", "/inbound_routing_rules", rule(trunk, caller_numbers=["+1212*"])).body
    lost = control_plane.ask("POST", "/inbound_routing_rules", rule(trunk, name="Any")).body
    request = {
        "sip_trunk_number": "15551230001",
        "sip_caller_number": "(212) 555-0100",
        "source_ip": "192.0.2.9",
    }
    answer = control_plane.ask("POST", "/explain", request)
    assert answer.status == 200
    body = answer.body
    assert body["called_number"] == {"received": "15551230001", "normalised": "+15551230001"}
    assert body["caller_number"]["normalised"] == "+12125550100"
    assert (body["trunk_id"], body["authentication"]) == (trunk["id"], "accept")
    assert (body["route"]["rule_id"], body["route"]["user_id"]) == (won["id"], "phone-12125550100")
    (rejected,) = body["rejected_rules"]
    assert (rejected["id"], rejected["condition"]) == (lost["id"], "less_specific")
    (trunk_rejected,) = body["rejected_trunks"]
    assert trunk_rejected["id"] == other["sip_trunk"]["id"]
    assert (trunk_rejected["expected"], trunk_rejected["received"]) == ("+15551230002", "+15551230001")

    unknown = control_plane.ask("POST", "/explain", {"sip_trunk_number": "+15550000000"}).body
    assert unknown["rejection"]["termination"] == "unknown_number"
    assert len(unknown["rejected_trunks"]) == 2


def test_call_records_page_from_the_newest_on(control_plane: ControlPlane) -> None:
    records = CallRecords(control_plane.deployment)
    application_id = control_plane.application.application_id
    began = datetime.now(tz=UTC).replace(microsecond=0)
    ids = []
    for index in range(5):
        at = began + timedelta(seconds=index)
        record = CallRecord(
            id=new_call_record_id(at),
            application_id=application_id,
            sip_call_id=f"call-{index}",
            bridge_id="bridge",
            source="udp:192.0.2.1:5060",
            called_number="+15551230001",
            caller_number="+12125550100",
            received_at=at,
        )
        records.put(record)
        ids.append(record.id)
    ended = dataclasses.replace(
        record,
        answered_at=at,
        ended_at=at + timedelta(minutes=1),
        termination=Termination.CALLER_HUNG_UP,
        sip_status=200,
        quality={"mos": 4.3},
        ladder=(LadderStep(at, "routed", {"rule": "r"}),),
    )
    records.put(ended)
    first = control_plane.ask("GET", "/calls", query={"limit": "3"}).body
    rest = control_plane.ask("GET", "/calls", query={"limit": "3", "cursor": first["next_cursor"]}).body
    assert [call["id"] for call in (*first["sip_calls"], *rest["sip_calls"])] == ids[::-1]
    assert "next_cursor" not in rest
    assert first["sip_calls"][0]["termination"] == "caller_hung_up"
    assert [call["state"] for call in first["sip_calls"]] == ["ended", "ringing", "ringing"]
    assert records.get(application_id, ended.id) == ended
    assert control_plane.ask("GET", f"/calls/{ids[0]}").body["sip_call"]["sip_call_id"] == "call-0"
    assert control_plane.ask("GET", "/calls/unknown").status == 404
    for query in (
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "x"},
        {"cursor": "nonsense"},
        {"cursor": "Q0hHIw"},
    ):
        assert control_plane.ask("GET", "/calls", query=query).status == 400


def test_bridges_and_the_queues_of_those_that_are_gone(control_plane: ControlPlane) -> None:
    deployment = control_plane.deployment
    now = datetime.now(tz=UTC)
    status = BridgeStatus("one", "ready", "0.1.0", "192.0.2.1:5070", 3, 100, now, now)
    Bridges(deployment).put(status)
    Bridges(deployment).put(dataclasses.replace(status, id="gone", seen_at=now - timedelta(minutes=5)))
    (listed,) = control_plane.ask("GET", "/bridges").body["sip_bridges"]
    assert (listed["id"], listed["calls"]) == ("one", 3)

    topic = deployment.sns.create_topic(Name=f"{deployment.table}-events")["TopicArn"]
    prefix = f"{deployment.table}-bridge-"
    for name in ("one", "gone"):
        deployment.sqs.create_queue(QueueName=prefix + name)
        arn = f"arn:aws:sqs:us-east-1:123456789012:{prefix}{name}"
        deployment.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    leftovers = Leftovers(deployment)
    assert leftovers.remove_queues(topic, prefix, now).queues == 0, "too young"
    Bridges(deployment).put(dataclasses.replace(status, seen_at=now + timedelta(hours=1)))
    assert leftovers.remove_queues(topic, prefix, now + timedelta(hours=1)).queues == 1
    left = deployment.sqs.list_queues(QueueNamePrefix=prefix)["QueueUrls"]
    assert [url.rsplit("/", 1)[-1] for url in left] == [f"{prefix}one"]
    subscriptions = deployment.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert [each["Endpoint"].rsplit(":", 1)[-1] for each in subscriptions] == [f"{prefix}one"]
