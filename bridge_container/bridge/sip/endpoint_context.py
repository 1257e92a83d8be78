"""What the parts of one endpoint share: settings, randomness, timers, and what waits to be taken by the
adapter."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass

from bridge.sip.events import RequestRefused, SipEvent
from bridge.sip.flow import Flow
from bridge.sip.grammar import clean_text
from bridge.sip.settings import EndpointSettings
from bridge.sip.timers import Timers


@dataclass(frozen=True, slots=True)
class Transmission:
    """Bytes to send."""

    flow: Flow
    """Where to; a TCP or TLS flow with connection 0 asks for a new connection to its remote address."""
    data: bytes
    close: bool = False
    """Close the connection behind these bytes."""


class EndpointContext:
    """Shared by an endpoint's parts; each of them reads its clock from the caller."""

    __slots__ = ("entropy", "events", "settings", "timers", "transmissions")

    def __init__(self, settings: EndpointSettings, entropy: Callable[[int], bytes]) -> None:
        self.settings = settings
        self.entropy = entropy
        self.timers = Timers()
        self.transmissions: list[Transmission] = []
        self.events: list[SipEvent] = []

    def transmit(self, flow: Flow, data: bytes, close: bool = False) -> None:
        """Queue bytes for the adapter."""
        self.transmissions.append(Transmission(flow, data, close))

    def emit(self, event: SipEvent) -> None:
        """Queue an event for the user."""
        self.events.append(event)

    def refuse(self, flow: Flow, method: str, status: int, why: str, detail: str) -> None:
        """Tell the user of a refusal or drop; what the peer sent is made printable and short."""
        self.events.append(
            RequestRefused(flow, clean_text(method)[:32], status, why, clean_text(detail)[:200])
        )

    def token(self) -> str:
        """96 random bits as a SIP token: tags and branches (RFC 3261 section 19.3 asks for 32)."""
        return urlsafe_b64encode(self.entropy(12)).decode("ascii")
