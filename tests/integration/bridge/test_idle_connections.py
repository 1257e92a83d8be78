"""2,000 idle TCP connections cost less than 100 MB above the idle bridge, and are served."""

from __future__ import annotations

import asyncio
import resource
from pathlib import Path

from tests.support.running_bridge import carrier_world, running_bridge
from tests.support.sip_listener import options, read_response
from tests.support.waiting import until

CONNECTIONS = 2000
ALLOWED_KIB = 100 * 1024


async def test_two_thousand_idle_connections_fit_into_100_mb(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
    settings = {"SIP_TCP_PORT": "0", "SIP_CONNECTIONS_PER_SOURCE": str(CONNECTIONS)}
    with carrier_world() as world, running_bridge(world, tmp_path, settings) as bridge:
        host, port = bridge.sip["tcp"]
        # The first connection brings what is made once: it belongs to the idle bridge.
        connections = [await asyncio.open_connection(host, port)]
        connections[0][1].write(options(port, "first"))
        await read_response(connections[0][0])
        idle = bridge.memory_kib()
        for _ in range(0, CONNECTIONS - 1, 50):
            batch = min(50, CONNECTIONS - len(connections))
            made = [asyncio.open_connection(host, port) for _ in range(batch)]
            connections += await asyncio.gather(*made)
        # Every connection has spoken once: what a message leaves behind is counted too.
        for number, (_, writer) in enumerate(connections):
            writer.write(options(port, f"idle{number}"))
        for reader, _ in connections:
            assert (await read_response(reader)).startswith(b"SIP/2.0 200 ")
        open_now = 'trunkline_sip_connections{transport="tcp"}'
        assert bridge.metrics()[open_now] == CONNECTIONS
        grown = bridge.memory_kib() - idle
        assert grown < ALLOWED_KIB, f"{grown} KiB"
        for _, writer in connections:
            writer.close()
        await until(lambda: bridge.metrics()[open_now] == 0, 30.0)
