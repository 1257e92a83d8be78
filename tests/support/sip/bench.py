"""The endpoint on a bench: a virtual clock, deterministic randomness, everything that it sends kept with its
time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TypeVar

from bridge.sip.endpoint import EndpointSettings, SipEndpoint
from bridge.sip.events import InviteReceived, SipEvent
from bridge.sip.flow import Flow, Transport
from tests.support.sip.caller import ANSWER, Caller
from tests.support.sip.received import Received

Event = TypeVar("Event", bound=SipEvent)

UDP = Flow(Transport.UDP, "192.0.2.1", 5060, "198.51.100.7", 5060)
TCP = Flow(Transport.TCP, "192.0.2.1", 5060, "198.51.100.7", 40123, connection_id=7)
TLS = Flow(Transport.TLS, "192.0.2.1", 5061, "198.51.100.7", 40124, connection_id=8)
UDP6 = Flow(Transport.UDP, "2001:db8::1", 5060, "2001:db8::7", 5060)
SETTINGS = EndpointSettings(
    advertised={
        Transport.UDP: ("192.0.2.1", 5060),
        Transport.TCP: ("192.0.2.1", 5060),
        Transport.TLS: ("sip.example.org", 5061),
    },
    advertised_ipv6={Transport.UDP: ("2001:db8::1", 5060)},
)


class Entropy:
    """Bytes that differ each time and are the same in each run."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, size: int) -> bytes:
        self._count += 1
        return hashlib.shake_128(str(self._count).encode()).digest(size)


@dataclass(frozen=True)
class Sent:
    """One transmission, read."""

    at: float
    flow: Flow
    data: bytes
    close: bool

    @property
    def message(self) -> Received:
        """The bytes as a message."""
        return Received.read(self.data)


class Bench:
    """Feeds one endpoint and looks at what comes out."""

    def __init__(self, settings: EndpointSettings = SETTINGS) -> None:
        self.endpoint = SipEndpoint(settings, Entropy())
        self.now = 1000.0
        self.sent: list[Sent] = []
        self.events: list[SipEvent] = []

    def receive(self, data: bytes, flow: Flow = UDP) -> list[Received]:
        """Hand bytes in; what the endpoint sends at once."""
        if flow.transport is Transport.UDP:
            self.endpoint.receive_datagram(data, flow, self.now)
        else:
            self.endpoint.receive_stream(data, flow, self.now)
        return self.collect()

    def collect(self) -> list[Received]:
        """Take events and transmissions, as an adapter does."""
        self.events += self.endpoint.take_events()
        taken = [Sent(self.now, one.flow, one.data, one.close) for one in self.endpoint.take_transmissions()]
        self.sent += taken
        return [one.message for one in taken if one.data.strip()]

    def advance(self, seconds: float) -> list[Sent]:
        """Let time pass, deadline by deadline; everything that was sent meanwhile."""
        end, before = self.now + seconds, len(self.sent)
        while (deadline := self.endpoint.next_deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.endpoint.handle_timers(self.now)
            self.collect()
        self.now = end
        return self.sent[before:]

    def take(self, kind: type[Event]) -> Event:
        """The one event that is waiting, of that kind."""
        assert len(self.events) == 1, self.events
        event = self.events.pop()
        assert isinstance(event, kind), event
        return event

    def invited(self, caller: Caller, flow: Flow = UDP, data: bytes | None = None) -> str:
        """A call that came in; its handle."""
        self.receive(caller.invite() if data is None else data, flow)
        return self.take(InviteReceived).call

    def answered(self, caller: Caller, flow: Flow = UDP, data: bytes | None = None) -> str:
        """A call that was answered and waits for its ACK."""
        call = self.invited(caller, flow, data)
        self.endpoint.answer(call, ANSWER, self.now)
        (ok,) = self.collect()
        assert ok.status == 200
        caller.to_tag = ok.to_tag
        return call

    def confirmed(self, caller: Caller, flow: Flow = UDP, data: bytes | None = None) -> str:
        """A call that is up."""
        call = self.answered(caller, flow, data)
        assert self.receive(caller.ack(), flow) == []
        self.events.clear()
        self.sent.clear()
        return call
