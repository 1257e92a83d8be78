"""Receivers in virtual time: the bridge's playout, and aiortc's jitter buffer feeding a player."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtp import RtpPacket

from benchmarks.quality.speech import FRAME
from bridge.media.codec import AudioFormat, make_decoder
from bridge.media.g711 import Samples
from bridge.media.incoming_stream import IncomingStream
from bridge.media.rtp import build_rtp
from tests.unit.media.loss_patterns import Arrival

Receiver = Callable[[Sequence[bytes], AudioFormat, Sequence[Arrival], float], Samples]
"""Payloads, codec, arrivals and seconds to play: what is heard from time 0 on, 8 kHz."""

_TICK = 0.005


def bridge_playout(
    payloads: Sequence[bytes], audio: AudioFormat, arrivals: Sequence[Arrival], seconds: float
) -> Samples:
    """The bridge's own: packets are taken each 5 ms, a frame is pulled each 20 ms."""
    ticks = audio.clock_rate // 50
    stream = IncomingStream()
    stream.configure(audio, None, 8000)
    heard: list[Samples] = []
    place = 0
    for tick in range(int(seconds / _TICK)):
        now = tick * _TICK
        while place < len(arrivals) and arrivals[place].seconds <= now:
            number = arrivals[place].number
            packet = build_rtp(audio.payload_type, False, number, number * ticks, 7, payloads[number])
            stream.receive(packet, now)
            place += 1
        if tick % 4 == 0:
            frame = stream.pull(now)
            heard.append(np.zeros(FRAME, np.int16) if frame is None else frame)
    return np.concatenate(heard)


def aiortc_buffer(
    payloads: Sequence[bytes], audio: AudioFormat, arrivals: Sequence[Arrival], seconds: float
) -> Samples:
    """aiortc's, as its receiver sets it up (16 packets, 4 prefetched); a player takes 20 ms each 20 ms.

    The receiver hands on what it decodes, as it comes; a player without anything to play gives silence.
    """
    ticks = audio.clock_rate // 50
    buffer = JitterBuffer(capacity=16, prefetch=4)
    decoder = make_decoder(audio, 8000)
    waiting = np.zeros(0, np.int16)
    heard: list[Samples] = []
    place = 0
    for frame_number in range(int(seconds * 50)):
        now = frame_number * 0.02
        while place < len(arrivals) and arrivals[place].seconds <= now:
            number = arrivals[place].number
            packet = RtpPacket(payload_type=0, sequence_number=number & 0xFFFF, timestamp=number * ticks)
            packet.payload = payloads[number]
            packet._data = payloads[number]  # type: ignore[attr-defined]
            _, encoded = buffer.add(packet)
            if encoded is not None:
                samples = decoder.decode(encoded.data)
                if samples is not None:
                    waiting = np.concatenate((waiting, samples))
            place += 1
        frame = waiting[:FRAME]
        waiting = waiting[FRAME:]
        heard.append(np.concatenate((frame, np.zeros(FRAME - len(frame), np.int16))))
    return np.concatenate(heard)
