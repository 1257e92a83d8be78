"""Header fields in order, with their names as RFCs spell them; values stay text until somebody asks for more.

Knows names and compact forms (RFC 3261 section 7.3.3 and the IANA registry), not values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bridge.sip.errors import LocalProtocolError, RemoteProtocolError
from bridge.sip.grammar import is_token, split_outside_quotes

_NAMES = (
    "Accept",
    "Accept-Contact",
    "Accept-Encoding",
    "Accept-Language",
    "Alert-Info",
    "Allow",
    "Allow-Events",
    "Authentication-Info",
    "Authorization",
    "Call-ID",
    "Call-Info",
    "Contact",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Content-Length",
    "Content-Type",
    "CSeq",
    "Date",
    "Diversion",
    "Error-Info",
    "Event",
    "Expires",
    "From",
    "Geolocation",
    "History-Info",
    "Identity",
    "Identity-Info",
    "In-Reply-To",
    "Info-Package",
    "Join",
    "Max-Forwards",
    "MIME-Version",
    "Min-Expires",
    "Min-SE",
    "Organization",
    "P-Access-Network-Info",
    "P-Asserted-Identity",
    "P-Called-Party-ID",
    "P-Charging-Vector",
    "P-Preferred-Identity",
    "Path",
    "Priority",
    "Privacy",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Require",
    "RAck",
    "Reason",
    "Record-Route",
    "Recv-Info",
    "Refer-Sub",
    "Refer-To",
    "Referred-By",
    "Reject-Contact",
    "Remote-Party-ID",
    "Replaces",
    "Reply-To",
    "Request-Disposition",
    "Require",
    "Retry-After",
    "Route",
    "RSeq",
    "Server",
    "Service-Route",
    "Session-Expires",
    "Subject",
    "Subscription-State",
    "Supported",
    "Target-Dialog",
    "Timestamp",
    "To",
    "Unsupported",
    "User-Agent",
    "User-to-User",
    "Via",
    "Warning",
    "WWW-Authenticate",
)

_COMPACT = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "n": "Identity-Info",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}

_CANONICAL = {name.lower(): name for name in _NAMES} | _COMPACT
_KNOWN = frozenset(_NAMES)
SPELLINGS = _CANONICAL | {name: name for name in _NAMES}


def canonical_name(name: str) -> str:
    """The RFC's spelling of a known name or compact form in any case; other names in the peer's own
    spelling."""
    spelled = SPELLINGS.get(name)
    if spelled is not None:
        return spelled
    return _CANONICAL.get(name.lower(), name)


class Headers:
    """An immutable, ordered list of header fields. Equal when the fields are."""

    __slots__ = ("_index", "items")

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        """`items` must have canonical names; `Headers.of` takes any."""
        self.items: tuple[tuple[str, str], ...] = tuple(items)
        self._index: dict[str, list[str]] | None = None

    @classmethod
    def of(cls, *items: tuple[str, str]) -> Headers:
        """Headers that we write; a name or value that would break a line is our own error."""
        for name, value in items:
            if not is_token(name) or "\r" in value or "\n" in value:
                raise LocalProtocolError(f"the header {name!r} cannot be written")
        return cls((canonical_name(name), value) for name, value in items)

    def _indexed(self) -> dict[str, list[str]]:
        if self._index is None:
            index: dict[str, list[str]] = {}
            for name, value in self.items:
                # Unknown names keep the peer's spelling when printed but are found in any case.
                key = name if name in SPELLINGS else name.lower()
                if key in index:
                    index[key].append(value)
                else:
                    index[key] = [value]
            self._index = index
        return self._index

    def get(self, name: str) -> str | None:
        """The first field's value."""
        values = self.all(name)
        return values[0] if values else None

    def all(self, name: str) -> list[str]:
        """Each field's value, in order; do not change the list."""
        index = self._index if self._index is not None else self._indexed()
        found = index.get(name)
        if found is None and name not in _KNOWN:
            canonical = canonical_name(name)
            found = index.get(canonical) or index.get(canonical.lower())
        return found if found is not None else []

    def values(self, name: str) -> list[str]:
        """The values of a list header: repeated fields and comma lists alike, empty ones left out."""
        return [part for value in self.all(name) for part in split_outside_quotes(value, ",") if part]

    def only(self, name: str) -> str:
        """The value of a header that must stand there exactly once (RFC 3261 section 7.3.1)."""
        values = self.all(name)
        if len(values) != 1:
            raise RemoteProtocolError(
                f"{name} {'is missing' if not values else 'stands there more than once'}"
            )
        return values[0]

    def option_tags(self, name: str) -> frozenset[str]:
        """Require, Supported, Allow and the like as a set."""
        return frozenset(self.values(name))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.items)

    def __contains__(self, name: str) -> bool:
        return bool(self.all(name))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self.items == other.items

    def __hash__(self) -> int:
        return hash(self.items)

    def __repr__(self) -> str:
        # Authorization and Identity values are secrets or nearly so: names only.
        return f"Headers({', '.join(name for name, _ in self.items)})"
