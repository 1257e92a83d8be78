"""The event queue against emulated AWS: read, taken again after a failure, made and removed by its bridge."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence

import boto3
import pytest

from bridge.adapters.event_queue import EventQueueReader, make_own_queue, remove_own_queue
from tests.support.control_plane import emulated_aws
from trunking.errors import UnavailableError


@pytest.fixture
def aws() -> Iterator[None]:
    with emulated_aws():
        yield


async def test_messages_are_deleted_when_taken_and_come_again_when_not(
    aws: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.adapters.event_queue._PAUSE_SECONDS", 0.01)
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="again", Attributes={"VisibilityTimeout": "0"})["QueueUrl"]
    bodies: list[str] = []
    taken = asyncio.Event()

    async def take(messages: Sequence[str]) -> None:
        bodies.extend(messages)
        if len(bodies) == 1:
            raise UnavailableError("DynamoDB")
        taken.set()

    reader = EventQueueReader(url, take)
    reader.start(asyncio.get_running_loop())
    await asyncio.to_thread(sqs.send_message, QueueUrl=url, MessageBody="hint")
    async with asyncio.timeout(60):
        await taken.wait()
    reader.stop()
    assert bodies[:2] == ["hint", "hint"]


async def test_own_queue_gets_what_the_topic_gets_and_goes_with_its_bridge(aws: None) -> None:
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    topic = sns.create_topic(Name="bridge-events")["TopicArn"]
    url = make_own_queue(topic, "stack-bridge-" + "x" * 100)
    assert url.rpartition("/")[2] == ("stack-bridge-" + "x" * 100)[:80]
    policy = json.loads(
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    )
    assert policy["Statement"][0]["Condition"] == {"ArnEquals": {"aws:SourceArn": topic}}
    sns.publish(TopicArn=topic, Message='{"detail-type": "sip.trunk.created"}')
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert message["Body"] == '{"detail-type": "sip.trunk.created"}'
    remove_own_queue(topic, url)
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix="stack-bridge-")
