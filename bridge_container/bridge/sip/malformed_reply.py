"""The answer to a request too broken for a transaction: stateless, from whatever can be echoed of it.

RFC 3261 section 8.2.7 lets a server forget such requests; RFC 4475 expects 400 even where From or Call-ID is
missing.
"""

from __future__ import annotations

from collections.abc import Iterable

from bridge.sip.errors import RemoteProtocolError
from bridge.sip.flow import Flow
from bridge.sip.message import SipRequest
from bridge.sip.reply import ReplyWriter, response_flow
from bridge.sip.status import REASONS


def stateless_reply(
    request: SipRequest,
    flow: Flow,
    status: int,
    tag: str,
    server: str,
    headers: Iterable[tuple[str, str]] = (),
) -> tuple[Flow, bytes] | None:
    """Where the response goes and its bytes; None when there is no Via to answer to."""
    try:
        _ = request.via, request.from_, request.to
        target = response_flow(request, flow)
        return target, ReplyWriter(request, flow, server).write(status, tag, headers=headers)
    except RemoteProtocolError:
        vias = request.headers.all("Via")
    if not vias:
        return None
    lines = [f"SIP/2.0 {status} {REASONS.get(status, '')}"]
    lines += [f"Via: {via}" for via in vias]
    for name in ("From", "To", "Call-ID", "CSeq"):
        value = request.header(name)
        if value is not None:
            untagged = name == "To" and "tag=" not in value.replace(" ", "").lower()
            lines.append(f"{name}: {value};tag={tag}" if untagged else f"{name}: {value}")
    lines += [f"Server: {server}", "Content-Length: 0", "", ""]
    # The Via cannot be trusted to say where to: the source can.
    return flow, "\r\n".join(lines).encode(request.encoding, "replace")
