"""RTCP both ways, round trip, quality figures, timeouts; in virtual time."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.media.e_model import estimate, transmission_rating
from bridge.media.leg_quality import LegCounts, counted, measure
from bridge.media.media_core import FirstPacketCame, PeerWentSilent
from bridge.media.media_leg import LegFormat, LegTimeouts, MediaLeg
from bridge.media.outgoing_stream import OutgoingStream
from bridge.media.reception import Reception
from bridge.media.report_exchange import ReportExchange
from bridge.media.rtcp import (
    ReportBlock,
    SenderInfo,
    build_bye,
    build_nack,
    build_receiver_report,
    build_sender_report,
    parse_rtcp,
)
from bridge.media.rtp import build_rtp, is_rtcp
from tests.unit.media.virtual_phones import OPUS, PCMU, VirtualCalls, VirtualPhone, tone

EPOCH = 1_700_000_000.0
PAYLOAD = b"\xff" * 160


def leg(ssrc: int, cname: str) -> MediaLeg:
    made = MediaLeg(cname, "phone", OutgoingStream(ssrc, 1, 1), LegTimeouts(), ReportExchange(cname, EPOCH))
    made.configure(LegFormat(PCMU, 101), 0.0)
    return made


def test_two_ends_measure_round_trip_loss_and_jitter() -> None:
    ends = [leg(11, "one"), leg(22, "other")]
    delay = 0.040
    travelling: list[tuple[float, int, bytes]] = []
    for tick in range(8000):
        now = tick * 0.005
        for number, end in enumerate(ends):
            if tick % 4 == 0:
                end.outgoing.send_payload(PAYLOAD)
            if tick % 200 == 0:
                end.report(now)
            for place, data in enumerate(end.take_packets()):
                lost = number == 0 and not is_rtcp(data) and (tick // 4 + place) % 10 == 0
                if not lost:
                    travelling.append((now + delay, 1 - number, data))
        for entry in [entry for entry in travelling if entry[0] <= now]:
            travelling.remove(entry)
            ends[entry[1]].receive([entry[2]], now)
    first, second = measure(ends[0]), measure(ends[1])
    assert first.round_trip_ms == pytest.approx(80, abs=6)
    assert second.round_trip_ms == pytest.approx(80, abs=6)
    assert first.peer_loss == pytest.approx(0.1, abs=0.02)
    assert second.loss == pytest.approx(0.1, abs=0.01)
    assert first.loss == 0.0
    assert second.mos is not None
    assert first.mos is not None
    assert first.peer_mos is not None
    assert 2.5 < second.mos < 3.5 < 4.0 < first.mos
    assert first.peer_mos == pytest.approx(second.mos, abs=0.3)


def test_figures_of_an_interval_are_those_of_the_interval() -> None:
    end, other = leg(11, "one"), leg(22, "other")
    marks = [counted(end)]
    figures = []
    for tick in range(6000):
        now = tick * 0.005
        if tick % 4 == 0:
            other.outgoing.send_payload(PAYLOAD)
            end.pull(now)
        trouble = 2000 <= tick < 4000
        packets = [data for data in other.take_packets() if not trouble or tick // 4 % 5]
        end.receive(packets, now)
        if tick % 2000 == 1999:
            figures.append(measure(end, marks[-1]))
            marks.append(counted(end))
    assert [each.loss for each in figures] == pytest.approx([0.0, 0.2, 0.0], abs=0.01)
    assert [each.concealed_ratio for each in figures] == pytest.approx([0.0, 0.2, 0.0], abs=0.02)
    scores = [each.mos for each in figures]
    assert None not in scores
    assert min(scores[0] or 0.0, scores[2] or 0.0) > 4.2 > 3.0 > (scores[1] or 5.0)
    assert measure(end).loss == pytest.approx(0.2 / 3, abs=0.01)
    # Nothing has come since: nothing to judge.
    silent = measure(end, counted(end))
    assert (silent.loss, silent.concealed_ratio, silent.mos) == (0.0, 0.0, None)


def test_an_interval_across_a_change_of_codec_counts_from_the_change_on() -> None:
    before = LegCounts(500, 50, 80_000, 8000)
    after = LegCounts(100, 1, 96_000, 8160)
    assert after.since(before) == LegCounts(100, 1, 16_000, 160)
    # What was made up is taken back when nothing turns out to be missing, and a late packet is lost no more.
    assert LegCounts(510, 49, 80_000, 7000).since(before) == LegCounts(10, 0, 0, 0)


def test_what_the_phone_lost_is_told_of_late_and_of_the_whole_call() -> None:
    end = leg(11, "one")
    for _ in range(1000):
        end.outgoing.send_payload(PAYLOAD)
    end.receive([build_receiver_report(22, [ReportBlock(11, 128, 100, 1000, 80, 0, 0)])], 10.0)
    for second in range(11, 30):
        end.receive([build_receiver_report(22, [ReportBlock(11, 0, 100, 1000, 80, 0, 0)])], float(second))
    whole, lately = measure(end), measure(end, LegCounts(1))
    assert whole.peer_loss == pytest.approx(0.1)
    assert lately.peer_loss == pytest.approx(0.0, abs=0.001)
    assert whole.peer_jitter_ms == pytest.approx(10.0)
    assert whole.mos is None, "the phone has sent nothing"
    assert whole.peer_mos is not None
    assert lately.peer_mos is not None
    assert whole.peer_mos < lately.peer_mos
    # Duplicates can make the phone's count negative.
    end.receive([build_receiver_report(22, [ReportBlock(11, 0, -5, 1000, 80, 0, 0)])], 31.0)
    assert measure(end).peer_loss == 0.0


def test_a_receiver_that_sends_nothing_reports_too() -> None:
    end = leg(11, "one")
    assert end.reports is not None
    report = end.reports.report(end.outgoing, end.incoming.reception, 1.0)
    assert report[1] == 201
    end.outgoing.send_payload(PAYLOAD)
    assert end.reports.report(end.outgoing, end.incoming.reception, 2.0)[1] == 200
    assert parse_rtcp(end.reports.farewell(end.outgoing)).bye


def test_reports_come_every_five_seconds_or_so() -> None:
    exchange = ReportExchange("name", EPOCH)
    outgoing = OutgoingStream(1, 1, 1)
    times = []
    for tick in range(20_000):
        now = tick * 0.005
        if exchange.due(now):
            exchange.report(outgoing, None, now)
            times.append(now)
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert times[0] < 1.6
    assert all(2.4 < gap < 7.6 for gap in gaps)
    assert sum(gaps) / len(gaps) == pytest.approx(5.0, abs=1.0)


def test_a_lost_packet_that_is_asked_for_is_sent_again_while_it_is_kept() -> None:
    end = leg(11, "one")
    end.configure(LegFormat(OPUS, None, resend_lost=True), 0.0)
    for _ in range(100):
        end.outgoing.send_payload(b"opus")
    sent = end.take_packets()
    end.receive([build_nack(22, 11, [98, 100, 3])], 1.0)
    assert end.take_packets() == [sent[97], sent[99]]


def test_reported_loss_turns_on_redundancy() -> None:
    end = leg(11, "one")
    end.configure(LegFormat(OPUS), 0.0)
    plain = len(_encoded(end))
    block = ReportBlock(11, 26, 100, 100, 0, 0, 0)
    for second in range(30):
        end.receive([build_receiver_report(22, [block])], float(second))
        end.report(float(second))
    end.take_packets()
    redundant = _encoded(end)
    assert len(redundant) > 1.1 * plain or end.outgoing.sent == 0


def _encoded(end: MediaLeg) -> bytes:
    voice = tone(200, 0.02) + tone(400, 0.02)
    for _ in range(25):
        end.push(voice)
    return b"".join(packet[12:] for packet in end.take_packets())


@given(
    st.lists(
        st.builds(
            ReportBlock,
            st.integers(0, 2**32 - 1),
            st.integers(0, 255),
            st.integers(-(2**23), 2**23 - 1),
            st.integers(0, 2**32 - 1),
            st.integers(0, 2**32 - 1),
            st.integers(0, 2**32 - 1),
            st.integers(0, 2**32 - 1),
        ),
        max_size=31,
    )
)
def test_reports_are_read_as_they_were_written(blocks: list[ReportBlock]) -> None:
    info = SenderInfo(7, 2**63 + 5, 6, 7, 8)
    reports = parse_rtcp(build_sender_report(info, blocks) + build_receiver_report(7, blocks) + build_bye(7))
    assert reports.sender == info
    assert reports.blocks == blocks + blocks
    assert reports.bye


@given(st.sets(st.integers(0, 65535), max_size=30))
def test_nacks_are_read_as_they_were_written(lost: set[int]) -> None:
    assert parse_rtcp(build_nack(1, 2, sorted(lost))).lost == sorted(lost)


def test_jitter_follows_the_rfc() -> None:
    reception = Reception(8000)
    reception.begin(1, 0)
    for number in range(500):
        reception.count(number, 160 * number, 0.02 * number + (0.010 if number % 2 else 0.0))
    assert reception.jitter_ms == pytest.approx(10.0, abs=0.2)


def test_the_e_model_at_known_points() -> None:
    assert transmission_rating("PCMU", 0.0, 0.0) == pytest.approx(93.2)
    assert estimate("PCMU", 0.0, 0.020) == pytest.approx(4.40, abs=0.02)
    # Id = 0.024 * 300 + 0.11 * (300 - 177.3) = 20.7
    assert transmission_rating("PCMU", 0.0, 0.300) == pytest.approx(93.2 - 20.7, abs=0.01)
    # G.113: G.711 with concealment at 2 % random loss has an effective impairment of about 7.
    assert 93.2 - transmission_rating("PCMU", 0.02, 0.0) == pytest.approx(7.0, abs=0.2)
    assert estimate("opus", 1.0, 5.0) == 1.0
    scores = [estimate("PCMU", loss / 100, 0.05) for loss in range(30)]
    assert scores == sorted(scores, reverse=True)


SILENT = tone(440, 0)


def test_a_phone_that_never_speaks_fails_after_the_initial_timeout() -> None:
    calls = VirtualCalls()
    calls.call("alice", SILENT)
    calls.run(29.0)
    assert calls.events == []
    calls.run(3.0)
    assert calls.events == [PeerWentSilent("alice")]


def test_a_phone_that_falls_silent_fails_after_the_running_timeout() -> None:
    calls = VirtualCalls()
    phone = calls.call("alice", tone(440, 5))
    calls.run(2.0)
    assert calls.events == [FirstPacketCame("alice")]
    phone.speech = SILENT
    calls.run(14.0)
    assert calls.events == [FirstPacketCame("alice")]
    calls.run(3.0)
    assert calls.events == [FirstPacketCame("alice"), PeerWentSilent("alice")]


def test_hold_stops_the_clock_and_resuming_starts_it_anew() -> None:
    calls = VirtualCalls()
    phone = calls.call("alice", tone(440, 5))
    calls.run(2.0)
    phone.speech = SILENT
    phone.leg.configure(LegFormat(PCMU, 101, receive=False), calls.now)
    calls.run(120.0)
    assert calls.events == [FirstPacketCame("alice")]
    phone.leg.configure(LegFormat(PCMU, 101), calls.now)
    calls.run(14.0)
    assert calls.events == [FirstPacketCame("alice")]
    calls.run(3.0)
    assert calls.events == [FirstPacketCame("alice"), PeerWentSilent("alice")]


def test_comfort_noise_keeps_a_call_alive() -> None:
    calls = VirtualCalls()
    calls.call("alice", tone(440, 5))
    calls.run(1.0)
    count = 0

    def deliver(phone: VirtualPhone, packet: bytes) -> list[bytes]:
        nonlocal count
        count += 1
        if count % 50:
            phone.sequence_number -= 1
            return []
        return [build_rtp(13, False, phone.sequence_number - 1, phone.timestamp, phone.ssrc, b"\x40")]

    calls.run(60.0, deliver)
    assert calls.events == [FirstPacketCame("alice")]
