"""A network with a virtual clock between a calling phone and the endpoint: it loses, delays, reorders and
repeats.

The phone is a whole, small UAC: it retransmits (timers A and E of RFC 3261), acknowledges each 200, hangs up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush

from bridge.sip.events import AckReceived, CallEnded, InviteReceived, SipEvent
from tests.support.sip.bench import Bench
from tests.support.sip.caller import ANSWER, Caller
from tests.support.sip.received import Received

DELAY = 0.02
T1 = 0.5
T2 = 4.0
GIVE_UP = 64 * T1

Fate = tuple[float, ...]
"""When the copies of a packet arrive, in seconds after it was sent; empty when it is lost."""


@dataclass
class Network:
    """Carries packets to either side and runs both sides' clocks."""

    to_endpoint: Callable[[int], Fate]
    """The fate of the n-th packet towards the endpoint."""
    to_phone: Callable[[int], Fate]
    bench: Bench = field(default_factory=Bench)
    events: list[SipEvent] = field(default_factory=list)
    _queue: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _count: int = 0
    _up: int = 0
    _down: int = 0

    def at(self, delay: float, action: Callable[[], None]) -> None:
        """Run `action` after `delay` seconds."""
        self._count += 1
        heappush(self._queue, (self.bench.now + delay, self._count, action))

    def send_to_endpoint(self, data: bytes) -> None:
        """A packet of the phone's."""
        for delay in self.to_endpoint(self._up):
            self.at(delay, lambda: void(self.bench.receive(data)))
        self._up += 1

    def run(self, phone: Phone, until: float) -> None:
        """Let both sides work for `until` seconds."""
        end = self.bench.now + until
        while True:
            self._carry(phone)
            times = [self._queue[0][0]] if self._queue else []
            deadline = self.bench.endpoint.next_deadline()
            times += [deadline] if deadline is not None else []
            if not times or min(times) > end:
                self.bench.now = end
                return
            self.bench.now = max(self.bench.now, min(times))
            while self._queue and self._queue[0][0] <= self.bench.now:
                heappop(self._queue)[2]()
            self.bench.endpoint.handle_timers(self.bench.now)

    def _carry(self, phone: Phone) -> None:
        self.bench.collect()
        fresh, self.bench.events = self.bench.events, []
        for event in fresh:
            self.events.append(event)
            if isinstance(event, InviteReceived):
                self.at(0.2, lambda call=event.call: self.bench.endpoint.ring(call, self.bench.now))  # type: ignore[misc]
                self.at(1.0, lambda call=event.call: self.bench.endpoint.answer(call, ANSWER, self.bench.now))  # type: ignore[misc]
        self.bench.collect()
        sent, self.bench.sent = self.bench.sent, []
        for one in sent:
            for delay in self.to_phone(self._down):
                self.at(delay, lambda data=one.data: phone.receive(data))  # type: ignore[misc]
            self._down += 1

    def of(self, kind: type[SipEvent]) -> list[SipEvent]:
        """The events of a kind that the endpoint's user was told."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def acknowledged(self) -> bool:
        """Whether the endpoint's user knows that the call is up."""
        return len(self.of(AckReceived)) == 1

    @property
    def ended(self) -> list[CallEnded]:
        """How the call ended for the endpoint's user."""
        return [event for event in self.events if isinstance(event, CallEnded)]


class Phone:
    """Calls, talks for a while, hangs up or is hung up on."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.caller = Caller()
        self.statuses: list[int] = []
        """Each response to the INVITE, repeated ones included."""
        self.released = False
        """Our BYE was answered, or we answered theirs."""
        self._waiting: str = ""
        self._acknowledged = False

    def call(self) -> None:
        """Send INVITE until something comes back."""
        self._repeat("INVITE", self.caller.invite(), T1, cap=GIVE_UP)

    def hang_up(self) -> None:
        """Send BYE until it is answered."""
        self._repeat("BYE", self.caller.bye(), T1, cap=T2)

    def _repeat(self, method: str, data: bytes, interval: float, cap: float) -> None:
        self._waiting = method
        started = self.network.bench.now

        def again(interval: float) -> None:
            if self._waiting == method and self.network.bench.now - started < GIVE_UP:
                self.network.send_to_endpoint(data)
                self.network.at(interval, lambda: again(min(2 * interval, cap)))

        again(interval)

    def receive(self, data: bytes) -> None:
        """A packet of the endpoint's."""
        message = Received.read(data)
        if message.status == 0:
            if message.start_line.startswith("BYE "):
                self.released = True
                self.network.send_to_endpoint(self.caller.response(message, 200))
            return
        if message.method == "BYE" and message.status >= 200:
            self.released, self._waiting = True, ""
        if message.method == "INVITE":
            self.statuses.append(message.status)
            if self._waiting == "INVITE":
                self._waiting = ""
            if message.status == 200:
                self.caller.to_tag = message.to_tag
                self.network.send_to_endpoint(self.caller.ack())


def void(_: object) -> None:
    """Drop a result."""


def perfect(_: int) -> Fate:
    """Every packet arrives once."""
    return (DELAY,)


def losing(*numbers: int) -> Callable[[int], Fate]:
    """The packets of these numbers are lost."""
    return lambda number: () if number in numbers else (DELAY,)
