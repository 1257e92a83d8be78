"""Offer and answer (RFC 3264) for one audio stream: what we answer, what we offer, what an answer means.

Pure functions over descriptions; a failure is a `Refusal`, never an exception. Which bytes are sent when is
the call's business.
"""

from __future__ import annotations

from dataclasses import replace

from bridge.sip.audio_format import AudioFormat, audio_formats
from bridge.sip.crypto_attribute import KEY_LENGTHS, CryptoAttribute
from bridge.sip.errors import RemoteProtocolError
from bridge.sip.negotiated_media import (
    OWN_FORMATS,
    TELEPHONE_EVENT,
    Direction,
    LocalMedia,
    MediaCapabilities,
    NegotiatedMedia,
    Refusal,
    SdesKeys,
    SrtpPolicy,
)
from bridge.sip.sdp import Attributes, MediaDescription, Origin, SessionDescription

_PLAIN = ("RTP/AVP", "RTP/AVPF")
_SECURE = ("RTP/SAVP", "RTP/SAVPF")
_PTIMES = (10, 20, 30, 40, 50, 60)
_EVENT_CLOCK_RATES = range(8000, 48_001)
"""Hz of telephone-event that can be meant: those of audio codecs."""


def answer_offer(
    offer: bytes,
    capabilities: MediaCapabilities,
    local: LocalMedia,
    previous: NegotiatedMedia | None = None,
) -> NegotiatedMedia | Refusal:
    """Answer an offer. `previous` is what held before a re-INVITE: its keys and o= line go on."""
    try:
        described = SessionDescription.parse(offer)
    except RemoteProtocolError as error:
        return Refusal(400, error.detail)
    if not described.media:
        return Refusal(488, "the offer has no media")
    why = "no audio stream is offered"
    for index, media in enumerate(described.media):
        if media.media != "audio" or media.port == 0:
            continue
        accepted = _accept(described, media, capabilities, local, previous)
        if isinstance(accepted, str):
            why = accepted
            continue
        agreed, answered = accepted
        lines = tuple(
            answered if position == index else _declined(other)
            for position, other in enumerate(described.media)
        )
        return _describe(agreed, lines, local, previous)
    return Refusal(488, why)


def make_offer(
    capabilities: MediaCapabilities, local: LocalMedia, previous: NegotiatedMedia | None = None
) -> bytes:
    """An offer of ours: for an INVITE or re-INVITE that came without one."""
    formats = [OWN_FORMATS[name] for name in capabilities.codecs]
    if capabilities.dtmf:
        rates = sorted({own.clock_rate for own in formats})
        formats += [
            AudioFormat(101 + position, TELEPHONE_EVENT, rate, 1, "0-16")
            for position, rate in enumerate(rates)
        ]
    attributes = _format_attributes(formats)
    secure = capabilities.offer_srtp or capabilities.srtp is SrtpPolicy.REQUIRED
    if secure:
        keep = previous.crypto if previous is not None else None
        for tag, suite in enumerate(capabilities.srtp_suites, 1):
            key = (
                keep.send_key
                if keep is not None and keep.suite == suite
                else local.entropy(KEY_LENGTHS[suite])
            )
            attributes.append(("crypto", str(CryptoAttribute(tag, suite, key))))
    attributes += [("ptime", str(capabilities.ptime)), (Direction.SENDRECV.value, None)]
    if capabilities.rtcp_mux:
        attributes.append(("rtcp-mux", None))
    media = MediaDescription(
        "audio",
        local.port,
        _SECURE[0] if secure else _PLAIN[0],
        tuple(str(own.payload_type) for own in formats),
        attributes=tuple(attributes),
    )
    return _printed((media,), local, previous)


