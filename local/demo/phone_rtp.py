"""The phone's audio: G.711 u-law in RTP over UDP, and digits as telephone-events. No jitter buffer, no SRTP.

Independent of the bridge's own RTP and codec, so that a fault in one does not hide in the other.
"""

from __future__ import annotations

import asyncio
import secrets
import struct
import time
from collections import deque

import numpy as np
from numpy.typing import NDArray

from local.demo.timeline import SAMPLE_RATE, Samples, Timeline

PACKET_SAMPLES = 160
PACKET_SECONDS = PACKET_SAMPLES / SAMPLE_RATE
PCMU = 0
TELEPHONE_EVENT = 101
DIGITS = "0123456789*#ABCD"
DIGIT_SECONDS = 0.12
LONGEST_GAP = 5 * SAMPLE_RATE
"""Samples of silence that a jump of timestamps may make."""


def encode_pcmu(samples: Samples) -> bytes:
    """ITU-T G.711 u-law."""
    linear = np.clip(samples * 32767, -32635, 32635).astype(np.int32)
    magnitude = np.abs(linear) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    sign = np.where(linear < 0, 0x80, 0)
    code: NDArray[np.uint8] = (~(sign | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8)
    return code.tobytes()


def decode_pcmu(payload: bytes) -> Samples:
    """ITU-T G.711 u-law."""
    code = ~np.frombuffer(payload, np.uint8) & 0xFF
    exponent = (code >> 4) & 0x07
    magnitude = (((code & 0x0F).astype(np.int32) << 3) + 132 << exponent) - 132
    linear: NDArray[np.int32] = np.where(code & 0x80, -magnitude, magnitude)
    return (linear / 32768).astype(np.float32)


class PhoneRtp(asyncio.DatagramProtocol):
    """One phone's RTP socket: says what it is given, silence after it, and keeps what it hears."""

    def __init__(self) -> None:
        self._transport: asyncio.DatagramTransport | None = None
        self._remote: tuple[str, int] | None = None
        self._voice: Samples = np.zeros(0, np.float32)
        self._position = 0
        self._voice_began_at = 0.0
        self._digits: deque[str] = deque()
        self._received: list[tuple[float, int, bytes]] = []
        self._sending: asyncio.Task[None] | None = None
        self._sequence = secrets.randbelow(1 << 16)
        self._timestamp = secrets.randbelow(1 << 32)
        self._ssrc = secrets.randbelow(1 << 32)
        self.first_packet = asyncio.Event()
        """Set when the first audio has come."""
        self.all_said = asyncio.Event()
        """Set when there is nothing left to say."""

    async def open(self, host: str) -> int:
        """Bind a port of this machine; returns it."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(host, 0))
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    def start(self, remote: tuple[str, int]) -> None:
        """Send to `remote` from now on: silence, until something is to be said."""
        self._remote = remote
        if self._sending is None:
            self._sending = asyncio.create_task(self._send())

    def say(self, voice: Samples) -> None:
        """Say this next, from its beginning."""
        self._voice, self._position = voice, 0
        self.all_said.clear()

    def press(self, digits: str) -> None:
        """Send digits as telephone-events, one after the other."""
        self._digits.extend(digits)

    @property
    def said(self) -> Timeline:
        """What was said, with the time that its first sample was spoken: a packet before it was sent."""
        return Timeline(self._voice, self._voice_began_at)

    @property
    def heard(self) -> Timeline:
        """What came, at its places by timestamp; heard when the packets came, in the median."""
        if not self._received:
            return Timeline(np.zeros(0, np.float32), time.time())
        first = self._received[0][1]
        # Timestamps wrap (RFC 3550 section 5.1): distances from the first are signed 32-bit numbers.
        packets = [
            (at, ((stamp - first + (1 << 31)) % (1 << 32)) - (1 << 31), decode_pcmu(payload))
            for at, stamp, payload in self._received
        ]
        start = min(place for _, place, _ in packets)
        end = max(place + len(audio) for _, place, audio in packets)
        if end - start > len(packets) * PACKET_SAMPLES + LONGEST_GAP:
            raise ValueError(
                f"timestamps jump: {len(packets)} packets span {(end - start) / SAMPLE_RATE:.0f} s"
            )
        samples = np.zeros(end - start, np.float32)
        for _, place, audio in packets:
            samples[place - start : place - start + len(audio)] = audio
        began = np.median([at - (place - start) / SAMPLE_RATE for at, place, _ in packets])
        return Timeline(samples, float(began))

    def close(self) -> None:
        """Stop sending and free the port."""
        if self._sending is not None:
            self._sending.cancel()
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """Keep audio; RTCP and the rest is not for this phone."""
        if len(data) <= 12 or data[0] >> 6 != 2 or data[1] & 0x7F != PCMU:
            return
        (stamp,) = struct.unpack_from("!I", data, 4)
        self._received.append((time.time(), stamp, data[12 + 4 * (data[0] & 0x0F) :]))
        self.first_packet.set()

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        began, began_at, sent = loop.time(), time.time(), 0
        while True:
            if self._digits:
                sent += await self._send_digit(self._digits.popleft(), began + sent * PACKET_SECONDS)
            if self._position == 0 and len(self._voice):
                self._voice_began_at = began_at + (sent - 1) * PACKET_SECONDS
            chunk = self._voice[self._position : self._position + PACKET_SAMPLES]
            self._position += len(chunk)
            if self._position == len(self._voice):
                self.all_said.set()
            audio = np.zeros(PACKET_SAMPLES, np.float32)
            audio[: len(chunk)] = chunk
            self._write(PCMU, encode_pcmu(audio), marker=sent == 0, stamp=self._timestamp)
            self._timestamp = (self._timestamp + PACKET_SAMPLES) % (1 << 32)
            sent += 1
            await asyncio.sleep(max(0.0, began + sent * PACKET_SECONDS - loop.time()))

    async def _send_digit(self, digit: str, due: float) -> int:
        """RFC 4733: packets of growing duration and one timestamp, the last one thrice. Their number."""
        loop = asyncio.get_running_loop()
        packets = round(DIGIT_SECONDS / PACKET_SECONDS)
        for number in range(1, packets + 1):
            end = 0x80 if number == packets else 0
            event = struct.pack("!BBH", DIGITS.index(digit), end | 10, number * PACKET_SAMPLES)
            for repetition in range(3 if end else 1):
                marker = number == 1 and repetition == 0
                self._write(TELEPHONE_EVENT, event, marker=marker, stamp=self._timestamp)
            await asyncio.sleep(max(0.0, due + number * PACKET_SECONDS - loop.time()))
        self._timestamp = (self._timestamp + packets * PACKET_SAMPLES) % (1 << 32)
        return packets

    def _write(self, payload_type: int, payload: bytes, *, marker: bool, stamp: int) -> None:
        assert self._transport is not None
        second = payload_type | (0x80 if marker else 0)
        header = struct.pack("!BBHII", 0x80, second, self._sequence, stamp, self._ssrc)
        self._transport.sendto(header + payload, self._remote)
        self._sequence = (self._sequence + 1) % (1 << 16)
