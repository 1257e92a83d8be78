"""UDP socket pairs for RTP and RTCP: an even port and the next one (RFC 3550 section 11)."""

from __future__ import annotations

import resource
import socket

from bridge.calls.media_engine import MediaFullError

_RECEIVE_BUFFER = 64 * 1024
_EXPEDITED = 0xB8
"""DSCP EF, the telephony class (RFC 4594 section 4.1)."""
_EPHEMERAL_ATTEMPTS = 64


def raise_descriptor_limit() -> None:
    """Let the process open as many sockets as it is allowed to: each phone takes two."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


SocketPair = tuple[socket.socket, socket.socket]


class RtpPorts:
    """Hands out pairs from a range, or any free ones when the range is 0 to 0."""

    def __init__(self, host: str, first: int, last: int, host_ipv6: str = "") -> None:
        """`host_ipv6` is where phones that ask for IPv6 are met, when `host` is of IPv4."""
        if (first, last) != (0, 0) and not 1024 <= first < last <= 65535:
            raise ValueError(f"RTP ports {first} to {last}: need 1024 to 65535, the first below the last")
        self._host = host
        self._host_ipv6 = host_ipv6
        self._first = first + first % 2
        self._pairs = (last - self._first + 1) // 2 if last else 0
        self._next = 0

    def open(self, *, prefer_ipv6: bool = False) -> SocketPair:
        """A bound pair, of IPv6 if that is preferred and there. Raises `MediaFullError` when none is free."""
        host = self._host_ipv6 if prefer_ipv6 and self._host_ipv6 else self._host
        if self._pairs == 0:
            for _ in range(_EPHEMERAL_ATTEMPTS):
                pair = self._ephemeral(host)
                if pair is not None:
                    return pair
        for _ in range(self._pairs):
            port = self._first + 2 * self._next
            self._next = (self._next + 1) % self._pairs
            pair = self._bind(host, port)
            if pair is not None:
                return pair
        raise MediaFullError("no free RTP port")

    def _ephemeral(self, host: str) -> SocketPair | None:
        probe = self._socket(host)
        try:
            probe.bind((host, 0))
            port: int = probe.getsockname()[1]
        finally:
            probe.close()
        return self._bind(host, port & ~1)

    def _bind(self, host: str, port: int) -> SocketPair | None:
        rtp, rtcp = self._socket(host), self._socket(host)
        try:
            rtp.bind((host, port))
            rtcp.bind((host, port + 1))
        except OSError:  # in use: the caller tries the next
            rtp.close()
            rtcp.close()
            return None
        return rtp, rtcp

    def _socket(self, host: str) -> socket.socket:
        opened = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        if opened.family == socket.AF_INET6:
            if host == self._host_ipv6:
                # IPv4 has sockets of its own, which may have the same port.
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, _EXPEDITED)
        else:
            opened.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, _EXPEDITED)
        return opened
