"""What a message's body offers us: its SDP part, alone or inside a multipart body (RFC 2046, RFC 3261 section
7.4)."""

from __future__ import annotations

from bridge.sip.errors import RemoteProtocolError
from bridge.sip.grammar import parameter, parse_parameters, unquote
from bridge.sip.message import SipRequest, SipResponse

SDP = "application/sdp"
_PARTS = 16
"""Parts of a multipart body that are looked at."""


class UnsupportedBodyError(RemoteProtocolError):
    """A body that we cannot read and that the peer insists on: 415 with `headers`."""

    def __init__(self, detail: str, headers: tuple[tuple[str, str], ...]) -> None:
        super().__init__(detail, 415)
        self.headers = headers


def session_description(message: SipRequest | SipResponse) -> bytes | None:
    """The SDP in a message, or None when there is none; raises `UnsupportedBodyError` and
    `RemoteProtocolError`."""
    if not message.body:
        return None
    encodings = message.headers.values("Content-Encoding")
    if any(encoding.lower() != "identity" for encoding in encodings):
        raise UnsupportedBodyError("the body is encoded", (("Accept-Encoding", "identity"),))
    kind = message.content_type
    if kind == SDP:
        return message.body
    if kind.startswith("multipart/"):
        return _sdp_part(message)
    if _is_optional(message.header("Content-Disposition") or ""):
        return None
    raise UnsupportedBodyError("the body's type is not supported", (("Accept", SDP),))


def _is_optional(disposition: str) -> bool:
    """RFC 3261 section 20.11: a body that may be ignored when it is not understood."""
    _, _, rest = disposition.partition(";")
    return (parameter(parse_parameters(rest), "handling") or "").lower() == "optional" if rest else False


def _sdp_part(message: SipRequest | SipResponse) -> bytes:
    _, _, rest = (message.header("Content-Type") or "").partition(";")
    boundary = unquote(parameter(parse_parameters(rest), "boundary") or "")
    if not boundary or len(boundary) > 70:  # RFC 2046 section 5.1.1
        raise RemoteProtocolError("a multipart body has no boundary")
    delimiter = b"\n--" + boundary.encode(message.encoding, "replace")
    for part in (b"\n" + message.body).split(delimiter, _PARTS)[1:]:
        part = part.lstrip(b" \t")
        if part.startswith(b"--"):
            break
        head, content = _split_part(part)
        kind = ""
        for line in head.decode("latin-1").replace("\r", "").split("\n"):
            name, _, value = line.partition(":")
            if name.strip().lower() in ("content-type", "c"):
                kind = value.partition(";")[0].strip().lower()
        if kind == SDP:
            return content
    raise UnsupportedBodyError("no part of the body is SDP", (("Accept", SDP),))


def _split_part(part: bytes) -> tuple[bytes, bytes]:
    for gap in (b"\r\n\r\n", b"\n\n"):
        head, found, content = part.partition(gap)
        if found:
            # The line break before the next delimiter belongs to the delimiter.
            return head, content.removesuffix(b"\r") + b"\r\n"
    return part, b""
