"""What an INVITE says of itself: who is called, who calls, and what else the routing may use.

Reads headers, decides nothing and normalises nothing. Imports sip.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.sip.errors import RemoteProtocolError
from bridge.sip.message import SipRequest
from bridge.sip.name_address import NameAddress
from bridge.sip.uri import SipUri, TelUri, Uri

_X_HEADERS_KEPT = 32
_X_HEADER_LENGTH = 1024
_IDENTITIES_READ = 4
_NAME_LENGTH = 128
_NUMBER_LENGTH = 64
_ANONYMOUS_HOST = "anonymous.invalid"
_ANONYMOUS_USERS = frozenset({"anonymous", "restricted", "unavailable", "unknown", "private", ""})


@dataclass(frozen=True, slots=True)
class Arrival:
    """An INVITE's own words. Lengths are capped; nothing here is trusted yet."""

    call_id: str
    """The Call-ID header."""
    called: str
    """The dialled number or user, as spelled."""
    claimed_caller: str
    """From's number; empty for an anonymous caller."""
    claimed_name: str
    asserted_caller: str
    """P-Asserted-Identity's number (RFC 3325): counts only from a trusted peer."""
    asserted_name: str
    private: bool
    """The caller asked that the identity is not shown (RFC 3323)."""
    verstat: str
    """What the carrier says of the caller's number."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """X- headers: lower case, underscores for dashes."""


def read_arrival(request: SipRequest, called_number_headers: tuple[str, ...] = ()) -> Arrival:
    """Read an INVITE; `called_number_headers` are looked at before the Request-URI when they are there.

    Raises `RemoteProtocolError` when a header that is needed is malformed.
    """
    sender = request.from_
    asserted = _asserted(request)
    privacy = {part.strip().lower() for part in (request.header("Privacy") or "").split(";")}
    private = bool(privacy & {"id", "user", "header"})
    identity = asserted or sender
    return Arrival(
        call_id=request.call_id[:256],
        called=_called(request, called_number_headers),
        claimed_caller=_caller_number(sender.uri),
        claimed_name=_display_name(sender),
        asserted_caller="" if asserted is None else _caller_number(asserted.uri),
        asserted_name="" if asserted is None else _display_name(asserted),
        private=private,
        verstat=(_verstat(identity) or _verstat(sender))[:_NUMBER_LENGTH],
        headers=_x_headers(request),
    )


def user_of(uri: Uri) -> str:
    """The number or user that a URI names, without user parameters; empty when it names none."""
    if isinstance(uri, SipUri | TelUri):
        return uri.number[:_NUMBER_LENGTH]
    return ""


def _called(request: SipRequest, headers: tuple[str, ...]) -> str:
    for name in headers:
        value = request.header(name)
        if value is not None:
            called = user_of(NameAddress.parse(value).uri)
            if called:
                return called
    return user_of(request.uri)


def _asserted(request: SipRequest) -> NameAddress | None:
    """RFC 3325 section 9.1: one sip and one tel perhaps; the one that holds a number wins."""
    values = request.headers.values("P-Asserted-Identity")
    addresses = [NameAddress.parse(value) for value in values[:_IDENTITIES_READ]]
    for address in addresses:
        if _caller_number(address.uri).lstrip("+").isdigit():
            return address
    return addresses[0] if addresses else None


def _caller_number(uri: Uri) -> str:
    if isinstance(uri, SipUri) and uri.host.lower() == _ANONYMOUS_HOST:
        return ""
    number = user_of(uri)
    return "" if number.lower() in _ANONYMOUS_USERS else number


def _display_name(address: NameAddress) -> str:
    name = "".join(c for c in address.display_name if c.isprintable())[:_NAME_LENGTH].strip()
    return "" if name.lower() in _ANONYMOUS_USERS else name


def _verstat(address: NameAddress) -> str:
    """RFC 8588 is the token; ATIS-1000074 puts it as a parameter on the number or the URI."""
    uri = address.uri
    if isinstance(uri, TelUri):
        return uri.parameter("verstat") or ""
    if isinstance(uri, SipUri):
        return _user_parameter(uri, "verstat") or uri.parameter("verstat") or ""
    return ""


def _user_parameter(uri: SipUri, name: str) -> str | None:
    try:
        return uri.user_parameter(name)
    except RemoteProtocolError:
        return None


def _x_headers(request: SipRequest) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in request.headers.items:
        if len(name) > 2 and name[:2].lower() == "x-" and len(found) < _X_HEADERS_KEPT:
            found.setdefault(name.lower().replace("-", "_"), value[:_X_HEADER_LENGTH])
    return found
