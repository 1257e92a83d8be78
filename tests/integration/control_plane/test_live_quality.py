"""The quality of running calls beside their records: what the API shows, what it costs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

from tests.support.control_plane import ControlPlane
from trunking.aws.call_records import MAX_BATCH, CallRecords
from trunking.aws.live_quality import LiveQuality
from trunking.call_record import CallRecord
from trunking.identifiers import new_call_record_id
from trunking.live_quality import CallQuality
from trunking.termination import Termination

FIGURES = {
    "packets_received": 498.0,
    "packets_sent": 500.0,
    "packets_lost": 2.0,
    "packets_discarded": 0.0,
    "loss_ratio": 0.0040123,
    "jitter_ms": 3.14159,
    "round_trip_ms": 42.5,
    "concealed_ratio": 0.0,
    "mos": 4.21,
    "peer_loss_ratio": 0.01,
    "peer_jitter_ms": 2.25,
    "peer_mos": 4.15,
}
LIFETIME = timedelta(seconds=30)
# For tests whose API reads the real clock, which has gone on since NOW while other tests ran.
A_DAY = timedelta(days=1)
NOW = datetime.now(tz=UTC)


def record(application_id: str, bridge_id: str = "bridge-1", *, answered: bool = True) -> CallRecord:
    """A call that runs."""
    return CallRecord(
        id=new_call_record_id(NOW),
        application_id=application_id,
        sip_call_id="call",
        bridge_id=bridge_id,
        source="udp:192.0.2.1:5060",
        called_number="+15551230001",
        caller_number="+12125550100",
        received_at=NOW,
        answered_at=NOW if answered else None,
    )


def quality(
    of: Iterable[CallRecord], at: datetime = NOW, figures: dict[str, float] | None = None
) -> list[CallQuality]:
    """Their figures."""
    return [
        CallQuality(each.id, each.application_id or "", FIGURES if figures is None else figures, at)
        for each in of
    ]


def test_a_running_call_shows_its_latest_quality(control_plane: ControlPlane) -> None:
    deployment, application_id = control_plane.deployment, control_plane.application.application_id
    running, ringing = record(application_id), record(application_id, answered=False)
    for each in (running, ringing):
        CallRecords(deployment).put(each)
    before = control_plane.ask("GET", f"/calls/{running.id}").body["sip_call"]
    assert before["quality"] == {}
    assert "quality_measured_at" not in before
    assert LiveQuality(deployment).put("bridge-1", 0, quality([running]), A_DAY) == []
    listed = {call["id"]: call for call in control_plane.ask("GET", "/calls").body["sip_calls"]}
    assert listed[running.id] == control_plane.ask("GET", f"/calls/{running.id}").body["sip_call"]
    shown = listed[running.id]
    assert shown["state"] == "answered"
    assert shown["quality"] == {**FIGURES, "loss_ratio": 0.004, "jitter_ms": 3.1416}
    assert shown["quality_measured_at"] == int(NOW.timestamp() * 1e6) * 1000
    assert listed[ringing.id]["quality"] == {}
    later = NOW + timedelta(seconds=10)
    LiveQuality(deployment).put("bridge-1", 0, quality([running], later, {"mos": 2.5}), A_DAY)
    assert control_plane.ask("GET", f"/calls/{running.id}").body["sip_call"]["quality"] == {"mos": 2.5}


def test_an_ended_call_keeps_its_final_quality_whatever_comes_late(control_plane: ControlPlane) -> None:
    deployment, application_id = control_plane.deployment, control_plane.application.application_id
    records, running = CallRecords(deployment), record(application_id)
    ended = dataclasses.replace(
        running, ended_at=NOW, termination=Termination.CALLER_HUNG_UP, quality={"mos": 4.4}
    )
    records.put(ended)
    LiveQuality(deployment).put("bridge-1", 0, quality([running], NOW + timedelta(seconds=5)), LIFETIME)
    for shown in (
        control_plane.ask("GET", f"/calls/{running.id}").body["sip_call"],
        control_plane.ask("GET", "/calls").body["sip_calls"][0],
    ):
        assert (shown["state"], shown["termination"]) == ("ended", "caller_hung_up")
        assert shown["quality"] == {"mos": 4.4}
        assert "quality_measured_at" not in shown
    assert records.get(application_id, running.id) == ended
    assert len(records.list(application_id).records) == 1


def test_old_figures_and_other_applications_are_not_shown(control_plane: ControlPlane) -> None:
    deployment, application_id = control_plane.deployment, control_plane.application.application_id
    live = LiveQuality(deployment)
    mine, foreign = record(application_id), record("somebody-else")
    assert live.put("bridge-1", 0, quality([mine, foreign]), LIFETIME) == []
    assert set(live.read(application_id, NOW)) == {mine.id}
    assert set(live.read("somebody-else", NOW)) == {foreign.id}
    assert set(live.read(application_id, NOW + timedelta(seconds=29))) == {mine.id}
    # A bridge that died says nothing any more: DynamoDB may take two days to remove what has expired.
    assert live.read(application_id, NOW + timedelta(seconds=32)) == {}


def test_a_call_that_moved_to_another_portion_shows_its_later_figures(control_plane: ControlPlane) -> None:
    live, call = LiveQuality(control_plane.deployment), record("app")
    live.put("bridge-1", 1, quality([call], NOW, {"mos": 1.0}), LIFETIME)
    live.put("bridge-1", 0, quality([call], NOW + timedelta(seconds=3), {"mos": 4.0}), LIFETIME)
    assert live.read("app", NOW)[call.id].figures == {"mos": 4.0}


def test_one_bridge_can_be_read_alone(control_plane: ControlPlane) -> None:
    live = LiveQuality(control_plane.deployment)
    one, other = record("app", "bridge-1"), record("app", "bridge-10")
    live.put("bridge-1", 0, quality([one]), LIFETIME)
    live.put("bridge-10", 0, quality([other]), LIFETIME)
    assert set(live.read("app", NOW, "bridge-1")) == {one.id}
    assert set(live.read("app", NOW)) == {one.id, other.id}


def test_a_portion_is_one_request_of_a_few_write_units(control_plane: ControlPlane) -> None:
    deployment = control_plane.deployment
    client, requests = deployment.dynamodb, []
    write = client.batch_write_item

    def counted(**request: object) -> object:
        requests.append(request)
        return write(**request)  # type: ignore[arg-type]

    with patch.object(client, "batch_write_item", counted):
        LiveQuality(deployment).put("bridge-1", 0, quality(record("app") for _ in range(MAX_BATCH)), LIFETIME)
        LiveQuality(deployment).put(
            "bridge-1", 1, quality(record(f"app-{number}") for number in range(MAX_BATCH)), LIFETIME
        )
    assert len(requests) == 2
    sizes = [
        [
            len(json.dumps(write["PutRequest"]["Item"]))
            for write in request["RequestItems"][deployment.table]  # type: ignore[index]
        ]
        for request in requests
    ]
    # DynamoDB bills a write for each begun KiB.
    assert [len(size) for size in sizes] == [1, MAX_BATCH]
    assert sizes[0][0] < 4096
    assert max(sizes[1]) < 1024


def test_what_the_table_did_not_take_is_told(control_plane: ControlPlane) -> None:
    deployment = control_plane.deployment
    mine, foreign = record("app"), record("somebody-else")

    def throttled(RequestItems: dict[str, list[object]]) -> dict[str, object]:  # noqa: N803 - boto3's name
        return {"UnprocessedItems": {deployment.table: RequestItems[deployment.table][-1:]}}

    with patch.object(deployment.dynamodb, "batch_write_item", throttled):
        left = LiveQuality(deployment).put("bridge-1", 0, quality([mine, foreign]), LIFETIME)
    assert [each.call_id for each in left] == [foreign.id]
    many = quality(record("app") for _ in range(MAX_BATCH + 2))
    assert LiveQuality(deployment).put("bridge-1", 0, many, LIFETIME) == many[-2:]
