"""What a leg receives: sources, jumps, duplicates, padding, garbage (counted, never raised)."""

from __future__ import annotations

import random
import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.media.incoming_stream import IncomingStream
from bridge.media.media_leg import LegFormat, LegTimeouts, MediaLeg
from bridge.media.outgoing_stream import OutgoingStream
from bridge.media.report_exchange import ReportExchange
from bridge.media.rtcp import build_source_description, parse_rtcp
from bridge.media.rtp import build_rtp, parse_rtp, unwrap
from tests.unit.media.virtual_phones import PCMA, PCMU, VirtualCalls, VirtualPhone, tone, tone_level

PAYLOAD = b"\x2a" * 160


def incoming() -> IncomingStream:
    """A stream of PCMU with telephone-event 101."""
    stream = IncomingStream()
    stream.configure(PCMU, 101, 8000)
    return stream


def feed(
    stream: IncomingStream, numbers: list[int], *, ssrc: int = 1, begin: float = 0.0, timestamp: int = 0
) -> None:
    """Packets 20 ms apart; their timestamps follow their numbers."""
    for place, number in enumerate(numbers):
        data = build_rtp(0, False, number, timestamp + 160 * number, ssrc, PAYLOAD)
        stream.receive(data, begin + 0.02 * place)


def test_numbers_wrap_and_losses_are_counted() -> None:
    stream = incoming()
    feed(stream, [n for n in range(65500, 65600) if n not in (65510, 65535, 65536)])
    assert stream.reception is not None
    assert stream.reception.received == 97
    assert stream.reception.lost == 3
    assert stream.reception.highest == 65599


def test_fraction_lost_is_of_the_interval() -> None:
    stream = incoming()
    reception = stream.reception
    assert reception is not None
    feed(stream, list(range(100)))
    assert reception.fraction_lost() == 0
    feed(stream, [n for n in range(100, 200) if n % 4], begin=2.0)
    assert reception.fraction_lost() == (25 << 8) // 100 or reception.lost == 25


def test_duplicates_are_dropped_and_do_not_hide_losses() -> None:
    stream = incoming()
    feed(stream, [1, 2, 2, 3, 3, 5, 5])
    assert stream.reception is not None
    assert stream.reception.received == 4
    assert stream.reception.lost == 1
    assert stream.discarded == 3


def test_a_stray_source_is_not_followed_and_a_new_one_is_after_two_packets() -> None:
    stream = incoming()
    feed(stream, list(range(10)), ssrc=1)
    feed(stream, [900], ssrc=2, begin=0.2)
    assert stream.reception is not None
    assert stream.reception.source == 1
    feed(stream, [10, 11], ssrc=1, begin=0.22)
    feed(stream, [500, 501, 502], ssrc=3, begin=0.26)
    assert stream.reception.source == 3
    assert stream.reception.received == 15
    assert stream.reception.lost == 0


def test_a_sequence_jump_is_believed_at_its_second_packet() -> None:
    stream = incoming()
    feed(stream, [1, 2, 3, 30000, 30001, 30002])
    assert stream.reception is not None
    assert stream.reception.lost == 0
    assert stream.reception.highest == 30002
    assert stream.discarded == 1


def test_silence_without_packets_is_not_loss() -> None:
    stream = incoming()
    assert stream.playout is not None
    number = 0
    for tick in range(400):
        now = 0.02 * tick
        if tick % 100 < 40:  # 0.8 s of speech, 1.2 s of nothing
            stream.receive(build_rtp(0, tick % 100 == 0, number, 160 * tick, 1, PAYLOAD), now)
            number += 1
        stream.pull(now)
    stream.receive(build_rtp(0, True, number, 160 * 400, 1, PAYLOAD), 8.0)
    assert stream.playout.counts.concealed == 0
    assert stream.playout.counts.played >= 150 * 160
    assert stream.reception is not None
    assert stream.reception.lost == 0


def test_other_payload_types_and_other_versions_are_counted() -> None:
    stream = incoming()
    stream.receive(build_rtp(8, False, 1, 0, 1, PAYLOAD), 0.0)
    stream.receive(b"\x40" + build_rtp(0, False, 1, 0, 1, PAYLOAD)[1:], 0.0)
    stream.receive(b"", 0.0)
    assert stream.discarded == 3


