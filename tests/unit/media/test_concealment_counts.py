"""What counts as made up: audio that is missing, and neither digits nor passthrough nor intended silence."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass

import pytest

from bridge.media.codec import AudioFormat, make_encoder
from bridge.media.incoming_stream import IncomingStream
from bridge.media.playout import PlayoutCounts
from bridge.media.rtp import build_rtp
from tests.unit.media.virtual_phones import (
    OPUS,
    PCMA,
    PCMU,
    VirtualCalls,
    VirtualPhone,
    speech_like,
    tone,
    tone_level,
)

EVENTS = 101
FRAME = 160
"""Samples."""


@dataclass(frozen=True)
class KeyPad:
    """How a phone sends digits. Seconds."""

    tone: float = 0.1
    spacing: float = 0.02
    ends: str = "spaced"
    """The three end packets `spaced`, as a `burst`, or only one: `single`."""
    pause: float = 0.0
    """Without any packet after the last one of the event."""

    def press(self, begin: float) -> tuple[list[tuple[float, int, bool]], float]:
        """When event packets leave, with their durations in ms; and when audio goes on."""
        count = max(round(self.tone / self.spacing), 1)
        packets = [
            (begin + step * self.spacing, round(1000 * (step + 1) * self.spacing), False)
            for step in range(count - 1)
        ]
        end, duration = begin + (count - 1) * self.spacing, round(1000 * count * self.spacing)
        gap = self.spacing if self.ends == "spaced" else 0.0
        packets += [(end + n * gap, duration, True) for n in range(1 if self.ends == "single" else 3)]
        return packets, packets[-1][0] + 0.02 + self.pause


KEY_PADS = {
    "three spaced ends": KeyPad(),
    "three ends at once and a pause": KeyPad(ends="burst", pause=0.06),
    "short": KeyPad(tone=0.04, ends="burst", pause=0.06),
    "packets 50 ms apart": KeyPad(tone=0.2, spacing=0.05),
    "one end": KeyPad(ends="single"),
    "long": KeyPad(tone=2.0),
}


def sent(audio: AudioFormat, seconds: float, key_pad: KeyPad | None) -> list[tuple[float, bytes]]:
    """What a phone sends that presses a key once a second: times and packets."""
    encoder, speech, step = make_encoder(audio, 8000, 0), speech_like(seconds), audio.clock_rate // 50
    packets: list[tuple[float, bytes]] = []
    waiting: list[tuple[float, int, bool]] = []
    begin, silent_until = 0, 0.0

    def send(at: float, payload_type: int, timestamp: int, payload: bytes) -> None:
        packets.append((at, build_rtp(payload_type, False, len(packets), timestamp, 7, payload)))

    for frame in range(int(seconds * 50)):
        now, timestamp = frame / 50, 1000 + frame * step
        payload = encoder.encode(speech[frame * FRAME : (frame + 1) * FRAME])
        if key_pad is not None and frame % 50 == 25 and now >= silent_until:
            waiting, silent_until = key_pad.press(now)
            begin = timestamp
        while waiting and waiting[0][0] < now + 0.02 - 1e-9:
            at, milliseconds, end = waiting.pop(0)
            duration = min(milliseconds * audio.clock_rate // 1000, 0xFFFF)
            send(at, EVENTS, begin, struct.pack("!BBH", 5, 0x8A if end else 10, duration))
        if now >= silent_until - 1e-9:
            send(now, audio.payload_type, timestamp, payload)
    return packets


def counts(audio: AudioFormat, packets: list[tuple[float, bytes]], jitter: float = 0.0) -> PlayoutCounts:
    """What the playout counted; the network delays packets by up to `jitter` and keeps their order."""
    source, incoming = random.Random(3), IncomingStream()
    incoming.configure(audio, EVENTS, 8000)
    arrivals: list[tuple[float, bytes]] = []
    for at, packet in packets:
        earliest = arrivals[-1][0] if arrivals else 0.0
        arrivals.append((max(earliest, at + source.uniform(0.0, jitter)), packet))
    for tick in range(int(packets[-1][0] / 0.005)):
        now = tick * 0.005
        while arrivals and arrivals[0][0] <= now:
            incoming.receive(arrivals.pop(0)[1], now)
        if tick % 4 == 0:
            incoming.step(now)
            incoming.pull(now)
    assert incoming.playout is not None
    return incoming.playout.counts


@pytest.mark.parametrize("jitter", [0.0, 0.02, 0.04])
@pytest.mark.parametrize("audio", [PCMU, OPUS], ids=["PCMU", "opus"])
@pytest.mark.parametrize("key_pad", KEY_PADS.values(), ids=KEY_PADS)
def test_digits_count_as_nothing_that_is_made_up(key_pad: KeyPad, audio: AudioFormat, jitter: float) -> None:
    without = counts(audio, sent(audio, 10, None), jitter).concealed
    with_digits = counts(audio, sent(audio, 10, key_pad), jitter).concealed
    assert with_digits <= without + FRAME
    assert without <= 2 * FRAME  # at the very begin, while the delay is learned


def test_audio_that_is_lost_right_after_a_digit_counts() -> None:
    packets = sent(PCMU, 4, KEY_PADS["three spaced ends"])
    last_event = max(at for at, packet in packets if packet[1] & 0x7F == EVENTS)
    lost = [entry for entry in packets if not last_event < entry[0] < last_event + 0.15]
    assert len(packets) - len(lost) == 7
    # For 60 ms after an event's packet nothing is missed: the next one may come as late.
    assert counts(PCMU, lost).concealed - counts(PCMU, packets).concealed >= 4 * FRAME


def test_a_digit_among_lost_audio_takes_back_nothing() -> None:
    packets = sent(PCMU, 3, None)
    holed = [entry for entry in packets if not 1.0 <= entry[0] < 1.1]
    plain = counts(PCMU, holed).concealed
    number = packets.index(holed[50]) - 1  # the last of the lost ones was an event
    event = build_rtp(EVENTS, False, number, 1000 + 160 * number, 7, struct.pack("!BBH", 1, 0x8A, 160))
    assert plain >= 4 * FRAME
    assert counts(PCMU, sorted([*holed, (1.08, event)])).concealed >= 3 * FRAME


def test_neither_passthrough_nor_its_end_counts_as_made_up() -> None:
    calls = VirtualCalls()
    alice = calls.call("alice", tone(440, 9), PCMU)
    calls.call("carol", tone(620, 9), PCMA)
    calls.run(1.0)
    playout = alice.leg.incoming.playout
    assert playout is not None
    mixed = playout.counts.concealed
    calls.core.remove_leg("carol")
    calls.phones.pop()
    bob = calls.call("bob", tone(850, 9), PCMU)
    assert calls.core.rooms["room"].passthrough
    events = [
        build_rtp(EVENTS, False, 0, 5000, alice.ssrc, struct.pack("!BBH", 1, 0x8A if end else 10, 400))
        for end in (False, True, True, True)
    ]

    def deliver(phone: VirtualPhone, packet: bytes) -> list[bytes]:
        if phone is not alice or not events:
            return [packet]
        number = packet[2:4]
        event = events.pop()
        return [event[:2] + number + event[4:]]

    calls.run(2.0, deliver)
    assert calls.core.rooms["room"].passthrough
    calls.call("dora", tone(1130, 9), PCMU)
    assert not calls.core.rooms["room"].passthrough
    calls.run(2.0)
    assert playout.counts.concealed == mixed
    other = bob.leg.incoming.playout
    assert other is not None
    assert other.counts.concealed == 0
    assert other.counts.played > 3.8 * 8000


def test_what_was_heard_before_passthrough_is_not_made_into_audio_after_it() -> None:
    calls = VirtualCalls()
    alice = calls.call("alice", tone(440, 9), PCMU)
    calls.call("carol", tone(620, 9), PCMA)
    calls.run(1.0)
    calls.core.remove_leg("carol")
    calls.phones.pop()
    bob = calls.call("bob", tone(850, 9), PCMU)
    calls.run(1.0)
    concealed = alice.leg.incoming.playout.counts.concealed if alice.leg.incoming.playout else -1
    # Alice stops, and the room mixes again: nothing of hers may come out of the memory of her old voice.
    alice.speech = tone(440, 0)
    calls.call("dora", tone(1130, 9), PCMU)
    bob.heard.clear()
    calls.run(0.5)
    playout = alice.leg.incoming.playout
    assert playout is not None
    assert playout.counts.concealed == concealed
    assert tone_level(bob.hearing(), 440) < 100
    assert tone_level(bob.hearing(), 1130) > 4000
