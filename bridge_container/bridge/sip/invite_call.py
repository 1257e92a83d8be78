"""One call from the peer: its INVITE, what we answer, its ACK, its end (RFC 3261 sections 13.3 and 15).

The states are a table; the methods are what the user decides and what the peer does. What else the peer may
ask inside the dialog is `dialog_requests`' business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum, auto

from bridge.sip.body import session_description
from bridge.sip.dialog import Dialog
from bridge.sip.dialog_sender import DialogSender
from bridge.sip.endpoint_context import EndpointContext
from bridge.sip.errors import RemoteProtocolError
from bridge.sip.events import AckReceived, CallCancelled, CallEnded
from bridge.sip.flow import Flow
from bridge.sip.grammar import quote
from bridge.sip.incoming_request import IncomingRequest
from bridge.sip.message import SipRequest
from bridge.sip.request_checks import ACCEPT, ALLOW, SUPPORTED
from bridge.sip.success_response import SuccessResponse
from bridge.sip.transaction_layer import TransactionLayer


class CallState(Enum):
    """Where a call stands."""

    PROCEEDING = auto()
    """No final response was sent."""
    ACCEPTED = auto()
    """200 was sent, its ACK has not come."""
    CONFIRMED = auto()
    ENDING = auto()
    """Our BYE is under way."""
    ENDED = auto()


class CallStep(Enum):
    """What moves a call."""

    ANSWER = auto()
    REFUSE = auto()
    ACKNOWLEDGE = auto()
    HANG_UP = auto()
    """Our BYE."""
    END = auto()
    """The peer's BYE, or nothing more to be said."""


_S = CallState
_T = CallStep
TRANSITIONS = {
    (_S.PROCEEDING, _T.ANSWER): _S.ACCEPTED,
    (_S.PROCEEDING, _T.REFUSE): _S.ENDED,
    (_S.PROCEEDING, _T.END): _S.ENDED,
    (_S.ACCEPTED, _T.ACKNOWLEDGE): _S.CONFIRMED,
    (_S.ACCEPTED, _T.HANG_UP): _S.ENDING,
    (_S.ACCEPTED, _T.END): _S.ENDED,
    (_S.CONFIRMED, _T.HANG_UP): _S.ENDING,
    (_S.CONFIRMED, _T.END): _S.ENDED,
    (_S.ENDING, _T.END): _S.ENDED,
}
"""Everything else is no step: a decision that comes too late changes nothing."""


