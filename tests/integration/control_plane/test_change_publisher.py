"""The publisher: every change once at least, in order, and a batch that fails in its middle loses nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest

from change_publisher import handler as publisher
from tests.support.control_plane import ControlPlane
from tests.support.failing_client import Failure, failing
from trunking.aws.changes import read_changes
from trunking.aws.deployment import Deployment
from trunking.aws.items import key

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
RULE = {
    "name": "To the ward",
    "caller_configs": {"id": "phone", "custom_data": {"note": "n" * 900}},
    "direct_routing_configs": {"call_type": "default", "call_id": "ward"},
    "pin_protection_configs": {"enabled": True, "default_pin": "271828"},
}
QUEUE = "published"


class Bus:
    """The test's own subscriber of the bus."""

    def __init__(self, deployment: Deployment) -> None:
        self._sqs = deployment.sqs
        self._url = self._sqs.create_queue(QueueName=f"{deployment.bus}-{QUEUE}")["QueueUrl"]
        arn = f"arn:aws:sqs:us-east-1:123456789012:{deployment.bus}-{QUEUE}"
        deployment.events.put_rule(
            Name=QUEUE, EventBusName=deployment.bus, EventPattern=json.dumps({"source": ["trunkline"]})
        )
        deployment.events.put_targets(
            Rule=QUEUE, EventBusName=deployment.bus, Targets=[{"Id": "queue", "Arn": arn}]
        )

    def take(self) -> list[dict[str, Any]]:
        """The events that have come since the last time."""
        found: list[dict[str, Any]] = []
        while True:
            answer = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=0)
            messages = answer.get("Messages", [])
            if not messages:
                return found
            for message in messages:
                found.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])


@pytest.fixture
def bus(control_plane: ControlPlane) -> Bus:
    """A subscriber."""
    return Bus(control_plane.deployment)


@pytest.fixture
def batch(control_plane: ControlPlane) -> dict[str, Any]:
    """Twelve changes as a stream's batch brings them, other items between them."""
    trunk = control_plane.ask("POST", "/inbound_trunks", {"name": "t", "numbers": ["+15551230001"]}).body
    for _ in range(11):
        request = {**RULE, "trunk_ids": [trunk["sip_trunk"]["id"]]}
        assert control_plane.ask("POST", "/inbound_routing_rules", request).status == 201
    return stream_batch(control_plane)


def stream_batch(control_plane: ControlPlane) -> dict[str, Any]:
    """All changes as a stream's batch."""
    application_id = control_plane.application.application_id
    records: list[dict[str, Any]] = []
    for change in read_changes(control_plane.deployment, application_id, 0):
        found = control_plane.deployment.dynamodb.get_item(
            TableName=control_plane.deployment.table,
            Key=key(f"APP#{application_id}", f"CHG#{change.version:012d}"),
        )
        for name, image in (("MODIFY", key(f"APP#{application_id}", "META")), ("INSERT", found["Item"])):
            records.append(
                {
                    "eventName": name,
                    "dynamodb": {
                        "Keys": {"pk": image["pk"], "sk": image["sk"]},
                        "NewImage": image,
                        "SequenceNumber": f"{len(records):06}",
                    },
                }
            )
    return {"Records": records}


def test_every_change_in_order(batch: dict[str, Any], bus: Bus) -> None:
    assert publisher.handler(batch, None) == {"batchItemFailures": []}
    events = bus.take()
    assert [event["detail"]["version"] for event in events] == list(range(1, 13))
    assert events[0]["detail-type"] == "sip.trunk.created"
    assert {event["detail-type"] for event in events[1:]} == {"sip.routing_rule.created"}
    assert {event["source"] for event in events} == {"trunkline"}
    assert len({event["detail"]["id"] for event in events}) == 12


def test_no_secret_is_published(control_plane: ControlPlane, batch: dict[str, Any], bus: Bus) -> None:
    trunk = control_plane.ask("GET", "/inbound_trunks").body["sip_trunks"][0]
    control_plane.ask(
        "POST", f"/inbound_trunks/{trunk['id']}/rotate_password", {"password": "of-the-rotation"}
    )
    publisher.handler(stream_batch(control_plane), None)
    text = json.dumps(bus.take())
    assert "sip.trunk.password_rotated" in text
    for secret in (trunk["password"], "of-the-rotation", "271828", control_plane.application.api_secret):
        assert secret not in text


