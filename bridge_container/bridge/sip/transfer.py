"""Blind transfer of a call by REFER (RFC 3515): our request, the peer's reports of how it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.sip.errors import LocalProtocolError, RemoteProtocolError
from bridge.sip.events import TransferReported
from bridge.sip.incoming_request import IncomingRequest
from bridge.sip.message import SipResponse
from bridge.sip.uri import parse_uri

if TYPE_CHECKING:
    from bridge.sip.invite_call import InviteCall


class Transfer:
    """The one REFER that a call may have under way."""

    def __init__(self, call: InviteCall) -> None:
        self._call = call
        self._subscribed = False

    def send(self, refer_to: str, now: float) -> None:
        """Ask the peer to call `refer_to`, a URI; raises `LocalProtocolError` when it is none."""
        try:
            target = parse_uri(refer_to)
        except RemoteProtocolError as error:
            raise LocalProtocolError(f"the transfer's target is no URI: {error.detail}") from None
        self._subscribed = True
        self._call.sender.send(
            "REFER",
            now,
            headers=(("Refer-To", f"<{target}>"),),
            on_response=self._receive_response,
            on_timeout=lambda then: self._report(408, final=True),
        )

    def receive_notify(self, incoming: IncomingRequest, now: float) -> None:
        """A report: the status line of the call that the peer places (RFC 3515 section 2.4.5)."""
        request = incoming.request
        event = (request.header("Event") or "").partition(";")[0].strip().lower()
        if event != "refer":
            incoming.refuse(
                489, now, "event", f"the event {event} is not supported", (("Allow-Events", "refer"),)
            )
            return
        if not self._subscribed:
            incoming.refuse(481, now, "unknown_subscription", "NOTIFY without a REFER of ours")
            return
        incoming.respond(200, now)
        status = _status_of(request.body)
        state = (request.header("Subscription-State") or "").partition(";")[0].strip().lower()
        self._report(status, final=state == "terminated" or status >= 200)

    def _receive_response(self, response: SipResponse, now: float) -> None:
        if response.status >= 300:
            self._report(response.status, final=True)

    def _report(self, status: int, *, final: bool) -> None:
        if self._subscribed and self._call.going_on:
            self._subscribed = not final
            self._call.context.emit(TransferReported(self._call.handle, status, final))


def _status_of(fragment: bytes) -> int:
    """The status code of a message/sipfrag body; 100 when it has none that can be read."""
    pieces = fragment[:256].split(b"\n", 1)[0].split()
    if len(pieces) >= 2 and pieces[0] == b"SIP/2.0" and len(pieces[1]) == 3 and pieces[1].isdigit():
        return int(pieces[1])
    return 100
