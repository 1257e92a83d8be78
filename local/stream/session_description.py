"""What the SFU writes (RFC 8829, RFC 8866): answers to publishers, offers to subscribers.

Opus with payload type 111 only, as Stream's SDKs publish it. What peers write is read by the bridge's parser.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.adapters.webrtc_sdp import PeerDescription

OPUS_PAYLOAD_TYPE = 111
OPUS_LINES = (
    f"a=rtpmap:{OPUS_PAYLOAD_TYPE} opus/48000/2",
    f"a=fmtp:{OPUS_PAYLOAD_TYPE} minptime=10;useinbandfec=1",
)


@dataclass(frozen=True, slots=True)
class LocalTransport:
    """What our side of a connection announces."""

    host: str
    port: int
    candidate: str
    fragment: str
    password: str
    fingerprint: str
    """`algorithm value`."""


@dataclass(frozen=True, slots=True)
class OfferedTrack:
    """One m-line of a subscriber's offer."""

    stream_id: str
    """`track lookup prefix:track type`, by which SDKs find the participant."""
    track_id: str
    source: int
    """The SSRC that we send it with."""
    active: bool
    """False once its publisher has gone; the m-line stays (RFC 3264 section 8)."""


def write_offer(tracks: Sequence[OfferedTrack], transport: LocalTransport, version: int) -> str:
    """The SFU's offer to a subscriber: one sending audio section per track, all in one bundle."""
    lines = _session_lines(transport, version, [str(index) for index in range(len(tracks))])
    for index, track in enumerate(tracks):
        lines += _transport_lines(transport, str(index), "actpass")
        lines += [*OPUS_LINES, "a=sendonly" if track.active else "a=inactive"]
        if track.active:
            lines += [
                f"a=msid:{track.stream_id} {track.track_id}",
                f"a=ssrc:{track.source} cname:{track.track_id}",
                f"a=ssrc:{track.source} msid:{track.stream_id} {track.track_id}",
            ]
    return "\r\n".join(lines) + "\r\n"


def write_answer(offer: PeerDescription, transport: LocalTransport, version: int) -> str:
    """The SFU's answer to a publisher: receives its audio, refuses all other sections."""
    lines = _session_lines(transport, version, [offer.audio.rtp.muxId])
    for media in offer.session.media:
        if media is offer.audio:
            lines += _transport_lines(transport, media.rtp.muxId, "passive")
            lines += [*OPUS_LINES, "a=recvonly"]
        else:
            formats = " ".join(str(each) for each in media.fmt)
            lines += [f"m={media.kind} 0 {media.profile} {formats}", "c=IN IP4 0.0.0.0"]
            lines += [f"a=mid:{media.rtp.muxId}", "a=inactive"]
    return "\r\n".join(lines) + "\r\n"


def _session_lines(transport: LocalTransport, version: int, mids: Sequence[str]) -> list[str]:
    return [
        "v=0",
        f"o=- 1 {version} IN {_family(transport.host)} {transport.host}",
        "s=-",
        "t=0 0",
        "a=ice-lite",
        f"a=group:BUNDLE {' '.join(mids)}",
        "a=msid-semantic: WMS *",
    ]


def _transport_lines(transport: LocalTransport, mid: str, setup: str) -> list[str]:
    return [
        f"m=audio {transport.port} UDP/TLS/RTP/SAVPF {OPUS_PAYLOAD_TYPE}",
        f"c=IN {_family(transport.host)} {transport.host}",
        f"a=mid:{mid}",
        "a=rtcp-mux",
        f"a=ice-ufrag:{transport.fragment}",
        f"a=ice-pwd:{transport.password}",
        f"a=fingerprint:{transport.fingerprint}",
        f"a=setup:{setup}",
        f"a=candidate:{transport.candidate}",
        "a=end-of-candidates",
    ]


def _family(host: str) -> str:
    return "IP6" if ":" in host else "IP4"
