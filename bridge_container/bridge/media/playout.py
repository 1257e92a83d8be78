"""The jitter buffer of one stream: packets in at any time, exactly one frame out each 20 ms.

A stream starts, and starts again after it ran dry, when its first packet has waited as long as the delay
estimator asks; from then on a cursor walks along the timestamps. What is missing is recovered from Opus
FEC, concealed by the codec, or concealed by waveform, and fades into comfort noise. Delay that is no longer
needed, or that comes to be needed, is taken out or put in by a pitch period at a time, which also follows a
sender whose clock drifts. The clock is the caller's: `now` must advance by 20 ms from pull to pull. Imports
bridge.media.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from bridge.media.codec import Decoder
from bridge.media.comfort_noise import ComfortNoise, level_of_payload
from bridge.media.concealment import Concealment
from bridge.media.g711 import Samples
from bridge.media.packet_store import Arrival, PacketStore
from bridge.media.time_scaling import LONGEST_PERIOD, lengthen, shorten
from bridge.media.waveform import root_mean_square

FRAME_SECONDS = 0.02
_TOO_MUCH = 0.025
"""Seconds of delay above the target from which it is taken out; above one frame, or it would swing."""
_FAR_TOO_MUCH = 0.1
"""Seconds above the target from which delay is taken out of speech too; below, only where it is quiet."""
_QUIET = 150.0
"""Root mean square of a frame in which a cut goes unheard."""
_TOO_LITTLE = -0.003
_FADED = 0.12
"""Seconds of concealment after which there is only comfort noise."""
_HUSH = 5.0
"""Seconds of comfort noise after the last packet; then the stream counts as silent."""
_EVENT_SPACING = 0.06
"""Seconds after a telephone-event packet in which no audio is missed: events may be 50 ms apart."""
_LOSS_MEMORY = 0.01
"""Weight of one frame in the recent share of lost ones."""
_LOSSY = 0.01
_LOSSLESS = 0.003
_LEARN_EACH = 16
"""Frames between two looks at the background noise and at redundancy."""


@dataclass(slots=True)
class PlayoutCounts:
    """What happened since the stream began. Samples are at the room's rate."""

    late: int = 0
    duplicated: int = 0
    invalid: int = 0
    played: int = 0
    """Samples decoded from packets."""
    concealed: int = 0
    """Samples made up for lost or late packets."""
    recovered: int = 0
    """Samples from in-band FEC."""
    shortened: int = 0
    lengthened: int = 0

    @property
    def concealed_ratio(self) -> float:
        """Share of what was heard that had to be made up."""
        total = self.played + self.concealed + self.recovered
        return self.concealed / total if total else 0.0


