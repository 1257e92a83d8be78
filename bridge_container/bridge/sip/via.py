"""The Via header's value (RFC 3261 section 20.42, RFC 3581). Imports the grammar and the URIs' host rules."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.sip.errors import RemoteProtocolError
from bridge.sip.grammar import (
    WHITESPACE,
    Parameters,
    is_token,
    parameter,
    parse_parameters,
    print_parameters,
)
from bridge.sip.uri import parse_host_port, print_host_port

MAGIC_COOKIE = "z9hG4bK"
"""RFC 3261 section 8.1.1.7: marks a branch as unique over space and time."""


@dataclass(frozen=True, slots=True)
class Via:
    """One hop that a request took."""

    transport: str
    """As spelled: `UDP`, `TCP`, `TLS`, or one that we do not speak."""
    host: str
    """sent-by; IPv6 without brackets."""
    port: int | None = None
    parameters: Parameters = ()

    @classmethod
    def parse(cls, text: str) -> Via:
        """One value, without commas outside of quotes; raises `RemoteProtocolError`."""
        name, _, rest = text.partition("/")
        version, _, rest = rest.partition("/")
        pieces = rest.strip(WHITESPACE).replace("\t", " ").split(" ", 1)
        if name.strip(WHITESPACE).upper() != "SIP" or version.strip(WHITESPACE) != "2.0" or len(pieces) != 2:
            raise RemoteProtocolError("a Via has no SIP/2.0 transport and sent-by")
        transport, rest = pieces
        if not is_token(transport):
            raise RemoteProtocolError("a Via's transport is malformed")
        sent_by, semicolon, tail = rest.partition(";")
        host, port = parse_host_port(sent_by.strip(WHITESPACE))
        return cls(transport, host, port, parse_parameters(tail) if semicolon else ())

    @property
    def branch(self) -> str:
        """The branch, empty when it is missing (RFC 2543)."""
        return parameter(self.parameters, "branch") or ""

    @property
    def wants_rport(self) -> bool:
        """RFC 3581: answer to the port that the request came from."""
        return parameter(self.parameters, "rport") is not None

    def __str__(self) -> str:
        address = print_host_port(self.host, self.port)
        return f"SIP/2.0/{self.transport} {address}{print_parameters(self.parameters)}"
