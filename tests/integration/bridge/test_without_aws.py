"""When every AWS service is down, calls still route from memory, and their reports hold nobody up."""

from __future__ import annotations

import asyncio
from pathlib import Path

from local.demo.phone import Account, Phone
from tests.support.running_bridge import DIGEST_NUMBER, PASSWORD, carrier_world, running_bridge


async def test_calls_go_on_without_aws(tmp_path: Path) -> None:
    with carrier_world() as world, running_bridge(world, tmp_path) as bridge:
        await asyncio.to_thread(world.aws.stop)
        account = Account("127.0.0.1", bridge.udp_port, world.digest_trunk.username, PASSWORD)
        for _ in range(5):
            phone = Phone(account)
            await phone.open()
            answered = await phone.call(DIGEST_NUMBER)
            assert answered.seconds_to_answer < 1.0
            await phone.hang_up()
            phone.close()
        ended = 'trunkline_sip_calls_ended_total{answered="yes",termination="caller_hung_up"}'
        assert bridge.metrics()[ended] == 5
    # The bridge ended in time although nothing took its records.
    assert "reports given up" in bridge.log()
