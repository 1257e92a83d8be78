"""Digits by telephone-event: exactly once, with their duration, on any network and from odd senders."""

from __future__ import annotations

import itertools
import random
import struct

import pytest

from bridge.media.codec import AudioFormat
from bridge.media.media_core import DigitHeard
from bridge.media.media_leg import LegFormat
from bridge.media.rtp import build_rtp
from bridge.media.telephone_event import DIGITS, Digit, TelephoneEventReceiver, TelephoneEventSender
from tests.unit.media.virtual_phones import OPUS, PCMA, PCMU, VirtualCalls, VirtualPhone, tone

Packet = tuple[int, int, bytes]
"""Sequence number, timestamp, payload."""


def event(code: int, duration: int, *, end: bool = False) -> bytes:
    """One event payload."""
    return struct.pack("!BBH", code, 0x8A if end else 0x0A, duration)


def press(digits: str, *, sequence_number: int = 65530, timestamp: int = 0xFFFFFC00) -> list[Packet]:
    """The packets of digits, 100 ms each, three end packets, 60 ms between them."""
    packets: list[Packet] = []
    for digit in digits:
        code = DIGITS.index(digit)
        durations = [(160 * step, False) for step in range(1, 5)] + [(800, True)] * 3
        for duration, end in durations:
            packets.append((sequence_number & 0xFFFF, timestamp & 0xFFFFFFFF, event(code, duration, end=end)))
            sequence_number += 1
        timestamp += 1280
    return packets


def receive(packets: list[Packet], *, spacing: float = 0.02) -> list[Digit]:
    """What a receiver reports, the end of time included."""
    receiver = TelephoneEventReceiver(8000)
    digits: list[Digit] = []
    now = 0.0
    for number, timestamp, payload in packets:
        now += spacing
        digits += receiver.expire(now)
        digits += receiver.receive(number, timestamp, payload, now)
    return digits + receiver.expire(now + 1.0)


def test_all_sixteen_digits_once_with_their_duration() -> None:
    assert receive(press(DIGITS)) == [Digit(digit, 100) for digit in DIGITS]


def test_the_same_digit_twice_is_two_digits() -> None:
    assert [digit.digit for digit in receive(press("11"))] == ["1", "1"]


@pytest.mark.parametrize("lost", range(7))
def test_any_one_lost_packet_changes_nothing(lost: int) -> None:
    packets = [packet for place, packet in enumerate(press("47")) if place % 7 != lost]
    assert [digit.digit for digit in receive(packets)] == ["4", "7"]


def test_all_end_packets_lost() -> None:
    packets = [packet for packet in press("42") if not packet[2][1] & 0x80]
    assert receive(packets) == [Digit("4", 80), Digit("2", 80)]


def test_only_one_end_packet_came() -> None:
    assert receive([press("9")[6]]) == [Digit("9", 100)]


def test_duplicated_packets() -> None:
    packets = [packet for packet in press("123") for _ in range(3)]
    assert [digit.digit for digit in receive(packets, spacing=0.005)] == ["1", "2", "3"]


@pytest.mark.parametrize("seed", range(30))
def test_reordering_loss_and_duplication_together(seed: int) -> None:
    source = random.Random(seed)
    packets: list[Packet] = []
    for begin in range(0, 35, 7):
        digit = press("13579")[begin : begin + 7]
        kept = [packet for packet in digit if source.random() > 0.3] or digit[-1:]
        kept += [packet for packet in kept if source.random() < 0.2]
        source.shuffle(kept)
        packets += kept
    assert [digit.digit for digit in receive(packets)] == list("13579")


def test_a_late_end_packet_of_the_digit_before() -> None:
    packets = press("12")
    late = packets.pop(6)
    packets.insert(8, late)
    assert [digit.digit for digit in receive(packets)] == ["1", "2"]


def test_a_long_press_goes_over_several_segments() -> None:
    packets: list[Packet] = []
    number = 0
    for timestamp, last in ((1000, 0xFFFF), (1000 + 0xFFFF, 8000)):
        for duration in range(8000, last + 1, 8000):
            packets.append((number, timestamp, event(5, duration)))
            number += 1
        if last == 0xFFFF:
            packets.append((number, timestamp, event(5, 0xFFFF)))
            number += 1
    packets.append((number, 1000 + 0xFFFF, event(5, 8000, end=True)))
    assert receive(packets) == [Digit("5", round((0xFFFF + 8000) / 8))]


@pytest.mark.parametrize("step", [0xFFFF, 6 * 0xFFFF], ids=["the event's clock", "the audio's clock"])
def test_a_long_press_beside_audio_of_another_clock_rate(step: int) -> None:
    receiver = TelephoneEventReceiver(8000, 48000)
    digits: list[Digit] = []
    for number, duration in enumerate((30000, 0xFFFF)):
        digits += receiver.receive(number, 1000, event(5, duration), duration / 8000)
    digits += receiver.receive(2, 1000 + step, event(5, 8000, end=True), (0xFFFF + 8000) / 8000)
    assert digits == [Digit("5", round((0xFFFF + 8000) / 8))]


