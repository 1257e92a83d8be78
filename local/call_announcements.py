"""One line in the terminal for each call that is answered, is refused or ends: what to look at first.

A subscriber of the event bus like any other: a rule, a queue, and a thread that reads it. Decides nothing.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local.aws.deployment import STACK_NAME
from local.aws.intrinsics import ACCOUNT_ID
from local.aws.template import REGION

KINDS = ("sip.call.answered", "sip.call.rejected", "sip.call.ended")
WAIT_SECONDS = 20
NAME = f"{STACK_NAME}-terminal"


class CallAnnouncements:
    """Says what happens to calls, from `start` to `stop`."""

    def __init__(self, session: boto3.Session, bus: str, say: Callable[[str], None]) -> None:
        self._session = session
        self._sqs = session.client("sqs")
        self._bus = bus
        self._say = say
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="call announcements", daemon=True)

    def start(self) -> None:
        """Subscribe to the bus."""
        self._queue = self._sqs.create_queue(QueueName=NAME)["QueueUrl"]
        events = self._session.client("events")
        pattern = json.dumps({"source": ["trunkline"], "detail-type": list(KINDS)})
        events.put_rule(Name=NAME, EventBusName=self._bus, EventPattern=pattern)
        target = {"Id": "terminal", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{NAME}"}
        events.put_targets(Rule=NAME, EventBusName=self._bus, Targets=[target])  # type: ignore[list-item]
        self._thread.start()

    def stop(self) -> None:
        """Say what is there, then no more."""
        self._stopping = True
        self._sqs.send_message(QueueUrl=self._queue, MessageBody="{}")
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping:
            try:
                received = self._sqs.receive_message(
                    QueueUrl=self._queue, MaxNumberOfMessages=10, WaitTimeSeconds=WAIT_SECONDS
                ).get("Messages", [])
                for message in received:
                    self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
                    line = announcement(json.loads(message["Body"]))
                    if line is not None:
                        self._say(f"{time.strftime('%H:%M:%S')}  {line}")
            except (BotoCoreError, ClientError):
                return  # The emulated AWS is gone, and with it the stack.


def announcement(event: Mapping[str, Any]) -> str | None:
    """The line of one event, None for one that has none."""
    kind = str(event.get("detail-type", ""))
    subject = event.get("detail", {}).get("subject", {})
    if kind not in KINDS:
        return None
    caller = _printable(subject.get("caller_number")) or "anonymous"
    who = f"{caller} -> {_printable(subject.get('called_number'))}"
    if kind == "sip.call.answered":
        return f"{who}  answered, in {subject.get('call_cid')}"
    termination = subject.get("termination")
    if kind == "sip.call.rejected":
        return f"{who}  refused: {termination}"
    return f"{who}  ended: {termination}"


def _printable(text: object) -> str:
    """What a stranger sent, without what would move the terminal's cursor, and not too long."""
    return "".join(character for character in str(text or "") if character.isprintable())[:64]
