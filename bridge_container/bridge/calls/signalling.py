"""The port to SIP signalling: the decisions that call control takes, without a clock or a socket.

The adapter that drives `bridge.sip.endpoint` implements it: it adds the time, and sends what comes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Signalling(Protocol):
    """Decisions about INVITE dialogs; `call` is the endpoint's name from `InviteReceived`.

    A decision that comes too late, for a dialog that is already over, has no effect and is no error: the
    event that says so is on its way.
    """

    def challenge(self, call: str, challenges: Sequence[str]) -> None:
        """Answer 401 with one WWW-Authenticate header each; this `call` is over."""
        ...

    def drop(self, call: str) -> None:
        """Forget the INVITE without any answer."""
        ...

    def ring(self, call: str, sdp: bytes | None = None) -> None:
        """Answer 180, or 183 with SDP for early media."""
        ...

    def answer(self, call: str, sdp: bytes) -> None:
        """Answer 200."""
        ...

    def reject(self, call: str, status: int, *, reason: str = "", retry_after: int | None = None) -> None:
        """Answer a final failure; `reason` is the reason phrase."""
        ...

    def hang_up(self, call: str, reason: str = "") -> None:
        """End the dialog; `reason` is the value of a Reason header (RFC 3326)."""
        ...

    def accept_reinvite(self, call: str, sdp: bytes | None) -> None:
        """Answer a re-INVITE or UPDATE with 200."""
        ...

    def reject_reinvite(self, call: str, status: int) -> None:
        """Refuse a re-INVITE or UPDATE; the call goes on as it was."""
        ...

    def transfer(self, call: str, refer_to: str) -> None:
        """Ask the peer to call `refer_to` instead (REFER, RFC 3515)."""
        ...
