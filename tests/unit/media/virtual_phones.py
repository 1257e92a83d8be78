"""Phones in virtual time for media tests: they speak as RTP and record what they hear."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bridge.media.codec import AudioFormat, make_decoder, make_encoder
from bridge.media.g711 import Samples
from bridge.media.media_core import TICK_SECONDS, CoreEvent, MediaCore
from bridge.media.media_leg import LegFormat, LegTimeouts, MediaLeg
from bridge.media.outgoing_stream import OutgoingStream
from bridge.media.rtp import build_rtp, is_rtcp, parse_rtp

PCMU = AudioFormat("PCMU", 0, 8000)
PCMA = AudioFormat("PCMA", 8, 8000)
G722 = AudioFormat("G722", 9, 8000)
OPUS = AudioFormat("opus", 111, 48000)


def tone(hertz: float, seconds: float, rate: int = 8000, level: float = 8000.0) -> Samples:
    """A sine."""
    return (level * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.int16)


def tone_level(samples: Samples, hertz: float, rate: int = 8000) -> float:
    """Amplitude of one frequency in a signal."""
    if len(samples) == 0:
        return 0.0
    phase = np.exp(-2j * np.pi * hertz * np.arange(len(samples)) / rate)
    window = np.hanning(len(samples))
    return float(2 * abs(np.dot(samples * window, phase)) / window.sum())


def speech_like(seconds: float, rate: int = 8000, seed: int = 7) -> Samples:
    """Voiced syllables with a moving pitch and pauses between them."""
    random = np.random.default_rng(seed)
    count = int(seconds * rate)
    time = np.arange(count) / rate
    pitch = 110 + 30 * np.sin(2 * np.pi * 0.7 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    voice = sum(np.sin(n * phase) / n for n in range(1, 12))
    syllables = np.clip(np.sin(2 * np.pi * 2.5 * time) * 1.6 + 0.4, 0, 1)
    signal: npt.NDArray[np.float64] = voice * syllables * 4000 + random.normal(0, 15, count)
    return signal.astype(np.int16)


@dataclass
class VirtualPhone:
    """A far end: 20 ms packets out, decoded audio in."""

    leg: MediaLeg
    audio: AudioFormat
    speech: Samples
    rate: int = 8000
    phase: float = 0.0
    """Seconds after the tick's begin at which its packets arrive."""
    ssrc: int = 0x1234
    sequence_number: int = 65530
    timestamp: int = 0xFFFFF000
    heard: list[Samples] = field(default_factory=list)
    sent: int = 0
    said: list[bytes] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._encoder = make_encoder(self.audio, self.rate, 5)
        self._decoder = make_decoder(self.audio, self.rate)

    def speak(self) -> bytes:
        """The next packet."""
        size = self.rate // 50
        begin = self.sent * size % max(len(self.speech) - size + 1, 1)
        payload = self._encoder.encode(self.speech[begin : begin + size])
        packet = build_rtp(
            self.audio.payload_type, self.sent == 0, self.sequence_number, self.timestamp, self.ssrc, payload
        )
        self.said.append(packet)
        self.sent += 1
        self.sequence_number += 1
        self.timestamp += self.audio.clock_rate // 50
        return packet

    def listen(self, packets: list[bytes]) -> None:
        """Decode what the engine sent."""
        self.received += packets
        for data in packets:
            if is_rtcp(data):
                continue
            packet = parse_rtp(data)
            assert packet is not None
            if packet.payload_type == self.audio.payload_type:
                samples = self._decoder.decode(packet.payload)
                assert samples is not None
                self.heard.append(samples)

    def hearing(self, last_seconds: float = 0.5) -> Samples:
        """What it heard lately."""
        if not self.heard:
            return np.zeros(0, np.int16)
        return np.concatenate(self.heard)[-int(last_seconds * self.rate) :]


class VirtualCalls:
    """A core, its phones, and a clock that tests turn."""

    def __init__(self, max_speakers: int = 8) -> None:
        self.core = MediaCore(max_speakers)
        self.phones: list[VirtualPhone] = []
        self.events: list[CoreEvent] = []
        self.tick = 0

    @property
    def now(self) -> float:
        """Virtual seconds."""
        return self.tick * TICK_SECONDS

    def call(
        self,
        leg_id: str,
        speech: Samples,
        audio: AudioFormat = PCMU,
        *,
        room: str = "room",
        rate: int = 8000,
        leg_format: LegFormat | None = None,
        present: bool = True,
    ) -> VirtualPhone:
        """A phone that is in a room."""
        number = len(self.phones)
        leg = MediaLeg(leg_id, "phone", OutgoingStream(number + 1, 65500, 0xFFFFFE00), LegTimeouts())
        leg.configure(leg_format or LegFormat(audio, 101), self.now)
        leg.present = present
        self.core.add_leg(leg, room)
        self.core.arrange(leg_id)
        phone = VirtualPhone(leg, audio, speech, rate, ssrc=0x1000 + number)
        self.phones.append(phone)
        return phone

    def run(
        self, seconds: float, deliver: Callable[[VirtualPhone, bytes], list[bytes]] | None = None
    ) -> None:
        """Let time pass; every phone speaks each 20 ms. `deliver` says what arrives of a packet."""
        for _ in range(round(seconds / TICK_SECONDS)):
            self.tick += 1
            for number, phone in enumerate(self.phones):
                if self.tick % 4 == number % 4 and len(phone.speech):
                    packet = phone.speak()
                    phone.leg.receive([packet] if deliver is None else deliver(phone, packet), self.now)
            self.core.step(self.tick, self.now)
            self.events += self.core.take_events()
            for phone in self.phones:
                phone.listen(phone.leg.take_packets())
