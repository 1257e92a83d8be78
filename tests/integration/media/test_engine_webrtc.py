"""A phone and a browser's stand-in (aiortc, an independent peer) in one room, over real sockets."""

from __future__ import annotations

import pytest

from bridge.adapters.media_engine import TickMediaEngine
from bridge.adapters.media_settings import MediaSettings
from bridge.adapters.webrtc_socket import WebRtcSettings, WebRtcSocket
from bridge.calls.media_engine import LegFailed, MediaEvent
from tests.integration.media.test_engine_udp import SocketPhone, connect, talk_until
from tests.support.webrtc_client import WebRtcClient, tone_strength
from tests.unit.media.virtual_phones import tone_level


@pytest.mark.parametrize("codec", ["opus", "PCMU", "PCMA"])
async def test_phone_and_browser_hear_each_other(codec: str) -> None:
    engine = TickMediaEngine(MediaSettings(), WebRtcSocket(WebRtcSettings()))
    events: list[MediaEvent] = []
    engine.subscribe(events.append)
    await engine.start()
    phone = SocketPhone(440)
    address = await connect(engine, "phone", phone)
    client = WebRtcClient(tone=850.0, codec=codec)
    await client.negotiate(lambda offer: engine.open_webrtc_leg("browser", "room", "Browser", offer))
    await client.connected(30)
    await talk_until(
        lambda: phone.hears(850, 3000) and tone_strength(client.heard()[-24000:], 440.0) > 0.9,
        (phone, address),
    )
    assert tone_level(phone.hearing(), 440) < 200
    members = {member.leg_id: member for member in await engine.members("room")}
    assert members["browser"].kind == "webrtc"
    assert members["browser"].level > 0.1
    await client.leave()
    await talk_until(lambda: LegFailed("browser", "peer_left") in events, (phone, address))
    await engine.close()