@pytest.fixture
def same_deployment(control_plane: ControlPlane) -> Iterator[Deployment]:
    """The publisher's deployment, to let its client fail."""
    deployment = control_plane.deployment
    with patch.object(publisher, "current_deployment", lambda: deployment):
        yield deployment


def test_failing_record_in_the_middle(batch: dict[str, Any], bus: Bus, same_deployment: Deployment) -> None:
    class OneEntryFails:
        """EventBridge takes all but the fifth entry of the first request."""

        def __init__(self, real: Any) -> None:
            self.real = real
            self.failed = False

        def put_events(self, Entries: list[Any]) -> dict[str, Any]:  # noqa: N803 - boto3's name
            if self.failed:
                found: dict[str, Any] = self.real.put_events(Entries=Entries)
                return found
            self.failed = True
            kept = [entry for index, entry in enumerate(Entries) if index != 4]
            answer = self.real.put_events(Entries=kept)["Entries"]
            return {"Entries": [*answer[:4], {"ErrorCode": "ThrottlingException"}, *answer[4:]]}

    real = same_deployment.events
    same_deployment.__dict__["events"] = OneEntryFails(real)
    result = publisher.handler(batch, None)
    (failure,) = result["batchItemFailures"]
    numbers = [record["dynamodb"]["SequenceNumber"] for record in batch["Records"]]
    first = numbers.index(failure["itemIdentifier"])
    assert batch["Records"][first]["dynamodb"]["NewImage"]["version"]["N"] == "5"

    again = publisher.handler({"Records": batch["Records"][first:]}, None)
    assert again == {"batchItemFailures": []}
    events = bus.take()
    assert {event["detail"]["version"] for event in events} == set(range(1, 13)), "nothing is lost"
    firsts = list(dict.fromkeys(event["detail"]["id"] for event in events))
    assert len(firsts) == 12, "what comes twice comes with the same id"
    after_retry = [event["detail"]["version"] for event in events][-8:]
    assert after_retry == list(range(5, 13)), "the repetition is in order"


@pytest.mark.parametrize("how", ["ThrottlingException", "InternalException"])
def test_bus_that_takes_nothing(
    batch: dict[str, Any], bus: Bus, same_deployment: Deployment, how: str
) -> None:
    with failing(same_deployment, Failure("events", "put_events", how)):
        result = publisher.handler(batch, None)
    assert result == {"batchItemFailures": [{"itemIdentifier": "000001"}]}
    assert bus.take() == []
    assert publisher.handler(batch, None) == {"batchItemFailures": []}
    assert len(bus.take()) == 12


def test_publisher_that_dies_after_publishing(
    batch: dict[str, Any], bus: Bus, same_deployment: Deployment
) -> None:
    """Lambda asks again for the whole batch: repetitions with the same ids, no loss."""
    from tests.support.failing_client import Killed

    with failing(same_deployment, Failure("events", "put_events", "killed after")), pytest.raises(Killed):
        publisher.handler(batch, None)
    assert publisher.handler(batch, None) == {"batchItemFailures": []}
    events = bus.take()
    assert len(events) > 12
    assert len({event["detail"]["id"] for event in events}) == 12


def test_large_changes_go_in_several_requests(batch: dict[str, Any], same_deployment: Deployment) -> None:
    sizes: list[int] = []

    class Measuring:
        """Takes everything."""

        def put_events(self, Entries: list[Any]) -> dict[str, Any]:  # noqa: N803 - boto3's name
            sizes.append(sum(len(entry["Detail"]) for entry in Entries))
            return {"Entries": [{"EventId": "x"} for _ in Entries]}

    same_deployment.__dict__["events"] = Measuring()
    for record in batch["Records"]:
        if "subject" in record["dynamodb"]["NewImage"]:
            subject = json.loads(record["dynamodb"]["NewImage"]["subject"]["S"])
            record["dynamodb"]["NewImage"]["subject"]["S"] = json.dumps({**subject, "name": "n" * 60_000})
    assert publisher.handler(batch, None) == {"batchItemFailures": []}
    assert len(sizes) >= 4
    assert max(sizes) < 256_000
