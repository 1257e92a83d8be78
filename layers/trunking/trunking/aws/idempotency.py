"""`Idempotency-Key`: a POST that a client repeats makes one entity. Imports core and boto3.

The key is written in the same transaction as the entity, so that there is never one without the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from trunking.aws.action import ABSENT, Action, put
from trunking.aws.deployment import Deployment
from trunking.aws.items import Item, application_pk, from_item
from trunking.aws.trunk_table import read_item
from trunking.errors import InvalidInputError, TrunkingError

Result = TypeVar("Result")
LIFETIME = timedelta(hours=24)


class RepeatedRequestError(TrunkingError):
    """Somebody else was faster with the same key."""


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """The key of one request."""

    application_id: str
    operation: str
    key: str
    body: bytes

    @property
    def _sort_key(self) -> str:
        return f"IDEM#{self.operation}#{hashlib.sha256(self.key.encode()).hexdigest()}"

    @property
    def _body_digest(self) -> str:
        return hashlib.sha256(self.body).hexdigest()

    def made(self, deployment: Deployment, now: datetime) -> str | None:
        """The id of what an earlier request with this key made.

        Raises InvalidInputError where that request was another one.
        """
        item = read_item(deployment, application_pk(self.application_id), self._sort_key)
        if item is None:
            return None
        found = from_item(item)
        if found["expires_at"] <= now.timestamp():
            return None
        if found["body_digest"] != self._body_digest:
            raise InvalidInputError({"Idempotency-Key": "was used with another body"})
        return str(found["subject_id"])

    def action(self, deployment: Deployment, subject_id: str, now: datetime) -> Action:
        """Writes the key."""
        item = {
            "pk": application_pk(self.application_id),
            "sk": self._sort_key,
            "subject_id": subject_id,
            "body_digest": self._body_digest,
            "expires_at": int((now + LIFETIME).timestamp()),
        }

        def refused(item: Item | None) -> TrunkingError:
            return RepeatedRequestError("the request is being repeated")

        return put(
            deployment.table,
            item,
            condition=f"{ABSENT} OR expires_at <= :now",
            values={":now": int(now.timestamp())},
            refused=refused,
        )


def create_once(
    key: IdempotencyKey | None,
    deployment: Deployment,
    now: datetime,
    create: Callable[[list[Action], str], Result],
    read: Callable[[str], Result],
    new_id: Callable[[], str],
) -> Result:
    """Create, or read what was created by the same request before. `create` gets the id and extra actions."""
    if key is None:
        return create([], new_id())
    made = key.made(deployment, now)
    if made is not None:
        return read(made)
    subject_id = new_id()
    try:
        return create([key.action(deployment, subject_id, now)], subject_id)
    except TrunkingError:
        # The number is taken by the very request that is repeated here, or the key itself was.
        made = key.made(deployment, now)
        if made is None:
            raise
        return read(made)
