"""Creating, updating, rotating and deleting trunks: secret and transaction in the order that heals.

A secret is made before the transaction that points at it and removed after the one that does not; what a
crash leaves in between is the janitor's. Imports core and boto3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from trunking.aws.action import Action
from trunking.aws.change_chain import ChangeChain
from trunking.aws.deployment import Deployment
from trunking.aws.fresh_read import with_fresh_read
from trunking.aws.items import StoredTrunk
from trunking.aws.trunk_secrets import TrunkSecrets
from trunking.aws.trunk_table import read_stored_trunk
from trunking.aws.trunk_transactions import TrunkTransactions
from trunking.change import ChangeKind
from trunking.errors import NotFoundError, TrunkingError, TrunkInUseError, UnavailableError
from trunking.identifiers import new_id, new_password, new_username
from trunking.settings import TrunkSettings
from trunking.trunk import Trunk, TrunkCredentials

Result = TypeVar("Result")


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
        self._transactions = TrunkTransactions(deployment.table, chain or ChangeChain(deployment))
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
        self._insert_or_remove_secret(StoredTrunk(trunk, secret_version), now, extra)
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
            stored = self._transactions.release_excess(stored, settings.numbers, now)
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
                after = self._transactions.update(stored, replace(stored, trunk=changed), now, kind)
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
            self._transactions.remove(stored, now)
            self._secrets.remove(trunk_id, recoverable=True)

        self._with_fresh_read(application_id, trunk_id, expected_rev, apply)

    def _with_fresh_read(
        self,
        application_id: str,
        trunk_id: str,
        expected_rev: int | None,
        apply: Callable[[StoredTrunk], Result],
    ) -> Result:
        return with_fresh_read(
            lambda: read_stored_trunk(self._deployment, application_id, trunk_id),
            NotFoundError("trunk", trunk_id),
            expected_rev,
            apply,
        )

    def _insert_or_remove_secret(self, stored: StoredTrunk, now: datetime, extra: Iterable[Action]) -> None:
        trunk = stored.trunk
        try:
            self._transactions.insert(stored, now, extra)
        except UnavailableError:
            # The answer was lost, so the table itself says whether the trunk exists now.
            if read_stored_trunk(self._deployment, trunk.application_id, trunk.id) is None:
                self._secrets.remove(trunk.id, recoverable=True)
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
        after = self._transactions.update(stored, after, now, kind)
        self._secrets.promote(trunk.id, version, stored.secret_version)
        credentials = TrunkCredentials(
            trunk.id, trunk.username, password, previous.password if previous is not None else None, until
        )
        return TrunkWithCredentials(after.trunk, credentials)

    def _read_back(self, stored: StoredTrunk, now: datetime) -> TrunkWithCredentials:
        credentials = self._secrets.read(stored, now)
        if credentials is None:
            raise NotFoundError("trunk", stored.trunk.id)
        return TrunkWithCredentials(stored.trunk, credentials)


def _rule_words(stored: StoredTrunk) -> list[str]:
    return [f"{name!r} ({rule_id})" for rule_id, name in sorted(stored.rule_names.items())]
