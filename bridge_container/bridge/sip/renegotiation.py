"""Re-INVITE and UPDATE inside a dialog (RFC 3261 section 14.2, RFC 3311), one at a time.

A request with an offer, or a re-INVITE without one, is the user's to decide; an UPDATE without an offer only
refreshes the session and is answered here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.sip.body import session_description
from bridge.sip.errors import RemoteProtocolError
from bridge.sip.events import AckReceived, ReinviteReceived
from bridge.sip.incoming_request import IncomingRequest
from bridge.sip.message import SipRequest
from bridge.sip.request_checks import check_session_interval
from bridge.sip.server_transaction import ServerTransaction
from bridge.sip.session_timer import agree_on_session
from bridge.sip.success_response import SuccessResponse

if TYPE_CHECKING:
    from bridge.sip.invite_call import InviteCall


class Renegotiation:
    """The peer's attempts to change or refresh the session of one call."""

    def __init__(self, call: InviteCall) -> None:
        self._call = call
        self._pending: IncomingRequest | None = None
        self._success: SuccessResponse | None = None
        self._success_cseq = 0
        self._offered = True

    def receive(self, incoming: IncomingRequest, now: float) -> None:
        """A re-INVITE or UPDATE that is new in its dialog."""
        request = incoming.request
        offer = session_description(request)
        refusal = check_session_interval(request, self._call.context.settings.minimum_session_interval)
        if refusal is not None:
            incoming.refuse(refusal.status, now, refusal.why, refusal.detail, refusal.headers)
        elif request.method == "UPDATE" and offer is None:
            self._accept(incoming, None, now)
        elif self._pending is not None or not self._call.offer_settled:
            # RFC 3261 section 14.2, RFC 3311 section 5.2: an offer of the peer's still waits for our answer.
            wait = ("Retry-After", str(self._call.context.entropy(1)[0] % 10 + 1))
            incoming.refuse(500, now, "pending", "the offer before has no answer yet", (wait,))
        elif self._call.inviting or (self._success is not None and not self._success.acknowledged):
            incoming.refuse(491, now, "pending", "an INVITE is under way")
        else:
            self._pending = incoming
            if request.method == "INVITE":
                incoming.send_trying(now)
            self._call.context.emit(ReinviteReceived(self._call.handle, request, offer))

    def accept(self, sdp: bytes | None, now: float) -> None:
        """200 to what waits."""
        incoming, self._pending = self._pending, None
        if incoming is not None:
            self._accept(incoming, sdp, now)

    def reject(self, status: int, now: float) -> None:
        """A failure to what waits; session and dialog stay as they were."""
        incoming, self._pending = self._pending, None
        if incoming is not None:
            incoming.respond(status, now)

    def cancel(self, invite: ServerTransaction, now: float) -> None:
        """CANCEL of a re-INVITE."""
        if self._pending is not None and self._pending.transaction is invite:
            self.reject(487, now)

    def acknowledge(self, request: SipRequest) -> None:
        """The ACK of a 2xx to a re-INVITE; an answer in it is told."""
        if self._success is None or request.cseq.number != self._success_cseq:
            return
        if not self._success.acknowledge() or self._offered:
            return
        try:
            answer = session_description(request)
        except RemoteProtocolError:
            answer = None
        self._call.context.emit(AckReceived(self._call.handle, answer))

    def stop(self, now: float) -> None:
        """The call is over: what waits gets 487 (RFC 3261 section 15.1.2)."""
        if self._success is not None:
            self._success.stop()
        self.reject(487, now)

    def _accept(self, incoming: IncomingRequest, sdp: bytes | None, now: float) -> None:
        call, request = self._call, incoming.request
        settings = call.context.settings
        call.dialog.refresh_target(request)
        terms = agree_on_session(request, settings.session_interval, settings.minimum_session_interval)
        headers = (*call.success_headers(incoming.flow), *(terms.headers() if terms is not None else ()))
        response = incoming.respond(200, now, headers=headers, body=sdp or b"")
        call.session_timer.restart(terms, now)
        if sdp is not None:
            call.local_description = sdp
        if response is not None and request.method == "INVITE":
            self._offered = bool(request.body)
            self._success_cseq = request.cseq.number
            self._success = call.repeat_success(incoming, response, now)
