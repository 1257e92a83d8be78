"""The record of one SIP call, from arrival to termination; kept for live and past calls. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from trunking.termination import Termination


@dataclass(frozen=True, slots=True)
class LadderStep:
    """One step of what happened: a message, a decision or a media event, in the operator's words."""

    at: datetime
    what: str
    """A fixed word such as `invite_received`, `challenged`, `routed`, `answered`, `ended`."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """Facts without secrets; a refusal has `expected` and `received`."""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A SIP call as `GET sip/calls` shows it. Rejected calls have a record too."""

    id: str
    application_id: str | None
    """None when no trunk could be found: such records belong to the deployment."""
    sip_call_id: str
    """The Call-ID header's value."""
    bridge_id: str
    source: str
    """The transport address that the INVITE came from, `udp:192.0.2.1:5060`."""
    called_number: str
    caller_number: str
    received_at: datetime
    trunk_id: str | None = None
    rule_id: str | None = None
    call_cid: str | None = None
    user_id: str | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    termination: Termination | None = None
    """None while the call lives."""
    sip_status: int | None = None
    """The final status of the INVITE."""
    codec: str | None = None
    quality: Mapping[str, float] = field(default_factory=dict)
    """packets_received, packets_lost, jitter_ms, round_trip_ms, mos, and so on."""
    dtmf_count: int = 0
    ladder: tuple[LadderStep, ...] = ()
