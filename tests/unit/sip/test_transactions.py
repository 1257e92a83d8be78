"""Server and client transactions, behaviours 1 to 6: retransmissions, timers, merged requests, CANCEL
(virtual clock)."""

from __future__ import annotations

import pytest

from bridge.sip.events import CallCancelled, CallEnded, InviteReceived, RequestRefused
from bridge.sip.flow import Flow
from tests.support.sip.bench import TCP, TLS, UDP, Bench
from tests.support.sip.caller import ANSWER, Caller


def test_1_invite_repeated_before_an_answer_is_one_call() -> None:
    bench, caller = Bench(), Caller()
    invite = caller.invite()
    (trying,) = bench.receive(invite)
    assert (trying.status, trying.to_tag) == (100, "")
    bench.take(InviteReceived)
    assert [answer.status for answer in bench.receive(invite)] == [100]
    assert bench.events == []


def test_1_invite_repeated_while_ringing_replays_180() -> None:
    bench, caller = Bench(), Caller()
    invite = caller.invite()
    call = bench.invited(caller, data=invite)
    bench.endpoint.ring(call, bench.now)
    (ringing,) = bench.collect()
    assert bench.receive(invite) == [ringing]
    assert bench.events == []


def test_1_invite_repeated_after_200_replays_it() -> None:
    bench, caller = Bench(), Caller()
    invite = caller.invite()
    bench.answered(caller, data=invite)
    last = bench.sent[-1].data
    (replayed,) = bench.receive(invite)
    assert replayed.raw == last
    assert bench.events == []


def test_1_invite_repeated_after_4xx_replays_it() -> None:
    bench, caller = Bench(), Caller()
    invite = caller.invite()
    call = bench.invited(caller, data=invite)
    bench.endpoint.reject(call, 404, bench.now)
    (refused,) = bench.collect()
    assert bench.receive(invite) == [refused]
    assert bench.events == []


def test_2_4xx_is_repeated_until_timer_h() -> None:
    bench, caller = Bench(), Caller()
    call = bench.invited(caller)
    bench.endpoint.reject(call, 486, bench.now)
    bench.collect()
    start = bench.now
    times = [round(sent.at - start, 3) for sent in bench.advance(40)]
    # Timer G: T1, doubled up to T2, until Timer H at 64*T1.
    assert times == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert bench.endpoint.next_deadline() is None


def test_2_ack_of_4xx_is_absorbed() -> None:
    bench, caller = Bench(), Caller()
    call = bench.invited(caller)
    bench.endpoint.reject(call, 486, bench.now)
    (refused,) = bench.collect()
    ack = caller.ack_refusal(refused)
    assert bench.receive(ack) == []
    assert bench.advance(1) == []
    assert bench.receive(ack) == []
    assert bench.events == []
    bench.advance(5)  # Timer I
    assert bench.endpoint.next_deadline() is None


def test_2_4xx_is_not_repeated_over_tcp() -> None:
    bench, caller = Bench(), Caller()
    call = bench.invited(caller, TCP)
    bench.endpoint.reject(call, 486, bench.now)
    bench.collect()
    assert bench.advance(40) == []


@pytest.mark.parametrize("flow", [UDP, TCP, TLS], ids=["udp", "tcp", "tls"])
def test_3_200_is_repeated_until_its_ack(flow: Flow) -> None:
    bench, caller = Bench(), Caller()
    bench.answered(caller, flow)
    start = bench.now
    times = [round(sent.at - start, 3) for sent in bench.advance(4)]
    assert times == [0.5, 1.5, 3.5]
    bench.receive(caller.ack(), flow)
    bench.sent.clear()
    assert bench.advance(60) == []


@pytest.mark.parametrize("flow", [UDP, TCP, TLS], ids=["udp", "tcp", "tls"])
def test_3_without_ack_the_call_ends_with_bye(flow: Flow) -> None:
    bench, caller = Bench(), Caller()
    call = bench.answered(caller, flow)
    sent = bench.advance(32)
    assert [one.message.status for one in sent[:-1]] == [200] * (len(sent) - 1)
    assert sent[-1].message.start_line.startswith("BYE ")
    assert bench.take(CallEnded) == CallEnded(call, "ack_timeout", "no ACK came for our 200")


@pytest.mark.parametrize("method", ["BYE", "INFO", "OPTIONS"])
def test_4_repeated_requests_replay_their_response(method: str) -> None:
    bench, caller = Bench(), Caller()
    bench.confirmed(caller)
    request = caller.request(method)
    (first,) = bench.receive(request)
    bench.events.clear()
    (again,) = bench.receive(request)
    assert first.status == 200
    assert again.raw == first.raw
    assert bench.events == []


