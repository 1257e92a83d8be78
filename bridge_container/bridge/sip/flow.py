"""Where a message came from and where its answer goes (RFC 5626 section 1: a flow)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Transport(StrEnum):
    """A SIP transport, as a Via header's value spells it in lower case."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"

    @property
    def reliable(self) -> bool:
        """Whether the transport retransmits by itself (RFC 3261 section 17)."""
        return self is not Transport.UDP


@dataclass(frozen=True, slots=True)
class Flow:
    """One path between us and a peer."""

    transport: Transport
    local_host: str
    local_port: int
    remote_host: str
    """An IPv4 or IPv6 address without brackets."""
    remote_port: int
    connection_id: int = 0
    """Names the connection for TCP and TLS; 0 for UDP."""
