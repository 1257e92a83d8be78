"""A request of the peer's with its server transaction: the one way to answer it."""

from __future__ import annotations

from collections.abc import Iterable

from bridge.sip.endpoint_context import EndpointContext
from bridge.sip.flow import Flow
from bridge.sip.message import SipRequest
from bridge.sip.reply import ReplyWriter
from bridge.sip.server_transaction import ServerTransaction


class IncomingRequest:
    """Answers go through the transaction, so that they are replayed and, for INVITE, repeated."""

    __slots__ = ("_context", "flow", "request", "transaction", "trying_owed", "writer")

    def __init__(
        self,
        context: EndpointContext,
        request: SipRequest,
        flow: Flow,
        transaction: ServerTransaction,
        writer: ReplyWriter,
    ) -> None:
        self._context = context
        self.request = request
        self.flow = flow
        self.transaction = transaction
        self.writer = writer
        self.trying_owed = transaction.invite
        """An INVITE whose 100 was not sent yet: a final response given at once makes it needless."""

    @property
    def answered(self) -> bool:
        """Whether a final response was sent."""
        return self.transaction.answered

    def send_trying(self, now: float) -> None:
        """RFC 3261 section 8.2.6.1: 100 at once, before anybody thinks about the call."""
        if self.trying_owed:
            self.trying_owed = False
            self.transaction.respond(100, self.writer.write(100, None), now)

    def respond(
        self,
        status: int,
        now: float,
        *,
        reason: str = "",
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str = "application/sdp",
        record_route: bool = False,
    ) -> bytes | None:
        """Send a response and return its bytes; None when a final one was sent before."""
        if status < 300:
            self.send_trying(now)
        self.trying_owed = False
        response = self.writer.write(
            status,
            self.transaction.local_tag,
            reason=reason,
            headers=headers,
            body=body,
            content_type=content_type,
            record_route=record_route,
        )
        return response if self.transaction.respond(status, response, now) else None

    def refuse(
        self, status: int, now: float, why: str, detail: str, headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Refuse by the endpoint's own decision, and tell the user so."""
        self.respond(status, now, headers=headers)
        self._context.refuse(self.flow, self.request.method, status, why, detail)
