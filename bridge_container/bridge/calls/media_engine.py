"""The port to the media engine. All values can be pickled: the engine may live in other processes.

A room is a set of participants' legs that hear each other. A leg is either a phone (RTP or SRTP), a WebRTC
peer (ICE and DTLS), or an external participant whose audio a call platform's SDK carries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Codec:
    """An audio codec as negotiated (RFC 3551, RFC 7587)."""

    name: str
    """`PCMU`, `PCMA`, `G722` or `opus`."""
    payload_type: int
    """The number that the peer gave; the same both ways."""
    clock_rate: int
    """Hz, as in rtpmap: 8000 for G.711 and G.722, 48000 for Opus."""


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """SDES keys of one leg (RFC 4568). Never logged."""

    suite: str
    """`AES_CM_128_HMAC_SHA1_80`, `_32`, `AEAD_AES_128_GCM` or `AEAD_AES_256_GCM`."""
    receive_key: bytes = field(repr=False)
    send_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PhoneLegParameters:
    """What offer and answer settled for a phone leg."""

    codec: Codec
    remote_host: str
    remote_port: int
    """0: not known yet; learn it from the first valid packet."""
    dtmf_payload_type: int | None = None
    """telephone-event (RFC 4733), or None when it was not offered."""
    dtmf_clock_rate: int | None = None
    """Hz in which its durations count; None: the codec's, as it should be (RFC 4733 section 2.1)."""
    ptime: int = 20
    """Milliseconds of audio in each packet that we send."""
    send: bool = True
    """False while the peer holds us with `sendonly` or `inactive`."""
    receive: bool = True
    """False while held: no audio is expected and the media timeout stands still."""
    srtp: SrtpKeys | None = None


@dataclass(frozen=True, slots=True)
class RtpAddress:
    """Where a leg receives RTP; RTCP is on the next port or multiplexed."""

    host: str
    """The advertised address, for SDP."""
    port: int


@dataclass(frozen=True, slots=True)
class LegStatistics:
    """What a leg measured, as sent to records and metrics (RFC 3550 section 6.4, G.107)."""

    packets_received: int = 0
    packets_sent: int = 0
    packets_lost: int = 0
    packets_discarded: int = 0
    """Malformed, from a wrong source, late or duplicated."""
    loss_ratio: float = 0.0
    """Share of the peer's packets that did not come."""
    jitter_ms: float = 0.0
    round_trip_ms: float | None = None
    concealed_ratio: float = 0.0
    """Share of the peer's audio that had to be made up, late packets included."""
    mos: float | None = None
    """Estimate, 1.0 to 4.5, of what the room hears of the peer."""
    peer_loss_ratio: float | None = None
    """Share of our packets that the peer reported as lost; None before its first report."""
    peer_jitter_ms: float | None = None
    """Jitter of our packets as the peer reported it."""
    peer_mos: float | None = None
    """Estimate of what the peer hears."""
    dtmf_count: int = 0


@dataclass(frozen=True, slots=True)
class DtmfReceived:
    """A digit, exactly once, at its end."""

    leg_id: str
    digit: str
    """One of `0123456789*#ABCD`."""
    duration_ms: int


@dataclass(frozen=True, slots=True)
class LegConnected:
    """Media flows: the first valid packet came, or ICE and DTLS are up."""

    leg_id: str


@dataclass(frozen=True, slots=True)
class LegFailed:
    """The leg is over and not by us."""

    leg_id: str
    why: str
    """`media_timeout`, `peer_left`, `ice_failed`, `worker_failed`."""


MediaEvent = DtmfReceived | LegConnected | LegFailed


@dataclass(frozen=True, slots=True)
class RoomMember:
    """Who is in a room, for the page and the API."""

    leg_id: str
    kind: str
    """`phone` or `webrtc`."""
    name: str
    level: float
    """0.0 (silence) to 1.0, of the last 200 ms."""
    muted: bool


class MediaEngine(Protocol):
    """Opens and closes legs. Calls raise `MediaError` only when the engine cannot do what was asked."""

    def subscribe(self, listener: Callable[[MediaEvent], None]) -> None:
        """Register the one listener of media events; it is called on the signalling loop."""
        ...

    async def open_phone_leg(self, leg_id: str, room: str, *, prefer_ipv6: bool = False) -> RtpAddress:
        """Reserve an RTP port for a phone in the worker that holds `room`. No audio flows yet.

        The address is of IPv6 when that is preferred and the engine has one.
        """
        ...

    async def configure_phone_leg(self, leg_id: str, parameters: PhoneLegParameters) -> None:
        """Set or change (re-INVITE) what was negotiated."""
        ...

    async def move_leg(self, leg_id: str, room: str) -> None:
        """Let a leg that has not joined yet be for another room, known only after it was opened."""
        ...

    async def join_room(self, leg_id: str, name: str) -> None:
        """Let the leg hear, and be heard in, the room that it was opened for."""
        ...

    async def open_webrtc_leg(self, leg_id: str, room: str, name: str, offer: str) -> str:
        """Answer a browser's SDP offer; the leg joins the room when it is connected.

        Raises `OfferRefusedError` when the offer is at fault.
        """
        ...

    async def mute(self, leg_id: str, muted: bool) -> None:
        """Stop or resume what others hear of this leg."""
        ...

    async def send_dtmf(self, leg_id: str, digits: str) -> None:
        """Play digits to the phone as telephone-events."""
        ...

    async def play(self, leg_id: str, prompt: bytes) -> None:
        """Play 16-bit mono PCM at 8000 Hz to this leg alone; returns when it is queued."""
        ...

    async def members(self, room: str) -> tuple[RoomMember, ...]:
        """Who is in the room now."""
        ...

    async def statistics(self, leg_id: str) -> LegStatistics:
        """What the leg measured so far."""
        ...

    async def sample(self, leg_ids: Sequence[str]) -> Mapping[str, LegStatistics]:
        """What legs measured lately: ratios and MOS are of the time since each was last sampled.

        Packet counts are of the whole call. Legs that are not there, or whose worker is not, are left out.
        One caller for all: a second one would share its intervals.
        """
        ...

    async def close_leg(self, leg_id: str) -> LegStatistics:
        """End the leg, free its port and return the final figures. Closing twice is no error."""
        ...


class MediaError(Exception):
    """The engine cannot do what was asked: no free port, unknown leg, dead worker."""


class MediaFullError(MediaError):
    """The engine works, and has no room for another leg: no free port, or its workers are at their limit."""


class OfferRefusedError(MediaError):
    """A browser's SDP offer cannot be answered: malformed, or nothing in it that we support."""
