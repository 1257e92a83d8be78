"""One deployment's names in AWS, and the clients that reach it, each made when it is first used.

Endpoints and credentials come from AWS's own environment variables. Not a place for operations.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

DEFAULT_SECRET_PREFIX = "trunkline/"  # noqa: S105 - the start of a name
DEFAULT_SIP_HOST = "localhost"


@dataclass(frozen=True)
class Deployment:
    """Where a deployment keeps what it knows."""

    table: str
    secret_prefix: str = DEFAULT_SECRET_PREFIX
    bus: str = ""
    sip_host: str = DEFAULT_SIP_HOST
    """Host, with a port where it is not 5060, in a trunk's `uri`."""
    parameter_validation: bool = True
    """Whether botocore checks requests before AWS does: a twentieth of what a busy bridge does."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Deployment:
        """From TRUNKLINE_TABLE, TRUNKLINE_SECRET_PREFIX, TRUNKLINE_BUS and TRUNKLINE_SIP_HOST.

        Raises KeyError without TRUNKLINE_TABLE.
        """
        return cls(
            table=environment["TRUNKLINE_TABLE"],
            secret_prefix=environment.get("TRUNKLINE_SECRET_PREFIX", DEFAULT_SECRET_PREFIX),
            bus=environment.get("TRUNKLINE_BUS", ""),
            sip_host=environment.get("TRUNKLINE_SIP_HOST", DEFAULT_SIP_HOST),
        )

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        """Throttled requests are retried with backoff by the client itself."""
        client: DynamoDBClient = self._client("dynamodb")
        return client

    @cached_property
    def secrets_manager(self) -> SecretsManagerClient:
        """As `dynamodb`."""
        client: SecretsManagerClient = self._client("secretsmanager")
        return client

    @cached_property
    def events(self) -> EventBridgeClient:
        """As `dynamodb`."""
        client: EventBridgeClient = self._client("events")
        return client

    @cached_property
    def sqs(self) -> SQSClient:
        """As `dynamodb`."""
        client: SQSClient = self._client("sqs")
        return client

    @cached_property
    def sns(self) -> SNSClient:
        """As `dynamodb`."""
        client: SNSClient = self._client("sns")
        return client

    def _client(self, service: str) -> Any:
        import boto3
        from botocore.config import Config

        # Three tries within a function's 29 s: what still fails is answered 429 or 503.
        config = Config(
            retries={"mode": "standard", "max_attempts": 3},
            connect_timeout=1,
            read_timeout=5,
            tcp_keepalive=True,
            parameter_validation=self.parameter_validation,
        )
        return boto3.client(service, config=config)  # type: ignore[call-overload]


_current: dict[tuple[Deployment, str | None], Deployment] = {}


def current_deployment() -> Deployment:
    """The deployment that the environment names, with the clients of the last time, which cost 0.3 s."""
    named = Deployment.from_environment()
    key = (named, os.environ.get("AWS_ENDPOINT_URL"))
    if key not in _current:
        _current.clear()
        _current[key] = named
    return _current[key]


def reach_at_start() -> None:
    """In Lambda, make the clients of each request now: a function that starts has a whole processor.

    Later it has its memory's share of one, and the two clients take a quarter of a second of a whole one.
    """
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        deployment = current_deployment()
        deployment.dynamodb  # noqa: B018 - made where it is first asked for
        deployment.secrets_manager  # noqa: B018
