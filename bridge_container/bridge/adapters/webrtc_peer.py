"""One WebRTC peer: its ICE-lite agent, DTLS and SRTP put together as the engine's packet transport.

The shared socket hands it the datagrams that are its own and tells it the time; it never reads a socket or a
clock and has no task. Audio, RTP and RTCP contents are the media engine's. Imports the `webrtc_*` parts and
the ports.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bridge.adapters.webrtc_answer import LocalDescription, write_answer
from bridge.adapters.webrtc_dtls import DtlsConnection, DtlsIdentity, DtlsState
from bridge.adapters.webrtc_ice import Address, IceLiteAgent
from bridge.adapters.webrtc_port import WebRtcAnswer
from bridge.adapters.webrtc_sdp import PeerDescription, parse_description
from bridge.adapters.webrtc_srtp import MAXIMUM_PACKET
from bridge.adapters.webrtc_stun import BindingRequest
from bridge.calls.media_engine import Codec, MediaError, OfferRefusedError

MAXIMUM_INBOX = 256
"""Protected packets kept between two ticks, or while DTLS ends; 5 s of audio."""


class SharedSocket(Protocol):
    """What a peer asks of the socket that it shares with others."""

    hosts: tuple[str, ...]

    @property
    def port(self) -> int:
        """The UDP port that peers are told."""
        ...

    @property
    def identity(self) -> DtlsIdentity:
        """The certificate of all the socket's peers."""
        ...

    def send(self, datagram: bytes, address: Address) -> bool:
        """Write now; False when it could not be."""
        ...

    def forget(self, peer: WebRtcConnection) -> None:
        """No datagram is for this peer any more."""
        ...


@dataclass(slots=True)
class PeerCounters:
    """What happened to one peer's packets, since it began."""

    sent: int = 0
    unsent: int = 0
    """Given to send and not sent: not connected yet, too long, or the socket was full."""
    overflowed: int = 0
    """Came faster than they were drained."""


