"""Session timers, behaviour 11 (RFC 4028): who refreshes, how often, what happens when nobody does."""

from __future__ import annotations

import pytest

from bridge.sip.events import CallEnded
from tests.support.sip.bench import Bench
from tests.support.sip.caller import ANSWER, Caller, Headers
from tests.support.sip.received import Received

TIMER = ("Supported", "timer")


def answered(bench: Bench, caller: Caller, headers: Headers) -> tuple[str, Received]:
    """A confirmed call and its 200."""
    call = bench.invited(caller, data=caller.invite(headers=headers))
    bench.endpoint.answer(call, ANSWER, bench.now)
    (ok,) = bench.collect()
    caller.to_tag = ok.to_tag
    bench.receive(caller.ack())
    bench.events.clear()
    bench.sent.clear()
    return call, ok


@pytest.mark.parametrize(
    ("headers", "expires", "required"),
    [
        ((TIMER, ("Session-Expires", "900;refresher=uac")), "900;refresher=uac", ["timer"]),
        ((TIMER, ("Session-Expires", "900")), "900;refresher=uac", ["timer"]),
        ((TIMER, ("Session-Expires", "900;refresher=uas")), "900;refresher=uas", []),
        ((("Session-Expires", "900"),), "900;refresher=uas", []),
        ((("k", "timer, 100rel"), ("x", "1800;refresher=uac")), "1800;refresher=uac", ["timer"]),
        ((TIMER,), "1800;refresher=uac", ["timer"]),
    ],
)
def test_the_200_says_who_refreshes(headers: Headers, expires: str, required: list[str]) -> None:
    _, ok = answered(Bench(), Caller(), headers)
    assert ok.header("Session-Expires") == expires
    assert ok.all("Require") == required


def test_a_peer_without_timers_gets_none() -> None:
    bench, caller = Bench(), Caller()
    _, ok = answered(bench, caller, ())
    assert ok.all("Session-Expires") == []
    assert bench.advance(36_000) == []


@pytest.mark.parametrize("interval", ["30", "89;refresher=uas", "0"])
def test_9_a_short_interval_gets_422(interval: str) -> None:
    bench, caller = Bench(), Caller()
    (answer,) = bench.receive(caller.invite(headers=(TIMER, ("Session-Expires", interval))))
    assert answer.status == 422
    assert answer.header("Min-SE") == "90"


def test_a_malformed_interval_gets_400() -> None:
    bench, caller = Bench(), Caller()
    (answer,) = bench.receive(caller.invite(headers=(TIMER, ("Session-Expires", "soon"))))
    assert answer.status == 400


def test_the_peer_that_does_not_refresh_is_sent_bye() -> None:
    bench, caller = Bench(), Caller()
    call, _ = answered(bench, caller, (TIMER, ("Session-Expires", "90;refresher=uac")))
    assert bench.advance(59.9) == []
    (bye,) = bench.advance(0.2)
    assert bye.message.start_line.startswith("BYE ")
    assert bye.message.header("Reason") == 'Q.850;cause=102;text="nobody refreshed the session"'
    ended = bench.take(CallEnded)
    assert (ended.call, ended.cause) == (call, "session_expired")


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
def test_a_refresh_by_the_peer_starts_anew(method: str) -> None:
    bench, caller = Bench(), Caller()
    call, _ = answered(bench, caller, (TIMER, ("Session-Expires", "90;refresher=uac")))
    bench.advance(50)
    refresh = (TIMER, ("Session-Expires", "120;refresher=uac"))
    if method == "UPDATE":
        (answer,) = bench.receive(caller.request("UPDATE", headers=refresh))
    else:
        bench.receive(caller.invite(headers=refresh))
        bench.endpoint.accept_reinvite(call, ANSWER, bench.now)
        (answer,) = bench.collect()
        bench.receive(caller.ack())
    assert (answer.status, answer.header("Session-Expires")) == (200, "120;refresher=uac")
    bench.events.clear()
    bench.sent.clear()
    assert bench.advance(87) == []
    bench.advance(2)
    assert bench.take(CallEnded).cause == "session_expired"


