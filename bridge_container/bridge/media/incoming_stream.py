"""What a leg receives: RTP packets of one peer, over all its sources, to audio frames and digits.

Parses, counts, follows the source, and hands audio either to the playout or, in passthrough, straight to
another leg's outgoing stream. What is malformed or unexpected is counted and dropped. Imports bridge.media.
"""

from __future__ import annotations

from bridge.media.codec import AudioFormat, make_decoder
from bridge.media.g711 import Samples
from bridge.media.outgoing_stream import OutgoingStream
from bridge.media.playout import Playout, PlayoutCounts
from bridge.media.reception import Reception
from bridge.media.rtp import RtpPacket, parse_rtp, unwrap
from bridge.media.telephone_event import Digit, TelephoneEventReceiver
from bridge.media.tone_detection import ToneDetector

_COMFORT_NOISE = 13
"""Static payload type (RFC 3551 section 6)."""
_SILENCE = 0.1
"""Seconds of timestamp step without a missing packet that mean discontinuous transmission."""
_REMEMBERED = 64
"""Sequence numbers remembered against duplicates."""


class IncomingStream:
    """One peer's media towards us."""

    def __init__(self) -> None:
        self._audio: AudioFormat | None = None
        self._event_payload_type: int | None = None
        self._event_receiver: TelephoneEventReceiver | None = None
        self._payload_types: frozenset[int | None] = frozenset()
        self._rate = 0
        self._clock_rate = 8000
        self._held: RtpPacket | None = None
        """First packet of a source that is not yet believed."""
        self._seen = [-1] * _REMEMBERED
        self._timestamp = 0
        self._after_event = False
        """Whether the latest packet was an event's."""
        self.reception: Reception | None = None
        self.playout: Playout | None = None
        self.forward_to: OutgoingStream | None = None
        """Where audio packets go in passthrough, instead of to the playout."""
        self.latest_payload = b""
        """Of the last audio packet that was passed through, for the level meter."""
        self.last_packet: float | None = None
        self.discarded = 0
        self.digits: list[Digit] = []
        self.tones: ToneDetector | None = None
        """Detects digits in the audio, when the peer has no telephone-event."""
        self.news = False
        """Whether the first packet or a digit has come since this was last reset."""

    def configure(
        self,
        audio: AudioFormat,
        event_payload_type: int | None,
        rate: int,
        event_clock_rate: int | None = None,
    ) -> None:
        """Set or change what was negotiated, and the rate at which the room hears it.

        `event_clock_rate` is None when telephone-event has the audio's.
        """
        if self._audio is None or self._audio.clock_rate != audio.clock_rate or self.reception is None:
            self.reception = Reception(audio.clock_rate)
        clocks = (event_clock_rate or audio.clock_rate, audio.clock_rate)
        receiver = self._event_receiver
        if receiver is None or (receiver.clock.declared, receiver.clock.audio) != clocks:
            self._event_receiver = TelephoneEventReceiver(*clocks)
        changed = self._audio is None or (audio.name, audio.clock_rate) != (
            self._audio.name,
            self._audio.clock_rate,
        )
        if changed or rate != self._rate:
            counts = self.playout.counts if self.playout is not None else PlayoutCounts()
            self.playout = Playout(make_decoder(audio, rate), audio.clock_rate, rate, counts)
        self._audio = audio
        self._event_payload_type = event_payload_type
        self._rate = rate
        self._clock_rate = audio.clock_rate
        self._payload_types = frozenset({audio.payload_type, event_payload_type, _COMFORT_NOISE} - {None})

    def receive(self, data: bytes, now: float) -> None:
        """Take one RTP packet."""
        packet = parse_rtp(data)
        reception = self.reception
        if packet is None or reception is None:
            self.discarded += 1
            return
        if packet.payload_type not in self._payload_types:
            self.discarded += 1
            return
        if packet.ssrc != reception.source:
            self._receive_new_source(packet, reception, now)
            return
        self._accept(packet, reception, now)

    def _receive_new_source(self, packet: RtpPacket, reception: Reception, now: float) -> None:
        """RFC 3550 section 8.2: follow another source once two of its packets came in sequence."""
        if reception.source is None:
            reception.begin(packet.ssrc, packet.sequence_number)
            self._accept(packet, reception, now)
            return
        if not reception.believes(packet.ssrc, packet.sequence_number):
            self._held = packet
            return
        held = self._held
        self._held = None
        if self.playout is not None:
            self.playout.restart()
        self._seen = [-1] * _REMEMBERED
        if held is not None and held.ssrc == packet.ssrc:
            reception.begin(held.ssrc, held.sequence_number)
            self._accept(held, reception, now)
        else:
            reception.begin(packet.ssrc, packet.sequence_number)
        self._accept(packet, reception, now)

    def _accept(self, packet: RtpPacket, reception: Reception, now: float) -> None:
        extended = reception.extend(packet.sequence_number)
        if extended is None:
            self.discarded += 1
            return
        place = extended % _REMEMBERED
        if self._seen[place] == extended:
            self.discarded += 1
            return
        self._seen[place] = extended
        if self.last_packet is None:
            self.news = True
        self.last_packet = now
        complete = extended == reception.highest + 1
        if packet.payload_type == self._event_payload_type:
            reception.count(extended, None, now)
            self._after_event = True
            self._receive_event(packet, now, complete=complete)
            return
        before = self._timestamp
        self._timestamp = unwrap(packet.timestamp, before, 32)
        silent = self._after_event or self._timestamp - before > _SILENCE * self._clock_rate
        self._after_event = False
        if complete and silent and self.playout is not None:
            # No packet is missing, yet time has passed: the peer sent a digit, or nothing at all (DTX).
            self.playout.end_silence()
        reception.count(extended, self._timestamp, now)
        if packet.payload_type == _COMFORT_NOISE:
            if self.forward_to is not None:
                self.forward_to.omit()
            if self.playout is not None:
                self.playout.comfort(packet.payload, now)
        elif self.forward_to is not None:
            self.latest_payload = packet.payload
            if self.playout is not None:
                self.playout.pass_through()
            self.forward_to.forward(packet, extended, self._timestamp)
        elif self.playout is not None:
            self.playout.insert(packet.timestamp, packet.payload, now)

    def _receive_event(self, packet: RtpPacket, now: float, *, complete: bool) -> None:
        if self.forward_to is not None:
            self.forward_to.omit()
        if self.playout is not None:
            self.playout.pause(now, complete=complete)
        receiver = self._event_receiver
        if receiver is not None:
            digits = receiver.receive(packet.sequence_number, packet.timestamp, packet.payload, now)
            if digits:
                self.digits += digits
                self.news = True

    def restart(self) -> None:
        """Audio goes another way from now on: forget what waits."""
        if self.playout is not None:
            self.playout.begin_anew()

    def step(self, now: float) -> None:
        """Let time pass for digits whose end was lost."""
        if self._event_receiver is not None:
            digits = self._event_receiver.expire(now)
            if digits:
                self.digits += digits
                self.news = True

    def pull(self, now: float) -> Samples | None:
        """The frame to be heard now; None when nothing is."""
        frame = None if self.playout is None else self.playout.pull(now)
        if self.tones is not None:
            digit = self.tones.feed(frame if frame is None or self._rate == 8000 else frame[::2])
            if digit is not None:
                self.digits.append(digit)
                self.news = True
        return frame
