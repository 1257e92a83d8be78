"""A SIP phone for demonstrations and tests: calls, answers a digest challenge, talks, listens, hangs up.

A program of its own (`python -m local.demo.phone_program`) in the demonstration; a class in tests. UDP alone.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from dataclasses import dataclass, field

from local.demo.phone_messages import Message, audio_address, audio_offer, authorization, request, response
from local.demo.phone_rtp import PhoneRtp

T1 = 0.5
"""RFC 3261 section 17.1.1.1: the first retransmission, in seconds."""
MAX_FORWARDS = ("Max-Forwards", "70")


@dataclass(frozen=True)
class Account:
    """What a phone is set up with."""

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    caller_number: str = "+15557654321"


@dataclass(frozen=True)
class Answered:
    """How a call came about; seconds from the first INVITE."""

    seconds_to_ring: float | None
    seconds_to_answer: float


class CallRefusedError(Exception):
    """The call was answered with an error."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason


class Phone(asyncio.DatagramProtocol):
    """One phone, for one call at a time."""

    def __init__(self, account: Account, local_host: str = "127.0.0.1") -> None:
        self.account = account
        self.rtp = PhoneRtp()
        self.ended = asyncio.Event()
        """Set when the other side hung up."""
        self._local_host = local_host
        self._transport: asyncio.DatagramTransport | None = None
        self._responses: asyncio.Queue[Message] = asyncio.Queue()
        self._call_id = secrets.token_hex(8)
        self._tag = secrets.token_hex(4)
        self._sequence = 0
        self._invite_branch = ""
        self._dialog_to = ""
        self._remote_target = ""
        self._route: list[str] = []
        self._acknowledgement = b""
        self._uri = ""

    @property
    def call_id(self) -> str:
        """The Call-ID of its calls."""
        return self._call_id

    async def open(self) -> None:
        """Bind the ports of SIP and RTP."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(self._local_host, 0)
        )
        self._port: int = self._transport.get_extra_info("sockname")[1]
        self._rtp_port = await self.rtp.open(self._local_host)

    async def call(self, number: str, timeout: float = 30.0) -> Answered:  # noqa: ASYNC109 - a phone's own patience
        """Call a number and wait for the answer. Raises `CallRefusedError`, or TimeoutError."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._uri = f"sip:{number}@{self.account.host}:{self.account.port}"
        async with asyncio.timeout(timeout):
            final, rang_at = await self._invite("")
            if final.status in (401, 407):
                final, rang_at = await self._invite(self._answer_challenges(final))
        if final.status != 200:
            raise CallRefusedError(final.status, final.start.partition(" ")[2].partition(" ")[2])
        answered = loop.time() - began
        self.rtp.start(audio_address(final.body))
        return Answered(rang_at and rang_at - began, answered)

    async def start_calling(self, number: str) -> None:
        """Send the INVITE and return once it rings: for what happens before the answer. No digest."""
        self._uri = f"sip:{number}@{self.account.host}:{self.account.port}"
        self._send(self._invite_request(""))
        while (await self._responses.get()).status < 180:
            pass

    async def hang_up(self) -> None:
        """End the call with BYE, and wait for its answer."""
        self._sequence += 1
        bye = request("BYE", self._remote_target, [*self._headers("BYE"), *self._routes()])
        await self._transact(bye, "BYE")

    def close(self) -> None:
        """Free the ports."""
        self.rtp.close()
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """Answer requests; hand responses to whoever waits for them."""
        try:
            message = Message.parse(data)
        except ValueError:
            return
        if message.status:
            if message.status == 200 and message.method == "INVITE" and self._acknowledgement:
                self._send(self._acknowledgement)  # our ACK was lost (RFC 3261 section 13.2.2.4)
            else:
                self._responses.put_nowait(message)
        elif message.method == "BYE":
            self._send(response(message, "200 OK", self._tag))
            self.ended.set()
        elif message.method != "ACK":
            self._send(
                response(
                    message, "200 OK" if message.method == "OPTIONS" else "501 Not Implemented", self._tag
                )
            )

    async def _invite(self, credentials: str) -> tuple[Message, float | None]:
        """Send an INVITE; its final response, acknowledged, and when it rang."""
        loop = asyncio.get_running_loop()
        rang_at: float | None = None
        invite = self._invite_request(credentials)
        self._send(invite)
        wait = T1
        while True:
            try:
                message = await asyncio.wait_for(self._responses.get(), wait)
            except TimeoutError:
                wait *= 2
                self._send(invite)
                continue
            if message.method != "INVITE" or message.header("cseq") != f"{self._sequence} INVITE":
                continue
            if message.status < 200:
                wait = 60.0  # RFC 3261 section 17.1.1.2: a provisional response ends retransmission
                if message.status >= 180 and rang_at is None:
                    rang_at = loop.time()
                continue
            self._acknowledge(message)
            return message, rang_at

    def _invite_request(self, credentials: str) -> bytes:
        self._sequence += 1
        headers = self._headers("INVITE")
        self._invite_branch = headers[0][1]
        headers += [
            ("Contact", f"<sip:phone@{self._local_host}:{self._port}>"),
            ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS"),
            ("Content-Type", "application/sdp"),
        ]
        if credentials:
            headers.append(("Authorization", credentials))
        return request("INVITE", self._uri, headers, audio_offer(self._local_host, self._rtp_port))

    def _answer_challenges(self, challenged: Message) -> str:
        """Credentials for the first challenge that the phone can answer; the strongest comes first."""
        challenges = challenged.values("www-authenticate") + challenged.values("proxy-authenticate")
        for challenge in challenges:
            try:
                return authorization(
                    challenge, "INVITE", self._uri, self.account.username, self.account.password
                )
            except ValueError:
                continue
        raise CallRefusedError(challenged.status, "no challenge that the phone can answer")

    def _acknowledge(self, final: Message) -> None:
        if final.status >= 300:
            # RFC 3261 section 17.1.1.3: within the INVITE's transaction, so with its branch.
            headers = [("Via", self._invite_branch), *self._headers("ACK")[1:]]
            headers = [(name, final.header("to") if name == "To" else value) for name, value in headers]
            self._send(request("ACK", self._uri, headers))
            return
        self._dialog_to = final.header("to")
        contact = re.search(r"<([^>]+)>|(\S+)", final.header("contact"))
        self._remote_target = (contact[1] or contact[2]) if contact else self._uri
        self._route = list(reversed(final.values("record-route")))
        self._acknowledgement = request("ACK", self._remote_target, [*self._headers("ACK"), *self._routes()])
        self._send(self._acknowledgement)

    def _headers(self, method: str) -> list[tuple[str, str]]:
        caller = self.account.caller_number
        return [
            (
                "Via",
                f"SIP/2.0/UDP {self._local_host}:{self._port};branch=z9hG4bK{secrets.token_hex(8)};rport",
            ),
            MAX_FORWARDS,
            ("From", f"<sip:{caller}@{self._local_host}>;tag={self._tag}"),
            ("To", self._dialog_to or f"<{self._uri}>"),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._sequence} {method}"),
        ]

    def _routes(self) -> list[tuple[str, str]]:
        return [("Route", route) for route in self._route]

    async def _transact(self, message: bytes, method: str) -> None:
        wait = T1
        for _ in range(5):
            self._send(message)
            try:
                while (await asyncio.wait_for(self._responses.get(), wait)).method != method:
                    pass
            except TimeoutError:
                wait *= 2
            else:
                return
        raise TimeoutError(f"no answer to {method}")

    def _send(self, data: bytes) -> None:
        assert self._transport is not None, "open() first"
        self._transport.sendto(data, (self.account.host, self.account.port))
