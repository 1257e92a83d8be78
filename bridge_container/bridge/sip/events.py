"""What the endpoint tells its user. Frozen, in the past tense; `call` names one INVITE dialog.

The endpoint answers by itself what needs no decision: 100 Trying, retransmissions, OPTIONS, merged requests,
unknown dialogs, malformed requests, unsupported methods and extensions, CANCEL's own 200.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.sip.flow import Flow

if TYPE_CHECKING:
    from bridge.sip.message import SipRequest


@dataclass(frozen=True, slots=True)
class InviteReceived:
    """A new call. Each attempt counts: an INVITE with credentials after a 401 is a new `call`."""

    call: str
    """The endpoint's name of this dialog, unique in the process."""
    request: SipRequest
    flow: Flow
    offer: bytes | None
    """The SDP part of the body; None when the INVITE has no offer (the offer then goes in the 200)."""


@dataclass(frozen=True, slots=True)
class CallCancelled:
    """CANCEL came before the final response; 487 is already sent."""

    call: str
    reason: str
    """The Reason header (RFC 3326), or empty."""


@dataclass(frozen=True, slots=True)
class AckReceived:
    """The 200's ACK came: the dialog is confirmed. Again for the ACK of a re-INVITE without an offer."""

    call: str
    answer: bytes | None
    """The SDP answer, when our 200 carried the offer; None when it is missing or cannot be read."""


@dataclass(frozen=True, slots=True)
class ReinviteReceived:
    """A re-INVITE or UPDATE inside the dialog; answer with `accept_reinvite` or `reject_reinvite`."""

    call: str
    request: SipRequest
    offer: bytes | None


@dataclass(frozen=True, slots=True)
class InfoReceived:
    """An INFO, already answered 200, with a body type that we accept (RFC 6086; DTMF relay)."""

    call: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class TransferReported:
    """How the transfer that we asked for goes (RFC 3515)."""

    call: str
    status: int
    """Of the call that the peer places: 1xx while it goes on, 2xx when it is answered; or REFER's own
    failure."""
    final: bool
    """No report follows."""


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The dialog is over and not by us: BYE, a missing ACK, an expired session or a dead transport."""

    call: str
    cause: str
    """`bye`, `ack_timeout`, `session_expired`, `transport_failed`, `dialog_failed`."""
    reason: str
    """The Reason header of a BYE, or what the endpoint saw."""


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """The endpoint refused or dropped something by itself. For counters, bans and logs."""

    flow: Flow
    method: str
    """Empty when the message could not be parsed that far."""
    status: int
    """The response's status; 0 for a drop."""
    why: str
    """A bounded word for the counter, such as `malformed`, `unknown_dialog`, `merged`."""
    detail: str
    """What was expected and what came; printable and short."""


SipEvent = (
    InviteReceived
    | CallCancelled
    | AckReceived
    | ReinviteReceived
    | InfoReceived
    | TransferReported
    | CallEnded
    | RequestRefused
)