def test_a_sender_that_moves_the_timestamp_in_each_packet() -> None:
    packets = [(number, 5000 + 160 * number, event(8, 160 * (number + 1))) for number in range(6)]
    packets.append((6, 5000 + 160 * 6, event(8, 1120, end=True)))
    assert [digit.digit for digit in receive(packets)] == ["8"]


def test_what_is_no_digit_is_ignored() -> None:
    assert receive([(1, 1, event(16, 100, end=True)), (2, 2, b"\x01"), (3, 3, b"")]) == []


@pytest.mark.parametrize("audio", [PCMU, PCMA])
def test_a_digit_in_a_call_is_reported_once_and_does_not_disturb_the_other_side(audio: AudioFormat) -> None:
    calls = VirtualCalls()
    alice = calls.call("alice", tone(440, 9), audio)
    bob = calls.call("bob", tone(850, 9))
    calls.run(0.5)
    pressed = TelephoneEventSender(8000)
    pressed.enqueue("5")

    def deliver(phone: VirtualPhone, packet: bytes) -> list[bytes]:
        if phone is not alice or not pressed.active:
            return [packet]
        phone.sequence_number -= 1
        packets = []
        for step in pressed.step(phone.timestamp):
            packets.append(
                build_rtp(101, False, phone.sequence_number, step.timestamp, phone.ssrc, step.payload)
            )
            phone.sequence_number += 1
        return packets

    calls.run(1.0, deliver)
    assert [told for told in calls.events if isinstance(told, DigitHeard)] == [DigitHeard("alice", "5", 100)]
    playout = alice.leg.incoming.playout
    assert playout is not None
    assert playout.counts.concealed <= 160  # at the very begin, while the delay is learned
    numbers = [int.from_bytes(packet[2:4], "big") for packet in bob.received]
    assert all((later - earlier) % 65536 == 1 for earlier, later in itertools.pairwise(numbers))


def test_digits_that_we_send_are_received_once_each() -> None:
    calls = VirtualCalls()
    alice = calls.call("alice", tone(440, 9), PCMU)
    calls.call("bob", tone(850, 9), PCMU)
    calls.run(0.3)
    events = alice.leg.outgoing.events
    assert events is not None
    events.enqueue("159#")
    calls.run(2.0)
    packets = [packet for packet in alice.received if packet[1] & 0x7F == 101]
    received = receive(
        [
            (int.from_bytes(packet[2:4], "big"), int.from_bytes(packet[4:8], "big"), packet[12:])
            for packet in packets
        ]
    )
    assert received == [Digit(digit, 100) for digit in "159#"]
    assert sum(packet[1] >> 7 for packet in packets) == 4


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_sender_and_receiver_tell_durations_in_the_events_own_clock(rate: int) -> None:
    sender, receiver = TelephoneEventSender(rate), TelephoneEventReceiver(rate, 48000)
    sender.enqueue("0*")
    digits: list[Digit] = []
    for step in range(30):
        for number, packet in enumerate(sender.step(960 * step)):
            digits += receiver.receive(10 * step + number, packet.timestamp, packet.payload, 0.02 * step)
    assert digits == [Digit("0", 100), Digit("*", 100)]


