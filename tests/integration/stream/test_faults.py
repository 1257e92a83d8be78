"""What Stream may do wrong, and what phone and operator get: a fitting termination in time, never silence."""

from __future__ import annotations

import time

import pytest

from bridge.adapters.stream_application import StreamApplication
from bridge.adapters.stream_platform import StreamSettings
from bridge.calls.call_platform import CallPlatformError
from bridge.calls.termination_status import TERMINATION_STATUS
from tests.integration.stream.conftest import API_SECRET, Bridge, Invite, until
from tests.integration.stream.phone import RATE as PHONE_RATE
from tests.integration.stream.sdk_participant import RATE as SDK_RATE
from tests.integration.stream.tones import share
from trunking.termination import Termination

JOIN_SECONDS = 3.5


@pytest.fixture
def settings() -> StreamSettings:
    # Longer than 2 s: for so long the SDK may wait for its location look-up, which finds no network here.
    return StreamSettings(join_timeout=JOIN_SECONDS, reconnect_timeout=1.5)


async def _refusal(bridge: Bridge, call_id: str = "support") -> CallPlatformError:
    began = time.monotonic()
    with pytest.raises(CallPlatformError) as caught:
        await bridge.dial(call_id)
    assert time.monotonic() - began < JOIN_SECONDS + 2.0
    assert API_SECRET not in caught.value.detail
    return caught.value


def _account(bridge: Bridge, **changes: str) -> None:
    fields = {
        "api_key": "local",
        "api_secret": API_SECRET,
        "base_url": bridge.stream.base_url,
        "websocket_url": bridge.stream.websocket_url,
    }
    bridge.account[0] = StreamApplication(**{**fields, **changes})


async def test_wrong_secret_is_refused_with_403_and_named_to_the_operator(bridge: Bridge) -> None:
    _account(bridge, api_secret="another-secret-that-is-long-enough-to-sign")
    error = await _refusal(bridge)
    assert error.termination is Termination.CALL_PLATFORM_REFUSED
    assert TERMINATION_STATUS[error.termination].status == 403
    assert "check the application's Stream key and secret" in error.detail


async def test_unknown_api_key_is_refused(bridge: Bridge) -> None:
    _account(bridge, api_key="nobody")
    assert (await _refusal(bridge)).termination is Termination.CALL_PLATFORM_REFUSED


async def test_application_without_an_account_is_refused(bridge: Bridge) -> None:
    bridge.account[0] = None
    error = await _refusal(bridge)
    assert error.termination is Termination.CALL_PLATFORM_REFUSED
    assert "found none" in error.detail


async def test_unreachable_coordinator_gives_503(bridge: Bridge) -> None:
    # Port 9 (discard): nothing listens there, the kernel refuses at once.
    _account(bridge, base_url="http://127.0.0.1:9", websocket_url="ws://127.0.0.1:9/api/v2/connect")
    error = await _refusal(bridge)
    assert error.termination is Termination.CALL_PLATFORM_UNAVAILABLE
    assert TERMINATION_STATUS[error.termination].status == 503


async def test_unreachable_websocket_gives_503(bridge: Bridge) -> None:
    _account(bridge, websocket_url="ws://127.0.0.1:9/api/v2/connect")
    assert (await _refusal(bridge)).termination is Termination.CALL_PLATFORM_UNAVAILABLE


async def test_silent_coordinator_gives_503_in_time(bridge: Bridge) -> None:
    bridge.stream.faults.silent = True
    error = await _refusal(bridge)
    assert error.termination is Termination.CALL_PLATFORM_UNAVAILABLE
    assert f"within {JOIN_SECONDS:g} s" in error.detail


async def test_websocket_without_an_answer_gives_503_in_time(bridge: Bridge) -> None:
    bridge.stream.faults.silent_login = True
    assert (await _refusal(bridge)).termination is Termination.CALL_PLATFORM_UNAVAILABLE
    assert bridge.stream.sfu.participant_count("default:support") == 0


async def test_lasting_500_gives_503(bridge: Bridge) -> None:
    bridge.stream.faults.broken = 1000
    error = await _refusal(bridge)
    assert error.termination is Termination.CALL_PLATFORM_UNAVAILABLE
    assert "500" in error.detail


@pytest.mark.parametrize(("rate_limited", "broken"), [(2, 0), (0, 2)])
async def test_a_few_refusals_are_tried_again(bridge: Bridge, rate_limited: int, broken: int) -> None:
    bridge.stream.faults.rate_limited, bridge.stream.faults.broken = rate_limited, broken
    await bridge.dial()
    assert bridge.stream.sfu.participant_count("default:support") == 1


