"""Whatever happens to calls in whatever order: each ends once, and holds nothing afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.calls.call_platform import CallPlatformError, ParticipantEnded
from bridge.calls.call_state import CallState
from bridge.calls.media_engine import DtmfReceived, LegConnected, LegFailed
from bridge.sip.events import (
    AckReceived,
    CallCancelled,
    CallEnded,
    InfoReceived,
    ReinviteReceived,
    TransferReported,
)
from tests.support.call_world import OFFER, CallWorld, invite_request, rule, settle
from trunking.routing_rule import PinProtection
from trunking.termination import Termination

REQUEST = invite_request("sip:x@trunkline.example", "<sip:a@b>;tag=1", "again")
HAPPENINGS: dict[str, Callable[[CallWorld, str, str], object]] = {
    "ack": lambda w, call, leg: w.control.sip_event(AckReceived(call, None)),
    "ack_with_answer": lambda w, call, leg: w.control.sip_event(AckReceived(call, OFFER)),
    "ack_with_nonsense": lambda w, call, leg: w.control.sip_event(AckReceived(call, b"?")),
    "cancel": lambda w, call, leg: w.control.sip_event(CallCancelled(call, "")),
    "bye": lambda w, call, leg: w.control.sip_event(CallEnded(call, "bye", "")),
    "session_expired": lambda w, call, leg: w.control.sip_event(CallEnded(call, "session_expired", "")),
    "reoffer": lambda w, call, leg: w.control.sip_event(ReinviteReceived(call, REQUEST, OFFER)),
    "reoffer_nothing": lambda w, call, leg: w.control.sip_event(ReinviteReceived(call, REQUEST, None)),
    "reoffer_nonsense": lambda w, call, leg: w.control.sip_event(ReinviteReceived(call, REQUEST, b"?")),
    "info": lambda w, call, leg: w.control.sip_event(InfoReceived(call, "application/dtmf", b"4")),
    "transferred": lambda w, call, leg: w.control.sip_event(TransferReported(call, 200, final=True)),
    "digit": lambda w, call, leg: w.control.media_event(DtmfReceived(leg, "4", 100)),
    "hash": lambda w, call, leg: w.control.media_event(DtmfReceived(leg, "#", 100)),
    "media": lambda w, call, leg: w.control.media_event(LegConnected(leg)),
    "media_timeout": lambda w, call, leg: w.control.media_event(LegFailed(leg, "media_timeout")),
    "platform_opens": lambda w, call, leg: w.platform.door.set(),
    "platform_refuses": lambda w, call, leg: _refuse(w),
    "platform_ends": lambda w, call, leg: [
        ended(ParticipantEnded(leg, Termination.CALL_SIDE_ENDED, "")) for ended in w.platform.ended
    ],
    "hung_up_over_http": lambda w, call, leg: w.control.end_by_id(
        leg, "app", Termination.CALL_SIDE_ENDED, ""
    ),
    "time": lambda w, call, leg: w.clock.advance(7.0),
    "settle": lambda w, call, leg: settle(),
}


def _refuse(world: CallWorld) -> None:
    world.platform.refusal = CallPlatformError(Termination.CALL_PLATFORM_REFUSED, "no")
    world.platform.door.set()


@settings(max_examples=150, deadline=None)
@given(
    happenings=st.lists(st.sampled_from(sorted(HAPPENINGS)), max_size=12),
    with_offer=st.booleans(),
    with_pin=st.booleans(),
    open_door=st.booleans(),
)
def test_every_call_ends_once_and_frees_everything(
    happenings: list[str], with_offer: bool, with_pin: bool, open_door: bool
) -> None:
    asyncio.run(_live(happenings, with_offer, with_pin, open_door))


async def _live(happenings: list[str], with_offer: bool, with_pin: bool, open_door: bool) -> None:
    protection = PinProtection(enabled=True, default_pin="44") if with_pin else None
    world = CallWorld(rules=(rule(pin_protection=protection),))
    if not open_door:
        world.platform.door.clear()
    call = await world.invite(offer=OFFER if with_offer else None)
    leg = world.leg_of(call)
    for happening in happenings:
        done = HAPPENINGS[happening](world, call, leg)
        if asyncio.iscoroutine(done):
            await done
    world.control.end_all(Termination.DRAIN_DEADLINE, "the end")
    await world.control.finished()
    assert (world.control.calls, world.admission.calls) == (0, 0)
    assert world.media.closed == [leg]
    assert len(world.reports.terminations) == 1
    kinds = world.reports.kinds()
    assert kinds[0] == "received"
    assert len([kind for kind in kinds if kind in ("ended", "rejected")]) == 1
    assert kinds[-1] in ("ended", "rejected")
    assert [version for _, _, version, _ in world.reports.events] == list(range(1, len(kinds) + 1))
    final = [d for d in world.signalling.of(call) if d[0] in ("reject", "hang_up")]
    assert len(final) <= 1
    assert len([d for d in world.signalling.of(call) if d[0] == "answer"]) <= 1
    record = world.record_of(call)
    assert record.termination is world.reports.terminations[0]
    assert all(participant.left == 1 for participant in world.platform.participants)
    assert {state for state, _ in world.reports.illegal_triggers} <= set(CallState)
