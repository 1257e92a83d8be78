"""AWS's own environment variables, set so that nothing in this process can reach a real account.

A developer's machine has profiles, service endpoints and proxies of its own: each of them would win over the
emulation, or stand between. Imports nothing of ours but the region.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping

from local.aws.template import REGION

LEADING_ELSEWHERE = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
)


def lead_to_emulation(endpoint_url: str, environment: MutableMapping[str, str] = os.environ) -> None:
    """Make every AWS client of this process, and of its children, use the emulated services."""
    for name in list(environment):
        if name in LEADING_ELSEWHERE or name.startswith("AWS_ENDPOINT_URL_"):
            del environment[name]
    direct = [
        each for each in environment.get("NO_PROXY", environment.get("no_proxy", "")).split(",") if each
    ]
    no_proxy = ",".join([*direct, "127.0.0.1", "localhost", "::1"])
    environment.update(
        AWS_ENDPOINT_URL=endpoint_url,
        AWS_REGION=REGION,
        AWS_DEFAULT_REGION=REGION,
        AWS_ACCESS_KEY_ID="local",
        AWS_SECRET_ACCESS_KEY="local",  # noqa: S106 - the emulation takes any
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        AWS_EC2_METADATA_DISABLED="true",
        NO_PROXY=no_proxy,
        no_proxy=no_proxy,
        # Nobody collects these on one machine.
        POWERTOOLS_TRACE_DISABLED="true",
        POWERTOOLS_METRICS_DISABLED="true",
    )
