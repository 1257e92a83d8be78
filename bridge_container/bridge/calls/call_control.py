"""What happens to SIP calls: arrival, set-up, digits, re-offers and the one end of each.

Takes the endpoint's and the media engine's events, decides, and acts through its ports. No socket, no clock
of its own, no AWS. The set-up's waiting part is in `call_setup`, the rules of who may call in
`trunk_identification` and `admission`. Imports sip and the trunking core.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from bridge.calls.call_log import log_call
from bridge.calls.call_platform import CallParticipant, CallPlatformError, ParticipantEnded
from bridge.calls.call_ports import CallPorts
from bridge.calls.call_reporter import CallReporter
from bridge.calls.call_settings import CallSettings
from bridge.calls.call_setup import CallSetup, SetupError
from bridge.calls.call_state import CallState, Trigger
from bridge.calls.digit_info import parse_digit
from bridge.calls.media_engine import (
    DtmfReceived,
    LegConnected,
    LegFailed,
    LegStatistics,
    MediaError,
    MediaEvent,
    MediaFullError,
)
from bridge.calls.reception import CallDecisions, Reception, reject
from bridge.calls.sip_call import SipCall
from bridge.calls.termination_status import reason_header
from bridge.sip.events import (
    AckReceived,
    CallCancelled,
    CallEnded,
    InfoReceived,
    InviteReceived,
    ReinviteReceived,
    RequestRefused,
    SipEvent,
    TransferReported,
)
from trunking.termination import Termination

_ENDED_BY_PEER: dict[str, Termination] = {
    "bye": Termination.CALLER_HUNG_UP,
    "ack_timeout": Termination.ACK_TIMEOUT,
    "session_expired": Termination.SESSION_EXPIRED,
    "transport_failed": Termination.TRANSPORT_FAILED,
    "dialog_failed": Termination.TRANSPORT_FAILED,
}
_ENDED_BY_LEG: dict[str, Termination] = {
    "media_timeout": Termination.MEDIA_TIMEOUT,
    "worker_failed": Termination.MEDIA_WORKER_FAILED,
}


class CallControl:
    """All SIP calls of this bridge."""

    def __init__(self, ports: CallPorts, decisions: CallDecisions, settings: CallSettings) -> None:
        self._ports = ports
        self._decisions = decisions
        self._settings = settings
        self._reporter = CallReporter(ports)
        self._reception = Reception(ports, decisions, settings)
        self._setup = CallSetup(ports, decisions.negotiation, settings)
        self._calls: dict[str, SipCall] = {}
        self._by_leg: dict[str, SipCall] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._handlers: dict[type, Callable[[Any], None]] = {
            InviteReceived: self._invite_received,
            CallCancelled: self._call_cancelled,
            AckReceived: self._ack_received,
            ReinviteReceived: self._reinvite_received,
            InfoReceived: self._info_received,
            CallEnded: self._call_ended,
            TransferReported: self._transfer_reported,
            RequestRefused: self._request_refused,
        }

    @property
    def calls(self) -> int:
        """SIP calls that are alive."""
        return len(self._calls)

    def connected(self) -> list[SipCall]:
        """The calls in which the caller has joined."""
        return [call for call in self._calls.values() if call.state is CallState.CONNECTED]

    def sip_event(self, event: SipEvent) -> None:
        """Take what the SIP endpoint tells."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def media_event(self, event: MediaEvent) -> None:
        """Take what the media engine tells about the legs of SIP calls; others are not ours."""
        call = self._by_leg.get(event.leg_id)
        if call is None or not call.alive:
            return
        if isinstance(event, DtmfReceived):
            self._digit(call, event.digit, event.duration_ms)
        elif isinstance(event, LegConnected):
            call.step(self._ports.clock.utc(), "media_connected")
        elif isinstance(event, LegFailed):
            termination = _ENDED_BY_LEG.get(event.why, Termination.INTERNAL_ERROR)
            self.end(call, termination, f"the media leg ended: {event.why}")

    def end_all(self, termination: Termination, detail: str) -> None:
        """End every call: the drain's deadline, or the bridge's stop."""
        for call in list(self._calls.values()):
            self.end(call, termination, detail)

    async def idle(self) -> None:
        """Wait until no call is alive."""
        await self._idle.wait()

    async def finished(self) -> None:
        """Wait until everything that was begun for calls is done."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    # Arrival

    def _invite_received(self, event: InviteReceived) -> None:
        call = self._reception.receive(event)
        if call is None:
            return
        ports = self._ports
        self._calls[call.handle] = call
        self._by_leg[call.leg_id] = call
        self._idle.clear()
        ports.meters.active(len(self._calls))
        self._advance(call, Trigger.ROUTED)
        self._reporter.received(call)
        call.setup = self._start(self._run_setup(call))
        call.setup.add_done_callback(lambda task: self._setup_done(call, task))

    async def _run_setup(self, call: SipCall) -> None:
        try:
            await self._setup.run(call, self._advance, lambda ended: self._participant_ended(call, ended))
        except SetupError as failure:
            self.end(call, failure.termination, failure.detail)
        except CallPlatformError as failure:
            self.end(call, failure.termination, failure.detail)
        except MediaFullError as failure:
            self.end(call, Termination.BRIDGE_FULL, str(failure))
        except MediaError as failure:
            self.end(call, Termination.MEDIA_WORKER_FAILED, str(failure))
        else:
            if call.alive:
                self._connected(call)

    def _setup_done(self, call: SipCall, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self.end(call, Termination.INTERNAL_ERROR, "the set-up failed; see the log")

    def _connected(self, call: SipCall) -> None:
        self._reporter.answered(call)
        limit = self._settings.max_duration
        call.timers["max_duration"] = self._ports.scheduler.call_later(
            limit, self.end, call, Termination.MAX_DURATION, f"the call lasted {limit:g} s"
        )

    # In the call

    def _ack_received(self, event: AckReceived) -> None:
        call = self._calls.get(event.call)
        if call is None or not self._advance(call, Trigger.ACKNOWLEDGED):
            return
        call.step(self._ports.clock.utc(), "ack_received")
        if event.answer is not None:
            self._start(self._setup.take_answer(call, event.answer, self.end))

    def _reinvite_received(self, event: ReinviteReceived) -> None:
        call = self._calls.get(event.call)
        if call is None or not self._advance(call, Trigger.REOFFERED):
            self._ports.signalling.reject_reinvite(event.call, 500)
            return
        self._start(self._setup.reoffer(call, event.request.method, event.offer, self.end))

    def _info_received(self, event: InfoReceived) -> None:
        call = self._calls.get(event.call)
        digit = parse_digit(event.content_type, event.body)
        if call is None or digit is None:
            self._ports.meters.refused("info_without_digit")
            return
        self._digit(call, digit.digit, digit.duration_ms)

    def _digit(self, call: SipCall, digit: str, duration_ms: int) -> None:
        if not self._advance(call, Trigger.DIGIT):
            return
        call.dtmf_count += 1
        if call.state is not CallState.CONNECTED:
            # What is keyed in before the call is a PIN or a routing number: it goes nowhere else.
            self._setup.digit(call, digit)
            return
        self._reporter.digit(call, digit, duration_ms)
        if call.participant is not None:
            self._start(self._pass_digit(call, call.participant, digit, duration_ms))

    async def _pass_digit(
        self, call: SipCall, participant: CallParticipant, digit: str, duration_ms: int
    ) -> None:
        try:
            # The lock is fair: digits arrive in the order in which they were pressed.
            async with call.digit_order:
                await participant.send_dtmf(digit, duration_ms)
        except CallPlatformError as failure:
            log_call(call.record, "digit not passed on", logging.WARNING, detail=failure.detail)

    def transfer(self, record_id: str, application_id: str, target: str) -> bool:
        """Ask the peer of an application's connected call to call `target`; False when there is none."""
        call = self._by_leg.get(record_id)
        if call is None or call.route.trunk.application_id != application_id:
            return False
        if call.state is not CallState.CONNECTED:
            return False
        call.step(self._ports.clock.utc(), "transfer_asked", target=target)
        self._ports.signalling.transfer(call.handle, target)
        return True

    def end_by_id(self, record_id: str, application_id: str, termination: Termination, detail: str) -> bool:
        """End a call of an application; False when there is none."""
        call = self._by_leg.get(record_id)
        if call is None or not call.alive or call.route.trunk.application_id != application_id:
            return False
        self.end(call, termination, detail)
        return True

    def _transfer_reported(self, event: TransferReported) -> None:
        call = self._calls.get(event.call)
        if call is None:
            return
        call.step(self._ports.clock.utc(), "transfer_reported", status=event.status)
        if event.final and 200 <= event.status < 300:
            self.end(call, Termination.TRANSFERRED, "the transfer was answered")

    # The end

    def _call_cancelled(self, event: CallCancelled) -> None:
        call = self._calls.get(event.call)
        if call is None:
            return
        if call.answered:
            # The 200 was decided but had to wait for a PRACK (RFC 3262 section 3): it never left.
            call.answered = False
            call.record = replace(call.record, answered_at=None, sip_status=None)
        self.end(call, Termination.CANCELLED, event.reason, by_peer=True)

    def _call_ended(self, event: CallEnded) -> None:
        call = self._calls.get(event.call)
        if call is not None:
            termination = _ENDED_BY_PEER.get(event.cause, Termination.TRANSPORT_FAILED)
            self.end(call, termination, event.reason, by_peer=True)

    def _participant_ended(self, call: SipCall, ended: ParticipantEnded) -> None:
        self.end(call, ended.termination, ended.detail)

    def end(self, call: SipCall, termination: Termination, detail: str, *, by_peer: bool = False) -> None:
        """End a call once; what comes later finds it ended."""
        if not call.alive:
            return
        self._advance(call, Trigger.TERMINATED)
        if not by_peer:
            if call.answered:
                self._ports.signalling.hang_up(call.handle, reason_header(termination))
            else:
                reject(self._ports.signalling, call.handle, termination)
        for timer in call.timers.values():
            timer.cancel()
        call.timers.clear()
        del self._calls[call.handle]
        if not self._calls:
            self._idle.set()
        if call.setup is not None and call.setup is not asyncio.current_task():
            call.setup.cancel()
        self._start(self._release(call, termination, detail))

    async def _release(self, call: SipCall, termination: Termination, detail: str) -> None:
        """Free what the call held, then report: the figures are final only now."""
        if call.setup is not None:
            await asyncio.wait([call.setup])
        try:
            if call.participant is not None:
                await call.participant.leave()
        except CallPlatformError as failure:
            log_call(call.record, "leaving failed", logging.WARNING, detail=failure.detail)
        finally:
            figures = await self._close_leg(call)
            self._by_leg.pop(call.leg_id, None)
            self._setup.forget(call)
            self._decisions.admission.give_back(call.source, call.route.trunk.id)
            self._ports.meters.active(len(self._calls))
            self._reporter.ended(call, termination, detail, figures)

    async def _close_leg(self, call: SipCall) -> LegStatistics:
        if not call.leg_open:
            return LegStatistics()
        try:
            return await self._ports.media.close_leg(call.leg_id)
        except MediaError as failure:
            log_call(call.record, "closing the media leg failed", logging.WARNING, detail=str(failure))
            return LegStatistics()

    # Small parts

    def _request_refused(self, event: RequestRefused) -> None:
        self._ports.meters.refused(event.why)
        self._decisions.guard.refused(event.flow.remote_host, event.why, self._ports.clock.monotonic())

    def _advance(self, call: SipCall, trigger: Trigger) -> bool:
        if call.advance(trigger):
            return True
        self._reporter.illegal(call, trigger.value)
        return False

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logging.getLogger("bridge.calls").error("a call's task failed", exc_info=task.exception())