def test_our_refresh_is_an_update_where_the_peer_takes_it() -> None:
    bench, caller = Bench(), Caller()
    headers = (TIMER, ("Session-Expires", "200;refresher=uas"), ("Allow", "INVITE, ACK, BYE, UPDATE"))
    answered(bench, caller, headers)
    (sent,) = bench.advance(100)
    assert sent.message.start_line.startswith("UPDATE ")
    assert sent.message.header("Session-Expires") == "200;refresher=uac"
    assert sent.message.body == b""
    bench.receive(caller.response(sent.message, 200, headers=(("Session-Expires", "200;refresher=uac"),)))
    bench.sent.clear()
    assert bench.advance(99) == []
    assert len(bench.advance(1)) == 1


def test_our_refresh_is_else_an_invite_that_changes_nothing() -> None:
    bench, caller = Bench(), Caller()
    answered(bench, caller, (TIMER, ("Session-Expires", "200;refresher=uas")))
    (sent,) = bench.advance(100)
    assert sent.message.start_line.startswith("INVITE ")
    assert sent.message.body == ANSWER
    (pending,) = bench.receive(caller.invite())
    assert pending.status == 491
    (ack,) = bench.receive(
        caller.response(sent.message, 200, headers=(("Session-Expires", "200;refresher=uac"),))
    )
    assert ack.start_line.startswith("ACK ")
    assert ack.header("CSeq") == f"{sent.message.header('CSeq').split()[0]} ACK"


def test_our_invite_is_repeated_and_its_200_acknowledged_each_time() -> None:
    bench, caller = Bench(), Caller()
    answered(bench, caller, (TIMER, ("Session-Expires", "200;refresher=uas")))
    (first,) = bench.advance(100)
    start = bench.now
    assert [round(sent.at - start, 3) for sent in bench.advance(4)] == [0.5, 1.5, 3.5]  # Timer A
    bench.receive(caller.response(first.message, 100, "Trying"))
    bench.sent.clear()
    assert bench.advance(10) == []
    ok = caller.response(first.message, 200, headers=(("Session-Expires", "200;refresher=uac"),))
    for _ in range(2):
        (ack,) = bench.receive(ok)
        assert ack.start_line.startswith("ACK ")
    assert bench.events == []


def test_an_answer_that_refuses_our_refresh_leaves_the_call_until_it_expires() -> None:
    bench, caller = Bench(), Caller()
    headers = (TIMER, ("Session-Expires", "200;refresher=uas"), ("Allow", "UPDATE"))
    answered(bench, caller, headers)
    (sent,) = bench.advance(100)
    assert bench.receive(caller.response(sent.message, 500, "Broken")) == []
    assert bench.events == []
    bench.advance(69)
    assert bench.take(CallEnded).cause == "session_expired"


def test_a_refresh_refused_with_491_is_tried_again() -> None:
    bench, caller = Bench(), Caller()
    answered(bench, caller, (TIMER, ("Session-Expires", "200;refresher=uas")))
    (sent,) = bench.advance(100)
    (ack,) = bench.receive(caller.response(sent.message, 491, "Request Pending"))
    assert ack.start_line.startswith("ACK ")
    assert ack.header("Via") == sent.message.header("Via")
    bench.sent.clear()
    (again,) = bench.advance(1.2)
    assert again.message.start_line.startswith("INVITE ")


def test_a_refresh_to_a_peer_that_forgot_the_call_ends_it() -> None:
    bench, caller = Bench(), Caller()
    headers = (TIMER, ("Session-Expires", "200;refresher=uas"), ("Allow", "UPDATE"))
    answered(bench, caller, headers)
    (sent,) = bench.advance(100)
    (bye,) = bench.receive(caller.response(sent.message, 481, "No such call"))
    assert bye.start_line.startswith("BYE ")
    assert bench.take(CallEnded).cause == "dialog_failed"


def test_a_refresh_without_any_answer_ends_the_call() -> None:
    bench, caller = Bench(), Caller()
    headers = (TIMER, ("Session-Expires", "200;refresher=uas"), ("Allow", "UPDATE"))
    answered(bench, caller, headers)
    bench.advance(100 + 33)
    assert bench.take(CallEnded).cause == "dialog_failed"
