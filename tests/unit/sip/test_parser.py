"""The parser's own rules, and what fuzzing has found."""

from __future__ import annotations

import pytest

from bridge.sip.errors import RemoteProtocolError
from bridge.sip.message import SipRequest, SipResponse
from bridge.sip.parser import MessageLimits, end_of_head, parse_datagram
from tests.support.sip.bench import TCP, Bench
from tests.support.sip.caller import OFFER, Caller


def test_bytes_behind_content_length_are_padding() -> None:
    assert parse_datagram(Caller().invite() + b"rest").body == OFFER


def test_without_content_length_a_datagram_is_all_body() -> None:
    data = Caller().request("INVITE", body=OFFER, content_length=False)
    assert parse_datagram(data).body == OFFER


def test_without_an_empty_line_a_request_is_answerable_but_malformed() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_datagram(Caller().request("OPTIONS").rstrip(b"\r\n"))
    assert caught.value.request is not None
    assert caught.value.request.method == "OPTIONS"


def test_a_broken_header_line_spoils_the_request_but_the_others_are_read() -> None:
    data = Caller().request("OPTIONS").replace(b"Max-Forwards: 70", b"Max-Forwards 70")
    with pytest.raises(RemoteProtocolError) as caught:
        parse_datagram(data)
    assert caught.value.request is not None
    assert caught.value.request.call_id == "call-1@198.51.100.7"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"a\r\n\r\nb", (2, 5)),
        (b"a\n\nb", (1, 3)),
        (b"a\n\r\nb\n\n", (1, 4)),
        (b"a\n\nb\r\n\r\n", (1, 3)),
        (b"a\r\n", None),
        (b"", None),
    ],
)
def test_where_the_head_ends(data: bytes, found: tuple[int, int] | None) -> None:
    assert end_of_head(data) == found


def test_a_lone_carriage_return_is_a_space() -> None:
    request = parse_datagram(Caller().request("OPTIONS", headers=(("Subject", "a\rb"),)))
    assert request.header("Subject") == "a b"


def test_a_message_above_the_limit_is_refused_unread() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_datagram(b"X" * 101, MessageLimits(message=100))
    assert (caught.value.status, caught.value.request) == (513, None)


def test_messages_are_equal_by_what_they_say() -> None:
    data = Caller().invite()
    one, other = parse_datagram(data), parse_datagram(data)
    assert one == other
    assert hash(one) == hash(other)
    assert one != parse_datagram(Caller(call_id="another").invite())
    assert one != SipResponse(200, "OK", one.headers)
    assert isinstance(one, SipRequest)
    assert "198.51.100.7" not in repr(one)


# What fuzzing has found.


def test_a_request_without_via_on_a_stream_is_dropped() -> None:
    bench = Bench()
    assert bench.receive(b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 0\r\n\r\n", TCP) == []


def test_a_request_line_with_misplaced_white_space_is_no_guess() -> None:
    for line in (b"OPTIONS  sip:a@b SIP/2.0", b"OPTIONS sip:a@b  SIP/2.0", b"OPTIONS sip:a\t@b SIP/2.0"):
        with pytest.raises(RemoteProtocolError):
            parse_datagram(line + b"\r\nVia: x\r\n\r\n")


@pytest.mark.parametrize(
    "status", [b"000", b"075", b"099", b"700", b"999", b"1000", b"20", b"2x0", b"\xb2\xb2\xb2"]
)
def test_status_codes_that_are_none(status: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_datagram(b"SIP/2.0 " + status + b" OK\r\nVia: x\r\n\r\n")
