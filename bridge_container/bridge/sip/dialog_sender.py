"""Sends our requests inside one dialog: Via and Contact for the flow, one client transaction each."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bridge.sip.dialog import Dialog, contact_header
from bridge.sip.endpoint_context import EndpointContext
from bridge.sip.flow import Flow
from bridge.sip.headers import Headers
from bridge.sip.message import SipRequest, SipResponse
from bridge.sip.transaction_layer import TransactionLayer
from bridge.sip.uri import print_host_port
from bridge.sip.via import MAGIC_COOKIE


def _ignore_response(response: SipResponse, now: float) -> None:
    """For requests whose answer changes nothing."""


def _ignore_timeout(now: float) -> None:
    """For requests that nobody waits for."""


class DialogSender:
    """The way out of a dialog."""

    __slots__ = ("_context", "_transactions", "dialog")

    def __init__(self, context: EndpointContext, transactions: TransactionLayer, dialog: Dialog) -> None:
        self._context = context
        self._transactions = transactions
        self.dialog = dialog

    def contact(self, flow: Flow) -> str:
        """Our Contact's value for a peer on `flow`."""
        host, port = self._context.settings.advertised_address(flow)
        user = self._context.settings.contact_user
        return contact_header(host, port, user, flow.transport.value, self.dialog.secure)

    def _via(self, flow: Flow) -> str:
        host, port = self._context.settings.advertised_address(flow)
        branch = MAGIC_COOKIE + self._context.token()
        return f"SIP/2.0/{flow.transport.value.upper()} {print_host_port(host, port)};rport;branch={branch}"

    def send(
        self,
        method: str,
        now: float,
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        on_response: Callable[[SipResponse, float], None] = _ignore_response,
        on_timeout: Callable[[float], None] = _ignore_timeout,
        on_end: Callable[[], None] | None = None,
    ) -> None:
        """Send a request in a transaction of its own."""
        flow = self.dialog.next_hop()
        via = self._via(flow)
        fields = [*headers, ("User-Agent", self._context.settings.server)]
        request = self.dialog.request(method, via, self.contact(flow), headers=fields, body=body)

        def acknowledge(response: SipResponse) -> bytes:
            return _refusal_ack(request, response).serialise()

        self._transactions.send(
            request,
            flow,
            now,
            on_response=on_response,
            on_timeout=on_timeout,
            on_end=on_end,
            acknowledge=acknowledge if method == "INVITE" else None,
        )

    def acknowledge(self, cseq: int) -> None:
        """The ACK of a 2xx to our re-INVITE: a request of its own (RFC 3261 section 13.2.2.4)."""
        flow = self.dialog.next_hop()
        request = self.dialog.request("ACK", self._via(flow), self.contact(flow), cseq=cseq)
        self._context.transmit(flow, request.serialise())


def _refusal_ack(request: SipRequest, response: SipResponse) -> SipRequest:
    """RFC 3261 section 17.1.1.3: the ACK of a refused INVITE has its Request-URI and Via, and the response's
    To."""
    fields = [(name, request.headers.only(name)) for name in ("Via", "Max-Forwards", "From", "Call-ID")]
    fields += [("Route", route) for route in request.headers.all("Route")]
    fields += [
        ("To", response.header("To") or ""),
        ("CSeq", f"{request.cseq.number} ACK"),
        ("Content-Length", "0"),
    ]
    return SipRequest("ACK", request.request_uri, Headers.of(*fields), encoding=request.encoding)
