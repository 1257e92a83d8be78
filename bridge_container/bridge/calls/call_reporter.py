"""Says what happens to a call, everywhere alike: record, event, metric and log. Imports the trunking core."""

from __future__ import annotations

import logging
from typing import Any

from bridge.calls.call_log import log_call
from bridge.calls.call_ports import CallPorts
from bridge.calls.media_engine import LegStatistics
from bridge.calls.sip_call import SipCall, call_subject
from bridge.calls.termination_status import TERMINATION_STATUS
from trunking.termination import Termination


class CallReporter:
    """Reports on calls that were admitted; `reception` does so for those that were not."""

    def __init__(self, ports: CallPorts) -> None:
        self._ports = ports

    def received(self, call: SipCall) -> None:
        """The call is admitted and routed."""
        self._ports.records.put(call.snapshot())
        self._emit(call, "received")
        log_call(call.record, "call received", source=call.record.source, rule_id=call.route.rule.id)

    def answered(self, call: SipCall) -> None:
        """The caller is in the call."""
        self._ports.meters.answered(self._ports.clock.monotonic() - call.began)
        self._ports.records.put(call.snapshot())
        self._emit(call, "answered", codec=call.record.codec)
        log_call(call.record, "call answered", codec=call.record.codec)

    def digit(self, call: SipCall, digit: str, duration_ms: int) -> None:
        """The caller pressed a key in the call; in the event with Stream's fields, nowhere else."""
        at = self._ports.clock.utc()
        call.step(at, "dtmf", duration_ms=duration_ms)
        self._emit(
            call,
            "dtmf",
            digit=digit,
            duration_ms=duration_ms,
            seq_number=call.dtmf_count,
            timestamp=at.isoformat(),
        )

    def ended(self, call: SipCall, termination: Termination, detail: str, figures: LegStatistics) -> None:
        """The call is over and everything that it held is free."""
        ports = self._ports
        at = ports.clock.utc()
        status = 200 if call.answered else TERMINATION_STATUS[termination].status
        what = "ended" if call.answered else "rejected"
        call.step(at, "ended", termination=termination.value, detail=detail)
        call.finish(at, termination, status, figures)
        seconds = ports.clock.monotonic() - call.began
        ports.meters.ended(termination, answered=call.answered, seconds=seconds)
        ports.records.put(call.snapshot())
        facts = {"termination": termination.value, "sip_status": status, "detail": detail}
        quality = dict(call.record.quality)
        self._emit(call, what, **facts, duration_ms=round(seconds * 1000), quality=quality)
        log_call(call.record, f"call {what}", logging.INFO, **facts, seconds=round(seconds, 3))

    def illegal(self, call: SipCall, trigger: str) -> None:
        """The call's table does not allow the trigger: nothing changed."""
        self._ports.meters.illegal(call.state.value, trigger)
        log_call(call.record, "illegal trigger", logging.WARNING, state=call.state.value, trigger=trigger)

    def _emit(self, call: SipCall, kind: str, **more: Any) -> None:
        call.events_emitted += 1
        subject = {**call_subject(call.record), **more}
        self._ports.events.emit(kind, call.record.application_id, call.events_emitted, subject)
