"""RTP payload formats in SDP: what a format number means (RFC 3551, RFC 8866 section 6.6) and which we can
take."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.sip.sdp import MediaDescription

_STATIC = {0: ("PCMU", 8000), 8: ("PCMA", 8000), 9: ("G722", 8000), 13: ("CN", 8000), 18: ("G729", 8000)}
"""RFC 3551 table 4: the numbers that mean something without rtpmap, as far as carriers offer them."""

_LOWER_CASE = {"opus": "opus", "telephone-event": "telephone-event"}


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """One payload type of an audio stream."""

    payload_type: int
    name: str
    """As registered: `PCMU`, `PCMA`, `G722`, `opus`, `telephone-event`, `CN`; unknown ones in upper case."""
    clock_rate: int
    """Hz, as in rtpmap: 8000 for G.722 (RFC 3551 section 4.5.2), 48000 for Opus."""
    channels: int = 1
    parameters: str = ""
    """The fmtp value."""

    @property
    def rtpmap(self) -> str:
        """The rtpmap attribute's value."""
        channels = f"/{self.channels}" if self.channels > 1 else ""
        return f"{self.payload_type} {self.name}/{self.clock_rate}{channels}"


def audio_formats(media: MediaDescription) -> tuple[AudioFormat, ...]:
    """The formats of an m= line in its order; those that cannot be understood are left out."""
    mapped = _by_number(media, "rtpmap")
    parameters = _by_number(media, "fmtp")
    formats = []
    for text in media.formats:
        if not (text.isascii() and text.isdigit()) or len(text) > 3 or int(text) > 127:
            continue
        number = int(text)
        name, rate = _STATIC.get(number, ("", 0))
        channels = 1
        if number in mapped:
            encoding, _, rest = mapped[number].partition("/")
            rate_text, _, channels_text = rest.partition("/")
            if not _is_small_number(rate_text, 6):
                continue
            name, rate = _LOWER_CASE.get(encoding.strip().lower(), encoding.strip().upper()), int(rate_text)
            channels = int(channels_text) if _is_small_number(channels_text, 2) else 1
        if name:
            formats.append(AudioFormat(number, name, rate, channels, parameters.get(number, "")))
    return tuple(formats)


def _is_small_number(text: str, digits: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= digits


def _by_number(media: MediaDescription, attribute: str) -> dict[int, str]:
    found: dict[int, str] = {}
    for value in media.attribute_values(attribute):
        number, _, rest = value.strip().partition(" ")
        if _is_small_number(number, 3):
            found.setdefault(int(number), rest.strip())
    return found
