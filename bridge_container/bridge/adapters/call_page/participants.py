"""The browsers that joined by the page: their legs, their secret resources, and who is in their calls.

Holds no audio and no HTTP. A participant's resource is a secret that lets its holder mute and leave; its
leg's id is what everybody in the call sees. Imports the media engine's port.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections import Counter
from dataclasses import dataclass, field

from bridge.calls.media_engine import LegFailed, MediaEngine, MediaError, MediaEvent, RoomMember

LEG_PREFIX = "webrtc-"
_FRESH = 0.15
"""Seconds for which a list of members serves everybody who asks."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CallPageParticipant:
    """One browser in a call."""

    leg_id: str
    room: str
    resource: str = field(repr=False)
    """Names the participant in URLs; known to its browser alone."""


class CallIsFullError(Exception):
    """No place left in the call or, when `busy`, on the bridge or among those joining: that passes."""

    def __init__(self, why: str, *, busy: bool) -> None:
        super().__init__(why)
        self.busy = busy


class CallPageParticipants:
    """All browsers of this bridge."""

    def __init__(self, engine: MediaEngine, *, most: int, per_call: int, negotiations: int) -> None:
        self._engine = engine
        self._most = most
        self._per_call = per_call
        self._negotiations = negotiations
        self._negotiating = 0
        self._by_resource: dict[str, CallPageParticipant] = {}
        self._by_leg: dict[str, CallPageParticipant] = {}
        self._in_room: Counter[str] = Counter()
        self._listings: dict[str, tuple[float, asyncio.Task[str]]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._by_resource)

    async def join(self, room: str, name: str, offer: str) -> tuple[CallPageParticipant, str]:
        """Open a leg for a browser's offer; also returns the answer.

        Raises `CallIsFullError`, or the engine's `OfferRefusedError` and `MediaError`.
        """
        if self._in_room[room] >= self._per_call:
            raise CallIsFullError(f"expected at most {self._per_call} browsers in a call", busy=False)
        if len(self) >= self._most:
            raise CallIsFullError(f"expected at most {self._most} browsers on this bridge", busy=True)
        if self._negotiating >= self._negotiations:
            raise CallIsFullError(f"expected at most {self._negotiations} to join at once", busy=True)
        participant = CallPageParticipant(LEG_PREFIX + secrets.token_hex(8), room, secrets.token_urlsafe(16))
        self._add(participant)
        self._negotiating += 1
        try:
            answer = await self._engine.open_webrtc_leg(participant.leg_id, room, name, offer)
        except BaseException:
            self._remove(participant)
            raise
        finally:
            self._negotiating -= 1
        return participant, answer

    def find(self, room: str, resource: str) -> CallPageParticipant | None:
        """The participant of a room that holds this resource."""
        participant = self._by_resource.get(resource)
        return participant if participant is not None and participant.room == room else None

    async def mute(self, participant: CallPageParticipant, muted: bool) -> None:
        """Stop or resume what others hear."""
        await self._engine.mute(participant.leg_id, muted)

    async def leave(self, participant: CallPageParticipant) -> None:
        """End the leg. Leaving twice is no error."""
        if self._remove(participant):
            await self._engine.close_leg(participant.leg_id)

    async def listing(self, room: str) -> str:
        """Who is in the room, browsers and phones, as JSON; one answer serves all that ask at once."""
        now = asyncio.get_running_loop().time()
        self._listings = {name: kept for name, kept in self._listings.items() if now - kept[0] < _FRESH}
        if room not in self._listings:
            self._listings[room] = (now, asyncio.ensure_future(self._list(room)))
        return await asyncio.shield(self._listings[room][1])

    async def _list(self, room: str) -> str:
        return json.dumps({"participants": [_shown(member) for member in await self._engine.members(room)]})

    def media_event(self, event: MediaEvent) -> None:
        """Hear what the engine tells; an ended leg of ours is closed and forgotten."""
        participant = self._by_leg.get(event.leg_id)
        if participant is None or not isinstance(event, LegFailed):
            return
        _log.info("participant lost", extra={"leg_id": event.leg_id, "why": event.why})
        task = asyncio.ensure_future(self._leave_quietly(participant))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """End all legs."""
        for participant in list(self._by_resource.values()):
            await self._leave_quietly(participant)
        await asyncio.gather(*self._closing)

    async def _leave_quietly(self, participant: CallPageParticipant) -> None:
        try:
            await self.leave(participant)
        except MediaError as error:
            _log.warning("leg not closed", extra={"leg_id": participant.leg_id, "why": str(error)})

    def _add(self, participant: CallPageParticipant) -> None:
        self._by_resource[participant.resource] = participant
        self._by_leg[participant.leg_id] = participant
        self._in_room[participant.room] += 1

    def _remove(self, participant: CallPageParticipant) -> bool:
        if self._by_resource.pop(participant.resource, None) is None:
            return False
        del self._by_leg[participant.leg_id]
        self._in_room[participant.room] -= 1
        if not self._in_room[participant.room]:
            del self._in_room[participant.room]
        return True


def _shown(member: RoomMember) -> dict[str, object]:
    """A member as everybody in the call may see it."""
    return {
        "id": member.leg_id,
        "kind": member.kind,
        "name": member.name,
        "level": round(member.level, 3),
        "muted": member.muted,
    }
