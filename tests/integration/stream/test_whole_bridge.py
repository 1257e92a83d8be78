"""A SIP caller, a whole bridge as a process of its own, a local Stream, and Stream's unmodified SDK."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from local.demo.phone import Account, CallRefusedError, Phone
from local.stream.account import account_of, put_account
from local.stream.server import LocalStream
from tests.integration.stream.conftest import API_SECRET, Invite, inviting, until
from tests.integration.stream.sdk_participant import RATE as SDK_RATE
from tests.integration.stream.tones import share, tone
from tests.support.running_bridge import (
    NUMBER,
    PIN,
    PIN_NUMBER,
    CarrierWorld,
    RunningBridge,
    carrier_world,
    running_bridge,
)
from trunking.call_record import CallRecord
from trunking.termination import Termination

pytestmark = pytest.mark.asyncio(loop_scope="module")

PHONE_RATE = 8000
CALL_ID = "front-desk"
_CALLERS = itertools.count(1)


@pytest.fixture(scope="module")
def world() -> Iterator[CarrierWorld]:
    """Emulated AWS with trunks and rules."""
    with carrier_world() as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def serving_stream() -> AsyncIterator[LocalStream]:
    """One local Stream for all tests."""
    server = LocalStream(api_key="local", api_secret=API_SECRET, edges=2)
    await server.start()
    yield server
    await server.close()


@pytest.fixture
def stream(serving_stream: LocalStream) -> Iterator[LocalStream]:
    """As new: whatever the last test did to it is undone."""
    yield serving_stream
    serving_stream.faults.clear()
    serving_stream.directory.forget_calls()
    for edge in serving_stream.sfu.edges.values():
        serving_stream.sfu.bring_up(edge)


@pytest.fixture(scope="module")
def process(
    world: CarrierWorld, serving_stream: LocalStream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningBridge]:
    """The bridge with the platform `stream`; the application has its account at the local Stream."""
    account = account_of(serving_stream, "local", API_SECRET)
    put_account(world.deployment, world.application.application_id, account)
    directory = tmp_path_factory.mktemp("bridge")
    with running_bridge(world, directory, {"PLATFORM": "stream", "STREAM_JOIN_SECONDS": "4"}) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def phone(process: RunningBridge) -> AsyncIterator[Phone]:
    """A SIP phone on the trunk that trusts this machine; says a tone of 440 Hz."""
    # A caller's number of its own, by which the record of its call is found.
    number = f"+1555765{next(_CALLERS):04d}"
    made = Phone(Account("127.0.0.1", process.udp_port, "nobody", "nothing", number))
    await made.open()
    yield made
    made.close()


@pytest_asyncio.fixture(loop_scope="module")
async def invite(stream: LocalStream) -> AsyncIterator[Invite]:
    """`await invite(call_id, user_id, frequency)`: somebody joins with the unmodified SDK."""
    async with inviting(stream) as join:
        yield join


def _say(phone: Phone) -> None:
    minute = tone(440.0, PHONE_RATE, 0, 60 * PHONE_RATE)
    phone.rtp.say((minute / 32768).astype(np.float32))


def _heard(phone: Phone, seconds: float) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    samples = phone.rtp.heard.samples[-round(seconds * PHONE_RATE) :]
    return (samples * 32767).astype(np.int16)


async def _record(world: CarrierWorld, phone: Phone) -> CallRecord:
    """The record of the phone's last call, once it has ended."""

    def ended() -> list[CallRecord]:
        return [
            r
            for r in world.records()
            if r.caller_number == phone.account.caller_number and r.termination is not None
        ]

    async with asyncio.timeout(10):
        while not (found := await asyncio.to_thread(ended)):  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.1)
    return found[0]


