"""SIP over TCP and TLS: listening, caps, connections closed for their silence. Pumps; decides nothing.

Connections are counted before any handshake. One sweep looks after all of them: no timer per connection.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from bridge.adapters.sip_connection import SipConnection
from bridge.adapters.sip_driver import SipDriver
from bridge.calls.source_index import accountable_source
from bridge.sip.endpoint import Transmission
from bridge.sip.flow import Flow, Transport

logger = logging.getLogger("bridge.sip")

_BACKLOG = 1024
_ACCEPTED_AT_ONCE = 64
_HANDSHAKE_SECONDS = 10.0
_CONNECT_SECONDS = 10.0
_CONNECTING = 256
_SWEEP_SECONDS = 2.0
_connection_ids = itertools.count(1)


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What connections may cost; times in seconds."""

    total: int = 5000
    per_source: int = 100
    idle: float = 900.0
    """Without a byte, and without a call that lives on the connection."""
    message: float = 20.0
    """From a message's first byte to its last: who is slower holds a place for nothing (slow loris)."""
    first_message: float = 60.0
    """From the connection to its first whole message."""


class ConnectionCount:
    """Places for connections of all listeners together."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._total = 0
        self._by_source: Counter[str] = Counter()

    def take(self, source: str) -> str | None:
        """Take a place; the limit's name when there is none."""
        source = accountable_source(source)
        if self._total >= self._limits.total:
            return "connection_limit"
        if self._by_source[source] >= self._limits.per_source:
            return "source_connection_limit"
        self._total += 1
        self._by_source[source] += 1
        return None

    def give_back(self, source: str) -> None:
        """The connection is gone."""
        source = accountable_source(source)
        self._total -= 1
        self._by_source[source] -= 1
        if self._by_source[source] <= 0:
            del self._by_source[source]


class SipStreamListener:
    """One listening TCP socket; with a `context` it speaks TLS."""

    def __init__(
        self,
        transport: Transport,
        host: str,
        port: int,
        *,
        limits: ConnectionLimits,
        places: ConnectionCount,
        refused: Callable[[str], None],
        open_connections: Callable[[str, int], None],
    ) -> None:
        """Bind at once; accept from `start` on. `refused` counts by reason."""
        self._transport = transport
        self._limits = limits
        self._places = places
        self._refused = refused
        self._open_connections = open_connections
        self._connections: dict[int, SipConnection] = {}
        self._by_remote: dict[tuple[str, int], SipConnection] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._driver: SipDriver | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self.server_context: ssl.SSLContext | None = None
        self.client_context: ssl.SSLContext | None = None
        self._socket = _listening_socket(host, port)
        self.host = host
        self.port: int = self._socket.getsockname()[1]

    def start(self, driver: SipDriver, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to accept."""
        self._driver, self._loop = driver, loop
        # A transmission that names no connection asks for a new one: it comes here.
        driver.carry(Flow(self._transport, self.host, self.port, "", 0), self)
        loop.add_reader(self._socket.fileno(), self._acceptable)
        self._sweeper = loop.call_later(_SWEEP_SECONDS, self._sweep)

    async def close(self) -> None:
        """Stop accepting and close every connection."""
        if self._loop is not None:
            self._loop.remove_reader(self._socket.fileno())
        if self._sweeper is not None:
            self._sweeper.cancel()
        for task in list(self._tasks):
            task.cancel()
        for connection in list(self._connections.values()):
            connection.close()
        self._socket.close()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def send(self, transmission: Transmission) -> None:
        """Connect to where the transmission goes, unless there is a connection, and send."""
        flow = transmission.flow
        known = self._by_remote.get((flow.remote_host, flow.remote_port))
        if known is not None:
            known.send(transmission)
        elif len(self._tasks) >= _CONNECTING:
            self._refused("connect_limit")
        else:
            self._spawn(self._connect(transmission))

    # Called by the connections

    def opened(self, connection: SipConnection) -> None:
        """A connection is usable."""
        flow = connection.flow
        self._connections[flow.connection_id] = connection
        self._by_remote[(flow.remote_host, flow.remote_port)] = connection
        self._open_connections(self._transport.value, len(self._connections))

    def closed(self, connection: SipConnection) -> None:
        """A connection is gone."""
        flow = connection.flow
        if self._connections.pop(flow.connection_id, None) is not None:
            self._places.give_back(flow.remote_host)
        if self._by_remote.get((flow.remote_host, flow.remote_port)) is connection:
            del self._by_remote[(flow.remote_host, flow.remote_port)]
        self._open_connections(self._transport.value, len(self._connections))

    def refused(self, why: str) -> None:
        """Count what a connection did wrong."""
        self._refused(why)

    # Inside

    def _acceptable(self) -> None:
        driver = self._driver
        if driver is None:
            return
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                accepted, address = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                # No descriptors left, most likely: those who are connected go on.
                logger.warning("accept failed", extra={"fields": {"error": str(error)}})
                self._refused("accept_failed")
                return
            why = self._places.take(address[0]) if driver.listens_to(address[0]) else "shunned"
            if why is not None:
                self._refused(why)
                if why != "shunned":
                    logger.info("connection refused", extra={"fields": {"source": address[0], "why": why}})
                accepted.close()
                continue
            accepted.setblocking(False)
            self._spawn(self._accept(accepted, address[0], address[1]))

    async def _accept(self, accepted: socket.socket, host: str, port: int) -> None:
        connection = self._new_connection(host, port)
        loop = asyncio.get_running_loop()
        secure = self.server_context
        try:
            if secure is None:
                await loop.connect_accepted_socket(lambda: connection, accepted)
            else:
                await loop.connect_accepted_socket(
                    lambda: connection, accepted, ssl=secure, ssl_handshake_timeout=_HANDSHAKE_SECONDS
                )
        except (OSError, ssl.SSLError, ConnectionError, TimeoutError):
            self._refused("handshake_failed")
        finally:
            if not connection.was_open:
                accepted.close()
                self._places.give_back(host)

    async def _connect(self, transmission: Transmission) -> None:
        flow = transmission.flow
        connection = self._new_connection(flow.remote_host, flow.remote_port)
        if self._places.take(flow.remote_host) is not None:
            self._refused("connection_limit")
            return
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await loop.create_connection(
                    lambda: connection,
                    flow.remote_host,
                    flow.remote_port,
                    ssl=self.client_context,
                    server_hostname="" if self.client_context is not None else None,
                )
        except (OSError, ssl.SSLError, TimeoutError):
            self._refused("connect_failed")
        finally:
            if not connection.was_open:
                self._places.give_back(flow.remote_host)
        if connection.was_open:
            connection.send(transmission)

    def _new_connection(self, host: str, port: int) -> SipConnection:
        driver = self._driver
        if driver is None:
            raise RuntimeError("the listener is not started")
        flow = Flow(self._transport, self.host, self.port, host, port, next(_connection_ids))
        return SipConnection(flow, driver, self)

    def _sweep(self) -> None:
        loop, driver = self._loop, self._driver
        if loop is None or driver is None:
            return
        now = loop.time()
        for connection in list(self._connections.values()):
            why = connection.overdue(now, self._limits)
            if why is not None:
                self._refused(why)
                connection.close()
        self._sweeper = loop.call_later(_SWEEP_SECONDS, self._sweep)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _listening_socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((host, port))
        made.listen(_BACKLOG)
    except OSError:
        made.close()
        raise
    return made
