"""Stream's Python SDK: its REST client as it is, its `rtc.join` with the one address it cannot be told."""

from __future__ import annotations

import asyncio
import functools

import getstream_rtc
import numpy as np
import pytest
from getstream import AsyncStream
from getstream.models import UserRequest
from getstream.video import rtc
from getstream.video.rtc import connection_manager

from local.stream.server import LocalStream
from tests.integration.stream.conftest import API_SECRET, Bridge, until
from tests.integration.stream.tones import share

pytestmark = pytest.mark.filterwarnings("ignore:Missing value of non-optional type:RuntimeWarning")


async def test_rtc_join_hears_the_phone(
    bridge: Bridge, stream: LocalStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`rtc.join` gives its native client no WebSocket address; here, and only for this, it gets one."""
    client = functools.partial(getstream_rtc.Client, ws_url=stream.websocket_url)
    monkeypatch.setattr(connection_manager.getstream_rtc, "Client", client)
    sdk = AsyncStream("local", API_SECRET, base_url=stream.base_url)
    await sdk.upsert_users(UserRequest(id="agent", name="Agent"))
    heard: list[np.ndarray[tuple[int], np.dtype[np.int16]]] = []
    joining = await rtc.join(sdk.video.call("default", "support"), "agent")
    async with asyncio.timeout(20), joining as connection:
        connection.on("audio", lambda pcm: heard.append(np.asarray(pcm.samples)))
        await bridge.dial(frequency=440.0)
        await until(lambda: bool(heard) and share(np.concatenate(heard)[-24_000:], 48_000, 440.0) > 0.9)
    await sdk.aclose()
    await until(lambda: stream.sfu.participant_count("default:support") == 1)


async def test_rest_client_ends_the_call(bridge: Bridge, stream: LocalStream) -> None:
    await bridge.dial()
    sdk = AsyncStream("local", API_SECRET, base_url=stream.base_url)
    await sdk.video.end_call("default", "support")
    await sdk.aclose()
    await until(lambda: bool(bridge.ended))
    assert bridge.ended[0].detail == "the call was ended in Stream"
