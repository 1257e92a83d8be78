"""Where messages go, what is echoed, and streams: behaviours 13 and 14 (RFC 3261 section 18, RFC 3581, RFC
5626)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.sip.errors import RemoteProtocolError
from bridge.sip.events import CallEnded, InviteReceived, RequestRefused
from bridge.sip.flow import Flow
from bridge.sip.parser import MessageLimits
from bridge.sip.stream_framing import FramingFault, KeepAlive, StreamFraming
from tests.support.sip.bench import SETTINGS, TCP, TLS, UDP, UDP6, Bench
from tests.support.sip.caller import Caller

NAT = replace(UDP, remote_host="203.0.113.99", remote_port=61000)


def test_13_rport_sends_the_answer_where_the_request_came_from() -> None:
    bench, caller = Bench(), Caller()
    (answer,) = bench.receive(caller.request("OPTIONS", branch="z9hG4bK-1"), NAT)
    assert answer.header("Via") == (
        "SIP/2.0/UDP 198.51.100.7:5060;rport=61000;branch=z9hG4bK-1;received=203.0.113.99"
    )
    assert bench.sent[-1].flow == NAT


def test_13_without_rport_the_port_of_via_counts() -> None:
    bench, caller = Bench(), Caller(via="SIP/2.0/UDP 10.0.0.1:5070")
    (answer,) = bench.receive(caller.request("OPTIONS", branch="z9hG4bK-1"), NAT)
    assert answer.header("Via") == "SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bK-1;received=203.0.113.99"
    assert bench.sent[-1].flow == replace(NAT, remote_port=5070)


def test_13_without_rport_and_port_it_is_5060() -> None:
    bench, caller = Bench(), Caller(via="SIP/2.0/UDP pbx.example.net")
    bench.receive(caller.request("OPTIONS"), NAT)
    assert bench.sent[-1].flow == replace(NAT, remote_port=5060)


def test_13_maddr_is_no_way_to_aim_at_others() -> None:
    bench, caller = Bench(), Caller(via="SIP/2.0/UDP 198.51.100.7;maddr=192.0.2.77;ttl=1;rport")
    bench.receive(caller.request("OPTIONS"))
    assert bench.sent[-1].flow == UDP


def test_13_ipv6() -> None:
    bench, caller = (
        Bench(),
        Caller(via="SIP/2.0/UDP [2001:DB8:0::7]:5060", contact="<sip:a@[2001:db8::7]:5066>"),
    )
    call = bench.answered(caller, UDP6)
    ok = bench.sent[-1].message
    assert ok.header("Via").startswith("SIP/2.0/UDP [2001:DB8:0::7]:5060;branch=")
    assert "received" not in ok.header("Via")
    assert ok.header("Contact") == "<sip:trunkline@[2001:db8::1]:5060>"
    bench.receive(caller.ack(), UDP6)
    bench.endpoint.hang_up(call, bench.now)
    (bye,) = bench.collect()
    assert bye.start_line == "BYE sip:a@[2001:db8::7]:5066 SIP/2.0"
    assert bench.sent[-1].flow == replace(UDP6, remote_port=5066)


@pytest.mark.parametrize(
    ("flow", "contact"),
    [
        (UDP, "<sip:trunkline@192.0.2.1:5060>"),
        (TCP, "<sip:trunkline@192.0.2.1:5060;transport=tcp>"),
        (TLS, "<sip:trunkline@sip.example.org:5061;transport=tls>"),
    ],
    ids=["udp", "tcp", "tls"],
)
def test_14_the_contact_is_the_advertised_address(flow: Flow, contact: str) -> None:
    bench = Bench()
    bound = replace(flow, local_host="10.9.8.7", local_port=9)
    call = bench.answered(Caller(), bound)
    assert bench.sent[-1].message.header("Contact") == contact
    bench.endpoint.hang_up(call, bench.now)
    assert b"10.9.8.7" not in b"".join(sent.data for sent in bench.sent)


def test_14_a_sips_invite_gets_a_sips_contact() -> None:
    bench = Bench()
    bench.answered(Caller(target="sips:+15551230001@trunk.example.com"), TLS)
    assert bench.sent[-1].message.header("Contact") == "<sips:trunkline@sip.example.org:5061>"


def test_what_is_echoed_is_echoed_byte_for_byte() -> None:
    via = b'SIP / 2.0 / UDP  198.51.100.7:5060 ; branch=z9hG4bK-Odd.%21;x="a,b;c" , SIP/2.0/TCP h2;branch=z9'
    caller = b'"J\xf6rg \\"x\\" <y>" <sip:a@c.example.net;user=phone>;TAG=Ab-1 ; other = "q"'
    invite = (
        b"INVITE sip:b@trunk.example.com SIP/2.0\r\n"
        b"v: " + via + b"\r\n"
        b"Via: SIP/2.0/UDP [2001:db8::9]:5060;branch=z9hG4bK3\r\n"
        b"f: " + caller + b"\r\n"
        b"t: b <sip:b@trunk.example.com>;x=y\r\n"
        b'i: ODD(><:\\/"][?}{)@x\r\n'
        b"CSeq:  0010   INVITE\r\n"
        b"Timestamp: 54\r\n"
        b"m: <sip:a@198.51.100.7>\r\n\r\n"
    )
    bench = Bench()
    bench.endpoint.receive_datagram(invite, UDP, 0.0)
    bench.endpoint.take_events()
    (sent,) = bench.endpoint.take_transmissions()
    assert sent.data.split(b"\r\n")[1:8] == [
        b"Via: " + via,
        b"Via: SIP/2.0/UDP [2001:db8::9]:5060;branch=z9hG4bK3",
        b"From: " + caller,
        b"To: b <sip:b@trunk.example.com>;x=y",
        b'Call-ID: ODD(><:\\/"][?}{)@x',
        b"CSeq: 0010   INVITE",
        b"Timestamp: 54",
    ]


def test_13_coalesced_and_fragmented_messages() -> None:
    one, other = Caller(call_id="1", tag="1"), Caller(call_id="2", tag="2")
    data = one.invite() + b"\r\n" + other.invite() + one.request("OPTIONS")
    for size in (1, 7, 100, len(data)):
        bench = Bench()
        for start in range(0, len(data), size):
            bench.receive(data[start : start + size], TCP)
        assert [type(event) for event in bench.events] == [InviteReceived, InviteReceived]
        assert [sent.message.status for sent in bench.sent] in ([100, 100, 200], [200, 100, 100])


def test_13_crlf_keep_alives_are_answered() -> None:
    bench = Bench()
    bench.endpoint.receive_stream(b"\r\n\r\n", TCP, 0.0)
    (pong,) = bench.endpoint.take_transmissions()
    assert (pong.data, pong.flow) == (b"\r\n", TCP)
    for byte in b"\r\n\r":
        bench.endpoint.receive_stream(bytes((byte,)), TCP, 0.0)
        assert bench.endpoint.take_transmissions() == []
    bench.endpoint.receive_stream(b"\n", TCP, 0.0)
    assert len(bench.endpoint.take_transmissions()) == 1


def test_13_a_flood_of_keep_alives_gets_one_answer_for_each_read() -> None:
    bench = Bench()
    bench.endpoint.receive_stream(b"\r\n\r\n" * 10_000, TCP, 0.0)
    assert len(bench.endpoint.take_transmissions()) == 1


@pytest.mark.parametrize("length", ["", "Content-Length: -5\r\n", "Content-Length: x\r\n"])
def test_13_a_stream_without_a_usable_length_is_closed_with_400(length: str) -> None:
    bench, caller = Bench(), Caller()
    data = caller.request("OPTIONS", content_length=False)
    bench.receive(data.replace(b"\r\n\r\n", b"\r\n" + length.encode() + b"\r\n"), TCP)
    (sent,) = bench.sent
    assert (sent.message.status, sent.close) == (400, True)
    assert bench.receive(caller.request("OPTIONS"), TCP) == []


def test_13_garbage_on_a_stream_closes_it() -> None:
    bench = Bench()
    bench.receive(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", TCP)
    (sent,) = bench.sent
    assert (sent.data, sent.close) == (b"", True)
    assert bench.take(RequestRefused).why == "malformed"


def test_13_an_endless_head_closes_the_stream() -> None:
    bench = Bench()
    for _ in range(20):
        bench.receive(b"X" * 4096, TCP)
    assert [sent.close for sent in bench.sent] == [True]


def test_13_a_body_above_the_limit_closes_with_413() -> None:
    bench = Bench()
    bench.receive(Caller().request("OPTIONS").replace(b"Content-Length: 0", b"Content-Length: 99999"), TCP)
    (sent,) = bench.sent
    assert (sent.message.status, sent.close) == (413, True)


def test_13_a_malformed_message_of_known_length_does_not_close() -> None:
    bench, caller = Bench(), Caller()
    broken = caller.request("OPTIONS").replace(b"Max-Forwards: 70", b"no header line")
    answers = bench.receive(broken + caller.request("OPTIONS"), TCP)
    assert [answer.status for answer in answers] == [400, 200]
    assert not any(sent.close for sent in bench.sent)


def test_a_lost_connection_ends_a_call_that_waits_for_its_answer() -> None:
    bench, caller = Bench(), Caller()
    call = bench.invited(caller, TCP)
    bench.endpoint.connection_lost(TCP, bench.now)
    bench.collect()
    assert bench.take(CallEnded) == CallEnded(
        call, "transport_failed", "the connection closed before the call was answered"
    )


def test_a_lost_connection_leaves_a_call_that_is_up() -> None:
    bench, caller = Bench(), Caller(contact="<sip:a@198.51.100.7:5062;transport=tcp>")
    call = bench.confirmed(caller, TCP)
    bench.endpoint.connection_lost(TCP, bench.now)
    assert bench.collect() == []
    assert bench.events == []
    bench.endpoint.hang_up(call, bench.now)
    bench.collect()
    flow = bench.sent[-1].flow
    assert (flow.connection_id, flow.remote_host, flow.remote_port) == (0, "198.51.100.7", 5062)


def test_a_new_connection_takes_a_call_over() -> None:
    bench, caller = Bench(), Caller()
    call = bench.confirmed(caller, TCP)
    bench.endpoint.connection_lost(TCP, bench.now)
    other = replace(TCP, remote_port=40200, connection_id=99)
    bench.receive(caller.request("OPTIONS"), other)
    bench.endpoint.hang_up(call, bench.now)
    bench.collect()
    assert bench.sent[-1].flow == other


def test_framing_says_when_it_is_idle() -> None:
    framing = StreamFraming(MessageLimits())
    assert framing.idle
    assert framing.receive(b"OPTIONS") == []
    assert not framing.idle
    (fault,) = framing.receive(b"\r\n\r\n")
    assert isinstance(fault, FramingFault)
    assert isinstance(fault.error, RemoteProtocolError)
    assert fault.fatal
    assert StreamFraming(MessageLimits()).receive(b"\r\n\r\n") == [KeepAlive()]


def test_14_every_served_transport_is_advertised() -> None:
    assert set(SETTINGS.advertised) == {UDP.transport, TCP.transport, TLS.transport}