async def test_lasting_429_gives_503(bridge: Bridge) -> None:
    bridge.stream.faults.rate_limited = 1000
    assert (await _refusal(bridge)).termination is Termination.CALL_PLATFORM_UNAVAILABLE


async def test_slow_coordinator_is_waited_for(bridge: Bridge) -> None:
    bridge.stream.faults.delay = 0.2
    await bridge.dial()
    assert bridge.stream.sfu.participant_count("default:support") == 1


async def test_ended_call_is_refused(bridge: Bridge) -> None:
    phone, participant = await bridge.dial()
    await bridge.hang_up(phone, participant)
    await bridge.stream.coordinator.end_call(bridge.stream.directory.call("default", "support"))
    error = await _refusal(bridge)
    assert (error.termination, error.detail) == (
        Termination.CALL_PLATFORM_REFUSED,
        "the call has ended in Stream",
    )


async def test_full_call_is_refused(bridge: Bridge) -> None:
    await bridge.dial()
    bridge.stream.directory.call("default", "support").max_participants = 1
    error = await _refusal(bridge)
    assert error.termination is Termination.CALL_PLATFORM_REFUSED
    assert "participant limit" in error.detail


async def test_sfu_that_is_down_gives_503(bridge: Bridge) -> None:
    for edge in bridge.stream.sfu.edges.values():
        await bridge.stream.sfu.take_down(edge)
    assert (await _refusal(bridge)).termination is Termination.CALL_PLATFORM_UNAVAILABLE


async def test_phone_is_ended_when_the_sfu_stays_away(bridge: Bridge) -> None:
    phone, _ = await bridge.dial()
    for edge in bridge.stream.sfu.edges.values():
        await bridge.stream.sfu.take_down(edge)
    await until(lambda: bool(bridge.ended), 5.0)
    assert [(e.leg_id, e.termination) for e in bridge.ended] == [
        (phone.leg_id, Termination.CALL_PLATFORM_FAILED)
    ]
    assert "lost for 1.5 s" in bridge.ended[0].detail


async def test_nothing_stays_in_the_call_when_the_caller_gives_up(bridge: Bridge) -> None:
    bridge.stream.faults.delay = 1.5
    await _refusal(bridge)
    bridge.stream.faults.delay = 0.0
    await until(lambda: bridge.stream.sfu.participant_count("default:support") == 0)


class TestReconnecting:
    """With the default time to reconnect."""

    @pytest.fixture
    def settings(self) -> StreamSettings:
        return StreamSettings()

    async def test_audio_returns_when_the_sfu_returns(self, bridge: Bridge, invite: Invite) -> None:
        agent = await invite("support", "agent", 1000.0)
        phone, _ = await bridge.dial()
        await until(lambda: share(phone.hear(0.5), PHONE_RATE, 1000.0) > 0.9)
        for edge in bridge.stream.sfu.edges.values():
            await bridge.stream.sfu.take_down(edge)
        phone.forget_heard()
        agent.forget_heard()
        for edge in bridge.stream.sfu.edges.values():
            bridge.stream.sfu.bring_up(edge)
        await until(lambda: share(phone.hear(0.5), PHONE_RATE, 1000.0) > 0.9, 18.0)
        await until(lambda: share(agent.hear("phone-1", 0.5), SDK_RATE, 440.0) > 0.9, 18.0)
        assert bridge.ended == []

    async def test_audio_goes_on_after_a_migration(self, bridge: Bridge, invite: Invite) -> None:
        agent = await invite("support", "agent", 1000.0)
        phone, _ = await bridge.dial()
        first = bridge.stream.sfu.edges["local-1"]
        await bridge.stream.sfu.drain(first)
        await until(lambda: bridge.stream.sfu.participants_at(first) == 0, 15.0)
        phone.forget_heard()
        agent.forget_heard()
        await until(lambda: share(phone.hear(0.5), PHONE_RATE, 1000.0) > 0.9)
        await until(lambda: share(agent.hear_newest(0.5), SDK_RATE, 440.0) > 0.9)
        assert bridge.ended == []

    async def test_lost_websocket_alone_does_not_interrupt_the_call(
        self, bridge: Bridge, invite: Invite
    ) -> None:
        agent = await invite("support", "agent", 1000.0)
        phone, _ = await bridge.dial()
        await until(lambda: share(phone.hear(0.5), PHONE_RATE, 1000.0) > 0.9)
        await bridge.stream.sfu.cut_websockets()
        await until(lambda: bridge.stream.sfu.connected_websockets() == 2, 15.0)
        phone.forget_heard()
        agent.forget_heard()
        await until(lambda: share(phone.hear(0.5), PHONE_RATE, 1000.0) > 0.9)
        await until(lambda: share(agent.hear("phone-1", 0.5), SDK_RATE, 440.0) > 0.9)
        assert bridge.ended == []
