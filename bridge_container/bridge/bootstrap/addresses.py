"""Replaces `auto` in the advertised addresses by the one that the platform gives."""

from __future__ import annotations

import os

import boto3

from bridge.adapters.public_address import AUTOMATIC, find_public_address
from bridge.adapters.settings import BridgeSettings

_FIELDS = ("advertised_sip_host", "advertised_media_host")


def with_addresses(settings: BridgeSettings) -> BridgeSettings:
    """The settings with plain addresses. Blocks; raises `PublicAddressError`."""
    automatic = [name for name in _FIELDS if getattr(settings, name) == AUTOMATIC]
    if not automatic:
        return settings
    address = find_public_address(os.environ, boto3.client("ec2"))
    return settings.model_copy(update=dict.fromkeys(automatic, address))
