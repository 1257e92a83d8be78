"""telephone-event (RFC 4733): receive each digit exactly once, send digits. Imports bridge.media alone.

The receiver bears loss, duplication, reordering, a missing marker bit, lost end packets and senders that
start a new timestamp in each packet. It reports a digit at its end, or when its packets have stopped for
100 ms.
"""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass

from bridge.media.event_clock import EventClock
from bridge.media.rtp import unwrap

_PAYLOAD = struct.Struct("!BBH")
DIGITS = "0123456789*#ABCD"
"""By event code (RFC 4733 section 3.2)."""
_SILENCE = 0.1
"""Seconds without a packet after which an event has ended."""
_SEGMENT = 0xFFFF
"""Longest duration of one segment (RFC 4733 section 2.5.1.3)."""
_VOLUME = 10
"""-dBm0 of the digits that we send."""


@dataclass(frozen=True, slots=True)
class Digit:
    """A digit that has ended."""

    digit: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class _Mark:
    """How long an event was when a packet came."""

    ticks: int
    sequence_number: int
    at: float


@dataclass(slots=True)
class _Event:
    code: int
    timestamp: int
    duration: int
    earlier: int
    """Duration of segments that are complete."""
    sequence_number: int
    last_packet: float
    first: _Mark
    grown: _Mark
    """The packet that made it longest."""


class TelephoneEventReceiver:
    """Turns one stream's event packets into digits. Timestamps and sequence numbers may wrap."""

    def __init__(self, clock_rate: int, audio_clock_rate: int | None = None) -> None:
        """`clock_rate` is telephone-event's, in Hz, as declared. None: the audio has the same.

        RFC 4733 section 2.1 wants one clock for both. Where a peer has two, its timestamps may run by either.
        """
        self.clock = EventClock(clock_rate, audio_clock_rate or clock_rate)
        self._segments = (_SEGMENT, _SEGMENT * self.clock.audio // clock_rate)
        """How far the timestamp may move from one segment of a long event to the next."""
        self._current: _Event | None = None
        self._last_timestamp: int | None = None
        self._reported: deque[int] = deque(maxlen=16)

    def receive(self, sequence_number: int, timestamp: int, payload: bytes, now: float) -> list[Digit]:
        """Digits that this packet ends: none, one, or the one before it and its own."""
        if len(payload) < _PAYLOAD.size:
            return []
        code, flags, duration = _PAYLOAD.unpack_from(payload)
        if code >= len(DIGITS):  # flash, tones: not digits
            return []
        timestamp = self._extend(timestamp)
        if timestamp in self._reported:
            return []
        digits: list[Digit] = []
        current = self._current
        if current is not None and timestamp != current.timestamp:
            if self._continues(current, code, sequence_number, timestamp, duration):
                if timestamp - current.timestamp in self._segments:
                    current.earlier += _SEGMENT
                    current.duration = 0
                self._reported.append(current.timestamp)
                current.timestamp = timestamp
            elif timestamp < current.timestamp:  # a late packet of an older event that we never saw
                return []
            else:
                digits.append(self._finish(current))
                current = None
        if current is None:
            first = _Mark(duration, sequence_number, now)
            current = _Event(code, timestamp, duration, 0, sequence_number, now, first, first)
            self._current = current
        if duration > current.duration:
            current.duration = duration
            current.grown = _Mark(current.earlier + duration, sequence_number, now)
        current.sequence_number = sequence_number
        current.last_packet = now
        if flags & 0x80:
            digits.append(self._finish(current))
        return digits

    def expire(self, now: float) -> list[Digit]:
        """The digit whose end packets were lost, once its packets have stopped."""
        current = self._current
        if current is None or now - current.last_packet < _SILENCE:
            return []
        return [self._finish(current)]

    def _extend(self, timestamp: int) -> int:
        near = timestamp if self._last_timestamp is None else self._last_timestamp
        self._last_timestamp = unwrap(timestamp, near, 32)
        return self._last_timestamp

    def _continues(
        self, current: _Event, code: int, sequence_number: int, timestamp: int, duration: int
    ) -> bool:
        """Whether a new timestamp is the same key press still."""
        if code != current.code:
            return False
        if timestamp - current.timestamp in self._segments:
            return True
        # Some senders move the timestamp with each packet of one event: its duration then keeps growing.
        in_sequence = (sequence_number - current.sequence_number) & 0xFFFF == 1
        return in_sequence and duration > current.duration and timestamp > current.timestamp

    def _finish(self, event: _Event) -> Digit:
        self._reported.append(event.timestamp)
        self._current = None
        first, grown = event.first, event.grown
        packets = (grown.sequence_number - first.sequence_number) & 0xFFFF
        self.clock.learn(grown.ticks - first.ticks, packets, grown.at - first.at)
        ticks = event.earlier + event.duration
        return Digit(DIGITS[event.code], round(1000 * ticks / self.clock.rate))


@dataclass(frozen=True, slots=True)
class EventPacket:
    """What to send in place of audio in this frame."""

    payload: bytes
    marker: bool
    timestamp: int
    """Of the event's begin; the same in all of its packets."""


class TelephoneEventSender:
    """Spells digits as packets, one step each 20 ms. Audio pauses while `active`."""

    TONE_STEPS = 5
    PAUSE_STEPS = 3
    END_PACKETS = 3
    MAX_QUEUED = 64

    def __init__(self, clock_rate: int) -> None:
        """`clock_rate` is telephone-event's, in Hz: durations count in it."""
        self.clock_rate = clock_rate
        self._queue: deque[int] = deque()
        self._code: int | None = None
        self._begin = 0
        self._steps = 0

    @property
    def active(self) -> bool:
        """Whether there is something to send."""
        return self._code is not None or bool(self._queue)

    def enqueue(self, digits: str) -> None:
        """Queue digits. Raises ValueError for what is no digit, or when the queue is full."""
        codes = [DIGITS.find(digit.upper()) for digit in digits]
        if -1 in codes:
            raise ValueError("digits are 0-9, *, # and A-D")
        if len(self._queue) + len(codes) > self.MAX_QUEUED:
            raise ValueError(f"more than {self.MAX_QUEUED} digits are queued")
        self._queue.extend(codes)

    def step(self, timestamp: int) -> list[EventPacket]:
        """The packets of this frame; `timestamp` is what audio would carry now."""
        if self._code is None:
            if not self._queue:
                return []
            self._code = self._queue.popleft()
            self._begin = timestamp
            self._steps = 0
        self._steps += 1
        if self._steps < self.TONE_STEPS:
            return [self._packet(end=False)]
        if self._steps == self.TONE_STEPS:  # RFC 4733 section 2.5.1.4: the end packet three times
            return [self._packet(end=True)] * self.END_PACKETS
        if self._steps >= self.TONE_STEPS + self.PAUSE_STEPS:
            self._code = None
        return []

    def _packet(self, *, end: bool) -> EventPacket:
        code = self._code if self._code is not None else 0
        payload = _PAYLOAD.pack(code, (0x80 if end else 0) | _VOLUME, self._steps * self.clock_rate // 50)
        return EventPacket(payload, self._steps == 1, self._begin)
