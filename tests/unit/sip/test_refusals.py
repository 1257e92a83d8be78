"""What the endpoint refuses by itself, behaviour 9, and what each response carries."""

from __future__ import annotations

import pytest

from bridge.sip.endpoint import EndpointSettings
from bridge.sip.events import RequestRefused
from bridge.sip.parser import MessageLimits
from tests.support.sip.bench import SETTINGS, Bench
from tests.support.sip.caller import OFFER, Caller
from tests.support.sip.received import Received

ALLOWED = "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO, NOTIFY"


def refusal(data: bytes, settings: EndpointSettings = SETTINGS) -> tuple[Received, RequestRefused]:
    """The one answer and the event of a refused request."""
    bench = Bench(settings)
    (answer,) = bench.receive(data)
    return answer, bench.take(RequestRefused)


def test_9_420_names_what_is_not_supported() -> None:
    required = (("Require", "100rel, precondition"), ("Require", "sec-agree"))
    answer, event = refusal(Caller().invite(headers=required))
    assert (answer.status, answer.header("Unsupported")) == (420, "precondition, sec-agree")
    assert event.why == "extension"


@pytest.mark.parametrize(("method", "status"), [("REGISTER", 405), ("SUBSCRIBE", 405), ("FLY", 501)])
def test_9_other_methods(method: str, status: int) -> None:
    answer, event = refusal(Caller().request(method))
    assert (answer.status, answer.header("Allow")) == (status, ALLOWED)
    assert (event.method, event.status, event.why) == (method, status, "method")


def test_9_415_names_what_is_taken() -> None:
    answer, _ = refusal(Caller().invite().replace(b"application/sdp", b"application/pidf+xml"))
    assert (answer.status, answer.header("Accept")) == (415, "application/sdp")
    answer, _ = refusal(Caller().invite(headers=(("Content-Encoding", "gzip"),)))
    assert (answer.status, answer.header("Accept-Encoding")) == (415, "identity")


def test_a_body_that_may_be_ignored_is() -> None:
    optional = (("Content-Disposition", "render;handling=optional"),)
    data = Caller().invite(headers=optional).replace(b"application/sdp", b"application/pidf+xml")
    bench = Bench()
    assert [answer.status for answer in bench.receive(data)] == [100]


@pytest.mark.parametrize("uri", ["http://example.com", "mailto:a@example.com", "urn:service:sos"])
def test_9_416_for_other_schemes(uri: str) -> None:
    answer, _ = refusal(Caller(target=uri).invite())
    assert answer.status == 416


def test_9_505_for_another_version() -> None:
    answer, _ = refusal(Caller().invite().replace(b"SIP/2.0\r\n", b"SIP/3.0\r\n", 1))
    assert answer.status == 505


def test_406_when_no_sdp_is_accepted() -> None:
    answer, _ = refusal(Caller().invite(headers=(("Accept", "text/plain"),)))
    assert answer.status == 406


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"CSeq: 1 INVITE", b"CSeq: 1 BYE"),
        (b"CSeq: 1 INVITE", b"CSeq: 4294967296 INVITE"),
        (b"CSeq: 1 INVITE", b"CSeq: -1 INVITE"),
        (b"CSeq: 1 INVITE", b"CSeq: INVITE"),
        (b"CSeq: 1 INVITE\r\n", b""),
        (b"Call-ID: ", b"X-Call-ID: "),
        (b"Max-Forwards: 70", b"Max-Forwards: many"),
        (b"Content-Length: ", b"Content-Length: -"),
        (b"Content-Length: ", b"Content-Length: 9"),
        (b"Contact: <sip:caller@", b"Contact: <sip:caller@;"),
        (b"Max-Forwards: 70", b"Max Forwards 70"),
        (b"To: ", b"To: <sip:x@y>\r\nTo: "),
        (b"Max-Forwards: 70", b'Require: a, "unbalanced'),
    ],
)
def test_9_400_for_malformed_fields(old: bytes, new: bytes) -> None:
    data = Caller().invite()
    assert old in data
    answer, event = refusal(data.replace(old, new, 1))
    assert (answer.status, event.status, event.why) == (400, 400, "malformed")
    assert event.detail


def test_9_413_and_513_for_size() -> None:
    small = EndpointSettings(
        advertised=SETTINGS.advertised, limits=MessageLimits(body=100, header_count=20, header_length=300)
    )
    assert refusal(Caller().invite(body=OFFER * 2), small)[0].status == 413
    assert refusal(Caller().invite(headers=(("X-Long", "x" * 400),)), small)[0].status == 513
    many = tuple((f"X-{number}", "x") for number in range(30))
    assert refusal(Caller().invite(headers=many), small)[0].status == 513


def test_9_2xx_and_options_say_what_is_supported() -> None:
    bench, caller = Bench(), Caller()
    (options,) = bench.receive(caller.request("OPTIONS"))
    bench.answered(caller)
    for answer in (options, bench.sent[-1].message):
        assert answer.status == 200
        assert answer.header("Allow") == ALLOWED
        assert answer.header("Supported") == "100rel, timer"
        assert "application/sdp" in answer.header("Accept")


def test_while_draining_pings_get_503_and_dialogs_go_on() -> None:
    bench, caller = Bench(), Caller()
    bench.confirmed(caller)
    bench.endpoint.start_draining(30)
    (ping,) = bench.receive(Caller(call_id="ping", tag="ping").request("OPTIONS"))
    assert (ping.status, ping.header("Retry-After")) == (503, "30")
    (inside,) = bench.receive(caller.request("OPTIONS"))
    assert inside.status == 200


def test_11_retry_after_with_503() -> None:
    bench, caller = Bench(), Caller()
    call = bench.invited(caller)
    bench.endpoint.reject(call, 503, bench.now, reason="Draining", headers=[("Retry-After", "30")])
    (answer,) = bench.collect()
    assert answer.start_line == "SIP/2.0 503 Draining"
    assert answer.header("Retry-After") == "30"


def test_nothing_that_we_write_starts_a_new_line() -> None:
    bench, caller = Bench(), Caller()
    call = bench.invited(caller)
    bench.endpoint.reject(
        call,
        403,
        bench.now,
        reason="No\r\nX-Evil: 1",
        headers=[("X-Why", "a\r\nX-Evil: 1\x00\u2028"), ("X-Evil\r\n: ", "b")],
    )
    (answer,) = bench.collect()
    assert answer.start_line == "SIP/2.0 403 No  X-Evil: 1"
    assert answer.header("X-Why") == "a  X-Evil: 1  "
    assert answer.header("X-Evil") == "b"


def test_an_ack_is_never_answered() -> None:
    bench, caller = Bench(), Caller()
    bad = caller.request("ACK").replace(b"Call-ID", b"Other-ID")
    assert bench.receive(bad) == []
    assert bench.take(RequestRefused).status == 0


@pytest.mark.parametrize(
    "data", [b"", b"\r\n\r\n", b"\x00\x00", b"hello", b"\xff" * 100, b"SIP/2.0 200 OK\r\n\r\n"]
)
def test_what_is_no_request_is_dropped(data: bytes) -> None:
    bench = Bench()
    assert bench.receive(data) == []


def test_the_detail_of_a_refusal_is_printable_and_short() -> None:
    name = "n" * 500 + "\x1b"
    _, event = refusal(Caller().invite(headers=(("Require", name),)))
    assert len(event.detail) <= 200
    assert event.detail.isprintable()
