"""What is measured: the bridge's one-socket peers, and aiortc's transports with a socket each."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time
from multiprocessing.connection import Connection
from typing import Protocol
from unittest import mock

from aiortc import RTCCertificate, RTCDtlsTransport, RTCIceGatherer, RTCIceTransport
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters
from aiortc.rtcicetransport import RTCIceParameters

from benchmarks.webrtc_leg.load import FRAME, PAYLOAD
from bridge.adapters.webrtc_answer import LocalDescription, write_answer
from bridge.adapters.webrtc_peer import WebRtcConnection
from bridge.adapters.webrtc_sdp import parse_description
from bridge.adapters.webrtc_socket import WebRtcSocket

TICK = 0.005


def packet(sequence: int) -> bytes:
    """What a leg sends every 20 ms."""
    return struct.pack("!BBHII", 0x80, 111, sequence & 0xFFFF, sequence * 960 & 0xFFFFFFFF, 1) + PAYLOAD


class Subject(Protocol):
    """One way to carry WebRTC legs."""

    name: str

    async def connect(self, pipe: Connection) -> None:
        """Answer one client's offer and wait until it is connected."""
        ...

    async def carry(self, seconds: float) -> int:
        """Receive all that comes and send a packet per leg and frame; returns packets received."""
        ...

    async def close(self) -> None:
        """End all legs."""
        ...


class OneSocket:
    """The bridge's: ICE-lite and DTLS in memory over one socket, read in the tick."""

    name = "bridge: one socket, ICE-lite, tick"

    def __init__(self) -> None:
        self._socket = WebRtcSocket()
        self._peers: list[WebRtcConnection] = []

    async def connect(self, pipe: Connection) -> None:
        connected: list[bool] = []
        peer = self._socket(connected=lambda: connected.append(True), ended=lambda why: None)
        self._peers.append(peer)
        pipe.send((await peer.answer(pipe.recv())).sdp)
        while not pipe.poll() or not connected:
            self._socket.receive(time.monotonic())
            await asyncio.sleep(0.001)
        pipe.recv()

    async def carry(self, seconds: float) -> int:
        received, turn = 0, 0
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            self._socket.receive(time.monotonic())
            for peer in self._peers:
                received += len(peer.drain())
            for peer in self._peers[turn % 4 :: 4]:
                peer.send([packet(turn)])
            turn += 1
            await asyncio.sleep(max(0.0, began + turn * TICK - time.monotonic()))
        return received

    async def close(self) -> None:
        self._socket.close()


class AiortcTransports:
    """RTCIceTransport and RTCDtlsTransport with the RTP path cut short: no sender, receiver or codec."""

    name = "aiortc: ICE and DTLS transports, asyncio"

    def __init__(self) -> None:
        self._certificate = RTCCertificate.generateCertificate()
        self._legs: list[RTCDtlsTransport] = []
        self.received = 0

    async def connect(self, pipe: Connection) -> None:
        peer = parse_description(pipe.recv())
        gatherer = RTCIceGatherer(iceServers=[])
        with mock.patch("aioice.ice.get_host_addresses", return_value=["127.0.0.1"]):
            await gatherer.gather()
        ice = RTCIceTransport(gatherer)
        dtls = RTCDtlsTransport(ice, [self._certificate])
        dtls._set_role("server")
        dtls._handle_rtp_data = self._count  # type: ignore[method-assign]
        self._legs.append(dtls)
        pipe.send(write_answer(peer, self._describe(gatherer, dtls)))
        await ice.start(RTCIceParameters(peer.fragment, peer.password))
        await dtls.start(RTCDtlsParameters(fingerprints=list(peer.fingerprints), role="client"))
        await asyncio.to_thread(pipe.recv)

    def _describe(self, gatherer: RTCIceGatherer, dtls: RTCDtlsTransport) -> LocalDescription:
        own = gatherer.getLocalParameters()
        fingerprints: list[RTCDtlsFingerprint] = dtls.getLocalParameters().fingerprints
        return LocalDescription(
            session_id=1,
            hosts=("127.0.0.1",),
            port=gatherer.getLocalCandidates()[0].port,
            fragment=own.usernameFragment or "",
            password=own.password or "",
            fingerprints=fingerprints,
            setup="passive",
            ssrc=1,
            cname="benchmark",
        )

    async def _count(self, data: bytes, arrival_time_ms: int) -> None:
        self.received += 1

    async def carry(self, seconds: float) -> int:
        received, turn = self.received, 0
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            for dtls in self._legs[turn % 4 :: 4]:
                with contextlib.suppress(ConnectionError):
                    await dtls._send_rtp(packet(turn))
            turn += 1
            await asyncio.sleep(max(0.0, began + turn * TICK - time.monotonic()))
        return self.received - received

    async def close(self) -> None:
        for dtls in self._legs:
            await dtls.stop()
            await dtls.transport.stop()


FRAMES_PER_SECOND = 1 / FRAME