def test_padding_extension_and_csrcs_are_taken_off() -> None:
    body = struct.pack("!II", 11, 12) + struct.pack("!HHI", 0xBEDE, 1, 0x10FF0000) + PAYLOAD + b"\x00\x00\x03"
    packet = parse_rtp(struct.pack("!BBHII", 0x80 | 0x20 | 0x10 | 2, 0x80, 7, 8, 9) + body)
    assert packet is not None
    assert packet.payload == PAYLOAD
    assert (packet.marker, packet.sequence_number, packet.timestamp, packet.ssrc) == (True, 7, 8, 9)


@given(st.binary(max_size=2100))
def test_any_bytes_as_rtp_are_a_packet_or_nothing(data: bytes) -> None:
    packet = parse_rtp(data)
    if packet is not None:
        assert len(packet.payload) <= len(data) - 12


@given(st.binary(max_size=300), st.integers(0, 40))
def test_truncated_packets_never_raise(payload: bytes, cut: int) -> None:
    header = struct.pack("!BBHII", 0xB5, 0x60, 1, 2, 3)
    parse_rtp((header + payload)[:cut])
    parse_rtp(header + payload)


@given(
    st.integers(0, 127),
    st.booleans(),
    st.integers(0, 65535),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=400),
)
def test_what_is_built_is_parsed(
    kind: int, marker: bool, number: int, timestamp: int, payload: bytes
) -> None:
    packet = parse_rtp(build_rtp(kind, marker, number, timestamp, 77, payload))
    assert packet is not None
    assert (packet.payload_type, packet.marker, packet.sequence_number, packet.timestamp, packet.payload) == (
        kind,
        marker,
        number,
        timestamp,
        payload,
    )


@given(st.integers(0, 2**40), st.integers(-(2**15) + 1, 2**15 - 1))
def test_unwrapping_finds_the_nearest(near: int, offset: int) -> None:
    assert unwrap((near + offset) & 0xFFFF, near, 16) == near + offset


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.binary(max_size=80), st.binary(min_size=12, max_size=40)), max_size=30),
    st.randoms(),
)
def test_a_leg_bears_anything(garbage: list[bytes], source: random.Random) -> None:
    leg = MediaLeg("leg", "phone", OutgoingStream(1, 1, 1), LegTimeouts(), ReportExchange("name", 1e9))
    leg.configure(LegFormat(PCMU, 101), 0.0)
    leg.present = True
    for number, data in enumerate(garbage):
        good = bytearray(build_rtp(source.choice((0, 13, 101)), False, number, 160 * number, 5, data))
        good[source.randrange(len(good))] = source.randrange(256)
        leg.receive([data, bytes(good)], 0.02 * number)
        leg.pull(0.02 * number)
        leg.push(None)
        leg.report(0.02 * number)
    reception = leg.incoming.reception
    assert reception is not None
    assert reception.received + leg.incoming.discarded <= 2 * len(garbage)


@given(st.binary(max_size=400))
def test_any_bytes_as_rtcp_never_raise(data: bytes) -> None:
    assert len(parse_rtcp(data).lost) <= 64
    assert parse_rtcp(build_source_description(1, "name") + data).valid


def test_a_network_that_doubles_a_fifth_of_the_packets_is_not_heard() -> None:
    calls = VirtualCalls()
    calls.call("alice", tone(440, 5), PCMA)
    bob = calls.call("bob", tone(850, 5), PCMU)
    source = random.Random(5)
    held: list[bytes] = []

    def deliver(phone: VirtualPhone, packet: bytes) -> list[bytes]:
        arrived = [packet, *held]
        held.clear()
        if source.random() < 0.2:
            held.append(packet)
        return arrived

    calls.run(3.0, deliver)
    assert tone_level(bob.hearing(), 440) > 7000
    incoming_stream = calls.core.legs["alice"].incoming
    assert incoming_stream.playout is not None
    assert incoming_stream.playout.counts.concealed == 0
    assert incoming_stream.reception is not None
    assert incoming_stream.reception.lost == 0