class InviteCall:
    """The called side of one INVITE dialog."""

    def __init__(
        self,
        context: EndpointContext,
        transactions: TransactionLayer,
        invite: IncomingRequest,
        forget: Callable[[InviteCall], None],
    ) -> None:
        self.context = context
        self.state = CallState.PROCEEDING
        self.invite = invite
        self.dialog = Dialog(invite.request, invite.flow, invite.local_tag)
        self.sender = DialogSender(context, transactions, self.dialog)
        self.offered = session_description(invite.request) is not None
        self._forget = forget
        self._success: SuccessResponse | None = None
        self._hang_up_reason: str | None = None

    @property
    def handle(self) -> str:
        """The endpoint's name of this call: our tag."""
        return self.dialog.local_tag

    def _step(self, step: CallStep) -> bool:
        following = TRANSITIONS.get((self.state, step))
        if following is None:
            return False
        self.state = following
        return True

    # What the user decides.

    def ring(self, now: float, sdp: bytes | None) -> None:
        """180, or 183 with SDP."""
        if self.state is CallState.PROCEEDING:
            contact = ("Contact", self.sender.contact(self.invite.flow))
            self.invite.respond(
                183 if sdp else 180, now, headers=(contact, ALLOW), body=sdp or b"", record_route=True
            )

    def answer(self, sdp: bytes, now: float) -> None:
        """200."""
        if not self._step(CallStep.ANSWER):
            return
        response = self.invite.respond(
            200, now, headers=self.success_headers(self.invite.flow), body=sdp, record_route=True
        )
        if response is not None:
            self._success = self.repeat_success(self.invite, response, now)

    def refuse(self, status: int, now: float, reason: str, headers: Iterable[tuple[str, str]]) -> None:
        """3xx to 6xx."""
        if self._step(CallStep.REFUSE):
            self.invite.respond(status, now, reason=reason, headers=headers)
            self._forget(self)

    def hang_up(self, now: float, reason: str) -> None:
        """End the call by what its state allows: 480, BYE now, or BYE once the ACK is there."""
        if self.state is CallState.PROCEEDING:
            self.refuse(480, now, "", (reason_header(reason),) if reason else ())
        elif self.state is CallState.ACCEPTED:
            # RFC 3261 section 15: no BYE before the ACK or its timeout.
            self._hang_up_reason = reason
        elif self._step(CallStep.HANG_UP):
            self._send_bye(now, reason)

    # What the peer and the network do.

    def cancel(self, request: SipRequest, now: float) -> None:
        """CANCEL came before the final response (RFC 3261 section 9.2)."""
        if self._step(CallStep.END):
            self.invite.respond(487, now)
            self.context.emit(CallCancelled(self.handle, request.header("Reason") or ""))
            self._forget(self)

    def acknowledge(self, request: SipRequest, now: float) -> None:
        """The ACK of our 200."""
        if self._success is None or not self._success.acknowledge() or not self._step(CallStep.ACKNOWLEDGE):
            return
        try:
            answer = session_description(request)
        except RemoteProtocolError as error:
            self.context.refuse(self.invite.flow, "ACK", 0, "malformed", error.detail)
            answer = None
        self.context.emit(AckReceived(self.handle, None if self.offered else answer))
        if self._hang_up_reason is not None:
            self.hang_up(now, self._hang_up_reason)

    def receive_bye(self, incoming: IncomingRequest, now: float) -> None:
        """The peer hangs up; BYEs that cross are both answered 200."""
        incoming.respond(200, now)
        crossing = self.state is CallState.ENDING
        if self.state is CallState.PROCEEDING:
            self.invite.respond(487, now)  # RFC 3261 section 15.1.2
        if self._step(CallStep.END):
            self._stop()
            if not crossing:
                self.context.emit(CallEnded(self.handle, "bye", incoming.request.header("Reason") or ""))
                self._forget(self)

    def fail(self, cause: str, detail: str, now: float, *, bye: bool = True) -> None:
        """End the call because the dialog cannot go on."""
        if self.state in (CallState.ENDING, CallState.ENDED):
            return
        self._stop()
        if self.state is CallState.PROCEEDING or not bye:
            self._step(CallStep.END)
            self._forget(self)
        elif self._step(CallStep.HANG_UP):
            self._send_bye(now, detail)
        self.context.emit(CallEnded(self.handle, cause, detail))

    # Shared with requests inside the dialog.

    def success_headers(self, flow: Flow) -> tuple[tuple[str, str], ...]:
        """What each 2xx to INVITE and UPDATE carries."""
        return (("Contact", self.sender.contact(flow)), ALLOW, SUPPORTED, ACCEPT)

    def repeat_success(self, invite: IncomingRequest, response: bytes, now: float) -> SuccessResponse:
        """Repeat a 200 to an INVITE until its ACK comes; without one the call ends."""
        return SuccessResponse(
            response,
            self.context.timers,
            now,
            send=lambda data: invite.transaction.respond_again(data),
            on_timeout=lambda then: self.fail("ack_timeout", "no ACK came for our 200", then),
        )

    def _send_bye(self, now: float, reason: str) -> None:
        self._stop()

        def end() -> None:
            self._step(CallStep.END)
            self._forget(self)

        self.sender.send("BYE", now, headers=(reason_header(reason),) if reason else (), on_end=end)

    def _stop(self) -> None:
        if self._success is not None:
            self._success.stop()


def reason_header(reason: str) -> tuple[str, str]:
    """RFC 3326: a Reason header from its value (`Q.850;cause=16`), or from plain words."""
    protocol, semicolon, _ = reason.partition(";")
    if semicolon and protocol in ("SIP", "Q.850"):
        return "Reason", reason.replace("\r", " ").replace("\n", " ")
    return "Reason", f"SIP;cause=200;text={quote(reason)}"
