"""The table and the secrets in one file, so that a stopped stack starts again with what it had.

The emulated services keep everything in memory. The file holds secrets: only its owner may read it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3

from local.files import write_private

FORMAT = 1
TTL_ATTRIBUTE = "expires_at"


class SavedStateError(Exception):
    """The file cannot be used; says why and what to do."""


def save_state(path: Path, session: boto3.Session, table: str) -> None:
    """Write all items and secrets; the file changes as a whole or not at all."""
    state = {"format": FORMAT, "items": _read_items(session, table), "secrets": _read_secrets(session)}
    write_private(path, json.dumps(state))


def restore_state(path: Path, session: boto3.Session, table: str) -> bool:
    """Bring the saved items and secrets back; False when there is no file.

    Raises `SavedStateError` for a file that this version cannot read.
    """
    try:
        state = json.loads(path.read_text())
        if state["format"] != FORMAT:
            raise SavedStateError(f"{path} has format {state['format']}, this version reads {FORMAT}")
        items, secrets = state["items"], state["secrets"]
    except FileNotFoundError:
        return False
    except (ValueError, KeyError, TypeError) as error:
        raise SavedStateError(f"{path} cannot be read ({error}); remove it to start anew") from error
    # A restored secret has another ARN, and items name their secrets by ARN.
    text = json.dumps(items)
    for secret in secrets:
        text = text.replace(json.dumps(secret["arn"]), json.dumps(_restore_secret(session, secret)))
    dynamodb = session.client("dynamodb")
    for item in json.loads(text):
        if not _expired(item):
            dynamodb.put_item(TableName=table, Item=item)
    return True


def _read_items(session: boto3.Session, table: str) -> list[dict[str, Any]]:
    pages = session.client("dynamodb").get_paginator("scan").paginate(TableName=table)
    return [dict(item) for page in pages for item in page["Items"]]


def _read_secrets(session: boto3.Session) -> list[dict[str, Any]]:
    client = session.client("secretsmanager")
    return [
        {
            "name": secret["Name"],
            "arn": secret["ARN"],
            "tags": secret.get("Tags", []),
            "versions": _read_versions(client, secret["ARN"]),
        }
        for page in client.get_paginator("list_secrets").paginate()
        for secret in page["SecretList"]
        if "DeletedDate" not in secret
    ]


def _read_versions(client: Any, arn: str) -> list[dict[str, str]]:
    """The versions that have a stage, the previous one first: written in this order they get it again."""
    stages = client.describe_secret(SecretId=arn)["VersionIdsToStages"]
    return [
        {
            "id": version,
            "value": client.get_secret_value(SecretId=arn, VersionId=version)["SecretString"],
        }
        for wanted in ("AWSPREVIOUS", "AWSCURRENT")
        for version, labels in stages.items()
        if wanted in labels
    ]


def _restore_secret(session: boto3.Session, secret: Mapping[str, Any]) -> str:
    client = session.client("secretsmanager")
    first, *later = secret["versions"]
    arn = client.create_secret(
        Name=secret["name"],
        SecretString=first["value"],
        ClientRequestToken=first["id"],
        Tags=secret["tags"],
    )["ARN"]
    for version in later:
        client.put_secret_value(SecretId=arn, SecretString=version["value"], ClientRequestToken=version["id"])
    return arn


def _expired(item: Mapping[str, Any]) -> bool:
    """Whether DynamoDB would have removed the item by now."""
    expires = item.get(TTL_ATTRIBUTE, {}).get("N")
    return expires is not None and float(expires) < time.time()
