"""The two peer connections of a participant: the one that it publishes with, and the one that it hears with.

Both forward Opus packets as they are; nothing is decoded or mixed here.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from bridge.adapters.webrtc_sdp import parse_description
from local.stream.media_socket import MediaConnection, MediaSocket
from local.stream.session_description import (
    OPUS_PAYLOAD_TYPE,
    LocalTransport,
    OfferedTrack,
    write_answer,
    write_offer,
)

MAX_TRACKS = 250
"""m-lines of one subscriber; those of publishers who left stay."""
_RTP_FIXED_HEADER = 12


def _transport(media: MediaSocket, host: str, connection: MediaConnection) -> LocalTransport:
    fingerprint = next(each for each in media.identity.fingerprints if each.algorithm == "sha-256")
    return LocalTransport(
        host=host,
        port=media.port,
        candidate=media.candidate,
        fragment=connection.ice.fragment,
        password=connection.ice.password,
        fingerprint=f"{fingerprint.algorithm} {fingerprint.value}",
    )


class PublisherConnection:
    """Receives one participant's audio. The participant offers, we answer."""

    def __init__(self, media: MediaSocket, host: str, receive: Callable[[bytes], None]) -> None:
        self._media = media
        self._host = host
        self._version = 0
        self._connection = MediaConnection(media, receive)

    def answer(self, offer: str) -> str:
        """Our answer. Raises `OfferRefusedError`."""
        described = parse_description(offer)
        if self._connection.remote_fragment not in ("", described.fragment):
            self._connection.restart_ice()
        self._connection.start(described.fragment, described.fingerprints, server=True)
        self._version += 1
        return write_answer(described, _transport(self._media, self._host, self._connection), self._version)

    def close(self, *, notify: bool = True) -> None:
        """End it."""
        self._connection.close(notify=notify)


@dataclass(slots=True)
class _ForwardedTrack:
    publisher: str
    offered: OfferedTrack
    source: bytes


class SubscriberConnection:
    """Sends the others' audio to one participant. We offer, the participant answers, one offer at a time."""

    def __init__(self, media: MediaSocket, host: str, send_offer: Callable[[str], Awaitable[None]]) -> None:
        self._media = media
        self._host = host
        self._send_offer = send_offer
        self._tracks: list[_ForwardedTrack] = []
        self._version = 0
        self._offer_is_out = False
        self._changed = False
        self._connection = MediaConnection(media, lambda packet: None)

    async def add_track(self, publisher: str, stream_id: str, track_id: str) -> None:
        """Forward this publisher's audio from now on."""
        if any(track.publisher == publisher and track.offered.active for track in self._tracks):
            return
        if len(self._tracks) >= MAX_TRACKS:
            return
        source = secrets.randbits(32)
        offered = OfferedTrack(stream_id, track_id, source, active=True)
        self._tracks.append(_ForwardedTrack(publisher, offered, struct.pack("!I", source)))
        await self._negotiate()

    async def remove_track(self, publisher: str) -> None:
        """Forward this publisher's audio no more."""
        for track in self._tracks:
            if track.publisher == publisher and track.offered.active:
                track.offered = replace(track.offered, active=False)
                await self._negotiate()

    async def accept_answer(self, answer: str) -> None:
        """Take the participant's answer. Raises `OfferRefusedError`."""
        self._offer_is_out = False
        if any(track.offered.active for track in self._tracks):
            described = parse_description(answer)
            self._connection.start(
                described.fragment, described.fingerprints, server=described.setup != "passive"
            )
        if self._changed:
            await self._negotiate()

    async def restart_ice(self) -> None:
        """Offer anew with fresh ICE credentials."""
        self._offer_is_out = False
        if self._tracks:
            self._connection.restart_ice()
            await self._negotiate()

    def forward(self, publisher: str, packet: bytes) -> None:
        """Send one of the publisher's RTP packets on, without its header extensions, under our own SSRC."""
        for track in self._tracks:
            if track.publisher == publisher and track.offered.active:
                self._connection.send(rewrite(packet, track.source))

    def close(self, *, notify: bool = True) -> None:
        """End it."""
        self._connection.close(notify=notify)

    async def _negotiate(self) -> None:
        if self._offer_is_out:
            self._changed = True
            return
        self._offer_is_out, self._changed = True, False
        self._version += 1
        transport = _transport(self._media, self._host, self._connection)
        offer = write_offer([track.offered for track in self._tracks], transport, self._version)
        await self._send_offer(offer)


def rewrite(packet: bytes, source: bytes) -> bytes:
    """The RTP packet with another SSRC, Opus' payload type, no extensions and no contributing sources."""
    first, second = packet[0], packet[1]
    start = _RTP_FIXED_HEADER + 4 * (first & 0x0F)
    if first & 0x10 and len(packet) >= start + 4:
        start += 4 + 4 * int.from_bytes(packet[start + 2 : start + 4])
    end = len(packet) - packet[-1] if first & 0x20 else len(packet)
    header = bytes((0x80, (second & 0x80) | OPUS_PAYLOAD_TYPE)) + packet[2:8] + source
    return header + packet[start : max(start, end)]
