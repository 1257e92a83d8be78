"""Builds the media engine from the settings."""

from __future__ import annotations

from bridge.adapters.media_engine import TickMediaEngine
from bridge.adapters.media_settings import MediaSettings
from bridge.adapters.media_worker_pool import WorkerPoolMediaEngine
from bridge.adapters.settings import BridgeSettings, port_range
from bridge.adapters.webrtc_socket import WebRtcSettings, WebRtcSocket
from bridge.media.codec import WIDEBAND


def build_media(settings: BridgeSettings) -> TickMediaEngine | WorkerPoolMediaEngine:
    """The engine, not started yet: in this process, or in as many workers as the settings say."""
    first, last = port_range(settings.rtp_ports)
    media = MediaSettings(
        bind_host=settings.rtp_host,
        advertised_host=settings.media_host,
        bind_host_ipv6=settings.rtp_host_ipv6,
        advertised_host_ipv6=settings.advertised_media_host_ipv6,
        port_first=first,
        port_last=last,
        initial_timeout=settings.media_initial_seconds,
        running_timeout=settings.media_running_seconds,
        workers=settings.media_workers,
    )
    webrtc_first, webrtc_last = port_range(settings.webrtc_ports)
    webrtc = WebRtcSettings(
        bind_host=settings.rtp_host,
        advertised_hosts=(settings.media_host,),
        port_first=webrtc_first,
        port_last=webrtc_last,
        maximum_playback_rate=WIDEBAND,  # rooms mix at no more: what browsers send above is wasted
    )
    if media.workers:
        return WorkerPoolMediaEngine(media, WebRtcSocket(webrtc))
    return TickMediaEngine(media, WebRtcSocket(webrtc))
