"""What a leg sends: sequence numbers, timestamps, packet sizes, digits, a copy of late packets for NACK.

One source for the whole life of the leg, whether its audio is encoded here or forwarded from another leg's
packets (passthrough): timestamps and sequence numbers go on without a seam. Imports bridge.media.
"""

from __future__ import annotations

import numpy as np

from bridge.media.codec import AudioFormat, Encoder
from bridge.media.g711 import Samples
from bridge.media.rtp import RtpPacket, build_rtp
from bridge.media.telephone_event import TelephoneEventSender

_KEPT = 64
"""Packets kept for retransmission: over a second of audio."""
_FAR = 100
"""A forwarded packet further away than this starts a new mapping."""


class OutgoingStream:
    """One RTP stream to one peer. Packets gather in `packets` until the adapter takes them."""

    __slots__ = (
        "_audio",
        "_event_payload_type",
        "_frame_ticks",
        "_kept",
        "_mapping",
        "_marker",
        "_pending",
        "_ptime",
        "_sequence_number",
        "_timestamp",
        "events",
        "octets",
        "packets",
        "sent",
        "ssrc",
    )

    def __init__(self, ssrc: int, sequence_number: int, timestamp: int) -> None:
        self.ssrc = ssrc
        self._sequence_number = sequence_number
        """Of the next packet; extended, never wraps."""
        self._timestamp = timestamp
        """Of the next frame; extended, never wraps."""
        self._audio: AudioFormat | None = None
        self._event_payload_type: int | None = None
        self._frame_ticks = 160
        self._ptime = 20
        self._pending: Samples | None = None
        self._mapping: tuple[int, int, int] | None = None
        self._marker = True
        self._kept: list[bytes] | None = None
        self.events: TelephoneEventSender | None = None
        self.packets: list[bytes] = []
        self.sent = 0
        self.octets = 0

    def configure(
        self,
        audio: AudioFormat,
        ptime: int,
        event_payload_type: int | None,
        event_clock_rate: int | None = None,
        keep: bool = False,
    ) -> None:
        """Set or change what was negotiated. `keep`: hold packets back for NACK.

        `event_clock_rate` is None when telephone-event has the audio's. Where a peer has another, durations
        are told in it, yet timestamps stay on the audio's clock: one source has one clock (RFC 3550 section
        5.1), and receivers only compare an event's timestamps with each other.
        """
        self._audio = audio
        self._frame_ticks = audio.clock_rate // 50
        allowed = (20, 40, 60) if audio.name == "opus" else (10, 20, 30, 40, 60)
        self._ptime = ptime if ptime in allowed else 20
        self._pending = None
        self._mapping = None
        self._event_payload_type = event_payload_type
        if event_payload_type is None:
            self.events = None
        elif self.events is None:
            self.events = TelephoneEventSender(event_clock_rate or audio.clock_rate)
        else:
            self.events.clock_rate = event_clock_rate or audio.clock_rate
        if keep and self._kept is None:
            self._kept = [b""] * _KEPT

    @property
    def timestamp(self) -> int:
        """What audio would carry now, for sender reports."""
        return self._timestamp & 0xFFFFFFFF

    def skip_frame(self) -> None:
        """20 ms pass in which nothing is sent; the next packet starts a talk spurt (RFC 3551 section 4.1)."""
        self._timestamp += self._frame_ticks
        self._marker = True
        self._pending = None

    def send_events(self) -> bool:
        """Send this frame's digits, if there are any; True when they stand in place of audio."""
        events = self.events
        if events is None or not events.active:
            return False
        for event in events.step(self._timestamp):
            self._emit(self._event_payload_type or 0, event.marker, event.timestamp, event.payload)
        self.skip_frame()
        return True

    def send_payload(self, payload: bytes) -> None:
        """Send a frame of 20 ms that is encoded already."""
        audio = self._audio
        if audio is not None:
            self._emit(audio.payload_type, self._marker, self._timestamp, payload)
            self._marker = False
        self._timestamp += self._frame_ticks

    def send_samples(self, samples: Samples, encoder: Encoder) -> None:
        """Encode and send a frame of 20 ms, in packets of the negotiated duration."""
        if self._ptime == 20:
            self.send_payload(encoder.encode(samples))
            return
        size = len(samples) * self._ptime // 20
        waiting = samples if self._pending is None else np.concatenate((self._pending, samples))
        ticks = self._frame_ticks * self._ptime // 20
        begin = self._timestamp - self._frame_ticks * (len(waiting) - len(samples)) // len(samples)
        while len(waiting) >= size:
            audio = self._audio
            if audio is not None:
                self._emit(audio.payload_type, self._marker, begin, encoder.encode(waiting[:size]))
                self._marker = False
            waiting = waiting[size:]
            begin += ticks
        self._pending = waiting if len(waiting) else None
        self._timestamp += self._frame_ticks

    def encodes_whole_frames(self) -> bool:
        """Whether a payload of exactly 20 ms can be sent as it is."""
        return self._ptime == 20

    def forward(self, packet: RtpPacket, sequence_number: int, timestamp: int) -> None:
        """Pass on another leg's packet, given its extended counters, so that order and loss stay visible."""
        audio = self._audio
        if audio is None:
            return
        mapping = self._mapping
        if mapping is not None:
            source, sequence_offset, timestamp_offset = mapping
            new_sequence = sequence_number + sequence_offset
            if source == packet.ssrc and abs(new_sequence - self._sequence_number) < _FAR:
                new_timestamp = timestamp + timestamp_offset
                data = build_rtp(
                    audio.payload_type, packet.marker, new_sequence, new_timestamp, self.ssrc, packet.payload
                )
                if new_sequence >= self._sequence_number:
                    self._sequence_number = new_sequence + 1
                    self._timestamp = new_timestamp + self._frame_ticks
                self._queue(data, new_sequence, len(packet.payload))
                return
        self._mapping = (
            packet.ssrc,
            self._sequence_number - sequence_number,
            self._timestamp - timestamp,
        )
        self._emit(audio.payload_type, True, self._timestamp, packet.payload)
        self._timestamp += self._frame_ticks

    def omit(self) -> None:
        """A packet of the other leg is not passed on (a digit): close the gap in the numbering."""
        if self._mapping is not None:
            source, sequence_offset, timestamp_offset = self._mapping
            self._mapping = (source, sequence_offset - 1, timestamp_offset)

    def stop_forwarding(self) -> None:
        """From now on audio is encoded here again."""
        self._mapping = None
        self._marker = True

    def resend(self, sequence_number: int) -> bool:
        """Queue a lost packet again (RFC 4585 section 6.2.1); False when it is gone."""
        if self._kept is None:
            return False
        data = self._kept[sequence_number % _KEPT]
        if len(data) < 4 or int.from_bytes(data[2:4], "big") != sequence_number:
            return False
        self.packets.append(data)
        return True

    def _emit(self, payload_type: int, marker: bool, timestamp: int, payload: bytes) -> None:
        number = self._sequence_number
        data = build_rtp(payload_type, marker, number, timestamp, self.ssrc, payload)
        self._sequence_number = number + 1
        self._queue(data, number, len(payload))

    def _queue(self, data: bytes, number: int, octets: int) -> None:
        self.packets.append(data)
        self.sent += 1
        self.octets += octets
        if self._kept is not None:
            self._kept[(number & 0xFFFF) % _KEPT] = data
