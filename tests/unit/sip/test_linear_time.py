"""Hostile input costs linear time: the input is doubled and executed lines are counted, not seconds.

Work inside the interpreter's own functions (find, split, partition) is linear in what it is given; what could
be worse is how often our lines run, and how much text they hand on, so both are counted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from bridge.sip.body import session_description
from bridge.sip.digest import DigestAuthenticator
from bridge.sip.errors import RemoteProtocolError
from bridge.sip.message import SipRequest
from bridge.sip.name_address import NameAddress
from bridge.sip.negotiated_media import MediaCapabilities
from bridge.sip.offer_answer import answer_offer
from bridge.sip.parser import MessageLimits, parse_datagram
from bridge.sip.stream_framing import StreamFraming
from bridge.sip.uri import parse_uri
from bridge.sip.via import Via
from tests.unit.sip.test_offer_answer import local

LIMITS = MessageLimits(message=10**7, body=10**7, header_count=10**6, header_length=10**7)
AUTHENTICATOR = DigestAuthenticator("trunkline", bytes(32))
HEAD = b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nCSeq: 1 INVITE\r\n"


def parse(data: bytes) -> None:
    """A datagram and everything in its headers."""
    message = parse_datagram(data, LIMITS)
    for name in {name for name, _ in message.headers}:
        message.headers.values(name)
    _ = message.via, message.contact


def authorise(value: bytes) -> None:
    """A hostile Authorization header."""
    request = parse_datagram(HEAD + b"Authorization: " + value + b"\r\n\r\n", LIMITS)
    assert isinstance(request, SipRequest)
    AUTHENTICATOR.verify(request, ["secret"], 1.0)


def multipart(data: bytes) -> None:
    """A hostile multipart body."""
    head = HEAD + b"Content-Type: multipart/mixed;boundary=b\r\n\r\n"
    request = parse_datagram(head + data, LIMITS)
    assert isinstance(request, SipRequest)
    session_description(request)


def stream(data: bytes) -> None:
    """A connection that gives its bytes in pieces of 64."""
    framing = StreamFraming(LIMITS)
    for start in range(0, len(data), 64):
        framing.receive(data[start : start + 64])


CASES: dict[str, tuple[Callable[[bytes], None], Callable[[int], bytes]]] = {
    "many headers": (parse, lambda n: HEAD + b"X: y\r\n" * n + b"\r\n"),
    "folded lines": (parse, lambda n: HEAD + b"X: y\r\n" + b" z\r\n" * n + b"\r\n"),
    "quotes": (parse, lambda n: HEAD + b"Contact: " + b'"' * n + b"\r\n\r\n"),
    "escapes": (parse, lambda n: HEAD + b'Contact: "' + b"\\" * n + b'"\r\n\r\n'),
    "commas": (parse, lambda n: HEAD + b"Contact: " + b"<sip:a@b>," * n + b"\r\n\r\n"),
    "brackets": (parse, lambda n: HEAD + b"Contact: " + b"<" * n + b"\r\n\r\n"),
    "branches": (parse, lambda n: HEAD + b"Via: SIP/2.0/UDP h" + b";a=b" * n + b"\r\n\r\n"),
    "line breaks": (parse, lambda n: b"\r\n" * n + HEAD + b"\r\n"),
    "credentials": (authorise, lambda n: b"Digest " + b'a="b",' * n),
    "unbalanced credentials": (authorise, lambda n: b"Digest " + b'a="' * n),
    "escaped credentials": (authorise, lambda n: b'Digest realm="' + b"\\a" * n + b'"'),
    "spaces in credentials": (authorise, lambda n: b"Digest" + b" " * n + b"=" + b" " * n),
    "multipart": (multipart, lambda n: b"--b\r\n" * n),
    "multipart headers": (multipart, lambda n: b"--b\r\n" + b"A: b\r\n" * n + b"\r\n--b--"),
    "slow stream": (stream, lambda n: HEAD + b"X: y\r\n" * n),
    "stream of keep-alives": (stream, lambda n: b"\r\n\r\n" * n),
    "stream of messages": (stream, lambda n: (HEAD + b"Content-Length: 0\r\n\r\n") * (n // 16)),
    "sdp attributes": (
        lambda data: void(answer_offer(data, MediaCapabilities(), local())),
        lambda n: b"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\nm=audio 1 RTP/AVP 0\r\n" + b"a=x:y\r\n" * (n // 16),
    ),
    "sdp formats": (
        lambda data: void(answer_offer(data, MediaCapabilities(), local())),
        lambda n: b"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\nc=IN IP4 1.2.3.4\r\nm=audio 1 RTP/AVP" + b" 5" * n,
    ),
    "uri parameters": (lambda data: void(parse_uri(data.decode())), lambda n: b"sip:a@b" + b";c=d" * n),
    "uri escapes": (lambda data: void(parse_uri(data.decode())), lambda n: b"sip:" + b"%41" * n + b"@b"),
    "at signs": (lambda data: void(parse_uri(data.decode())), lambda n: b"sip:" + b"a@" * n + b"b"),
    "display name": (lambda data: void(NameAddress.parse(data.decode())), lambda n: b"a " * n + b"<sip:a@b>"),
    "via": (lambda data: void(Via.parse(data.decode())), lambda n: b"SIP/2.0/UDP h" + b";" * n),
}


def void(_: object) -> None:
    """Drop a result."""


def lines_executed(work: Callable[[bytes], None], data: bytes) -> int:
    """How many lines of the SIP core run while it looks at `data`."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if "bridge" not in frame.f_code.co_filename:
            return None
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work(data)
    except RemoteProtocolError:
        pass
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("name", CASES)
def test_twice_the_input_costs_at_most_twice_the_lines(name: str) -> None:
    work, build = CASES[name]
    small, large = (lines_executed(work, build(size)) for size in (1024, 2048))
    assert large <= 2 * small + 200, (small, large)