class WebRtcConnection:
    """Implements `bridge.adapters.webrtc_port.WebRtcPeer`."""

    def __init__(
        self,
        socket: SharedSocket,
        *,
        connected: Callable[[], None],
        ended: Callable[[str], None],
        maximum_playback_rate: int | None = None,
    ) -> None:
        self.ice = IceLiteAgent()
        self.counters = PeerCounters()
        self.heard_at: float | None = None
        """When the peer last proved to be alive; None before its first sign. The socket's clock."""
        self.handshakes_waiting = 0
        """DTLS datagrams that the socket keeps for this peer."""
        self.closed = False
        self._socket = socket
        self._connected = connected
        self._ended = ended
        self._maximum_playback_rate = maximum_playback_rate
        self._dtls: DtlsConnection | None = None
        self._started = False
        self._inbox: list[bytes] = []
        self._session_id = secrets.randbits(62)
        self._ssrc = secrets.randbits(32)
        self._cname = secrets.token_hex(8)

    @property
    def connecting(self) -> bool:
        """Whether ICE or DTLS is still to come."""
        return self._dtls is None or self._dtls.state is DtlsState.HANDSHAKING

    async def answer(self, offer: str) -> WebRtcAnswer:
        """Answer a peer's offer and expect its checks. Once only; raises `OfferRefusedError`."""
        peer = parse_description(offer)
        # RFC 8842 section 5.3: passive unless the peer insists on it, which saves a round trip.
        setup = "active" if peer.setup == "passive" else "passive"
        local = self.describe(setup)
        self.accept(peer, server=setup == "passive")
        return self.negotiated(peer, write_answer(peer, local))

    def describe(self, setup: str) -> LocalDescription:
        """Our side, for an answer or an offer."""
        return LocalDescription(
            session_id=self._session_id,
            hosts=self._socket.hosts,
            port=self._socket.port,
            fragment=self.ice.fragment,
            password=self.ice.password,
            fingerprints=self._socket.identity.fingerprints,
            setup=setup,
            ssrc=self._ssrc,
            cname=self._cname,
            maximum_playback_rate=self._maximum_playback_rate,
        )

    def accept(self, peer: PeerDescription, *, server: bool) -> None:
        """Take the peer's side, from its offer or its answer. Once only; raises `OfferRefusedError`."""
        if self._dtls is not None or self.closed:
            raise MediaError("this peer has negotiated already; a new negotiation needs a new leg")
        if peer.setup == ("passive" if server else "active"):
            raise OfferRefusedError(
                f"a=setup:{peer.setup} leaves nobody, or both, to begin DTLS (RFC 5763 section 5)"
            )
        self.ice.remote_fragment = peer.fragment
        self._dtls = DtlsConnection(self._socket.identity, server=server, fingerprints=peer.fingerprints)

    def negotiated(self, peer: PeerDescription, sdp: str) -> WebRtcAnswer:
        """What the engine has to know once both sides are described."""
        return WebRtcAnswer(
            sdp=sdp,
            codec=Codec(peer.codec_name, peer.payload_type, peer.codec.clockRate),
            ssrc=self._ssrc,
            cname=self._cname,
            remote_ssrc=peer.ssrc,
            dtmf_payload_type=peer.dtmf_payload_type,
            nack=peer.nack,
            in_band_fec=peer.in_band_fec,
            send=peer.send,
            receive=peer.receive,
        )

    # The engine's side.

    def drain(self) -> Sequence[bytes]:
        """Plain RTP and RTCP packets, in order of arrival."""
        if not self._inbox or self._dtls is None or self._dtls.srtp is None:
            return ()
        inbox, self._inbox = self._inbox, []
        return self._dtls.srtp.unprotect(inbox)

    def send(self, packets: Sequence[bytes]) -> None:
        """Protect and write plain RTP and RTCP packets; what cannot go is counted and dropped."""
        address = self.ice.selected
        if self.closed or address is None or self._dtls is None or self._dtls.srtp is None:
            self.counters.unsent += len(packets)
            return
        protect, write = self._dtls.srtp.protect, self._socket.send
        for packet in packets:
            if len(packet) <= MAXIMUM_PACKET and write(protect(packet), address):
                self.counters.sent += 1
            else:
                self.counters.unsent += 1

    @property
    def discarded(self) -> int:
        """Packets of the peer that SRTP refused or that came faster than they were drained."""
        srtp = self._dtls.srtp if self._dtls is not None else None
        return self.counters.overflowed + (srtp.discarded if srtp is not None else 0)

    def close(self) -> None:
        """Tell the peer that we leave. Calls nothing back; closing twice is no error."""
        if self.closed:
            return
        if self._dtls is not None:
            self._dtls.close()
            self._flush()
        self.closed = True
        self._inbox.clear()
        self._socket.forget(self)

    # The shared socket's side.

    def receive_check(self, request: BindingRequest, address: Address, now: float) -> bool:
        """Answer one of the peer's STUN checks; False when it is not authentic."""
        response = self.ice.receive_check(request, address)
        if response is None:
            return False
        self.heard_at = now
        self._socket.send(response, address)
        if self._dtls is not None and self.ice.selected is not None and not self._started:
            self._started = True
            self._dtls.start()
            self._flush()
        return True

    def receive_media(self, packet: bytes) -> None:
        """Keep a protected packet for `drain`."""
        if len(self._inbox) < MAXIMUM_INBOX:
            self._inbox.append(packet)
        else:
            self.counters.overflowed += 1

    def receive_handshake(self, datagram: bytes) -> None:
        """Handle a DTLS datagram."""
        if self._dtls is None or self.closed:
            return
        before = self._dtls.state
        self._dtls.receive(datagram)
        self._flush()
        self._follow(before)

    def handle_timers(self) -> None:
        """Repeat a DTLS flight that got lost."""
        if self._dtls is not None and self._dtls.state is DtlsState.HANDSHAKING:
            self._dtls.handle_timeout()
            self._flush()
            self._follow(DtlsState.HANDSHAKING)

    def end(self, why: str) -> None:
        """Over and not by us: free all, then tell the engine."""
        if not self.closed:
            self.close()
            self._ended(why)

    def _follow(self, before: DtlsState) -> None:
        if self._dtls is None or self._dtls.state is before:
            return
        if self._dtls.state is DtlsState.CONNECTED:
            self._connected()
        else:
            self.end("peer_left" if before is DtlsState.CONNECTED else "ice_failed")

    def _flush(self) -> None:
        if self._dtls is None or self.ice.selected is None:
            return
        for datagram in self._dtls.take_datagrams():
            self._socket.send(datagram, self.ice.selected)
