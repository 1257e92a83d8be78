"""SIP, SIPS and tel URIs (RFC 3261 section 19.1, RFC 3966) as values that parse and print themselves.

Text stays as the peer spelled it, escapes included, so that a URI prints as it came. No lookups, no
comparison rules beyond what an inbound trunk needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address
from urllib.parse import unquote

from bridge.sip.errors import RemoteProtocolError
from bridge.sip.grammar import (
    ALPHANUMERIC,
    HOST,
    Parameters,
    consists_of,
    parameter,
    parse_number,
    parse_parameters,
    print_parameters,
)

_SCHEME = ALPHANUMERIC + "+-."
_USER = ALPHANUMERIC + "-_.!~*'()%&=+$,;?/#"
_PASSWORD = ALPHANUMERIC + "-_.!~*'()%&=+$,"
_HEADERS = ALPHANUMERIC + "-_.!~*'()%&=+$,;:[]/?@"
_HEX = frozenset("0123456789abcdefABCDEF")


def parse_host_port(text: str) -> tuple[str, int | None]:
    """`host[:port]`, the host of an IPv6 reference without its brackets (RFC 5118 section 4.1)."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or "%" in host:
            raise RemoteProtocolError("an IPv6 reference is malformed")
        try:
            IPv6Address(host)
        except AddressValueError:
            raise RemoteProtocolError("an IPv6 reference is malformed") from None
        rest = rest.strip(" \t")
        if rest and not rest.startswith(":"):
            raise RemoteProtocolError("an IPv6 reference is followed by other text")
        colon, port = rest[:1], rest[1:]
    else:
        host, colon, port = text.partition(":")
        host = host.rstrip(" \t")
        if not consists_of(host, HOST):
            raise RemoteProtocolError("a host has characters that no host has")
    if not colon:
        return host, None
    return host, parse_number(port.strip(" \t"), "a port", 65535)


def print_host_port(host: str, port: int | None) -> str:
    """The text that `parse_host_port` reads."""
    reference = f"[{host}]" if ":" in host else host
    return reference if port is None else f"{reference}:{port}"


def _check_escapes(text: str) -> None:
    """RFC 3261 section 25.1, `escaped`: each percent sign is followed by two hexadecimal digits."""
    index = text.find("%")
    while index >= 0:
        if len(text) < index + 3 or text[index + 1] not in _HEX or text[index + 2] not in _HEX:
            raise RemoteProtocolError("a percent sign starts no escape")
        index = text.find("%", index + 3)


@dataclass(frozen=True, slots=True)
class SipUri:
    """A `sip:` or `sips:` URI."""

    host: str
    """A name or address; IPv6 without brackets."""
    user: str | None = None
    """As spelled, escapes and user parameters (`;npdi;rn=...`) included; None when there is no `@`."""
    port: int | None = None
    parameters: Parameters = ()
    headers: str = ""
    """What follows the `?`."""
    password: str | None = None
    scheme: str = "sip"
    """`sip` or `sips`, in lower case."""

    @classmethod
    def parse(cls, text: str) -> SipUri:
        """Raises `RemoteProtocolError` with 400 for a malformed URI and 416 for another scheme."""
        uri = parse_uri(text)
        if not isinstance(uri, SipUri):
            raise RemoteProtocolError("not a SIP URI", status=416)
        return uri

    @property
    def number(self) -> str:
        """The user part without its parameters, escapes undone: `+15551230001` of
        `+15551230001;npdi;rn=...`."""
        return unquote((self.user or "").partition(";")[0])

    def user_parameter(self, name: str) -> str | None:
        """A parameter inside the user part (RFC 3398, RFC 4694, RFC 4904: `npdi`, `rn`, `tgrp`)."""
        _, _, rest = (self.user or "").partition(";")
        return parameter(parse_parameters(rest), name) if rest else None

    def parameter(self, name: str) -> str | None:
        """The value of a URI parameter, empty when it has none, None when it is missing."""
        return parameter(self.parameters, name)

    def __str__(self) -> str:
        user = ""
        if self.user is not None:
            user = f"{self.user}@" if self.password is None else f"{self.user}:{self.password}@"
        address = print_host_port(self.host, self.port)
        query = f"?{self.headers}" if self.headers else ""
        return f"{self.scheme}:{user}{address}{print_parameters(self.parameters)}{query}"


@dataclass(frozen=True, slots=True)
class TelUri:
    """A telephone number (RFC 3966)."""

    number: str
    """As spelled, visual separators included; global numbers start with `+`."""
    parameters: Parameters = ()

    def parameter(self, name: str) -> str | None:
        """The value of a parameter such as `phone-context`, empty when it has none, None when it is
        missing."""
        return parameter(self.parameters, name)

    def __str__(self) -> str:
        return f"tel:{self.number}{print_parameters(self.parameters)}"


@dataclass(frozen=True, slots=True)
class OtherUri:
    """A URI of any other scheme, which the core passes on but does not read."""

    scheme: str
    rest: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.rest}"


Uri = SipUri | TelUri | OtherUri


def parse_uri(text: str) -> Uri:
    """A URI of any scheme; raises `RemoteProtocolError` when it is malformed."""
    spelled, colon, rest = text.partition(":")
    scheme = spelled.lower()
    if scheme in ("sip", "sips"):
        return _parse_sip_uri(scheme, rest)
    if not colon or not consists_of(scheme, _SCHEME) or not rest or " " in text or "\t" in text:
        raise RemoteProtocolError("a URI is malformed")
    if scheme == "tel":
        number, _, parameters = rest.partition(";")
        if not consists_of(number, "0123456789abcdefABCDEF*#+-.()"):
            raise RemoteProtocolError("a tel URI has no number")
        return TelUri(number, parse_parameters(parameters))
    return OtherUri(spelled, rest)


def _parse_sip_uri(scheme: str, rest: str) -> SipUri:
    user: str | None
    userinfo, at, address = rest.partition("@")
    password: str | None = None
    if at:
        user, colon, secret = userinfo.partition(":")
        password = secret if colon else None
        if not consists_of(user, _USER) or (password and not consists_of(password, _PASSWORD)):
            raise RemoteProtocolError("a URI's user part is malformed")
        if "%" in userinfo:
            _check_escapes(userinfo)
    else:
        user, address = None, rest
    address, _, headers = address.partition("?")
    if headers and not consists_of(headers, _HEADERS):
        raise RemoteProtocolError("a URI's headers are malformed")
    host_port, semicolon, raw_parameters = address.partition(";")
    host, port = parse_host_port(host_port)
    parameters: Parameters = ()
    if semicolon:
        if not consists_of(raw_parameters, _PARAMETERS):
            raise RemoteProtocolError("a URI's parameters are malformed")
        parameters = parse_parameters(raw_parameters)
    return SipUri(host, user, port, parameters, headers, password, scheme)


_PARAMETERS = ALPHANUMERIC + "-_.!~*'()%[]/:&+$;=@,"
