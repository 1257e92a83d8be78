"""The SIP endpoint: bytes and `now` in; bytes, events and the next deadline out. No sockets, no clock.

Puts the parts together and dispatches; what the parts do is in their own modules. Its user is the call
control, its carrier an adapter that pumps datagrams and connections.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bridge.sip.body import session_description
from bridge.sip.dialog import DialogKey
from bridge.sip.dialog_requests import receive_in_dialog
from bridge.sip.endpoint_context import EndpointContext, Transmission
from bridge.sip.errors import RemoteProtocolError
from bridge.sip.events import InviteReceived, SipEvent
from bridge.sip.flow import Flow, Transport
from bridge.sip.incoming_request import IncomingRequest
from bridge.sip.invite_call import CallState, InviteCall
from bridge.sip.malformed_reply import stateless_reply
from bridge.sip.message import SipMessage, SipRequest, SipResponse
from bridge.sip.parser import parse_datagram
from bridge.sip.request_checks import (
    ACCEPT,
    ALLOW,
    SUPPORTED,
    Refusal,
    check_form,
    check_session_interval,
    check_support,
    identify,
)
from bridge.sip.server_transaction import ServerTransaction
from bridge.sip.settings import EndpointSettings
from bridge.sip.stream_framing import FramingFault, KeepAlive, StreamFraming
from bridge.sip.transaction_layer import TransactionLayer, server_key

__all__ = ["EndpointSettings", "SipEndpoint", "Transmission"]


class SipEndpoint:
    """The called side of SIP for any number of peers. Not thread-safe; one per event loop."""

    def __init__(self, settings: EndpointSettings, entropy: Callable[[int], bytes]) -> None:
        """`entropy(n)` gives n unpredictable bytes, such as `os.urandom`."""
        self._context = EndpointContext(settings, entropy)
        self._transactions = TransactionLayer(self._context)
        self._calls: dict[str, InviteCall] = {}
        self._dialogs: dict[DialogKey, InviteCall] = {}
        self._retry_after: int | None = None
        self._streams: dict[tuple[Transport, int], StreamFraming] = {}
        self._undecided: list[tuple[IncomingRequest, float]] = []

    # Input.

    def receive_datagram(self, data: bytes, flow: Flow, now: float) -> None:
        """One UDP datagram."""
        if not data.strip(b"\r\n\x00"):
            return  # A keep-alive; only those of streams are answered (RFC 5626 section 4.4.1).
        try:
            message = parse_datagram(data, self._context.settings.limits)
        except RemoteProtocolError as error:
            self._refuse_malformed(error, flow)
            return
        self._receive(message, flow, now)

    def receive_stream(self, data: bytes, flow: Flow, now: float) -> None:
        """Bytes of a TCP or TLS connection, in whatever pieces they came."""
        connection = flow.transport, flow.connection_id
        framing = self._streams.get(connection)
        if framing is None:
            framing = self._streams[connection] = StreamFraming(self._context.settings.limits)
        for frame in framing.receive(data):
            if isinstance(frame, KeepAlive):
                self._context.transmit(flow, b"\r\n")
            elif isinstance(frame, FramingFault):
                self._refuse_malformed(frame.error, flow, close=frame.fatal)
            else:
                self._receive(frame, flow, now)

    def connection_lost(self, flow: Flow, now: float) -> None:
        """A TCP or TLS connection is gone. Calls that wait for their answer go with it, others go on."""
        self._streams.pop((flow.transport, flow.connection_id), None)
        for call in [call for call in self._calls.values() if call.dialog.flow == flow]:
            call.lose_connection(now)

    def is_mid_message(self, flow: Flow) -> bool:
        """Whether a connection has sent a message's beginning and not its end."""
        framing = self._streams.get((flow.transport, flow.connection_id))
        return framing is not None and not framing.idle

    def carries_call(self, flow: Flow) -> bool:
        """Whether a call's dialog lives on this connection. Looks at every call: for sweeps, not for
        messages."""
        return any(call.dialog.flow == flow for call in self._calls.values())

    def handle_timers(self, now: float) -> None:
        """Run what is due."""
        self._context.timers.run(now)

    def next_deadline(self) -> float | None:
        """When `handle_timers` wants to be called next."""
        return self._context.timers.next_deadline()

    # Output.

    def take_transmissions(self) -> list[Transmission]:
        """What is to be sent, in order. An INVITE that nobody has decided about by now gets its 100 here."""
        for invite, received in self._undecided:
            invite.send_trying(received)
        self._undecided.clear()
        taken, self._context.transmissions = self._context.transmissions, []
        return taken

    def take_events(self) -> list[SipEvent]:
        """What happened, in order."""
        taken, self._context.events = self._context.events, []
        return taken

    # Decisions; about a call that is over they do nothing.

    def challenge(self, call: str, challenges: Sequence[str], now: float) -> None:
        """401 with one WWW-Authenticate header for each challenge (RFC 8760 section 2.3)."""
        self.reject(call, 401, now, headers=[("WWW-Authenticate", value) for value in challenges])

    def ring(self, call: str, now: float, sdp: bytes | None = None) -> None:
        """180, or 183 with SDP for early media."""
        if (found := self._calls.get(call)) is not None:
            found.ring(now, sdp)

    def answer(self, call: str, sdp: bytes, now: float) -> None:
        """200 with the answer, or with an offer when the INVITE had none."""
        if (found := self._calls.get(call)) is not None:
            found.answer(sdp, now)

    def drop(self, call: str, now: float) -> None:
        """Give no answer at all; retransmissions of the INVITE are absorbed."""
        if (found := self._calls.get(call)) is not None:
            found.drop(now)

    def reject(
        self,
        call: str,
        status: int,
        now: float,
        *,
        reason: str = "",
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        """3xx to 6xx; `reason` is the reason phrase."""
        if (found := self._calls.get(call)) is not None:
            found.refuse(status, now, reason, headers)

    def hang_up(self, call: str, now: float, reason: str = "") -> None:
        """End the call by what its state allows; no `CallEnded` follows. `reason` goes in a Reason header."""
        if (found := self._calls.get(call)) is not None:
            found.hang_up(now, reason)

    def accept_reinvite(self, call: str, sdp: bytes | None, now: float) -> None:
        """200 to the re-INVITE or UPDATE that waits, with an answer, or an offer when it had none."""
        if (found := self._calls.get(call)) is not None:
            found.renegotiation.accept(sdp, now)

    def reject_reinvite(self, call: str, status: int, now: float) -> None:
        """Refuse the re-INVITE or UPDATE that waits; the call goes on."""
        if (found := self._calls.get(call)) is not None:
            found.renegotiation.reject(status, now)

    def transfer(self, call: str, refer_to: str, now: float) -> None:
        """Ask the peer to call the URI `refer_to` instead; `TransferReported` says how it goes."""
        if (found := self._calls.get(call)) is not None and found.state is CallState.CONFIRMED:
            found.transfer.send(refer_to, now)

    def start_draining(self, retry_after: int) -> None:
        """Answer pings (OPTIONS) with 503, so that carriers route around us; new INVITEs stay the user's."""
        self._retry_after = retry_after

    # Dispatch.

    def _receive(self, message: SipMessage, flow: Flow, now: float) -> None:
        if isinstance(message, SipResponse):
            self._receive_response(message, flow, now)
            return
        try:
            identify(message)
            key = server_key(message, "INVITE" if message.method == "ACK" else message.method)
        except RemoteProtocolError as error:
            error.request = message
            self._refuse_malformed(error, flow)
            return
        known = self._transactions.find(key)
        if message.method == "ACK":
            self._receive_ack(message, known, now)
        elif known is not None:
            known.receive_request()
        else:
            self._receive_new(message, flow, key, now)

    def _receive_new(self, request: SipRequest, flow: Flow, key: tuple[str, ...], now: float) -> None:
        refusal = check_form(request)
        if refusal is not None:
            self._refuse_statelessly(request, flow, refusal)
            return
        tag = request.to.tag or self._context.token()
        may_merge = request.to.tag is None and request.method != "CANCEL"
        merged = may_merge and self._transactions.is_merged(request)
        incoming = self._transactions.open(request, flow, key, tag)
        if merged:
            incoming.refuse(482, now, "merged", "the same request came over another path")
            return
        try:
            refusal = self._refusal(request)
            if refusal is not None:
                incoming.refuse(refusal.status, now, refusal.why, refusal.detail, refusal.headers)
            else:
                self._dispatch(incoming, now)
        except RemoteProtocolError as error:
            # A header that only this method reads.
            incoming.refuse(error.status, now, "malformed", error.detail)

    def _refusal(self, request: SipRequest) -> Refusal | None:
        refusal = check_support(request)
        if refusal is None and request.method == "INVITE" and request.to.tag is None:
            refusal = check_session_interval(request, self._context.settings.minimum_session_interval)
        return refusal

    def _dispatch(self, incoming: IncomingRequest, now: float) -> None:
        """A request that passed every check."""
        request = incoming.request
        if request.method == "CANCEL":
            self._receive_cancel(incoming, now)
        elif request.to.tag is not None:
            call = self._dialogs.get((request.call_id, request.to.tag, request.from_.tag or ""))
            if call is None:
                incoming.refuse(481, now, "unknown_dialog", "no such dialog")
            else:
                receive_in_dialog(call, incoming, now)
        elif request.method == "INVITE":
            self._open_call(incoming, now)
        elif request.method == "OPTIONS":
            self._answer_ping(incoming, now)
        else:
            incoming.refuse(481, now, "unknown_dialog", f"{request.method} outside of a dialog")

    def _answer_ping(self, incoming: IncomingRequest, now: float) -> None:
        """OPTIONS outside of a dialog is answered as an INVITE would be (RFC 3261 section 11.2)."""
        headers = (ALLOW, SUPPORTED, ACCEPT)
        if self._retry_after is None:
            incoming.respond(200, now, headers=headers)
        else:
            incoming.respond(503, now, headers=(*headers, ("Retry-After", str(self._retry_after))))

    def _open_call(self, incoming: IncomingRequest, now: float) -> None:
        call = InviteCall(self._context, self._transactions, incoming, self._forget)
        self._calls[call.handle] = call
        self._dialogs[call.dialog.key] = call
        self._undecided.append((incoming, now))
        offer = session_description(incoming.request)
        self._context.emit(InviteReceived(call.handle, incoming.request, incoming.flow, offer))

    def _forget(self, call: InviteCall) -> None:
        self._calls.pop(call.handle, None)
        self._dialogs.pop(call.dialog.key, None)

    def _receive_ack(self, request: SipRequest, known: ServerTransaction | None, now: float) -> None:
        if known is not None:
            known.receive_ack(now)
        call = self._dialogs.get((request.call_id, request.to.tag or "", request.from_.tag or ""))
        if call is not None:
            call.acknowledge(request, now)

    def _receive_cancel(self, incoming: IncomingRequest, now: float) -> None:
        invite = self._transactions.find(server_key(incoming.request, "INVITE"))
        if invite is None:
            incoming.refuse(481, now, "unknown_transaction", "CANCEL matches no INVITE")
            return
        incoming.transaction.local_tag = invite.local_tag  # RFC 3261 section 9.2
        incoming.respond(200, now)
        call = self._calls.get(invite.local_tag)
        if call is not None and call.invite.transaction is invite:
            call.cancel(incoming.request, now)
        elif call is not None:
            call.renegotiation.cancel(invite, now)

    def _receive_response(self, response: SipResponse, flow: Flow, now: float) -> None:
        try:
            matched = self._transactions.receive_response(response, now)
        except RemoteProtocolError as error:
            self._context.refuse(flow, "", 0, "malformed", error.detail)
            return
        if not matched:
            self._context.refuse(flow, "", 0, "unknown_transaction", "a response to nothing that we sent")

    # Refusals without a transaction.

    def _refuse_malformed(self, error: RemoteProtocolError, flow: Flow, close: bool = False) -> None:
        """Answer a malformed request when it says enough about itself, else drop it."""
        refusal = Refusal(error.status, "malformed", error.detail)
        if error.request is not None:
            self._refuse_statelessly(error.request, flow, refusal, close)
            return
        if close:
            self._context.transmit(flow, b"", close=True)
        self._context.refuse(flow, "", 0, refusal.why, refusal.detail)

    def _refuse_statelessly(
        self, request: SipRequest, flow: Flow, refusal: Refusal, close: bool = False
    ) -> None:
        """Answer and forget a request that is not worth a transaction; an ACK has no answer."""
        context = self._context
        reply = None
        if request.method != "ACK":
            server = context.settings.server
            reply = stateless_reply(request, flow, refusal.status, context.token(), server, refusal.headers)
        if reply is not None:
            context.transmit(*reply, close)
        elif close:
            context.transmit(flow, b"", close)
        status = refusal.status if reply is not None else 0
        context.refuse(flow, request.method, status, refusal.why, refusal.detail)
