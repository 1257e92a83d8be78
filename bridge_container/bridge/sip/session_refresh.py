"""Our own session refreshes (RFC 4028 section 7.4): UPDATE where the peer takes it, else a re-INVITE that
changes nothing.

Sent only when the refreshing was left to us: after answering, no re-INVITE goes out without that need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.sip.errors import RemoteProtocolError
from bridge.sip.message import SipResponse
from bridge.sip.request_checks import SUPPORTED
from bridge.sip.session_timer import SessionTerms, session_expires

if TYPE_CHECKING:
    from bridge.sip.invite_call import InviteCall

_RETRY = 1.0  # RFC 3261 section 14.1: up to 2 s for the side that did not choose the Call-ID.


class SessionRefresh:
    """Refreshes one call."""

    def __init__(self, call: InviteCall) -> None:
        self._call = call
        self.inviting = False
        """A re-INVITE of ours is under way: the peer's gets 491."""

    def send(self, now: float) -> None:
        """Refresh, and try again or give up as the answer says."""
        call, terms = self._call, self._call.session_timer.terms
        if terms is None:
            return
        headers = [("Session-Expires", f"{terms.interval};refresher=uac"), SUPPORTED]
        update = "UPDATE" in call.peer_allows
        self.inviting = not update
        call.sender.send(
            "UPDATE" if update else "INVITE",
            now,
            headers=headers,
            body=b"" if update else call.local_description,
            on_response=self._receive_response,
            on_timeout=self._time_out,
        )

    def _receive_response(self, response: SipResponse, now: float) -> None:
        call = self._call
        if response.status < 200 or not call.going_on:
            return
        if response.cseq.method == "INVITE" and response.status < 300:
            # Also for a repeated 200: its ACK was lost (RFC 3261 section 13.2.2.4).
            call.sender.acknowledge(response.cseq.number)
        self.inviting = False
        if response.status < 300:
            call.dialog.refresh_target(response)
            call.session_timer.restart(self._terms(response), now)
        elif response.status in (408, 481):
            # RFC 3261 section 12.2.1.2: the peer knows the dialog no more.
            call.fail("dialog_failed", f"the session refresh got {response.status}", now)
        elif response.status == 491:
            call.session_timer.retry(now + _RETRY)

    def _terms(self, response: SipResponse) -> SessionTerms | None:
        before = self._call.session_timer.terms
        try:
            answered = session_expires(response)
        except RemoteProtocolError:
            return before
        if answered is None or before is None:
            return before
        # In this exchange we are the UAC.
        minimum = self._call.context.settings.minimum_session_interval
        return SessionTerms(max(answered[0], minimum), answered[1] == "uas", before.peer_supports)

    def _time_out(self, now: float) -> None:
        self.inviting = False
        if self._call.going_on:
            self._call.fail("dialog_failed", "the session refresh got no answer", now)
