"""SIP requests and responses: immutable, printed as they came, their header values parsed when first asked
for.

Nothing here decides anything. Imports the header values; the parser makes these, the reply writer makes ours.
"""

from __future__ import annotations

from bridge.sip.cseq import CSeq
from bridge.sip.errors import RemoteProtocolError
from bridge.sip.grammar import split_outside_quotes
from bridge.sip.headers import Headers
from bridge.sip.name_address import NameAddress
from bridge.sip.uri import Uri, parse_uri
from bridge.sip.via import Via


class _Message:
    """What requests and responses share. Accessors parse once and raise `RemoteProtocolError` when they
    cannot."""

    __slots__ = (
        "_call_id",
        "_contact",
        "_contact_read",
        "_cseq",
        "_from",
        "_to",
        "_via",
        "body",
        "encoding",
        "headers",
    )

    def __init__(self, headers: Headers, body: bytes, encoding: str) -> None:
        self.headers = headers
        self.body = body
        self.encoding = encoding
        """`utf-8`, or `latin-1` for a head that is not UTF-8: with it the head prints byte for byte as it
        came."""
        self._call_id: str | None = None
        self._cseq: CSeq | None = None
        self._from: NameAddress | None = None
        self._to: NameAddress | None = None
        self._via: Via | None = None
        self._contact: NameAddress | None = None
        self._contact_read = False

    def header(self, name: str) -> str | None:
        """The first field of that name, in any case or compact form, as text."""
        return self.headers.get(name)

    def header_values(self, name: str) -> list[str]:
        """Each field of that name, in order."""
        return self.headers.all(name)

    @property
    def call_id(self) -> str:
        """Call-ID, compared byte for byte."""
        if self._call_id is None:
            value = self.headers.only("Call-ID")
            if not value:
                raise RemoteProtocolError("Call-ID is empty")
            self._call_id = value
        return self._call_id

    @property
    def cseq(self) -> CSeq:
        """CSeq."""
        if self._cseq is None:
            self._cseq = CSeq.parse(self.headers.only("CSeq"))
        return self._cseq

    @property
    def from_(self) -> NameAddress:
        """From."""
        if self._from is None:
            self._from = NameAddress.parse(self.headers.only("From"))
        return self._from

    @property
    def to(self) -> NameAddress:
        """To."""
        if self._to is None:
            self._to = NameAddress.parse(self.headers.only("To"))
        return self._to

    @property
    def via(self) -> Via:
        """The topmost Via."""
        if self._via is None:
            values = self.headers.all("Via")
            if not values:
                raise RemoteProtocolError("Via is missing")
            self._via = Via.parse(split_outside_quotes(values[0], ",")[0])
        return self._via

    @property
    def contact(self) -> NameAddress | None:
        """The first Contact, or None; `*` counts as none."""
        if not self._contact_read:
            values = self.headers.values("Contact")
            self._contact = NameAddress.parse(values[0]) if values and values[0] != "*" else None
            self._contact_read = True
        return self._contact

    @property
    def content_type(self) -> str:
        """The media type without parameters, in lower case; empty when there is none."""
        return (self.headers.get("Content-Type") or "").partition(";")[0].strip().lower()

    def _print(self, start_line: str) -> bytes:
        lines = [start_line]
        lines += [f"{name}: {value}" for name, value in self.headers.items]
        return ("\r\n".join(lines) + "\r\n\r\n").encode(self.encoding, "replace") + self.body


class SipRequest(_Message):
    """A request."""

    __slots__ = ("_uri", "method", "request_uri", "version")

    def __init__(
        self,
        method: str,
        request_uri: str,
        headers: Headers,
        body: bytes = b"",
        *,
        version: str = "SIP/2.0",
        encoding: str = "utf-8",
    ) -> None:
        super().__init__(headers, body, encoding)
        self.method = method
        self.request_uri = request_uri
        """As it came; `uri` is the parsed one."""
        self.version = version
        self._uri: Uri | None = None

    @property
    def uri(self) -> Uri:
        """The Request-URI."""
        if self._uri is None:
            self._uri = parse_uri(self.request_uri)
        return self._uri

    def serialise(self) -> bytes:
        """The bytes to send."""
        return self._print(f"{self.method} {self.request_uri} {self.version}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SipRequest) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple[object, ...]:
        return self.method, self.request_uri, self.version, self.headers, self.body

    def __repr__(self) -> str:
        return f"SipRequest({self.method}, {self.headers!r}, {len(self.body)} bytes)"


class SipResponse(_Message):
    """A response."""

    __slots__ = ("reason", "status")

    def __init__(
        self, status: int, reason: str, headers: Headers, body: bytes = b"", *, encoding: str = "utf-8"
    ) -> None:
        super().__init__(headers, body, encoding)
        self.status = status
        self.reason = reason

    def serialise(self) -> bytes:
        """The bytes to send."""
        return self._print(f"SIP/2.0 {self.status} {self.reason}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SipResponse) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple[object, ...]:
        return self.status, self.reason, self.headers, self.body

    def __repr__(self) -> str:
        return f"SipResponse({self.status}, {self.headers!r}, {len(self.body)} bytes)"


SipMessage = SipRequest | SipResponse