def test_4_stored_responses_are_forgotten_at_timer_j() -> None:
    bench, caller = Bench(), Caller()
    request = caller.request("OPTIONS")
    bench.receive(request)
    bench.advance(31.9)
    assert bench.endpoint.next_deadline() is not None
    bench.advance(0.2)
    assert bench.endpoint.next_deadline() is None


def test_5_a_merged_invite_gets_one_482() -> None:
    bench, caller = Bench(), Caller()
    first = caller.invite(branch="z9hG4bK-path-1")
    other = first.replace(b"z9hG4bK-path-1", b"z9hG4bK-path-2")
    bench.invited(caller, data=first)
    (refused,) = bench.receive(other)
    assert refused.status == 482
    assert bench.take(RequestRefused).why == "merged"
    (again,) = bench.receive(other)
    assert again.raw == refused.raw
    assert bench.events == []


def test_5_an_invite_with_a_new_cseq_is_no_merged_one() -> None:
    bench, caller = Bench(), Caller()
    call = bench.invited(caller)
    bench.endpoint.challenge(call, ["Digest realm=x"], bench.now)
    (refused,) = bench.collect()
    bench.receive(caller.ack_refusal(refused))
    assert bench.invited(caller) != call


def test_6_cancel_before_the_answer() -> None:
    bench, caller = Bench(), Caller()
    call = bench.invited(caller)
    answers = bench.receive(caller.cancel(headers=(("Reason", "SIP;cause=200"),)))
    assert [(answer.status, answer.method) for answer in answers] == [(200, "CANCEL"), (487, "INVITE")]
    assert answers[0].to_tag == answers[1].to_tag
    assert bench.take(CallCancelled) == CallCancelled(call, "SIP;cause=200")
    bench.endpoint.answer(call, ANSWER, bench.now)
    assert bench.collect() == []


@pytest.mark.parametrize("acknowledged", [False, True])
def test_6_cancel_after_the_answer_changes_nothing(acknowledged: bool) -> None:
    bench, caller = Bench(), Caller()
    bench.answered(caller)
    if acknowledged:
        bench.receive(caller.ack())
        bench.events.clear()
    tag, caller.to_tag = caller.to_tag, ""
    assert [answer.status for answer in bench.receive(caller.cancel())] == [200]
    assert bench.events == []
    caller.to_tag = tag
    assert [answer.status for answer in bench.receive(caller.bye())] == [200]


def test_6_cancel_after_a_refusal_gets_200_alone() -> None:
    bench, caller = Bench(), Caller()
    call = bench.invited(caller)
    bench.endpoint.reject(call, 403, bench.now)
    bench.collect()
    assert [answer.status for answer in bench.receive(caller.cancel())] == [200]
    assert bench.events == []


def test_6_cancel_of_nothing_gets_481() -> None:
    bench, caller = Bench(), Caller(invite_cseq=7, invite_branch="z9hG4bK-never")
    assert [answer.status for answer in bench.receive(caller.cancel())] == [481]


def test_dropped_invites_stay_without_any_answer() -> None:
    bench, caller = Bench(), Caller()
    invite = caller.invite()
    bench.endpoint.receive_datagram(invite, UDP, bench.now)
    (event,) = bench.endpoint.take_events()
    assert isinstance(event, InviteReceived)
    bench.endpoint.drop(event.call, bench.now)
    assert bench.collect() == []
    assert bench.receive(invite) == []
    bench.advance(33)
    assert bench.endpoint.next_deadline() is None


def test_an_invite_refused_at_once_gets_no_100() -> None:
    bench, caller = Bench(), Caller()
    bench.endpoint.receive_datagram(caller.invite(), UDP, bench.now)
    (event,) = bench.endpoint.take_events()
    assert isinstance(event, InviteReceived)
    bench.endpoint.challenge(event.call, ["Digest realm=a", "Digest realm=b"], bench.now)
    (answer,) = bench.collect()
    assert answer.status == 401
    assert answer.all("WWW-Authenticate") == ["Digest realm=a", "Digest realm=b"]


def test_our_bye_is_repeated_until_answered() -> None:
    bench, caller = Bench(), Caller()
    call = bench.confirmed(caller)
    bench.endpoint.hang_up(call, bench.now, "Q.850;cause=16")
    start = bench.now
    (bye,) = bench.collect()
    times = [round(sent.at - start, 3) for sent in bench.advance(4)]
    assert times == [0.5, 1.5, 3.5]  # Timer E
    bench.receive(caller.response(bye, 200))
    bench.sent.clear()
    assert bench.advance(40) == []
    assert bench.events == []


def test_our_bye_gives_up_at_timer_f() -> None:
    bench, caller = Bench(), Caller()
    call = bench.confirmed(caller)
    bench.endpoint.hang_up(call, bench.now)
    bench.advance(100)
    assert len(bench.sent) == 11
    assert bench.endpoint.next_deadline() is None
    (gone,) = bench.receive(caller.bye())
    assert gone.status == 481
