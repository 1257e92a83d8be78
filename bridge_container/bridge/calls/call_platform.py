"""The port to where calls live: the bridge's own rooms, Stream, later others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from trunking.call import CallIdentity
from trunking.termination import Termination


@dataclass(frozen=True, slots=True)
class PlatformUser:
    """Who the phone is in the call."""

    user_id: str
    name: str
    """Shown to others: the caller's name or number."""
    custom_data: Mapping[str, Any]
    phone_number: str = ""
    """The caller's number in E.164; empty for an anonymous caller."""


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """A phone asks to be in a call. Its media leg is open in the media engine under `leg_id`."""

    call: CallIdentity
    user: PlatformUser
    call_custom_data: Mapping[str, Any]
    leg_id: str
    sip_call_id: str


@dataclass(frozen=True, slots=True)
class ParticipantEnded:
    """The call side ended the participation."""

    leg_id: str
    termination: Termination
    detail: str


class CallParticipant(Protocol):
    """A phone that is in a call."""

    async def send_dtmf(self, digit: str, duration_ms: int) -> None:
        """Tell the call that the phone pressed a digit (Stream: `call.dtmf`)."""
        ...

    async def leave(self) -> None:
        """Leave the call. Leaving twice is no error. The media leg stays the caller's to close."""
        ...


class CallPlatform(Protocol):
    """Where calls live."""

    name: str
    """`embedded`, `stream`."""

    def room(self, call: CallIdentity, sip_call_id: str) -> str:
        """The media engine's room for a phone that is about to join `call`."""
        ...

    async def join(self, request: JoinRequest, ended: Callable[[ParticipantEnded], None]) -> CallParticipant:
        """Join; returns when audio can flow. Raises `CallPlatformError` with the reason."""
        ...

    async def close(self) -> None:
        """Leave all calls and free everything."""
        ...


@runtime_checkable
class CallDirectory(Protocol):
    """A platform that knows calls by routing number and keeps their PINs. Raises `CallPlatformError`."""

    async def find_call(self, application_id: str, routing_number: str) -> CallIdentity | None:
        """The call that has this routing number; None when none has."""
        ...

    async def call_pin(self, call: CallIdentity) -> str | None:
        """The PIN of this very call; None when it has none of its own."""
        ...


class CallPlatformError(Exception):
    """Joining failed; `termination` gives the SIP status and the operator's reason."""

    def __init__(self, termination: Termination, detail: str) -> None:
        super().__init__(detail)
        self.termination = termination
        self.detail = detail
