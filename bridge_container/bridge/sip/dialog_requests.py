"""Requests inside an existing dialog (RFC 3261 section 12.2.2): sequence check, then one function per
method."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bridge.sip.events import InfoReceived
from bridge.sip.incoming_request import IncomingRequest
from bridge.sip.invite_call import CallState, InviteCall
from bridge.sip.request_checks import ACCEPT, ALLOW, SUPPORTED


def receive_in_dialog(call: InviteCall, incoming: IncomingRequest, now: float) -> None:
    """Answer a request (not ACK, not CANCEL) of an existing dialog."""
    request = incoming.request
    if call.state in (CallState.ENDING, CallState.ENDED) and request.method != "BYE":
        incoming.refuse(481, now, "unknown_dialog", "the call is ending")
        return
    if not call.dialog.accept_sequence(request):
        # RFC 3261 section 12.2.2: out of order.
        incoming.refuse(500, now, "sequence", "CSeq is not higher than the one before")
        return
    call.dialog.moved_to(request, incoming.flow)
    _METHODS[request.method](call, incoming, now)


def _bye(call: InviteCall, incoming: IncomingRequest, now: float) -> None:
    call.receive_bye(incoming, now)


def _options(call: InviteCall, incoming: IncomingRequest, now: float) -> None:
    incoming.respond(200, now, headers=(ALLOW, SUPPORTED, ACCEPT))


def _info(call: InviteCall, incoming: IncomingRequest, now: float) -> None:
    """RFC 6086 section 4.2.2, legacy usage: the body's type says what it is."""
    request = incoming.request
    if not request.body:
        incoming.respond(200, now)
        return
    known = call.context.settings.info_packages
    if request.content_type not in known:
        accepted = ("Accept", ", ".join(sorted(known)))
        incoming.refuse(415, now, "body_type", f"INFO with {request.content_type or 'no type'}", (accepted,))
        return
    incoming.respond(200, now)
    call.context.emit(InfoReceived(call.handle, request.content_type, request.body))


def _renegotiate(call: InviteCall, incoming: IncomingRequest, now: float) -> None:
    call.renegotiation.receive(incoming, now)


def _prack(call: InviteCall, incoming: IncomingRequest, now: float) -> None:
    call.provisional.receive_prack(incoming, now)


def _notify(call: InviteCall, incoming: IncomingRequest, now: float) -> None:
    call.transfer.receive_notify(incoming, now)


_METHODS: Mapping[str, Callable[[InviteCall, IncomingRequest, float], None]] = {
    "BYE": _bye,
    "OPTIONS": _options,
    "INFO": _info,
    "INVITE": _renegotiate,
    "UPDATE": _renegotiate,
    "PRACK": _prack,
    "NOTIFY": _notify,
}
