"""The media workers' figures on the metrics page, in Prometheus' own words."""

from __future__ import annotations

import socket

from prometheus_client import CollectorRegistry, generate_latest

from bridge.adapters.media_engine import TickMediaEngine
from bridge.adapters.media_metrics import MediaMetrics
from bridge.adapters.media_settings import MediaSettings
from bridge.adapters.webrtc_socket import WebRtcSocket
from tests.support.raw_webrtc import RawWebRtcClient


async def test_load_and_refusals_are_on_the_page() -> None:
    webrtc = WebRtcSocket()
    engine = TickMediaEngine(MediaSettings(), webrtc)
    await engine.open_webrtc_leg("webrtc-1", "room", "Ada", RawWebRtcClient().offer())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for datagram in (b"\x00garbage", b"\x80stray", b"\x81stray"):
            stranger.sendto(datagram, ("127.0.0.1", webrtc.port))
    webrtc.receive(0.0)
    registry = CollectorRegistry()
    registry.register(MediaMetrics(engine.loads))
    page = generate_latest(registry).decode().splitlines()
    assert 'trunkline_media_legs{worker="0"} 1.0' in page
    assert 'trunkline_media_rooms{worker="0"} 1.0' in page
    assert 'trunkline_media_full{worker="0"} 0.0' in page
    assert 'trunkline_webrtc_refused_datagrams_total{why="malformed",worker="0"} 1.0' in page
    assert 'trunkline_webrtc_refused_datagrams_total{why="unknown",worker="0"} 2.0' in page
    await engine.close()
