"""Server transactions (RFC 3261 section 17.2, RFC 6026) as transition tables.

A transaction outlives its request by half a minute, so it keeps nothing of it. It absorbs retransmissions,
replays its last response and repeats final ones until they are acknowledged. It knows no dialogs and no
header but what identifies it; 2xx to INVITE are repeated by the dialog's side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto

from bridge.sip.timers import T1, T2, T4, Timer, Timers


class ServerState(Enum):
    """The states of both kinds; non-INVITE has no CONFIRMED and no ACCEPTED, INVITE no TRYING."""

    TRYING = auto()
    PROCEEDING = auto()
    ACCEPTED = auto()
    COMPLETED = auto()
    CONFIRMED = auto()
    TERMINATED = auto()


class ServerEvent(Enum):
    """What can happen to a server transaction."""

    REQUEST = auto()
    """The request came again."""
    ACK = auto()
    PROVISIONAL = auto()
    """The user answers 1xx."""
    SUCCESS = auto()
    """The user answers 2xx."""
    FAILURE = auto()
    """The user answers 3xx to 6xx."""
    REPEAT = auto()
    """Timer G."""
    EXPIRE = auto()
    """Timer H, I, J or L, whichever runs in the state."""


_S = ServerState
_E = ServerEvent
_Table = Mapping[tuple[ServerState, ServerEvent], ServerState]

INVITE_TRANSITIONS: _Table = {
    (_S.PROCEEDING, _E.REQUEST): _S.PROCEEDING,
    (_S.PROCEEDING, _E.PROVISIONAL): _S.PROCEEDING,
    (_S.PROCEEDING, _E.SUCCESS): _S.ACCEPTED,
    (_S.PROCEEDING, _E.FAILURE): _S.COMPLETED,
    (_S.PROCEEDING, _E.EXPIRE): _S.TERMINATED,
    (_S.ACCEPTED, _E.REQUEST): _S.ACCEPTED,
    (_S.ACCEPTED, _E.ACK): _S.ACCEPTED,
    (_S.ACCEPTED, _E.SUCCESS): _S.ACCEPTED,
    (_S.ACCEPTED, _E.EXPIRE): _S.TERMINATED,
    (_S.COMPLETED, _E.REQUEST): _S.COMPLETED,
    (_S.COMPLETED, _E.REPEAT): _S.COMPLETED,
    (_S.COMPLETED, _E.ACK): _S.CONFIRMED,
    (_S.COMPLETED, _E.EXPIRE): _S.TERMINATED,
    (_S.CONFIRMED, _E.REQUEST): _S.CONFIRMED,
    (_S.CONFIRMED, _E.ACK): _S.CONFIRMED,
    (_S.CONFIRMED, _E.EXPIRE): _S.TERMINATED,
}
"""RFC 3261 figure 7 as corrected by RFC 6026 section 7.1; EXPIRE in PROCEEDING is `fall_silent`."""

NON_INVITE_TRANSITIONS: _Table = {
    (_S.TRYING, _E.REQUEST): _S.TRYING,
    (_S.TRYING, _E.PROVISIONAL): _S.PROCEEDING,
    (_S.TRYING, _E.SUCCESS): _S.COMPLETED,
    (_S.TRYING, _E.FAILURE): _S.COMPLETED,
    (_S.PROCEEDING, _E.REQUEST): _S.PROCEEDING,
    (_S.PROCEEDING, _E.PROVISIONAL): _S.PROCEEDING,
    (_S.PROCEEDING, _E.SUCCESS): _S.COMPLETED,
    (_S.PROCEEDING, _E.FAILURE): _S.COMPLETED,
    (_S.COMPLETED, _E.REQUEST): _S.COMPLETED,
    (_S.COMPLETED, _E.EXPIRE): _S.TERMINATED,
}
"""RFC 3261 figure 8."""


class ServerTransaction:
    """One request and its responses."""

    __slots__ = (
        "_expiry",
        "_interval",
        "_on_end",
        "_reliable",
        "_repeat",
        "_send",
        "_timers",
        "_transitions",
        "invite",
        "last_response",
        "local_tag",
        "state",
    )

    def __init__(
        self,
        *,
        invite: bool,
        reliable: bool,
        local_tag: str,
        timers: Timers,
        send: Callable[[bytes], None],
        on_end: Callable[[], None],
    ) -> None:
        """`on_end` runs once, when the transaction is to be forgotten."""
        self.invite = invite
        self.state = ServerState.PROCEEDING if invite else ServerState.TRYING
        self.last_response: bytes | None = None
        self.local_tag = local_tag
        """Our tag in the To header of each response but 100."""
        self._transitions = INVITE_TRANSITIONS if invite else NON_INVITE_TRANSITIONS
        self._reliable = reliable
        self._timers = timers
        self._send = send
        self._on_end = on_end
        self._interval = T1
        self._repeat: Timer | None = None
        self._expiry: Timer | None = None

    @property
    def answered(self) -> bool:
        """Whether a final response was sent."""
        return self.state not in (ServerState.TRYING, ServerState.PROCEEDING)

    def _step(self, event: ServerEvent) -> bool:
        following = self._transitions.get((self.state, event))
        if following is None:
            return False
        self.state = following
        return True

    def receive_request(self) -> None:
        """The request came again: replay the last response, if there is one and the ACK has not come."""
        if (
            self._step(ServerEvent.REQUEST)
            and self.state is not ServerState.CONFIRMED
            and self.last_response is not None
        ):
            self._send(self.last_response)

    def receive_ack(self, now: float) -> None:
        """The ACK of a 3xx to 6xx: stop repeating it, absorb what is still under way (Timer I)."""
        before = self.state
        if self._step(ServerEvent.ACK) and before is ServerState.COMPLETED:
            self._stop_timers()
            self._expire_at(now + (0.0 if self._reliable else T4))

    def respond(self, status: int, response: bytes, now: float) -> bool:
        """Send a response; False, and nothing sent, when the state does not allow it."""
        if status < 200:
            event = ServerEvent.PROVISIONAL
        else:
            event = ServerEvent.SUCCESS if status < 300 else ServerEvent.FAILURE
        before = self.state
        if not self._step(event):
            return False
        self.last_response = response
        self._send(response)
        if before is self.state:
            return True
        if self.state is ServerState.ACCEPTED:
            self._time_out_from(now)  # Timer L
        elif self.state is ServerState.COMPLETED and self.invite:
            self._time_out_from(now)  # Timer H
            if not self._reliable:
                self._repeat = self._timers.start(now + T1, self._repeat_response)
        elif self.state is ServerState.COMPLETED:
            if self._reliable:
                self._expire_at(now)
            else:
                self._time_out_from(now)  # Timer J
        return True

    def send_again(self, response: bytes) -> None:
        """Send a 2xx (RFC 6026 section 7.1) or a reliable 1xx (RFC 3262 section 3) once more."""
        self._send(response)

    def fall_silent(self, now: float) -> None:
        """Never answer: retransmissions are absorbed until they stop."""
        if self.state is ServerState.PROCEEDING:
            self._time_out_from(now)

    def _repeat_response(self, now: float) -> None:
        if self._step(ServerEvent.REPEAT) and self.last_response is not None:
            self._send(self.last_response)
            self._interval = min(2 * self._interval, T2)
            self._repeat = self._timers.start(now + self._interval, self._repeat_response)

    def _time_out_from(self, now: float) -> None:
        self._expiry = self._timers.start_timeout(now, self._expire)

    def _expire_at(self, deadline: float) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        self._expiry = self._timers.start(deadline, self._expire)

    def _expire(self, now: float) -> None:
        if self._step(ServerEvent.EXPIRE):
            self._stop_timers()
            self._on_end()

    def _stop_timers(self) -> None:
        for timer in (self._repeat, self._expiry):
            if timer is not None:
                timer.cancel()
        self._repeat = self._expiry = None
