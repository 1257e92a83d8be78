"""The bridge's own SQS queue: a daemon thread long-polls it and hands bodies to the event loop.

A message is deleted when it has been taken; what could not be taken comes again. In AWS the queue is the
bridge's own, made at start and subscribed to the topic, and removed on stop.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from trunking.errors import ThrottledError, UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

logger = logging.getLogger("bridge.event_queue")

_WAIT_SECONDS = 20
_PAUSE_SECONDS = 1.0


class EventQueueReader:
    """Reads one queue until `stop`."""

    def __init__(self, url: str, take: Callable[[Sequence[str]], Awaitable[None]]) -> None:
        self._url = url
        self._take = take
        self._stopping = threading.Event()
        self._sqs: SQSClient = boto3.client(
            "sqs", config=Config(read_timeout=_WAIT_SECONDS + 10, retries={"mode": "standard"})
        )

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to read. The thread is a daemon: a long poll under way does not hold up the stop."""
        threading.Thread(target=self._run, args=(loop,), name="event-queue", daemon=True).start()

    def stop(self) -> None:
        """Take nothing more."""
        self._stopping.set()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self._stopping.is_set():
            try:
                answer = self._sqs.receive_message(
                    QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=_WAIT_SECONDS
                )
                messages = answer.get("Messages", [])
                if messages and not self._stopping.is_set():
                    self._hand_over(messages, loop)
            except (BotoCoreError, ClientError, ThrottledError, UnavailableError) as error:
                if not self._stopping.is_set():
                    logger.warning("event queue", extra={"fields": {"error": str(error)[:300]}})
                    time.sleep(_PAUSE_SECONDS)
            except (CancelledError, RuntimeError):
                # The loop is closing: the messages come again to the next bridge, or expire with the queue.
                return

    def _hand_over(self, messages: Sequence[MessageTypeDef], loop: asyncio.AbstractEventLoop) -> None:
        async def take() -> None:
            await self._take([message.get("Body", "") for message in messages])

        asyncio.run_coroutine_threadsafe(take(), loop).result()
        self._sqs.delete_message_batch(
            QueueUrl=self._url,
            Entries=[
                {"Id": str(index), "ReceiptHandle": message.get("ReceiptHandle", "")}
                for index, message in enumerate(messages)
            ],
        )


def make_own_queue(topic_arn: str, name: str) -> str:
    """Make this bridge's queue, let the topic write to it, subscribe it; its URL. Blocking."""
    sqs, sns = boto3.client("sqs"), boto3.client("sns")
    url = sqs.create_queue(QueueName=name[:80], Attributes={"MessageRetentionPeriod": "3600"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    return url


def remove_own_queue(topic_arn: str, url: str) -> None:
    """Unsubscribe and delete the bridge's queue. Blocking; what is left over, the janitor removes."""
    sqs, sns = boto3.client("sqs"), boto3.client("sns")
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    for page in sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn):
        for subscription in page["Subscriptions"]:
            if subscription["Endpoint"] == arn:
                sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    sqs.delete_queue(QueueUrl=url)
