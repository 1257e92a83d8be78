"""An ICE-lite agent for one peer (RFC 8445 section 2.5): it answers checks and follows nominations.

It sends no checks of its own, so it needs no remote candidates, no timers and no sockets: the browser, always
controlling towards a lite agent, finds the path. An address counts only after a check from it proved to know
our password; media from any other address is not the peer's. Consent (RFC 7675) is the peer's own checks,
which go on for as long as it lives. Imports `webrtc_stun` alone.
"""

from __future__ import annotations

import secrets
from typing import Any

from bridge.adapters.webrtc_stun import BindingRequest, binding_error, binding_success

Address = tuple[Any, ...]
"""A socket address: (host, port) for IPv4, (host, port, flow, scope) for IPv6."""

MAXIMUM_ADDRESSES = 16
"""Addresses that one peer may prove; the oldest unselected one is forgotten beyond."""


class IceLiteAgent:
    """Credentials, proven addresses and the selected one."""

    def __init__(self) -> None:
        # RFC 8445 section 5.3: at least 24 and 128 random bits of ice-char; hexadecimal digits are ice-char.
        self.fragment = secrets.token_hex(8)
        self.password = secrets.token_hex(16)
        self.remote_fragment = ""
        """The peer's fragment from its description; until it is known no check is authentic."""
        self.addresses: list[Address] = []
        self.selected: Address | None = None
        """Where we send: the address nominated last, or the first proven one."""

    def receive_check(self, request: BindingRequest, address: Address) -> bytes | None:
        """The response to a check, or None when it is not authentic.

        Silence rather than RFC 8489's 401 keeps the socket from being a mirror for forged source addresses.
        """
        if not self.remote_fragment or request.remote_fragment != self.remote_fragment:
            return None
        if not request.authentic(self.password):
            return None
        if request.unknown:
            return binding_error(request, 420, "Unknown Attribute", self.password)
        if request.controlled:
            # RFC 8445 section 7.3.1.1: a lite agent is never controlling towards a full one.
            return binding_error(request, 487, "Role Conflict", self.password)
        self._prove(address)
        if request.use_candidate or self.selected is None:
            self.selected = address
        return binding_success(request, address[0], address[1], self.password)

    def _prove(self, address: Address) -> None:
        if address in self.addresses:
            return
        self.addresses.append(address)
        if len(self.addresses) > MAXIMUM_ADDRESSES:
            forgotten = next(known for known in self.addresses if known != self.selected)
            self.addresses.remove(forgotten)
