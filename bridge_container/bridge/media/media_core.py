"""The engine's pure heart: all legs and rooms of one worker, stepped by tick number and `now`.

Packets and `now` in; packets (on each leg's outgoing stream) and events out. Whoever owns the sockets and
the clock calls `step` each 5 ms. A room is stepped every fourth tick; rooms are spread over the four.
Imports bridge.media.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bridge.media.media_leg import MediaLeg
from bridge.media.room import Room

TICK_SECONDS = 0.005
PHASES = 4
"""Ticks in a frame."""
_SLOTS = 200
"""Ticks between two looks at a leg's timeout and reports; legs are spread over them."""


@dataclass(frozen=True, slots=True)
class DigitHeard:
    """A leg's peer pressed a digit, exactly once, at its end."""

    leg_id: str
    digit: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class FirstPacketCame:
    """A leg's first valid packet."""

    leg_id: str


@dataclass(frozen=True, slots=True)
class PeerWentSilent:
    """No packet for longer than the leg's timeout. Reported once."""

    leg_id: str


CoreEvent = DigitHeard | FirstPacketCame | PeerWentSilent


class MediaCore:
    """Legs by id, rooms by name."""

    def __init__(self, max_speakers: int = 8) -> None:
        self.legs: dict[str, MediaLeg] = {}
        self.rooms: dict[str, Room] = {}
        self._max_speakers = max_speakers
        self._room_of: dict[str, Room] = {}
        self._phases: list[dict[str, Room]] = [{} for _ in range(PHASES)]
        self._slots: list[dict[str, MediaLeg]] = [{} for _ in range(_SLOTS)]
        self._next_slot = 0
        self._heard: set[str] = set()
        self._silent: set[str] = set()
        self._events: list[CoreEvent] = []

    def add_leg(self, leg: MediaLeg, room_name: str) -> None:
        """Put a leg into a room, which comes into being with its first leg."""
        self.legs[leg.leg_id] = leg
        self._next_slot = (self._next_slot + 67) % _SLOTS  # neighbours in time are far apart
        self._slots[self._next_slot][leg.leg_id] = leg
        self._enter(leg, room_name)

    def move_leg(self, leg_id: str, room_name: str) -> None:
        """Take a leg to another room."""
        self._leave(leg_id)
        self._enter(self.legs[leg_id], room_name)

    def _enter(self, leg: MediaLeg, room_name: str) -> None:
        room = self.rooms.get(room_name)
        if room is None:
            room = self.rooms[room_name] = Room(room_name, self._max_speakers)
            min(self._phases, key=len)[room_name] = room
        self._room_of[leg.leg_id] = room
        room.add(leg)

    def remove_leg(self, leg_id: str) -> None:
        """Take a leg out; its room goes with its last leg."""
        self.legs.pop(leg_id, None)
        self._heard.discard(leg_id)
        self._silent.discard(leg_id)
        for slot in self._slots:
            slot.pop(leg_id, None)
        self._leave(leg_id)

    def _leave(self, leg_id: str) -> None:
        room = self._room_of.pop(leg_id, None)
        if room is None:
            return
        room.remove(leg_id)
        if not room.legs:
            del self.rooms[room.name]
            for phase in self._phases:
                phase.pop(room.name, None)

    def arrange(self, leg_id: str) -> None:
        """Something about a leg has changed: its room decides again how to carry audio."""
        self._room_of[leg_id].arrange()

    def room_members(self, room_name: str) -> list[MediaLeg]:
        """The present legs of a room; none when there is no such room."""
        room = self.rooms.get(room_name)
        return [] if room is None else [leg for leg in room.legs.values() if leg.present]

    def step(self, tick: int, now: float, stepped: Callable[[Room], None] | None = None) -> None:
        """Advance the rooms whose turn it is; `now` is the tick's nominal time.

        `stepped` is told each room right after its step, so that its packets need not wait for the others.
        """
        for room in tuple(self._phases[tick % PHASES].values()):
            room.step(now)
            if stepped is not None:
                stepped(room)
            for leg in room.legs.values():
                if leg.incoming.news:
                    self._tell_news(leg)
        for leg in self._slots[tick % _SLOTS].values():
            leg.report(now)
            if leg.leg_id not in self._silent and leg.timed_out(now):
                self._silent.add(leg.leg_id)
                self._events.append(PeerWentSilent(leg.leg_id))

    def _tell_news(self, leg: MediaLeg) -> None:
        leg.incoming.news = False
        if leg.leg_id not in self._heard:
            self._heard.add(leg.leg_id)
            self._events.append(FirstPacketCame(leg.leg_id))
        self._events += [
            DigitHeard(leg.leg_id, digit.digit, digit.duration_ms) for digit in leg.take_digits()
        ]

    def set_complexity(self, complexity: int) -> None:
        """Change the effort of all Opus encoders."""
        for leg in self.legs.values():
            leg.set_complexity(complexity)

    def take_events(self) -> list[CoreEvent]:
        """What happened since the last call."""
        events = self._events
        if events:
            self._events = []
        return events
