"""What a crash between two steps leaves behind, found and removed: secrets, labels, queues.

Everything younger than a few minutes is left alone, because its steps may still be going on. Doing all of it
twice, or at the same time as a change, harms nothing. Imports core and boto3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from trunking.aws.bridges import Bridges
from trunking.aws.deployment import Deployment
from trunking.aws.items import StoredTrunk
from trunking.aws.service_errors import error_code, translated
from trunking.aws.trunk_secrets import TABLE_TAG, TrunkSecrets
from trunking.aws.trunk_table import read_stored_trunk

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager.type_defs import SecretListEntryTypeDef

SETTLED_AFTER = timedelta(minutes=10)
"""No change takes so long: a function runs for seconds."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What one round removed or put right."""

    secrets: int = 0
    labels: int = 0
    queues: int = 0


class Leftovers:
    """The leftovers of one deployment."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._secrets = TrunkSecrets(deployment)

    def heal_secrets(self, now: datetime) -> Removed:
        """Remove secrets that no trunk points at; let AWSCURRENT follow the trunk where it does not."""
        removed = moved = 0
        for entry in self._trunk_secrets():
            tags = {tag.get("Key", ""): tag.get("Value", "") for tag in entry.get("Tags", ())}
            application_id = tags.get("trunkline:application", "")
            trunk_id = tags.get("trunkline:trunk", "")
            changed = max(entry["CreatedDate"], entry.get("LastChangedDate", entry["CreatedDate"]))
            # Of another deployment, its table has the trunk and ours has not: that is no leftover.
            ours = tags.get(TABLE_TAG) == self._deployment.table
            if not ours or not trunk_id or now - changed < SETTLED_AFTER:
                continue
            stored = read_stored_trunk(self._deployment, application_id, trunk_id)
            if stored is None:
                self._secrets.remove(trunk_id, recoverable=True)
                removed += 1
            elif self._follow(stored, entry.get("SecretVersionsToStages", {})):
                moved += 1
        return Removed(secrets=removed, labels=moved)

    def remove_queues(self, topic_arn: str, name_prefix: str, now: datetime) -> Removed:
        """Remove queues, and their subscriptions, of bridges that were not seen for long."""
        alive = {f"{name_prefix}{status.id}" for status in Bridges(self._deployment).list(now)}
        subscriptions = self._subscriptions(topic_arn)
        removed = 0
        for url in self._queue_urls(name_prefix):
            if url.rsplit("/", 1)[-1] in alive:
                continue
            removed += self._remove_queue(url, subscriptions, now)
        return Removed(queues=removed)

    def _follow(self, stored: StoredTrunk, versions: Mapping[str, list[str]]) -> bool:
        current = next((version for version, labels in versions.items() if "AWSCURRENT" in labels), None)
        if current is None or current == stored.secret_version:
            return False
        self._secrets.promote(stored.trunk.id, stored.secret_version, current)
        return True

    def _trunk_secrets(self) -> Iterator[SecretListEntryTypeDef]:
        pages = self._deployment.secrets_manager.get_paginator("list_secrets").paginate(
            Filters=[{"Key": "name", "Values": [f"{self._deployment.secret_prefix}trunks/"]}]
        )
        with translated("Secrets Manager"):
            for page in pages:
                yield from page["SecretList"]

    def _queue_urls(self, name_prefix: str) -> Iterator[str]:
        pages = self._deployment.sqs.get_paginator("list_queues").paginate(QueueNamePrefix=name_prefix)
        with translated("SQS"):
            for page in pages:
                yield from page.get("QueueUrls", ())

    def _subscriptions(self, topic_arn: str) -> dict[str, str]:
        """Subscription by the ARN of the queue that it delivers to."""
        pages = self._deployment.sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
        with translated("SNS"):
            return {
                found["Endpoint"]: found["SubscriptionArn"]
                for page in pages
                for found in page["Subscriptions"]
            }

    def _remove_queue(self, url: str, subscriptions: Mapping[str, str], now: datetime) -> int:
        sqs = self._deployment.sqs
        try:
            with translated("SQS"):
                answer = sqs.get_queue_attributes(
                    QueueUrl=url, AttributeNames=["QueueArn", "CreatedTimestamp"]
                )
                attributes = answer["Attributes"]
                if now.timestamp() - float(attributes["CreatedTimestamp"]) < SETTLED_AFTER.total_seconds():
                    return 0
                subscription = subscriptions.get(attributes["QueueArn"])
                if subscription is not None:
                    self._deployment.sns.unsubscribe(SubscriptionArn=subscription)
                sqs.delete_queue(QueueUrl=url)
        except ClientError as error:
            # The bridge itself, or another round, was faster.
            if not error_code(error).endswith(("NonExistentQueue", "QueueDoesNotExist")):
                raise
            return 0
        return 1
