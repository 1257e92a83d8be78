"""All transactions of an endpoint: matching (RFC 3261 sections 17.1.3 and 17.2.3), creation and
forgetting."""

from __future__ import annotations

from collections.abc import Callable

from bridge.sip.client_transaction import ClientTransaction
from bridge.sip.endpoint_context import EndpointContext
from bridge.sip.flow import Flow
from bridge.sip.incoming_request import IncomingRequest
from bridge.sip.message import SipRequest, SipResponse
from bridge.sip.reply import ReplyWriter, response_flow
from bridge.sip.server_transaction import ServerTransaction
from bridge.sip.via import MAGIC_COOKIE

TransactionKey = tuple[str, ...]


def server_key(request: SipRequest, method: str) -> TransactionKey:
    """What identifies the transaction of `method` (INVITE for ACK and CANCEL) that `request` belongs to."""
    via = request.via
    if via.branch.startswith(MAGIC_COOKIE) and via.branch != MAGIC_COOKIE:
        return via.branch, via.host, str(via.port), method
    # RFC 3261 section 17.2.3, second half: RFC 2543 peers. The To tag is left out, since ACK has ours.
    tag = request.from_.tag or ""
    return request.request_uri, tag, request.call_id, str(request.cseq.number), str(via), method


def merge_key(request: SipRequest) -> TransactionKey:
    """What copies of one request over different paths share (RFC 3261 section 8.2.2.2)."""
    return request.from_.tag or "", request.call_id, str(request.cseq)


class TransactionLayer:
    """Finds and makes transactions."""

    def __init__(self, context: EndpointContext) -> None:
        self._context = context
        self._servers: dict[TransactionKey, ServerTransaction] = {}
        self._clients: dict[tuple[str, str], ClientTransaction] = {}
        self._merges: dict[TransactionKey, TransactionKey] = {}

    def __len__(self) -> int:
        return len(self._servers) + len(self._clients)

    def find(self, key: TransactionKey) -> ServerTransaction | None:
        """The transaction under that key."""
        return self._servers.get(key)

    def is_merged(self, request: SipRequest) -> bool:
        """Whether a transaction with the same From tag, Call-ID and CSeq goes on (call before `open`)."""
        return merge_key(request) in self._merges

    def open(self, request: SipRequest, flow: Flow, key: TransactionKey, local_tag: str) -> IncomingRequest:
        """A new server transaction."""
        context = self._context
        target = response_flow(request, flow)
        merge = merge_key(request)

        def forget() -> None:
            self._servers.pop(key, None)
            if self._merges.get(merge) == key:
                del self._merges[merge]

        transaction = ServerTransaction(
            invite=request.method == "INVITE",
            reliable=flow.transport.reliable,
            local_tag=local_tag,
            timers=context.timers,
            send=lambda data: context.transmit(target, data),
            on_end=forget,
        )
        writer = ReplyWriter(request, flow, context.settings.server)
        self._servers[key] = transaction
        self._merges.setdefault(merge, key)
        return IncomingRequest(context, request, flow, transaction, writer)

    def send(
        self,
        request: SipRequest,
        flow: Flow,
        now: float,
        *,
        on_response: Callable[[SipResponse, float], None],
        on_timeout: Callable[[float], None],
        acknowledge: Callable[[SipResponse], bytes] | None = None,
        on_end: Callable[[], None] | None = None,
    ) -> None:
        """Send a request of ours in a client transaction."""
        context = self._context
        key = request.via.branch, request.method

        def forget() -> None:
            self._clients.pop(key, None)
            if on_end is not None:
                on_end()

        transaction = ClientTransaction(
            request.serialise(),
            invite=request.method == "INVITE",
            reliable=flow.transport.reliable,
            timers=context.timers,
            send=lambda data: context.transmit(flow, data),
            acknowledge=acknowledge,
            on_response=on_response,
            on_timeout=on_timeout,
            on_end=forget,
        )
        self._clients[key] = transaction
        transaction.start(now)

    def receive_response(self, response: SipResponse, now: float) -> bool:
        """Hand a response to its transaction; False when there is none."""
        transaction = self._clients.get((response.via.branch, response.cseq.method))
        if transaction is None:
            return False
        transaction.receive(response, now)
        return True
