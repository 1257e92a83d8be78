"""Bytes to messages (RFC 3261 section 7): start line, header lines, body. One pass, no regular expressions.

Splits and caps; what a header's value means is parsed later, when somebody asks. The one error raised is
`RemoteProtocolError`, which carries the request when enough was understood to answer it.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.sip.errors import RemoteProtocolError
from bridge.sip.grammar import WHITESPACE, consists_of, is_token, parse_number
from bridge.sip.headers import SPELLINGS, Headers, canonical_name
from bridge.sip.message import SipMessage, SipRequest, SipResponse


@dataclass(frozen=True, slots=True)
class MessageLimits:
    """What a stranger may send."""

    message: int = 65_535
    """Bytes of a whole message."""
    body: int = 32_768
    """Bytes of a body; SDP of a phone is under 3 kB."""
    header_count: int = 128
    """Header fields of a message."""
    header_length: int = 8_192
    """Characters of one header field; an Identity header (RFC 8224) with a certificate URL has about
    1,500."""


DEFAULT_LIMITS = MessageLimits()


def end_of_head(data: bytes | bytearray, start: int = 0) -> tuple[int, int] | None:
    """Where the head ends and where the body starts, or None when the empty line is not there yet."""
    strict = data.find(b"\n\r\n", start)
    bare = data.find(b"\n\n", start, strict + 1 if strict >= 0 else len(data))
    if bare >= 0:
        return bare, bare + 2
    if strict >= 0:
        return strict, strict + 3
    return None


def parse_datagram(data: bytes, limits: MessageLimits = DEFAULT_LIMITS) -> SipMessage:
    """The message in a datagram. Bytes behind Content-Length are padding (RFC 3261 section 18.3)."""
    if len(data) > limits.message:
        raise RemoteProtocolError("the message is too large", 513)
    data = data.lstrip(b"\r\n")
    found = end_of_head(data)
    message = parse_head(data if found is None else data[: found[0]], limits)
    request = message if isinstance(message, SipRequest) else None
    if found is None:
        raise RemoteProtocolError("no empty line ends the headers", request=request)
    length = content_length(message)
    body = data[found[1] :]
    if length is not None:
        if length > len(body):
            raise RemoteProtocolError("the body is shorter than Content-Length", request=request)
        body = body[:length]
    if len(body) > limits.body:
        raise RemoteProtocolError("the body is too large", 413, request)
    message.body = body
    return message


def content_length(message: SipMessage) -> int | None:
    """Content-Length, or None when it is missing; raises when it is no number or two fields disagree."""
    values = message.headers.all("Content-Length")
    if not values:
        return None
    request = message if isinstance(message, SipRequest) else None
    if any(value != values[0] for value in values):
        raise RemoteProtocolError("Content-Length fields disagree", request=request)
    try:
        return parse_number(values[0], "Content-Length")
    except RemoteProtocolError as error:
        raise RemoteProtocolError(error.detail, request=request) from None


def parse_head(head: bytes, limits: MessageLimits = DEFAULT_LIMITS) -> SipMessage:
    """A message without its body, from the bytes before the empty line."""
    try:
        text, encoding = head.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        text, encoding = head.decode("latin-1"), "latin-1"
    text = text.replace("\r\n", "\n")
    if text.endswith("\r"):
        text = text[:-1]
    if "\r" in text:
        text = text.replace("\r", " ")
    if "\n " in text or "\n\t" in text:
        text = _unfold(text)
    lines = text.split("\n")
    start_line = lines[0]
    if start_line.startswith("SIP/"):
        status, reason = _parse_status_line(start_line)
        return SipResponse(status, reason, _parse_headers(lines, limits, None), encoding=encoding)
    method, request_uri, version = _parse_request_line(start_line)
    request = SipRequest(method, request_uri, Headers(), version=version, encoding=encoding)
    request.headers = _parse_headers(lines, limits, request)
    if start_line.count(" ") != 2 or not request_uri or "\t" in request_uri:
        # RFC 4475 section 3.1.2.9: a 400, not a guess.
        raise RemoteProtocolError("the request line has misplaced white space", request=request)
    return request


def _unfold(text: str) -> str:
    """RFC 3261 section 7.3.1: a line that starts with white space continues the one before, as one space."""
    lines: list[str] = []
    pieces: list[str] = []
    for line in text.split("\n"):
        if pieces and line.startswith((" ", "\t")):
            pieces.append(line.strip(WHITESPACE))
            continue
        lines.append(" ".join(pieces))
        pieces = [line]
    lines.append(" ".join(pieces))
    return "\n".join(lines[1:])


def _parse_request_line(line: str) -> tuple[str, str, str]:
    method, _, rest = line.partition(" ")
    request_uri, _, version = rest.rstrip(WHITESPACE).rpartition(" ")
    if not is_token(method) or not version.upper().startswith("SIP/"):
        raise RemoteProtocolError("neither a request nor a status line")
    return method, request_uri, version


def _parse_status_line(line: str) -> tuple[int, str]:
    version, _, rest = line.partition(" ")
    code, _, reason = rest.partition(" ")
    if (
        version.upper() != "SIP/2.0"
        or len(code) != 3
        or not consists_of(code, "0123456789")
        or not "100" <= code <= "699"
    ):
        raise RemoteProtocolError("the status line is malformed")
    return int(code), reason


def _parse_headers(lines: list[str], limits: MessageLimits, request: SipRequest | None) -> Headers:
    """The fields behind the start line. A broken line spoils the message, but the good ones still let us
    answer."""
    items: list[tuple[str, str]] = []
    fault: RemoteProtocolError | None = None
    spellings = SPELLINGS
    limit = limits.header_length
    if len(lines) - 1 > limits.header_count:
        fault = RemoteProtocolError("too many headers", 513)
        del lines[limits.header_count + 1 :]
    for index in range(1, len(lines)):
        line = lines[index]
        name, colon, value = line.partition(":")
        spelled = spellings.get(name)
        if spelled is None:
            name = name.rstrip(WHITESPACE)
            if not colon or not is_token(name):
                fault = fault or RemoteProtocolError("a header line is malformed")
                continue
            spelled = canonical_name(name)
        if len(line) > limit:
            fault = fault or RemoteProtocolError("a header is too long", 513)
            continue
        items.append((spelled, value.strip(WHITESPACE)))
    headers = Headers(items)
    if fault is not None:
        if request is not None:
            request.headers = headers
        raise RemoteProtocolError(fault.detail, fault.status, request)
    return headers
