"""Messages out of a TCP or TLS byte stream (RFC 3261 section 18.3): coalesced, in pieces, with keep-alives
between.

One object per connection; each byte is looked at once. A stream whose framing is lost can only be closed.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.sip.errors import RemoteProtocolError
from bridge.sip.message import SipMessage, SipRequest
from bridge.sip.parser import MessageLimits, content_length, end_of_head, parse_head


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """A double CRLF, to be answered with a single one (RFC 5626 section 4.4.1)."""


@dataclass(frozen=True, slots=True)
class FramingFault:
    """What cannot be a message."""

    error: RemoteProtocolError
    fatal: bool
    """Where the next message starts is unknown: close the connection."""


Frame = SipMessage | KeepAlive | FramingFault


class StreamFraming:
    """Collects bytes until they make a message."""

    __slots__ = ("_buffer", "_closed", "_fault", "_limits", "_message", "_needed", "_scanned")

    def __init__(self, limits: MessageLimits) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._scanned = 0
        self._message: SipMessage | None = None
        self._fault: RemoteProtocolError | None = None
        self._needed = 0
        self._closed = False

    @property
    def idle(self) -> bool:
        """Whether no message is half received."""
        return not self._buffer and self._message is None

    def receive(self, data: bytes) -> list[Frame]:
        """What `data` completes. After a fatal fault everything is ignored."""
        frames: list[Frame] = []
        if not self._closed:
            self._buffer += data
            while (frame := self._next_frame(frames)) is not None:
                frames.append(frame)
        return frames

    def _next_frame(self, before: list[Frame]) -> Frame | None:
        if self._closed:
            return None
        if self._message is None and self._fault is None:
            if self._skip_line_breaks() and not (before and isinstance(before[-1], KeepAlive)):
                return KeepAlive()
            if not self._read_head():
                return self._overlong()
        if self._closed and self._fault is not None:
            return FramingFault(self._fault, fatal=True)
        return self._take_body()

    def _skip_line_breaks(self) -> bool:
        """Drop CR and LF between messages; True when a double CRLF was among them."""
        buffer = self._buffer
        end = 0
        while end < len(buffer) and buffer[end] in b"\r\n":
            end += 1
        breaks = bytes(buffer[:end])
        if end == len(buffer) and b"\r\n\r\n".startswith(breaks) and len(breaks) < 4:
            return False  # Part of a keep-alive, perhaps.
        del buffer[:end]
        self._scanned = 0
        return b"\r\n\r\n" in breaks

    def _read_head(self) -> bool:
        """Parse the head once it is complete; False while it is not."""
        found = end_of_head(self._buffer, max(0, self._scanned - 3))
        if found is None or found[0] > self._limits.message:
            self._scanned = len(self._buffer)
            return False
        head = bytes(self._buffer[: found[0]])
        del self._buffer[: found[1]]
        self._scanned = 0
        message: SipMessage | None = None
        try:
            message = parse_head(head, self._limits)
        except RemoteProtocolError as error:
            self._fault, message = error, error.request
        try:
            length = content_length(message) if message is not None else None
            if length is None:
                # RFC 3261 section 20.14: on a stream nothing else says where the body ends.
                raise RemoteProtocolError("no Content-Length on a stream", request=_request(message))
            if length > self._limits.body:
                raise RemoteProtocolError("the body is too large", 413, _request(message))
        except RemoteProtocolError as error:
            self._fault = self._fault or error
            self._closed = True
            return True
        self._message, self._needed = message, length
        return True

    def _overlong(self) -> Frame | None:
        if len(self._buffer) <= self._limits.message:
            return None
        self._closed = True
        return FramingFault(RemoteProtocolError("the message is too large", 513), fatal=True)

    def _take_body(self) -> Frame | None:
        if len(self._buffer) < self._needed:
            return None
        body = bytes(self._buffer[: self._needed])
        del self._buffer[: self._needed]
        message, fault = self._message, self._fault
        self._message = self._fault = None
        if fault is not None:
            return FramingFault(fault, fatal=False)
        if message is not None:
            message.body = body
        return message


def _request(message: SipMessage | None) -> SipRequest | None:
    return message if isinstance(message, SipRequest) else None
