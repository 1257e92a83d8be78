"""A room: legs that hear each other and not themselves (mix-minus). One step each 20 ms.

Two legs hear each other's frames as they are. From three on, the sum of all is made once and each speaker's
own share is taken out; listeners that say nothing get the same mix, encoded once for each stateless codec.
Above a limit only the loudest speakers are mixed. A limiter keeps the sum within 16 bits without clipping.
Two legs with one codec are passed through, packet by packet, without a step. Imports bridge.media.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bridge.media.codec import NARROWBAND, WIDEBAND, AudioFormat
from bridge.media.g711 import Samples
from bridge.media.limiter import Limiter
from bridge.media.media_leg import MediaLeg
from bridge.media.speaker_selection import SpeakerSelection

_REVIEW_STEPS = 50
"""Steps between two looks at whether a room that mixes could pass through: a prompt may have ended."""

Mix = npt.NDArray[np.int32]


class Room:
    """Legs in one call, present or not yet."""

    def __init__(self, name: str, max_speakers: int = 8) -> None:
        self.name = name
        self.legs: dict[str, MediaLeg] = {}
        self.rate = NARROWBAND
        self.passthrough = False
        """Whether the two legs exchange packets without a codec between them."""
        self._selection = SpeakerSelection(max_speakers)
        self._limiters: dict[str, Limiter] = {}
        self._until_review = _REVIEW_STEPS

    def add(self, leg: MediaLeg) -> None:
        """Take a leg into the room. It is heard once it is `present`."""
        self.legs[leg.leg_id] = leg
        leg.set_rate(self.rate)

    def remove(self, leg_id: str) -> None:
        """Let a leg go."""
        leg = self.legs.pop(leg_id, None)
        self._limiters.pop(leg_id, None)
        if leg is not None:
            leg.incoming.forward_to = None
        self.arrange()

    def arrange(self) -> None:
        """Decide the rate and whether to pass through; call after anything about a leg has changed."""
        present = [leg for leg in self.legs.values() if leg.present and leg.format is not None]
        wide = sum(leg.format.audio.wideband for leg in present if leg.format is not None)
        rate = WIDEBAND if wide >= 2 else NARROWBAND
        if rate != self.rate:
            self.rate = rate
            self._limiters.clear()
        for leg in self.legs.values():
            leg.set_rate(self.rate)
        passthrough = len(present) == 2 and _match(present[0], present[1])
        for leg in self.legs.values():
            leg.incoming.forward_to = None
        if passthrough:
            first, second = present
            first.incoming.forward_to = second.outgoing
            second.incoming.forward_to = first.outgoing
        if self.passthrough != passthrough:
            for leg in self.legs.values():
                leg.outgoing.stop_forwarding()
                leg.incoming.restart()
        self.passthrough = passthrough
        self._until_review = _REVIEW_STEPS

    def step(self, now: float) -> None:
        """Advance all legs by 20 ms."""
        if self.passthrough and not self._interrupted():
            for leg in self.legs.values():
                leg.incoming.step(now)
                if not leg.present:
                    leg.push(None)
            return
        self._until_review -= 1
        if self._until_review <= 0:
            self.arrange()
        frames: dict[str, Samples] = {}
        for leg_id, leg in self.legs.items():
            frame = leg.pull(now)
            if frame is not None:
                frames[leg_id] = frame
        if len(frames) > self._selection.limit:
            frames = self._selection.choose(frames)
        self._deliver(frames)

    def _interrupted(self) -> bool:
        """A leg in passthrough that must hear a prompt or send digits: its room mixes meanwhile."""
        for leg in self.legs.values():
            events = leg.outgoing.events
            if leg.present and (leg.playing or (events is not None and events.active)):
                self.arrange()
                return not self.passthrough
        return False

    def _deliver(self, frames: dict[str, Samples]) -> None:
        # Two speakers and nobody else: each hears the other's frame as it is.
        alone = len(frames) == 2 and len(self.legs) == 2
        total = _sum(frames) if len(frames) > 1 and not alone else None
        only = next(iter(frames)) if len(frames) == 1 else None
        shared: Samples | None = None
        payloads: dict[AudioFormat, bytes] = {}
        for leg_id, leg in self.legs.items():
            if not leg.present:
                leg.push(None)
                continue
            own = frames.get(leg_id)
            if own is not None:
                leg.push(self._without(leg_id, own, total, frames))
                continue
            if shared is None:
                shared = frames[only] if only is not None else None
                if total is not None:
                    shared = self._limiter("").limit(total)
            key = leg.shareable if shared is not None else None
            if key is None or shared is None:
                leg.push(shared)
                continue
            payload = payloads.get(key)
            if payload is None:
                payload = payloads[key] = leg.encode_once(shared)
            leg.outgoing.send_payload(payload)

    def _without(
        self, leg_id: str, own: Samples, total: Mix | None, frames: dict[str, Samples]
    ) -> Samples | None:
        """What a speaker hears: everybody but itself."""
        if len(frames) == 1:
            return None
        if total is None or len(frames) == 2:
            return next(frame for other, frame in frames.items() if other != leg_id)
        return self._limiter(leg_id).limit(total - own)

    def _limiter(self, key: str) -> Limiter:
        limiter = self._limiters.get(key)
        if limiter is None:
            limiter = self._limiters[key] = Limiter()
        return limiter


def _sum(frames: dict[str, Samples]) -> Mix:
    total: Mix | None = None
    for frame in frames.values():
        total = frame.astype(np.int32) if total is None else np.add(total, frame, out=total)
    if total is None:
        raise ValueError("nothing to mix")
    return total


def _match(first: MediaLeg, second: MediaLeg) -> bool:
    """Whether two legs can exchange packets as they are."""
    one, other = first.format, second.format
    if one is None or other is None:
        return False
    if (one.audio.name, one.audio.clock_rate) != (other.audio.name, other.audio.clock_rate):
        return False
    for leg, leg_format in ((first, one), (second, other)):
        if leg.muted or leg.playing or leg_format.detect_tones:
            return False
        if not leg_format.send or not leg_format.receive or not leg.outgoing.encodes_whole_frames():
            return False
        events = leg.outgoing.events
        if events is not None and events.active:
            return False
    return True
