"""Applications, the tenants: their API keys and secrets. Imports core and boto3."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from botocore.exceptions import ClientError

from trunking.aws.deployment import Deployment
from trunking.aws.items import application_pk, from_item, key, to_item
from trunking.aws.service_errors import error_code, translated
from trunking.identifiers import new_id

APPLICATIONS_PK = "APPLICATIONS"
_CACHE_SECONDS = 60.0
_UNKNOWN_SECONDS = 5.0
_MAX_CACHED = 1000


@dataclass(frozen=True, slots=True)
class ApplicationCredentials:
    """An application as its clients authenticate: by API key, and a token that the secret signs."""

    application_id: str
    api_key: str
    api_secret: str

    def __repr__(self) -> str:
        """Never shows the secret."""
        return f"ApplicationCredentials({self.application_id!r}, {self.api_key!r})"


class Applications:
    """The applications of one deployment; what was read is kept for a minute."""

    def __init__(self, deployment: Deployment, clock: Callable[[], float] = time.monotonic) -> None:
        self._deployment = deployment
        self._clock = clock
        self._known: dict[str, tuple[float, ApplicationCredentials | None]] = {}

    def by_api_key(self, api_key: str) -> ApplicationCredentials | None:
        """The application of an API key, None when there is none."""
        now = self._clock()
        kept = self._known.get(api_key)
        if kept is not None and now < kept[0]:
            return kept[1]
        found = self._read_by_api_key(api_key)
        if len(self._known) >= _MAX_CACHED:
            self._known.clear()
        self._known[api_key] = (now + (_UNKNOWN_SECONDS if found is None else _CACHE_SECONDS), found)
        return found

    def read(self, application_id: str) -> ApplicationCredentials | None:
        """The application with this id, None when there is none."""
        with translated("DynamoDB"):
            answer = self._deployment.dynamodb.get_item(
                TableName=self._deployment.table, Key=key(application_pk(application_id), "META")
            )
        if "Item" not in answer:
            return None
        return self._with_secret(application_id, str(from_item(answer["Item"])["api_key"]))

    def ids(self) -> list[str]:
        """The ids of all applications."""
        pages = self._deployment.dynamodb.get_paginator("query").paginate(
            TableName=self._deployment.table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": APPLICATIONS_PK}},
            ConsistentRead=True,
        )
        with translated("DynamoDB"):
            return [str(from_item(item)["application_id"]) for page in pages for item in page["Items"]]

    def _read_by_api_key(self, api_key: str) -> ApplicationCredentials | None:
        with translated("DynamoDB"):
            answer = self._deployment.dynamodb.get_item(
                TableName=self._deployment.table, Key=key(f"APIKEY#{api_key}", "META")
            )
        if "Item" not in answer:
            return None
        return self._with_secret(str(from_item(answer["Item"])["application_id"]), api_key)

    def _with_secret(self, application_id: str, api_key: str) -> ApplicationCredentials | None:
        with translated("Secrets Manager"):
            value = self._deployment.secrets_manager.get_secret_value(
                SecretId=secret_name(self._deployment, application_id)
            )
        return ApplicationCredentials(
            application_id, api_key, str(json.loads(value["SecretString"])["api_secret"])
        )


def secret_name(deployment: Deployment, application_id: str) -> str:
    """The name of an application's secret; its value may also hold Stream's key for the bridge."""
    return f"{deployment.secret_prefix}applications/{application_id}"


def create_application(
    deployment: Deployment,
    *,
    application_id: str | None = None,
    api_key: str | None = None,
    api_secret: str | None = None,
) -> ApplicationCredentials:
    """Make an application. With a fixed id, key and secret it may be called again: then nothing changes.

    Raises ValueError when the API key belongs to another application.
    """
    made = ApplicationCredentials(
        application_id or new_id(), api_key or secrets.token_hex(8), api_secret or secrets.token_hex(32)
    )
    _put_secret(deployment, made)
    table = deployment.table
    pk = application_pk(made.application_id)
    meta = {"pk": pk, "sk": "META", "version": 0, "api_key": made.api_key}
    api_key_item = {"pk": f"APIKEY#{made.api_key}", "sk": "META", "application_id": made.application_id}
    listed = {"pk": APPLICATIONS_PK, "sk": pk, "application_id": made.application_id}
    try:
        with translated("DynamoDB"):
            deployment.dynamodb.transact_write_items(
                TransactItems=[
                    {
                        "Put": {
                            "TableName": table,
                            "Item": to_item(item),
                            "ConditionExpression": "attribute_not_exists(pk)",
                        }
                    }
                    for item in (meta, api_key_item, listed)
                ]
            )
    except ClientError as error:
        if error_code(error) != "TransactionCanceledException":
            raise
        existing = Applications(deployment).by_api_key(made.api_key)
        if existing is None or existing.application_id != made.application_id:
            raise ValueError("the API key or the application id is taken") from error
    return made


def _put_secret(deployment: Deployment, application: ApplicationCredentials) -> None:
    name = secret_name(deployment, application.application_id)
    value = {"api_key": application.api_key, "api_secret": application.api_secret}
    try:
        with translated("Secrets Manager"):
            deployment.secrets_manager.create_secret(
                Name=name,
                Description="API key and secret of an application",
                SecretString=json.dumps(value),
                Tags=[{"Key": "trunkline:application", "Value": application.application_id}],
            )
    except ClientError as error:
        if error_code(error) != "ResourceExistsException":
            raise
        with translated("Secrets Manager"):
            kept = deployment.secrets_manager.get_secret_value(SecretId=name)
            found = json.loads(kept["SecretString"])
            if found != {**found, **value}:
                deployment.secrets_manager.put_secret_value(
                    SecretId=name, SecretString=json.dumps({**found, **value})
                )
