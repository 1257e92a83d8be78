"""PIN protection and PIN routing, digit by digit, with the clock turned by hand."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from bridge.calls.call_settings import CallSettings
from bridge.calls.prompts import Prompt, TonePrompts
from tests.support.call_world import CallWorld, rule, settle
from trunking.routing_rule import PinProtection, PinRouting
from trunking.termination import Termination


def protected(**settings: Any) -> CallWorld:
    """A world whose rule asks for 4711."""
    protection = PinProtection(enabled=True, default_pin="4711", **settings)
    return CallWorld(rules=(rule(pin_protection=protection),))


def routed() -> CallWorld:
    """A world whose callers key in the call's routing number."""
    return CallWorld(rules=(rule(direct_routing=None, pin_routing=PinRouting()),))


async def test_right_pin_joins_and_its_digits_go_nowhere() -> None:
    world = protected()
    call = await world.invite()
    assert [d[0] for d in world.signalling.of(call)] == ["ring", "answer"]
    assert world.platform.requests == []
    await world.digits(call, "4711")
    assert world.platform.requests[0].call.cid == "default:lobby"
    assert world.reports.kinds() == ["received", "answered"]
    assert world.platform.participants[0].digits == ""
    await world.digits(call, "9")
    assert world.platform.participants[0].digits == "9"
    assert "4711" not in repr(world.reports.records)
    assert "4711" not in repr(world.reports.events)


async def test_prompts_can_come_as_early_media() -> None:
    world = CallWorld(
        rules=(rule(pin_protection=PinProtection(enabled=True, default_pin="4711", max_attempts=1)),),
        settings=CallSettings("bridge-1", early_prompts=True),
    )
    call = await world.invite()
    assert [d[0] for d in world.signalling.of(call)] == ["ring", "ring_with_media"]
    await world.digits(call, "4711")
    assert world.signalling.of(call)[-1][0] == "answer"
    assert world.record_of(call).answered_at is not None
    wrong = await world.invite()
    await world.digits(wrong, "0000")
    assert world.signalling.of(wrong)[-1] == ("reject", 403, None)
    assert world.record_of(wrong).answered_at is None
    offerless = await world.invite(offer=None)
    assert world.signalling.of(offerless)[-1][0] == "answer"


async def test_wrong_pin_may_be_tried_again_up_to_the_rules_limit() -> None:
    world = protected(max_attempts=2)
    call = await world.invite()
    await world.digits(call, "0000")
    assert world.control.calls == 1
    await world.digits(call, "1111")
    record = world.record_of(call)
    assert record.termination is Termination.PIN_FAILED
    assert world.signalling.of(call)[-1][0] == "hang_up"
    assert world.platform.requests == []
    prompts = TonePrompts()
    assert world.media.played == [
        prompts.audio(prompt, "")
        for prompt in (Prompt.ENTER, Prompt.FAILED, Prompt.ENTER, Prompt.FAILED, Prompt.HANGUP)
    ]


async def test_hash_ends_an_entry_and_star_starts_anew() -> None:
    world = protected(required_pin_digits=8)
    call = await world.invite()
    await world.digits(call, "99*4711#")
    assert len(world.platform.requests) == 1


async def test_silence_ends_the_call() -> None:
    world = protected()
    call = await world.invite()
    await world.clock.advance(9.9)
    assert world.control.calls == 1
    await world.clock.advance(0.2)
    assert world.record_of(call).termination is Termination.PIN_TIMEOUT


async def test_pause_ends_an_entry() -> None:
    world = protected(max_attempts=1)
    call = await world.invite()
    await world.digits(call, "47")
    await world.clock.advance(5.1)
    assert world.record_of(call).termination is Termination.PIN_FAILED


async def test_whole_entry_is_bounded() -> None:
    world = CallWorld(
        rules=(rule(pin_protection=PinProtection(enabled=True, default_pin="4711")),),
        settings=CallSettings("bridge-1", digits_timeout=0.001),
    )
    call = await world.invite()
    await world.control.idle()
    await world.control.finished()
    assert world.record_of(call).termination is Termination.PIN_TIMEOUT


async def test_guessing_over_many_calls_is_locked_out() -> None:
    world = protected(max_attempts=3)
    for _ in range(4):
        call = await world.invite()
        for guess in ("0000", "1111", "2222"):
            await world.digits(call, guess)
    call = await world.invite()
    await world.digits(call, "4711")
    assert world.platform.requests == []
    assert world.record_of(call).termination is Termination.PIN_FAILED
    other = await world.invite(sender="<sip:+15558887777@carrier.example>;tag=3")
    await world.digits(other, "4711")
    assert len(world.platform.requests) == 1
    await world.clock.advance(600.0)
    again = await world.invite()
    await world.digits(again, "4711")
    assert len(world.platform.requests) == 2


async def test_hanging_up_while_asked_ends_everything() -> None:
    from bridge.sip.events import CallEnded

    world = protected()
    call = await world.invite()
    world.control.sip_event(CallEnded(call, "bye", ""))
    await settle()
    await world.control.finished()
    assert world.record_of(call).termination is Termination.CALLER_HUNG_UP
    assert world.media.closed == [world.leg_of(call)]
    await world.clock.advance(60.0)


async def test_routing_number_names_the_call_and_moves_the_leg() -> None:
    world = routed()
    call = await world.invite()
    leg = world.leg_of(call)
    assert world.media.rooms[leg] == f"app/entry:{leg}"
    await world.digits(call, "123456#")
    assert world.media.rooms[leg] == "app/default:123456"
    assert world.platform.requests[0].call.cid == "default:123456"
    assert world.record_of(call).call_cid == "default:123456"


async def test_protection_without_any_pin_stays_closed() -> None:
    world = CallWorld(rules=(rule(pin_protection=PinProtection(enabled=True)),))
    call = await world.invite()
    assert world.record_of(call).termination is Termination.PIN_FAILED


@pytest.mark.parametrize("prompt", list(Prompt))
def test_prompts_are_audible_pcm_at_8000_hz_without_clicks(prompt: Prompt) -> None:
    audio = memoryview(TonePrompts().audio(prompt, "")).cast("h")
    assert 8000 * 0.2 < len(audio) < 8000 * 2
    assert max(audio) > 4000
    assert abs(audio[0]) < 100
    assert abs(audio[-1]) < 100
    assert max(abs(a - b) for a, b in itertools.pairwise(audio)) < 6000
