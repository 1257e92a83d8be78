"""External legs meet the media engine wherever its RTP sockets listen."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from bridge.adapters.external_audio import ExternalAudioSocket
from bridge.adapters.media_engine import TickMediaEngine
from bridge.adapters.media_settings import MediaSettings
from bridge.adapters.media_worker_pool import WorkerPoolMediaEngine
from tests.integration.stream.conftest import until
from tests.integration.stream.tones import share, tone


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "0.0.0.0", "::1", "::"])
@pytest.mark.parametrize("rate", [8000, 16000])
async def test_two_external_legs_hear_each_other(host: str, rate: int) -> None:
    await _hear_each_other(
        TickMediaEngine(MediaSettings(bind_host=host, advertised_host="192.0.2.1", load_limit=100.0)),
        host,
        rate,
    )


async def test_engine_may_live_in_worker_processes() -> None:
    settings = MediaSettings(workers=1, load_limit=100.0)
    await _hear_each_other(WorkerPoolMediaEngine(settings), settings.bind_host, 8000)


async def _hear_each_other(engine: TickMediaEngine | WorkerPoolMediaEngine, host: str, rate: int) -> None:
    await engine.start()
    carrier = ExternalAudioSocket(engine, host)
    heard: list[bytes] = []
    speaker = await carrier.open("one", "room", "one", rate, lambda pcm: None)
    await carrier.open("other", "room", "other", rate, heard.append)
    frame = rate // 50
    for number in range(75):
        speaker.write(tone(440.0, rate, number * frame, frame).tobytes())
        await asyncio.sleep(0.02)
    await until(lambda: share(np.frombuffer(b"".join(heard[-25:]), np.int16), rate, 440.0) > 0.0)
    strengths = [
        share(np.frombuffer(b"".join(heard[n : n + 25]), np.int16), rate, 440.0)
        for n in range(0, len(heard), 5)
    ]
    assert max(strengths) > 0.8
    assert all(len(pcm) == 2 * frame for pcm in heard)
    await carrier.close()
    await engine.close()
