"""What the bridge publishes about calls and itself fits the published schemas, and holds no secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from bridge.adapters.call_reports import BusCallEvents
from bridge.sip.events import CallEnded
from tests.support.call_world import CREDENTIALS, CallWorld, settle

SCHEMAS = Path(__file__).resolve().parents[2] / "docs" / "events"


class Bus:
    """Keeps what is put on the bus."""

    def __init__(self) -> None:
        self.entries: list[Mapping[str, str]] = []

    def put_events(self, *, Entries: list[Mapping[str, str]]) -> Mapping[str, Any]:  # noqa: N803
        self.entries += Entries
        return {"Entries": [{"EventId": "x"} for _ in Entries]}


class DeploymentWithBus:
    """All of a deployment that events need."""

    bus = "bus"

    def __init__(self) -> None:
        self.events = Bus()


async def published() -> list[Mapping[str, str]]:
    """Every kind of event of a bridge's life, as it is put on the bus."""
    world = CallWorld()
    answered = await world.invite()
    await world.digits(answered, "5")
    world.control.sip_event(CallEnded(answered, "bye", ""))
    await settle()
    await world.invite("+15559990000")
    await world.invite(username="mallory", password="x")
    await world.invite(offer=b"?")
    deployment = DeploymentWithBus()
    events = BusCallEvents(deployment, lambda count: None)  # type: ignore[arg-type]
    for kind, application_id, version, subject in world.reports.events:
        events.emit(kind, application_id, version, subject)
    for version, state in enumerate(("started", "draining", "stopped"), 1):
        events.publish(f"sip.bridge.{state}", None, version, {"id": "b", "calls": 0, "capacity": 1})
    events.start()
    await events.close(30.0)
    return deployment.events.entries


@pytest.mark.parametrize("kind", sorted(path.stem for path in SCHEMAS.glob("sip.[cb]*.json")))
async def test_published_events_fit_their_schemas(kind: str) -> None:
    entries = [entry for entry in await published() if entry["DetailType"] == kind]
    assert entries
    validator = Draft202012Validator(
        json.loads((SCHEMAS / f"{kind}.json").read_text()), format_checker=FormatChecker()
    )
    for entry in entries:
        validator.validate(json.loads(entry["Detail"]))
        assert entry["Source"] == "trunkline"
        assert CREDENTIALS.password not in entry["Detail"]
