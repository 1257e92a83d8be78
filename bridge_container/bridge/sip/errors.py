"""The SIP core's two errors, named after the guilty side: the peer, or our own code.

A refusal that belongs to the protocol (401, 486, ...) is no error but a response.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.sip.message import SipRequest


class RemoteProtocolError(Exception):
    """The peer sent something that breaks the protocol.

    `status` is the response that fits, when the message can be answered at all; `request` is set when enough
    of a request was understood to answer it.
    """

    def __init__(self, detail: str, status: int = 400, request: SipRequest | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.request = request


class LocalProtocolError(Exception):
    """Our own code asked the core for something that the protocol does not allow."""
