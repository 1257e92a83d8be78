"""A WebRTC peer against aiortc's, an independent stack: it connects, carries RTP both ways and ends."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from bridge.adapters.webrtc_peer import WebRtcConnection
from bridge.adapters.webrtc_port import WebRtcAnswer
from bridge.adapters.webrtc_socket import WebRtcSettings, WebRtcSocket
from tests.support.webrtc_client import WebRtcClient, webrtc_client


@dataclass
class Leg:
    """One peer with what it was told and what it carried."""

    socket: WebRtcSocket
    connected: list[bool] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    packets: list[bytes] = field(default_factory=list)
    answer: WebRtcAnswer | None = None
    skipped: float = 0.0
    """Seconds by which the socket's clock is ahead of the loop's."""

    def __post_init__(self) -> None:
        self.peer: WebRtcConnection = self.socket(
            connected=lambda: self.connected.append(True), ended=self.ended.append
        )

    async def negotiate(self, client: WebRtcClient) -> WebRtcAnswer:
        """Answer the client's offer."""
        self.answer = await self.peer.answer(await client.offer())
        await client.accept(self.answer.sdp)
        return self.answer

    async def run_until(self, condition: Callable[[], bool], within: float = 10.0) -> None:
        """Step the socket as the engine's tick does until something holds."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within
        while not condition():
            assert loop.time() < deadline, f"not within {within} s"
            self.socket.receive(loop.time() + self.skipped)
            self.packets += self.peer.drain()
            await asyncio.sleep(0.005)


def rtp(answer: WebRtcAnswer, sequence: int, payload: bytes) -> bytes:
    """A plain RTP packet as the engine would build it."""
    header = struct.pack("!BBHII", 0x80, answer.codec.payload_type, sequence, sequence * 960, answer.ssrc)
    return header + payload


@pytest.fixture
def leg() -> Leg:
    """A leg on a socket of its own."""
    return Leg(WebRtcSocket(WebRtcSettings()))


@pytest.mark.parametrize("codec", ["opus", "PCMU"])
async def test_packets_pass_both_ways(leg: Leg, codec: str) -> None:
    async with webrtc_client(codec=codec) as client:
        answer = await leg.negotiate(client)
        assert answer.codec.name == codec
        await leg.run_until(lambda: len(leg.packets) > 20)
        assert leg.connected == [True]
        audio = [packet for packet in leg.packets if not 192 <= packet[1] <= 223]
        assert {packet[1] & 0x7F for packet in audio} == {answer.codec.payload_type}
        assert {int.from_bytes(packet[8:12]) for packet in audio} == {answer.remote_ssrc}

        silence = b"\xff" * 160 if codec == "PCMU" else b"\xf8\xff\xfe"
        for sequence in range(100):
            leg.peer.send([rtp(answer, sequence, silence)])
            await leg.run_until(lambda: True)
            await asyncio.sleep(0.005)
        await leg.run_until(lambda: len(client.heard()) > 4800)
    leg.socket.close()


async def test_close_tells_the_peer_and_calls_nothing_back(leg: Leg) -> None:
    async with webrtc_client() as client:
        await leg.negotiate(client)
        await leg.run_until(lambda: bool(leg.connected))
        await client.connected()
        leg.peer.close()
        leg.peer.close()
        await leg.run_until(lambda: client.connection.connectionState == "closed")
        assert leg.ended == []
        assert leg.socket.peers == 0
    leg.socket.close()


async def test_a_peer_that_closes_has_left(leg: Leg) -> None:
    async with webrtc_client() as client:
        await leg.negotiate(client)
        await leg.run_until(lambda: bool(leg.connected))
        await client.connected()
        await client.leave()
        await leg.run_until(lambda: bool(leg.ended))
    assert leg.ended == ["peer_left"]
    assert leg.socket.peers == 0
    leg.socket.close()


async def test_a_silent_peer_loses_consent(leg: Leg) -> None:
    async with webrtc_client() as client:
        await leg.negotiate(client)
        await leg.run_until(lambda: bool(leg.connected))
        leg.skipped = leg.socket.settings.consent_timeout - 1
        leg.socket.receive(asyncio.get_running_loop().time() + leg.skipped)
        assert leg.ended == []
        # Nothing is read from here on: the clock alone runs.
        leg.skipped += leg.socket.settings.consent_timeout + 1
        leg.socket._handle_timers(asyncio.get_running_loop().time() + leg.skipped)
        assert leg.ended == ["ice_failed"]
    leg.socket.close()


async def test_an_offer_that_nobody_follows_up_ends(leg: Leg) -> None:
    async with webrtc_client() as client:
        await leg.peer.answer(await client.offer())
        leg.socket.receive(100.0)
        leg.socket.receive(100.0 + leg.socket.settings.connect_timeout - 1)
        assert leg.ended == []
        leg.socket.receive(100.0 + leg.socket.settings.connect_timeout + 1)
        assert leg.ended == ["ice_failed"]
    leg.socket.close()


async def test_a_certificate_that_was_not_announced_is_refused(leg: Leg) -> None:
    async with webrtc_client() as client:
        offer = await client.offer()
        lines = [line for line in offer.splitlines() if not line.startswith("a=fingerprint:")]
        lines.append("a=fingerprint:sha-256 " + ":".join(["AB"] * 32))
        answer = await leg.peer.answer("\r\n".join(lines) + "\r\n")
        await client.accept(answer.sdp)
        await leg.run_until(lambda: bool(leg.ended))
    assert leg.ended == ["ice_failed"]
    assert leg.connected == []
    leg.socket.close()


async def test_one_socket_carries_many_peers() -> None:
    socket = WebRtcSocket(WebRtcSettings())
    legs = [Leg(socket) for _ in range(5)]
    clients = [WebRtcClient() for _ in legs]
    ports = {
        line.split()[5]
        for leg, client in zip(legs, clients, strict=True)
        for line in (await leg.negotiate(client)).sdp.splitlines()
        if line.startswith("a=candidate:")
    }
    assert ports == {str(socket.port)}

    def all_heard() -> bool:
        for leg in legs:
            leg.packets += leg.peer.drain()
        return all(len(leg.packets) > 5 for leg in legs)

    await legs[0].run_until(all_heard)
    for leg in legs:
        assert leg.answer is not None
        audio = [packet for packet in leg.packets if not 192 <= packet[1] <= 223]
        assert {int.from_bytes(packet[8:12]) for packet in audio} == {leg.answer.remote_ssrc}
    for client in clients:
        await client.leave()
    socket.close()
    assert socket.peers == 0
