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
        return _build_stream(settings, media, deployment)
    return EmbeddedPlatform(media)


def _build_stream(settings: BridgeSettings, media: MediaEngine, deployment: Deployment) -> CallPlatform:
    # Imported here: an embedded bridge needs no native SDK.
    from bridge.adapters.application_secret import ApplicationSecrets, secret_reader
    from bridge.adapters.external_audio import ExternalAudioSocket
    from bridge.adapters.platform_choice import PlatformChoice
    from bridge.adapters.stream_application import StreamApplication, stream_application
    from bridge.adapters.stream_platform import StreamPlatform, StreamSettings

    secrets = ApplicationSecrets(secret_reader(deployment))

    async def find_application(application_id: str) -> StreamApplication | None:
        return stream_application(await secrets.find(application_id))

    chosen = StreamSettings(
        settings.stream_join_seconds, settings.stream_reconnect_seconds, settings.stream_sample_rate
    )
    stream = StreamPlatform(media, find_application, ExternalAudioSocket(media, settings.rtp_host), chosen)
    platforms: dict[str, CallPlatform] = {"stream": stream, "embedded": EmbeddedPlatform(media)}
    return PlatformChoice(media, "stream", platforms, secrets.find)
