"""A phone at the media engine's RTP port: sends a tone as G.711 and keeps what it hears. No SIP."""

from __future__ import annotations

import asyncio
import socket

import numpy as np
import numpy.typing as npt

from bridge.calls.media_engine import Codec, MediaEngine, PhoneLegParameters
from bridge.media import g711
from tests.integration.stream.tones import tone

RATE = 8000
FRAME = 160


class Phone:
    """One leg's other end."""

    def __init__(self, leg_id: str, frequency: float) -> None:
        self.leg_id = leg_id
        self.frequency = frequency
        self._heard: list[npt.NDArray[np.int16]] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(("127.0.0.1", 0))
        self._talking: asyncio.Task[None] | None = None

    async def start(self, engine: MediaEngine, room: str) -> None:
        """Open the leg and listen."""
        address = await engine.open_phone_leg(self.leg_id, room)
        own_port = self._socket.getsockname()[1]
        parameters = PhoneLegParameters(Codec("PCMU", 0, RATE), "127.0.0.1", own_port)
        await engine.configure_phone_leg(self.leg_id, parameters)
        asyncio.get_running_loop().add_reader(self._socket, self._read)
        self._to = (address.host, address.port)

    def talk(self) -> None:
        """Say the tone from now on."""
        self._talking = asyncio.create_task(self._talk(self._to))

    async def hush(self) -> None:
        """Say nothing more."""
        if self._talking is not None:
            self._talking.cancel()
            await asyncio.gather(self._talking, return_exceptions=True)
            self._talking = None

    async def stop(self) -> None:
        """Talk and hear no more; the leg is whoever's to close."""
        await self.hush()
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def hear(self, seconds: float) -> npt.NDArray[np.int16]:
        """The newest audio that came; shorter when there is less."""
        heard = np.concatenate(self._heard) if self._heard else np.zeros(0, np.int16)
        return heard[-round(seconds * RATE) :]

    def forget_heard(self) -> None:
        """Begin to listen anew."""
        self._heard.clear()

    def _read(self) -> None:
        while True:
            try:
                packet = self._socket.recv(2048)
            except (BlockingIOError, ConnectionError):
                return
            if packet[1] & 0x7F == 0:
                self._heard.append(g711.decode("PCMU", packet[12:]))

    async def _talk(self, to: tuple[str, int]) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in range(1 << 16):
            payload = g711.encode("PCMU", tone(self.frequency, RATE, number * FRAME, FRAME))
            header = b"\x80\x00" + number.to_bytes(2) + (number * FRAME).to_bytes(4) + b"\x00\x00\x10\x01"
            self._socket.sendto(header + payload, to)
            await asyncio.sleep(max(0.0, began + (number + 1) * 0.02 - loop.time()))