def accept_answer(
    offer: bytes,
    answer: bytes,
    capabilities: MediaCapabilities,
    local: LocalMedia,
    previous: NegotiatedMedia | None = None,
) -> NegotiatedMedia | Refusal:
    """What the peer's answer to our `offer` settles."""
    try:
        described = SessionDescription.parse(answer)
    except RemoteProtocolError as error:
        return Refusal(400, error.detail)
    ours = SessionDescription.parse(offer).media[0]
    if not described.media or described.media[0].port == 0 or described.media[0].media != "audio":
        return Refusal(488, "the answer declines the audio stream")
    media = described.media[0]
    if media.protocol != ours.protocol:
        return Refusal(488, "the answer changes the transport")
    accepted = _accept(described, media, capabilities, local, previous)
    if isinstance(accepted, str):
        return Refusal(488, accepted)
    agreed, _ = accepted
    if agreed.crypto is not None:
        sent = {line.tag: line for line in _crypto_lines(ours, capabilities)}
        own = sent.get(agreed.crypto.tag)
        if own is None or own.suite != agreed.crypto.suite:
            return Refusal(488, "the answer's crypto line was not offered")
        agreed = replace(agreed, crypto=replace(agreed.crypto, send_key=own.key))
    return replace(agreed, sdp=offer)


def _accept(
    described: SessionDescription,
    media: MediaDescription,
    capabilities: MediaCapabilities,
    local: LocalMedia,
    previous: NegotiatedMedia | None,
) -> tuple[NegotiatedMedia, MediaDescription] | str:
    """One audio m-line: what it settles and our line for it, or why it cannot be taken."""
    secure = media.protocol in _SECURE
    if not secure and media.protocol not in _PLAIN:
        return f"{media.protocol} is not supported"
    if secure and capabilities.srtp is SrtpPolicy.FORBIDDEN:
        return "encryption is not allowed"
    if not secure and capabilities.srtp is SrtpPolicy.REQUIRED:
        return "encryption is required"
    formats = audio_formats(media)
    codec = next((offered for offered in formats if _usable(offered, capabilities)), None)
    if codec is None:
        return "no offered codec is supported"
    crypto = None
    if secure:
        crypto = _choose_crypto(media, capabilities, local, previous)
        if crypto is None:
            return "no offered crypto suite is supported"
    host = described.address_of(media)
    if host is None:
        return "the audio stream has no address"
    dtmf = _choose_dtmf(formats, codec) if capabilities.dtmf else None
    offered_direction, silenced = _direction(described, media), host in ("0.0.0.0", "::")  # noqa: S104
    direction = offered_direction.reversed
    if silenced and direction is Direction.SENDRECV:
        direction = Direction.RECVONLY  # RFC 3264 section 8.4: the old form of hold.
    agreed = NegotiatedMedia(
        codec=codec.name,
        payload_type=codec.payload_type,
        clock_rate=codec.clock_rate,
        dtmf_payload_type=dtmf.payload_type if dtmf is not None else None,
        dtmf_clock_rate=dtmf.clock_rate if dtmf is not None else 0,
        ptime=_packet_time(described, media, capabilities.ptime),
        remote_host=host,
        remote_port=media.port,
        direction=direction,
        held=silenced or offered_direction in (Direction.SENDONLY, Direction.INACTIVE),
        crypto=crypto,
        rtcp_mux=capabilities.rtcp_mux and media.attribute("rtcp-mux") is not None,
        remote_version=described.origin.version,
        sdp=b"",
    )
    return agreed, _answer_line(agreed, codec, dtmf, media, local)


def _answer_line(
    agreed: NegotiatedMedia,
    codec: AudioFormat,
    dtmf: AudioFormat | None,
    media: MediaDescription,
    local: LocalMedia,
) -> MediaDescription:
    own = replace(codec, parameters="useinbandfec=1" if codec.name == "opus" else "")
    formats = [own] if dtmf is None else [own, replace(dtmf, parameters="0-16")]
    attributes = _format_attributes(formats)
    if agreed.crypto is not None:
        line = CryptoAttribute(agreed.crypto.tag, agreed.crypto.suite, agreed.crypto.send_key)
        attributes.append(("crypto", str(line)))
    attributes += [("ptime", str(agreed.ptime)), (agreed.direction.value, None)]
    if agreed.rtcp_mux:
        attributes.append(("rtcp-mux", None))
    numbers = tuple(str(one.payload_type) for one in formats)
    return MediaDescription("audio", local.port, media.protocol, numbers, attributes=tuple(attributes))


