"""Session descriptions (RFC 8866) as values that parse and print themselves.

Reads leniently what the field sends, keeps what it does not know, prints strictly. No negotiation: that is
`offer_answer`'s. Imports nothing of ours but the errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

from bridge.sip.errors import RemoteProtocolError

_LINES = 512
_MEDIA = 32

Attributes = tuple[tuple[str, str | None], ...]
"""`a=name` and `a=name:value` lines in order."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The `o=` line: who made the description, and its version."""

    username: str = "-"
    session_id: int = 0
    version: int = 0
    address: str = "127.0.0.1"

    def __str__(self) -> str:
        return (
            f"{self.username} {self.session_id} {self.version} IN {address_type(self.address)} {self.address}"
        )


@dataclass(frozen=True, slots=True)
class MediaDescription:
    """One `m=` line and what belongs to it."""

    media: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    address: str | None = None
    """Its own `c=` line's address."""
    attributes: Attributes = ()

    def attribute(self, name: str) -> str | None:
        """The first value of an attribute, empty for a property, None when it is missing."""
        return _attribute(self.attributes, name)

    def attribute_values(self, name: str) -> list[str]:
        """All values of an attribute."""
        return [value or "" for key, value in self.attributes if key == name]

    def lines(self) -> list[str]:
        """The lines that make it up."""
        lines = [f"m={self.media} {self.port} {self.protocol} {' '.join(self.formats)}"]
        if self.address is not None:
            lines.append(f"c=IN {address_type(self.address)} {self.address}")
        return lines + _attribute_lines(self.attributes)


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """A whole description."""

    origin: Origin
    media: tuple[MediaDescription, ...]
    name: str = "-"
    address: str | None = None
    """The session's `c=` line's address."""
    attributes: Attributes = ()

    @classmethod
    def parse(cls, text: bytes) -> SessionDescription:
        """Raises `RemoteProtocolError` for what cannot be read as a description."""
        return _Reader().read(text)

    def attribute(self, name: str) -> str | None:
        """The first value of a session attribute, empty for a property, None when it is missing."""
        return _attribute(self.attributes, name)

    def address_of(self, media: MediaDescription) -> str | None:
        """Where `media` is received: its own address or the session's."""
        return media.address if media.address is not None else self.address

    def serialise(self) -> bytes:
        """The body to send."""
        lines = ["v=0", f"o={self.origin}", f"s={self.name}"]
        if self.address is not None:
            lines.append(f"c=IN {address_type(self.address)} {self.address}")
        lines += ["t=0 0", *_attribute_lines(self.attributes)]
        for media in self.media:
            lines += media.lines()
        return ("\r\n".join(lines) + "\r\n").encode()


def address_type(address: str) -> str:
    """`IP4` or `IP6`."""
    return "IP6" if ":" in address else "IP4"


def _attribute(attributes: Attributes, name: str) -> str | None:
    for key, value in attributes:
        if key == name:
            return value or ""
    return None


def _attribute_lines(attributes: Attributes) -> list[str]:
    return [f"a={name}" if value is None else f"a={name}:{value}" for name, value in attributes]


def _number(text: str, what: str, limit: int) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 20 or int(text) > limit:
        raise RemoteProtocolError(f"SDP: {what} is no number up to {limit}")
    return int(text)


class _Reader:
    """Collects lines into a description."""

    def __init__(self) -> None:
        self._origin: Origin | None = None
        self._name = "-"
        self._address: str | None = None
        self._attributes: list[tuple[str, str | None]] = []
        self._media: list[MediaDescription] = []
        self._media_address: str | None = None

    def read(self, text: bytes) -> SessionDescription:
        lines = text.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n", _LINES)
        if len(lines) > _LINES:
            raise RemoteProtocolError("SDP: too many lines")
        if lines[0].rstrip() != "v=0":
            raise RemoteProtocolError("SDP: no v=0 line comes first")
        session: tuple[tuple[str, str | None], ...] | None = None
        for line in lines[1:]:
            if line.startswith("m="):
                if session is None:
                    session = tuple(self._attributes)
                self._close_media()
                self._open_media(line[2:])
            elif line.strip():
                self._read_line(line.rstrip())
        if session is None:
            session = tuple(self._attributes)
        self._close_media()
        if self._origin is None:
            raise RemoteProtocolError("SDP: no o= line")
        return SessionDescription(self._origin, tuple(self._media), self._name, self._address, session)

    def _read_line(self, line: str) -> None:
        if line[1:2] != "=" or not line[0].islower():
            raise RemoteProtocolError("SDP: a line is not of the form x=...")
        kind, value = line[0], line[2:]
        if kind == "a":
            name, colon, text = value.partition(":")
            if not name or not name.isprintable():
                raise RemoteProtocolError("SDP: an attribute has no name")
            self._attributes.append((name, text.strip() if colon else None))
        elif kind == "c":
            address = _connection(value)
            if self._media:
                self._media_address = address
            else:
                self._address = address
        elif kind == "o" and self._origin is None:
            self._origin = _origin(value)
        elif kind == "s":
            self._name = value

    def _open_media(self, value: str) -> None:
        if len(self._media) >= _MEDIA:
            raise RemoteProtocolError("SDP: too many media")
        pieces = value.split()
        if len(pieces) < 4:
            raise RemoteProtocolError("SDP: an m= line is too short")
        port, _, _ = pieces[1].partition("/")
        self._media.append(
            MediaDescription(pieces[0], _number(port, "a port", 65535), pieces[2], tuple(pieces[3:]))
        )
        self._attributes = []
        self._media_address = None

    def _close_media(self) -> None:
        if self._media:
            last = self._media[-1]
            self._media[-1] = MediaDescription(
                last.media,
                last.port,
                last.protocol,
                last.formats,
                self._media_address,
                tuple(self._attributes),
            )


def _origin(value: str) -> Origin:
    pieces = value.split()
    if len(pieces) != 6 or pieces[3] != "IN":
        raise RemoteProtocolError("SDP: the o= line is malformed")
    limit = 2**64 - 1
    session_id, version = _number(pieces[1], "o= session", limit), _number(pieces[2], "o= version", limit)
    return Origin(pieces[0], session_id, version, pieces[5])


def _connection(value: str) -> str:
    pieces = value.split()
    if len(pieces) != 3 or pieces[0] != "IN" or pieces[1] not in ("IP4", "IP6"):
        raise RemoteProtocolError("SDP: a c= line is malformed")
    address, _, _ = pieces[2].partition("/")
    version = _ip_version(address)
    if version is not None and (version == 6) != (pieces[1] == "IP6"):
        raise RemoteProtocolError("SDP: a c= line's address is of the other family")
    return address


@lru_cache(maxsize=1024)
def _ip_version(address: str) -> int | None:
    """4 or 6, kept for the media gateways that come again and again; None for a host name: then media is
    learned from the first packets."""
    try:
        return ip_address(address).version
    except ValueError:
        return None
