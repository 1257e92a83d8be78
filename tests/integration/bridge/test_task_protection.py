"""Task protection against an agent of our own on loopback."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from bridge.adapters.task_protection import TaskProtection


async def test_protected_while_calls_run_and_asked_again_after_a_refusal() -> None:
    asked: list[dict[str, Any]] = []
    came = asyncio.Condition()

    async def state(request: web.Request) -> web.Response:
        async with came:
            asked.append(await request.json())
            came.notify_all()
        # The first request of each kind is refused, as the agent does in a deployment.
        return web.json_response({}, status=400 if len(asked) in (1, 3) else 200)

    application = web.Application()
    application.router.add_put("/agent/task-protection/v1/state", state)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    calls = 0
    protection = TaskProtection(
        f"http://127.0.0.1:{runner.addresses[0][1]}/agent", lambda: calls, look_seconds=0.01
    )
    protection.start()
    calls = 3
    async with asyncio.timeout(30), came:
        await came.wait_for(lambda: len(asked) == 2)
        calls = 0
        await came.wait_for(lambda: len(asked) == 4)
    await protection.close()
    await runner.cleanup()
    protect = {"ProtectionEnabled": True, "ExpiresInMinutes": 60}
    assert asked == [protect, protect, {"ProtectionEnabled": False}, {"ProtectionEnabled": False}]


async def test_nothing_is_asked_outside_of_ecs() -> None:
    protection = TaskProtection("", lambda: 1)
    protection.start()
    await protection.close()
