"""One UDP socket of an SFU edge and the peer connections behind it: ICE-lite, DTLS and SRTP from the bridge.

Packets are read as they come, on the event loop, and handed to the connection that they belong to: STUN by
the username fragment (RFC 8445), DTLS and SRTP by the address that ICE proved (RFC 7983 tells them apart).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence

from aiortc.rtcdtlstransport import RTCDtlsFingerprint

from bridge.adapters.webrtc_dtls import DtlsConnection, DtlsIdentity, DtlsState
from bridge.adapters.webrtc_ice import Address, IceLiteAgent
from bridge.adapters.webrtc_srtp import is_rtcp
from bridge.adapters.webrtc_stun import StunError, parse_binding_request

RECEIVE_BUFFER = 1 << 21
LONGEST_DATAGRAM = 2048
DTLS_REPEAT_INTERVAL = 0.25


class MediaSocket:
    """Listens on an ephemeral loopback port."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._socket: socket.socket | None = None
        self._by_fragment: dict[str, MediaConnection] = {}
        self._by_address: dict[Address, MediaConnection] = {}
        self.identity = DtlsIdentity()
        self.port = 0

    def open(self) -> None:
        """Bind, and read from now on."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        opened = socket.socket(family, socket.SOCK_DGRAM)
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        opened.bind((self._host, 0))
        self.port = opened.getsockname()[1]
        self._socket = opened
        asyncio.get_running_loop().add_reader(opened, self._read)

    def close(self) -> None:
        """Stop reading and free the port. Closing twice is no error."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    @property
    def candidate(self) -> str:
        """The one candidate of this socket (RFC 8839 section 5.1)."""
        return f"1 1 udp 2130706431 {self._host} {self.port} typ host"

    def register(self, connection: MediaConnection) -> None:
        """Route checks with this connection's fragment to it."""
        self._by_fragment[connection.ice.fragment] = connection

    def forget(self, connection: MediaConnection) -> None:
        """Route nothing to this connection any more."""
        self._by_fragment = {key: each for key, each in self._by_fragment.items() if each is not connection}
        self._by_address = {key: each for key, each in self._by_address.items() if each is not connection}

    def send(self, datagram: bytes, address: Address) -> None:
        """Send, or drop when the kernel has no room: it is UDP."""
        if self._socket is not None:
            try:
                self._socket.sendto(datagram, address)
            except (BlockingIOError, ConnectionError):
                return

    def _read(self) -> None:
        assert self._socket is not None
        while True:
            try:
                datagram, address = self._socket.recvfrom(LONGEST_DATAGRAM)
            except BlockingIOError:
                return
            except ConnectionError:
                continue
            if not datagram:
                continue
            if datagram[0] < 4:
                self._receive_check(datagram, address)
            elif (connection := self._by_address.get(address)) is not None:
                connection.receive(datagram)
            if self._socket is None:
                return

    def _receive_check(self, datagram: bytes, address: Address) -> None:
        try:
            request = parse_binding_request(datagram)
        except StunError:
            return
        connection = self._by_fragment.get(request.local_fragment)
        if connection is None:
            return
        response = connection.ice.receive_check(request, address)
        if response is not None:
            self._by_address[address] = connection
            self.send(response, address)
            connection.path_proven()


class MediaConnection:
    """One peer connection's transport: proven path, DTLS association, SRTP."""

    def __init__(self, media: MediaSocket, receive_rtp: Callable[[bytes], None]) -> None:
        self._media = media
        self._receive_rtp = receive_rtp
        self._dtls: DtlsConnection | None = None
        self._repeat: asyncio.TimerHandle | None = None
        self.ice = IceLiteAgent()
        media.register(self)

    @property
    def connected(self) -> bool:
        """Whether media can flow."""
        return self._dtls is not None and self._dtls.state is DtlsState.CONNECTED

    @property
    def remote_fragment(self) -> str:
        """The peer's ICE username fragment, or empty before it is known."""
        return self.ice.remote_fragment

    def start(self, fragment: str, fingerprints: Sequence[RTCDtlsFingerprint], *, server: bool) -> None:
        """Take what the peer's description says; the DTLS association begins with the first proven path."""
        self.ice.remote_fragment = fragment
        if self._dtls is None:
            self._dtls = DtlsConnection(self._media.identity, server=server, fingerprints=fingerprints)

    def restart_ice(self) -> None:
        """New ICE credentials for the same DTLS association (RFC 8445 section 9)."""
        self.ice = IceLiteAgent()
        self._media.register(self)

    def path_proven(self) -> None:
        """A check was answered: our ClientHello can go out, if we are the client."""
        if self._dtls is not None and self._repeat is None and not self.connected:
            self._dtls.start()
            self._flush()
            self._arm()

    def receive(self, datagram: bytes) -> None:
        """A DTLS or SRTP datagram of the peer."""
        if self._dtls is None:
            return
        if 20 <= datagram[0] <= 63:
            self._dtls.receive(datagram)
            self._flush()
        elif self._dtls.srtp is not None and datagram[0] >= 128:
            for packet in self._dtls.srtp.unprotect((datagram,)):
                if not is_rtcp(packet):
                    self._receive_rtp(packet)

    def send(self, packet: bytes) -> None:
        """Send one plain RTP packet; dropped before the association is up."""
        if self._dtls is not None and self._dtls.srtp is not None and self.ice.selected is not None:
            self._media.send(self._dtls.srtp.protect(packet), self.ice.selected)

    def close(self, *, notify: bool = True) -> None:
        """End the association; `notify` False is a crash that the peer must find out by itself."""
        if self._repeat is not None:
            self._repeat.cancel()
        if self._dtls is not None and notify:
            self._dtls.close()
            self._flush()
        self._media.forget(self)
        self._dtls = None

    def _flush(self) -> None:
        if self._dtls is not None and self.ice.selected is not None:
            for datagram in self._dtls.take_datagrams():
                self._media.send(datagram, self.ice.selected)

    def _arm(self) -> None:
        self._repeat = asyncio.get_running_loop().call_later(DTLS_REPEAT_INTERVAL, self._repeat_flight)

    def _repeat_flight(self) -> None:
        if self._dtls is not None and self._dtls.state is DtlsState.HANDSHAKING:
            self._dtls.handle_timeout()
            self._flush()
            self._arm()
