"""`"Name" <uri>;parameters` (RFC 3261 section 20.10) as a value: From, To, Contact, Route,
P-Asserted-Identity.

Prints itself in the bracketed form, which every reader understands. Imports the grammar and the URIs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from bridge.sip.errors import RemoteProtocolError
from bridge.sip.grammar import (
    WHITESPACE,
    Parameters,
    end_of_quoted,
    is_token,
    parameter,
    parse_parameters,
    print_parameters,
    quote,
    split_outside_quotes,
    unquote,
)
from bridge.sip.uri import Uri, parse_uri


@dataclass(frozen=True, slots=True)
class NameAddress:
    """A name-addr or addr-spec with the header's parameters."""

    uri: Uri
    display_name: str = ""
    """Escapes undone; empty when there is none."""
    parameters: Parameters = ()

    @classmethod
    def parse(cls, text: str) -> NameAddress:
        """Raises `RemoteProtocolError` when `text` is neither form."""
        # A call's From, To, Contact and Record-Route come again with each of its requests.
        return _parse_short(text) if len(text) <= _SHORT else cls._parse(text)

    @classmethod
    def _parse(cls, text: str) -> NameAddress:
        text = text.strip(WHITESPACE)
        name = ""
        rest = text
        if text.startswith('"'):
            end = end_of_quoted(text, 0)
            name = unquote(text[:end])
            rest = text[end:].lstrip(WHITESPACE)
            if not rest.startswith("<"):
                raise RemoteProtocolError("a display name is followed by no address")
        elif "<" in text:
            spelled, _, _ = text.partition("<")
            name = spelled.strip(WHITESPACE)
            # RFC 3261 section 25.1: an unquoted display name is a sequence of tokens; UTF-8 is met in the
            # field.
            if not all(is_token(word) or not word.isascii() for word in name.split()):
                raise RemoteProtocolError("an unquoted display name has characters that need quotes")
            rest = text[len(spelled) :]
        if rest.startswith("<"):
            address, bracket, tail = rest[1:].partition(">")
            tail = tail.lstrip(WHITESPACE)
            if not bracket or (tail and not tail.startswith(";")):
                raise RemoteProtocolError("an address in angle brackets is malformed")
            return cls(parse_uri(address), name, parse_parameters(tail) if tail else ())
        # RFC 3261 section 20.10: without brackets, what follows the semicolon belongs to the header,
        # and an address with a comma or question mark must have brackets.
        address, semicolon, tail = rest.partition(";")
        if "?" in address or "," in address:
            raise RemoteProtocolError("an address with ? or , stands outside angle brackets")
        return cls(parse_uri(address.rstrip(WHITESPACE)), "", parse_parameters(tail) if semicolon else ())

    @classmethod
    def parse_list(cls, values: list[str]) -> tuple[NameAddress, ...]:
        """Repeated headers and comma lists, in order."""
        return tuple(cls.parse(part) for value in values for part in split_outside_quotes(value, ",") if part)

    @property
    def tag(self) -> str | None:
        """The `tag` parameter of From and To."""
        return parameter(self.parameters, "tag") or None

    def parameter(self, name: str) -> str | None:
        """A header parameter's value, empty when it has none, None when it is missing."""
        return parameter(self.parameters, name)

    def __str__(self) -> str:
        name = f"{quote(self.display_name)} " if self.display_name else ""
        return f"{name}<{self.uri}>{print_parameters(self.parameters)}"


_SHORT = 512
"""Characters; longer addresses are not kept, so that strangers cannot fill the memory with them."""


@lru_cache(maxsize=4096)
def _parse_short(text: str) -> NameAddress:
    return NameAddress._parse(text)
