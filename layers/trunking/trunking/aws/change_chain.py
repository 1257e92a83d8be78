"""One transaction for each change: the entity, its claims, version v to v+1 and the change's own record.

Writers meet on the version; who loses reads it again and tries once more. Imports core and boto3.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from trunking.aws.action import Action, put, update
from trunking.aws.deployment import Deployment
from trunking.aws.items import application_pk, change_sk, key, write_time
from trunking.aws.service_errors import cancellation_reasons, error_code, is_throttling, translated
from trunking.change import ChangeKind
from trunking.errors import InvalidInputError, NotFoundError, ThrottledError, UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

CHANGE_LIFETIME = timedelta(days=7)
MAX_ACTIONS = 100
"""Of one transaction, a limit of DynamoDB's."""
CHAIN_ACTIONS = 2
"""Of these, what the chain itself needs: the version counter and the change."""
_ACTIONS_BESIDE_ENTITY = MAX_ACTIONS - CHAIN_ACTIONS - 1
_MAX_TRIES = 16


@dataclass(frozen=True, slots=True)
class PendingChange:
    """A change that is to be committed."""

    application_id: str
    kind: ChangeKind
    subject_id: str
    subject: Mapping[str, Any]
    occurred_at: datetime
    actions: Sequence[Action]


def excess(leaving: Sequence[str], arriving: int) -> Sequence[str]:
    """What of `leaving` has to leave in an earlier change, one action each, as `arriving` others come."""
    return leaving[: max(0, len(leaving) + arriving - _ACTIONS_BESIDE_ENTITY)]


class ChangeChain:
    """Commits changes, one after the other within an application."""

    def __init__(self, deployment: Deployment, pause: Callable[[float], None] = time.sleep) -> None:
        self._deployment = deployment
        self._pause = pause

    def version(self, application_id: str) -> int:
        """The version that the application is at."""
        with translated("DynamoDB"):
            found = self._deployment.dynamodb.get_item(
                TableName=self._deployment.table,
                Key=key(application_pk(application_id), "META"),
                ConsistentRead=True,
                ProjectionExpression="version",
            )
        if "Item" not in found:
            raise NotFoundError("application", application_id)
        return int(found["Item"]["version"]["N"])

    def commit(self, change: PendingChange) -> int:
        """Commit all of the change or nothing of it, and return its version.

        Raises what the refused action's `refused` makes, ThrottledError, or UnavailableError. After
        UnavailableError the change may still have been committed: the answer was lost.
        """
        throttled = False
        for attempt in range(_MAX_TRIES):
            if attempt:
                self._pause(random.uniform(0, min(0.02 * 2**attempt, 0.5)))  # noqa: S311 - spreads writers
            version = self.version(change.application_id) + 1
            try:
                self._write(change, version)
            except ClientError as error:
                throttled = self._retryable(change, error)
            except BotoCoreError as error:
                raise UnavailableError("DynamoDB") from error
            else:
                return version
        raise ThrottledError("DynamoDB" if throttled else "concurrent changes")

    def _write(self, change: PendingChange, version: int) -> None:
        # The token makes the client's own repetition of a lost answer harmless.
        self._deployment.dynamodb.transact_write_items(
            TransactItems=[*self._links(change, version), *(action.write for action in change.actions)],
            ClientRequestToken=str(uuid4()),
        )

    def _links(self, change: PendingChange, version: int) -> list[TransactWriteItemTypeDef]:
        table = self._deployment.table
        pk = application_pk(change.application_id)
        record = {
            "pk": pk,
            "sk": change_sk(version),
            "version": version,
            "kind": change.kind.value,
            "subject_id": change.subject_id,
            "subject": json.dumps(change.subject, ensure_ascii=False, separators=(",", ":")),
            "occurred_at": write_time(change.occurred_at),
            "expires_at": int((change.occurred_at + CHANGE_LIFETIME).timestamp()),
        }
        return [
            update(
                table,
                key(pk, "META"),
                "SET version = :next",
                condition="version = :current",
                values={":next": version, ":current": version - 1},
            ).write,
            put(table, record).write,
        ]

    def _retryable(self, change: PendingChange, error: ClientError) -> bool:
        """Return whether it was throttling when trying again is right; raise what it was when not."""
        code = error_code(error)
        if code == "TransactionInProgressException" or is_throttling(code):
            return True
        if code == "ValidationException" and "size" in str(error).lower():
            raise InvalidInputError(
                {"trunk_ids": "a trunk cannot hold more routing rules of this size"}
            ) from error
        if code != "TransactionCanceledException":
            with translated("DynamoDB"):
                raise error
        reasons = cancellation_reasons(error)
        for action, reason in zip(change.actions, reasons[CHAIN_ACTIONS:], strict=False):
            if reason.get("Code") == "ConditionalCheckFailed":
                raise action.refused(reason.get("Item")) from error
        codes = {str(reason.get("Code")) for reason in reasons}
        if "ValidationError" in codes:
            raise InvalidInputError(
                {"trunk_ids": "a trunk cannot hold more routing rules of this size"}
            ) from error
        return any(is_throttling(found) for found in codes)