@pytest.mark.parametrize("event_clock_rate", [None, 8000, 48000])
def test_digits_beside_opus_have_their_duration_at_every_event_clock_rate(
    event_clock_rate: int | None,
) -> None:
    calls = VirtualCalls()
    spoken = LegFormat(OPUS, 101, event_clock_rate=event_clock_rate)
    alice = calls.call("alice", tone(440, 9), OPUS, leg_format=spoken)
    calls.call("bob", tone(850, 9), PCMU)
    calls.run(0.3)
    rate = event_clock_rate or 48000
    for number, (duration, end) in enumerate([(20, False), (60, False), (80, True), (80, True)]):
        payload = event(7, duration * rate // 1000, end=end)
        alice.leg.receive(
            [build_rtp(101, False, alice.sequence_number, 5000, alice.ssrc, payload)],
            calls.now + 0.001 * number,
        )
        alice.sequence_number += 1
    events = alice.leg.outgoing.events
    assert events is not None
    events.enqueue("3")
    calls.run(0.5)
    assert [told for told in calls.events if isinstance(told, DigitHeard)] == [DigitHeard("alice", "7", 80)]
    sent = [packet for packet in alice.received if packet[1] & 0x7F == 101]
    assert [int.from_bytes(packet[14:16], "big") * 1000 // rate for packet in sent] == [
        20,
        40,
        60,
        80,
        100,
        100,
        100,
    ]
    assert len({packet[4:8] for packet in sent}) == 1
    audio = [packet for packet in alice.received if packet[1] & 0x7F == OPUS.payload_type]
    times = sorted(int.from_bytes(packet[4:8], "big") for packet in audio)
    assert times[0] < int.from_bytes(sent[0][4:8], "big") < times[-1]  # one clock for both


def test_a_reoffer_with_another_codec_changes_the_clock_of_digits() -> None:
    calls = VirtualCalls()
    alice = calls.call("alice", tone(440, 9), PCMU)
    alice.leg.configure(LegFormat(OPUS, 102), calls.now)
    events, incoming = alice.leg.outgoing.events, alice.leg.incoming
    assert events is not None
    assert events.clock_rate == 48000
    packet = build_rtp(102, True, 1, 1, alice.ssrc, event(4, 4800, end=True))
    incoming.receive(packet, calls.now)
    assert incoming.digits == [Digit("4", 100)]


def pressed_beside_opus(clock_rate: int, spacing: int, length: int, digits: str = "55") -> list[Packet]:
    """Digits of a phone whose durations count in `clock_rate`; `spacing` and `length` are in ms."""
    packets: list[Packet] = []
    for place, digit in enumerate(digits):
        times = [*range(spacing, length, spacing), length, length, length]
        packets += [
            (
                100 * place + number,
                48_000 * place,
                event(int(digit), time * clock_rate // 1000, end=number >= len(times) - 3),
            )
            for number, time in enumerate(times)
        ]
    return packets


def received_beside_opus(
    packets: list[Packet], spacing: int, declared: int = 8000, audio: int = 48_000
) -> list[int]:
    """The durations that are told of digits whose packets come `spacing` ms apart."""
    receiver = TelephoneEventReceiver(declared, audio)
    now, told = 0.0, []
    for number, timestamp, payload in packets:
        now += spacing / 1000
        told += receiver.receive(number, timestamp, payload, now)
    return [digit.duration_ms for digit in told + receiver.expire(now + 1)]


@pytest.mark.parametrize("counted", [8000, 48_000], ids=["as declared", "as its audio"])
@pytest.mark.parametrize(("spacing", "length"), [(20, 100), (20, 180), (50, 250), (20, 1000)])
@pytest.mark.parametrize("step", [1, 2], ids=["events alone", "audio in between"])
def test_a_phone_that_declares_8000_beside_opus_may_count_in_either(
    counted: int, spacing: int, length: int, step: int
) -> None:
    packets = [
        (step * number, timestamp, payload)
        for number, timestamp, payload in pressed_beside_opus(counted, spacing, length)
    ]
    assert received_beside_opus(packets, spacing) == [length, length]


def test_a_declared_clock_holds_when_packets_come_in_a_burst_or_are_few() -> None:
    assert received_beside_opus(pressed_beside_opus(8000, 20, 100), 0) == [100, 100]
    # One packet at the begin, then the end: nothing but their arrival speaks for the declared clock.
    assert received_beside_opus(pressed_beside_opus(8000, 150, 300), 150) == [300, 300]
    # Only end packets came.
    ends = [packet for packet in pressed_beside_opus(8000, 20, 100) if packet[2][1] & 0x80]
    assert received_beside_opus(ends, 20) == [100, 100]


def test_what_one_digit_showed_holds_for_the_next_of_which_only_the_end_came() -> None:
    packets = pressed_beside_opus(48_000, 20, 180, "15")
    first_end = next(place for place, packet in enumerate(packets) if packet[0] == 100)
    kept = packets[:first_end] + [packet for packet in packets[first_end:] if packet[2][1] & 0x80]
    assert received_beside_opus(kept, 20) == [180, 180]


def test_lost_packets_do_not_change_the_clock() -> None:
    for counted in (8000, 48_000):
        packets = pressed_beside_opus(counted, 20, 200)
        kept = [packet for place, packet in enumerate(packets) if place % 3]
        # Those that are left come further apart, as their numbers do.
        assert received_beside_opus(kept, 30) == [200, 200]


def test_a_phone_may_count_as_its_audio_where_that_is_the_slower_clock() -> None:
    packets = pressed_beside_opus(8000, 20, 120)
    assert received_beside_opus(packets, 20, declared=48_000, audio=8000) == [120, 120]


def test_more_digits_than_fit_and_what_is_none_are_refused() -> None:
    sender = TelephoneEventSender(8000)
    with pytest.raises(ValueError, match="digits are"):
        sender.enqueue("12x")
    assert not sender.active
    with pytest.raises(ValueError, match="queued"):
        sender.enqueue("1" * 65)
