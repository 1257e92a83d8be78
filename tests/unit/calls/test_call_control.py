"""One SIP call from its INVITE to its one termination, with every port faked."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bridge.calls.call_platform import CallPlatformError, ParticipantEnded
from bridge.calls.call_settings import CallSettings
from bridge.calls.call_state import TRANSITIONS, CallState, Trigger, next_state
from bridge.calls.media_engine import LegFailed
from bridge.calls.termination_status import TERMINATION_STATUS, reason_header
from bridge.sip.events import (
    AckReceived,
    CallCancelled,
    CallEnded,
    InfoReceived,
    ReinviteReceived,
    TransferReported,
)
from tests.support.call_world import OFFER, CallWorld, invite_request, settle, trunk
from tests.support.call_world import rule as changed_rule
from trunking.call import CallIdentity
from trunking.routing_rule import DirectRouting
from trunking.termination import Termination


async def test_call_is_routed_answered_and_ended() -> None:
    world = CallWorld()
    call = await world.invite()
    what = [decision[0] for decision in world.signalling.of(call)]
    assert what == ["ring", "answer"]
    request = world.platform.requests[0]
    assert request.call.cid == "default:lobby"
    assert request.user.user_id == "phone-15557654321"
    assert request.user.name == "Bob"
    leg = world.leg_of(call)
    assert world.media.rooms[leg] == "app/default:lobby"
    assert world.media.parameters[leg][0].codec.name == "PCMU"
    assert world.media.parameters[leg][0].dtmf_payload_type == 101
    world.control.sip_event(AckReceived(call, None))
    world.clock.now += 12.5
    world.control.sip_event(CallEnded(call, "bye", ""))
    await settle()
    record = world.record_of(call)
    assert record.termination is Termination.CALLER_HUNG_UP
    assert (record.sip_status, record.codec, record.quality["mos"]) == (200, "PCMU", 4.2)
    assert [step.what for step in record.ladder] == [
        "invite_received",
        "authenticated",
        "routed",
        "media_prepared",
        "ringing",
        "joined",
        "answered",
        "ack_received",
        "ended",
    ]
    assert world.reports.kinds() == ["received", "answered", "ended"]
    assert [version for _, _, version, _ in world.reports.events] == [1, 2, 3]
    assert world.reports.events[-1][3]["duration_ms"] == 12_500
    assert world.platform.participants[0].left == 1
    assert world.media.closed == [leg]
    assert (world.control.calls, world.admission.calls) == (0, 0)


async def test_invite_without_credentials_is_challenged_and_leaves_no_record() -> None:
    world = CallWorld()
    call = await world.invite(username=None)
    (decision,) = world.signalling.of(call)
    assert decision[0] == "challenge"
    assert [value.split("algorithm=")[1].split(",")[0] for value in decision[1]] == [
        "SHA-512-256",
        "SHA-256",
        "MD5",
    ]
    assert world.reports.records == []


@pytest.mark.parametrize(
    ("called", "username", "password", "status", "termination"),
    [
        ("+15551230001", "alice", "not-the-password", 403, Termination.AUTHENTICATION_FAILED),
        ("+15551230001", "mallory", "not-the-password", 403, Termination.AUTHENTICATION_FAILED),
        ("+15559990000", "alice", "not-the-password", 403, Termination.AUTHENTICATION_FAILED),
        ("+15559990000", "alice", "secret-password", 404, Termination.UNKNOWN_NUMBER),
    ],
)
async def test_rejection_has_status_and_record(
    called: str, username: str, password: str, status: int, termination: Termination
) -> None:
    world = CallWorld()
    call = await world.invite(called, username=username, password=password)
    assert world.signalling.of(call) == [("reject", status, None)]
    record = world.record_of(call)
    assert (record.termination, record.sip_status) == (termination, status)
    facts = record.ladder[-1].detail
    assert facts["expected"]
    assert facts["received"]
    assert password not in repr(record)
    assert world.reports.kinds() == ["rejected"]


async def test_stranger_learns_nothing_about_numbers() -> None:
    """Every number is challenged alike, and wrong credentials are refused alike."""
    world = CallWorld()
    known = await world.invite("+15551230001", username=None)
    unknown = await world.invite("+15559990000", username=None)
    assert [d[0] for d in world.signalling.of(known)] == [d[0] for d in world.signalling.of(unknown)]
    known = await world.invite("+15551230001", username="alice", password="x")
    unknown = await world.invite("+15559990000", username="mallory", password="x")
    assert world.signalling.of(known) == world.signalling.of(unknown)


async def test_no_rule_gives_404_with_the_reason() -> None:
    world = CallWorld(rules=(changed_rule(called_numbers=("+15551230002",)),))
    call = await world.invite("+15551230001")
    assert world.signalling.of(call) == [("reject", 404, None)]
    record = world.record_of(call)
    assert record.termination is Termination.NO_ROUTING_RULE
    assert "+15551230001" in record.ladder[-1].detail["received"]
    assert record.trunk_id == "trunk-1"


async def test_source_address_needs_no_digest() -> None:
    world = CallWorld(trunk=trunk(allowed_ips=("203.0.113.0/24",)))
    call = await world.invite(username=None)
    assert [d[0] for d in world.signalling.of(call)] == ["ring", "answer"]
    unknown = await world.invite("+15559990000", username=None)
    assert world.signalling.of(unknown) == [("reject", 404, None)]
    elsewhere = await world.invite(username=None, source="198.51.100.77")
    assert world.signalling.of(elsewhere)[0][0] == "challenge"


@pytest.mark.parametrize("called", ["5551230001", "15551230001", "0115551230001", "+1-555-123-0001"])
async def test_called_number_is_read_in_the_trunks_country(called: str) -> None:
    if called.startswith("011"):
        called = "01115551230001"
    world = CallWorld()
    call = await world.invite(called)
    assert [d[0] for d in world.signalling.of(call)] == ["ring", "answer"]
    assert world.record_of(call).called_number == "+15551230001"


async def test_asserted_identity_privacy_and_headers_reach_the_route() -> None:
    rule = changed_rule(direct_routing=DirectRouting("default", "{{sip_headers.x_room}}"))
    world = CallWorld(rules=(rule,))
    identity = "<sip:+15550001111;verstat=TN-Validation-Passed@carrier.example>"
    headers = f"P-Asserted-Identity: {identity}\r\nX-Room: blue\r\n"
    call = await world.invite(headers=headers)
    assert world.record_of(call).caller_number == "+15550001111"
    assert world.record_of(call).call_cid == "default:blue"
    private = await world.invite(headers=headers + "Privacy: id\r\n")
    assert world.record_of(private).caller_number == ""
    anonymous = await world.invite(
        headers="X-Room: blue\r\n", sender='"Anonymous" <sip:anonymous@anonymous.invalid>;tag=2'
    )
    assert world.record_of(anonymous).caller_number == ""
    assert world.platform.requests[-1].user.name == "Anonymous"


async def test_cancel_before_the_answer() -> None:
    world = CallWorld()
    world.platform.door.clear()
    call = await world.invite()
    assert [d[0] for d in world.signalling.of(call)] == ["ring"]
    world.control.sip_event(CallCancelled(call, ""))
    await settle()
    assert [d[0] for d in world.signalling.of(call)] == ["ring"]
    record = world.record_of(call)
    assert (record.termination, record.sip_status) == (Termination.CANCELLED, 487)
    assert world.reports.kinds() == ["received", "rejected"]
    assert world.media.closed == [world.leg_of(call)]
    assert world.admission.calls == 0
    world.platform.door.set()
    await settle()
    assert [d[0] for d in world.signalling.of(call)] == ["ring"]


async def test_call_side_ends_the_call_with_bye() -> None:
    world = CallWorld()
    call = await world.invite()
    ended = ParticipantEnded(world.leg_of(call), Termination.CALL_SIDE_ENDED, "the call was ended")
    world.platform.ended[0](ended)
    world.platform.ended[0](ended)
    await settle()
    hang_ups = [d for d in world.signalling.of(call) if d[0] == "hang_up"]
    assert hang_ups == [("hang_up", reason_header(Termination.CALL_SIDE_ENDED))]
    assert world.record_of(call).termination is Termination.CALL_SIDE_ENDED
    assert world.reports.kinds() == ["received", "answered", "ended"]


@pytest.mark.parametrize(
    ("why", "termination"),
    [("media_timeout", Termination.MEDIA_TIMEOUT), ("worker_failed", Termination.MEDIA_WORKER_FAILED)],
)
async def test_failed_leg_ends_the_call(why: str, termination: Termination) -> None:
    world = CallWorld()
    call = await world.invite()
    world.control.media_event(LegFailed(world.leg_of(call), why))
    await settle()
    assert world.record_of(call).termination is termination


async def test_platform_refusal_and_full_media_give_their_status() -> None:
    world = CallWorld()
    world.platform.refusal = CallPlatformError(Termination.CALL_PLATFORM_UNAVAILABLE, "coordinator: 500")
    call = await world.invite()
    assert world.signalling.of(call)[-1] == ("reject", 503, 10)
    assert world.record_of(call).ladder[-1].detail["detail"] == "coordinator: 500"
    world.media.full = True
    call = await world.invite()
    assert world.signalling.of(call) == [("reject", 503, 10)]
    assert world.record_of(call).termination is Termination.BRIDGE_FULL


async def test_slow_platform_is_given_up() -> None:
    world = CallWorld(settings=CallSettings("bridge-1", setup_timeout=0.001))
    world.platform.door.clear()
    call = await world.invite()
    await world.control.idle()
    await world.control.finished()
    assert world.signalling.of(call)[-1][:2] == ("reject", 503)
    assert world.record_of(call).termination is Termination.CALL_PLATFORM_UNAVAILABLE


async def test_unacceptable_offers() -> None:
    world = CallWorld()
    video = (
        b"v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=video 4 RTP/AVP 96\r\n"
    )
    call = await world.invite(offer=video)
    assert world.signalling.of(call)[-1][:2] == ("reject", 488)
    assert world.record_of(call).termination is Termination.UNACCEPTABLE_MEDIA
    call = await world.invite(offer=b"hello")
    assert world.signalling.of(call)[-1][:2] == ("reject", 400)


async def test_ipv6_phone_is_met_over_ipv6_or_told_that_it_cannot() -> None:
    world = CallWorld()
    offer = OFFER.replace(b"IN IP4 192.0.2.9", b"IN IP6 2001:db8::9")
    call = await world.invite(offer=offer)
    assert world.signalling.of(call)[-1][:2] == ("reject", 488)
    assert "there is no way from IPv4" in world.record_of(call).ladder[-1].detail["detail"]
    world.media.ipv6 = True
    call = await world.invite(offer=offer)
    what, sdp = world.signalling.of(call)[-1]
    assert what == "answer"
    assert b"c=IN IP6 2001:db8::1" in sdp
    request = invite_request("sip:x@trunkline.example", "<sip:a@b>;tag=1", "again")
    world.control.sip_event(ReinviteReceived(call, request, OFFER.replace(b"o=- 1 1", b"o=- 1 2")))
    await settle()
    assert world.signalling.of(call)[-1] == ("reject_reinvite", 488)
    what, sdp = world.signalling.of(await world.invite())[-1]
    assert what == "answer"
    assert b"c=IN IP4 198.51.100.1" in sdp


async def test_offerless_invite_takes_the_answer_from_the_ack() -> None:
    world = CallWorld()
    call = await world.invite(offer=None)
    what, sdp = world.signalling.of(call)[-1]
    assert what == "answer"
    assert b"m=audio 30000 RTP/AVP" in sdp
    assert world.leg_of(call) not in world.media.parameters
    answer = OFFER.replace(b"0 8 101", b"8 101").replace(b"m=audio 40000", b"m=audio 40002")
    world.control.sip_event(AckReceived(call, answer))
    await settle()
    parameters = world.media.parameters[world.leg_of(call)][0]
    assert (parameters.codec.name, parameters.remote_port) == ("PCMA", 40002)
    bad = await world.invite(offer=None)
    world.control.sip_event(AckReceived(bad, b"v=0"))
    await settle()
    assert world.record_of(bad).termination is Termination.UNACCEPTABLE_MEDIA


async def test_hold_and_resume_change_the_leg_and_keep_the_call() -> None:
    world = CallWorld()
    call = await world.invite()
    leg = world.leg_of(call)
    request = invite_request("sip:x@trunkline.example", "<sip:a@b>;tag=1", "again")
    hold = OFFER.replace(b"o=- 1 1", b"o=- 1 2") + b"a=sendonly\r\n"
    world.control.sip_event(ReinviteReceived(call, request, hold))
    await settle()
    what, sdp = world.signalling.of(call)[-1]
    assert what == "accept_reinvite"
    assert b"a=recvonly" in sdp
    assert (world.media.parameters[leg][-1].send, world.media.parameters[leg][-1].receive) == (False, False)
    resume = OFFER.replace(b"o=- 1 1", b"o=- 1 3")
    world.control.sip_event(ReinviteReceived(call, request, resume))
    await settle()
    assert (world.media.parameters[leg][-1].send, world.media.parameters[leg][-1].receive) == (True, True)
    fax = OFFER.replace(b"m=audio 40000 RTP/AVP 0 8 101", b"m=image 40000 udptl t38")
    world.control.sip_event(ReinviteReceived(call, request, fax))
    await settle()
    assert world.signalling.of(call)[-1] == ("reject_reinvite", 488)
    assert world.control.calls == 1


async def test_digits_are_counted_emitted_and_passed_on_once() -> None:
    world = CallWorld()
    call = await world.invite()
    await world.digits(call, "5")
    world.control.sip_event(InfoReceived(call, "application/dtmf-relay", b"Signal=#\r\nDuration=160\r\n"))
    await settle()
    assert world.platform.participants[0].digits == "5#"
    events = [subject for kind, _, _, subject in world.reports.events if kind == "dtmf"]
    assert [(e["digit"], e["duration_ms"], e["seq_number"]) for e in events] == [("5", 100, 1), ("#", 160, 2)]
    world.control.sip_event(CallEnded(call, "bye", ""))
    await settle()
    assert world.record_of(call).dtmf_count == 2


async def test_longest_call_is_ended() -> None:
    world = CallWorld(settings=CallSettings("bridge-1", max_duration=60.0))
    call = await world.invite()
    await world.clock.advance(59.0)
    assert world.control.calls == 1
    await world.clock.advance(2.0)
    assert world.record_of(call).termination is Termination.MAX_DURATION
    assert world.signalling.of(call)[-1][0] == "hang_up"


async def test_drain_deadline_ends_ringing_and_answered_calls() -> None:
    world = CallWorld()
    answered = await world.invite()
    world.platform.door.clear()
    ringing = await world.invite()
    world.admission.start_draining()
    late = await world.invite()
    assert world.signalling.of(late) == [("reject", 503, 30)]
    world.control.end_all(Termination.DRAIN_DEADLINE, "the bridge stops")
    await world.control.finished()
    assert world.signalling.of(answered)[-1][0] == "hang_up"
    assert world.signalling.of(ringing)[-1] == ("reject", 503, 30)
    assert world.admission.calls == 0


async def test_503_until_the_table_is_loaded() -> None:
    world = CallWorld(ready=False)
    call = await world.invite()
    assert world.signalling.of(call) == [("reject", 503, 5)]
    world.admission.set_ready()
    call = await world.invite()
    assert world.signalling.of(call)[-1][0] == "answer"


async def test_malformed_identity_is_a_bad_request() -> None:
    world = CallWorld()
    call = await world.invite(headers="P-Asserted-Identity: <sip:\r\n")
    assert world.signalling.of(call) == [("reject", 400, None)]
    assert world.reports.counts["malformed"] == 1


def test_every_termination_has_a_status_and_a_printable_reason() -> None:
    assert set(TERMINATION_STATUS) == set(Termination)
    for termination, said in TERMINATION_STATUS.items():
        assert 400 <= said.status < 700
        assert (said.retry_after is not None) <= (said.status == 503)
        # Carriers try the next route on these, so nothing final may carry them and the other way round.
        assert said.fails_over == (said.status in (408, 480, 503, 504)) or termination in (
            Termination.TRANSFERRED,
            Termination.MAX_DURATION,
        )
        assert reason_header(termination).isascii()


def test_an_ended_call_stays_ended() -> None:
    for trigger in Trigger:
        assert next_state(CallState.ENDED, trigger) is None
    assert {state for state, trigger in TRANSITIONS if trigger is Trigger.TERMINATED} == set(CallState) - {
        CallState.ENDED
    }


def test_no_state_is_a_dead_end() -> None:
    for state in set(CallState) - {CallState.ENDED}:
        assert any(other is state for (other, _) in TRANSITIONS)
    reached = {CallState.RECEIVED, *TRANSITIONS.values()}
    assert reached == set(CallState)


async def test_illegal_trigger_is_counted_and_changes_nothing() -> None:
    world = CallWorld()
    world.platform.door.clear()
    call = await world.invite()
    world.control.sip_event(AckReceived(call, None))
    assert world.reports.illegal_triggers == [("ringing", "acknowledged")]
    assert world.control.calls == 1
    assert replace(world.record_of(call)).termination is None


async def test_answered_transfer_ends_the_call() -> None:
    world = CallWorld()
    call = await world.invite()
    assert not world.control.transfer("no such call", "app", "sip:x@y")
    assert not world.control.transfer(world.leg_of(call), "other", "sip:x@y")
    assert world.control.transfer(world.leg_of(call), "app", "sip:+15550001111@carrier.example")
    assert world.signalling.of(call)[-1] == ("transfer", "sip:+15550001111@carrier.example")
    world.control.sip_event(TransferReported(call, 180, final=False))
    await settle()
    assert world.control.calls == 1
    world.control.sip_event(TransferReported(call, 200, final=True))
    await settle()
    assert world.record_of(call).termination is Termination.TRANSFERRED


async def test_refused_transfer_leaves_the_call() -> None:
    world = CallWorld()
    call = await world.invite()
    world.control.transfer(world.leg_of(call), "app", "sip:+15550001111@carrier.example")
    world.control.sip_event(TransferReported(call, 486, final=True))
    await settle()
    assert world.control.calls == 1


async def test_200_that_waited_for_a_prack_and_was_cancelled_is_no_answer() -> None:
    world = CallWorld()
    call = await world.invite()
    world.control.sip_event(CallCancelled(call, ""))
    await settle()
    record = world.record_of(call)
    assert (record.termination, record.sip_status, record.answered_at) == (Termination.CANCELLED, 487, None)


async def test_fault_of_our_own_ends_the_call_and_frees_its_place(caplog: pytest.LogCaptureFixture) -> None:
    world = CallWorld()

    def fail(call: CallIdentity, sip_call_id: str) -> str:
        raise ZeroDivisionError

    world.platform.room = fail  # type: ignore[method-assign]
    call = await world.invite()
    assert world.signalling.of(call)[-1] == ("reject", 500, None)
    assert world.record_of(call).termination is Termination.INTERNAL_ERROR
    assert world.admission.calls == 0
    assert "ZeroDivisionError" in caplog.text


async def test_offer_before_the_first_one_is_answered_has_to_wait() -> None:
    world = CallWorld()
    call = await world.invite(offer=None)
    request = invite_request("sip:x@trunkline.example", "<sip:a@b>;tag=1", "update")
    world.control.sip_event(ReinviteReceived(call, request, OFFER))
    await settle()
    assert world.signalling.of(call)[-1] == ("reject_reinvite", 491)


async def test_digits_reach_a_slow_platform_in_their_order() -> None:
    world = CallWorld()
    call = await world.invite()
    participant = world.platform.participants[0]
    slow, got = asyncio.Event(), []

    async def send(digit: str, duration_ms: int) -> None:
        if digit == "1":
            await slow.wait()
        got.append(digit)

    participant.send_dtmf = send  # type: ignore[method-assign]
    await world.digits(call, "123")
    slow.set()
    await settle()
    assert got == ["1", "2", "3"]
