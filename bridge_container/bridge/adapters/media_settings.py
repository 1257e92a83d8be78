"""Settings of the media engine: addresses, ports, timeouts, effort. Can be pickled into a worker."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """How the engine is set up. The defaults are for one machine on loopback."""

    bind_host: str = "127.0.0.1"
    """Where RTP sockets listen: an IPv4 or IPv6 address."""
    advertised_host: str = "127.0.0.1"
    """The address that SDP names."""
    bind_host_ipv6: str = ""
    """Where RTP sockets listen for phones that ask for IPv6, when `bind_host` is of IPv4; empty: nowhere."""
    advertised_host_ipv6: str = ""
    """The address that SDP names for them; empty: `bind_host_ipv6`."""
    port_first: int = 0
    """First RTP port, even; 0 with `port_last` 0: any free port."""
    port_last: int = 0
    initial_timeout: float = 30.0
    """Seconds to wait for a phone's first packet."""
    running_timeout: float = 15.0
    """Seconds without a packet, not on hold, after which a phone's leg has failed."""
    workers: int = 0
    """Media worker processes; 0: the engine runs in the signalling process."""
    complexity: int = 5
    """Opus encoder effort, 0 to 10, when there is load to spare."""
    adapt_complexity: bool = True
    """Lower the effort before the worker becomes too busy."""
    load_limit: float = 0.85
    """Share of a core above which a worker takes no new legs."""
    max_speakers: int = 8
    """How many are mixed at once in a large room."""
    in_band_dtmf: bool = False
    """Also detect digits as tones in the audio, for phones without telephone-event."""

    def advertised_for(self, family: socket.AddressFamily) -> str:
        """The address in SDP of a socket of this family."""
        if family is socket.AF_INET6 and self.bind_host_ipv6:
            return self.advertised_host_ipv6 or self.bind_host_ipv6
        return self.advertised_host


@dataclass(frozen=True, slots=True)
class EngineLoad:
    """How a worker is doing, for placement, health and metrics."""

    busy: float
    """Share of its core, 0.0 to 1.0, smoothed."""
    legs: int
    rooms: int
    complexity: int
    late_ticks: int
    skipped_ticks: int
    full: bool
    """Whether new legs are refused."""
    webrtc_refused: Mapping[str, int] = field(default_factory=dict)
    """Datagrams of the WebRTC socket that were dropped, by reason, since it was opened."""
