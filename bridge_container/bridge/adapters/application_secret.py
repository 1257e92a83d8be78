"""An application's secret as the bridge reads it, kept for a while; what was read once serves on without AWS.

The functions need the API key and secret in it; the bridge needs where the application's calls live. Imports
trunking.aws.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping

from botocore.exceptions import BotoCoreError, ClientError

from trunking.aws.applications import secret_name
from trunking.aws.deployment import Deployment
from trunking.aws.service_errors import error_code

LIFETIME = 60.0
_FAILURES = (BotoCoreError, ClientError)

_log = logging.getLogger(__name__)

Secret = Mapping[str, str]


class SecretUnavailableError(Exception):
    """Secrets Manager does not give the secret, and it was never read before."""


class ApplicationSecrets:
    """Secrets by application id."""

    def __init__(self, read: Callable[[str], Secret], clock: Callable[[], float] = time.monotonic) -> None:
        """`read` blocks and runs in a thread; it raises botocore's errors."""
        self._read = read
        self._clock = clock
        self._known: dict[str, tuple[float, Secret]] = {}

    async def find(self, application_id: str) -> Secret:
        """The secret's keys and values; empty when there is none. Raises `SecretUnavailableError`."""
        kept = self._known.get(application_id)
        if kept is not None and self._clock() < kept[0]:
            return kept[1]
        try:
            secret = await asyncio.to_thread(self._read, application_id)
        except _FAILURES as error:
            if kept is None:
                raise SecretUnavailableError(type(error).__name__) from error
            _log.warning(
                "application's secret not read anew (%s): the known one serves", type(error).__name__
            )
            return kept[1]
        self._known[application_id] = (self._clock() + LIFETIME, secret)
        return secret


def secret_reader(deployment: Deployment) -> Callable[[str], Secret]:
    """Reads from Secrets Manager."""

    def read(application_id: str) -> Secret:
        try:
            answer = deployment.secrets_manager.get_secret_value(
                SecretId=secret_name(deployment, application_id)
            )
        except ClientError as error:
            if error_code(error) == "ResourceNotFoundException":
                return {}
            raise
        value = json.loads(answer["SecretString"])
        return {str(name): str(text) for name, text in value.items()}

    return read
