"""Our side of a WebRTC session, written (RFC 8829): one bundled audio stream, ICE-lite, no trickle.

aiortc prints the text. m-lines other than the call's audio are refused with port 0. Imports `aiortc.sdp` and
`webrtc_sdp`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters
from aiortc.rtcicetransport import RTCIceCandidate, RTCIceParameters
from aiortc.rtcrtpparameters import RTCRtcpFeedback, RTCRtpCodecParameters, RTCRtpParameters
from aiortc.sdp import GroupDescription, MediaDescription, SessionDescription, SsrcDescription

from bridge.adapters.webrtc_sdp import PeerDescription

_DIRECTION = {
    (True, True): "sendrecv",
    (True, False): "sendonly",
    (False, True): "recvonly",
    (False, False): "inactive",
}
_ROLE = {"actpass": "auto", "active": "client", "passive": "server"}


@dataclass(frozen=True, slots=True)
class LocalDescription:
    """What our side of a session is."""

    session_id: int
    hosts: tuple[str, ...]
    """Addresses of the host candidates, the preferred one first."""
    port: int
    fragment: str
    password: str = field(repr=False)
    fingerprints: Sequence[RTCDtlsFingerprint]
    setup: str
    """`actpass`, `active` or `passive` (RFC 4145)."""
    ssrc: int
    cname: str
    maximum_playback_rate: int | None = None
    """Hz, asked of the peer's Opus encoder (RFC 7587 section 6.1); None for all it can."""

    @property
    def candidates(self) -> list[RTCIceCandidate]:
        """One host candidate for each address (RFC 8445 section 5.1.2.1)."""
        return [
            RTCIceCandidate(
                component=1,
                foundation=str(rank),
                ip=host,
                port=self.port,
                priority=(126 << 24) | ((65536 - rank) << 8) | 255,
                protocol="udp",
                type="host",
            )
            for rank, host in enumerate(self.hosts, start=1)
        ]


def write_answer(peer: PeerDescription, local: LocalDescription) -> str:
    """The complete answer to the peer's offer."""
    session = SessionDescription()
    version = ipaddress.ip_address(local.hosts[0]).version
    session.origin = f"- {local.session_id} 1 IN IP{version} {local.hosts[0]}"
    session.media = [
        _audio(peer, local) if media is peer.audio else _refused(media) for media in peer.session.media
    ]
    if peer.audio.rtp.muxId:
        session.group.append(GroupDescription("BUNDLE", [peer.audio.rtp.muxId]))
    return str(session)


def _refused(offered: MediaDescription) -> MediaDescription:
    """RFC 3264 section 6: a refused stream keeps its place, with port 0."""
    media = MediaDescription(kind=offered.kind, port=0, profile=offered.profile, fmt=offered.fmt)
    media.host = "0.0.0.0"  # noqa: S104 - RFC 8829 section 5.3.1's way to say that there is no address
    media.direction = "inactive"
    media.rtp = RTCRtpParameters(muxId=offered.rtp.muxId)
    media.ice = RTCIceParameters()
    return media


def _audio(peer: PeerDescription, local: LocalDescription) -> MediaDescription:
    codecs = _codecs(peer, local)
    media = MediaDescription(
        kind="audio", port=local.port, profile=peer.audio.profile, fmt=[codec.payloadType for codec in codecs]
    )
    media.host = local.hosts[0]
    media.direction = _DIRECTION[peer.send, peer.receive]
    media.rtp = RTCRtpParameters(codecs=codecs, muxId=peer.audio.rtp.muxId)
    media.rtcp_mux = True
    media.rtcp_port, media.rtcp_host = local.port, local.hosts[0]
    if peer.send:
        media.msid = f"{local.cname} audio"
        media.ssrc = [SsrcDescription(ssrc=local.ssrc, cname=local.cname)]
    media.ice = RTCIceParameters(local.fragment, local.password, iceLite=True)
    media.ice_candidates = local.candidates
    media.ice_candidates_complete = True
    media.dtls = RTCDtlsParameters(fingerprints=list(local.fingerprints), role=_ROLE[local.setup])
    return media


def _codecs(peer: PeerDescription, local: LocalDescription) -> list[RTCRtpCodecParameters]:
    """The chosen codec and telephone-event, with the peer's payload types (RFC 3264 section 6.1)."""
    opus = peer.codec_name == "opus"
    chosen = RTCRtpCodecParameters(
        mimeType=f"audio/{peer.codec_name}",
        clockRate=peer.codec.clockRate,
        channels=2 if opus else 1,
        payloadType=peer.payload_type,
        rtcpFeedback=[RTCRtcpFeedback(type="nack")] if peer.nack else [],
    )
    if opus:
        chosen.parameters = {"minptime": 10, "useinbandfec": 1, "stereo": 0}
        if local.maximum_playback_rate is not None:
            chosen.parameters["maxplaybackrate"] = local.maximum_playback_rate
    if peer.dtmf_payload_type is None:
        return [chosen]
    event = RTCRtpCodecParameters(
        mimeType="audio/telephone-event",
        clockRate=peer.codec.clockRate,
        channels=1,
        payloadType=peer.dtmf_payload_type,
        parameters={"0-15": None},
    )
    return [chosen, event]
