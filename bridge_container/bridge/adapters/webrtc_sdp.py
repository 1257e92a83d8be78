"""A WebRTC peer's session description, read (RFC 8829, RFC 8866): what concerns the one audio stream.

aiortc parses the text; this module bounds it first, translates the parser's exceptions, and picks what we can
carry. `webrtc_answer` writes our side. What cannot be used raises `OfferRefusedError` with the attribute that
is at fault. Remote candidates are not looked at: a lite agent learns addresses from checks, so mDNS names,
trickled candidates and no candidates at all are the same to it. Imports `aiortc.sdp` and the engine's port.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from aiortc.rtcdtlstransport import X509_DIGEST_ALGORITHMS, RTCDtlsFingerprint
from aiortc.rtcicetransport import RTCIceParameters
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.sdp import MediaDescription, SessionDescription

from bridge.calls.media_engine import OfferRefusedError

MAXIMUM_DESCRIPTION = 32768
"""Characters that we read; browsers' offers have 2 to 10 thousand."""
MAXIMUM_LINES = 300
"""Lines of the session and its audio: the parser compares payload types with lines pair by pair."""
MAXIMUM_SECTIONS = 32
_PREFERENCE = (("opus", 48000, 2), ("pcmu", 8000, 1), ("pcma", 8000, 1))
_SPELLING = {"opus": "opus", "pcmu": "PCMU", "pcma": "PCMA"}
_STATIC = {0: "audio/PCMU", 8: "audio/PCMA"}
"""RFC 3551 table 4: payload types that need no rtpmap."""
_PROTOCOLS = {"UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF", "RTP/SAVP"}
_DIRECTIONS = {
    "sendrecv": (True, True),
    "sendonly": (False, True),
    "recvonly": (True, False),
    "inactive": (False, False),
}
"""The peer's direction to whether we may send and whether it may (RFC 3264 section 6.1)."""
_SETUP = {"auto": "actpass", "client": "active", "server": "passive"}
_ICE_CHARACTERS = re.compile(r"[A-Za-z0-9+/]*")
_TOKEN = re.compile(r"[A-Za-z0-9_.+-]{1,64}")


@dataclass(frozen=True, slots=True)
class PeerDescription:
    """What a peer's offer or answer says that concerns us."""

    session: SessionDescription
    audio: MediaDescription
    """The section that carries the call's audio; one of `session.media`."""
    codec: RTCRtpCodecParameters
    """The one that both sides will use: the best of those that we know."""
    codec_name: str
    """As RFC 3551 and RFC 7587 spell it."""
    payload_type: int
    dtmf_payload_type: int | None
    """telephone-event at the codec's clock rate (RFC 4733 section 2.1)."""
    fragment: str
    password: str = field(repr=False)
    fingerprints: tuple[RTCDtlsFingerprint, ...]
    """Those that can be checked; MD5 and SHA-1 are not trusted."""
    setup: str
    """`actpass`, `active` or `passive` (RFC 4145)."""
    send: bool
    """We may send."""
    receive: bool
    """The peer may send."""
    ssrc: int | None
    """The peer's source, when it names one."""

    @property
    def nack(self) -> bool:
        """The peer may ask for lost packets (RFC 4585 section 4.2)."""
        return any(f.type == "nack" and f.parameter is None for f in self.codec.rtcpFeedback)

    @property
    def in_band_fec(self) -> bool:
        """The peer's Opus decoder uses in-band FEC (RFC 7587 section 6.1)."""
        return self.codec.parameters.get("useinbandfec") == 1


def parse_description(text: str) -> PeerDescription:
    """Read a peer's offer or answer. Raises `OfferRefusedError`."""
    session = _parse(text)
    audio = _audio(session)
    ice = audio.ice or RTCIceParameters()
    codecs = _codecs(audio)
    codec, payload_type = _preferred(codecs)
    send, receive = _DIRECTIONS[audio.direction or "sendrecv"]
    dtmf = (c.payloadType for c in codecs if _name(c) == "telephone-event" and c.clockRate == codec.clockRate)
    return PeerDescription(
        session=session,
        audio=audio,
        codec=codec,
        codec_name=_SPELLING[_name(codec)],
        payload_type=payload_type,
        dtmf_payload_type=next(dtmf, None),
        fragment=_ice("ice-ufrag", ice.usernameFragment, 4),
        password=_ice("ice-pwd", ice.password, 22),
        fingerprints=_fingerprints(audio),
        setup=_setup(audio),
        send=send,
        receive=receive,
        ssrc=audio.ssrc[0].ssrc if audio.ssrc else None,
    )


