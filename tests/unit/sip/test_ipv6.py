"""IPv6 in SIP, case by case as RFC 5118 section 4 lists them, with messages of our own."""

from __future__ import annotations

import pytest

from bridge.sip.events import InviteReceived
from bridge.sip.negotiated_media import LocalMedia, MediaCapabilities, NegotiatedMedia
from bridge.sip.offer_answer import answer_offer
from bridge.sip.parser import parse_datagram
from bridge.sip.uri import SipUri
from tests.support.sip.bench import UDP6, Bench, Entropy


def options(
    uri: str = "sip:[2001:db8::10]",
    via: str = "[2001:db8::7]",
    extra: str = "",
) -> bytes:
    """An OPTIONS between two IPv6 hosts."""
    return (
        f"OPTIONS {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch=z9hG4bKv6{extra}\r\n"
        "From: <sip:user@[2001:db8::7]>;tag=81x2\r\nTo: <sip:user@example.com>\r\n"
        "Call-ID: v6@[2001:db8::7]\r\nCSeq: 1 OPTIONS\r\n"
        "Contact: <sip:user@[2001:db8::7]>\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def status(data: bytes) -> int:
    """What the endpoint answers over IPv6."""
    (answer,) = Bench().receive(data, UDP6)
    return answer.status


def test_4_1_a_reference_in_brackets() -> None:
    assert status(options()) == 200


def test_4_2_an_address_without_brackets_gets_400() -> None:
    assert status(options(uri="sip:2001:db8::10")) == 400


@pytest.mark.parametrize(
    ("uri", "host", "port"),
    [
        ("sip:[2001:db8::10:5070]", "2001:db8::10:5070", None),
        ("sip:[2001:db8::10]:5070", "2001:db8::10", 5070),
    ],
)
def test_4_3_and_4_4_where_a_port_begins(uri: str, host: str, port: int | None) -> None:
    parsed = SipUri.parse(uri)
    assert (parsed.host, parsed.port) == (host, port)
    assert status(options(uri=uri)) == 200


@pytest.mark.parametrize("received", ["[2001:db8::9:255]", "2001:db8::9:255"])
def test_4_5_received_with_and_without_brackets(received: str) -> None:
    assert status(options(extra=f";received={received}")) == 200


def test_4_6_sdp_of_the_other_family_is_read() -> None:
    offer = (
        b"v=0\r\no=a 1 1 IN IP6 2001:db8::20\r\ns=-\r\nt=0 0\r\n"
        b"m=audio 6000 RTP/AVP 0\r\nc=IN IP6 2001:db8::20\r\n"
        b"m=audio 6002 RTP/AVP 0\r\nc=IN IP4 192.0.2.20\r\n"
    )
    agreed = answer_offer(offer, MediaCapabilities(), LocalMedia("2001:db8::2", 30000, Entropy()))
    assert isinstance(agreed, NegotiatedMedia)
    assert (agreed.remote_host, agreed.remote_port) == ("2001:db8::20", 6000)
    assert b"c=IN IP6 2001:db8::2\r\n" in agreed.sdp


def test_4_8_several_addresses_in_record_route_and_via() -> None:
    data = (
        b"INVITE sip:user@[2001:db8::10] SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP [2001:db8::7]:5060;branch=z9hG4bKa, SIP/2.0/UDP 192.0.2.1;received=192.0.2.30\r\n"
        b"Record-Route: <sip:[2001:db8::7];lr>, <sip:192.0.2.1;lr>\r\n"
        b"From: <sip:user@[2001:db8::7]>;tag=1\r\nTo: <sip:user@example.com>\r\n"
        b"Call-ID: mixed\r\nCSeq: 1 INVITE\r\nContact: <sip:user@[2001:db8::7]>\r\nContent-Length: 0\r\n\r\n"
    )
    bench = Bench()
    bench.receive(data, UDP6)
    call = bench.take(InviteReceived).call
    bench.endpoint.ring(call, bench.now)
    (ringing,) = bench.collect()
    assert ringing.header("Record-Route") == "<sip:[2001:db8::7];lr>, <sip:192.0.2.1;lr>"
    assert len(parse_datagram(ringing.raw).headers.values("Via")) == 2


def test_4_10_an_ipv4_address_mapped_into_ipv6() -> None:
    assert status(options(via="[::ffff:192.0.2.10]:19823")) == 200


@pytest.mark.parametrize(
    "host",
    ["[2001:db8::10", "[2001:db8::10]]", "[g::1]", "[::1%25lo]", "[]", "[1.2.3.4]", "[2001:db8::1::2]"],
)
def test_malformed_references_get_400(host: str) -> None:
    assert status(options(uri=f"sip:user@{host}")) == 400
