"""The one UDP socket of a worker's WebRTC peers: read in the tick, shared out by address and ICE fragment.

STUN goes to the peer whose fragment it names; DTLS and SRTP go to the peer that proved the source address by
such a check, and to nobody else (RFC 7983 tells the three apart). What a stranger sends is counted and
dropped without an answer. It knows nothing of audio. Implements `webrtc_port.WebRtcPeerFactory`.
"""

from __future__ import annotations

import ipaddress
import socket
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bridge.adapters.webrtc_dtls import DtlsIdentity
from bridge.adapters.webrtc_ice import Address
from bridge.adapters.webrtc_peer import WebRtcConnection
from bridge.adapters.webrtc_stun import StunError, parse_binding_request
from bridge.calls.media_engine import MediaError

_READS = 2048
"""Datagrams read in one tick at most, so that a flood cannot hold the tick."""
_CHECKS = 128
"""STUN messages handled in one tick: each costs 20 us, and anybody can send them."""
_HANDSHAKES = 4
"""DTLS datagrams handled in one tick: each may cost a millisecond of elliptic-curve work."""
_HANDSHAKES_WAITING = 32
"""DTLS datagrams of one peer that may wait; a handshake has at most a dozen in flight."""
_TIMER_INTERVAL = 0.1
_BUFFER = 4 * 1024 * 1024
_LONGEST = 2048


@dataclass(frozen=True, slots=True)
class WebRtcSettings:
    """How the socket is opened and how long peers may be silent."""

    bind_host: str = "127.0.0.1"
    advertised_hosts: tuple[str, ...] = ("127.0.0.1",)
    """Addresses that peers are told, preferred first; names are not resolved."""
    port_first: int = 0
    """The first free UDP port from here to `port_last` is taken; 0 and 0 for any."""
    port_last: int = 0
    consent_timeout: float = 15.0
    """Seconds without a sign of the peer until it has left; browsers check every 2 to 5 s (RFC 7675)."""
    connect_timeout: float = 20.0
    """Seconds from the answer until ICE and DTLS must be up."""
    maximum_playback_rate: int | None = None
    """Hz that peers' Opus encoders are asked to keep to; None for all they can."""

    def __post_init__(self) -> None:
        if not self.advertised_hosts:
            raise ValueError("advertised_hosts needs at least one address")
        for host in self.advertised_hosts:
            try:
                ipaddress.ip_address(host)
            except ValueError:
                raise ValueError(f"browsers can be told IP addresses only, not {host!r}") from None


@dataclass(slots=True)
class SocketCounters:
    """What the socket saw, for metrics."""

    received: int = 0
    sent: int = 0
    unsent: int = 0
    """Could not be written: the socket's buffer was full or there is no route."""
    malformed: int = 0
    """Neither STUN, DTLS nor SRTP, or not well-formed."""
    unknown: int = 0
    """Of an address or a fragment that is no peer's, or not authentic."""
    overloaded: int = 0
    """STUN or DTLS beyond what one tick handles; peers send it again."""


