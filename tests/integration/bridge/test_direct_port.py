"""The UDP port for what comes past a load balancer: served like the other, and the one that Contact names."""

from __future__ import annotations

import asyncio
import socket

from bridge.sip.flow import Transport
from tests.support.sip_listener import listening_sip, options


async def test_both_ports_answer_and_the_direct_one_is_advertised() -> None:
    async with listening_sip(sip_host=("127.0.0.1",), sip_direct_port=0) as sip:
        listened = sip.address("udp")[1]
        advertised = sip.listeners.advertised()[Transport.UDP][1]
        assert advertised not in (0, listened)
        for port in (listened, advertised):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
                peer.setblocking(False)
                peer.bind(("127.0.0.1", 0))
                peer.connect(("127.0.0.1", port))
                peer.send(options(port, f"z{port}", "UDP"))
                async with asyncio.timeout(5):
                    answer = await asyncio.get_running_loop().sock_recv(peer, 4096)
                assert answer.startswith(b"SIP/2.0 200 ")
