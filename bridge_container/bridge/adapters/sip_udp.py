"""SIP over UDP: one non-blocking socket, drained in batches. Pumps; decides nothing."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from bridge.adapters.sip_driver import SipDriver
from bridge.sip.endpoint import Transmission
from bridge.sip.flow import Flow, Transport

_BATCH = 64
"""Datagrams read in one turn: enough for a burst, few enough that timers and media get theirs."""
_LARGEST = 65_535
_RECEIVE_BUFFER = 4 * 1024 * 1024
"""Bytes asked of the kernel: a second of bursts while the loop is busy."""
_FLOWS_KEPT = 20_000


class SipUdpSocket:
    """A bound socket; read from `start` on."""

    def __init__(self, host: str, port: int, dropped: Callable[[str], None]) -> None:
        """Bind to `host` (an address) and `port` (0 for any); `dropped` counts what could not be sent."""
        self._driver: SipDriver | None = None
        self._dropped = dropped
        self._flows: dict[tuple[str, int], Flow] = {}
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            if family == socket.AF_INET6:
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            self._socket.bind((host, port))
        except OSError:
            self._socket.close()
            raise
        self.host: str = host
        self.port: int = self._socket.getsockname()[1]

    def start(self, driver: SipDriver, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to read."""
        self._driver = driver
        driver.carry(self._flow(("0.0.0.0", 0)), self)  # noqa: S104 - names the socket, binds nothing
        loop.add_reader(self._socket.fileno(), self._readable)

    def close(self, loop: asyncio.AbstractEventLoop) -> None:
        """Stop reading and free the port."""
        loop.remove_reader(self._socket.fileno())
        self._socket.close()

    def send(self, transmission: Transmission) -> None:
        """One datagram; the endpoint retransmits what matters."""
        flow = transmission.flow
        try:
            self._socket.sendto(transmission.data, (flow.remote_host, flow.remote_port))
        except BlockingIOError:
            self._dropped("send_buffer_full")
        except OSError:
            # A Via may name an address that cannot be sent to; that is the peer's loss alone.
            self._dropped("unreachable")

    def _readable(self) -> None:
        receive, driver = self._socket.recvfrom, self._driver
        if driver is None:
            return
        for _ in range(_BATCH):
            try:
                data, address = receive(_LARGEST)
            except BlockingIOError:
                break
            except OSError:
                # An ICMP error of an earlier datagram: it says nothing about the next one.
                continue
            driver.datagram(data, self._flow(address))
        driver.pump()

    def _flow(self, address: tuple[str, int] | tuple[str, int, int, int]) -> Flow:
        key = (address[0], address[1])
        flow = self._flows.get(key)
        if flow is None:
            if len(self._flows) >= _FLOWS_KEPT:
                self._flows.clear()
            flow = Flow(Transport.UDP, self.host, self.port, address[0], address[1])
            self._flows[key] = flow
        return flow