class WebRtcSocket:
    """Builds peers and carries their datagrams. Opens with the first peer; picklable until then."""

    def __init__(self, settings: WebRtcSettings | None = None) -> None:
        self.settings = settings or WebRtcSettings()
        self.counters = SocketCounters()
        self.hosts = self.settings.advertised_hosts
        self._socket: socket.socket | None = None
        self._identity: DtlsIdentity | None = None
        self._by_fragment: dict[str, WebRtcConnection] = {}
        self._by_address: dict[Address, WebRtcConnection] = {}
        self._handshakes: deque[tuple[WebRtcConnection, bytes]] = deque()
        self._began: dict[WebRtcConnection, float] = {}
        self._timers_at = 0.0
        self._checks_left = 0
        self._heard: set[WebRtcConnection] = set()

    def __reduce__(self) -> tuple[type[WebRtcSocket], tuple[WebRtcSettings]]:
        if self._socket is not None:
            raise TypeError("an open WebRtcSocket cannot be pickled")
        return type(self), (self.settings,)

    def __call__(self, *, connected: Callable[[], None], ended: Callable[[str], None]) -> WebRtcConnection:
        """A new peer, unknown to the network until it has answered an offer."""
        if self._socket is None:
            self._socket = self._open()
        peer = WebRtcConnection(
            self,
            connected=connected,
            ended=ended,
            maximum_playback_rate=self.settings.maximum_playback_rate,
        )
        self._by_fragment[peer.ice.fragment] = peer
        return peer

    @property
    def port(self) -> int:
        """The UDP port that is open; 0 before the first peer."""
        return int(self._socket.getsockname()[1]) if self._socket is not None else 0

    @property
    def identity(self) -> DtlsIdentity:
        """The certificate of all this socket's peers, made when first needed."""
        if self._identity is None:
            self._identity = DtlsIdentity()
        return self._identity

    @property
    def peers(self) -> int:
        """How many peers are open."""
        return len(self._by_fragment)

    def receive(self, now: float) -> None:
        """Read the socket dry, then handle some DTLS and what is due."""
        if self._socket is None:
            return
        self._checks_left = _CHECKS
        read, by_address = self._socket.recvfrom, self._by_address
        for _ in range(_READS):
            try:
                datagram, address = read(_LONGEST)
            except BlockingIOError:
                break
            except OSError:
                # An ICMP error of an earlier datagram; its peer will fall silent and end by itself.
                continue
            self.counters.received += 1
            peer = by_address.get(address)
            if peer is not None and datagram and 128 <= datagram[0] <= 191:
                peer.receive_media(datagram)
                self._heard.add(peer)
            else:
                self._receive_control(datagram, address, peer, now)
        for _ in range(min(_HANDSHAKES, len(self._handshakes))):
            waiting, datagram = self._handshakes.popleft()
            waiting.handshakes_waiting -= 1
            waiting.receive_handshake(datagram)
        if now >= self._timers_at:
            self._timers_at = now + _TIMER_INTERVAL
            self._handle_timers(now)

    def send(self, datagram: bytes, address: Address) -> bool:
        """Write one datagram now."""
        if self._socket is None:
            return False
        try:
            self._socket.sendto(datagram, address)
        except OSError:
            self.counters.unsent += 1
            return False
        self.counters.sent += 1
        return True

    def forget(self, peer: WebRtcConnection) -> None:
        """Drop all that leads to the peer."""
        self._by_fragment.pop(peer.ice.fragment, None)
        self._began.pop(peer, None)
        self._heard.discard(peer)
        for address in peer.ice.addresses:
            if self._by_address.get(address) is peer:
                del self._by_address[address]

    def refused(self) -> Mapping[str, int]:
        """Datagrams that were dropped, by reason."""
        counters = self.counters
        return {
            "malformed": counters.malformed,
            "unknown": counters.unknown,
            "overloaded": counters.overloaded,
            "unsent": counters.unsent,
        }

    def close(self) -> None:
        """End all peers and free the socket."""
        for peer in list(self._by_fragment.values()):
            peer.close()
        self._handshakes.clear()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _receive_control(
        self, datagram: bytes, address: Address, peer: WebRtcConnection | None, now: float
    ) -> None:
        first = datagram[0] if datagram else 255
        if first <= 3:
            self._receive_check(datagram, address, now)
        elif peer is None:
            self.counters.unknown += 1
        elif 20 <= first <= 63:
            if peer.handshakes_waiting < _HANDSHAKES_WAITING:
                peer.handshakes_waiting += 1
                self._handshakes.append((peer, datagram))
            else:
                self.counters.overloaded += 1
        else:
            self.counters.malformed += 1

    def _receive_check(self, datagram: bytes, address: Address, now: float) -> None:
        if self._checks_left <= 0:
            self.counters.overloaded += 1
            return
        self._checks_left -= 1
        try:
            request = parse_binding_request(datagram)
        except StunError:
            self.counters.malformed += 1
            return
        peer = self._by_fragment.get(request.local_fragment)
        # An address stays its first peer's: with a forged source nobody takes another one's media away.
        owner = self._by_address.get(address, peer)
        if peer is None or owner is not peer or not peer.receive_check(request, address, now):
            self.counters.unknown += 1
            return
        if address not in self._by_address:
            self._by_address[address] = peer
            self._drop_unproven(peer)

    def _drop_unproven(self, peer: WebRtcConnection) -> None:
        """Follow the agent when it forgot an address."""
        held = [address for address, owner in self._by_address.items() if owner is peer]
        for address in held:
            if address not in peer.ice.addresses:
                del self._by_address[address]

    def _handle_timers(self, now: float) -> None:
        for peer in list(self._by_fragment.values()):
            if peer in self._heard:
                peer.heard_at = now
            began = self._began.setdefault(peer, now)
            if peer.connecting:
                if now - began > self.settings.connect_timeout:
                    peer.end("ice_failed")
                else:
                    peer.handle_timers()
            elif peer.heard_at is not None and now - peer.heard_at > self.settings.consent_timeout:
                peer.end("ice_failed")
        self._heard.clear()

    def _open(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.settings.bind_host else socket.AF_INET
        opened = socket.socket(family, socket.SOCK_DGRAM)
        opened.setblocking(False)
        for direction in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            # All peers' bursts meet in one buffer; the kernel caps what we ask for.
            opened.setsockopt(socket.SOL_SOCKET, direction, _BUFFER)
        for port in range(self.settings.port_first, self.settings.port_last + 1):
            try:
                opened.bind((self.settings.bind_host, port))
            except OSError:
                continue
            return opened
        opened.close()
        wanted = f"{self.settings.port_first} to {self.settings.port_last}"
        raise MediaError(f"no free UDP port for WebRTC on {self.settings.bind_host} from {wanted}")
