"""The address that carriers reach this task by, where a setting says `auto`: asked of ECS and EC2 at start.

Blocking; runs once before anything listens. Outside of ECS there is nobody to ask, and `auto` is an error.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

AUTOMATIC = "auto"
_TIMEOUT_SECONDS = 5.0


class PublicAddressError(Exception):
    """The address cannot be found; the message says what was missing."""


class NetworkInterfaces(Protocol):
    """What is needed of an EC2 client."""

    def describe_network_interfaces(self, *, Filters: Any) -> Any:  # noqa: N803 - EC2's own name
        """Interfaces by filter."""
        ...


def find_public_address(environment: Mapping[str, str], ec2: NetworkInterfaces) -> str:
    """The public IPv4 address of this ECS task, or its private one where it has no other.

    Raises `PublicAddressError`.
    """
    metadata_uri = environment.get("ECS_CONTAINER_METADATA_URI_V4", "")
    if not metadata_uri.startswith("http://"):
        raise PublicAddressError("advertised addresses can be `auto` only in an ECS task")
    try:
        with urllib.request.urlopen(f"{metadata_uri}/task", timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
            task = json.loads(answer.read())
        private = str(task["Containers"][0]["Networks"][0]["IPv4Addresses"][0])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise PublicAddressError(f"the task's metadata has no address: {error}") from error
    filters = [{"Name": "addresses.private-ip-address", "Values": [private]}]
    try:
        found = ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
    except (BotoCoreError, ClientError) as error:
        raise PublicAddressError(f"EC2 does not tell the task's public address: {error}") from error
    addresses = [interface.get("Association", {}).get("PublicIp") for interface in found]
    return next((str(address) for address in addresses if address), private)
