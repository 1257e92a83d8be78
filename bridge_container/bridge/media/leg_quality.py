"""How well a leg sounds, each way, from what was counted and reported. Imports bridge.media."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.media.e_model import estimate
from bridge.media.media_leg import MediaLeg

_LOOKAHEAD = 0.0065
"""Seconds that Opus looks ahead in speech mode."""
_TICK = 0.005


@dataclass(frozen=True, slots=True)
class LegQuality:
    """Figures of one leg. `None` where nothing was measured yet."""

    loss: float
    """Share of the peer's audio that was lost, late or concealed on the way to us."""
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


def measure(leg: MediaLeg) -> LegQuality:
    """The figures so far."""
    reception = leg.incoming.reception
    playout = leg.incoming.playout
    leg_format = leg.format
    round_trip = leg.reports.round_trip if leg.reports is not None else None
    if reception is None or playout is None or leg_format is None or reception.expected == 0:
        return LegQuality(0.0, 0.0, _milliseconds(round_trip), 0.0, None, None, None, None)
    loss = max(reception.lost / reception.expected, playout.counts.concealed_ratio)
    name = leg_format.audio.name
    coding = leg_format.ptime / 1000 + (_LOOKAHEAD if name == "opus" else 0.0)
    network = (round_trip or 0.0) / 2
    peer_loss = leg.reports.peer_loss if leg.reports is not None else None
    peer_jitter = leg.reports.peer_jitter if leg.reports is not None else None
    jitter_back = None if peer_jitter is None else peer_jitter / leg_format.audio.clock_rate
    peer_mos = None
    if peer_loss is not None:
        # The peer's own buffer is not reported; twice its jitter is what a usual one holds.
        peer_mos = estimate(name, peer_loss, network + coding + _TICK + 2 * (jitter_back or 0.0))
    return LegQuality(
        loss=loss,
        jitter_ms=reception.jitter_ms,
        round_trip_ms=_milliseconds(round_trip),
        buffer_ms=1000 * playout.delay,
        mos=estimate(name, loss, network + coding + _TICK + playout.delay),
        peer_loss=peer_loss,
        peer_jitter_ms=_milliseconds(jitter_back),
        peer_mos=peer_mos,
    )


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds
