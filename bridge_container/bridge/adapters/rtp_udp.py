"""Phones' RTP over UDP: one poller reads all sockets of a worker in each tick; a transport per leg.

The poller asks the kernel once which sockets have something and reads only those; a leg's transport checks
the source, undoes SRTP, and queues. No task, callback or thread belongs to a leg.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Collection, Sequence

from bridge.adapters.rtp_ports import SocketPair
from bridge.adapters.rtp_protection import SrtpProtection
from bridge.media.rtp import HEADER_LENGTH, MAX_PACKET_LENGTH, is_rtcp
from bridge.media.source_latch import Address, SourceLatch

_MAX_ROUNDS = 16
"""Packets read from one socket in one tick: a flood on one leg cannot starve the others."""
_MAX_QUEUED = 64


class UdpPoller:
    """The sockets of all phone legs of one worker."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._readers: dict[int, Callable[[float], None]] = {}

    def add(self, opened: socket.socket, read: Callable[[float], None]) -> None:
        """Watch a socket; `read(now)` takes one datagram from it."""
        self._readers[opened.fileno()] = read
        self._epoll.register(opened.fileno(), select.EPOLLIN)

    def remove(self, opened: socket.socket) -> None:
        """Stop watching, before the socket is closed."""
        if self._readers.pop(opened.fileno(), None) is not None:
            self._epoll.unregister(opened.fileno())

    def poll(self, now: float) -> None:
        """Read what has come on all sockets."""
        readers = self._readers
        if not readers:
            return
        for _ in range(_MAX_ROUNDS):
            ready = self._epoll.poll(0, len(readers))
            if not ready:
                return
            for descriptor, _ in ready:
                reader = readers.get(descriptor)
                if reader is not None:
                    reader(now)

    def close(self) -> None:
        """Free the kernel's object; the sockets stay their owners'."""
        self._epoll.close()


class UdpTransport:
    """One phone leg's packets: a `PacketTransport` with a source check."""

    def __init__(self, sockets: SocketPair, poller: UdpPoller) -> None:
        self._rtp, self._rtcp = sockets
        self._poller = poller
        self._latch = SourceLatch()
        self._protection: SrtpProtection | None = None
        self._rtcp_remote: Address | None = None
        self._multiplexed = False
        self._queue: list[bytes] = []
        self._closed = False
        self.dropped = 0
        """Packets in that were not authentic, from a wrong source or too many; packets out that failed."""
        poller.add(self._rtp, self._read_rtp)
        poller.add(self._rtcp, self._read_rtcp)

    @property
    def port(self) -> int:
        """The RTP port that we listen on."""
        port: int = self._rtp.getsockname()[1]
        return port

    @property
    def discarded(self) -> int:
        """Packets that did not reach the leg."""
        return self.dropped + self._latch.strangers

    def expect(
        self,
        remote: Address | None,
        payload_types: Collection[int],
        protection: SrtpProtection | None,
        rtcp_remote: Address | None = None,
    ) -> None:
        """Offer and answer were settled."""
        self._latch.expect(remote, payload_types)
        self._protection = protection
        if rtcp_remote is None and remote is not None:
            rtcp_remote = (remote[0], remote[1] + 1)
        self._multiplexed = rtcp_remote is not None and rtcp_remote == remote
        self._rtcp_remote = rtcp_remote

    def drain(self) -> Sequence[bytes]:
        """Take what came since the last call."""
        queue = self._queue
        if queue:
            self._queue = []
        return queue

    def send(self, packets: Sequence[bytes]) -> None:
        """Protect where needed and write."""
        remote = self._latch.remote
        if remote is None or self._closed:
            self.dropped += len(packets)
            return
        protection = self._protection
        for packet in packets:
            data: bytes | None = packet
            if protection is not None:
                data = protection.protect(packet)
            if data is None:
                self.dropped += 1
                continue
            try:
                if is_rtcp(packet) and not self._multiplexed:
                    if self._rtcp_remote is not None:
                        self._rtcp.sendto(data, self._rtcp_remote)
                else:
                    self._rtp.sendto(data, remote)
            except OSError:  # full buffer, unreachable or refused: the next packet may go through
                self.dropped += 1

    def close(self) -> None:
        """Free both ports."""
        if self._closed:
            return
        self._closed = True
        for opened in (self._rtp, self._rtcp):
            self._poller.remove(opened)
            opened.close()

    def _read_rtp(self, now: float) -> None:
        try:
            data, source = self._rtp.recvfrom(MAX_PACKET_LENGTH)
        except OSError:  # an ICMP error of an earlier send, or nothing after all
            return
        if len(data) < HEADER_LENGTH or len(self._queue) >= _MAX_QUEUED:
            self.dropped += 1
            return
        address: Address = source[:2] if len(source) > 2 else source
        if self._protection is not None:
            plain = self._protection.unprotect(data)
            if plain is None:
                self.dropped += 1
                return
            data = plain
        if is_rtcp(data):
            self._take_multiplexed(data, address)
        elif self._latch.accepts(address, data, now):
            self._queue.append(data)

    def _take_multiplexed(self, data: bytes, address: Address) -> None:
        """RTCP on the RTP port (RFC 5761): answer there from now on."""
        if address != self._latch.source:
            self.dropped += 1
            return
        self._multiplexed = True
        self._queue.append(data)

    def _read_rtcp(self, now: float) -> None:
        try:
            data, source = self._rtcp.recvfrom(MAX_PACKET_LENGTH)
        except OSError:
            return
        believed = self._latch.source
        if len(data) < 8 or not is_rtcp(data) or believed is None or source[0] != believed[0]:
            self.dropped += 1
            return
        plain: bytes | None = data
        if self._protection is not None:
            plain = self._protection.unprotect(data)
        if plain is None or len(self._queue) >= _MAX_QUEUED:
            self.dropped += 1
            return
        self._rtcp_remote = source[:2]
        self._queue.append(plain)
