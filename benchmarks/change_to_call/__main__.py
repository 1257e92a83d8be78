"""`python -m benchmarks.change_to_call [changes]`: from a change over HTTP to the call that it routes.

Starts a whole local stack on free ports. For each change a routing rule is made for a number that had none; a
phone then calls until it is answered. The first change, before which the bridge did not know the trunk, does
not count. The first figure runs from the API's answer to the INVITE that got
through, the second from that INVITE to its 200. The limit is 300 ms for each, at the median.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from getstream import Stream
from getstream.models import SIPCallerConfigsRequest, SIPDirectRoutingRuleCallConfigsRequest

from local.demo.command import temporary_stack
from local.demo.phone import Account, CallRefusedError, Phone
from local.ready_file import LocalStack

LIMIT = 0.3
PATIENCE = 30.0
PAUSE = 0.01
FIRST_PAUSE = 1.0
"""Until the bridge knows the trunk, each call is a wrong guess; a dozen quick ones get a source shunned."""


async def call_until_routed(account: Account, number: str, pause: float = PAUSE) -> tuple[float, float]:
    """Call until the call is answered: when that INVITE left (monotonic seconds), and seconds to its 200."""
    patience = time.monotonic() + PATIENCE
    while True:
        phone = Phone(account)
        await phone.open()
        began = time.monotonic()
        try:
            answered = await phone.call(number)
        except CallRefusedError:
            if began > patience:
                raise
            await asyncio.sleep(pause)
        else:
            await phone.hang_up()
            return began, answered.seconds_to_answer
        finally:
            phone.close()


async def measure(stack: LocalStack, changes: int) -> tuple[list[float], list[float]]:
    """Seconds from change to call, and seconds from INVITE to 200, one of each per change."""
    client = Stream(api_key=stack.api_key, api_secret=stack.api_secret, base_url=stack.api_url).video
    numbers = [f"+1555124{index:04d}" for index in range(changes + 1)]
    trunk = (await asyncio.to_thread(client.create_sip_trunk, name="Bench", numbers=numbers)).data.sip_trunk
    account = Account(stack.sip_host, stack.sip_port, trunk.username, trunk.password)
    to_call, to_answer = [], []
    for number in numbers:
        await asyncio.to_thread(
            client.create_sip_inbound_routing_rule,
            name=number,
            trunk_ids=[trunk.id],
            called_numbers=[number],
            caller_configs=SIPCallerConfigsRequest(id="phone-{{caller_number}}"),
            direct_routing_configs=SIPDirectRoutingRuleCallConfigsRequest(
                call_type="default", call_id="bench"
            ),
        )
        changed = time.monotonic()
        if number == numbers[0]:
            await call_until_routed(account, number, FIRST_PAUSE)
            continue
        began, answered = await call_until_routed(account, number)
        to_call.append(began - changed)
        to_answer.append(answered)
    return to_call, to_answer


def describe(what: str, seconds: list[float]) -> str:
    """One line of the table."""
    milliseconds = sorted(1000 * value for value in seconds)
    median = statistics.median(milliseconds)
    verdict = "within" if median < 1000 * LIMIT else "ABOVE"
    return (
        f"{what:24} median {median:6.0f} ms, least {milliseconds[0]:6.0f}, most {milliseconds[-1]:6.0f}; "
        f"{verdict} the limit of {1000 * LIMIT:.0f} ms"
    )


async def main(changes: int) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(prefix="trunkline-bench-") as directory:
        async with temporary_stack(Path(directory)) as stack:
            to_call, to_answer = await measure(stack, changes)
    print(describe("API change to its call", to_call))
    print(describe("INVITE to 200", to_answer))


if __name__ == "__main__":
    if not 1 <= (count := int(sys.argv[1]) if len(sys.argv) == 2 else 20) <= 40:
        sys.exit(f"changes: expected 1 to 40, got {count}")
    asyncio.run(main(count))
