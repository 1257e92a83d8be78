"""Browsers' legs in the real engine and tick: tones pass, reports come, lost packets come again."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest

from bridge.adapters.media_engine import TickMediaEngine
from bridge.adapters.media_settings import MediaSettings
from bridge.adapters.webrtc_socket import WebRtcSocket
from bridge.calls.media_engine import LegConnected, LegFailed, MediaEvent, OfferRefusedError
from bridge.media.rtcp import build_nack
from tests.support.raw_webrtc import RawWebRtcClient
from tests.support.served_call import served_call
from tests.support.webrtc_client import WebRtcClient, tone_strength

SILENCE = b"\xf8\xff\xfe"
"""20 ms of Opus without sound."""


@pytest.fixture
async def engine() -> AsyncIterator[TickMediaEngine]:
    """A running engine."""
    running = TickMediaEngine(MediaSettings(), WebRtcSocket())
    await running.start()
    yield running
    await running.close()


async def talk(clients: list[RawWebRtcClient], condition: Callable[[], bool], within: float = 12.0) -> None:
    """Let all clients send a frame each 20 ms until something holds."""
    loop = asyncio.get_running_loop()
    began, turn = loop.time(), 0
    while not condition():
        assert loop.time() - began < within, f"not within {within} s"
        for client in clients:
            client.step(loop.time())
            if client.connected and turn % 4 == 0:
                client.send_audio(SILENCE)
        turn += 1
        await asyncio.sleep(max(0.0, began + turn * 0.005 - loop.time()))


def audio(client: RawWebRtcClient) -> list[bytes]:
    """The RTP packets that a client received."""
    return [packet for packet in client.received if not 192 <= packet[1] <= 223]


@pytest.mark.parametrize("codecs", [("opus", "opus"), ("opus", "PCMU"), ("PCMU", "PCMU")])
async def test_browsers_hear_each_other_and_not_themselves(codecs: tuple[str, str]) -> None:
    tones = (440.0, 1000.0)
    async with served_call() as call, aiohttp.ClientSession() as session:
        clients = [WebRtcClient(tone=tone, codec=codec) for tone, codec in zip(tones, codecs, strict=True)]
        for number, client in enumerate(clients):
            await client.join(session, call.url, f"browser {number}")
            await client.connected()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + 10
        while any(len(client.heard()) < 2 * 48000 for client in clients):
            assert loop.time() < deadline
            await asyncio.sleep(0.05)
        for own, client in enumerate(clients):
            heard = client.heard()[-48000:]
            assert tone_strength(heard, tones[1 - own]) > 0.9
            assert tone_strength(heard, tones[own]) < 0.01
        levels = [member.level for member in await call.engine.members(call.room)]
        assert min(levels) > 0.05
        for client in clients:
            await client.leave(session)
        assert await call.engine.members(call.room) == ()


async def test_a_leg_joins_when_it_is_connected_and_leaves_with_its_peer(engine: TickMediaEngine) -> None:
    events: list[MediaEvent] = []
    engine.subscribe(events.append)
    client = RawWebRtcClient()
    client.accept(await engine.open_webrtc_leg("webrtc-1", "room", "Ada", client.offer()))
    await talk([client], lambda: client.connected and LegConnected("webrtc-1") in events)
    assert [member.name for member in await engine.members("room")] == ["Ada"]
    client.close()
    await talk([], lambda: LegFailed("webrtc-1", "peer_left") in events)
    await engine.close_leg("webrtc-1")
    assert await engine.members("room") == ()


async def test_an_offer_that_cannot_be_answered_leaves_no_leg(engine: TickMediaEngine) -> None:
    for _ in range(3):
        with pytest.raises(OfferRefusedError):
            await engine.open_webrtc_leg("webrtc-1", "room", "Ada", "v=0\r\n")
    assert await engine.members("room") == ()


async def test_a_lost_packet_comes_again(engine: TickMediaEngine) -> None:
    clients = [RawWebRtcClient(), RawWebRtcClient()]
    for number, client in enumerate(clients):
        client.accept(await engine.open_webrtc_leg(f"webrtc-{number}", "room", "x", client.offer()))
    first = clients[0]
    await talk(clients, lambda: all(len(audio(client)) > 20 for client in clients))
    lost = itertools.count()
    # Asked for both directions; the peer's own packets have its own source.
    own = first.ssrc.to_bytes(4)
    first.lose = lambda datagram: (
        datagram[0] >= 128 and datagram[1] == 111 and datagram[8:12] != own and next(lost) == 0
    )
    before = len(audio(first))
    await talk(clients, lambda: len(audio(first)) > before + 5)
    numbers = [int.from_bytes(packet[2:4]) for packet in audio(first)]
    (missing,) = set(range(numbers[0], numbers[-1])) - set(numbers)
    source = int.from_bytes(audio(first)[0][8:12])
    first.send(build_nack(first.ssrc, source, [missing]))
    await talk(clients, lambda: missing in [int.from_bytes(packet[2:4]) for packet in audio(first)])
    for client in clients:
        client.close()


async def test_sequence_numbers_have_no_gap_and_one_source(engine: TickMediaEngine) -> None:
    clients = [RawWebRtcClient(), RawWebRtcClient()]
    for number, client in enumerate(clients):
        client.accept(await engine.open_webrtc_leg(f"webrtc-{number}", "room", "x", client.offer()))
    await talk(clients, lambda: all(len(audio(client)) > 100 for client in clients))
    for client in clients:
        numbers = [int.from_bytes(packet[2:4]) for packet in audio(client)]
        steps = {(after - before) & 0xFFFF for before, after in itertools.pairwise(numbers)}
        assert steps == {1}
        assert len({packet[8:12] for packet in audio(client)}) == 1
        client.close()


async def test_reports_come_both_ways(engine: TickMediaEngine) -> None:
    clients = [RawWebRtcClient(), RawWebRtcClient()]
    for number, client in enumerate(clients):
        client.accept(await engine.open_webrtc_leg(f"webrtc-{number}", "room", "x", client.offer()))
    sender_report = 200

    def reported() -> bool:
        return any(packet[1] == sender_report for packet in clients[0].received)

    await talk(clients, reported)
    report = next(packet for packet in clients[0].received if packet[1] == sender_report)
    assert report[4:8] == audio(clients[0])[0][8:12]
    # Its report block is about what we send (RFC 3550 section 6.4.1).
    assert report[0] & 0x1F == 1
    assert int.from_bytes(report[28:32]) == clients[0].ssrc
    for client in clients:
        client.close()


async def test_discontinuous_transmission_is_no_loss(engine: TickMediaEngine) -> None:
    browser, listener = RawWebRtcClient(), RawWebRtcClient(payload_type=0, codec="PCMU/8000")
    for name, client in (("browser", browser), ("listener", listener)):
        client.accept(await engine.open_webrtc_leg(name, "room", name, client.offer()))
    await talk([browser, listener], lambda: browser.connected and listener.connected)

    async def frames(count: int, every: int) -> None:
        """One packet in `every` frames of 20 ms, each at its time (RFC 7587 section 3.1.3)."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in range(1, count + 1):
            while (left := began + number * every * 0.02 - loop.time()) > 0:
                browser.step(loop.time())
                listener.step(loop.time())
                await asyncio.sleep(min(left, 0.005))
            browser.send_audio(SILENCE, samples=960 * every)

    await frames(50, 1)
    await frames(4, 20)
    await frames(25, 1)
    measured = await engine.statistics("browser")
    assert measured.packets_lost == 0
    assert measured.packets_discarded == 0
    assert measured.concealed_ratio < 0.05
    for client in (browser, listener):
        client.close()
