"""A browser's stand-in without codecs: ICE checks, DTLS and SRTP on one plain socket, stepped by its user.

Light enough for hundreds at once, where aiortc's clients would fill the machine, and able to misbehave: it
can lose datagrams, move to another address and fall silent. ICE messages are aioice's, so that the bridge's
own STUN code does not test itself; DTLS and SRTP are the bridge's, tried elsewhere against other stacks.
"""

from __future__ import annotations

import itertools
import secrets
import socket
import struct
from collections.abc import Callable
from contextlib import suppress

from aioice import stun
from aiortc.sdp import SessionDescription

from bridge.adapters.webrtc_dtls import DtlsConnection, DtlsIdentity, DtlsState

_IDENTITY = DtlsIdentity()
_CHECK_INTERVAL = 0.05
_CONSENT_INTERVAL = 2.5
_TIMER_INTERVAL = 0.1


class RawWebRtcClient:
    """One peer. Call `step` every few milliseconds with monotonic seconds."""

    def __init__(
        self,
        *,
        payload_type: int = 111,
        codec: str = "opus/48000/2",
        family: socket.AddressFamily = socket.AddressFamily.AF_INET,
    ) -> None:
        self._family = family
        self.ssrc = secrets.randbits(32)
        self.received: list[bytes] = []
        """Plain RTP and RTCP packets since they were last taken."""
        self.lose: Callable[[bytes], bool] = lambda datagram: False
        """Whether a datagram is lost, asked for both directions."""
        self.checks_answered = 0
        self._fragment, self._password = secrets.token_hex(4), secrets.token_hex(12)
        self._payload_type, self._codec = payload_type, codec
        self._sequence = itertools.count(secrets.randbits(15))
        self._timestamp = secrets.randbits(31)
        self._remote: tuple[str, int] = ("", 0)
        self._remote_fragment = self._remote_password = ""
        self._dtls: DtlsConnection | None = None
        self._next_check = 0.0
        self._next_timer = 0.0
        self._socket = self._open()

    @property
    def connected(self) -> bool:
        """ICE and DTLS are up."""
        return self._dtls is not None and self._dtls.srtp is not None

    @property
    def closed_by_peer(self) -> bool:
        """The bridge said good-bye."""
        return self._dtls is not None and self._dtls.state is DtlsState.CLOSED

    def fileno(self) -> int:
        """Of the socket, for a poller."""
        return self._socket.fileno()

    def offer(self) -> str:
        """A browser-like offer without candidates."""
        fingerprint = _IDENTITY.fingerprints[0]
        return "\r\n".join(
            [
                "v=0",
                f"o=- {secrets.randbits(60)} 2 IN IP4 127.0.0.1",
                "s=-",
                "t=0 0",
                "a=group:BUNDLE 0",
                f"m=audio 9 UDP/TLS/RTP/SAVPF {self._payload_type}",
                "c=IN IP4 0.0.0.0",
                "a=mid:0",
                f"a=ice-ufrag:{self._fragment}",
                f"a=ice-pwd:{self._password}",
                f"a=fingerprint:{fingerprint.algorithm} {fingerprint.value}",
                "a=setup:actpass",
                "a=sendrecv",
                "a=rtcp-mux",
                f"a=rtpmap:{self._payload_type} {self._codec}",
                f"a=rtcp-fb:{self._payload_type} nack",
                f"a=fmtp:{self._payload_type} minptime=10;useinbandfec=1",
                f"a=ssrc:{self.ssrc} cname:raw",
                "",
            ]
        )

    def accept(self, answer: str) -> None:
        """Take the answer; checks begin with the next step."""
        audio = SessionDescription.parse(answer).media[0]
        assert audio.ice is not None
        assert audio.dtls is not None
        self._remote_fragment = audio.ice.usernameFragment or ""
        self._remote_password = audio.ice.password or ""
        candidate = audio.ice_candidates[0]
        self._remote = (candidate.ip, candidate.port)
        self._dtls = DtlsConnection(_IDENTITY, server=False, fingerprints=audio.dtls.fingerprints)

    def step(self, now: float) -> None:
        """Read what came, send checks and repeat lost flights."""
        with suppress(BlockingIOError):
            while True:
                self._receive(self._socket.recv(2048))
        if self._dtls is None:
            return
        if now >= self._next_check:
            self._next_check = now + (_CONSENT_INTERVAL if self.checks_answered else _CHECK_INTERVAL)
            self._write(self.check())
        if now >= self._next_timer:
            self._next_timer = now + _TIMER_INTERVAL
            self._dtls.handle_timeout()
            self._flush()

    def send_audio(self, payload: bytes, *, samples: int = 960) -> bytes:
        """Send one RTP packet; returns it plain."""
        self._timestamp = (self._timestamp + samples) & 0xFFFFFFFF
        sequence = next(self._sequence) & 0xFFFF
        header = struct.pack("!BBHII", 0x80, self._payload_type, sequence, self._timestamp, self.ssrc)
        self.send(header + payload)
        return header + payload

    def send(self, packet: bytes) -> None:
        """Protect and send a plain RTP or RTCP packet."""
        assert self._dtls is not None
        assert self._dtls.srtp is not None
        self._write(self._dtls.srtp.protect(packet))

    def send_raw(self, datagram: bytes) -> None:
        """Send any bytes from this peer's address."""
        self._socket.sendto(datagram, self._remote)

    def move(self) -> None:
        """Go on from another address, as a phone that changes networks."""
        self._socket.close()
        self._socket = self._open()
        self._next_check = 0.0

    def close(self, *, say_good_bye: bool = True) -> None:
        """Free the socket, with or without telling the bridge."""
        if self._dtls is not None and say_good_bye:
            self._dtls.close()
            self._flush()
        self._socket.close()

    def check(self) -> bytes:
        """A connectivity check that nominates, for `send_raw` from anywhere."""
        request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        request.attributes |= {
            "USERNAME": f"{self._remote_fragment}:{self._fragment}",
            "PRIORITY": 2130706431,
            "ICE-CONTROLLING": 1,
            "USE-CANDIDATE": None,
        }
        request.add_message_integrity(self._remote_password.encode())
        return bytes(request)

    def _receive(self, datagram: bytes) -> None:
        if self.lose(datagram) or self._dtls is None or not datagram:
            return
        if datagram[0] <= 3:
            self._receive_stun(stun.parse_message(datagram), self._dtls)
        elif 20 <= datagram[0] <= 63:
            self._dtls.receive(datagram)
        elif self._dtls.srtp is not None:
            self.received += self._dtls.srtp.unprotect([datagram])
            return
        self._flush()

    def _receive_stun(self, message: stun.Message, dtls: DtlsConnection) -> None:
        if message.message_class is stun.Class.RESPONSE:
            self.checks_answered += 1
            if self.checks_answered == 1:
                dtls.start()
        elif message.message_class is stun.Class.REQUEST:
            # A full agent, which the bridge is not, checks us as well.
            response = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, message.transaction_id)
            response.attributes["XOR-MAPPED-ADDRESS"] = self._remote
            response.add_message_integrity(self._password.encode())
            self._write(bytes(response))

    def _flush(self) -> None:
        if self._dtls is not None:
            for datagram in self._dtls.take_datagrams():
                self._write(datagram)

    def _write(self, datagram: bytes) -> None:
        if not self.lose(datagram):
            self._socket.sendto(datagram, self._remote)

    def _open(self) -> socket.socket:
        opened = socket.socket(self._family, socket.SOCK_DGRAM)
        opened.setblocking(False)
        opened.bind(("127.0.0.1" if self._family is socket.AddressFamily.AF_INET else "::1", 0))
        return opened
