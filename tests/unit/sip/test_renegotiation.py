"""Re-INVITE and UPDATE, behaviours 7, 18 and 19: one at a time, refusals that change nothing, answers in the
ACK."""

from __future__ import annotations

import pytest

from bridge.sip.events import AckReceived, CallEnded, ReinviteReceived
from tests.support.sip.bench import Bench
from tests.support.sip.caller import ANSWER, OFFER, Caller


def test_18_a_reinvite_is_told_and_answered() -> None:
    bench, caller = Bench(), Caller()
    call = bench.confirmed(caller)
    assert [answer.status for answer in bench.receive(caller.invite())] == [100]
    event = bench.take(ReinviteReceived)
    assert (event.call, event.offer) == (call, OFFER)
    bench.endpoint.accept_reinvite(call, ANSWER, bench.now)
    (ok,) = bench.collect()
    assert (ok.status, ok.body, ok.to_tag) == (200, ANSWER, call)
    assert len(bench.advance(0.6)) == 1
    bench.receive(caller.ack())
    bench.sent.clear()
    assert bench.advance(60) == []
    assert bench.events == []


def test_18_a_reinvite_without_an_offer_gets_ours_and_answers_in_the_ack() -> None:
    bench, caller = Bench(), Caller()
    call = bench.confirmed(caller)
    bench.receive(caller.invite(body=b""))
    assert bench.take(ReinviteReceived).offer is None
    bench.endpoint.accept_reinvite(call, OFFER, bench.now)
    bench.collect()
    bench.receive(caller.ack(body=ANSWER))
    assert bench.take(AckReceived) == AckReceived(call, ANSWER)


def test_18_an_invite_without_an_offer_answers_in_the_ack() -> None:
    bench, caller = Bench(), Caller()
    call = bench.answered(caller, data=caller.invite(body=b""))
    bench.receive(caller.ack(body=ANSWER))
    assert bench.take(AckReceived) == AckReceived(call, ANSWER)


def test_19_a_refused_reinvite_leaves_the_call() -> None:
    bench, caller = Bench(), Caller()
    call = bench.confirmed(caller)
    bench.receive(caller.invite())
    bench.events.clear()
    bench.endpoint.reject_reinvite(call, 488, bench.now)
    (refused,) = bench.collect()
    assert refused.status == 488
    bench.receive(caller.ack_refusal(refused))
    bench.sent.clear()
    assert bench.advance(60) == []
    (answer,) = bench.receive(caller.bye())
    assert answer.status == 200
    assert bench.take(CallEnded).cause == "bye"


def test_7_a_reinvite_inside_another_gets_500_with_retry_after() -> None:
    bench, caller = Bench(), Caller()
    bench.confirmed(caller)
    bench.receive(caller.invite())
    (answer,) = bench.receive(caller.invite())
    assert answer.status == 500
    assert 1 <= int(answer.header("Retry-After")) <= 10


def test_7_a_reinvite_before_the_first_answer_gets_500() -> None:
    bench, caller = Bench(), Caller()
    call = bench.invited(caller)
    bench.endpoint.ring(call, bench.now)
    (ringing,) = bench.collect()
    caller.to_tag = ringing.to_tag
    (answer,) = bench.receive(caller.invite())
    assert answer.status == 500


def test_7_a_reinvite_before_the_ack_gets_491() -> None:
    bench, caller = Bench(), Caller()
    bench.answered(caller)
    (answer,) = bench.receive(caller.invite())
    assert answer.status == 491


def test_6_cancel_of_a_reinvite_leaves_the_call() -> None:
    bench, caller = Bench(), Caller()
    call = bench.confirmed(caller)
    bench.receive(caller.invite())
    bench.events.clear()
    answers = bench.receive(caller.cancel())
    assert [(answer.status, answer.method) for answer in answers] == [(200, "CANCEL"), (487, "INVITE")]
    bench.endpoint.accept_reinvite(call, ANSWER, bench.now)
    assert bench.collect() == []
    assert bench.receive(caller.bye())[0].status == 200


def test_bye_during_a_reinvite_answers_both() -> None:
    bench, caller = Bench(), Caller()
    bench.confirmed(caller)
    bench.receive(caller.invite())
    bench.events.clear()
    answers = bench.receive(caller.bye())
    assert sorted((answer.status, answer.method) for answer in answers) == [(200, "BYE"), (487, "INVITE")]
    assert bench.take(CallEnded).cause == "bye"


def test_the_contact_of_a_reinvite_is_the_new_target() -> None:
    bench, caller = Bench(), Caller()
    call = bench.confirmed(caller)
    caller.contact = "<sip:moved@198.51.100.7:5070>"
    bench.receive(caller.invite())
    bench.endpoint.accept_reinvite(call, ANSWER, bench.now)
    bench.receive(caller.ack())
    bench.endpoint.hang_up(call, bench.now)
    bye = bench.collect()[-1]
    assert bye.start_line == "BYE sip:moved@198.51.100.7:5070 SIP/2.0"


@pytest.mark.parametrize("headers", [(), (("Supported", "timer"), ("Session-Expires", "900;refresher=uac"))])
def test_an_update_without_an_offer_is_answered_alone(headers: tuple[tuple[str, str], ...]) -> None:
    bench, caller = Bench(), Caller()
    bench.confirmed(caller)
    (answer,) = bench.receive(caller.request("UPDATE", headers=headers))
    assert (answer.status, answer.body) == (200, b"")
    assert bench.events == []


def test_without_the_ack_of_a_reinvite_the_call_ends() -> None:
    bench, caller = Bench(), Caller()
    call = bench.confirmed(caller)
    bench.receive(caller.invite())
    bench.events.clear()
    bench.endpoint.accept_reinvite(call, ANSWER, bench.now)
    bench.collect()
    bench.advance(33)
    assert bench.take(CallEnded).cause == "ack_timeout"
    assert call
