"""One SIP call while it lives: its state, its ladder, its record. Holds facts; call control decides."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bridge.calls.call_platform import CallParticipant
from bridge.calls.call_state import CallState, Trigger, next_state
from bridge.calls.media_engine import LegStatistics
from bridge.sip.negotiated_media import NegotiatedMedia
from trunking.call import CallIdentity
from trunking.call_record import CallRecord, LadderStep
from trunking.routing import InboundCall, Route
from trunking.termination import Termination

LADDER_LENGTH = 100
"""Steps kept of one call: a peer that re-offers for hours fills no table."""


@dataclass(slots=True)
class SipCall:
    """A SIP call from its admission to its one termination."""

    handle: str
    """The endpoint's name of the dialog."""
    record: CallRecord
    source: str
    """The peer's address, which holds the place in admission."""
    began: float
    """Monotonic seconds of the INVITE."""
    route: Route
    inbound: InboundCall
    offer: bytes | None
    state: CallState = CallState.RECEIVED
    answered: bool = False
    """The 200 is sent: the call ends with BYE."""
    call: CallIdentity | None = None
    participant: CallParticipant | None = None
    media: NegotiatedMedia | None = None
    leg_open: bool = False
    setup: asyncio.Task[None] | None = None
    timers: dict[str, asyncio.TimerHandle] = field(default_factory=dict)
    events_emitted: int = 0
    dtmf_count: int = 0
    digit_order: asyncio.Lock = field(default_factory=asyncio.Lock)
    ladder: list[LadderStep] = field(default_factory=list)

    @property
    def leg_id(self) -> str:
        """The media leg's name: the call's own id."""
        return self.record.id

    @property
    def alive(self) -> bool:
        """Whether the call has no termination yet."""
        return self.state is not CallState.ENDED

    def advance(self, trigger: Trigger) -> bool:
        """Go where the table says; False, and nothing changes, when it does not allow the trigger."""
        state = next_state(self.state, trigger)
        if state is None:
            return False
        self.state = state
        return True

    def step(self, at: datetime, what: str, **detail: Any) -> None:
        """Add a step to the ladder."""
        if len(self.ladder) < LADDER_LENGTH:
            self.ladder.append(LadderStep(at, what, detail))

    def snapshot(self) -> CallRecord:
        """The record as it stands, with its ladder."""
        return replace(self.record, ladder=tuple(self.ladder))

    def finish(
        self, at: datetime, termination: Termination, status: int | None, figures: LegStatistics
    ) -> None:
        """Close the record."""
        self.record = replace(
            self.record,
            ended_at=at,
            termination=termination,
            sip_status=status,
            quality=quality_of(figures),
            dtmf_count=self.dtmf_count,
        )


def call_subject(record: CallRecord) -> dict[str, Any]:
    """A call as its events show it: no secret, no digit."""
    return {
        "id": record.id,
        "sip_call_id": record.sip_call_id,
        "bridge_id": record.bridge_id,
        "trunk_id": record.trunk_id,
        "rule_id": record.rule_id,
        "call_cid": record.call_cid,
        "user_id": record.user_id,
        "called_number": record.called_number,
        "caller_number": record.caller_number,
        "source": record.source,
    }


def quality_of(figures: LegStatistics) -> dict[str, float]:
    """A leg's figures as the record keeps them; what was not measured is left out."""
    measured: dict[str, float | None] = {
        "packets_received": figures.packets_received,
        "packets_sent": figures.packets_sent,
        "packets_lost": figures.packets_lost,
        "packets_discarded": figures.packets_discarded,
        "loss_ratio": figures.loss_ratio,
        "jitter_ms": figures.jitter_ms,
        "round_trip_ms": figures.round_trip_ms,
        "concealed_ratio": figures.concealed_ratio,
        "mos": figures.mos,
        "peer_loss_ratio": figures.peer_loss_ratio,
        "peer_jitter_ms": figures.peer_jitter_ms,
        "peer_mos": figures.peer_mos,
    }
    return {name: float(value) for name, value in measured.items() if value is not None}
