"""What a network and strangers do to WebRTC legs: loss, garbage, crowds, moves; and what stays behind."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import pickle
import random
import threading
from collections.abc import Callable, Iterator
from socket import AddressFamily

import pytest

from bridge.adapters.media_engine import TickMediaEngine
from bridge.adapters.media_settings import MediaSettings
from bridge.adapters.webrtc_peer import WebRtcConnection
from bridge.adapters.webrtc_socket import WebRtcSettings, WebRtcSocket
from bridge.calls.media_engine import LegFailed, MediaError, MediaEvent
from tests.support.raw_webrtc import RawWebRtcClient


class Pair:
    """A peer of the bridge and its client, stepped together on a clock of their own."""

    def __init__(self, socket: WebRtcSocket, family: AddressFamily = AddressFamily.AF_INET) -> None:
        self.socket = socket
        self.client = RawWebRtcClient(family=family)
        self.connected: list[bool] = []
        self.ended: list[str] = []
        self.packets: list[bytes] = []
        self.peer: WebRtcConnection = socket(
            connected=lambda: self.connected.append(True), ended=self.ended.append
        )

    async def negotiate(self) -> None:
        self.client.accept((await self.peer.answer(self.client.offer())).sdp)

    async def run_until(self, condition: Callable[[], bool], within: float = 15.0) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within
        while not condition():
            assert loop.time() < deadline, f"not within {within} s"
            self.step()
            await asyncio.sleep(0.002)

    def both_connected(self) -> bool:
        return self.client.connected and bool(self.connected)

    def step(self) -> None:
        now = asyncio.get_running_loop().time()
        self.client.step(now)
        self.socket.receive(now)
        self.packets += self.peer.drain()


def nth(lost: int) -> Callable[[bytes], bool]:
    """Lose one datagram, counted from the beginning and over both directions."""
    count = itertools.count()
    return lambda datagram: next(count) == lost


@pytest.fixture
def socket() -> Iterator[WebRtcSocket]:
    """A socket that is closed at the end."""
    opened = WebRtcSocket(WebRtcSettings())
    yield opened
    opened.close()


async def test_every_single_datagram_of_the_set_up_may_be_lost(socket: WebRtcSocket) -> None:
    pairs = [Pair(socket) for _ in range(8)]
    for lost, pair in enumerate(pairs):
        pair.client.lose = nth(lost)
        await pair.negotiate()
    # All together, for each waits for the second after which DTLS repeats a flight.
    await asyncio.gather(*(pair.run_until(pair.both_connected) for pair in pairs))
    for pair in pairs:
        pair.client.close()


async def test_a_third_of_all_datagrams_lost(socket: WebRtcSocket) -> None:
    chance = random.Random(3)
    pair = Pair(socket)
    pair.client.lose = lambda datagram: chance.random() < 0.33
    await pair.negotiate()
    await pair.run_until(pair.both_connected, within=40)
    for _ in range(200):
        pair.client.send_audio(b"audio")
        pair.step()
    assert 100 < len(pair.packets) < 170
    pair.client.close()


async def test_garbage_from_the_peer_and_from_strangers(socket: WebRtcSocket) -> None:
    chance = random.Random(1)
    pair, stranger = Pair(socket), RawWebRtcClient()
    await pair.negotiate()
    await pair.run_until(pair.both_connected)
    stranger._remote = ("127.0.0.1", socket.port)
    for _ in range(1000):
        garbage = chance.randbytes(chance.choice([0, 1, 2, 11, 12, 13, 20, 100, 1472]))
        shaped = bytes([chance.choice([0, 1, 20, 22, 23, 26, 63, 128, 144, 200, 255])]) + garbage
        for client in (pair.client, stranger):
            client.send_raw(garbage)
            client.send_raw(shaped)
        pair.step()
    assert pair.packets == []
    assert pair.ended == []
    assert socket.counters.unknown > 500
    assert pair.peer.discarded > 100
    pair.client.send_audio(b"still here")
    await pair.run_until(lambda: len(pair.packets) == 1)
    assert pair.packets[0].endswith(b"still here")
    stranger.close()
    pair.client.close()


async def test_a_flood_of_checks_does_not_hold_the_tick(socket: WebRtcSocket) -> None:
    pair, stranger = Pair(socket), RawWebRtcClient()
    await pair.negotiate()
    await pair.run_until(pair.both_connected)
    stranger._remote = ("127.0.0.1", socket.port)
    for _ in range(200):
        stranger.send_raw(bytes.fromhex("000100002112a442") + bytes(12))
    pair.client.send_audio(b"heard all the same")
    await pair.run_until(lambda: len(pair.packets) == 1)
    assert socket.counters.overloaded + socket.counters.malformed == 200
    assert socket.counters.overloaded > 0
    stranger.close()
    pair.client.close()


async def test_ipv6() -> None:
    socket = WebRtcSocket(WebRtcSettings(bind_host="::1", advertised_hosts=("::1",)))
    pair = Pair(socket, family=AddressFamily.AF_INET6)
    await pair.negotiate()
    await pair.run_until(pair.both_connected)
    pair.client.send_audio(b"six")
    await pair.run_until(lambda: len(pair.packets) == 1)
    pair.client.close()
    socket.close()


async def test_a_worker_gets_a_socket_of_its_own() -> None:
    settings = WebRtcSettings(consent_timeout=7.0)
    unused = WebRtcSocket(settings)
    assert pickle.loads(pickle.dumps(unused)).settings == settings
    unused(connected=lambda: None, ended=lambda why: None)
    with pytest.raises(TypeError, match="open"):
        pickle.dumps(unused)
    unused.close()


async def test_the_first_free_port_of_the_range_is_taken(socket: WebRtcSocket) -> None:
    Pair(socket).client.close()
    taken = socket.port
    other = WebRtcSocket(WebRtcSettings(port_first=taken, port_last=min(taken + 20, 65535)))
    Pair(other).client.close()
    assert taken < other.port <= taken + 20
    full = WebRtcSocket(WebRtcSettings(port_first=taken, port_last=taken))
    with pytest.raises(MediaError, match="no free UDP port"):
        Pair(full)
    other.close()


async def test_media_from_an_unproven_address_is_not_the_peers(socket: WebRtcSocket) -> None:
    pair, thief = Pair(socket), RawWebRtcClient()
    await pair.negotiate()
    await pair.run_until(pair.both_connected)
    assert pair.client._dtls is not None
    assert pair.client._dtls.srtp is not None
    thief._remote = ("127.0.0.1", socket.port)
    thief.send_raw(pair.client._dtls.srtp.protect(b"\x80\x6f" + bytes(10) + b"stolen"))
    pair.client.send_audio(b"own")
    await pair.run_until(lambda: len(pair.packets) == 1)
    assert pair.packets[0].endswith(b"own")
    thief.close()
    pair.client.close()


async def test_nobody_takes_another_peers_address(socket: WebRtcSocket) -> None:
    pair, thief = Pair(socket), Pair(socket)
    for each in (pair, thief):
        await each.negotiate()
        await each.run_until(each.both_connected)
    # As with a forged source address: the thief's own, authentic check, sent from the other's.
    pair.client.send_raw(thief.client.check())
    await pair.run_until(lambda: socket.counters.unknown == 1)
    pair.client.send_audio(b"still mine")
    await pair.run_until(lambda: len(pair.packets) == 1)
    assert thief.peer.ice.selected != pair.peer.ice.selected
    for each in (pair, thief):
        each.client.close()


async def test_replayed_packets_are_counted_once(socket: WebRtcSocket) -> None:
    pair = Pair(socket)
    await pair.negotiate()
    await pair.run_until(pair.both_connected)
    assert pair.client._dtls is not None
    assert pair.client._dtls.srtp is not None
    protected = pair.client._dtls.srtp.protect(b"\x80\x6f\x00\x01" + bytes(8) + b"once")
    for _ in range(5):
        pair.client.send_raw(protected)
    await pair.run_until(lambda: pair.peer.discarded == 4)
    assert len(pair.packets) == 1
    pair.client.close()


async def test_a_peer_that_moves_is_followed(socket: WebRtcSocket) -> None:
    pair = Pair(socket)
    await pair.negotiate()
    await pair.run_until(pair.both_connected)
    before = pair.peer.ice.selected
    pair.client.move()
    await pair.run_until(lambda: pair.peer.ice.selected != before)
    pair.client.send_audio(b"from elsewhere")
    await pair.run_until(lambda: len(pair.packets) == 1)
    pair.peer.send([b"\x80\x6f\x00\x01" + bytes(8) + b"to elsewhere"])
    await pair.run_until(lambda: len(pair.client.received) == 1)
    pair.client.close()


async def test_too_many_sources_of_one_peer(socket: WebRtcSocket) -> None:
    pair = Pair(socket)
    await pair.negotiate()
    await pair.run_until(pair.both_connected)
    for ssrc in range(1, 60):
        pair.client.ssrc = ssrc
        pair.client.send_audio(b"audio")
    await pair.run_until(lambda: pair.peer.discarded > 0)
    assert len({packet[8:12] for packet in pair.packets}) == 16
    pair.client.close()


async def test_a_second_negotiation_is_refused_and_the_first_goes_on(socket: WebRtcSocket) -> None:
    pair = Pair(socket)
    await pair.negotiate()
    with pytest.raises(MediaError, match="a new negotiation needs a new leg"):
        await pair.peer.answer(RawWebRtcClient().offer())
    await pair.run_until(pair.both_connected)
    pair.client.close()


async def test_send_before_connected_and_after_close_is_counted(socket: WebRtcSocket) -> None:
    pair = Pair(socket)
    packet = b"\x80\x6f" + bytes(20)
    pair.peer.send([packet])
    await pair.negotiate()
    pair.peer.send([packet, packet])
    await pair.run_until(pair.both_connected)
    pair.peer.send([packet, bytes(1400)])
    pair.peer.close()
    pair.peer.send([packet])
    assert (pair.peer.counters.sent, pair.peer.counters.unsent) == (1, 5)
    await pair.run_until(lambda: pair.client.closed_by_peer)
    pair.client.close()


async def connect(engine: TickMediaEngine, client: RawWebRtcClient, leg_id: str, room: str) -> None:
    """Join a room of a real engine."""
    client.accept(await engine.open_webrtc_leg(leg_id, room, leg_id, client.offer()))


async def until(clients: list[RawWebRtcClient], condition: Callable[[], bool], within: float = 30.0) -> None:
    """Step all clients until something holds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while not condition():
        assert loop.time() < deadline, f"not within {within} s"
        for client in clients:
            client.step(loop.time())
        await asyncio.sleep(0.005)


async def test_fifty_browsers_in_a_room() -> None:
    engine = TickMediaEngine(MediaSettings(), WebRtcSocket())
    await engine.start()
    clients = [RawWebRtcClient() for _ in range(50)]
    for number, client in enumerate(clients):
        await connect(engine, client, f"webrtc-{number}", "room")
    await until(clients, lambda: all(client.connected for client in clients))
    for _ in range(10):
        for client in clients[:3]:
            client.send_audio(b"\xf8\xff\xfe")
        await until(clients, lambda: True)
        await asyncio.sleep(0.02)
    await until(clients, lambda: all(len(client.received) > 5 for client in clients))
    assert len(await engine.members("room")) == 50
    for client in clients:
        client.close()
    await engine.close()


async def test_two_hundred_joins_and_leaves_leave_nothing_behind() -> None:
    socket = WebRtcSocket()
    engine = TickMediaEngine(MediaSettings(), socket)
    events: list[MediaEvent] = []
    engine.subscribe(events.append)
    await engine.start()

    async def once(number: int) -> None:
        client = RawWebRtcClient()
        leg_id = f"webrtc-{number}"
        await connect(engine, client, leg_id, f"room-{number % 7}")
        await until([client], lambda: client.connected)
        if number % 3 == 0:
            client.close()
            await until([], lambda: LegFailed(leg_id, "peer_left") in events)
        elif number % 3 == 1:
            client.close(say_good_bye=False)
        await engine.close_leg(leg_id)
        if number % 3 == 2:
            await until([client], lambda: client.closed_by_peer)
            client.close()

    await once(0)
    gc.collect()
    before = (len(os.listdir("/proc/self/fd")), threading.active_count(), len(asyncio.all_tasks()))
    for number in range(1, 200):
        await once(number)
    gc.collect()
    after = (len(os.listdir("/proc/self/fd")), threading.active_count(), len(asyncio.all_tasks()))
    assert after == before
    assert socket.peers == 0
    assert socket._by_address == {}
    assert [each for each in gc.get_objects() if isinstance(each, WebRtcConnection)] == []
    await engine.close()
