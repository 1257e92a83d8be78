"""Audio that a call platform's SDK carries, as legs of the media engine: 16-bit PCM over loopback RTP.

An external leg is a phone leg with the codec L16 (RFC 3551 section 4.5.11) whose peer is a socket of this
process; so it works the same whether the engine runs here or in worker processes. One socket serves all
external legs: the engine writes once per tick, and one callback reads all of it. Imports the engine's port.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
from collections.abc import Callable

import numpy as np

from bridge.calls.media_engine import Codec, MediaEngine, PhoneLegParameters

PAYLOAD_TYPE = 96
PTIME = 20
HEADER = struct.Struct("!BBHII")
LONGEST_PACKET = 4096
RECEIVE_BUFFER = 1 << 22
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what to send to, not to listen on

Address = tuple[str, int]


class ExternalAudioSocket:
    """The process's end of all external legs."""

    def __init__(self, engine: MediaEngine, engine_host: str = "127.0.0.1") -> None:
        """`engine_host` is where the engine's RTP sockets listen; ours listens on loopback alone."""
        self._engine = engine
        self._engine_host = _WILDCARDS.get(engine_host, engine_host)
        self._host = "::1" if ":" in self._engine_host else "127.0.0.1"
        self._socket: socket.socket | None = None
        self._legs: dict[Address, ExternalLeg] = {}

    async def open(
        self, leg_id: str, room: str, name: str, sample_rate: int, receive: Callable[[bytes], None]
    ) -> ExternalLeg:
        """A leg in `room`; `receive` gets what the room sends it, 20 ms at a time. Raises `MediaError`."""
        port = self._listen()
        address = await self._engine.open_phone_leg(leg_id, room)
        leg = ExternalLeg(self, leg_id, (self._engine_host, address.port), receive)
        self._legs[leg.address] = leg
        opened = False
        try:
            codec = Codec("L16", PAYLOAD_TYPE, sample_rate)
            await self._engine.configure_phone_leg(
                leg_id, PhoneLegParameters(codec, self._host, port, ptime=PTIME)
            )
            await self._engine.join_room(leg_id, name)
            opened = True
        finally:
            if not opened:
                await leg.close()
        return leg

    def send(self, packet: bytes, address: Address) -> None:
        """Send one packet to the engine; what cannot be sent now is dropped."""
        if self._socket is not None:
            try:
                self._socket.sendto(packet, address)
            except (BlockingIOError, ConnectionError):
                return

    async def forget(self, leg: ExternalLeg) -> None:
        """Close the engine's leg."""
        self._legs.pop(leg.address, None)
        await self._engine.close_leg(leg.leg_id)

    async def close(self) -> None:
        """Close all legs and the socket."""
        for leg in tuple(self._legs.values()):
            await leg.close()
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _listen(self) -> int:
        if self._socket is None:
            family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
            opened = socket.socket(family, socket.SOCK_DGRAM)
            opened.setblocking(False)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            opened.bind((self._host, 0))
            asyncio.get_running_loop().add_reader(opened, self._read)
            self._socket = opened
        port: int = self._socket.getsockname()[1]
        return port

    def _read(self) -> None:
        while self._socket is not None:
            try:
                packet, address = self._socket.recvfrom(LONGEST_PACKET)
            except BlockingIOError:
                return
            except ConnectionError:
                continue
            leg = self._legs.get(address[:2])
            # RFC 5761 section 4 tells RTCP apart, should it come here.
            if leg is not None and len(packet) > HEADER.size and packet[1] & 0x7F == PAYLOAD_TYPE:
                leg.receive(np.frombuffer(packet, ">i2", offset=HEADER.size).astype(np.int16).tobytes())


class ExternalLeg:
    """One leg; its other end is in the media engine."""

    def __init__(
        self, carrier: ExternalAudioSocket, leg_id: str, address: Address, receive: Callable[[bytes], None]
    ) -> None:
        self.leg_id = leg_id
        self.address = address
        self.receive = receive
        self._carrier = carrier
        self._source = secrets.randbits(32)
        # RFC 3550 section 5.1: both begin at random.
        self._sequence = secrets.randbits(15)
        self._timestamp = secrets.randbits(31)
        self._closed = False

    def write(self, pcm: bytes) -> None:
        """Send 20 ms of 16-bit mono PCM, in the machine's byte order, into the room."""
        if self._closed:
            return
        header = HEADER.pack(0x80, PAYLOAD_TYPE, self._sequence, self._timestamp, self._source)
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = (self._timestamp + len(pcm) // 2) & 0xFFFFFFFF
        self._carrier.send(header + np.frombuffer(pcm, np.int16).astype(">i2").tobytes(), self.address)

    async def close(self) -> None:
        """Leave the room. Closing twice is no error."""
        if not self._closed:
            self._closed = True
            await self._carrier.forget(self)