def _format_attributes(formats: list[AudioFormat]) -> list[tuple[str, str | None]]:
    attributes: list[tuple[str, str | None]] = []
    for one in formats:
        attributes.append(("rtpmap", one.rtpmap))
        if one.parameters:
            attributes.append(("fmtp", f"{one.payload_type} {one.parameters}"))
    return attributes


def _declined(media: MediaDescription) -> MediaDescription:
    """RFC 3264 section 6: each m-line is answered; port 0 says no."""
    return MediaDescription(media.media, 0, media.protocol, media.formats)


def _usable(offered: AudioFormat, capabilities: MediaCapabilities) -> bool:
    own = OWN_FORMATS.get(offered.name)
    return (
        own is not None
        and offered.name in capabilities.codecs
        and (offered.clock_rate, offered.channels) == (own.clock_rate, own.channels)
    )


def _choose_dtmf(formats: tuple[AudioFormat, ...], codec: AudioFormat) -> AudioFormat | None:
    """telephone-event at the codec's clock rate (RFC 4733 section 2.1); peers that offer only 8000 mean
    it."""
    events = [
        offered
        for offered in formats
        if offered.name == TELEPHONE_EVENT and offered.clock_rate in _EVENT_CLOCK_RATES
    ]
    same_rate = [offered for offered in events if offered.clock_rate == codec.clock_rate]
    return next(iter(same_rate or events), None)


def _choose_crypto(
    media: MediaDescription,
    capabilities: MediaCapabilities,
    local: LocalMedia,
    previous: NegotiatedMedia | None,
) -> SdesKeys | None:
    """The first line that we support (RFC 4568 section 5.1.2); our key stays while the suite does."""
    for line in _crypto_lines(media, capabilities):
        keep = previous.crypto if previous is not None else None
        if keep is not None and keep.suite == line.suite:
            return SdesKeys(line.tag, line.suite, line.key, keep.send_key)
        return SdesKeys(line.tag, line.suite, line.key, local.entropy(KEY_LENGTHS[line.suite]))
    return None


def _crypto_lines(media: MediaDescription, capabilities: MediaCapabilities) -> list[CryptoAttribute]:
    parsed = [CryptoAttribute.parse(value) for value in media.attribute_values("crypto")]
    return [line for line in parsed if line is not None and line.suite in capabilities.srtp_suites]


def _direction(described: SessionDescription, media: MediaDescription) -> Direction:
    for attributes in (media.attributes, described.attributes):
        for name, _ in attributes:
            if name in Direction.__members__.values():
                return Direction(name)
    return Direction.SENDRECV


def _packet_time(described: SessionDescription, media: MediaDescription, usual: int) -> int:
    """The peer's wish (RFC 8866 section 6.4) where it is one that phones use, never above its maxptime."""
    wish, most = (_milliseconds(media, described, name) for name in ("ptime", "maxptime"))
    chosen = wish if wish in _PTIMES else usual
    if most is not None and chosen > most:
        chosen = max((time for time in _PTIMES if time <= most), default=_PTIMES[0])
    return chosen


def _milliseconds(media: MediaDescription, described: SessionDescription, name: str) -> int | None:
    text = media.attribute(name) or described.attribute(name) or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else None


def _describe(
    agreed: NegotiatedMedia,
    lines: tuple[MediaDescription, ...],
    local: LocalMedia,
    previous: NegotiatedMedia | None,
) -> NegotiatedMedia:
    return replace(agreed, sdp=_printed(lines, local, previous))


def _printed(
    lines: tuple[MediaDescription, ...], local: LocalMedia, previous: NegotiatedMedia | None
) -> bytes:
    """Our description; the o= version goes up by one exactly when something changed (RFC 3264 section 8)."""
    if previous is None:
        session = int.from_bytes(local.entropy(4), "big")
        return _description(Origin("-", session, 1, local.host), lines, local).serialise()
    before = SessionDescription.parse(previous.sdp).origin
    unchanged = _description(before, lines, local).serialise()
    if unchanged == previous.sdp:
        return unchanged
    return _description(replace(before, version=before.version + 1), lines, local).serialise()


def _description(
    origin: Origin, lines: tuple[MediaDescription, ...], local: LocalMedia
) -> SessionDescription:
    session_attributes: Attributes = ()
    return SessionDescription(origin, lines, "Trunkline", local.host, session_attributes)
