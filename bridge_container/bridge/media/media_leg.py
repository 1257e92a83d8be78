"""One participant's media: packets in, a frame out for the room; a frame in from the room, packets out.

Pure: it is given packets and `now`, gathers packets and events, and never waits. A leg exists from the
moment its port is reserved, carries audio once it is configured, and is present once it hears and is heard
in its room. Imports bridge.media.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bridge.media.codec import (
    NARROWBAND,
    WIDEBAND,
    AudioFormat,
    Decoder,
    Encoder,
    make_decoder,
    make_encoder,
)
from bridge.media.g711 import Samples
from bridge.media.incoming_stream import IncomingStream
from bridge.media.outgoing_stream import OutgoingStream
from bridge.media.report_exchange import ReportExchange
from bridge.media.resampling import Upsampler
from bridge.media.rtp import is_rtcp
from bridge.media.telephone_event import Digit
from bridge.media.tone_detection import ToneDetector

_MOST_REDUNDANCY = 20
"""Percent of loss that Opus is told at most: more would starve the voice itself."""
_LEVEL_FRAMES = 10
"""Frames that the level meter looks at: 200 ms."""


@dataclass(frozen=True, slots=True)
class LegFormat:
    """What was negotiated for a leg, as far as its media goes."""

    audio: AudioFormat
    event_payload_type: int | None = None
    ptime: int = 20
    """Milliseconds of audio in each packet that we send."""
    send: bool = True
    """False: the peer does not want to hear us (hold)."""
    receive: bool = True
    """False: the peer sends nothing (hold); the media timeout stands still."""
    resend_lost: bool = False
    """Keep packets to answer NACK."""
    in_band_fec: bool = True
    """The peer can use Opus in-band FEC."""
    detect_tones: bool = False
    """Look for digits in the audio."""
    event_clock_rate: int | None = None
    """Hz of telephone-event; None: the audio's, as it should be (RFC 4733 section 2.1)."""


@dataclass(frozen=True, slots=True)
class LegTimeouts:
    """Seconds without a packet after which a leg has failed."""

    initial: float = 30.0
    running: float = 15.0