async def test_sip_caller_and_sdk_participant_hear_each_other(
    phone: Phone, invite: Invite, world: CarrierWorld
) -> None:
    agent = await invite(CALL_ID, "agent", 1000.0)
    answered = await phone.call(NUMBER)
    assert answered.seconds_to_answer < 3.0
    _say(phone)
    await until(lambda: share(_heard(phone, 0.5), PHONE_RATE, 1000.0) > 0.9)
    await until(lambda: any(share(agent.hear(u, 0.5), SDK_RATE, 440.0) > 0.9 for u in agent.heard_users()))
    await phone.hang_up()
    assert (await _record(world, phone)).termination is Termination.CALLER_HUNG_UP
    await until(lambda: "participant_left" in agent.events)


async def test_digits_of_the_phone_are_events_in_the_call(phone: Phone, invite: Invite) -> None:
    agent = await invite(CALL_ID, "agent", 1000.0)
    await phone.call(NUMBER)
    phone.rtp.press("42#")
    await until(lambda: len(agent.custom_events) == 3)
    events = [event["custom"] for event in agent.custom_events]
    assert [(e["type"], e["digit"], e["seq_number"]) for e in events] == [  # type: ignore[index]
        ("call.dtmf", "4", 1),
        ("call.dtmf", "2", 2),
        ("call.dtmf", "#", 3),
    ]
    await phone.hang_up()


async def test_call_ended_in_stream_hangs_up_the_phone(
    phone: Phone, stream: LocalStream, world: CarrierWorld
) -> None:
    await phone.call(NUMBER)
    await stream.coordinator.end_call(stream.directory.call("default", CALL_ID))
    async with asyncio.timeout(5):
        await phone.ended.wait()
    assert (await _record(world, phone)).termination is Termination.CALL_SIDE_ENDED


@pytest.mark.parametrize(
    ("fault", "status"), [("ended", 403), ("silent", 503), ("sfu_down", 503), ("rate_limited", 503)]
)
async def test_caller_gets_the_right_status(
    phone: Phone, stream: LocalStream, world: CarrierWorld, fault: str, status: int
) -> None:
    creator = stream.directory.upsert_user("somebody", {})
    call, _ = stream.directory.get_or_create_call("default", CALL_ID, creator, {})
    match fault:
        case "ended":
            await stream.coordinator.end_call(call)
        case "silent":
            stream.faults.silent = True
        case "rate_limited":
            stream.faults.rate_limited = 10_000
        case "sfu_down":
            for edge in stream.sfu.edges.values():
                await stream.sfu.take_down(edge)
    with pytest.raises(CallRefusedError) as caught:
        await phone.call(NUMBER)
    assert caught.value.status == status
    expected = Termination.CALL_PLATFORM_REFUSED if status == 403 else Termination.CALL_PLATFORM_UNAVAILABLE
    assert (await _record(world, phone)).termination is expected


async def test_pin_on_the_call_object_opens_the_call(
    phone: Phone, stream: LocalStream, invite: Invite
) -> None:
    creator = stream.directory.upsert_user("somebody", {})
    stream.directory.get_or_create_call("default", "guarded-desk", creator, {"custom": {"pin": "9753"}})
    agent = await invite("guarded-desk", "agent", 1000.0)
    assert PIN != "9753"
    await phone.call(PIN_NUMBER)
    phone.rtp.press("9753")
    await until(lambda: share(_heard(phone, 0.5), PHONE_RATE, 1000.0) > 0.9)
    assert "participant_joined" in agent.events
    await phone.hang_up()


async def test_wrong_secret_is_a_reason_that_the_operator_sees(
    stream: LocalStream, world: CarrierWorld, tmp_path: Path
) -> None:
    wrong = account_of(stream, "local", "not-the-secret-but-long-enough-to-sign-with")
    put_account(world.deployment, world.application.application_id, wrong)
    with running_bridge(world, tmp_path, {"PLATFORM": "stream"}) as misled:
        phone = Phone(Account("127.0.0.1", misled.udp_port, "nobody", "nothing", "+15557650000"))
        await phone.open()
        with pytest.raises(CallRefusedError) as caught:
            await phone.call(NUMBER)
        assert caught.value.status == 403
        ladder = (await _record(world, phone)).ladder
        phone.close()
    assert any("check the application's Stream key and secret" in str(step.detail) for step in ladder)
    assert "not-the-secret" not in misled.log()
