"""Creating, updating, rotating and deleting trunks: secret and transaction in the order that heals.

A secret is made before the transaction that points at it and removed after the one that does not; what a
crash leaves in between is the janitor's. Imports core and boto3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from trunking.aws.change_chain import (
    CHAIN_ACTIONS,
    MAX_ACTIONS,
    Action,
    ChangeChain,
    PendingChange,
    StaleReadError,
)
from trunking.aws.deployment import Deployment
from trunking.aws.items import Item, StoredTrunk, application_pk, key, to_item, to_value, trunk_attributes
from trunking.aws.trunk_secrets import TrunkSecrets
from trunking.aws.trunk_table import read_stored_trunk
from trunking.change import ChangeKind
from trunking.errors import (
    NotFoundError,
    NumberTakenError,
    RevisionMismatchError,
    ThrottledError,
    TrunkingError,
    TrunkInUseError,
    UnavailableError,
)
from trunking.identifiers import new_id, new_password, new_username
from trunking.public_form import public_trunk
from trunking.settings import TrunkSettings
from trunking.trunk import Trunk, TrunkCredentials

Result = TypeVar("Result")
_MAX_READS = 8
_CLAIM_CHANGES = MAX_ACTIONS - CHAIN_ACTIONS - 1
"""Numbers that one transaction can claim and release, beside the chain and the trunk itself."""


@dataclass(frozen=True, slots=True)
class TrunkWithCredentials:
    """A trunk as its owner sees it."""

    trunk: Trunk
    credentials: TrunkCredentials


class TrunkChanges:
    """Changes of trunks in one deployment."""

    def __init__(
        self, deployment: Deployment, *, chain: ChangeChain | None = None, secrets: TrunkSecrets | None = None
    ) -> None:
        self._deployment = deployment
        self._chain = chain or ChangeChain(deployment)
        self._secrets = secrets or TrunkSecrets(deployment)

    def create(
        self,
        application_id: str,
        settings: TrunkSettings,
        password: str | None,
        now: datetime,
        *,
        trunk_id: str | None = None,
        extra: Iterable[Action] = (),
    ) -> TrunkWithCredentials:
        """Make a trunk; a password is made up where none is given.

        Raises InvalidInputError, NumberTakenError, ThrottledError and UnavailableError, and what an `extra`
        action of the same transaction makes of its refusal.
        """
        settings.check()
        credentials = TrunkCredentials(trunk_id or new_id(), new_username(), password or new_password())
        trunk = Trunk(
            id=credentials.trunk_id,
            application_id=application_id,
            name=settings.name,
            numbers=settings.numbers,
            username=credentials.username,
            allowed_ips=settings.allowed_ips,
            created_at=now,
            updated_at=now,
            enabled=settings.enabled,
            max_concurrent_calls=settings.max_concurrent_calls,
            max_calls_per_second=settings.max_calls_per_second,
            country=settings.country,
        )
        secret_version = self._secrets.create(application_id, credentials)
        actions = [
            self._put(StoredTrunk(trunk, secret_version)),
            self._claim_username(trunk),
            *(self._claim_number(trunk, number) for number in trunk.numbers),
            *extra,
        ]
        change = PendingChange(
            application_id, ChangeKind.TRUNK_CREATED, trunk.id, public_trunk(trunk), now, actions
        )
        self._commit_or_remove_secret(change, trunk)
        return TrunkWithCredentials(trunk, credentials)

    def update(
        self,
        application_id: str,
        trunk_id: str,
        revise: Callable[[Trunk], TrunkSettings],
        password: str | None,
        now: datetime,
        *,
        expected_rev: int | None = None,
    ) -> TrunkWithCredentials:
        """Set what `revise` makes of the trunk. A new password is valid at once, the old one no longer."""

        def apply(stored: StoredTrunk) -> TrunkWithCredentials:
            settings = revise(stored.trunk)
            settings.check()
            stored = self._release_excess(stored, settings.numbers, now)
            changed = replace(
                stored.trunk,
                name=settings.name,
                numbers=settings.numbers,
                allowed_ips=settings.allowed_ips,
                enabled=settings.enabled,
                max_concurrent_calls=settings.max_concurrent_calls,
                max_calls_per_second=settings.max_calls_per_second,
                country=settings.country,
            )
            kind = ChangeKind.TRUNK_UPDATED
            if password is None:
                after = self._commit_update(stored, replace(stored, trunk=changed), now, kind)
                return self._read_back(after, now)
            return self._commit_password(stored, changed, password, now, kind, grace=None)

        return self._with_fresh_read(application_id, trunk_id, expected_rev, apply)

    def rotate_password(
        self,
        application_id: str,
        trunk_id: str,
        now: datetime,
        *,
        grace: timedelta,
        password: str | None = None,
        expected_rev: int | None = None,
    ) -> TrunkWithCredentials:
        """Give a trunk a new password; the old one stays valid for `grace`."""

        def apply(stored: StoredTrunk) -> TrunkWithCredentials:
            return self._commit_password(
                stored,
                stored.trunk,
                password or new_password(),
                now,
                ChangeKind.TRUNK_PASSWORD_ROTATED,
                grace=grace if grace > timedelta(0) else None,
            )

        return self._with_fresh_read(application_id, trunk_id, expected_rev, apply)

    def delete(
        self, application_id: str, trunk_id: str, now: datetime, *, expected_rev: int | None = None
    ) -> None:
        """Delete a trunk that no routing rule lists; its secret can be recovered for a week."""

        def apply(stored: StoredTrunk) -> None:
            if stored.rules:
                raise TrunkInUseError(_rule_words(stored))
            trunk = stored.trunk
            actions = [
                self._remove(stored),
                self._release(f"SIPUSER#{trunk.username}", trunk),
                *(self._release(f"NUM#{number}", trunk) for number in trunk.numbers),
            ]
            self._chain.commit(
                PendingChange(
                    application_id, ChangeKind.TRUNK_DELETED, trunk.id, public_trunk(trunk), now, actions
                )
            )
            self._secrets.remove(trunk.id, recoverable=True)

        self._with_fresh_read(application_id, trunk_id, expected_rev, apply)

    def _with_fresh_read(
        self,
        application_id: str,
        trunk_id: str,
        expected_rev: int | None,
        apply: Callable[[StoredTrunk], Result],
    ) -> Result:
        for _ in range(_MAX_READS):
            stored = read_stored_trunk(self._deployment, application_id, trunk_id)
            if stored is None:
                raise NotFoundError("trunk", trunk_id)
            if expected_rev is not None and expected_rev != stored.trunk.rev:
                raise RevisionMismatchError(expected_rev, stored.trunk.rev)
            try:
                return apply(stored)
            except StaleReadError:
                continue
        raise ThrottledError("concurrent changes")

    def _commit_or_remove_secret(self, change: PendingChange, trunk: Trunk) -> None:
        try:
            self._chain.commit(change)
        except UnavailableError:
            # The answer was lost, so the table itself says whether the trunk exists now.
            if read_stored_trunk(self._deployment, trunk.application_id, trunk.id) is None:
                self._secrets.remove(trunk.id, recoverable=False)
                raise
        except TrunkingError:
            self._secrets.remove(trunk.id, recoverable=False)
            raise

    def _commit_password(
        self,
        stored: StoredTrunk,
        trunk: Trunk,
        password: str,
        now: datetime,
        kind: ChangeKind,
        *,
        grace: timedelta | None,
    ) -> TrunkWithCredentials:
        previous = self._secrets.read(stored, now) if grace is not None else None
        version = self._secrets.stage(trunk.id, trunk.username, password)
        until = None if grace is None else now + grace
        after = replace(
            stored,
            trunk=trunk,
            secret_version=version,
            previous_secret_version=None if grace is None else stored.secret_version,
            previous_valid_until=until,
        )
        after = self._commit_update(stored, after, now, kind)
        self._secrets.promote(trunk.id, version, stored.secret_version)
        credentials = TrunkCredentials(
            trunk.id, trunk.username, password, previous.password if previous is not None else None, until
        )
        return TrunkWithCredentials(after.trunk, credentials)

    def _commit_update(
        self, before: StoredTrunk, after: StoredTrunk, now: datetime, kind: ChangeKind
    ) -> StoredTrunk:
        trunk = replace(after.trunk, rev=before.trunk.rev + 1, updated_at=now)
        after = replace(after, trunk=trunk)
        had, has = set(before.trunk.numbers), set(trunk.numbers)
        actions = [
            self._write(before, after),
            *(self._claim_number(trunk, number) for number in trunk.numbers if number not in had),
            *(self._release(f"NUM#{number}", trunk) for number in before.trunk.numbers if number not in has),
        ]
        change = PendingChange(trunk.application_id, kind, trunk.id, public_trunk(trunk), now, actions)
        self._chain.commit(change)
        return after

    def _release_excess(self, stored: StoredTrunk, numbers: tuple[str, ...], now: datetime) -> StoredTrunk:
        """Release, in a change of its own, the numbers that one transaction could not release as well.

        Happens only where nearly 50 numbers are replaced by as many others at once.
        """
        wanted, had = set(numbers), set(stored.trunk.numbers)
        leaving = [number for number in stored.trunk.numbers if number not in wanted]
        excess = leaving[: max(0, len(leaving) + len(wanted - had) - _CLAIM_CHANGES)]
        if not excess:
            return stored
        kept = tuple(number for number in stored.trunk.numbers if number not in excess)
        shrunk = replace(stored, trunk=replace(stored.trunk, numbers=kept))
        return self._commit_update(stored, shrunk, now, ChangeKind.TRUNK_UPDATED)

    def _read_back(self, stored: StoredTrunk, now: datetime) -> TrunkWithCredentials:
        credentials = self._secrets.read(stored, now)
        if credentials is None:
            raise NotFoundError("trunk", stored.trunk.id)
        return TrunkWithCredentials(stored.trunk, credentials)

    def _put(self, stored: StoredTrunk) -> Action:
        trunk = stored.trunk
        item = {
            "pk": application_pk(trunk.application_id),
            "sk": f"TRUNK#{trunk.id}",
            "rules": {},
            **trunk_attributes(stored),
        }
        return Action(
            {
                "Put": {
                    "TableName": self._deployment.table,
                    "Item": to_item(item),
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            },
            _stale,
        )

    def _write(self, before: StoredTrunk, after: StoredTrunk) -> Action:
        """Sets the trunk's own attributes; those that rules write into the item stay as they are."""
        trunk = after.trunk
        attributes = trunk_attributes(after)
        present = {name: value for name, value in attributes.items() if value is not None}
        absent = [name for name, value in attributes.items() if value is None]
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in present)
        if absent:
            expression += " REMOVE " + ", ".join(f"#{name}" for name in absent)
        return Action(
            {
                "Update": {
                    "TableName": self._deployment.table,
                    "Key": key(application_pk(trunk.application_id), f"TRUNK#{trunk.id}"),
                    "UpdateExpression": expression,
                    "ConditionExpression": "#rev = :read_rev",
                    "ExpressionAttributeNames": {f"#{name}": name for name in attributes},
                    "ExpressionAttributeValues": {
                        **{f":{name}": to_value(value) for name, value in present.items()},
                        ":read_rev": to_value(before.trunk.rev),
                    },
                }
            },
            _stale,
        )

    def _remove(self, stored: StoredTrunk) -> Action:
        trunk = stored.trunk
        return Action(
            {
                "Delete": {
                    "TableName": self._deployment.table,
                    "Key": key(application_pk(trunk.application_id), f"TRUNK#{trunk.id}"),
                    "ConditionExpression": "rev = :read_rev AND size(#rules) = :none",
                    "ExpressionAttributeNames": {"#rules": "rules"},
                    "ExpressionAttributeValues": {":read_rev": to_value(trunk.rev), ":none": to_value(0)},
                }
            },
            _stale,
        )

    def _claim_username(self, trunk: Trunk) -> Action:
        return self._claim(f"SIPUSER#{trunk.username}", trunk, lambda item: ThrottledError("trunk usernames"))

    def _claim_number(self, trunk: Trunk, number: str) -> Action:
        return self._claim(f"NUM#{number}", trunk, lambda item: NumberTakenError((number,)))

    def _claim(self, pk: str, trunk: Trunk, refused: Callable[[Item | None], TrunkingError]) -> Action:
        item = {
            "pk": pk,
            "sk": "OWNER",
            "application_id": trunk.application_id,
            "trunk_id": trunk.id,
        }
        return Action(
            {
                "Put": {
                    "TableName": self._deployment.table,
                    "Item": to_item(item),
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            },
            refused,
        )

    def _release(self, pk: str, trunk: Trunk) -> Action:
        return Action(
            {
                "Delete": {
                    "TableName": self._deployment.table,
                    "Key": key(pk, "OWNER"),
                    "ConditionExpression": "trunk_id = :trunk",
                    "ExpressionAttributeValues": {":trunk": to_value(trunk.id)},
                }
            },
            _stale,
        )


def _stale(item: Item | None) -> TrunkingError:
    return StaleReadError("written since it was read")


def _rule_words(stored: StoredTrunk) -> list[str]:
    return [f"{name!r} ({rule_id})" for rule_id, name in sorted(stored.rule_names.items())]
