"""Dialogs and their requests, behaviours 7, 8, 10 and 12: identity, order, routes, targets, ends."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace

import pytest

from bridge.sip.errors import LocalProtocolError
from bridge.sip.events import (
    AckReceived,
    CallEnded,
    InfoReceived,
    InviteReceived,
    RequestRefused,
    TransferReported,
)
from bridge.sip.flow import Flow
from bridge.sip.invite_call import InviteCall
from tests.support.sip.bench import TCP, TLS, UDP, UDP6, Bench
from tests.support.sip.caller import ANSWER, Caller


def test_7_unknown_to_tag_gets_481() -> None:
    bench, caller = Bench(), Caller(to_tag="never-given")
    for method in ("INVITE", "BYE", "INFO", "UPDATE", "PRACK", "OPTIONS", "NOTIFY"):
        (answer,) = bench.receive(caller.request(method))
        assert answer.status == 481, method


def test_7_lower_cseq_gets_500() -> None:
    bench, caller = Bench(), Caller(cseq=10)
    bench.confirmed(caller)
    (answer,) = bench.receive(caller.request("INFO", cseq=9))
    assert answer.status == 500
    assert bench.take(RequestRefused).why == "sequence"


def test_requests_outside_of_any_dialog_get_481() -> None:
    bench, caller = Bench(), Caller()
    for method in ("BYE", "INFO", "PRACK", "UPDATE", "NOTIFY"):
        (answer,) = bench.receive(caller.request(method))
        assert answer.status == 481, method


def test_8_record_route_is_copied_and_followed() -> None:
    bench, caller = Bench(), Caller(contact="<sip:pbx@172.18.66.14:5071>")
    routes = (
        ("Record-Route", "<sip:198.51.100.9;lr;ftag=1>, <sip:edge.example.net:5080;lr>"),
        ("Record-Route", "<sip:203.0.113.1;lr>"),
    )
    call = bench.invited(caller, data=caller.invite(headers=routes))
    bench.endpoint.ring(call, bench.now)
    bench.endpoint.answer(call, ANSWER, bench.now)
    ringing, answer = bench.collect()
    for response in (ringing, answer):
        assert response.all("Record-Route") == [value for _, value in routes]
    caller.to_tag = answer.to_tag
    bench.receive(caller.ack())
    bench.endpoint.hang_up(call, bench.now)
    (bye,) = bench.collect()
    assert bye.start_line == "BYE sip:pbx@172.18.66.14:5071 SIP/2.0"
    assert bye.all("Route") == [
        "<sip:198.51.100.9;lr;ftag=1>",
        "<sip:edge.example.net:5080;lr>",
        "<sip:203.0.113.1;lr>",
    ]
    # The first hop is an address that is as global as the peer's own: requests go there.
    assert (bench.sent[-1].flow.remote_host, bench.sent[-1].flow.remote_port) == ("198.51.100.9", 5060)


def test_8_a_strict_router_takes_the_request_uri() -> None:
    bench, caller = Bench(), Caller()
    route = (("Record-Route", "<sip:198.51.100.9:5065>"),)
    call = bench.confirmed(caller, data=caller.invite(headers=route))
    bench.endpoint.hang_up(call, bench.now)
    (bye,) = bench.collect()
    assert bye.start_line == "BYE sip:198.51.100.9:5065 SIP/2.0"
    assert bye.all("Route") == ["<sip:caller@198.51.100.7:5060>"]


@pytest.mark.parametrize(
    ("contact", "target", "port"),
    [
        ("<sip:a@10.1.2.3:5062>", "sip:a@10.1.2.3:5062", 5060),
        ("<sip:a@pbx.example.net>", "sip:a@pbx.example.net", 5060),
        ("<sip:a@198.51.100.7:5099;ob>", "sip:a@198.51.100.7:5099;ob", 5099),
    ],
    ids=["private", "name", "address"],
)
def test_8_bye_has_the_contact_as_its_uri(contact: str, target: str, port: int) -> None:
    bench, caller = Bench(), Caller(contact=contact)
    call = bench.confirmed(caller)
    bench.endpoint.hang_up(call, bench.now)
    (bye,) = bench.collect()
    assert bye.start_line == f"BYE {target} SIP/2.0"
    flow = bench.sent[-1].flow
    assert (flow.remote_host, flow.remote_port) == ("198.51.100.7", port)


def test_bye_has_the_dialogs_identity_and_a_reason() -> None:
    bench, caller = Bench(), Caller()
    call = bench.confirmed(caller)
    bench.endpoint.hang_up(call, bench.now, "call side\r\nInjected: yes")
    (bye,) = bench.collect()
    assert bye.header("From") == f"<sip:+15551230001@trunk.example.com>;tag={caller.to_tag}"
    assert bye.header("To") == '"A Caller" <sip:+15557654321@carrier.example.net>;tag=caller-tag'
    assert bye.header("Call-ID") == caller.call_id
    assert bye.header("Reason") == 'SIP;cause=200;text="call side  Injected: yes"'
    assert bye.all("Injected") == []


def test_10_ringing_and_early_media() -> None:
    bench, caller = Bench(), Caller()
    call = bench.invited(caller)
    bench.endpoint.ring(call, bench.now)
    bench.endpoint.ring(call, bench.now, ANSWER)
    ringing, progress = bench.collect()
    assert (ringing.status, ringing.body) == (180, b"")
    assert (progress.status, progress.body) == (183, ANSWER)
    assert ringing.to_tag == progress.to_tag == call


@pytest.mark.parametrize("flow", [UDP, TCP, TLS, UDP6], ids=["udp", "tcp", "tls", "udp6"])
def test_a_whole_call_on_each_transport(flow: Flow) -> None:
    bench, caller = Bench(), Caller()
    call = bench.answered(caller, flow)
    bench.receive(caller.ack(), flow)
    assert bench.take(AckReceived) == AckReceived(call, None)
    (answer,) = bench.receive(caller.bye(headers=(("Reason", "Q.850;cause=16"),)), flow)
    assert answer.status == 200
    assert bench.take(CallEnded) == CallEnded(call, "bye", "Q.850;cause=16")
    bench.advance(40)
    assert bench.endpoint.next_deadline() is None


def test_12_nothing_is_sent_after_the_answer_unasked() -> None:
    bench, caller = Bench(), Caller()
    bench.confirmed(caller)
    assert bench.advance(3600) == []


def test_bye_before_the_answer_ends_the_invite() -> None:
    bench, caller = Bench(), Caller()
    call = bench.invited(caller)
    bench.endpoint.ring(call, bench.now)
    (ringing,) = bench.collect()
    caller.to_tag = ringing.to_tag
    answers = bench.receive(caller.bye())
    assert [(answer.status, answer.method) for answer in answers] == [(200, "BYE"), (487, "INVITE")]
    assert bench.take(CallEnded).cause == "bye"


def test_hang_up_before_the_answer_is_a_refusal() -> None:
    bench, caller = Bench(), Caller()
    call = bench.invited(caller)
    bench.endpoint.hang_up(call, bench.now)
    assert [answer.status for answer in bench.collect()] == [480]


def test_hang_up_before_the_ack_waits_for_it() -> None:
    bench, caller = Bench(), Caller()
    call = bench.answered(caller)
    bench.endpoint.hang_up(call, bench.now)
    assert bench.collect() == []
    (bye,) = bench.receive(caller.ack())
    assert bye.start_line.startswith("BYE ")


def test_hang_up_before_an_ack_that_never_comes_is_told_nobody() -> None:
    bench, caller = Bench(), Caller()
    call = bench.answered(caller)
    bench.endpoint.hang_up(call, bench.now)
    sent = bench.advance(32)
    assert sent[-1].message.start_line.startswith("BYE ")
    bench.receive(caller.response(sent[-1].message, 200))
    assert bench.events == []
    bench.advance(40)
    assert bench.endpoint.next_deadline() is None


def test_crossing_byes_are_both_answered() -> None:
    bench, caller = Bench(), Caller()
    call = bench.confirmed(caller)
    bench.endpoint.hang_up(call, bench.now)
    (ours,) = bench.collect()
    (answer,) = bench.receive(caller.bye())
    assert answer.status == 200
    bench.receive(caller.response(ours, 481))
    assert bench.events == []
    bench.advance(40)
    assert bench.endpoint.next_deadline() is None


def end_by_bye(bench: Bench, caller: Caller) -> None:
    bench.confirmed(caller)
    bench.receive(caller.bye())


def end_by_hanging_up(bench: Bench, caller: Caller) -> None:
    call = bench.confirmed(caller)
    bench.endpoint.hang_up(call, bench.now)
    (bye,) = bench.collect()
    bench.receive(caller.response(bye, 200))


def end_by_crossing_byes(bench: Bench, caller: Caller) -> None:
    call = bench.confirmed(caller)
    bench.endpoint.hang_up(call, bench.now)
    (ours,) = bench.collect()
    bench.receive(caller.bye())
    bench.receive(caller.response(ours, 481))


def end_by_cancel(bench: Bench, caller: Caller) -> None:
    bench.invited(caller)
    bench.receive(caller.cancel())


def end_by_refusal(bench: Bench, caller: Caller) -> None:
    bench.endpoint.reject(bench.invited(caller), 404, bench.now)


def end_by_a_lost_ack(bench: Bench, caller: Caller) -> None:
    bench.answered(caller)
    bench.advance(80)


@pytest.mark.parametrize(
    "end",
    [
        end_by_bye,
        end_by_hanging_up,
        end_by_crossing_byes,
        end_by_cancel,
        end_by_refusal,
        end_by_a_lost_ack,
    ],
    ids=lambda end: end.__name__,
)
def test_ended_call_is_freed_without_the_garbage_collector(end: Callable[[Bench, Caller], None]) -> None:
    gc.collect()
    gc.freeze()  # What is there already is not counted.
    gc.disable()
    try:
        bench = Bench()
        end(bench, Caller())
        bench.advance(100)
        bench.events.clear()
        assert not [each for each in gc.get_objects() if isinstance(each, InviteCall)]
    finally:
        gc.enable()
        gc.unfreeze()


def test_11_info_with_digits_is_told_and_others_refused() -> None:
    bench, caller = Bench(), Caller()
    call = bench.confirmed(caller)
    body = b"Signal=5\r\nDuration=160\r\n"
    (answer,) = bench.receive(caller.request("INFO", body=body, content_type="application/dtmf-relay"))
    assert answer.status == 200
    assert bench.take(InfoReceived) == InfoReceived(call, "application/dtmf-relay", body)
    (answer,) = bench.receive(caller.request("INFO", body=b"x", content_type="text/plain"))
    assert answer.status == 415
    assert answer.header("Accept") == "application/dtmf, application/dtmf-relay"


def test_11_transfer_and_its_reports() -> None:
    bench, caller = Bench(), Caller()
    call = bench.confirmed(caller)
    bench.endpoint.transfer(call, "sip:+15559990000@carrier.example.net;user=phone", bench.now)
    (refer,) = bench.collect()
    assert refer.start_line.startswith("REFER ")
    assert refer.header("Refer-To") == "<sip:+15559990000@carrier.example.net;user=phone>"
    bench.receive(caller.response(refer, 202, "Accepted"))
    for status, state, final in (
        (100, "active;expires=60", False),
        (200, "terminated;reason=noresource", True),
    ):
        notify = caller.request(
            "NOTIFY",
            headers=(("Event", "refer"), ("Subscription-State", state)),
            body=f"SIP/2.0 {status} X\r\n".encode(),
            content_type="message/sipfrag",
        )
        (answer,) = bench.receive(notify)
        assert answer.status == 200
        assert bench.take(TransferReported) == TransferReported(call, status, final)
    (answer,) = bench.receive(caller.request("NOTIFY", headers=(("Event", "refer"),)))
    assert answer.status == 481


def test_11_a_refused_transfer_is_told() -> None:
    bench, caller = Bench(), Caller()
    call = bench.confirmed(caller)
    bench.endpoint.transfer(call, "tel:+15559990000", bench.now)
    (refer,) = bench.collect()
    bench.receive(caller.response(refer, 603, "Decline"))
    assert bench.take(TransferReported) == TransferReported(call, 603, True)


@pytest.mark.parametrize("target", ["no uri", "sip:a@b\r\nX: y", "sip:a b@c", ""])
def test_a_transfer_to_no_uri_is_our_own_error(target: str) -> None:
    bench, caller = Bench(), Caller()
    call = bench.confirmed(caller)
    with pytest.raises(LocalProtocolError):
        bench.endpoint.transfer(call, target, bench.now)


def test_a_notify_of_another_event_gets_489() -> None:
    bench, caller = Bench(), Caller()
    bench.confirmed(caller)
    (answer,) = bench.receive(caller.request("NOTIFY", headers=(("Event", "presence"),)))
    assert answer.status == 489
    assert answer.header("Allow-Events") == "refer"


def test_two_calls_do_not_mix() -> None:
    bench = Bench()
    one, other = Caller(call_id="one", tag="one"), Caller(call_id="other", tag="other")
    first, second = bench.confirmed(one), bench.confirmed(other)
    assert first != second
    bench.receive(replace(one, to_tag=other.to_tag, branches=50).bye())
    assert bench.take(RequestRefused).status == 481
    bench.receive(other.bye())
    assert bench.take(CallEnded).call == second


def test_requests_while_our_bye_is_under_way_get_481() -> None:
    bench, caller = Bench(), Caller()
    call = bench.confirmed(caller)
    bench.endpoint.hang_up(call, bench.now)
    bench.collect()
    (answer,) = bench.receive(caller.request("INFO"))
    assert answer.status == 481


def test_an_ack_with_a_body_that_cannot_be_read_confirms_without_an_answer() -> None:
    bench, caller = Bench(), Caller()
    call = bench.answered(caller, data=caller.invite(body=b""))
    ack = caller.ack(body=b"x").replace(b"application/sdp", b"text/plain")
    assert bench.receive(ack) == []
    refused, confirmed = bench.events
    assert isinstance(refused, RequestRefused)
    assert (refused.method, refused.status) == ("ACK", 0)
    assert confirmed == AckReceived(call, None)


def test_an_ack_that_comes_again_is_told_once() -> None:
    bench, caller = Bench(), Caller()
    bench.answered(caller)
    ack = caller.ack()
    for _ in range(3):
        assert bench.receive(ack) == []
    assert bench.take(AckReceived).answer is None


def test_decisions_about_a_call_that_is_over_do_nothing() -> None:
    bench, caller = Bench(), Caller()
    call = bench.confirmed(caller)
    bench.receive(caller.bye())
    bench.events.clear()
    endpoint, now = bench.endpoint, bench.now
    endpoint.challenge(call, ["Digest realm=x"], now)
    endpoint.ring(call, now)
    endpoint.answer(call, ANSWER, now)
    endpoint.reject(call, 500, now)
    endpoint.drop(call, now)
    endpoint.hang_up(call, now)
    endpoint.accept_reinvite(call, ANSWER, now)
    endpoint.reject_reinvite(call, 488, now)
    endpoint.transfer(call, "sip:a@b", now)
    assert bench.collect() == []
    assert bench.events == []


@pytest.mark.parametrize("old", [b"CSeq: ", b"Via: "])
def test_responses_that_answer_nothing_are_counted_and_dropped(old: bytes) -> None:
    bench, caller = Bench(), Caller()
    call = bench.confirmed(caller)
    bench.endpoint.hang_up(call, bench.now)
    (bye,) = bench.collect()
    assert bench.receive(caller.response(bye, 200).replace(old, b"X-" + old)) == []
    assert bench.take(RequestRefused).why == "malformed"
    bench.receive(caller.response(bye, 200).replace(b"branch=z9hG4bK", b"branch=z9hG4bKx"))
    assert bench.take(RequestRefused).why == "unknown_transaction"


def test_an_rfc_2543_caller_without_branch_and_tag() -> None:
    bench = Bench()
    head = (
        b"Via: SIP/2.0/UDP 198.51.100.7:5060\r\nFrom: <sip:a@198.51.100.7>\r\n"
        b"To: <sip:+15551230001@trunk.example.com>%s\r\nCall-ID: old@198.51.100.7\r\nCSeq: %d %s\r\n\r\n"
    )
    invite = b"INVITE sip:+15551230001@trunk.example.com SIP/2.0\r\n" + head % (b"", 1, b"INVITE")
    assert [answer.status for answer in bench.receive(invite)] == [100]
    assert [answer.status for answer in bench.receive(invite)] == [100]
    call = bench.take(InviteReceived).call
    bench.endpoint.reject(call, 486, bench.now)
    bench.collect()
    ack = b"ACK sip:+15551230001@trunk.example.com SIP/2.0\r\n" + head % (b";tag=" + call.encode(), 1, b"ACK")
    bench.receive(ack)
    bench.sent.clear()
    assert bench.advance(40) == []
