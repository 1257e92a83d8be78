"""Media workers as processes: audio, browsers, moving a leg between workers, and a worker that is killed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest

from bridge.adapters.media_settings import MediaSettings
from bridge.adapters.media_worker_pool import WorkerPoolMediaEngine
from bridge.adapters.webrtc_socket import WebRtcSettings, WebRtcSocket
from bridge.calls.media_engine import (
    Codec,
    DtmfReceived,
    LegFailed,
    MediaError,
    MediaEvent,
    PhoneLegParameters,
    RtpAddress,
)
from tests.integration.media.test_engine_udp import SocketPhone, talk, talk_until
from tests.support.webrtc_client import WebRtcClient, tone_strength
from tests.unit.media.virtual_phones import tone_level


@pytest.fixture
async def pool() -> AsyncIterator[WorkerPoolMediaEngine]:
    running = WorkerPoolMediaEngine(MediaSettings(workers=2), WebRtcSocket(WebRtcSettings()))
    await running.start()
    yield running
    await running.close()


async def connect(pool: WorkerPoolMediaEngine, leg_id: str, phone: SocketPhone, room: str) -> RtpAddress:
    address = await pool.open_phone_leg(leg_id, room)
    await pool.configure_phone_leg(
        leg_id, PhoneLegParameters(Codec("PCMU", 0, 8000), "127.0.0.1", phone.port, 101)
    )
    await pool.join_room(leg_id, leg_id.title())
    return address


async def test_phones_and_a_browser_in_workers(pool: WorkerPoolMediaEngine) -> None:
    events: list[MediaEvent] = []
    pool.subscribe(events.append)
    alice, bob, carol = SocketPhone(440), SocketPhone(850), SocketPhone(620)
    calls = [
        (alice, await connect(pool, "alice", alice, "one")),
        (bob, await connect(pool, "bob", bob, "one")),
        (carol, await connect(pool, "carol", carol, "two")),
    ]
    client = WebRtcClient(tone=1490.0)
    await client.negotiate(lambda offer: pool.open_webrtc_leg("browser", "two", "Browser", offer))
    await client.connected(30)
    bob.digits.enqueue("3")
    await talk_until(
        lambda: (
            alice.hears(850)
            and carol.hears(1490, 3000)
            and tone_strength(client.heard()[-24000:], 620.0) > 0.9
            and DtmfReceived("bob", "3", 100) in events
            and sorted(load.legs for load in pool.loads()) == [2, 2]
        ),
        *calls,
    )
    assert tone_level(carol.hearing(), 850) < 50
    assert {member.leg_id for member in await pool.members("two")} == {"carol", "browser"}
    assert (await pool.statistics("alice")).packets_received > 20
    # One question to each worker; a leg that nobody knows is no error.
    sampled = await pool.sample(["alice", "carol", "bob", "nobody"])
    assert set(sampled) == {"alice", "bob", "carol"}
    assert all(each.packets_received > 20 and each.mos is not None for each in sampled.values())
    # Ratios are of the time since, counts of the whole call: nothing that was heard before counts again.
    await talk(0.5, *calls)
    again = await pool.sample(["alice"])
    assert again["alice"].packets_received > sampled["alice"].packets_received
    assert again["alice"].mos is not None
    with pytest.raises(MediaError, match="no leg"):
        await pool.play("nobody", b"")
    with pytest.raises(MediaError, match="digits are"):
        await pool.send_dtmf("alice", "x")
    await client.leave()


async def test_a_leg_moves_to_another_worker_and_keeps_its_port(pool: WorkerPoolMediaEngine) -> None:
    alice, bob = SocketPhone(440), SocketPhone(850)
    one = await connect(pool, "alice", alice, "call")
    waiting = await pool.open_phone_leg("bob", "waiting")
    await pool.configure_phone_leg(
        "bob", PhoneLegParameters(Codec("PCMU", 0, 8000), "127.0.0.1", bob.port, 101)
    )
    await talk(0.3, (alice, one), (bob, waiting))
    assert await pool.members("call") != ()
    await pool.move_leg("bob", "call")
    await pool.join_room("bob", "Bob")
    await talk_until(lambda: alice.hears(850) and bob.hears(440), (alice, one), (bob, waiting))


async def test_a_killed_worker_ends_its_calls_and_no_others_and_is_replaced(
    pool: WorkerPoolMediaEngine,
) -> None:
    events: list[MediaEvent] = []
    failed = asyncio.Event()

    def listen(event: MediaEvent) -> None:
        events.append(event)
        if isinstance(event, LegFailed):
            failed.set()

    pool.subscribe(listen)
    phones = {name: SocketPhone(hertz) for name, hertz in (("alice", 440), ("bob", 850), ("carol", 1130))}
    addresses = {
        name: await connect(pool, name, phone, "doomed" if name == "alice" else "other")
        for name, phone in phones.items()
    }
    doomed = pool.worker_process_id("doomed")
    assert doomed is not None
    assert doomed != pool.worker_process_id("other")
    os.kill(doomed, signal.SIGKILL)
    survivors = [(phones[name], addresses[name]) for name in ("bob", "carol")]
    assert set(await pool.sample(["alice", "bob", "carol"])) >= {"bob", "carol"}
    await talk_until(lambda: failed.is_set() and phones["bob"].hears(1130), *survivors)
    assert [event for event in events if isinstance(event, LegFailed)] == [
        LegFailed("alice", "worker_failed")
    ]
    assert (await pool.close_leg("alice")).packets_received == 0
    await talk_until(lambda: pool.serving_workers() == 2, *survivors)
    again = SocketPhone(440)
    address = await connect(pool, "again", again, "new")
    await talk(0.3, *survivors, (again, address))
    assert (await pool.statistics("again")).packets_received > 0
    assert pool.worker_process_id("new") != pool.worker_process_id("other")


async def test_a_worker_that_hangs_is_killed_and_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.adapters.media_worker_client._SIGN_OF_LIFE", 5.0)
    pool = WorkerPoolMediaEngine(MediaSettings(workers=1))
    failed = asyncio.Event()
    pool.subscribe(lambda event: failed.set() if isinstance(event, LegFailed) else None)
    await pool.start()
    await pool.open_phone_leg("alice", "room")
    hung = pool.worker_process_id("room")
    assert hung is not None
    os.kill(hung, signal.SIGSTOP)
    await asyncio.wait_for(failed.wait(), 40)
    await pool.ready()
    await pool.open_phone_leg("bob", "room")
    assert pool.worker_process_id("room") not in (hung, None)
    await pool.close()
