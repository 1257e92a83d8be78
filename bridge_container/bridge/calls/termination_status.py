"""Which SIP status each termination gives before the answer: the one table, see docs/terminations.md.

Carriers try their next route on 408, 480, 503, 504 and on silence, and give up on 403, 404, 486 and 603.
What another bridge could do better is therefore 503; what would fail anywhere is not. Pure; imports the core.
"""

from __future__ import annotations

from dataclasses import dataclass

from trunking.termination import Termination


@dataclass(frozen=True, slots=True)
class TerminationStatus:
    """How a termination is said in SIP."""

    status: int
    """The final response to an INVITE that is not answered yet."""
    phrase: str
    """Its reason phrase."""
    retry_after: int | None = None
    """Seconds, for 503 (RFC 3261 section 21.5.4)."""
    fails_over: bool = False
    """Whether a carrier is expected to try its next route."""


def _temporary(phrase: str, retry_after: int) -> TerminationStatus:
    return TerminationStatus(503, phrase, retry_after, fails_over=True)


TERMINATION_STATUS: dict[Termination, TerminationStatus] = {
    Termination.CALLER_HUNG_UP: TerminationStatus(487, "Request Terminated"),
    Termination.CALL_SIDE_ENDED: TerminationStatus(480, "Call Ended", fails_over=True),
    Termination.CANCELLED: TerminationStatus(487, "Request Terminated"),
    Termination.AUTHENTICATION_FAILED: TerminationStatus(403, "Forbidden"),
    Termination.SOURCE_NOT_ALLOWED: TerminationStatus(403, "Forbidden"),
    Termination.UNKNOWN_NUMBER: TerminationStatus(404, "Not Found"),
    Termination.TRUNK_DISABLED: TerminationStatus(403, "Trunk Disabled"),
    Termination.NO_ROUTING_RULE: TerminationStatus(404, "No Routing Rule"),
    Termination.INVALID_ROUTE: TerminationStatus(500, "Invalid Route"),
    Termination.TRUNK_LIMIT: TerminationStatus(486, "Trunk Limit Reached"),
    Termination.SOURCE_LIMIT: _temporary("Source Limit Reached", 5),
    Termination.BRIDGE_FULL: _temporary("Bridge Full", 10),
    Termination.DRAINING: _temporary("Draining", 30),
    Termination.NOT_READY: _temporary("Starting", 5),
    Termination.BAD_REQUEST: TerminationStatus(400, "Bad Request"),
    Termination.UNACCEPTABLE_MEDIA: TerminationStatus(488, "Not Acceptable Here"),
    Termination.PIN_FAILED: TerminationStatus(403, "PIN Refused"),
    Termination.PIN_TIMEOUT: TerminationStatus(408, "PIN Timeout", fails_over=True),
    Termination.CALL_PLATFORM_UNAVAILABLE: _temporary("Call Platform Unavailable", 10),
    Termination.CALL_PLATFORM_REFUSED: TerminationStatus(403, "Call Platform Refused"),
    Termination.CALL_PLATFORM_FAILED: TerminationStatus(502, "Call Platform Failed"),
    Termination.ACK_TIMEOUT: TerminationStatus(408, "Request Timeout", fails_over=True),
    Termination.SESSION_EXPIRED: TerminationStatus(408, "Session Expired", fails_over=True),
    Termination.TRANSPORT_FAILED: TerminationStatus(503, "Transport Failed", fails_over=True),
    Termination.MEDIA_TIMEOUT: TerminationStatus(408, "Media Timeout", fails_over=True),
    Termination.MEDIA_WORKER_FAILED: _temporary("Media Worker Failed", 5),
    Termination.TRANSFERRED: TerminationStatus(480, "Transferred"),
    Termination.MAX_DURATION: TerminationStatus(480, "Maximum Duration"),
    Termination.DRAIN_DEADLINE: _temporary("Draining", 30),
    Termination.INTERNAL_ERROR: TerminationStatus(500, "Server Internal Error"),
}

_Q850_CAUSES: dict[Termination, int] = {
    Termination.CALL_SIDE_ENDED: 16,
    Termination.MAX_DURATION: 102,
    Termination.MEDIA_TIMEOUT: 27,
    Termination.PIN_FAILED: 21,
    Termination.PIN_TIMEOUT: 18,
    Termination.DRAIN_DEADLINE: 41,
    Termination.SESSION_EXPIRED: 102,
}
_Q850_TEMPORARY_FAILURE = 41


def reason_header(termination: Termination) -> str:
    """The Reason header (RFC 3326) of a BYE that we send, with the termination's own word as text."""
    cause = _Q850_CAUSES.get(termination, _Q850_TEMPORARY_FAILURE)
    return f'Q.850;cause={cause};text="{termination.value}"'
