"""The catalogue of events: schemas, samples, and what is really emitted, without secrets."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import httpx
import pytest
from jsonschema import Draft202012Validator

from bridge.calls.sip_call import call_subject
from tests.support.control_plane import ROOT, SIP, ServedControlPlane, http_event
from tests.support.event_schemas import check_detail, schemas
from trunking.aws.changes import read_changes
from trunking.call_record import CallRecord
from trunking.change import ChangeKind
from trunking.change_event import change_detail, detail_type

SCHEMAS = schemas()
SAMPLES = sorted((ROOT / "events" / "bus").glob("*.json"))
NAMES = {
    *(f"sip.{kind.value}" for kind in ChangeKind),
    *(f"sip.call.{kind}" for kind in ("received", "answered", "rejected", "dtmf", "ended")),
    *(f"sip.bridge.{kind}" for kind in ("started", "draining", "stopped")),
}


def test_catalogue_is_complete() -> None:
    assert set(SCHEMAS) == NAMES
    assert {path.stem for path in SAMPLES} == NAMES
    catalogue = (ROOT / "docs" / "events.md").read_text()
    assert all(f"`{name}`" in catalogue for name in NAMES)


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["title"] == name
    assert "password" not in json.dumps(SCHEMAS[name]["properties"])
    assert "default_pin" not in json.dumps(SCHEMAS[name])


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_sample(path: Path) -> None:
    event = json.loads(path.read_text())
    assert (event["source"], event["detail-type"]) == ("trunkline", path.stem)
    check_detail(path.stem, event["detail"])


def test_emitted_changes(served: ServedControlPlane, client: httpx.Client) -> None:
    """Every kind of change, made over HTTP, with secrets in every place that takes one."""
    before = len(read_changes(served.deployment, served.application.application_id, 0))
    trunk = client.post(
        "/inbound_trunks",
        json={
            "name": "t",
            "numbers": ["+15551238001"],
            "password": "trunk-secret",
            "max_calls_per_second": 2.5,
        },
    ).json()["sip_trunk"]
    path = f"/inbound_trunks/{trunk['id']}"
    client.put(path, json={"name": "u", "numbers": ["+15551238001"], "password": "second-secret"})
    client.post(f"{path}/rotate_password", json={"password": "third-secret"})
    rule = client.post(
        "/inbound_routing_rules",
        json={
            "name": "r",
            "trunk_ids": [trunk["id"]],
            "caller_configs": {"id": "phone", "custom_data": {"a": [1, None, {"b": "{{uuid}}"}]}},
            "pin_routing_configs": {
                "custom_webhook_url": "https://example.com/?token=webhook-secret",
                "pin_prompt": "Which call?",
            },
            "pin_protection_configs": {"enabled": True, "default_pin": "31415926", "max_attempts": 2},
        },
    ).json()
    client.put(
        f"/inbound_routing_rules/{rule['id']}",
        json={
            "name": "r",
            "trunk_ids": [trunk["id"]],
            "caller_configs": {"id": "phone"},
            "direct_routing_configs": {"call_type": "default", "call_id": "ward"},
        },
    )
    client.delete(f"/inbound_routing_rules/{rule['id']}")
    client.delete(path)
    changes = read_changes(served.deployment, served.application.application_id, 0)[before:]
    assert {change.kind for change in changes} == set(ChangeKind)
    for change in changes:
        check_detail(detail_type(change), change_detail(change))
        text = json.dumps(change_detail(change))
        for secret in ("trunk-secret", "second-secret", "third-secret", "webhook-secret", "31415926"):
            assert secret not in text


def test_subject_of_call_events() -> None:
    """What the bridge says of a call, known and unknown."""
    now = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    unknown = CallRecord("id", None, "call-id", "bridge", "udp:192.0.2.1:5060", "+15551230001", "", now)
    known = replace(
        unknown, application_id="app", trunk_id="t", rule_id="r", call_cid="default:a", user_id="u"
    )
    for record in (unknown, known):
        detail = {
            "id": "2b8e7f10-0000-5000-8000-000000000001",
            "version": 1,
            "occurred_at": now.isoformat(),
            "application": record.application_id,
            "subject": call_subject(record),
        }
        check_detail("sip.call.received", detail)


@pytest.mark.parametrize("path", sorted((ROOT / "events").glob("*.json")), ids=lambda path: path.stem)
def test_sample_of_each_function(served: ServedControlPlane, path: Path) -> None:
    """Each sample is one that its handler takes; API samples are refused for their placeholder of a token."""
    handler = importlib.import_module(f"{path.stem}.handler").handler
    event = json.loads(path.read_text())
    with patch.dict("os.environ", {"TRUNKLINE_BUS": served.deployment.bus}):
        answer = handler(event, None)
    if path.stem == "change_publisher":
        assert answer == {"batchItemFailures": []}
    elif path.stem == "janitor":
        assert set(answer) == {"secrets", "labels", "queues"}
    elif path.stem in ("api_document", "console"):
        assert answer["statusCode"] == 200
    else:
        assert answer["statusCode"] == 401
        http = event["requestContext"]["http"]
        body = json.loads(event["body"]) if "body" in event else None
        real = http_event(http["method"], http["path"], application=served.application, body=body)
        made = handler(real, None)
        assert made["statusCode"] in (200, 201)
        if path.stem == "trunks_api":
            trunk_id = json.loads(made["body"])["sip_trunk"]["id"]
            removal = http_event("DELETE", f"{SIP}/inbound_trunks/{trunk_id}", application=served.application)
            assert handler(removal, None)["statusCode"] == 200


def test_every_function_has_a_sample() -> None:
    packages = {path.parent.name for path in (ROOT / "functions").glob("*/handler.py")}
    assert packages == {path.stem for path in (ROOT / "events").glob("*.json")}
