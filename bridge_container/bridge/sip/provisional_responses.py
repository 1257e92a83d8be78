"""180 and 183 of one INVITE, reliable ones included (RFC 3262): repeated until their PRACK comes, one at a
time.

Sends through the INVITE's transaction. What waits for a PRACK, such as the 200 behind a 183 with an answer,
waits here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from bridge.sip.cseq import RAck
from bridge.sip.errors import RemoteProtocolError
from bridge.sip.incoming_request import IncomingRequest
from bridge.sip.request_checks import ALLOW
from bridge.sip.timers import T1, TIMEOUT, Timer, Timers


class ProvisionalResponses:
    """Everything between 100 and the final response."""

    def __init__(
        self,
        invite: IncomingRequest,
        timers: Timers,
        first_number: int,
        headers: Iterable[tuple[str, str]],
        on_timeout: Callable[[float], None],
    ) -> None:
        """`on_timeout(now)` runs when no PRACK came in 64*T1; `first_number` is the first RSeq."""
        # RFC 3262 section 3: reliable when the peer requires it; when it merely could, plain ones do.
        self.reliable = "100rel" in invite.request.headers.option_tags("Require")
        self.answered = False
        """An SDP answer went out reliably and its PRACK came: the 200 carries none."""
        self._invite = invite
        self._timers = timers
        self._headers = (*headers, ALLOW)
        self._on_timeout = on_timeout
        self._number = first_number
        self._waiting: deque[Callable[[float], None]] = deque()
        self._response: bytes | None = None
        self._has_answer = False
        self._interval = T1
        self._deadline = 0.0
        self._repeat: Timer | None = None

    def ring(self, now: float, sdp: bytes | None) -> None:
        """180, or 183 with SDP; after the one that still waits for its PRACK."""
        if self._response is not None:
            self._waiting.append(lambda then: self.ring(then, sdp))
            return
        status = 183 if sdp else 180
        body = sdp or b""
        if not self.reliable:
            self._invite.respond(status, now, headers=self._headers, body=body, record_route=True)
            return
        headers = (*self._headers, ("Require", "100rel"), ("RSeq", str(self._number)))
        self._response = self._invite.respond(status, now, headers=headers, body=body, record_route=True)
        self._has_answer = sdp is not None
        self._interval = T1
        self._deadline = now + TIMEOUT
        self._repeat = self._timers.start(now + T1, self._repeat_response)

    def when_acknowledged(self, action: Callable[[float], None], now: float) -> None:
        """Run `action` now, or once the PRACK that is waited for came (RFC 3262 section 3)."""
        if self._response is None:
            action(now)
        else:
            self._waiting.append(action)

    def receive_prack(self, incoming: IncomingRequest, now: float) -> None:
        """200 for the response that waits, 481 for any other (RFC 3262 section 3)."""
        request = incoming.request
        try:
            acknowledged = RAck.parse(request.headers.only("RAck"))
        except RemoteProtocolError as error:
            incoming.refuse(400, now, "malformed", error.detail)
            return
        if self._response is None or acknowledged != RAck(self._number, self._invite.request.cseq):
            incoming.refuse(481, now, "unknown_transaction", "RAck names no response that waits")
            return
        self.stop()
        self._number += 1
        self.answered = self.answered or self._has_answer
        if request.body:
            incoming.refuse(488, now, "offer_in_prack", "an offer in PRACK is not taken")
        else:
            incoming.respond(200, now)
        while self._waiting and self._response is None:
            self._waiting.popleft()(now)

    def stop(self) -> None:
        """Repeat no more."""
        if self._repeat is not None:
            self._repeat.cancel()
        self._repeat = self._response = None

    def _repeat_response(self, now: float) -> None:
        if now >= self._deadline:
            self.stop()
            self._waiting.clear()
            self._on_timeout(now)
        elif self._response is not None:
            self._invite.transaction.send_again(self._response)
            self._interval *= 2  # RFC 3262 section 3: doubled, without the cap of T2
            deadline = min(now + self._interval, self._deadline)
            self._repeat = self._timers.start(deadline, self._repeat_response)
