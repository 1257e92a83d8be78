"""The records of SIP calls, live and past, as items that expire. Imports core and boto3."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from trunking.aws.deployment import Deployment
from trunking.aws.items import Item, from_item, key, read_time, to_item, write_time
from trunking.aws.service_errors import translated
from trunking.aws.trunk_table import read_item
from trunking.call_record import CallRecord, LadderStep
from trunking.termination import Termination

DEFAULT_LIFETIME = timedelta(days=30)
DEPLOYMENT_PK = "CALLS"
"""Where the records of calls are that no trunk, and so no application, could be found for."""
MAX_PAGE = 100
MAX_BATCH = 25
"""Records that BatchWriteItem takes at once."""
_TIMES = ("received_at", "answered_at", "ended_at")
_TEXTS = (
    "id",
    "sip_call_id",
    "bridge_id",
    "source",
    "called_number",
    "caller_number",
    "trunk_id",
    "rule_id",
    "call_cid",
    "user_id",
    "sip_status",
    "codec",
    "dtmf_count",
)


@dataclass(frozen=True, slots=True)
class CallRecordPage:
    """Some records, the newest first, and where to go on."""

    records: Sequence[CallRecord]
    next_cursor: str | None


class CallRecords:
    """Call records of one deployment. A record's id sorts by time: see `new_call_record_id`."""

    def __init__(self, deployment: Deployment, lifetime: timedelta = DEFAULT_LIFETIME) -> None:
        self._deployment = deployment
        self._lifetime = lifetime

    def put(self, record: CallRecord) -> None:
        """Write or replace a record. It expires `lifetime` after its last write."""
        with translated("DynamoDB"):
            self._deployment.dynamodb.put_item(TableName=self._deployment.table, Item=self._item(record))

    def put_many(self, records: Sequence[CallRecord]) -> Sequence[CallRecord]:
        """Write or replace up to `MAX_BATCH` records of different calls; returns those that are not written.

        Raises what `put` raises, and nothing is known of any of them then.
        """
        table = self._deployment.table
        writes = [{"PutRequest": {"Item": self._item(record)}} for record in records]
        with translated("DynamoDB"):
            answer = self._deployment.dynamodb.batch_write_item(
                RequestItems={table: writes}  # type: ignore[dict-item]
            )
        # Throttled single writes are no error of the request.
        left = {
            (request["PutRequest"]["Item"]["pk"]["S"], request["PutRequest"]["Item"]["sk"]["S"])
            for request in answer.get("UnprocessedItems", {}).get(table, ())
        }
        return [record for record in records if (records_pk(record.application_id), _sk(record)) in left]

    def _item(self, record: CallRecord) -> Item:
        last = record.ended_at or record.answered_at or record.received_at
        item: dict[str, Any] = {name: getattr(record, name) for name in _TEXTS}
        item |= {name: write_time(at) for name in _TIMES if (at := getattr(record, name)) is not None}
        item |= {
            "pk": records_pk(record.application_id),
            "sk": _sk(record),
            "termination": None if record.termination is None else record.termination.value,
            "quality": json.dumps(dict(record.quality)),
            "ladder": json.dumps([_step(step) for step in record.ladder], ensure_ascii=False),
            "expires_at": int((last + self._lifetime).timestamp()),
        }
        return to_item(item)

    def get(self, application_id: str | None, record_id: str) -> CallRecord | None:
        """One record."""
        item = read_item(self._deployment, records_pk(application_id), f"CALL#{record_id}")
        return None if item is None else _record(from_item(item), application_id)

    def list(
        self, application_id: str | None, *, limit: int = 25, cursor: str | None = None
    ) -> CallRecordPage:
        """The newest records; `cursor` is the page before's. Raises ValueError for a cursor that is none."""
        limit = max(1, min(limit, MAX_PAGE))
        start = (
            {}
            if cursor is None
            else {"ExclusiveStartKey": key(records_pk(application_id), _read_cursor(cursor))}
        )
        with translated("DynamoDB"):
            answer = self._deployment.dynamodb.query(
                TableName=self._deployment.table,
                KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
                ExpressionAttributeValues={
                    ":pk": {"S": records_pk(application_id)},
                    ":prefix": {"S": "CALL#"},
                },
                ScanIndexForward=False,
                Limit=limit,
                **start,  # type: ignore[arg-type]
            )
        last = answer.get("LastEvaluatedKey")
        records = [_record(from_item(item), application_id) for item in answer["Items"]]
        return CallRecordPage(records, None if last is None else _write_cursor(str(last["sk"]["S"])))


def records_pk(application_id: str | None) -> str:
    """The partition of an application's call records."""
    # Not the application's own partition: bridges may write here, and nothing that routes calls.
    return DEPLOYMENT_PK if application_id is None else f"{DEPLOYMENT_PK}#{application_id}"


def _sk(record: CallRecord) -> str:
    return f"CALL#{record.id}"


def _step(step: LadderStep) -> dict[str, Any]:
    return {"at": write_time(step.at), "what": step.what, "detail": dict(step.detail)}


def _record(found: dict[str, Any], application_id: str | None) -> CallRecord:
    times: dict[str, datetime] = {name: read_time(found[name]) for name in _TIMES if name in found}
    termination = found.get("termination")
    return CallRecord(
        **{name: found[name] for name in _TEXTS if name in found},
        **times,  # type: ignore[arg-type]
        application_id=application_id,
        termination=None if termination is None else Termination(termination),
        quality=json.loads(found["quality"]),
        ladder=tuple(
            LadderStep(read_time(step["at"]), step["what"], step["detail"])
            for step in json.loads(found["ladder"])
        ),
    )


def _write_cursor(sort_key: str) -> str:
    return base64.urlsafe_b64encode(sort_key.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> str:
    try:
        sort_key = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except ValueError as error:
        raise ValueError("not a cursor of this list") from error
    if not sort_key.startswith("CALL#") or len(sort_key) > 100:
        raise ValueError("not a cursor of this list")
    return sort_key