class MediaLeg:
    """A participant. `room` code calls `pull` and `push` once each 20 ms."""

    def __init__(
        self,
        leg_id: str,
        kind: str,
        outgoing: OutgoingStream,
        timeouts: LegTimeouts,
        reports: ReportExchange | None = None,
    ) -> None:
        self.leg_id = leg_id
        self.kind = kind
        """`phone` or `webrtc`."""
        self.name = ""
        self.present = False
        """Whether it hears, and is heard in, its room."""
        self.muted = False
        self.format: LegFormat | None = None
        self.incoming = IncomingStream()
        self.outgoing = outgoing
        self.reports = reports
        self.dtmf_count = 0
        self._timeouts = timeouts
        self._waiting_since = 0.0
        self._rate = NARROWBAND
        self._complexity = 5
        self._loss_percent = 0
        self._encoder: Encoder | None = None
        self._meter: Decoder | None = None
        """Decodes now and then what is passed through, for the level alone."""
        self._prompt: deque[Samples] = deque()
        self._recent: deque[Samples | None] = deque(maxlen=_LEVEL_FRAMES)

    # What was negotiated

    def configure(self, leg_format: LegFormat, now: float) -> None:
        """Set or change what was negotiated. Raises ValueError for a codec that we do not have."""
        before = self.format
        self.format = leg_format
        self._meter = None
        self.incoming.configure(
            leg_format.audio, leg_format.event_payload_type, self._rate, leg_format.event_clock_rate
        )
        self.outgoing.configure(
            leg_format.audio,
            leg_format.ptime,
            leg_format.event_payload_type,
            leg_format.event_clock_rate,
            keep=leg_format.resend_lost,
        )
        if before is None or before.audio != leg_format.audio or self._encoder is None:
            self._make_encoder(leg_format.audio)
        if leg_format.detect_tones != (self.incoming.tones is not None):
            self.incoming.tones = ToneDetector() if leg_format.detect_tones else None
        if before is None or (leg_format.receive and not before.receive):
            self._waiting_since = now

    def set_rate(self, rate: int) -> None:
        """Change the rate of the frames that are pulled and pushed."""
        if rate == self._rate:
            return
        self._rate = rate
        self._recent.clear()
        if self.format is not None:
            self.incoming.configure(
                self.format.audio, self.format.event_payload_type, rate, self.format.event_clock_rate
            )
            self._make_encoder(self.format.audio)

    def _make_encoder(self, audio: AudioFormat) -> None:
        self._encoder = make_encoder(audio, self._rate, self._complexity)
        self._encoder.adapt(self._complexity, self._loss_percent)

    def set_complexity(self, complexity: int) -> None:
        """Change how much effort an Opus encoder spends."""
        self._complexity = complexity
        if self._encoder is not None:
            self._encoder.adapt(complexity, self._loss_percent)

    # Packets

    def receive(self, packets: Sequence[bytes], now: float) -> None:
        """Take the packets that came since the last tick. Malformed ones are counted and dropped."""
        incoming = self.incoming
        if self.format is None:
            return
        receiving = self.format.receive
        for data in packets:
            if len(data) < 8:
                incoming.discarded += 1
            elif not is_rtcp(data):
                if receiving:  # on hold, what still comes is neither heard nor wrong
                    incoming.receive(data, now)
            elif self.reports is None or not self.reports.receive(data, self.outgoing, now):
                incoming.discarded += 1

    def take_packets(self) -> list[bytes]:
        """The packets to send now."""
        packets = self.outgoing.packets
        if packets:
            self.outgoing.packets = []
        return packets

    def take_digits(self) -> list[Digit]:
        """The digits that have ended since the last call."""
        digits = self.incoming.digits
        if digits:
            self.incoming.digits = []
            self.dtmf_count += len(digits)
        return digits

    def report(self, now: float) -> None:
        """Send RTCP when it is due; follow the loss that the peer reports with more or less redundancy."""
        reports = self.reports
        if reports is None or self.format is None or not reports.due(now):
            return
        self.outgoing.packets.append(reports.report(self.outgoing, self.incoming.reception, now))
        loss = reports.peer_loss or 0.0
        percent = min(round(100 * loss), _MOST_REDUNDANCY) if self.format.in_band_fec else 0
        if percent != self._loss_percent and self._encoder is not None:
            self._loss_percent = percent
            self._encoder.adapt(self._complexity, percent)

    def timed_out(self, now: float) -> bool:
        """Whether the peer has been silent for too long. A peer that is on hold never is."""
        if self.format is None or not self.format.receive or self.kind != "phone":
            return False
        last = self.incoming.last_packet
        if last is None or last < self._waiting_since:
            limit = self._timeouts.initial if last is None else self._timeouts.running
            return now - self._waiting_since > limit
        return now - last > self._timeouts.running

    # Frames

    def pull(self, now: float) -> Samples | None:
        """What the room hears of this leg for the next 20 ms; None is silence."""
        self.incoming.step(now)
        frame = self.incoming.pull(now)
        if self.muted or not self.present:
            frame = None
        self._recent.append(frame)
        return frame

    @property
    def shareable(self) -> AudioFormat | None:
        """The format, when this leg can send a payload that was encoded for another leg."""
        leg_format = self.format
        if leg_format is None or not leg_format.audio.stateless or self._prompt:
            return None
        events = self.outgoing.events
        if not leg_format.send or not self.outgoing.encodes_whole_frames() or (events and events.active):
            return None
        return leg_format.audio

    def push(self, frame: Samples | None) -> None:
        """Send 20 ms of what this leg hears: a prompt, or the room."""
        outgoing = self.outgoing
        leg_format = self.format
        if leg_format is None or self._encoder is None:
            return
        if not leg_format.send:
            outgoing.skip_frame()
            return
        if outgoing.send_events():
            return
        if self._prompt:
            frame = self._prompt.popleft()
        if frame is None:
            if leg_format.audio.name == "opus":  # discontinuous transmission: the peer makes its own noise
                outgoing.skip_frame()
                return
            frame = np.zeros(self._rate // 50, np.int16)
        outgoing.send_samples(frame, self._encoder)

    def encode_once(self, frame: Samples) -> bytes:
        """The payload of a frame for all legs of the same stateless codec."""
        return self._encoder.encode(frame) if self._encoder is not None else b""

    def play(self, prompt: bytes) -> None:
        """Queue 16-bit mono samples at 8000 Hz for this leg alone, in place of the room."""
        samples = np.frombuffer(prompt[: len(prompt) & ~1], np.int16)
        size = NARROWBAND // 50
        samples = np.concatenate((samples, np.zeros(-len(samples) % size, np.int16)))
        frames = [samples[begin : begin + size] for begin in range(0, len(samples), size)]
        if self._rate == WIDEBAND:
            upsampler = Upsampler()
            frames = [upsampler.convert(frame) for frame in frames]
        self._prompt.extend(frames)

    @property
    def playing(self) -> bool:
        """Whether a prompt stands in place of the room."""
        return bool(self._prompt)

    # Figures

    def level(self) -> float:
        """How loud the leg was in the last 200 ms: 0.0 to 1.0, the peak."""
        if self.muted or not self.present:
            return 0.0
        if self.incoming.forward_to is not None:
            return self._passthrough_level()
        peaks = [int(np.abs(frame.astype(np.int32)).max()) for frame in self._recent if frame is not None]
        return min(max(peaks, default=0) / 32768.0, 1.0)

    def _passthrough_level(self) -> float:
        payload = self.incoming.latest_payload
        if self.format is None or not payload:
            return 0.0
        if self._meter is None:
            self._meter = make_decoder(self.format.audio, NARROWBAND)
        # Single frames of a stream: not fit to hear, but loud or quiet as the whole.
        samples = self._meter.decode(payload)
        if samples is None or not len(samples):
            return 0.0
        return min(float(np.abs(samples.astype(np.int32)).max()) / 32768.0, 1.0)
