"""One caller's dialog: builds each of its requests as text, remembers tags and sequence numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.support.sip.received import Received

OFFER = (
    b"v=0\r\no=caller 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n"
    b"m=audio 20000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
)
ANSWER = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0\r\n"
)

Headers = tuple[tuple[str, str], ...]


@dataclass
class Caller:
    """A UAC's side of one call."""

    call_id: str = "call-1@198.51.100.7"
    tag: str = "caller-tag"
    to_tag: str = ""
    cseq: int = 0
    target: str = "sip:+15551230001@trunk.example.com"
    contact: str = "<sip:caller@198.51.100.7:5060>"
    via: str = "SIP/2.0/UDP 198.51.100.7:5060;rport"
    branches: int = field(default=0)
    invite_cseq: int = 0
    invite_branch: str = ""

    def request(
        self,
        method: str,
        *,
        headers: Headers = (),
        body: bytes = b"",
        content_type: str = "application/sdp",
        cseq: int | None = None,
        branch: str | None = None,
        to_tag: str | None = None,
        contact: bool = True,
        content_length: bool = True,
    ) -> bytes:
        """A request with the next sequence number and a new branch unless they are given."""
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        if branch is None:
            self.branches += 1
            branch = f"z9hG4bK-{self.tag}-{self.branches}"
        tag = self.to_tag if to_tag is None else to_tag
        lines = [
            f"{method} {self.target} SIP/2.0",
            f"Via: {self.via};branch={branch}",
            "Max-Forwards: 70",
            f'From: "A Caller" <sip:+15557654321@carrier.example.net>;tag={self.tag}',
            "To: <sip:+15551230001@trunk.example.com>" + (f";tag={tag}" if tag else ""),
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq} {method}",
        ]
        if contact:
            lines.append(f"Contact: {self.contact}")
        lines += [f"{name}: {value}" for name, value in headers]
        if body:
            lines.append(f"Content-Type: {content_type}")
        if content_length:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode() + body

    def invite(self, *, headers: Headers = (), body: bytes = OFFER, branch: str | None = None) -> bytes:
        """INVITE or re-INVITE."""
        if branch is None:
            self.branches += 1
            branch = f"z9hG4bK-{self.tag}-{self.branches}"
        self.invite_branch = branch
        data = self.request("INVITE", headers=headers, body=body, branch=branch)
        self.invite_cseq = self.cseq
        return data

    def ack(self, *, body: bytes = b"") -> bytes:
        """The ACK of a 2xx: a transaction of its own."""
        return self.request("ACK", cseq=self.invite_cseq, body=body)

    def ack_refusal(self, response: Received) -> bytes:
        """The ACK of a 3xx to 6xx: in the INVITE's transaction."""
        cseq, branch = self.invite_cseq, self.invite_branch
        return self.request("ACK", cseq=cseq, branch=branch, to_tag=response.to_tag)

    def cancel(self, *, headers: Headers = ()) -> bytes:
        """CANCEL of the INVITE."""
        return self.request(
            "CANCEL", cseq=self.invite_cseq, branch=self.invite_branch, headers=headers, contact=False
        )

    def bye(self, *, headers: Headers = ()) -> bytes:
        """BYE."""
        return self.request("BYE", headers=headers, contact=False)

    def response(self, request: Received, status: int, reason: str = "OK", headers: Headers = ()) -> bytes:
        """Our answer to a request of the endpoint's."""
        lines = [f"SIP/2.0 {status} {reason}"]
        lines += [f"Via: {via}" for via in request.all("Via")]
        lines += [f"{name}: {request.header(name)}" for name in ("From", "To", "Call-ID", "CSeq")]
        lines += [f"{name}: {value}" for name, value in headers]
        return "\r\n".join([*lines, "Content-Length: 0", "", ""]).encode()
