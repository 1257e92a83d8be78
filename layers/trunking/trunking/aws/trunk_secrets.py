"""The secret of each trunk: its SIP username and password, in versions that a trunk's item points at.

The item names the version that is valid, so that a password changes in the same transaction as the trunk.
AWSCURRENT and AWSPREVIOUS follow it, for whoever looks by label. Imports core and boto3.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from botocore.exceptions import ClientError

from trunking.aws.deployment import Deployment
from trunking.aws.items import StoredTrunk
from trunking.aws.service_errors import error_code, translated
from trunking.trunk import TrunkCredentials

PENDING = "TRUNKLINE_PENDING"
"""Keeps a new version alive until the trunk's item points at it."""
TABLE_TAG = "trunkline:table"
"""Whose table knows the trunk: deployments of one account may use one prefix."""
RECOVERY_DAYS = 7
_BATCH = 20
"""Secrets of one BatchGetSecretValue."""
_WHAT = "Secrets Manager"


class TrunkSecrets:
    """Trunks' secrets of one deployment."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    def name(self, trunk_id: str) -> str:
        """The secret's name; knows nothing but the trunk's id."""
        return f"{self._deployment.secret_prefix}trunks/{trunk_id}"

    def create(self, application_id: str, credentials: TrunkCredentials) -> str:
        """Make the secret; return its version."""
        with translated(_WHAT):
            made = self._deployment.secrets_manager.create_secret(
                Name=self.name(credentials.trunk_id),
                Description="SIP credentials of a trunk",
                SecretString=_write(credentials.username, credentials.password),
                Tags=[
                    {"Key": "trunkline:application", "Value": application_id},
                    {"Key": "trunkline:trunk", "Value": credentials.trunk_id},
                    {"Key": TABLE_TAG, "Value": self._deployment.table},
                ],
            )
        return made["VersionId"]

    def stage(self, trunk_id: str, username: str, password: str) -> str:
        """Add a version that is not valid yet; return it."""
        with translated(_WHAT):
            put = self._deployment.secrets_manager.put_secret_value(
                SecretId=self.name(trunk_id), SecretString=_write(username, password), VersionStages=[PENDING]
            )
        return put["VersionId"]

    def promote(self, trunk_id: str, version: str, from_version: str) -> None:
        """Let AWSCURRENT follow the trunk's item; AWSPREVIOUS goes to `from_version` by itself."""
        with translated(_WHAT):
            self._deployment.secrets_manager.update_secret_version_stage(
                SecretId=self.name(trunk_id),
                VersionStage="AWSCURRENT",
                MoveToVersionId=version,
                RemoveFromVersionId=from_version,
            )

    def remove(self, trunk_id: str, *, recoverable: bool) -> None:
        """Delete the secret; an absent one is no error. Recoverable for a week where it was ever used."""
        secrets = self._deployment.secrets_manager
        try:
            with translated(_WHAT):
                if recoverable:
                    secrets.delete_secret(SecretId=self.name(trunk_id), RecoveryWindowInDays=RECOVERY_DAYS)
                else:
                    secrets.delete_secret(SecretId=self.name(trunk_id), ForceDeleteWithoutRecovery=True)
        except ClientError as error:
            # InvalidRequestException: it is scheduled for deletion already.
            if error_code(error) not in ("ResourceNotFoundException", "InvalidRequestException"):
                raise

    def read(self, stored: StoredTrunk, now: datetime) -> TrunkCredentials | None:
        """The valid credentials; None when the secret is gone, as that of a trunk just deleted."""
        password = self._password(stored.trunk.id, stored.secret_version)
        if password is None:
            return None
        previous = None
        if _grace_runs(stored, now) and stored.previous_secret_version is not None:
            previous = self._password(stored.trunk.id, stored.previous_secret_version)
        return _credentials(stored, password, previous)

    def read_many(self, trunks: Iterable[StoredTrunk], now: datetime) -> dict[str, TrunkCredentials]:
        """The credentials of many trunks by trunk id, in batches; those of deleted trunks are left out."""
        every = list(trunks)
        batches = [every[start : start + _BATCH] for start in range(0, len(every), _BATCH)]
        if len(batches) <= 1:
            return self._read_batch(batches[0], now) if batches else {}
        self._deployment.secrets_manager  # noqa: B018 - made once, before the threads share it
        with ThreadPoolExecutor(max_workers=8) as readers:
            found = list(readers.map(lambda batch: self._read_batch(batch, now), batches))
        return {trunk_id: credentials for batch in found for trunk_id, credentials in batch.items()}

    def _read_batch(self, trunks: list[StoredTrunk], now: datetime) -> dict[str, TrunkCredentials]:
        by_name = {self.name(stored.trunk.id): stored for stored in trunks}
        with translated(_WHAT):
            answer = self._deployment.secrets_manager.batch_get_secret_value(SecretIdList=list(by_name))
        current = {
            value["Name"]: value["SecretString"]
            for value in answer["SecretValues"]
            if value["VersionId"] == by_name[value["Name"]].secret_version
        }
        found: dict[str, TrunkCredentials] = {}
        for name, stored in by_name.items():
            if name in current and not _grace_runs(stored, now):
                found[stored.trunk.id] = _credentials(stored, _read_password(current[name]), None)
            elif (credentials := self.read(stored, now)) is not None:
                # In a rotation, or between its steps: the labels do not say what the item says.
                found[stored.trunk.id] = credentials
        return found

    def _password(self, trunk_id: str, version: str) -> str | None:
        try:
            with translated(_WHAT):
                value = self._deployment.secrets_manager.get_secret_value(
                    SecretId=self.name(trunk_id), VersionId=version
                )
        except ClientError as error:
            if error_code(error) in ("ResourceNotFoundException", "InvalidRequestException"):
                return None
            raise
        return _read_password(value["SecretString"])


def _grace_runs(stored: StoredTrunk, now: datetime) -> bool:
    return stored.previous_valid_until is not None and now < stored.previous_valid_until


def _credentials(stored: StoredTrunk, password: str, previous: str | None) -> TrunkCredentials:
    return TrunkCredentials(
        trunk_id=stored.trunk.id,
        username=stored.trunk.username,
        password=password,
        previous_password=previous,
        previous_valid_until=None if previous is None else stored.previous_valid_until,
    )


def _write(username: str, password: str) -> str:
    return json.dumps({"username": username, "password": password})


def _read_password(text: str) -> str:
    return str(json.loads(text)["password"])
