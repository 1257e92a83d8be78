"""One bridge as its heartbeat reports it. Pure values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class BridgeStatus:
    """One running bridge."""

    id: str
    state: str
    """`starting`, `ready` or `draining`."""
    version: str
    sip_address: str
    """Where it advertises itself, `192.0.2.10:5070`."""
    calls: int
    capacity: int
    """SIP calls that it takes at once."""
    started_at: datetime
    seen_at: datetime
