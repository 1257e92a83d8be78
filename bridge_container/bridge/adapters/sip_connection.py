"""One SIP connection over TCP or TLS: bytes in and out, and how long it has been silent. Decides nothing."""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from bridge.adapters.sip_driver import SipDriver
from bridge.sip.endpoint import Transmission
from bridge.sip.flow import Flow

_LARGEST_BACKLOG = 512 * 1024
"""Bytes that wait for a peer that does not read; then the connection is cut."""


class Timeouts(Protocol):
    """How long a connection may be silent, in seconds."""

    @property
    def idle(self) -> float:
        """Without a byte and without a call."""
        ...

    @property
    def message(self) -> float:
        """Within one message."""
        ...

    @property
    def first_message(self) -> float:
        """Before the first message."""
        ...


class ConnectionOwner(Protocol):
    """Keeps the connections."""

    def opened(self, connection: SipConnection) -> None:
        """A connection is usable."""
        ...

    def closed(self, connection: SipConnection) -> None:
        """A connection is gone."""
        ...

    def refused(self, why: str) -> None:
        """Count what it did wrong."""
        ...


class SipConnection(asyncio.Protocol):
    """A connection, from its handshake's end to its close."""

    __slots__ = ("_began", "_driver", "_heard", "_owner", "_partial_since", "_transport", "flow", "was_open")

    def __init__(self, flow: Flow, driver: SipDriver, owner: ConnectionOwner) -> None:
        self.flow = flow
        self.was_open = False
        self._driver = driver
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._began = self._heard = 0.0
        self._partial_since: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Usable from now on."""
        # uvloop's transports have asyncio.Transport's methods, not its type.
        self._transport = cast(asyncio.Transport, transport)
        self.was_open = True
        self._began = self._driver.now()
        # A connection counts as mid-message until its first message is whole.
        self._partial_since = self._began
        self._heard = 0.0
        self._driver.carry(self.flow, self)
        self._owner.opened(self)

    def data_received(self, data: bytes) -> None:
        """Hand the bytes to the endpoint."""
        now = self._driver.now()
        if not self._driver.stream(data, self.flow):
            if self._transport is not None:
                self._transport.abort()
            return
        if self._driver.is_mid_message(self.flow):
            if self._heard and self._partial_since is None:
                self._partial_since = now
        else:
            self._partial_since = None
        self._heard = now

    def connection_lost(self, exc: Exception | None) -> None:
        """Closed, by whomever."""
        self._transport = None
        self._owner.closed(self)
        self._driver.connection_lost(self.flow)

    def send(self, transmission: Transmission) -> None:
        """Write; a peer that does not read loses its connection."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if transmission.data:
            transport.write(transmission.data)
        if transmission.close:
            transport.close()
        elif transport.get_write_buffer_size() > _LARGEST_BACKLOG:
            self._owner.refused("not_reading")
            transport.abort()

    def close(self) -> None:
        """Close after what is written."""
        if self._transport is not None:
            self._transport.close()

    def overdue(self, now: float, limits: Timeouts) -> str | None:
        """Why the connection is to be closed now, by a counter's word; None when it may stay."""
        if self._partial_since is not None:
            allowed = limits.message if self._heard else limits.first_message
            if now - self._partial_since > allowed:
                return "slow_message" if self._heard else "silent_connection"
        if now - max(self._heard, self._began) > limits.idle and not self._driver.carries_call(self.flow):
            return "idle_connection"
        return None
