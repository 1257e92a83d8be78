"""Builds the call platform that the settings name."""

from __future__ import annotations

from bridge.adapters.embedded_platform import EmbeddedPlatform
from bridge.adapters.settings import BridgeSettings
from bridge.calls.call_platform import CallPlatform
from bridge.calls.media_engine import MediaEngine
from trunking.aws.deployment import Deployment


def build_platform(settings: BridgeSettings, media: MediaEngine, deployment: Deployment) -> CallPlatform:
    """The platform, ready to be joined."""
    if settings.platform == "stream":
        raise NotImplementedError("platform stream")
    return EmbeddedPlatform(media)
