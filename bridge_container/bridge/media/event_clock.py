"""In which clock a peer counts the durations of its telephone-events. Imports nothing of ours.

RFC 4733 section 2.1 gives events the clock of the audio beside them. Some phones offer telephone-event at
8000 Hz alone, beside Opus at 48000: most of them then count in 8000, as they say, others in 48000, as they
should. Only their packets tell, by how far a duration grows from one to the next.
"""

from __future__ import annotations

import math

_SHORTEST_SPACING = 0.005
_LONGEST_SPACING = 0.055
"""Seconds of an event for each packet of the stream: 50 ms at most as a rule (RFC 4733 section 2.5.1.2). Some
phones go on with their audio in between, which halves it: 20 ms in six times the clock then look like 60."""
_INSTANT = 0.001


class EventClock:
    """What was declared, until a peer's packets show that it counts as its audio does."""

    __slots__ = ("audio", "declared", "rate")

    def __init__(self, declared: int, audio: int) -> None:
        self.declared = declared
        """Hz of telephone-event, as in rtpmap."""
        self.audio = audio
        """Hz of the codec."""
        self.rate = declared
        """Hz in which durations count."""

    def learn(self, growth: int, packets: int, elapsed: float) -> None:
        """A duration grew by so many ticks over so many packets, which came within `elapsed` seconds.

        Spacing bears jitter and loss, arrival bears senders of few packets: both have to speak against the
        declared clock.
        """
        if self.declared == self.audio or growth <= 0 or packets <= 0:
            return
        spacing = growth / packets / self.declared
        impossible = not _SHORTEST_SPACING <= spacing <= _LONGEST_SPACING
        came = math.log(max(elapsed, _INSTANT) / growth)
        nearer = abs(came + math.log(self.audio)) < abs(came + math.log(self.declared))
        self.rate = self.audio if impossible and nearer else self.declared