class Playout:
    """Feeds one leg's audio into its room."""

    def __init__(
        self, decoder: Decoder, clock_rate: int, rate: int, counts: PlayoutCounts | None = None
    ) -> None:
        self._decoder = decoder
        self._store = PacketStore(clock_rate)
        self._ticks = clock_rate / rate
        self._rate = rate
        self._frame = rate // 50
        self._dry = True
        """Nothing to play: not begun, or made up until packets come again."""
        self._rest: Samples | None = None
        self._history: deque[Samples] = deque(maxlen=4)
        self._concealment: Concealment | None = None
        self._made_up = 0
        """Samples made up without a break."""
        self._doubtful = 0
        """Of those, the ones that count as concealed: taken back if nothing turns out to be missing."""
        self._nothing_missing = False
        """Until the next packet is played: it waits for its time, or packets went another way until now."""
        self._paused_until = float("-inf")
        self._noise = ComfortNoise()
        self._until_learning = _LEARN_EACH
        self._recent_loss = 0.0
        self._hushed = 0
        """Samples of comfort noise since the last packet."""
        self.counts = counts if counts is not None else PlayoutCounts()

    @property
    def delay(self) -> float:
        """Seconds that packets wait on purpose, to even out jitter."""
        estimator = self._store.estimator
        return 0.0 if estimator.empty else estimator.target - estimator.quickest

    def insert(self, timestamp: int, payload: bytes, now: float) -> None:
        """Take a packet; `timestamp` is the 32-bit field."""
        self._hushed = 0
        arrival = self._store.insert(timestamp, payload, now)
        if arrival is Arrival.LATE:
            self.counts.late += 1
        elif arrival is Arrival.DUPLICATED:
            self.counts.duplicated += 1
        elif arrival is Arrival.RESTARTED:
            self._dry = True

    def comfort(self, payload: bytes, now: float) -> None:
        """Take a comfort-noise packet (RFC 3389): the sender is silent by intention."""
        self._hushed = 0
        self._noise.level = level_of_payload(payload)

    def pause(self, now: float, *, complete: bool) -> None:
        """An event stands in place of audio (RFC 4733 section 2.5.1.2): nothing is lost or made up.

        `complete`: no packet is missing before the event's.
        """
        self._hushed = 0
        self._paused_until = now + _EVENT_SPACING
        if not complete:
            self._doubtful = 0
        elif self._dry:
            self._take_back()

    def end_silence(self) -> None:
        """The peer was silent by intention: what was made up meanwhile stood for nothing that was lost."""
        if self._dry:
            self._take_back()
            self._nothing_missing = True

    def _take_back(self) -> None:
        self.counts.concealed -= self._doubtful
        self._doubtful = 0
        self._recent_loss = 0.0

    def pass_through(self) -> None:
        """A packet of audio goes to the other leg as it is: heard, though not here."""
        self.counts.played += self._frame

    def restart(self) -> None:
        """Another source: forget what waits, keep the counts."""
        self._store.clear()
        self._dry = True

    def begin_anew(self) -> None:
        """Packets went, or go, another way: forget what was heard too, nothing can be made up from it."""
        self.restart()
        self._history.clear()
        self._rest = None
        self._concealment = None
        self._made_up = self._doubtful = 0
        self._nothing_missing = True
        self._recent_loss = 0.0

    def pull(self, now: float) -> Samples | None:
        """The frame to be heard now; None when nothing is."""
        if self._rest is None:
            samples = self._next(now)
            if samples is None:
                return None
            if len(samples) == self._frame and (self._dry or self._at_ease(now, 0)):
                self._history.append(samples)
                return samples
        else:
            samples = self._rest
        while len(samples) < self._frame:
            more = self._next(now)
            if more is None:
                more = np.zeros(self._frame - len(samples), np.int16)
            samples = np.concatenate((samples, more))
        if not self._dry and self._concealment is None:
            samples = self._adjust(samples, now)
        frame = samples[: self._frame]
        self._rest = samples[self._frame :] if len(samples) > self._frame else None
        self._history.append(frame)
        return frame

    def _at_ease(self, now: float, rest: int) -> bool:
        """Whether the delay needs no change when `rest` samples are left over after this frame."""
        spare = self._store.spare(now) + FRAME_SECONDS
        return spare >= _TOO_LITTLE and spare + rest / self._rate <= _TOO_MUCH

    def _adjust(self, samples: Samples, now: float) -> Samples:
        rest = len(samples) - self._frame
        if self._at_ease(now, rest):
            return samples
        if self._store.spare(now) + FRAME_SECONDS < _TOO_LITTLE:
            longer = lengthen(samples, self._rate)
            self.counts.lengthened += len(longer) - len(samples)
            return longer
        excess = self._store.spare(now) + FRAME_SECONDS + rest / self._rate
        if excess < _FAR_TOO_MUCH and root_mean_square(samples) > _QUIET:
            return samples
        if rest < LONGEST_PERIOD * self._rate:  # a frame must be left when a period is taken out
            payload = self._store.take()
            if payload is None:
                return samples
            samples = np.concatenate((samples, self._decoded(payload, now)))
        shorter = shorten(samples, self._rate)
        self.counts.shortened += len(samples) - len(shorter)
        return shorter

    def _next(self, now: float) -> Samples | None:
        """The samples at the cursor, decoded or made up; None in silence."""
        store = self._store
        if not self._dry:
            payload = store.take()
            if payload is not None:
                return self._decoded(payload, now)
        first = store.first()
        if self._dry:
            if first is None or not store.due(first, now):
                return self._make_up(self._frame, now)
            store.cursor = first
            self._dry = False
            return self._decoded(store.waiting.pop(first), now)
        if first is None:
            self._dry = True
            return self._make_up(self._frame, now)
        return self._bridge(first, now)

    def _decoded(self, payload: bytes, now: float) -> Samples:
        samples = self._decoder.decode(payload) if payload else None
        if samples is None or len(samples) == 0:
            self.counts.invalid += 1
            made_up = self._make_up(self._frame, now)
            samples = np.zeros(self._frame, np.int16) if made_up is None else made_up
            self._advance(len(samples))
            return samples
        self._advance(len(samples))
        self.counts.played += len(samples)
        self._made_up = self._doubtful = 0
        self._nothing_missing = False
        self._recent_loss -= self._recent_loss * _LOSS_MEMORY
        if self._concealment is not None:
            samples = self._concealment.merge(samples)
            self._concealment = None
        self._until_learning -= 1
        if self._until_learning == 0:
            self._until_learning = _LEARN_EACH
            self._noise.learn(samples)
            self._wait_for_redundancy(payload)
        return samples

    def _wait_for_redundancy(self, payload: bytes) -> None:
        """A lost Opus frame can be recovered from the next packet, if that is there in time: wait for it."""
        estimator = self._store.estimator
        if self._recent_loss > _LOSSY and estimator.margin == 0.0 and self._decoder.redundant(payload):
            estimator.margin = FRAME_SECONDS
        elif self._recent_loss < _LOSSLESS:
            estimator.margin = 0.0

    def _bridge(self, first: int, now: float) -> Samples | None:
        """Fill the gap between the cursor and the packet that waits behind it."""
        cursor = self._store.cursor
        gap = self._frame if cursor is None else int((first - cursor) / self._ticks)
        count = max(1, min(gap, self._frame))
        self._advance(count)
        if gap <= self._frame:
            recovered = self._decoder.recover(self._store.waiting[first], count)
            if recovered is not None and len(recovered) == count:
                self._recent_loss += _LOSS_MEMORY
                self.counts.recovered += count
                self._made_up = self._doubtful = 0
                return recovered
        return self._make_up(count, now)

    def _advance(self, count: int) -> None:
        if self._store.cursor is not None:
            self._store.cursor += round(count * self._ticks)

    def _make_up(self, count: int, now: float) -> Samples | None:
        """`count` samples that nobody sent: concealment, then comfort noise, then nothing."""
        paused = now <= self._paused_until
        if paused or not self._history or self._made_up > _FADED * self._rate:
            return self._hush(count)
        self._made_up += count
        if not self._nothing_missing:
            self._doubtful += count
            self._recent_loss += _LOSS_MEMORY
            self.counts.concealed += count
        samples = self._decoder.conceal(count)
        if samples is not None and len(samples) == count:
            return samples
        if self._concealment is None:
            self._concealment = Concealment(np.concatenate(self._history), self._rate)
        gain = self._concealment.gain
        samples = self._concealment.produce(count)
        noise = self._noise.produce(count)
        if noise is not None and gain < 1.0:
            samples = samples + (noise * np.float32(1.0 - gain)).astype(np.int16)
        return samples

    def _hush(self, count: int) -> Samples | None:
        """Comfort noise while the stream may go on; None once it has ended."""
        self._hushed += count
        if self._hushed > _HUSH * self._rate:
            return None
        return self._noise.produce(count)
