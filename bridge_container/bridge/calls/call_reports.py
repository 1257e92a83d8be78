"""The ports by which call control tells the outside what happened. None of them may block or raise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from bridge.calls.media_engine import LegStatistics
from trunking.call_record import CallRecord
from trunking.live_quality import CallQuality
from trunking.termination import Termination


class CallRecords(Protocol):
    """Keeps the record of each SIP call."""

    def put(self, record: CallRecord) -> None:
        """Store the record as it stands now; a later one with the same id replaces it."""
        ...


class CallEvents(Protocol):
    """Publishes what happens to SIP calls."""

    def emit(self, kind: str, application_id: str | None, version: int, subject: Mapping[str, Any]) -> None:
        """Publish `sip.call.<kind>`; `version` counts the events of one SIP call from 1."""
        ...


class QualityReports(Protocol):
    """Shows the quality of calls while they run."""

    async def put(self, portion: int, calls: Sequence[CallQuality]) -> None:
        """Show the figures in place of those that were put for the same portion before. Does not raise."""
        ...


class CallMeters(Protocol):
    """Counts. Names and labels are bounded; nothing that a stranger sends becomes a label."""

    def arrived(self) -> None:
        """An INVITE came that may become a call."""
        ...

    def challenged(self) -> None:
        """An INVITE without usable credentials was challenged."""
        ...

    def answered(self, seconds: float) -> None:
        """A call was answered, `seconds` after its INVITE."""
        ...

    def ended(self, termination: Termination, *, answered: bool, seconds: float) -> None:
        """A call ended, or was rejected, `seconds` after its INVITE."""
        ...

    def measured(self, figures: LegStatistics) -> None:
        """The quality of one running call, since it was last measured."""
        ...

    def refused(self, why: str) -> None:
        """A request was refused or dropped outside of any call."""
        ...

    def illegal(self, state: str, trigger: str) -> None:
        """A call's state machine met a trigger that its table does not allow."""
        ...

    def active(self, calls: int) -> None:
        """So many calls are alive now."""
        ...
