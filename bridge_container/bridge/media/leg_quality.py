"""How well a leg sounds, each way, from what was counted and reported. Imports bridge.media."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.media.e_model import estimate
from bridge.media.media_leg import MediaLeg

_LOOKAHEAD = 0.0065
"""Seconds that Opus looks ahead in speech mode."""
_TICK = 0.005


@dataclass(frozen=True, slots=True)
class LegCounts:
    """What a leg had counted at one moment; figures are of the time between two of them."""

    expected: int = 0
    """Packets."""
    lost: int = 0
    heard: int = 0
    """Samples, made up or not."""
    concealed: int = 0

    def since(self, earlier: LegCounts) -> LegCounts:
        """What came to it. Counts may go back: a packet turns up after all, another codec counts anew."""
        anew = self.expected < earlier.expected
        return LegCounts(
            self.expected - (0 if anew else earlier.expected),
            max(self.lost - (0 if anew else earlier.lost), 0),
            max(self.heard - earlier.heard, 0),
            max(self.concealed - earlier.concealed, 0),
        )

    @property
    def loss(self) -> float:
        """Share of the packets that did not come."""
        return self.lost / self.expected if self.expected else 0.0

    @property
    def concealed_ratio(self) -> float:
        """Share of what was heard that had to be made up."""
        return min(self.concealed / self.heard, 1.0) if self.heard else 0.0


BEGINNING = LegCounts()


@dataclass(frozen=True, slots=True)
class LegQuality:
    """Figures of one leg. `None` where nothing was measured yet."""

    loss: float
    """Share of the peer's packets that were lost on the way to us."""
    concealed_ratio: float
    """Share of the peer's audio that was made up: lost, or too late to be heard."""
    jitter_ms: float
    round_trip_ms: float | None
    buffer_ms: float
    """How long packets wait here to even out jitter."""
    mos: float | None
    """Of what the room hears of this peer."""
    peer_loss: float | None
    """Share of our packets that the peer reports as lost."""
    peer_jitter_ms: float | None
    peer_mos: float | None
    """Of what this peer hears, as far as its reports tell."""


def counted(leg: MediaLeg) -> LegCounts:
    """What the leg has counted until now."""
    reception, playout = leg.incoming.reception, leg.incoming.playout
    if reception is None or playout is None:
        return BEGINNING
    counts = playout.counts
    heard = counts.played + counts.recovered + counts.concealed
    return LegCounts(reception.expected, reception.lost, heard, counts.concealed)


def measure(leg: MediaLeg, since: LegCounts = BEGINNING) -> LegQuality:
    """The figures since then; jitter, round trip and what the peer reports are of the last seconds anyway.

    From the beginning on, the peer's loss is that of the whole call too.
    """
    leg_format, reports, playout = leg.format, leg.reports, leg.incoming.playout
    reception = leg.incoming.reception
    round_trip = reports.round_trip if reports is not None else None
    if leg_format is None or reception is None or playout is None:
        return LegQuality(0.0, 0.0, 0.0, _milliseconds(round_trip), 0.0, None, None, None, None)
    interval = counted(leg).since(since)
    name = leg_format.audio.name
    coding = leg_format.ptime / 1000 + (_LOOKAHEAD if name == "opus" else 0.0)
    delay = (round_trip or 0.0) / 2 + coding + _TICK
    mos = None
    if interval.expected:
        mos = estimate(name, max(interval.loss, interval.concealed_ratio), delay + playout.delay)
    peer_loss = peer_jitter = peer_mos = None
    if reports is not None and reports.peer_loss is not None:
        peer_loss = reports.peer_loss_overall if since is BEGINNING else reports.peer_loss
        peer_jitter = (reports.peer_jitter or 0) / leg_format.audio.clock_rate
        # The peer's own buffer is not reported; twice its jitter is what a usual one holds.
        peer_mos = estimate(name, peer_loss, delay + 2 * peer_jitter)
    return LegQuality(
        loss=interval.loss,
        concealed_ratio=interval.concealed_ratio,
        jitter_ms=reception.jitter_ms,
        round_trip_ms=_milliseconds(round_trip),
        buffer_ms=1000 * playout.delay,
        mos=mos,
        peer_loss=peer_loss,
        peer_jitter_ms=_milliseconds(peer_jitter),
        peer_mos=peer_mos,
    )


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds
