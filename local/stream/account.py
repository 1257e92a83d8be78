"""Gives an application its account at a local Stream: key and addresses in the application's secret."""

from __future__ import annotations

import json

from local.stream.server import LocalStream
from trunking.aws.applications import secret_name
from trunking.aws.deployment import Deployment


def account_of(stream: LocalStream, api_key: str, api_secret: str) -> dict[str, str]:
    """What the bridge looks for in the secret."""
    return {
        "stream_api_key": api_key,
        "stream_api_secret": api_secret,
        "stream_base_url": stream.base_url,
        "stream_websocket_url": stream.websocket_url,
    }


def put_account(deployment: Deployment, application_id: str, account: dict[str, str]) -> None:
    """Add the account to the application's secret; what else is in it stays. Blocks."""
    name = secret_name(deployment, application_id)
    kept = json.loads(deployment.secrets_manager.get_secret_value(SecretId=name)["SecretString"])
    deployment.secrets_manager.put_secret_value(SecretId=name, SecretString=json.dumps({**kept, **account}))
