"""The heartbeats of the running bridges. Imports core and boto3."""

from __future__ import annotations

from datetime import datetime, timedelta

from trunking.aws.deployment import Deployment
from trunking.aws.items import from_item, key, read_time, to_item, write_time
from trunking.aws.service_errors import translated
from trunking.aws.trunk_table import query_prefix
from trunking.bridge_status import BridgeStatus

BRIDGES_PK = "BRIDGES"
HEARTBEAT_LIFETIME = timedelta(seconds=90)
"""A bridge that was not seen for so long is gone; it should report every 15 to 30 s."""


class Bridges:
    """The bridges of one deployment."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    def put(self, status: BridgeStatus) -> None:
        """Write or replace a bridge's heartbeat."""
        item = {
            "pk": BRIDGES_PK,
            "sk": f"BRIDGE#{status.id}",
            "id": status.id,
            "state": status.state,
            "version": status.version,
            "sip_address": status.sip_address,
            "calls": status.calls,
            "capacity": status.capacity,
            "started_at": write_time(status.started_at),
            "seen_at": write_time(status.seen_at),
            "expires_at": int((status.seen_at + HEARTBEAT_LIFETIME).timestamp()),
        }
        with translated("DynamoDB"):
            self._deployment.dynamodb.put_item(TableName=self._deployment.table, Item=to_item(item))

    def remove(self, bridge_id: str) -> None:
        """Forget a bridge that stopped."""
        with translated("DynamoDB"):
            self._deployment.dynamodb.delete_item(
                TableName=self._deployment.table, Key=key(BRIDGES_PK, f"BRIDGE#{bridge_id}")
            )

    def list(self, now: datetime) -> list[BridgeStatus]:
        """The bridges that were seen lately. DynamoDB removes expired items late, so time is checked."""
        found = [
            _status(item) for item in map(from_item, query_prefix(self._deployment, BRIDGES_PK, "BRIDGE#"))
        ]
        return [status for status in found if now - status.seen_at < HEARTBEAT_LIFETIME]


def _status(item: dict[str, object]) -> BridgeStatus:
    return BridgeStatus(
        id=str(item["id"]),
        state=str(item["state"]),
        version=str(item["version"]),
        sip_address=str(item["sip_address"]),
        calls=int(str(item["calls"])),
        capacity=int(str(item["capacity"])),
        started_at=read_time(str(item["started_at"])),
        seen_at=read_time(str(item["seen_at"])),
    )
