"""A message from the endpoint as a peer reads it: plain string splitting, no code of the product."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Received:
    """Start line, headers in order, body."""

    start_line: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    raw: bytes

    @classmethod
    def read(cls, data: bytes) -> Received:
        """Fails the test when the form or the Content-Length is wrong."""
        head, gap, body = data.partition(b"\r\n\r\n")
        assert gap, data
        start_line, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
        headers = []
        for line in lines:
            name, colon, value = line.partition(": ")
            assert colon, line
            assert "\r" not in value
            assert "\n" not in value
            headers.append((name, value))
        received = cls(start_line, tuple(headers), body, data)
        assert received.header("Content-Length") == str(len(body))
        return received

    @property
    def status(self) -> int:
        """The status code; 0 for a request."""
        return int(self.start_line.split(" ")[1]) if self.start_line.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        """The method of a request, or of the request that a response answers."""
        return self.header("CSeq").split(" ")[1]

    def all(self, name: str) -> list[str]:
        """Each value of a header."""
        return [value for key, value in self.headers if key == name]

    def header(self, name: str) -> str:
        """The one value of a header."""
        (value,) = self.all(name)
        return value

    @property
    def to_tag(self) -> str:
        """The tag of To, empty when there is none."""
        return self.header("To").partition(";tag=")[2]
