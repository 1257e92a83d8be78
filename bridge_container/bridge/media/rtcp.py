"""RTCP packets: parse compound packets, build reports (RFC 3550 section 6, RFC 4585).

What cannot be parsed is left out; a broken packet never raises. Feedback other than generic NACK is
skipped: audio has no use for it. Imports nothing of ours.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

SENDER_REPORT = 200
RECEIVER_REPORT = 201
SOURCE_DESCRIPTION = 202
BYE = 203
TRANSPORT_FEEDBACK = 205
_GENERIC_NACK = 1
_CNAME = 1
_HEADER = struct.Struct("!BBH")
_SENDER_INFO = struct.Struct("!IIIIII")
_BLOCK = struct.Struct("!IIIIII")
_MAX_NACKED = 64
"""Lost packets taken from one compound packet; a peer cannot make us send without bound."""


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a receiver says about one source (RFC 3550 section 6.4.1)."""

    ssrc: int
    fraction_lost: int
    """Since its last report, in 1/256."""
    packets_lost: int
    highest_sequence_number: int
    jitter: int
    """In timestamp units."""
    last_sender_report: int
    """The middle 32 bits of our report's NTP time; 0: none came."""
    delay_since: int
    """Since it came, in 1/65536 s."""


@dataclass(frozen=True, slots=True)
class SenderInfo:
    """What a sender says about itself."""

    ssrc: int
    ntp: int
    """64-bit NTP time."""
    rtp_timestamp: int
    packets: int
    octets: int


@dataclass(slots=True)
class Reports:
    """What a compound packet held."""

    sender: SenderInfo | None
    blocks: list[ReportBlock]
    lost: list[int]
    """Sequence numbers that the peer asks for again."""
    bye: bool
    valid: bool
    """False when nothing in it could be read."""


def parse_rtcp(data: bytes) -> Reports:
    """Read a compound packet as far as it is sound."""
    reports = Reports(None, [], [], False, False)
    position = 0
    while position + 4 <= len(data):
        first, kind, words = _HEADER.unpack_from(data, position)
        end = position + 4 + 4 * words
        if first & 0xC0 != 0x80 or end > len(data):
            break
        body = data[position + 4 : end]
        if first & 0x20 and body:  # padding, in the last packet only
            body = body[: max(len(body) - body[-1], 0)]
        _parse_one(kind, first & 0x1F, body, reports)
        position = end
    return reports


def _parse_one(kind: int, count: int, body: bytes, reports: Reports) -> None:
    if kind == SENDER_REPORT and len(body) >= _SENDER_INFO.size:
        ssrc, high, low, timestamp, packets, octets = _SENDER_INFO.unpack_from(body)
        reports.sender = SenderInfo(ssrc, high << 32 | low, timestamp, packets, octets)
        reports.blocks += _parse_blocks(body, _SENDER_INFO.size, count)
    elif kind == RECEIVER_REPORT and len(body) >= 4:
        reports.blocks += _parse_blocks(body, 4, count)
    elif kind == BYE:
        reports.bye = True
    elif kind == TRANSPORT_FEEDBACK and count == _GENERIC_NACK and len(body) >= 12:
        reports.lost += _parse_nack(body[8:])[: _MAX_NACKED - len(reports.lost)]
    elif not (192 <= kind <= 223):
        return
    reports.valid = True


def _parse_blocks(body: bytes, begin: int, count: int) -> list[ReportBlock]:
    blocks: list[ReportBlock] = []
    for position in range(begin, min(begin + count * _BLOCK.size, len(body) - _BLOCK.size + 1), _BLOCK.size):
        ssrc, loss, highest, jitter, last, delay = _BLOCK.unpack_from(body, position)
        lost = loss & 0xFFFFFF
        if lost & 0x800000:  # signed: duplicates can make it negative
            lost -= 0x1000000
        blocks.append(ReportBlock(ssrc, loss >> 24, lost, highest, jitter, last, delay))
    return blocks


def _parse_nack(entries: bytes) -> list[int]:
    """RFC 4585 section 6.2.1: a packet identifier and a bit mask of the 16 after it."""
    lost: list[int] = []
    for position in range(0, len(entries) - 3, 4):
        first, mask = struct.unpack_from("!HH", entries, position)
        lost.append(first)
        lost += [(first + 1 + bit) & 0xFFFF for bit in range(16) if mask >> bit & 1]
    return lost


def _packet(kind: int, count: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    return _HEADER.pack(0x80 | count, kind, len(body) // 4) + body


def _build_blocks(blocks: list[ReportBlock]) -> bytes:
    return b"".join(
        _BLOCK.pack(
            block.ssrc,
            block.fraction_lost << 24 | max(-0x800000, min(block.packets_lost, 0x7FFFFF)) & 0xFFFFFF,
            block.highest_sequence_number & 0xFFFFFFFF,
            min(block.jitter, 0xFFFFFFFF),
            block.last_sender_report,
            min(block.delay_since, 0xFFFFFFFF),
        )
        for block in blocks
    )


def build_sender_report(info: SenderInfo, blocks: list[ReportBlock]) -> bytes:
    """An SR packet."""
    body = _SENDER_INFO.pack(
        info.ssrc,
        info.ntp >> 32 & 0xFFFFFFFF,
        info.ntp & 0xFFFFFFFF,
        info.rtp_timestamp & 0xFFFFFFFF,
        info.packets & 0xFFFFFFFF,
        info.octets & 0xFFFFFFFF,
    )
    return _packet(SENDER_REPORT, len(blocks), body + _build_blocks(blocks))


def build_receiver_report(ssrc: int, blocks: list[ReportBlock]) -> bytes:
    """An RR packet."""
    return _packet(RECEIVER_REPORT, len(blocks), struct.pack("!I", ssrc) + _build_blocks(blocks))


def build_source_description(ssrc: int, cname: str) -> bytes:
    """An SDES packet with the canonical name, which every compound packet must hold."""
    name = cname.encode()[:255]
    return _packet(
        SOURCE_DESCRIPTION,
        1,
        struct.pack("!IBB", ssrc, _CNAME, len(name)) + name + bytes(4 - (2 + len(name)) % 4),
    )


def build_bye(ssrc: int) -> bytes:
    """A BYE packet."""
    return _packet(BYE, 1, struct.pack("!I", ssrc))


def build_nack(ssrc: int, media_ssrc: int, lost: list[int]) -> bytes:
    """A generic NACK for sequence numbers in order."""
    body = struct.pack("!II", ssrc, media_ssrc)
    position = 0
    while position < len(lost):
        first = lost[position]
        mask = 0
        position += 1
        while position < len(lost) and 0 < (distance := (lost[position] - first) & 0xFFFF) <= 16:
            mask |= 1 << (distance - 1)
            position += 1
        body += struct.pack("!HH", first, mask)
    return _packet(TRANSPORT_FEEDBACK, _GENERIC_NACK, body)
