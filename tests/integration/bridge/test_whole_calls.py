"""Real calls through a whole local stack: API, change event, SIP over loopback, audio, records."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import jwt
import numpy as np
import pytest
import pytest_asyncio

from local.demo.command import temporary_stack
from local.demo.phone import Account, CallRefusedError, Phone
from local.demo.timeline import SAMPLE_RATE, Samples
from local.ready_file import LocalStack

SIP = "/api/v2/video/sip"
pytestmark = pytest.mark.asyncio(loop_scope="module")
LOW, HIGH = 440.0, 1000.0


def tone(hertz: float, seconds: float) -> Samples:
    """A sine at a quarter of full scale."""
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.25 * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def strength(samples: Samples, hertz: float) -> float:
    """The amplitude of one frequency in the loudest half second."""
    window = SAMPLE_RATE // 2
    wave = np.exp(-2j * np.pi * hertz * np.arange(window) / SAMPLE_RATE)
    parts = [samples[start : start + window] for start in range(0, len(samples) - window, window // 4)]
    return max((float(2 * np.abs(np.dot(part, wave)) / window) for part in parts), default=0.0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalStack]:
    """One stack for all: its start is what takes time."""
    async with temporary_stack(tmp_path_factory.mktemp("stack") / "local") as started:
        yield started


@asynccontextmanager
async def phone(
    stack: LocalStack, number: str = "+15557654321", password: str | None = None
) -> AsyncIterator[Phone]:
    """A phone with the demonstration's account."""
    account = Account(stack.sip_host, stack.sip_port, stack.username, password or stack.password, number)
    made = Phone(account)
    await made.open()
    try:
        yield made
    finally:
        made.close()


class ApiClient:
    """The control plane over HTTP."""

    def __init__(self, stack: LocalStack, session: aiohttp.ClientSession) -> None:
        self._stack = stack
        self._session = session
        self._token = jwt.encode({"server": True}, stack.api_secret, algorithm="HS256")

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        async with self._session.request(
            method,
            f"{self._stack.api_url}{SIP}{path}",
            params={"api_key": self._stack.api_key},
            headers={"Authorization": self._token, "stream-auth-type": "jwt"},
            json=body,
        ) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()

    async def record(self, sip_call_id: str) -> Any:
        """The finished record of a call."""
        async with asyncio.timeout(30):
            while True:
                for found in (await self.ask("GET", "/calls"))["sip_calls"]:
                    if found["sip_call_id"] == sip_call_id and found.get("termination"):
                        return (await self.ask("GET", f"/calls/{found['id']}"))["sip_call"]
                await asyncio.sleep(0.05)


@asynccontextmanager
async def api(stack: LocalStack) -> AsyncIterator[ApiClient]:
    async with aiohttp.ClientSession() as session:
        yield ApiClient(stack, session)


async def test_two_callers_hear_each_other_and_not_themselves(stack: LocalStack) -> None:
    async with phone(stack) as one, phone(stack, "+15557650000") as two:
        await asyncio.gather(one.call(stack.number), two.call(stack.number))
        one.rtp.say(tone(LOW, 3.0))
        two.rtp.say(tone(HIGH, 3.0))
        await asyncio.gather(one.rtp.all_said.wait(), two.rtp.all_said.wait())
        await one.hang_up()
        await two.hang_up()
        first, second = one.rtp.heard.samples, two.rtp.heard.samples
        assert strength(first, HIGH) > 0.1
        assert strength(second, LOW) > 0.1
        assert strength(first, LOW) < 0.01
        assert strength(second, HIGH) < 0.01
        async with api(stack) as client:
            record = await client.record(one.call_id)
        assert record["termination"] == "caller_hung_up"
        assert record["call_cid"] == "default:hospital-fixed-line"
        assert record["quality"]["packets_received"] > 100
        assert record["ladder"][0]["what"] == "invite_received"


async def test_rejections_have_status_and_record(stack: LocalStack) -> None:
    cases = (
        (stack.number, "not the password", 403, "authentication_failed"),
        ("+15559990000", None, 404, "unknown_number"),
    )
    async with api(stack) as client:
        for number, password, status, termination in cases:
            async with phone(stack, password=password) as caller:
                with pytest.raises(CallRefusedError) as refused:
                    await caller.call(number)
                assert refused.value.status == status
                record = await client.record(caller.call_id)
                assert (record["termination"], record["sip_status"]) == (termination, status)
                last = record["ladder"][-1]["detail"]
                assert last["expected"]
                assert last["received"]


async def test_api_change_routes_a_call(stack: LocalStack) -> None:
    """A rule takes the next calls, and none once it is gone, again and again."""
    async with api(stack) as client:
        wanted = {"name": "New", "numbers": ["+15551231000"]}
        trunk = (await client.ask("POST", "/inbound_trunks", wanted))["sip_trunk"]
        account = Account(stack.sip_host, stack.sip_port, trunk["username"], trunk["password"])
        await accepted(account, "+15551231000", refusals=(403, 404), until_status=404, pause=0.2)
        for index in range(3):
            rule = {
                "name": "New",
                "trunk_ids": [trunk["id"]],
                "caller_configs": {"id": "phone-{{caller_number}}"},
                "direct_routing_configs": {"call_type": "default", "call_id": f"new-{index}"},
            }
            made = await client.ask("POST", "/inbound_routing_rules", rule)
            await accepted(account, "+15551231000", refusals=(404,), pause=0.01)
            await client.ask("DELETE", f"/inbound_routing_rules/{made['id']}")
            await accepted(account, "+15551231000", refusals=(404,), until_status=404, pause=0.05)


async def accepted(
    account: Account, number: str, *, refusals: tuple[int, ...], pause: float, until_status: int = 200
) -> float:
    """Call until the status comes; when the call that got it began."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(30):
        while True:
            caller = Phone(account)
            await caller.open()
            began = loop.time()
            try:
                await caller.call(number)
                await caller.hang_up()
                status = 200
            except CallRefusedError as refused:
                status = refused.status
            finally:
                caller.close()
            if status == until_status:
                return began
            assert status == 200 or status in refusals
            await asyncio.sleep(pause)
