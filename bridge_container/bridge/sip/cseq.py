"""The CSeq and RAck headers' values (RFC 3261 section 20.16, RFC 3262 section 7.2)."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.sip.errors import RemoteProtocolError
from bridge.sip.grammar import is_token, parse_number

_LIMIT = 2**31 - 1  # RFC 3261 section 8.1.1.5: the sequence number is less than 2**31.


@dataclass(frozen=True, slots=True)
class CSeq:
    """A sequence number and the method that it counts."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        """Raises `RemoteProtocolError`."""
        pieces = text.split()
        if len(pieces) != 2 or not is_token(pieces[1]):
            raise RemoteProtocolError("CSeq is malformed")
        return cls(parse_number(pieces[0], "CSeq", _LIMIT), pieces[1])

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


@dataclass(frozen=True, slots=True)
class RAck:
    """Which reliable provisional response a PRACK acknowledges."""

    response_number: int
    cseq: CSeq

    @classmethod
    def parse(cls, text: str) -> RAck:
        """Raises `RemoteProtocolError`."""
        number, _, cseq = text.strip().partition(" ")
        return cls(parse_number(number, "RAck"), CSeq.parse(cseq))

    def __str__(self) -> str:
        return f"{self.response_number} {self.cseq}"
