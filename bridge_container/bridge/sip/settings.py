"""What the composition root decides about an endpoint. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.sip.flow import Flow, Transport
from bridge.sip.parser import MessageLimits


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """How the endpoint shows itself and what it accepts."""

    advertised: Mapping[Transport, tuple[str, int]]
    """Host and port for Contact and Via, for each transport that is served: never the bind address by
    accident."""
    advertised_ipv6: Mapping[Transport, tuple[str, int]] = field(default_factory=dict)
    """The same for flows over IPv6; where it is empty, `advertised` serves both."""
    server: str = "Trunkline"
    """The Server and User-Agent headers' value."""
    contact_user: str = "trunkline"
    limits: MessageLimits = field(default_factory=MessageLimits)
    session_interval: int = 1800
    """Seconds between refreshes when the peer can refresh but names no interval (RFC 4028)."""
    minimum_session_interval: int = 90
    """Seconds; a shorter one is refused with 422. RFC 4028 section 5 allows no less than 90."""
    info_packages: frozenset[str] = frozenset({"application/dtmf-relay", "application/dtmf"})
    """Body types of INFO that are passed on; others get 415."""

    def advertised_address(self, flow: Flow) -> tuple[str, int]:
        """Host and port to show to a peer on `flow`."""
        if ":" in flow.remote_host and flow.transport in self.advertised_ipv6:
            return self.advertised_ipv6[flow.transport]
        return self.advertised[flow.transport]
