"""What offer and answer settle, and what each side brings to it. Values only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from bridge.sip.audio_format import AudioFormat


class Direction(StrEnum):
    """Which way audio flows, as the describing side sees it (RFC 3264 section 5.1)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def reversed(self) -> Direction:
        """The same as the other side sees it."""
        return _REVERSED.get(self, self)


_REVERSED = {Direction.SENDONLY: Direction.RECVONLY, Direction.RECVONLY: Direction.SENDONLY}


class SrtpPolicy(StrEnum):
    """Whether media may, or must, be encrypted."""

    FORBIDDEN = "forbidden"
    ALLOWED = "allowed"
    """As the peer offers."""
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class MediaCapabilities:
    """What we can take."""

    codecs: tuple[str, ...] = ("PCMU", "PCMA")
    """Of `PCMU`, `PCMA`, `G722`, `opus`; our order counts in our offers, the peer's order in theirs."""
    dtmf: bool = True
    """telephone-event (RFC 4733)."""
    ptime: int = 20
    """Milliseconds of audio in a packet when the peer does not say."""
    srtp: SrtpPolicy = SrtpPolicy.ALLOWED
    srtp_suites: tuple[str, ...] = (
        "AES_CM_128_HMAC_SHA1_80",
        "AES_CM_128_HMAC_SHA1_32",
        "AEAD_AES_128_GCM",
        "AEAD_AES_256_GCM",
    )
    offer_srtp: bool = False
    """Whether an offer of ours (for an INVITE without one) has RTP/SAVP."""
    rtcp_mux: bool = False
    """Whether RTCP may come on the RTP port (RFC 5761)."""


@dataclass(frozen=True, slots=True)
class LocalMedia:
    """Our end of the stream."""

    host: str
    """The advertised media address, in SDP."""
    port: int
    entropy: Callable[[int], bytes] = field(repr=False)
    """Makes SRTP keys and session identifiers: `os.urandom`."""


@dataclass(frozen=True, slots=True)
class SdesKeys:
    """The SRTP keys of both ways (RFC 4568)."""

    tag: int
    suite: str
    receive_key: bytes = field(repr=False)
    """The peer's, which it sends with."""
    send_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NegotiatedMedia:
    """One audio stream as both sides agreed on it."""

    codec: str
    """`PCMU`, `PCMA`, `G722` or `opus`."""
    payload_type: int
    """The peer's number, the same both ways."""
    clock_rate: int
    dtmf_payload_type: int | None
    dtmf_clock_rate: int
    """Hz of telephone-event; the codec's where the peer offers that. 0 without DTMF."""
    ptime: int
    """Milliseconds of audio in each packet that we send."""
    remote_host: str
    """May be a name or 0.0.0.0: then the address is learned from packets."""
    remote_port: int
    direction: Direction
    """As we see it."""
    held: bool
    """The peer holds us (`sendonly`, `inactive`, 0.0.0.0): silence is no fault."""
    crypto: SdesKeys | None
    rtcp_mux: bool
    remote_version: int
    """The peer's o= version, to know a refresh from a change."""
    sdp: bytes = field(repr=False)
    """Our description: the body to send."""

    @property
    def send(self) -> bool:
        """Whether we send audio."""
        return self.direction in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receive(self) -> bool:
        """Whether audio may come."""
        return self.direction in (Direction.SENDRECV, Direction.RECVONLY)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no agreement."""

    status: int
    """400 for what cannot be read, 488 for what cannot be taken."""
    why: str


TELEPHONE_EVENT = "telephone-event"

OWN_FORMATS = {
    "PCMU": AudioFormat(0, "PCMU", 8000),
    "PCMA": AudioFormat(8, "PCMA", 8000),
    "G722": AudioFormat(9, "G722", 8000),
    "opus": AudioFormat(96, "opus", 48000, 2, "useinbandfec=1"),
}
"""How our own offers number and describe each codec."""
