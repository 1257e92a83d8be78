"""The port between the media engine and a WebRTC peer: what the engine asks and what it is told.

The engine owns RTP and RTCP (sequence numbers, timestamps, SR/RR, NACK answers, Opus); the peer owns SDP,
ICE, DTLS and the SRTP context. Both live in one process and on one event loop. No implementation here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bridge.adapters.packet_transport import PacketTransport
from bridge.calls.media_engine import Codec


@dataclass(frozen=True, slots=True)
class WebRtcAnswer:
    """What answering an offer settled. The engine sends and expects exactly this."""

    sdp: str = field(repr=False)
    """The complete SDP answer (all candidates inside, no trickle)."""
    codec: Codec
    """The codec both ways: `opus` (clock rate 48000) or else `PCMU`/`PCMA`."""
    ssrc: int
    """The SSRC that the answer announces for the audio that we send."""
    cname: str
    """The canonical name announced with it, for RTCP SDES (RFC 3550 section 6.5.1)."""
    remote_ssrc: int | None = None
    """The peer's audio SSRC when its offer names one; else learned from the first packet."""
    dtmf_payload_type: int | None = None
    """telephone-event, when negotiated at the codec's clock rate."""
    nack: bool = False
    """The peer may ask for lost packets (`a=rtcp-fb:<pt> nack`)."""
    in_band_fec: bool = True
    """The peer decodes Opus in-band FEC (`useinbandfec=1` in its fmtp)."""
    send: bool = True
    """False when the offer's direction does not let us send (`sendonly`, `inactive`)."""
    receive: bool = True
    """False when the peer does not send (`recvonly`, `inactive`)."""


class WebRtcPeer(PacketTransport, Protocol):
    """One browser's connection. As a `PacketTransport` it carries plain RTP and RTCP packets:

    `drain` gives unprotected packets of both kinds, mixed, in order of arrival (the engine tells them apart
    by RFC 5761); it is called every 5 ms tick and costs next to nothing when nothing came. `send` takes plain
    RTP and RTCP packets, mixed, and protects each with the right SRTP or SRTCP function; before DTLS is up it
    drops them. `close` tells the peer that we leave (DTLS close_notify, ICE torn down), never blocks and
    calls nothing back.
    """

    async def answer(self, offer: str) -> WebRtcAnswer:
        """Answer the offer, with candidates gathered, and start connecting. Once only.

        Raises `bridge.calls.media_engine.MediaError` when the offer holds no audio that we can carry.
        """
        ...


class WebRtcPeerFactory(Protocol):
    """Builds a worker's peers and carries all their datagrams over one UDP socket.

    Unused factories can be pickled into a worker; the socket opens with the first peer.
    """

    def __call__(self, *, connected: Callable[[], None], ended: Callable[[str], None]) -> WebRtcPeer:
        """Both callbacks run inside `receive`, each at most once.

        `connected`: ICE and DTLS are up. `ended`: over and not by us, with `ice_failed` (never connected, or
        consent lost) or `peer_left` (DTLS closed by the peer).
        """
        ...

    def receive(self, now: float) -> None:
        """Read the socket dry, answer ICE and DTLS, fire timers. Once per tick, before the peers' `drain`.

        `now` is monotonic seconds. Costs one system call when nothing came. Without it nothing connects.
        """
        ...

    def refused(self) -> Mapping[str, int]:
        """Datagrams that were dropped since the beginning, by a bounded reason."""
        ...

    def close(self) -> None:
        """End all peers without callbacks and free the socket. Closing twice is no error."""
        ...
