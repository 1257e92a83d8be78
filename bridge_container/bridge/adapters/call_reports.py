"""Call records into the table and call events on to the bus, each through its own bounded queue.

Implements `bridge.calls.call_reports`; translates, decides nothing.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bridge.adapters.outbox import Outbox
from trunking.aws.call_records import MAX_BATCH
from trunking.aws.deployment import Deployment
from trunking.aws.service_errors import translated
from trunking.call_record import CallRecord

SOURCE = "trunkline"
_ENTRIES = 10
"""Entries that PutEvents takes at once."""
_STATES = 200
"""Records taken from the queue at once. Most are states of the same calls, of which only the last counts."""
_LINGER = 0.1
"""Seconds that a batch waits for more: a busy bridge writes a tenth as often, nobody sees the delay."""
_EVENT_LINGER = 0.02
_CAPACITY = 20_000


class TableCallRecords:
    """Writes call records."""

    def __init__(
        self, put_many: Callable[[Sequence[CallRecord]], Sequence[CallRecord]], lost: Callable[[int], None]
    ) -> None:
        """`put_many` takes `MAX_BATCH` records, returns those to be tried again; it blocks, in a thread."""
        self._put_many = put_many
        self._outbox = Outbox(
            "call-records", self._deliver, capacity=_CAPACITY, batch=_STATES, lost=lost, linger=_LINGER
        )

    def put(self, record: CallRecord) -> None:
        """Queue a record."""
        self._outbox.offer(record)

    def start(self) -> None:
        """Begin to write."""
        self._outbox.start()

    async def close(self, seconds: float) -> None:
        """Write what is queued, for at most so long."""
        await self._outbox.close(seconds)

    def _deliver(self, records: Sequence[CallRecord]) -> Sequence[CallRecord]:
        last = list({record.id: record for record in records}.values())
        return [
            record
            for start in range(0, len(last), MAX_BATCH)
            for record in self._put_many(last[start : start + MAX_BATCH])
        ]


@dataclass(frozen=True, slots=True)
class BusEntry:
    """One event for the bus."""

    detail_type: str
    detail: str


class BusCallEvents:
    """Publishes `sip.call.*` and `sip.bridge.*`."""

    def __init__(self, deployment: Deployment, lost: Callable[[int], None]) -> None:
        self._deployment = deployment
        self._outbox = Outbox(
            "call-events", self._deliver, capacity=_CAPACITY, batch=_ENTRIES, lost=lost, linger=_EVENT_LINGER
        )

    def emit(self, kind: str, application_id: str | None, version: int, subject: Mapping[str, Any]) -> None:
        """Queue `sip.call.<kind>`."""
        self.publish(f"sip.call.{kind}", application_id, version, subject)

    def publish(
        self, detail_type: str, application_id: str | None, version: int, subject: Mapping[str, Any]
    ) -> None:
        """Queue an event of any type."""
        detail = {
            "id": str(uuid.uuid4()),
            "version": version,
            "occurred_at": datetime.now(UTC).isoformat(),
            "application": application_id,
            "subject": subject,
        }
        self._outbox.offer(BusEntry(detail_type, json.dumps(detail, default=str)))

    def start(self) -> None:
        """Begin to publish."""
        self._outbox.start()

    async def close(self, seconds: float) -> None:
        """Publish what is queued, for at most so long."""
        await self._outbox.close(seconds)

    def _deliver(self, entries: Sequence[BusEntry]) -> Sequence[BusEntry]:
        with translated("EventBridge"):
            answer = self._deployment.events.put_events(
                Entries=[
                    {
                        "Source": SOURCE,
                        "DetailType": entry.detail_type,
                        "Detail": entry.detail,
                        "EventBusName": self._deployment.bus,
                    }
                    for entry in entries
                ]
            )
        # PutEvents succeeds as a whole even when single entries were throttled.
        return [
            entry for entry, result in zip(entries, answer["Entries"], strict=True) if result.get("ErrorCode")
        ]
