"""The phone's SIP messages: what a plain phone sends and reads, by RFC 3261, 7616 and 4566. Pure.

Independent of the bridge's own SIP core, so that a fault in one does not hide in the other.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

_PARAMETER = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')
HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256, "SHA-512-256": lambda: hashlib.new("sha512_256")}


@dataclass(frozen=True)
class Message:
    """A request or response that came in."""

    start: str
    headers: Sequence[tuple[str, str]]
    body: str

    @classmethod
    def parse(cls, data: bytes) -> Message:
        """Read a datagram; raises ValueError for what is no SIP message."""
        head, _, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
        start, *lines = head.split("\r\n")
        if "SIP/2.0" not in start:
            raise ValueError("no SIP message")
        headers = [
            (name.strip().lower(), value.strip())
            for name, _, value in (line.partition(":") for line in lines)
        ]
        return cls(start, headers, body)

    @property
    def status(self) -> int:
        """A response's status; 0 for a request."""
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0") else 0

    @property
    def method(self) -> str:
        """A request's method, or the one that a response is to."""
        return self.header("cseq").split()[1] if self.status else self.start.split()[0]

    def header(self, name: str) -> str:
        """The first value of a header; empty when it is not there."""
        return next((value for key, value in self.headers if key == name), "")

    def values(self, name: str) -> list[str]:
        """All values of a header."""
        return [value for key, value in self.headers if key == name]


def request(method: str, uri: str, headers: Sequence[tuple[str, str]], body: str = "") -> bytes:
    """A request with its Content-Length."""
    lines = [f"{method} {uri} SIP/2.0", *(f"{name}: {value}" for name, value in headers)]
    lines += [f"Content-Length: {len(body.encode())}", "", body]
    return "\r\n".join(lines).encode()


def response(to: Message, status: str, to_tag: str) -> bytes:
    """A response without a body to a request."""
    lines = [f"SIP/2.0 {status}"]
    for name, value in to.headers:
        if name in ("via", "from", "call-id", "cseq"):
            lines.append(f"{name}: {value}")
        elif name == "to":
            lines.append(f"to: {value}" + ("" if "tag=" in value else f";tag={to_tag}"))
    lines += ["Content-Length: 0", "", ""]
    return "\r\n".join(lines).encode()


def authorization(challenge: str, method: str, uri: str, username: str, password: str) -> str:
    """The Authorization header that answers a digest challenge (RFC 7616 section 3.4), or ValueError."""
    parameters = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(challenge)}
    algorithm = parameters.get("algorithm", "MD5")
    if algorithm not in HASHES:
        raise ValueError(f"the phone does not know {algorithm}")

    def digest(text: str) -> str:
        state = HASHES[algorithm]()
        state.update(text.encode())
        return state.hexdigest()

    realm, nonce, cnonce = parameters["realm"], parameters["nonce"], secrets.token_hex(8)
    secret = digest(f"{username}:{realm}:{password}")
    answer = digest(f"{secret}:{nonce}:00000001:{cnonce}:auth:{digest(f'{method}:{uri}')}")
    fields = [
        f'username="{username}"',
        f'realm="{realm}"',
        f'nonce="{nonce}"',
        f'uri="{uri}"',
        f'response="{answer}"',
        f"algorithm={algorithm}",
        "qop=auth",
        "nc=00000001",
        f'cnonce="{cnonce}"',
    ]
    if "opaque" in parameters:
        fields.append(f'opaque="{parameters["opaque"]}"')
    return "Digest " + ", ".join(fields)


def audio_offer(host: str, port: int) -> str:
    """An SDP offer of G.711 u-law and digits."""
    family = "IP6" if ":" in host else "IP4"
    session = secrets.randbelow(1 << 31)
    return "\r\n".join(
        [
            "v=0",
            f"o=phone {session} {session} IN {family} {host}",
            "s=call",
            f"c=IN {family} {host}",
            "t=0 0",
            f"m=audio {port} RTP/AVP 0 101",
            "a=rtpmap:0 PCMU/8000",
            "a=rtpmap:101 telephone-event/8000",
            "a=fmtp:101 0-15",
            "a=ptime:20",
            "a=sendrecv",
            "",
        ]
    )


def audio_address(sdp: str) -> tuple[str, int]:
    """Where an SDP answer wants the audio; raises ValueError without any."""
    connection = re.search(r"^c=IN IP[46] (\S+)", sdp, re.MULTILINE)
    media = re.search(r"^m=audio (\d+) ", sdp, re.MULTILINE)
    if connection is None or media is None or media[1] == "0":
        raise ValueError(f"no audio in the answer: {sdp!r}")
    return connection[1], int(media[1])
