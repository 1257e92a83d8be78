"""Drives the SIP endpoint: bytes from and to the sockets, events to call control, timers.

Decides nothing. It adds the time to what call control decides, and sends what the endpoint has written when
the loop's turn is over, so that several decisions make one pass.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from bridge.sip.endpoint import SipEndpoint, Transmission
from bridge.sip.events import SipEvent
from bridge.sip.flow import Flow

logger = logging.getLogger("bridge.sip")


class Carrier(Protocol):
    """A socket or connection that carries what the endpoint has written."""

    def send(self, transmission: Transmission) -> None:
        """Write without waiting: what cannot be written now is dropped (UDP) or queued (streams)."""
        ...


class SipDriver:
    """One endpoint on one event loop. Implements `bridge.calls.signalling.Signalling`."""

    def __init__(
        self,
        endpoint: SipEndpoint,
        loop: asyncio.AbstractEventLoop,
        listens_to: Callable[[str, float], bool],
        unread: Callable[[], None],
    ) -> None:
        """`listens_to(address, now)`: whether a source is read at all; `unread` counts those that are not."""
        self._endpoint = endpoint
        self._loop = loop
        self._on_event: Callable[[SipEvent], None] = _nobody_listens
        self._listens_to = listens_to
        self._unread = unread
        self._carriers: dict[tuple[str, str, int, int], Carrier] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")
        self._pump_due = False
        self._handling = False
        self._events: deque[SipEvent] = deque()

    def connect(self, on_event: Callable[[SipEvent], None]) -> None:
        """Hand events to call control; before the first socket is read."""
        self._on_event = on_event

    # What the sockets tell

    def carry(self, flow: Flow, carrier: Carrier) -> None:
        """Send through `carrier` what goes to flows like this one: same socket, or same connection."""
        self._carriers[_carrier_key(flow)] = carrier

    def carry_no_more(self, flow: Flow) -> None:
        """The socket or connection is gone."""
        self._carriers.pop(_carrier_key(flow), None)

    def carrier(self, flow: Flow) -> Carrier | None:
        """What carries flows like this one."""
        return self._carriers.get(_carrier_key(flow))

    def listens_to(self, source: str) -> bool:
        """Whether a connection from this address is to be accepted."""
        return self._listens_to(source, self._loop.time())

    def datagram(self, data: bytes, flow: Flow) -> None:
        """One datagram came; call `pump` after the last of a batch."""
        now = self._loop.time()
        if self._listens_to(flow.remote_host, now):
            self._endpoint.receive_datagram(data, flow, now)
            self._take_events()
        else:
            self._unread()

    def stream(self, data: bytes, flow: Flow) -> bool:
        """Bytes came on a connection; False when its source is not listened to, and nothing was read."""
        now = self._loop.time()
        if not self._listens_to(flow.remote_host, now):
            self._unread()
            return False
        self._endpoint.receive_stream(data, flow, now)
        self.pump()
        return True

    def connection_lost(self, flow: Flow) -> None:
        """A connection is closed, by whomever."""
        self.carry_no_more(flow)
        self._endpoint.connection_lost(flow, self._loop.time())
        self.pump()

    def now(self) -> float:
        """The loop's time, which is the endpoint's."""
        return self._loop.time()

    def is_mid_message(self, flow: Flow) -> bool:
        """Whether a connection has sent a message's beginning and not its end."""
        return self._endpoint.is_mid_message(flow)

    def carries_call(self, flow: Flow) -> bool:
        """Whether a call lives on this connection."""
        return self._endpoint.carries_call(flow)

    def pump(self) -> None:
        """Hand out events, send what is written, arm the timer."""
        self._pump_due = False
        self._take_events()
        for transmission in self._endpoint.take_transmissions():
            carrier = self._carriers.get(_carrier_key(transmission.flow))
            if carrier is not None:
                carrier.send(transmission)
        self._arm()

    def stop(self) -> None:
        """Send what is written and stop the timer."""
        self.pump()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # What call control decides

    def challenge(self, call: str, challenges: Sequence[str]) -> None:
        """401."""
        self._endpoint.challenge(call, challenges, self._loop.time())
        self._pump_soon()

    def drop(self, call: str) -> None:
        """No answer."""
        self._endpoint.drop(call, self._loop.time())
        self._pump_soon()

    def ring(self, call: str, sdp: bytes | None = None) -> None:
        """180 or 183."""
        self._endpoint.ring(call, self._loop.time(), sdp)
        self._pump_soon()

    def answer(self, call: str, sdp: bytes) -> None:
        """200."""
        self._endpoint.answer(call, sdp, self._loop.time())
        self._pump_soon()

    def reject(self, call: str, status: int, *, reason: str = "", retry_after: int | None = None) -> None:
        """A final failure."""
        headers = () if retry_after is None else (("Retry-After", str(retry_after)),)
        self._endpoint.reject(call, status, self._loop.time(), reason=reason, headers=headers)
        self._pump_soon()

    def hang_up(self, call: str, reason: str = "") -> None:
        """BYE, or what the dialog's state needs."""
        self._endpoint.hang_up(call, self._loop.time(), reason)
        self._pump_soon()

    def accept_reinvite(self, call: str, sdp: bytes | None) -> None:
        """200 to a re-INVITE or UPDATE."""
        self._endpoint.accept_reinvite(call, sdp, self._loop.time())
        self._pump_soon()

    def reject_reinvite(self, call: str, status: int) -> None:
        """A failure to a re-INVITE or UPDATE."""
        self._endpoint.reject_reinvite(call, status, self._loop.time())
        self._pump_soon()

    def transfer(self, call: str, refer_to: str) -> None:
        """REFER."""
        self._endpoint.transfer(call, refer_to, self._loop.time())
        self._pump_soon()

    def start_draining(self, retry_after: int) -> None:
        """503 with Retry-After to OPTIONS pings from now on."""
        self._endpoint.start_draining(retry_after)

    # Inside

    def _take_events(self) -> None:
        if self._handling:
            return
        self._handling = True
        try:
            while True:
                self._events.extend(self._endpoint.take_events())
                if not self._events:
                    return
                self._on_event(self._events.popleft())
        finally:
            self._handling = False
            if self._events:
                # One event's fault, which is on its way to the log, is not the others'.
                self._pump_soon()

    def _pump_soon(self) -> None:
        if not self._pump_due:
            self._pump_due = True
            self._loop.call_soon(self._pump_if_due)

    def _pump_if_due(self) -> None:
        if self._pump_due:
            self.pump()

    def _arm(self) -> None:
        """Re-arm only for an earlier deadline: a timer that fires early costs less than one per message."""
        deadline = self._endpoint.next_deadline()
        if deadline is None or deadline >= self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = deadline
        self._timer = self._loop.call_at(deadline, self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer = None
        self._timer_at = float("inf")
        self._endpoint.handle_timers(self._loop.time())
        self.pump()


def _nobody_listens(event: SipEvent) -> None:
    logger.error(
        "an event before call control is connected", extra={"fields": {"event": type(event).__name__}}
    )


def _carrier_key(flow: Flow) -> tuple[str, str, int, int]:
    return flow.transport.value, flow.local_host, flow.local_port, flow.connection_id
