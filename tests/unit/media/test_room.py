"""Rooms: who hears whom, at any number of legs, with each codec and mixed ones."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bridge.media.codec import AudioFormat
from bridge.media.media_leg import LegFormat
from bridge.media.rtp import build_rtp, parse_rtp
from tests.unit.media.virtual_phones import (
    G722,
    OPUS,
    PCMA,
    PCMU,
    VirtualCalls,
    VirtualPhone,
    speech_like,
    tone,
    tone_level,
)

FREQUENCIES = (440.0, 620.0, 850.0, 1130.0, 1490.0, 1870.0)
SILENCE = np.zeros(0, np.int16)


@pytest.mark.parametrize(("first", "second"), list(itertools.product((PCMU, PCMA, G722, OPUS), repeat=2)))
def test_two_phones_hear_each_other_and_not_themselves(first: AudioFormat, second: AudioFormat) -> None:
    calls = VirtualCalls()
    rates = [16000 if audio.name == "G722" else 8000 for audio in (first, second)]
    alice = calls.call("alice", tone(440, 5, rates[0]), first, rate=rates[0])
    bob = calls.call("bob", tone(850, 5, rates[1]), second, rate=rates[1])
    calls.run(1.5)
    assert tone_level(alice.hearing(), 850, rates[0]) > 5000
    assert tone_level(alice.hearing(), 440, rates[0]) < 120
    assert tone_level(bob.hearing(), 440, rates[1]) > 5000
    assert tone_level(bob.hearing(), 850, rates[1]) < 120


@pytest.mark.parametrize("count", [3, 4, 6])
def test_mix_minus(count: int) -> None:
    calls = VirtualCalls()
    laws = itertools.cycle((PCMU, PCMA, PCMU))
    phones = [
        calls.call(f"phone{number}", tone(FREQUENCIES[number], 5, level=4000), law)
        for number, law in zip(range(count), laws, strict=False)
    ]
    calls.run(1.5)
    for number, phone in enumerate(phones):
        for other in range(count):
            level = tone_level(phone.hearing(), FREQUENCIES[other])
            assert level < 100 if other == number else level > 3000


def test_rooms_are_apart() -> None:
    calls = VirtualCalls()
    alice = calls.call("alice", tone(440, 5), room="one")
    calls.call("bob", tone(850, 5), room="two")
    calls.run(1.0)
    assert tone_level(alice.hearing(), 850) < 5


def test_same_codec_passes_packets_through_untouched() -> None:
    calls = VirtualCalls()
    alice = calls.call("alice", tone(440, 5))
    bob = calls.call("bob", tone(850, 5))
    calls.run(1.0)
    assert calls.core.rooms["room"].passthrough
    payloads = [packet.payload for packet in map(parse_rtp, alice.received[-10:]) if packet]
    spoken = {packet.payload for packet in map(parse_rtp, bob.said) if packet}
    assert payloads
    assert set(payloads) <= spoken
    packets = [packet for packet in map(parse_rtp, alice.received) if packet is not None]
    numbers = [packet.sequence_number for packet in packets]
    assert all((later - earlier) % 65536 == 1 for earlier, later in itertools.pairwise(numbers))
    assert {packet.ssrc for packet in packets} == {alice.leg.outgoing.ssrc}


def test_a_third_leg_ends_passthrough_without_a_seam() -> None:
    calls = VirtualCalls()
    alice = calls.call("alice", tone(440, 9, level=4000))
    calls.call("bob", tone(850, 9, level=4000))
    calls.run(1.0)
    third = calls.call("carol", tone(1490, 9, level=4000))
    calls.run(1.0)
    assert not calls.core.rooms["room"].passthrough
    assert tone_level(alice.hearing(), 850) > 3000
    assert tone_level(alice.hearing(), 1490) > 3000
    assert tone_level(third.hearing(), 440) > 3000
    calls.core.remove_leg("carol")
    calls.phones.remove(third)
    calls.run(1.0)
    assert calls.core.rooms["room"].passthrough
    packets = [packet for packet in map(parse_rtp, alice.received) if packet is not None]
    steps = [
        (
            (later.sequence_number - earlier.sequence_number) % 65536,
            (later.timestamp - earlier.timestamp) % 2**32,
        )
        for earlier, later in itertools.pairwise(packets)
    ]
    assert {step[0] for step in steps} == {1}
    assert all(ticks % 160 == 0 and 0 < ticks <= 480 for _, ticks in steps)


def test_comfort_noise_leaves_no_hole_in_what_is_passed_through() -> None:
    calls = VirtualCalls()
    calls.call("alice", tone(440, 9))
    bob = calls.call("bob", SILENCE)

    def deliver(phone: VirtualPhone, packet: bytes) -> list[bytes]:
        if phone.sent % 10:
            return [packet]
        return [build_rtp(13, False, phone.sequence_number - 1, phone.timestamp - 160, phone.ssrc, b"\x40")]

    calls.run(2.0, deliver)
    assert calls.core.rooms["room"].passthrough
    numbers = [packet.sequence_number for packet in map(parse_rtp, bob.received) if packet is not None]
    assert len(numbers) >= 89
    assert all((later - earlier) % 65536 == 1 for earlier, later in itertools.pairwise(numbers))


def test_mute_hides_a_leg_and_shows_in_its_level() -> None:
    calls = VirtualCalls()
    alice = calls.call("alice", tone(440, 9))
    bob = calls.call("bob", tone(850, 9))
    calls.run(0.5)
    assert 0.2 < bob.leg.level() < 0.3
    bob.leg.muted = True
    calls.core.arrange("bob")
    calls.run(1.0)
    assert tone_level(alice.hearing(), 850) < 5
    assert tone_level(bob.hearing(), 440) > 5000
    assert bob.leg.level() == 0.0


def test_the_sum_of_loud_voices_does_not_clip() -> None:
    calls = VirtualCalls()
    phones = [
        calls.call(f"phone{number}", tone(hertz, 5, level=30000))
        for number, hertz in enumerate(FREQUENCIES[:4])
    ]
    calls.run(2.0)
    heard = phones[0].hearing()
    assert int(np.abs(heard.astype(np.int32)).max()) < 32700
    wanted = [tone_level(heard, hertz) for hertz in FREQUENCIES[1:4]]
    clean = float(np.sqrt(sum(level**2 / 2 for level in wanted)))
    total = float(np.sqrt(np.mean(np.square(heard.astype(np.float64)))))
    assert total < 1.03 * clean  # clipping would show as power at other frequencies


def test_above_the_limit_only_the_loudest_are_mixed() -> None:
    calls = VirtualCalls(max_speakers=3)
    for number, hertz in enumerate(FREQUENCIES):
        calls.call(f"phone{number}", tone(hertz, 5, level=500.0 * (number + 1)))
    listener = calls.call("listener", SILENCE)
    calls.run(1.5)
    levels = [tone_level(listener.hearing(), hertz) for hertz in FREQUENCIES]
    assert all(level < 40 for level in levels[:3])
    assert all(level > 1500 for level in levels[3:])


def test_two_hundred_in_one_room_share_one_encoding() -> None:
    calls = VirtualCalls()
    calls.call("speaker", tone(440, 5))
    listeners = [calls.call(f"listener{number}", SILENCE) for number in range(199)]
    calls.run(0.4)
    for listener in listeners:
        assert tone_level(listener.hearing(0.2), 440) > 5000


def test_a_prompt_is_heard_by_its_leg_alone_and_then_the_room_goes_on() -> None:
    calls = VirtualCalls()
    alice = calls.call("alice", tone(440, 9))
    bob = calls.call("bob", tone(850, 9))
    calls.run(1.0)
    alice.leg.play(tone(1490, 1.0).tobytes())
    calls.run(0.9)
    assert tone_level(alice.hearing(), 1490) > 5000
    assert tone_level(alice.hearing(), 850) < 100
    assert tone_level(bob.hearing(), 1490) < 100
    calls.run(2.0)
    assert tone_level(alice.hearing(), 850) > 5000


def test_a_leg_that_waits_hears_its_prompt_and_is_not_heard() -> None:
    calls = VirtualCalls()
    waiting = calls.call("waiting", tone(440, 9), present=False)
    inside = calls.call("inside", tone(850, 9))
    waiting.leg.play(tone(1490, 1.0).tobytes())
    calls.run(0.9)
    assert tone_level(waiting.hearing(), 1490) > 5000
    assert tone_level(inside.hearing(), 440) < 5


def test_hold_sends_nothing_and_comes_back() -> None:
    calls = VirtualCalls()
    alice = calls.call("alice", tone(440, 9))
    bob = calls.call("bob", tone(850, 9))
    calls.run(0.5)
    alice.leg.configure(LegFormat(PCMU, 101, send=False, receive=False), calls.now)
    calls.core.arrange("alice")
    alice.listen(alice.leg.take_packets())
    before = len(alice.received)
    calls.run(1.0)
    assert len(alice.received) == before
    assert tone_level(bob.hearing(), 440) < 5
    alice.leg.configure(LegFormat(PCMU, 101), calls.now)
    calls.core.arrange("alice")
    calls.run(1.0)
    assert tone_level(alice.hearing(), 850) > 5000
    assert tone_level(bob.hearing(), 440) > 5000


@pytest.mark.parametrize("ptime", [10, 20, 30, 40, 60])
def test_packets_have_the_negotiated_duration(ptime: int) -> None:
    calls = VirtualCalls()
    alice = calls.call("alice", SILENCE, leg_format=LegFormat(PCMU, 101, ptime))
    calls.call("bob", tone(850, 5), PCMA)
    calls.run(1.2)
    packets = [packet for packet in map(parse_rtp, alice.received) if packet is not None]
    assert {len(packet.payload) for packet in packets} == {8 * ptime}
    assert {
        (later.timestamp - earlier.timestamp) % 2**32 for earlier, later in itertools.pairwise(packets)
    } == {8 * ptime}
    assert tone_level(alice.hearing(), 850) > 5000


def test_wideband_legs_hear_above_four_kilohertz_together() -> None:
    calls = VirtualCalls()
    wide = calls.call("wide", tone(5200, 5, 16000), G722, rate=16000)
    other = calls.call("other", tone(1000, 5, 16000), OPUS, rate=16000)
    narrow = calls.call("narrow", tone(620, 5), PCMU)
    calls.run(1.5)
    assert calls.core.rooms["room"].rate == 16000
    assert tone_level(other.hearing(), 5200, 16000) > 3000
    assert tone_level(wide.hearing(), 620, 16000) > 5000
    assert tone_level(narrow.hearing(), 1000) > 5000


def test_speech_survives_mixing() -> None:
    calls = VirtualCalls()
    speech = speech_like(4)
    calls.call("alice", speech, PCMA)
    bob = calls.call("bob", SILENCE, PCMU)
    calls.run(3.0)
    heard = np.concatenate(bob.heard).astype(np.float64)
    part = heard[8000:16000]
    lag = int(np.argmax(np.correlate(speech[:20000].astype(np.float64), part, "valid")))
    spoken = speech[lag : lag + 8000].astype(np.float64)
    assert np.dot(spoken, part) > 0.995 * np.linalg.norm(spoken) * np.linalg.norm(part)
