"""Responses to one request (RFC 3261 section 8.2.6): what must be echoed is echoed byte for byte.

Also where a response goes (RFC 3261 section 18.2.2, RFC 3581). Of the top Via only `received` and `rport`
change.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_address

from bridge.sip.flow import Flow
from bridge.sip.grammar import clean_text, split_outside_quotes
from bridge.sip.headers import canonical_name
from bridge.sip.message import SipRequest
from bridge.sip.status import REASONS

DEFAULT_PORT = {"udp": 5060, "tcp": 5060, "tls": 5061}


def response_flow(request: SipRequest, flow: Flow) -> Flow:
    """Where responses to `request` go: over its connection, or to its source address.

    Without `rport` a datagram's answer goes to the port in Via. `maddr` is ignored: it would let a stranger
    aim our responses at a third party.
    """
    if flow.transport.reliable or request.via.wants_rport:
        return flow
    port = request.via.port or DEFAULT_PORT[flow.transport.value]
    return flow if port == flow.remote_port else replace(flow, remote_port=port)


class ReplyWriter:
    """Writes the responses to one request; the echoed part is put together once."""

    __slots__ = ("_echo", "_echo_behind_to", "_encoding", "_record_route", "_server", "_to", "_to_has_tag")

    def __init__(self, request: SipRequest, flow: Flow, server: str) -> None:
        headers = request.headers
        vias = headers.all("Via")
        lines = [f"Via: {_received_via(vias[0], request, flow)}\r\n"]
        lines += [f"Via: {via}\r\n" for via in vias[1:]]
        lines.append(f"From: {headers.get('From')}\r\n")
        self._echo = "".join(lines)
        lines = [f"Call-ID: {headers.get('Call-ID')}\r\nCSeq: {headers.get('CSeq')}\r\n"]
        timestamp = headers.get("Timestamp")
        if timestamp is not None:
            lines.append(f"Timestamp: {timestamp}\r\n")
        self._echo_behind_to = "".join(lines)
        self._to = headers.get("To") or ""
        self._to_has_tag = request.to.tag is not None
        self._record_route = "".join(f"Record-Route: {route}\r\n" for route in headers.all("Record-Route"))
        self._encoding = request.encoding
        self._server = server

    def write(
        self,
        status: int,
        tag: str | None,
        *,
        reason: str = "",
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str = "",
        record_route: bool = False,
    ) -> bytes:
        """One response. `tag` is ours, for a To that has none; `record_route` for those that make a
        dialog."""
        phrase = clean_text(reason) or REASONS.get(status, "")
        to = self._to if tag is None or self._to_has_tag else f"{self._to};tag={tag}"
        pieces = [f"SIP/2.0 {status} {phrase}\r\n", self._echo, f"To: {to}\r\n", self._echo_behind_to]
        if record_route:
            pieces.append(self._record_route)
        pieces += [f"{canonical_name(clean_name(name))}: {clean_text(value)}\r\n" for name, value in headers]
        if body:
            pieces.append(f"Content-Type: {content_type}\r\n")
        pieces.append(f"Server: {self._server}\r\nContent-Length: {len(body)}\r\n\r\n")
        return "".join(pieces).encode(self._encoding, "replace") + body


def clean_name(name: str) -> str:
    """A header name that we write: nothing that could end it early."""
    return clean_text(name).replace(":", "").replace(" ", "")


def _received_via(value: str, request: SipRequest, flow: Flow) -> str:
    via = request.via
    same_host = _same_host(via.host, flow.remote_host)
    if same_host and not via.wants_rport:
        return value
    top = split_outside_quotes(value, ",")[0] if "," in value else value
    pieces = []
    for piece in top.split(";"):
        name = piece.strip().lower().partition("=")[0]
        if name == "rport":
            pieces.append(f"rport={flow.remote_port}")
        elif name != "received":
            pieces.append(piece)
    # RFC 3581 section 4: with rport, received stands there even when it equals sent-by.
    pieces.append(f"received={flow.remote_host}")
    return ";".join(pieces) + value[len(top) :]


def _same_host(sent_by: str, source: str) -> bool:
    if sent_by == source:
        return True
    if ":" not in sent_by:
        return False
    return ip_address(sent_by) == ip_address(source.partition("%")[0])
