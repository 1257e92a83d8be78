"""Calls per second of the SIP core alone, on one core: no sockets, no media, no routing.

Run: `python -m benchmarks.sip_core [--calls N] [--no-digest] [--profile]`. One call is INVITE, 401, ACK,
INVITE with credentials, 100, 180, 200, ACK, BYE, 200, with a carrier's header sizes and one offer and answer;
timers run with a virtual clock. The requests are written before the clock starts, so the figure is the
endpoint's work alone.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import time
from collections.abc import Callable

from bridge.sip.digest import Credentials, DigestAuthenticator, Verdict, digest_response
from bridge.sip.endpoint import EndpointSettings, SipEndpoint
from bridge.sip.events import InviteReceived
from bridge.sip.flow import Flow, Transport
from bridge.sip.negotiated_media import LocalMedia, MediaCapabilities, NegotiatedMedia
from bridge.sip.offer_answer import answer_offer

FLOW = Flow(Transport.UDP, "192.0.2.1", 5060, "198.51.100.7", 5060)
CAPABILITIES = MediaCapabilities()
LOCAL = LocalMedia("192.0.2.2", 20000, os.urandom)
URI = "sip:+15551230001@trunk.example.com"
OFFER = (
    "v=0\r\no=carrier 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n"
    "m=audio 20000 RTP/AVP 0 8 9 18 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    "a=rtpmap:9 G722/8000\r\na=rtpmap:18 G729/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    "a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
)


def request(
    method: str, number: int, cseq: int, branch: str, extra: str = "", body: str = "", tag: str = ""
) -> bytes:
    """A request as a carrier writes it."""
    to_tag = f";tag={tag}" if tag else ""
    return (
        f"{method} {URI};user=phone SIP/2.0\r\n"
        "Record-Route: <sip:198.51.100.7;lr;ftag=88261_b772>\r\n"
        f"Via: SIP/2.0/UDP 198.51.100.7:5060;rport;branch=z9hG4bK{branch}.{number}\r\n"
        f"Via: SIP/2.0/UDP 172.18.66.14:5060;rport=5060;received=10.2.3.4;branch=z9hG4bK-inner-{branch}\r\n"
        f'From: "A Caller" <sip:+15557654321@carrier.example.net>;tag=from{number}\r\n'
        f"To: <{URI};user=phone>{to_tag}\r\n"
        f"CSeq: {cseq} {method}\r\n"
        "Max-Forwards: 66\r\n"
        f"Call-ID: {number}-b8f1e9@172.18.66.14\r\n"
        "Contact: <sip:+15557654321@172.18.66.14:5060;transport=udp>\r\n"
        "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, UPDATE\r\n"
        "User-Agent: Carrier Gateway\r\n"
        "X-Call-Sid: CA0123456789abcdef0123456789abcdef\r\n"
        f"{extra}"
        + ("Content-Type: application/sdp\r\n" if body else "")
        + f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def credentials(challenge: str) -> str:
    """An Authorization header for a challenge."""
    asked = Credentials.parse(challenge)
    assert asked is not None
    values = {"username": "trunk", "realm": "trunkline", "nonce": asked.get("nonce"), "uri": URI}
    response = digest_response(
        asked.algorithm,
        password="secret",
        method="INVITE",
        nonce_count="00000001",
        client_nonce="0a4f113b",
        quality="auth",
        **values,
    )
    quoted = ", ".join(f'{name}="{value}"' for name, value in values.items())
    return (
        f'Authorization: Digest {quoted}, response="{response}", algorithm={asked.algorithm}, '
        'qop=auth, nc=00000001, cnonce="0a4f113b"\r\n'
    )


class Load:
    """One endpoint and the calls that it gets."""

    def __init__(self, digest: bool) -> None:
        settings = EndpointSettings({Transport.UDP: ("192.0.2.1", 5060)})
        self.endpoint = SipEndpoint(settings, os.urandom)
        self.authenticator = DigestAuthenticator("trunkline", os.urandom(32))
        self.digest = digest
        self.now = 0.0
        self.busy = 0.0

    def work(self, step: Callable[[], None]) -> None:
        """Count the CPU time of one step of the endpoint's."""
        started = time.process_time()
        step()
        self.endpoint.take_transmissions()
        self.busy += time.process_time() - started

    def receive(self, data: bytes) -> InviteReceived | None:
        """One datagram; the call that it opened."""
        opened: list[InviteReceived] = []

        def step() -> None:
            self.endpoint.receive_datagram(data, FLOW, self.now)
            opened.extend(event for event in self.endpoint.take_events() if isinstance(event, InviteReceived))

        self.work(step)
        return opened[0] if opened else None

    def call(self, number: int) -> None:
        """One whole call."""
        self.now += 0.002
        cseq, extra = 1, ""
        if self.digest:
            first = self.receive(request("INVITE", number, 1, "a", "", OFFER))
            assert first is not None
            challenges = self.authenticator.challenges(self.now)
            self.work(lambda: self.endpoint.challenge(first.call, challenges, self.now))
            self.receive(request("ACK", number, 1, "a", tag=first.call))
            cseq, extra = 2, credentials(challenges[-1])
        invited = self.receive(request("INVITE", number, cseq, "b", extra, OFFER))
        assert invited is not None
        self.work(lambda: self.answer(invited))
        self.receive(request("ACK", number, cseq, "c", tag=invited.call))
        self.receive(request("BYE", number, cseq + 1, "d", tag=invited.call))
        self.work(lambda: self.endpoint.handle_timers(self.now))

    def answer(self, invited: InviteReceived) -> None:
        """What call control asks of the core."""
        if self.digest:
            assert self.authenticator.username(invited.request) == "trunk"
            assert self.authenticator.verify(invited.request, ["secret"], self.now) is Verdict.ACCEPTED
        self.endpoint.ring(invited.call, self.now)
        agreed = answer_offer(invited.offer or b"", CAPABILITIES, LOCAL)
        assert isinstance(agreed, NegotiatedMedia)
        self.endpoint.answer(invited.call, agreed.sdp, self.now)


def main() -> None:
    """Print the figure, or a profile."""
    parser = argparse.ArgumentParser(description="Calls per second of the SIP core")
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--no-digest", action="store_true")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    load = Load(digest=not options.no_digest)
    for number in range(1000):
        load.call(number)
    load.busy = 0.0
    profile = cProfile.Profile()
    if options.profile:
        profile.enable()
    for number in range(1000, 1000 + options.calls):
        load.call(number)
    if options.profile:
        profile.disable()
        pstats.Stats(profile).sort_stats("tottime").print_stats(30)
    else:
        digest = "without digest" if options.no_digest else "with digest"
        each = load.busy / options.calls
        print(f"{options.calls} calls {digest}: {each * 1e6:.0f} us each, {1 / each:.0f} calls/s on one core")


if __name__ == "__main__":
    main()
