"""Which source a phone leg believes: the signalled one, one behind NAT, and never a stranger later on."""

from __future__ import annotations

from bridge.media.rtp import build_rtp
from bridge.media.source_latch import LEARNING_WINDOW, SourceLatch

SIGNALLED = ("192.0.2.1", 4000)
BEHIND_NAT = ("198.51.100.7", 61000)
STRANGER = ("203.0.113.9", 5000)


def packet(number: int, ssrc: int = 1, payload_type: int = 0) -> bytes:
    return build_rtp(payload_type, False, number, 160 * number, ssrc, b"\xff" * 160)


def latch() -> SourceLatch:
    made = SourceLatch()
    made.expect(SIGNALLED, {0, 101})
    return made


def test_the_signalled_source_is_believed_at_once() -> None:
    made = latch()
    assert made.accepts(SIGNALLED, packet(1), 0.0)
    assert made.source == made.remote == SIGNALLED


def test_before_any_packet_we_send_to_the_signalled_address() -> None:
    assert latch().remote == SIGNALLED


def test_a_caller_behind_nat_is_believed_after_two_packets_in_sequence() -> None:
    made = latch()
    assert not made.accepts(BEHIND_NAT, packet(1), 0.0)
    assert made.remote == SIGNALLED
    assert made.accepts(BEHIND_NAT, packet(2), 0.02)
    assert made.remote == BEHIND_NAT
    assert made.strangers == 1


def test_what_does_not_look_right_is_not_learned_from() -> None:
    made = latch()
    assert not made.accepts(SIGNALLED, packet(1, payload_type=18), 0.0)
    assert not made.accepts(SIGNALLED, b"\x00" * 20, 0.0)
    assert not made.accepts(BEHIND_NAT, packet(1), 0.0)
    assert not made.accepts(BEHIND_NAT, packet(9), 0.02)
    assert not made.accepts(BEHIND_NAT, packet(10, ssrc=2), 0.04)
    assert made.source is None


def test_a_stranger_is_refused_while_the_caller_speaks() -> None:
    made = latch()
    for number in range(200):
        now = 0.02 * number
        assert made.accepts(SIGNALLED, packet(number), now)
        assert not made.accepts(STRANGER, packet(number, ssrc=9), now)
    assert made.strangers == 200
    assert made.remote == SIGNALLED


def test_a_stranger_is_refused_after_the_window_even_when_the_caller_is_silent() -> None:
    made = latch()
    made.accepts(SIGNALLED, packet(1), 0.0)
    for number in range(50):
        assert not made.accepts(STRANGER, packet(number), LEARNING_WINDOW + 10 + 0.02 * number)


def test_the_signalled_source_takes_over_within_the_window_only() -> None:
    for now, taken in ((LEARNING_WINDOW - 0.1, True), (LEARNING_WINDOW + 0.1, False)):
        made = latch()
        made.accepts(STRANGER, packet(1), 0.0)
        made.accepts(STRANGER, packet(2), 0.0)
        assert made.accepts(SIGNALLED, packet(1), now) is taken
        assert made.remote == (SIGNALLED if taken else STRANGER)
        assert not made.accepts(STRANGER, packet(3), now) or not taken


def test_a_new_offer_opens_the_window_again_and_a_refresh_does_not() -> None:
    made = latch()
    made.accepts(SIGNALLED, packet(1), 0.0)
    made.expect(SIGNALLED, {0})
    assert made.source == SIGNALLED
    elsewhere = ("192.0.2.1", 4444)
    made.expect(elsewhere, {0})
    assert made.remote == elsewhere
    assert made.accepts(elsewhere, packet(5), 60.0)
    assert not made.accepts(SIGNALLED, packet(6), 60.1)


def test_a_port_that_is_not_signalled_is_learned() -> None:
    made = SourceLatch()
    made.expect(None, {0})
    assert made.remote is None
    made.accepts(BEHIND_NAT, packet(1), 0.0)
    assert made.accepts(BEHIND_NAT, packet(2), 0.02)
    assert made.remote == BEHIND_NAT
