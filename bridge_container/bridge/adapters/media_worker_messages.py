"""What signalling and a media worker say to each other over their pipe. All of it can be pickled."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.adapters.media_settings import EngineLoad


@dataclass(frozen=True, slots=True)
class Request:
    """Call a method of the worker's engine."""

    number: int
    method: str
    """A name of `METHODS`."""
    arguments: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Adoption:
    """Open a phone leg; two socket descriptors follow on the pipe."""

    number: int
    leg_id: str
    room: str
    family: int


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a request or an adoption."""

    number: int
    value: object
    error: Exception | None
    """A `MediaError`, or one of its kinds, that the caller is to see."""


@dataclass(frozen=True, slots=True)
class LoadReport:
    """Once a second: also the sign that the worker lives."""

    load: EngineLoad


@dataclass(frozen=True, slots=True)
class Stop:
    """Close everything and end."""


METHODS = frozenset(
    {
        "configure_phone_leg",
        "move_leg",
        "join_room",
        "open_webrtc_leg",
        "mute",
        "send_dtmf",
        "play",
        "members",
        "statistics",
        "sample",
        "close_leg",
    }
)
"""What a request may name: the port's methods, but for those that the pool answers itself."""
