"""What one incoming stream lost and how it jittered (RFC 3550 appendices A.1, A.3, A.8).

Follows one synchronisation source; a new one is believed after two packets in sequence, so that a stray
packet cannot restart the statistics. The clock is the caller's. Imports bridge.media.
"""

from __future__ import annotations

from bridge.media.rtp import unwrap

_MAX_DROPOUT = 3000
"""A larger step ahead is a restart, not loss (RFC 3550 appendix A.1)."""
_MAX_MISORDER = 100


class Reception:
    """Counts for one leg, over all the sources that it had."""

    __slots__ = (
        "_base",
        "_candidate",
        "_clock_rate",
        "_expected_before",
        "_interval_expected",
        "_interval_received",
        "_jitter",
        "_received_here",
        "_transit",
        "highest",
        "received",
        "source",
    )

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self.source: int | None = None
        """SSRC that is followed now."""
        self.highest = 0
        """Highest extended sequence number."""
        self.received = 0
        """Packets of all sources, duplicates not counted."""
        self._base = 0
        self._received_here = 0
        self._expected_before = 0
        self._candidate: tuple[int, int] | None = None
        self._jitter = 0.0
        self._transit: float | None = None
        self._interval_expected = 0
        self._interval_received = 0

    def begin(self, ssrc: int, sequence_number: int) -> None:
        """Follow a source from this packet on."""
        self._expected_before = self.expected
        self.source = ssrc
        self._base = self.highest = sequence_number
        self._received_here = 0
        self._transit = None
        self._candidate = None

    def believes(self, ssrc: int, sequence_number: int) -> bool:
        """Whether a packet of a source that is not followed is the second one in sequence."""
        if self._candidate == (ssrc, sequence_number):
            return True
        self._candidate = (ssrc, (sequence_number + 1) & 0xFFFF)
        return False

    def extend(self, sequence_number: int) -> int | None:
        """The extended sequence number; None for a jump that is not yet confirmed by a second packet."""
        extended = unwrap(sequence_number, self.highest, 16)
        if -_MAX_MISORDER < extended - self.highest < _MAX_DROPOUT:
            return extended
        if self.source is not None and self.believes(self.source, sequence_number):
            self.begin(self.source, sequence_number)
            return sequence_number
        return None

    def count(self, extended: int, timestamp: int | None, arrival: float) -> None:
        """Count a packet of the followed source. `arrival` is in seconds.

        `timestamp` is None for an event's packets: they repeat their begin and say nothing about jitter.
        """
        self.received += 1
        self._received_here += 1
        self.highest = max(self.highest, extended)
        if timestamp is None:
            return
        transit = arrival * self._clock_rate - timestamp
        if self._transit is not None:
            difference = abs(transit - self._transit)
            if difference < self._clock_rate:  # a timestamp jump is not jitter
                self._jitter += (difference - self._jitter) / 16
        self._transit = transit

    @property
    def expected(self) -> int:
        """Packets that should have come so far."""
        if self.source is None:
            return 0
        return self._expected_before + self.highest - self._base + 1

    @property
    def lost(self) -> int:
        """Packets lost so far; never negative."""
        return max(self.expected - self.received, 0)

    @property
    def jitter(self) -> int:
        """Interarrival jitter in timestamp units."""
        return int(self._jitter)

    @property
    def jitter_ms(self) -> float:
        """Interarrival jitter in milliseconds."""
        return 1000.0 * self._jitter / self._clock_rate

    def fraction_lost(self) -> int:
        """Share lost since the last call, in 1/256 (RFC 3550 section 6.4.1)."""
        expected = self.expected - self._interval_expected
        received = self.received - self._interval_received
        self._interval_expected = self.expected
        self._interval_received = self.received
        if expected <= 0 or received >= expected:
            return 0
        return ((expected - received) << 8) // expected
