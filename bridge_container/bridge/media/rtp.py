"""RTP packets: parse and build (RFC 3550 section 5.1). Knows nothing of streams; imports nothing of ours."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_HEADER = struct.Struct("!BBHII")
_EXTENSION = struct.Struct("!HH")
HEADER_LENGTH = _HEADER.size
MAX_PACKET_LENGTH = 2048
"""Longer than any audio packet that we accept; a stranger's larger datagrams are cut off and dropped."""


@dataclass(slots=True)
class RtpPacket:
    """One RTP packet without its padding; CSRCs and header extensions are skipped over."""

    payload_type: int
    marker: bool
    sequence_number: int
    timestamp: int
    ssrc: int
    payload: bytes


def is_rtcp(data: bytes) -> bool:
    """Tell RTCP from RTP on a shared port (RFC 5761 section 4). `data` has at least two bytes."""
    return 192 <= data[1] <= 223


def parse_rtp(data: bytes) -> RtpPacket | None:
    """Parse a packet; None when it is not valid RTP (RFC 3550 appendix A.1)."""
    length = len(data)
    if length < HEADER_LENGTH or length > MAX_PACKET_LENGTH:
        return None
    first, second, sequence_number, timestamp, ssrc = _HEADER.unpack_from(data)
    if first & 0xC0 != 0x80:
        return None
    start = HEADER_LENGTH
    end = length
    if first & 0x3F:  # padding, extension or CSRCs: rare on telephone trunks
        start += 4 * (first & 0x0F)
        if first & 0x10:
            if start + 4 > length:
                return None
            start += 4 + 4 * int(_EXTENSION.unpack_from(data, start)[1])
        if first & 0x20:
            padding = data[-1]
            if padding == 0:
                return None
            end -= padding
        if start > end:
            return None
    return RtpPacket(second & 0x7F, second > 0x7F, sequence_number, timestamp, ssrc, data[start:end])


def build_rtp(
    payload_type: int, marker: bool, sequence_number: int, timestamp: int, ssrc: int, payload: bytes
) -> bytes:
    """Build a packet; sequence number and timestamp are taken modulo their width."""
    second = payload_type | 0x80 if marker else payload_type
    return _HEADER.pack(0x80, second, sequence_number & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + payload


def unwrap(value: int, near: int, bits: int) -> int:
    """Extend a counter of `bits` bits to the number closest to `near`."""
    span = 1 << bits
    return near + ((value - near + (span >> 1)) & (span - 1)) - (span >> 1)
