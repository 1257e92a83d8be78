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
from bridge.sip.grammar import clean_text, quote
from bridge.sip.incoming_request import IncomingRequest
from bridge.sip.message import SipRequest
from bridge.sip.provisional_responses import ProvisionalResponses
from bridge.sip.renegotiation import Renegotiation
from bridge.sip.request_checks import ACCEPT, ALLOW, SUPPORTED
from bridge.sip.session_refresh import SessionRefresh
from bridge.sip.session_timer import SessionTimer, agree_on_session
from bridge.sip.success_response import SuccessResponse
from bridge.sip.transaction_layer import TransactionLayer
from bridge.sip.transfer import Transfer


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
        self.dialog = Dialog(invite.request, invite.flow, invite.transaction.local_tag)
        self.sender = DialogSender(context, transactions, self.dialog)
        self.local_description = b""
        """Our SDP as last sent, for a re-INVITE that changes nothing."""
        self.peer_allows = invite.request.headers.option_tags("Allow")
        self.provisional = ProvisionalResponses(
            invite,
            context.timers,
            int.from_bytes(context.entropy(3), "big") + 1,
            (("Contact", self.sender.contact(invite.flow)),),
            lambda now: self.fail("dialog_failed", "no PRACK came for our response", now),
        )
        self.session_refresh = SessionRefresh(self)
        self.session_timer = SessionTimer(
            context.timers,
            self.session_refresh.send,
            lambda now: self.fail("session_expired", "nobody refreshed the session", now),
        )
        self.renegotiation = Renegotiation(self)
        self.transfer = Transfer(self)
        self._offered = session_description(invite.request) is not None
        self._forget = forget
        self._success: SuccessResponse | None = None
        self._hang_up_reason: str | None = None

    @property
    def handle(self) -> str:
        """The endpoint's name of this call: our tag."""
        return self.dialog.local_tag

    @property
    def going_on(self) -> bool:
        """Whether the call is neither over nor ending."""
        return self.state not in (CallState.ENDING, CallState.ENDED)

    @property
    def offer_settled(self) -> bool:
        """Whether the INVITE's offer has its answer, so that another may be made (RFC 3264 section 4)."""
        return self.state is not CallState.PROCEEDING or self.provisional.answered

    @property
    def inviting(self) -> bool:
        """Whether an INVITE of ours, or the ACK of our 200, is under way."""
        return self.state is CallState.ACCEPTED or self.session_refresh.inviting

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
            # An INVITE without an offer gets ours in the 200, not earlier: no PRACK has to carry an answer.
            self.provisional.ring(now, sdp if self._offered else None)

    def answer(self, sdp: bytes, now: float) -> None:
        """200, once no reliable 1xx waits for its PRACK."""
        self.provisional.when_acknowledged(lambda then: self._answer(sdp, then), now)

    def _answer(self, sdp: bytes, now: float) -> None:
        if not self._step(CallStep.ANSWER):
            return
        settings = self.context.settings
        request = self.invite.request
        terms = agree_on_session(request, settings.session_interval, settings.minimum_session_interval)
        self.local_description = sdp
        response = self.invite.respond(
            200,
            now,
            headers=(
                *self.success_headers(self.invite.flow),
                *(terms.headers() if terms is not None else ()),
            ),
            # RFC 3261 section 13.2.1: an answer that went out reliably is not given twice.
            body=b"" if self.provisional.answered else sdp,
            record_route=True,
        )
        self.session_timer.restart(terms, now)
        if response is not None:
            self._success = self.repeat_success(self.invite, response, now)

    def refuse(self, status: int, now: float, reason: str, headers: Iterable[tuple[str, str]]) -> None:
        """3xx to 6xx."""
        if self._step(CallStep.REFUSE):
            self._stop(now)
            self.invite.respond(status, now, reason=reason, headers=headers)
            self._leave()

    def drop(self, now: float) -> None:
        """No answer at all, not even 100."""
        if self._step(CallStep.REFUSE):
            self._stop(now)
            self.invite.trying_owed = False
            self.invite.transaction.fall_silent(now)
            self._leave()

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
        """CANCEL came; after our final response it has no effect (RFC 3261 section 9.2)."""
        if self.state is CallState.PROCEEDING and self._step(CallStep.END):
            self._stop(now)
            self.invite.respond(487, now)
            self.context.emit(CallCancelled(self.handle, request.header("Reason") or ""))
            self._leave()

    def acknowledge(self, request: SipRequest, now: float) -> None:
        """The ACK of our 200, to the INVITE or to a re-INVITE."""
        if request.cseq.number != self.invite.request.cseq.number:
            self.renegotiation.acknowledge(request)
            return
        if self._success is None or not self._success.acknowledge() or not self._step(CallStep.ACKNOWLEDGE):
            return
        try:
            answer = session_description(request)
        except RemoteProtocolError as error:
            self.context.refuse(self.invite.flow, "ACK", 0, "malformed", error.detail)
            answer = None
        self.context.emit(AckReceived(self.handle, None if self._offered else answer))
        if self._hang_up_reason is not None:
            self.hang_up(now, self._hang_up_reason)

    def receive_bye(self, incoming: IncomingRequest, now: float) -> None:
        """The peer hangs up; BYEs that cross are both answered 200."""
        incoming.respond(200, now)
        crossing = self.state is CallState.ENDING
        if self.state is CallState.PROCEEDING:
            self.invite.respond(487, now)  # RFC 3261 section 15.1.2
        if self._step(CallStep.END):
            self._stop(now)
            if not crossing:
                self.context.emit(CallEnded(self.handle, "bye", incoming.request.header("Reason") or ""))
                self._leave()

    def lose_connection(self, now: float) -> None:
        """The connection that the call came over is gone; a confirmed call goes on without it."""
        self.dialog.flow = None
        if self.state is CallState.PROCEEDING:
            self.fail("transport_failed", "the connection closed before the call was answered", now)

    def fail(self, cause: str, detail: str, now: float) -> None:
        """End the call because the dialog cannot go on."""
        if not self.going_on:
            return
        self._stop(now)
        if self.state is CallState.PROCEEDING:
            self.invite.respond(500, now)
            self._step(CallStep.END)
            self._leave()
        elif self._step(CallStep.HANG_UP):
            # Q.850: 41 is a temporary failure, 102 recovery on timer expiry.
            number = 41 if cause == "dialog_failed" else 102
            self._send_bye(now, f"Q.850;cause={number};text={quote(detail)}")
        if self._hang_up_reason is None:
            # Whoever has hung up already waits for no news.
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
            send=lambda data: invite.transaction.send_again(data),
            on_timeout=lambda then: self.fail("ack_timeout", "no ACK came for our 200", then),
        )

    def _send_bye(self, now: float, reason: str) -> None:
        self._stop(now)

        def end() -> None:
            self._step(CallStep.END)
            self._leave()

        self.sender.send("BYE", now, headers=(reason_header(reason),) if reason else (), on_end=end)

    def _leave(self) -> None:
        """Nothing can reach the call any more. Its parts refer back to it: without them it is freed at once,
        and a bridge that keeps deadlines has nothing to collect."""
        self._forget(self)
        self._success = None
        del self.provisional, self.session_refresh, self.session_timer, self.renegotiation, self.transfer

    def _stop(self, now: float) -> None:
        """End every timer of the call; the transactions run out by themselves."""
        self.provisional.stop()
        self.session_timer.stop()
        self.renegotiation.stop(now)
        if self._success is not None:
            self._success.stop()


def reason_header(reason: str) -> tuple[str, str]:
    """RFC 3326: a Reason header from its value (`Q.850;cause=16`), or from plain words."""
    protocol, semicolon, _ = reason.partition(";")
    if semicolon and protocol in ("SIP", "Q.850"):
        return "Reason", clean_text(reason)
    return "Reason", f"SIP;cause=200;text={quote(reason)}"
