"""Phone and SDK participants in the same Stream call hear each other, and what mute, digits and ends do."""

from __future__ import annotations

import asyncio

import getstream_rtc as sdk

from tests.integration.stream.conftest import Bridge, Invite, until
from tests.integration.stream.phone import RATE as PHONE_RATE
from tests.integration.stream.sdk_participant import RATE as SDK_RATE
from tests.integration.stream.tones import loudness, share
from trunking.termination import Termination


async def test_phone_and_sdk_participant_hear_each_other(bridge: Bridge, invite: Invite) -> None:
    agent = await invite("support", "agent", 1000.0)
    phone, _ = await bridge.dial(frequency=440.0)
    await until(lambda: share(phone.hear(0.5), PHONE_RATE, 1000.0) > 0.9)
    await until(lambda: share(agent.hear("phone-1", 0.5), SDK_RATE, 440.0) > 0.9)
    # As loud as it was said: a sine of amplitude 8000 has 5657.
    await until(lambda: 5000 < loudness(phone.hear(0.5)) < 6300)
    await until(lambda: 5000 < loudness(agent.hear("phone-1", 0.5)) < 6300)


async def test_user_and_call_carry_the_rules_data(bridge: Bridge) -> None:
    await bridge.dial()
    user = bridge.stream.directory.user("phone-1")
    assert (user.name, user.custom) == ("Alice", {"phone": "+15551230001", "tier": "gold"})
    assert bridge.stream.directory.call("default", "support").custom == {"purpose": "test"}


async def test_three_participants_hear_the_two_others(bridge: Bridge, invite: Invite) -> None:
    first = await invite("support", "first", 1000.0)
    second = await invite("support", "second", 1700.0)
    phone, _ = await bridge.dial(frequency=440.0)
    await until(lambda: share(phone.hear(0.5), PHONE_RATE, 1000.0) > 0.35)
    await until(lambda: share(phone.hear(0.5), PHONE_RATE, 1700.0) > 0.35)
    for listener, other, frequency in ((first, "second", 1700.0), (second, "first", 1000.0)):
        await until(lambda: share(listener.hear("phone-1", 0.5), SDK_RATE, 440.0) > 0.9)  # noqa: B023
        await until(lambda: share(listener.hear(other, 0.5), SDK_RATE, frequency) > 0.9)  # noqa: B023


async def test_two_phones_hear_each_other_through_stream(bridge: Bridge) -> None:
    one, _ = await bridge.dial(frequency=440.0)
    other, _ = await bridge.dial(frequency=1000.0)
    await until(lambda: share(one.hear(0.5), PHONE_RATE, 1000.0) > 0.9)
    await until(lambda: share(other.hear(0.5), PHONE_RATE, 440.0) > 0.9)


async def test_phone_hears_silence_while_the_participant_is_muted(bridge: Bridge, invite: Invite) -> None:
    agent = await invite("support", "agent", 1000.0)
    phone, _ = await bridge.dial()
    await until(lambda: share(phone.hear(0.5), PHONE_RATE, 1000.0) > 0.9)
    await agent.call.mute_track(sdk.TrackType.AUDIO)
    await until(lambda: len(phone.hear(0.5)) > 0 and loudness(phone.hear(0.5)) < 30)
    await agent.call.unmute_track(sdk.TrackType.AUDIO)
    await until(lambda: share(phone.hear(0.5), PHONE_RATE, 1000.0) > 0.9)


async def test_participant_sees_the_phone_mute_and_unmute(bridge: Bridge, invite: Invite) -> None:
    agent = await invite("support", "agent", 1000.0)
    _, participant = await bridge.dial()
    await until(lambda: share(agent.hear("phone-1", 0.5), SDK_RATE, 440.0) > 0.9)
    await participant.mute(True)
    await until(lambda: agent.events[-1] == "track_unpublished" or "track_unpublished" in agent.events)
    agent.forget_heard()
    await participant.mute(False)
    await until(lambda: share(agent.hear("phone-1", 0.5), SDK_RATE, 440.0) > 0.9)


async def test_digits_reach_the_call_as_dtmf_events(bridge: Bridge, invite: Invite) -> None:
    agent = await invite("support", "agent", 1000.0)
    _, participant = await bridge.dial()
    await participant.send_dtmf("5", 250)
    await participant.send_dtmf("#", 90)
    await until(lambda: len(agent.custom_events) == 2)
    events = [event["custom"] for event in agent.custom_events]
    assert all(isinstance(event, dict) for event in events)
    told = [(e["type"], e["call_cid"], e["digit"], e["duration_ms"], e["seq_number"]) for e in events]  # type: ignore[index]
    assert told == [
        ("call.dtmf", "default:support", "5", 250, 1),
        ("call.dtmf", "default:support", "#", 90, 2),
    ]
    assert events[0]["user"]["custom"]["phone"] == "+15551230001"  # type: ignore[index]


async def test_ending_the_call_in_stream_ends_the_phone(bridge: Bridge, invite: Invite) -> None:
    await invite("support", "agent", 1000.0)
    phone, _ = await bridge.dial()
    call = bridge.stream.directory.call("default", "support")
    await bridge.stream.coordinator.end_call(call)
    await until(lambda: bool(bridge.ended))
    assert [(each.leg_id, each.termination) for each in bridge.ended] == [
        (phone.leg_id, Termination.CALL_SIDE_ENDED)
    ]


async def test_leaving_takes_the_phone_out_of_the_call(bridge: Bridge, invite: Invite) -> None:
    await invite("support", "agent", 1000.0)
    phone, participant = await bridge.dial()
    assert bridge.stream.sfu.participant_count("default:support") == 2
    await bridge.hang_up(phone, participant)
    await participant.leave()
    await until(lambda: bridge.stream.sfu.participant_count("default:support") == 1)
    assert bridge.ended == []
    assert not [task for task in asyncio.all_tasks() if "leg-1" in task.get_name()]
