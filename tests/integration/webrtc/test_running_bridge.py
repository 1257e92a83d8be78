"""The call page of a real bridge with user tokens and a media worker: two browsers, no secret in the log."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import jwt
import pytest

from tests.support.running_bridge import carrier_world, running_bridge, wait_until
from tests.support.webrtc_client import WebRtcClient, tone_strength, webrtc_client

SETTINGS = {"CALL_ACCESS": "token", "MEDIA_WORKERS": "1"}
TONES = (440.0, 1000.0)


async def test_browsers_with_tokens_in_a_worker(tmp_path: Path) -> None:
    with carrier_world() as world, running_bridge(world, tmp_path, SETTINGS) as bridge:
        application = world.application
        page = f"http://127.0.0.1:{bridge.http[1]}/calls/default/front-desk"
        joined = f"{page}?api_key={application.api_key}"
        tokens = [
            jwt.encode({"user_id": f"user-{number}"}, application.api_secret, algorithm="HS256")
            for number in range(2)
        ]
        async with aiohttp.ClientSession() as session:
            async with session.get(page) as response:
                assert response.status == 200
            async with session.get(f"{page}/participants?api_key={application.api_key}") as response:
                assert response.status == 401
            async with webrtc_client() as stranger:
                with pytest.raises(RuntimeError, match="401"):
                    await stranger.join(session, joined, "Nobody", token="forged.token.here")

            clients = [WebRtcClient(tone=tone) for tone in TONES]
            for number, client in enumerate(clients):
                await client.join(session, joined, f"Browser {number}", token=tokens[number])
                await client.connected()
            await hear(clients)
            # Workers report now and then.
            rooms = 'trunkline_media_rooms{worker="0"}'
            await asyncio.to_thread(wait_until, lambda: bridge.metrics()[rooms] == 1, 10)
            for client in clients:
                await client.leave()
        log = bridge.log()
        assert application.api_secret not in log
        assert not any(token in log for token in tokens)


async def hear(clients: list[WebRtcClient]) -> None:
    """Wait until each hears the other's tone."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + 20
    while any(tone_strength(c.heard()[-24000:], TONES[1 - own]) < 0.9 for own, c in enumerate(clients)):
        assert loop.time() < deadline
        await asyncio.sleep(0.1)
