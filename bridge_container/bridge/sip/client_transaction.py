"""Client transactions (RFC 3261 section 17.1, RFC 6026) as transition tables, for the requests that we send.

Repeats the request until an answer comes, hands each new response to its user, acknowledges refused INVITEs.
It knows no dialogs: the ACK of a 2xx is the user's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto

from bridge.sip.message import SipResponse
from bridge.sip.timers import T1, T2, T4, TIMEOUT, Timer, Timers


class ClientState(Enum):
    """The states of both kinds; CALLING (INVITE) and TRYING (the others) are the first."""

    CALLING = auto()
    TRYING = auto()
    PROCEEDING = auto()
    ACCEPTED = auto()
    COMPLETED = auto()
    TERMINATED = auto()


class ClientEvent(Enum):
    """What can happen to a client transaction."""

    PROVISIONAL = auto()
    SUCCESS = auto()
    FAILURE = auto()
    REPEAT = auto()
    """Timer A or E."""
    TIMEOUT = auto()
    """Timer B or F."""
    EXPIRE = auto()
    """Timer D, K or M."""


_S = ClientState
_E = ClientEvent
_Table = Mapping[tuple[ClientState, ClientEvent], ClientState]

INVITE_TRANSITIONS: _Table = {
    (_S.CALLING, _E.REPEAT): _S.CALLING,
    (_S.CALLING, _E.PROVISIONAL): _S.PROCEEDING,
    (_S.CALLING, _E.SUCCESS): _S.ACCEPTED,
    (_S.CALLING, _E.FAILURE): _S.COMPLETED,
    (_S.CALLING, _E.TIMEOUT): _S.TERMINATED,
    (_S.PROCEEDING, _E.PROVISIONAL): _S.PROCEEDING,
    (_S.PROCEEDING, _E.SUCCESS): _S.ACCEPTED,
    (_S.PROCEEDING, _E.FAILURE): _S.COMPLETED,
    (_S.ACCEPTED, _E.SUCCESS): _S.ACCEPTED,
    (_S.ACCEPTED, _E.EXPIRE): _S.TERMINATED,
    (_S.COMPLETED, _E.FAILURE): _S.COMPLETED,
    (_S.COMPLETED, _E.EXPIRE): _S.TERMINATED,
}
"""RFC 3261 figure 5 as corrected by RFC 6026 section 7.2."""

NON_INVITE_TRANSITIONS: _Table = {
    (_S.TRYING, _E.REPEAT): _S.TRYING,
    (_S.TRYING, _E.PROVISIONAL): _S.PROCEEDING,
    (_S.TRYING, _E.SUCCESS): _S.COMPLETED,
    (_S.TRYING, _E.FAILURE): _S.COMPLETED,
    (_S.TRYING, _E.TIMEOUT): _S.TERMINATED,
    (_S.PROCEEDING, _E.REPEAT): _S.PROCEEDING,
    (_S.PROCEEDING, _E.PROVISIONAL): _S.PROCEEDING,
    (_S.PROCEEDING, _E.SUCCESS): _S.COMPLETED,
    (_S.PROCEEDING, _E.FAILURE): _S.COMPLETED,
    (_S.PROCEEDING, _E.TIMEOUT): _S.TERMINATED,
    (_S.COMPLETED, _E.EXPIRE): _S.TERMINATED,
}
"""RFC 3261 figure 6."""

_TIMER_D = 32.0  # RFC 3261 section 17.1.1.2: at least 32 s over UDP.


class ClientTransaction:
    """One request that we sent and its responses."""

    __slots__ = (
        "_acknowledge",
        "_expiry",
        "_interval",
        "_on_end",
        "_on_response",
        "_on_timeout",
        "_reliable",
        "_repeat",
        "_request",
        "_send",
        "_timeout",
        "_timers",
        "_transitions",
        "invite",
        "state",
    )

    def __init__(
        self,
        request: bytes,
        *,
        invite: bool,
        reliable: bool,
        timers: Timers,
        send: Callable[[bytes], None],
        acknowledge: Callable[[SipResponse], bytes] | None,
        on_response: Callable[[SipResponse, float], None],
        on_timeout: Callable[[float], None],
        on_end: Callable[[], None],
    ) -> None:
        """`acknowledge` makes the ACK of a refused INVITE; `on_end` runs once, when all is over."""
        self.invite = invite
        self.state = ClientState.CALLING if invite else ClientState.TRYING
        self._transitions = INVITE_TRANSITIONS if invite else NON_INVITE_TRANSITIONS
        self._request = request
        self._reliable = reliable
        self._timers = timers
        self._send = send
        self._acknowledge = acknowledge
        self._on_response = on_response
        self._on_timeout = on_timeout
        self._on_end = on_end
        self._interval = T1
        self._repeat: Timer | None = None
        self._timeout: Timer | None = None
        self._expiry: Timer | None = None

    def _step(self, event: ClientEvent) -> bool:
        following = self._transitions.get((self.state, event))
        if following is None:
            return False
        self.state = following
        return True

    def start(self, now: float) -> None:
        """Send the request."""
        self._send(self._request)
        self._timeout = self._timers.start_timeout(now, self._time_out)
        if not self._reliable:
            self._repeat = self._timers.start(now + T1, self._repeat_request)

    def receive(self, response: SipResponse, now: float) -> None:
        """A response that belongs to this transaction."""
        before = self.state
        if response.status < 200:
            event = ClientEvent.PROVISIONAL
        else:
            event = ClientEvent.SUCCESS if response.status < 300 else ClientEvent.FAILURE
        if not self._step(event):
            return
        if self.state is ClientState.COMPLETED and self.invite and self._acknowledge is not None:
            self._send(self._acknowledge(response))
        if self.state is ClientState.PROCEEDING:
            if self.invite:
                # RFC 3261 section 17.1.1.2: a provisional response ends timers A and B.
                self._stop_timers()
        elif before is not self.state:
            self._stop_timers()
            self._expiry = self._timers.start(now + self._linger(), self._expire)
        if before is not ClientState.COMPLETED:
            self._on_response(response, now)

    def _linger(self) -> float:
        if self.state is ClientState.ACCEPTED:
            return TIMEOUT  # Timer M
        if self._reliable:
            return 0.0
        return _TIMER_D if self.invite else T4  # Timer D, Timer K

    def _repeat_request(self, now: float) -> None:
        if not self._step(ClientEvent.REPEAT):
            return
        self._send(self._request)
        if self.invite:
            self._interval *= 2  # Timer A has no cap (RFC 3261 section 17.1.1.2)
        elif self.state is ClientState.PROCEEDING:
            self._interval = T2
        else:
            self._interval = min(2 * self._interval, T2)
        self._repeat = self._timers.start(now + self._interval, self._repeat_request)

    def _time_out(self, now: float) -> None:
        if self._step(ClientEvent.TIMEOUT):
            self._stop_timers()
            self._on_timeout(now)
            self._on_end()

    def _expire(self, now: float) -> None:
        if self._step(ClientEvent.EXPIRE):
            self._on_end()

    def _stop_timers(self) -> None:
        for timer in (self._repeat, self._timeout, self._expiry):
            if timer is not None:
                timer.cancel()
        self._repeat = self._timeout = self._expiry = None
