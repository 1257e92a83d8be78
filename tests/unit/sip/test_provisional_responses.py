"""Reliable provisional responses, behaviour 11 (RFC 3262): repeated until PRACK, one at a time, the 200
behind them."""

from __future__ import annotations

from bridge.sip.events import CallEnded, ReinviteReceived
from tests.support.sip.bench import Bench
from tests.support.sip.caller import ANSWER, OFFER, Caller

REQUIRED = (("Require", "100rel"),)


def test_without_require_they_are_plain() -> None:
    bench, caller = Bench(), Caller()
    call = bench.invited(caller, data=caller.invite(headers=(("Supported", "100rel"),)))
    bench.endpoint.ring(call, bench.now, ANSWER)
    (progress,) = bench.collect()
    assert progress.all("RSeq") == []
    assert bench.advance(10) == []


def test_a_reliable_183_is_repeated_until_its_prack() -> None:
    bench, caller = Bench(), Caller()
    call = bench.invited(caller, data=caller.invite(headers=REQUIRED))
    bench.endpoint.ring(call, bench.now, ANSWER)
    (progress,) = bench.collect()
    assert (progress.status, progress.header("Require"), progress.body) == (183, "100rel", ANSWER)
    start = bench.now
    assert [round(sent.at - start, 3) for sent in bench.advance(4)] == [0.5, 1.5, 3.5]
    caller.to_tag = progress.to_tag
    rack = (("RAck", f"{progress.header('RSeq')} {caller.invite_cseq} INVITE"),)
    (answer,) = bench.receive(caller.request("PRACK", headers=rack))
    assert answer.status == 200
    assert bench.advance(60) == []
    (unknown,) = bench.receive(caller.request("PRACK", headers=rack))
    assert unknown.status == 481


def test_the_200_waits_for_the_prack_and_gives_no_second_answer() -> None:
    bench, caller = Bench(), Caller()
    call = bench.invited(caller, data=caller.invite(headers=REQUIRED))
    bench.endpoint.ring(call, bench.now, ANSWER)
    bench.endpoint.answer(call, ANSWER, bench.now)
    (progress,) = bench.collect()
    caller.to_tag = progress.to_tag
    rack = (("RAck", f"{progress.header('RSeq')} {caller.invite_cseq} INVITE"),)
    answers = bench.receive(caller.request("PRACK", headers=rack))
    assert [(answer.status, answer.method) for answer in answers] == [(200, "PRACK"), (200, "INVITE")]
    assert answers[1].body == b""


def test_a_second_one_waits_and_counts_up() -> None:
    bench, caller = Bench(), Caller()
    call = bench.invited(caller, data=caller.invite(headers=REQUIRED))
    bench.endpoint.ring(call, bench.now)
    bench.endpoint.ring(call, bench.now, ANSWER)
    (ringing,) = bench.collect()
    assert ringing.status == 180
    caller.to_tag = ringing.to_tag
    number = int(ringing.header("RSeq"))
    wrong = (("RAck", f"{number + 1} {caller.invite_cseq} INVITE"),)
    assert [answer.status for answer in bench.receive(caller.request("PRACK", headers=wrong))] == [481]
    right = (("RAck", f"{number} {caller.invite_cseq} INVITE"),)
    accepted, progress = bench.receive(caller.request("PRACK", headers=right))
    assert accepted.status == 200
    assert (progress.status, progress.header("RSeq")) == (183, str(number + 1))


def test_without_any_prack_the_call_fails() -> None:
    bench, caller = Bench(), Caller()
    call = bench.invited(caller, data=caller.invite(headers=REQUIRED))
    bench.endpoint.ring(call, bench.now, ANSWER)
    bench.collect()
    bench.advance(31)
    assert bench.events == []
    bench.advance(2)
    assert bench.take(CallEnded).cause == "dialog_failed"
    assert bench.sent[-1].message.status == 500


def test_a_malformed_rack_gets_400() -> None:
    bench, caller = Bench(), Caller()
    call = bench.invited(caller, data=caller.invite(headers=REQUIRED))
    bench.endpoint.ring(call, bench.now)
    (ringing,) = bench.collect()
    caller.to_tag = ringing.to_tag
    for headers in ((), (("RAck", "one two three"),)):
        (answer,) = bench.receive(caller.request("PRACK", headers=headers))
        assert answer.status == 400


def test_an_offer_in_prack_gets_488_but_acknowledges() -> None:
    bench, caller = Bench(), Caller()
    call = bench.invited(caller, data=caller.invite(headers=REQUIRED))
    bench.endpoint.ring(call, bench.now)
    (ringing,) = bench.collect()
    caller.to_tag = ringing.to_tag
    rack = (("RAck", f"{ringing.header('RSeq')} {caller.invite_cseq} INVITE"),)
    (answer,) = bench.receive(caller.request("PRACK", headers=rack, body=OFFER))
    assert answer.status == 488
    assert bench.advance(10) == []


def test_update_before_the_answer_needs_an_answered_offer() -> None:
    bench, caller = Bench(), Caller()
    call = bench.invited(caller, data=caller.invite(headers=REQUIRED))
    bench.endpoint.ring(call, bench.now, ANSWER)
    (progress,) = bench.collect()
    caller.to_tag = progress.to_tag
    (early,) = bench.receive(caller.request("UPDATE", body=OFFER))
    assert early.status == 500
    assert 1 <= int(early.header("Retry-After")) <= 10
    bench.events.clear()
    rack = (("RAck", f"{progress.header('RSeq')} {caller.invite_cseq} INVITE"),)
    bench.receive(caller.request("PRACK", headers=rack))
    assert bench.receive(caller.request("UPDATE", body=OFFER)) == []
    assert bench.take(ReinviteReceived).offer == OFFER
    bench.endpoint.accept_reinvite(call, ANSWER, bench.now)
    (accepted,) = bench.collect()
    assert (accepted.status, accepted.method, accepted.body) == (200, "UPDATE", ANSWER)


def test_an_invite_without_an_offer_rings_without_sdp() -> None:
    bench, caller = Bench(), Caller()
    call = bench.invited(caller, data=caller.invite(body=b""))
    bench.endpoint.ring(call, bench.now, ANSWER)
    (ringing,) = bench.collect()
    assert (ringing.status, ringing.body) == (180, b"")
