"""The life of one SIP call as a table: what may follow on what. Pure; imports nothing of ours."""

from __future__ import annotations

from enum import StrEnum
from itertools import chain


class CallState(StrEnum):
    """Where a SIP call stands."""

    RECEIVED = "received"
    """The INVITE is here; nothing is decided."""
    PREPARING = "preparing"
    """A route is found; the media leg is being opened and the offer answered."""
    RINGING = "ringing"
    """180 is sent; the call platform is being joined."""
    COLLECTING = "collecting"
    """Answered; the caller keys in a PIN or the call's routing number."""
    JOINING = "joining"
    """Answered; the call platform is being joined after the right digits."""
    CONNECTED = "connected"
    """Answered and in the call."""
    ENDED = "ended"
    """Over, with its one termination."""


class Trigger(StrEnum):
    """What happens to a SIP call."""

    ROUTED = "routed"
    LEG_READY = "leg_ready"
    DIGITS_ASKED = "digits_asked"
    DIGITS_ACCEPTED = "digits_accepted"
    JOINED = "joined"
    ACKNOWLEDGED = "acknowledged"
    REOFFERED = "reoffered"
    DIGIT = "digit"
    TERMINATED = "terminated"


_ALIVE = (
    CallState.RECEIVED,
    CallState.PREPARING,
    CallState.RINGING,
    CallState.COLLECTING,
    CallState.JOINING,
    CallState.CONNECTED,
)
_ANSWERED = (CallState.COLLECTING, CallState.JOINING, CallState.CONNECTED)

TRANSITIONS: dict[tuple[CallState, Trigger], CallState] = {
    (CallState.RECEIVED, Trigger.ROUTED): CallState.PREPARING,
    (CallState.PREPARING, Trigger.LEG_READY): CallState.RINGING,
    (CallState.RINGING, Trigger.JOINED): CallState.CONNECTED,
    (CallState.RINGING, Trigger.DIGITS_ASKED): CallState.COLLECTING,
    (CallState.COLLECTING, Trigger.DIGITS_ACCEPTED): CallState.JOINING,
    (CallState.JOINING, Trigger.JOINED): CallState.CONNECTED,
    **{
        (state, trigger): state
        for state in _ANSWERED
        for trigger in (Trigger.ACKNOWLEDGED, Trigger.REOFFERED, Trigger.DIGIT)
    },
    # RFC 3311: an UPDATE may change the session before the final response, and carriers send digits early.
    **dict(
        chain.from_iterable(
            (((state, Trigger.REOFFERED), state), ((state, Trigger.DIGIT), state))
            for state in (CallState.PREPARING, CallState.RINGING)
        )
    ),
    **{(state, Trigger.TERMINATED): CallState.ENDED for state in _ALIVE},
}


def next_state(state: CallState, trigger: Trigger) -> CallState | None:
    """The state that `trigger` leads to, or None when the table does not allow it."""
    return TRANSITIONS.get((state, trigger))
