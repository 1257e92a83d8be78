"""One leg's RTCP: when to report, what to say, what the peer's reports tell (RFC 3550 sections 6.2 to 6.4).

From the peer's reports come the round trip, and what was lost and jittered on the way to the peer. The
clock is the caller's: `now` in its own seconds, and how far wall-clock time is ahead of it. Imports
bridge.media.
"""

from __future__ import annotations

import random

from bridge.media.outgoing_stream import OutgoingStream
from bridge.media.reception import Reception
from bridge.media.rtcp import (
    ReportBlock,
    SenderInfo,
    build_bye,
    build_receiver_report,
    build_sender_report,
    build_source_description,
    parse_rtcp,
)

INTERVAL = 5.0
"""Mean seconds between two reports; the actual wait is 0.5 to 1.5 of it (RFC 3550 section 6.2)."""
_NTP_EPOCH = 2_208_988_800
"""Seconds from 1900 to 1970."""
_LONGEST_ROUND_TRIP = 10.0
_RECENT = 0.3
"""Weight of a new report in the peer's loss, against all before."""


class ReportExchange:
    """Reports of one leg, both ways."""

    def __init__(self, cname: str, wall_clock_offset: float) -> None:
        self._cname = cname
        self._wall_clock_offset = wall_clock_offset
        self._random = random.Random(cname)  # noqa: S311 - spreads reports in time, protects nothing
        self._next: float | None = None
        self._sent_before = 0
        self._last_sender_report = 0
        self._last_sender_report_came = 0.0
        self._peer_lost: float | None = None
        self.peer_loss_overall = 0.0
        """Share of all our packets that the peer has lost so far."""
        self.round_trip: float | None = None
        """Seconds, smoothed."""
        self.peer_jitter: int | None = None
        """On the way to the peer, in timestamp units."""
        self.received = 0
        """Compound packets from the peer."""

    @property
    def peer_loss(self) -> float | None:
        """Share of our packets that the peer lost lately; None before its first report."""
        return self._peer_lost

    def receive(self, data: bytes, outgoing: OutgoingStream, now: float) -> bool:
        """Take a compound packet; False when nothing in it could be read."""
        reports = parse_rtcp(data)
        if not reports.valid:
            return False
        self.received += 1
        if reports.sender is not None:
            self._last_sender_report = reports.sender.ntp >> 16 & 0xFFFFFFFF
            self._last_sender_report_came = now
        for block in reports.blocks:
            if block.ssrc == outgoing.ssrc:
                self._learn(block, outgoing, now)
        for sequence_number in reports.lost:
            outgoing.resend(sequence_number)
        return True

    def _learn(self, block: ReportBlock, outgoing: OutgoingStream, now: float) -> None:
        lost = block.fraction_lost / 256
        before = self._peer_lost
        self._peer_lost = lost if before is None else before + _RECENT * (lost - before)
        # RFC 3550 section 6.4.1: duplicates make the cumulative number negative.
        self.peer_loss_overall = min(max(block.packets_lost, 0) / max(outgoing.sent, 1), 1.0)
        self.peer_jitter = block.jitter
        if block.last_sender_report == 0:
            return
        middle = self._ntp(now) >> 16 & 0xFFFFFFFF
        ticks = (middle - block.last_sender_report - block.delay_since) & 0xFFFFFFFF
        seconds = ticks / 65536
        if seconds < _LONGEST_ROUND_TRIP:  # clocks of peers are not to be believed blindly
            smoothed = self.round_trip
            self.round_trip = seconds if smoothed is None else smoothed + (seconds - smoothed) / 4

    def due(self, now: float) -> bool:
        """Whether it is time to report; the first report comes soon, so that the peer can measure."""
        if self._next is None:
            self._next = now + self._random.uniform(0.5, 1.5)
        return now >= self._next

    def report(self, outgoing: OutgoingStream, reception: Reception | None, now: float) -> bytes:
        """A compound packet: SR while we send, else RR, and the canonical name."""
        self._next = now + INTERVAL * self._random.uniform(0.5, 1.5)
        blocks = []
        if reception is not None and reception.source is not None:
            blocks.append(self._block(reception, now))
        if outgoing.sent != self._sent_before:
            self._sent_before = outgoing.sent
            info = SenderInfo(
                outgoing.ssrc, self._ntp(now), outgoing.timestamp, outgoing.sent, outgoing.octets
            )
            first = build_sender_report(info, blocks)
        else:
            first = build_receiver_report(outgoing.ssrc, blocks)
        return first + build_source_description(outgoing.ssrc, self._cname)

    def farewell(self, outgoing: OutgoingStream) -> bytes:
        """The last compound packet: we leave."""
        return (
            build_receiver_report(outgoing.ssrc, [])
            + build_source_description(outgoing.ssrc, self._cname)
            + build_bye(outgoing.ssrc)
        )

    def _block(self, reception: Reception, now: float) -> ReportBlock:
        delay = now - self._last_sender_report_came if self._last_sender_report else 0.0
        return ReportBlock(
            ssrc=reception.source or 0,
            fraction_lost=reception.fraction_lost(),
            packets_lost=reception.lost,
            highest_sequence_number=reception.highest,
            jitter=reception.jitter,
            last_sender_report=self._last_sender_report,
            delay_since=round(delay * 65536),
        )

    def _ntp(self, now: float) -> int:
        return round((now + self._wall_clock_offset + _NTP_EPOCH) * 2**32)