def _parse(text: str) -> SessionDescription:
    if len(text) > MAXIMUM_DESCRIPTION:
        raise OfferRefusedError(f"expected at most {MAXIMUM_DESCRIPTION} characters, found {len(text)}")
    if not text.startswith("v=0"):
        raise OfferRefusedError("expected a session description that begins with v=0")
    lines = _wanted_lines(text)
    if len(lines) > MAXIMUM_LINES:
        raise OfferRefusedError(f"expected at most {MAXIMUM_LINES} lines for audio, found {len(lines)}")
    if sum(line.startswith("m=") for line in lines) > MAXIMUM_SECTIONS:
        raise OfferRefusedError(f"expected at most {MAXIMUM_SECTIONS} m-lines")
    try:
        return SessionDescription.parse("\r\n".join(lines))
    except (ValueError, AssertionError, AttributeError, LookupError, TypeError, StopIteration) as error:
        # What aiortc's parser is seen to raise on malformed lines; it does not say which line it was.
        raise OfferRefusedError(
            f"malformed session description: {type(error).__name__} {_shown(error)}"
        ) from error


def _wanted_lines(text: str) -> list[str]:
    """The session's and audio sections' lines without candidates; of the other sections what names them."""
    wanted: list[str] = []
    audio = True
    for line in text.splitlines():
        if line.startswith("m="):
            audio = line.startswith("m=audio ")
        if line.startswith(("m=", "a=mid:")) or (audio and not line.startswith("a=candidate:")):
            wanted.append(line)
    return wanted


def _audio(session: SessionDescription) -> MediaDescription:
    for media in session.media:
        if media.kind == "audio" and media.port != 0 and media.profile in _PROTOCOLS:
            break
    else:
        listed = ", ".join(f"m={m.kind} {m.port} {m.profile}" for m in session.media) or "no m-line"
        raise OfferRefusedError(
            f"expected an m=audio line with a port and UDP/TLS/RTP/SAVPF, found {_shown(listed)}"
        )
    if media.ice is not None and media.ice.iceLite:
        raise OfferRefusedError(
            "expected a full ICE agent, found a=ice-lite, which we are (RFC 8445 section 2.5)"
        )
    if not media.rtcp_mux:
        raise OfferRefusedError("expected a=rtcp-mux in the audio section (RFC 8834 section 4.5)")
    for mid in (section.rtp.muxId for section in session.media if section.rtp.muxId):
        if _TOKEN.fullmatch(mid) is None:
            raise OfferRefusedError(f"expected a token in a=mid (RFC 5888 section 4), found {_shown(mid)}")
    return media


def _codecs(audio: MediaDescription) -> list[RTCRtpCodecParameters]:
    """The section's codecs in the order of its m-line, which is the peer's preference."""
    mapped = {codec.payloadType: codec for codec in audio.rtp.codecs}
    for payload_type, mime_type in _STATIC.items():
        static = RTCRtpCodecParameters(
            mimeType=mime_type, clockRate=8000, channels=1, payloadType=payload_type
        )
        mapped.setdefault(payload_type, static)
    return [mapped[payload_type] for payload_type in audio.fmt if payload_type in mapped]


def _preferred(codecs: list[RTCRtpCodecParameters]) -> tuple[RTCRtpCodecParameters, int]:
    """The codec that we like best of the peer's, and its payload type."""
    for wanted in _PREFERENCE:
        for codec in codecs:
            payload_type = codec.payloadType
            known = (_name(codec), codec.clockRate, codec.channels) == wanted
            if known and payload_type is not None and payload_type < 128:
                return codec, payload_type
    listed = ", ".join(f"{codec.name}/{codec.clockRate}" for codec in codecs) or "none"
    raise OfferRefusedError(
        f"expected opus/48000/2, PCMU/8000 or PCMA/8000 among the codecs, found {_shown(listed)}"
    )


def _name(codec: RTCRtpCodecParameters) -> str:
    return str(codec.name).lower()


def _ice(name: str, value: str | None, shortest: int) -> str:
    if value is None or not shortest <= len(value) <= 256 or _ICE_CHARACTERS.fullmatch(value) is None:
        raise OfferRefusedError(
            f"expected {shortest} to 256 ICE characters in a={name} (RFC 8839 section 5.4)"
        )
    return value


def _fingerprints(audio: MediaDescription) -> tuple[RTCDtlsFingerprint, ...]:
    listed = audio.dtls.fingerprints if audio.dtls is not None else []
    supported = tuple(f for f in listed if f.algorithm.lower() in X509_DIGEST_ALGORITHMS)
    if audio.dtls is not None and not supported:
        raise OfferRefusedError("expected a=fingerprint with sha-256, sha-384 or sha-512 (RFC 8122)")
    return supported


def _setup(audio: MediaDescription) -> str:
    if audio.dtls is None:
        raise OfferRefusedError(
            "expected a=setup and a=fingerprint in the audio section (RFC 5763 section 5)"
        )
    return _SETUP[audio.dtls.role]


def _shown(text: object) -> str:
    """A peer's text as an error may show it: short and printable."""
    return repr(str(text)[:120])
