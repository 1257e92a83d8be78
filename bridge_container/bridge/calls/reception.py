"""An INVITE's first minute in microseconds: who is it, may it call, where does it go, is there room.

Gives a `SipCall` that is admitted and routed, or answers the INVITE itself: with a challenge, or with a
rejection that leaves a record. Synchronous. Imports sip and the trunking core.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from bridge.calls.admission import Admission, Refusal
from bridge.calls.arrival import Arrival, read_arrival
from bridge.calls.call_log import log_call
from bridge.calls.call_ports import CallPorts
from bridge.calls.call_settings import CallSettings
from bridge.calls.media_negotiation import MediaNegotiation
from bridge.calls.routing_table import RoutingTable
from bridge.calls.signalling import Signalling
from bridge.calls.sip_call import SipCall, call_subject
from bridge.calls.source_guard import SourceGuard
from bridge.calls.termination_status import TERMINATION_STATUS
from bridge.calls.trunk_identification import ChallengeNeeded, Identified, Unidentified, identify
from bridge.sip.digest import DigestAuthenticator
from bridge.sip.errors import RemoteProtocolError
from bridge.sip.events import InviteReceived
from bridge.sip.flow import Flow
from trunking.call_record import CallRecord, LadderStep
from trunking.identifiers import new_call_record_id
from trunking.numbers import normalise
from trunking.routing import InboundCall, Rejection, Route
from trunking.termination import Termination
from trunking.trunk import Trunk

logger = logging.getLogger("bridge.calls")


@dataclass(frozen=True, slots=True)
class CallDecisions:
    """What decides about calls; call control only carries it out."""

    table: RoutingTable
    authenticator: DigestAuthenticator
    admission: Admission
    guard: SourceGuard
    negotiation: MediaNegotiation


@dataclass(frozen=True, slots=True)
class _Why:
    """A rejection as the record shows it."""

    termination: Termination
    expected: str
    received: str


class Reception:
    """Takes INVITEs in."""

    def __init__(self, ports: CallPorts, decisions: CallDecisions, settings: CallSettings) -> None:
        self._ports = ports
        self._decisions = decisions
        self._settings = settings

    def receive(self, event: InviteReceived) -> SipCall | None:
        """The call, holding its place in admission; None when the INVITE is answered already."""
        refusal = self._decisions.admission.check_bridge()
        if refusal is not None:
            # Before any work: another bridge can do better.
            reject(self._ports.signalling, event.call, refusal.termination)
            self._ports.meters.refused(refusal.termination.value)
            return None
        source = event.flow.remote_host
        try:
            arrival = read_arrival(event.request, self._settings.called_number_headers)
        except RemoteProtocolError as error:
            self._malformed(event, source, error)
            return None
        decisions = self._decisions
        found = identify(
            arrival, event.request, source, decisions.table, decisions.authenticator, self._ports.clock
        )
        if isinstance(found, ChallengeNeeded):
            self._challenge(event, found)
            return None
        if isinstance(found, Unidentified):
            self._turn_away(event, arrival, found)
            return None
        return self._route(event, arrival, found)

    def _malformed(self, event: InviteReceived, source: str, error: RemoteProtocolError) -> None:
        reject(self._ports.signalling, event.call, Termination.BAD_REQUEST)
        self._ports.meters.refused("malformed")
        self._decisions.guard.refused(source, "malformed", self._ports.clock.monotonic())
        logger.info("malformed INVITE", extra={"fields": {"source": source, "received": str(error)[:200]}})

    def _challenge(self, event: InviteReceived, needed: ChallengeNeeded) -> None:
        ports = self._ports
        now = ports.clock.monotonic()
        if self._settings.drop_unknown_callers and not needed.known_number:
            ports.meters.refused("dropped_unknown_caller")
            ports.signalling.drop(event.call)
            return
        self._decisions.guard.challenged(event.flow.remote_host, now)
        ports.meters.challenged()
        challenges = self._decisions.authenticator.challenges(now, stale=needed.stale)
        ports.signalling.challenge(event.call, challenges)

    def _turn_away(self, event: InviteReceived, arrival: Arrival, found: Unidentified) -> None:
        ports = self._ports
        now = ports.clock.monotonic()
        source = event.flow.remote_host
        stranger = found.termination is Termination.AUTHENTICATION_FAILED
        if stranger:
            self._decisions.guard.failed(source, now)
        if stranger and self._settings.drop_unknown_callers:
            ports.meters.refused("dropped_unknown_caller")
            ports.signalling.drop(event.call)
        else:
            reject(ports.signalling, event.call, found.termination)
        if stranger and not self._decisions.guard.may_record(source, now):
            # A scanner fills no table: what is left out of the records is in the counters.
            ports.meters.refused("record_left_out")
            ports.meters.ended(found.termination, answered=False, seconds=0.0)
            return
        record = self._record(event.flow, arrival, found.called_number, arrival.claimed_caller, found.trunk)
        self._report(record, _Why(found.termination, found.expected, found.received))

    def _route(self, event: InviteReceived, arrival: Arrival, found: Identified) -> SipCall | None:
        ports, trunk, source = self._ports, found.trunk, event.flow.remote_host
        now = ports.clock.monotonic()
        if found.by_digest:
            self._decisions.guard.succeeded(source, now)
        ports.meters.arrived()
        caller = _caller_of(arrival, trunk)
        record = self._record(event.flow, arrival, found.called_number, caller, trunk)
        inbound = _inbound(arrival, record)
        route = self._decisions.table.resolve(inbound, trunk)
        if isinstance(route, Rejection):
            self._refuse(event, record, route)
            return None
        record = replace(
            record,
            rule_id=route.rule.id,
            user_id=route.user_id,
            call_cid=None if route.call is None else route.call.cid,
        )
        refusal = self._decisions.admission.take(source, trunk, now)
        if refusal is not None:
            self._refuse(event, record, refusal)
            return None
        return self._admitted(event, record, source, now, route, inbound, found)

    def _admitted(
        self,
        event: InviteReceived,
        record: CallRecord,
        source: str,
        now: float,
        route: Route,
        inbound: InboundCall,
        found: Identified,
    ) -> SipCall:
        at = self._ports.clock.utc()
        call = SipCall(event.call, record, source, now, route, inbound, event.offer, call=route.call)
        call.step(record.received_at, "invite_received", source=record.source)
        call.step(at, "authenticated", by="digest" if found.by_digest else "source")
        call.step(at, "routed", rule_id=route.rule.id, call_cid=record.call_cid)
        return call

    def _refuse(self, event: InviteReceived, record: CallRecord, why: Rejection | Refusal) -> None:
        reject(self._ports.signalling, event.call, why.termination)
        self._report(record, _Why(why.termination, why.expected, why.received))

    def _record(
        self, flow: Flow, arrival: Arrival, called: str, caller: str, trunk: Trunk | None
    ) -> CallRecord:
        received_at = self._ports.clock.utc()
        return CallRecord(
            id=new_call_record_id(received_at),
            application_id=None if trunk is None else trunk.application_id,
            sip_call_id=arrival.call_id,
            bridge_id=self._settings.bridge_id,
            source=f"{flow.transport.value}:{flow.remote_host}:{flow.remote_port}",
            called_number=called,
            caller_number=caller,
            received_at=received_at,
            trunk_id=None if trunk is None else trunk.id,
        )

    def _report(self, record: CallRecord, why: _Why) -> None:
        ports = self._ports
        at = ports.clock.utc()
        status = TERMINATION_STATUS[why.termination].status
        facts = {"expected": why.expected, "received": why.received}
        rejected = replace(
            record,
            ended_at=at,
            termination=why.termination,
            sip_status=status,
            ladder=(
                LadderStep(record.received_at, "invite_received", {"source": record.source}),
                LadderStep(at, "rejected", {"termination": why.termination.value, **facts}),
            ),
        )
        ports.meters.ended(why.termination, answered=False, seconds=0.0)
        ports.records.put(rejected)
        subject = {
            **call_subject(rejected),
            "termination": why.termination.value,
            "sip_status": status,
            "detail": f"expected {why.expected}, received {why.received}",
        }
        ports.events.emit("rejected", record.application_id, 1, subject)
        log_call(
            record,
            "call rejected",
            termination=why.termination.value,
            sip_status=status,
            source=record.source,
            expected=why.expected,
            received=why.received,
        )


def reject(signalling: Signalling, handle: str, termination: Termination) -> None:
    """Answer an INVITE as the table says for the termination."""
    said = TERMINATION_STATUS[termination]
    signalling.reject(handle, said.status, reason=said.phrase, retry_after=said.retry_after)


def _caller_of(arrival: Arrival, trunk: Trunk) -> str:
    """RFC 3325: the asserted identity counts, because only an authenticated peer gets here.

    RFC 3323: who asked for privacy is nobody in the call, whatever the network knows.
    """
    if arrival.private:
        return ""
    raw = arrival.asserted_caller or arrival.claimed_caller
    return normalise(raw, trunk.country) or raw


def _inbound(arrival: Arrival, record: CallRecord) -> InboundCall:
    return InboundCall(
        called_number=record.called_number,
        caller_number=record.caller_number,
        sip_call_id=record.sip_call_id,
        received_at=record.received_at,
        uuid=record.id,
        caller_name="" if arrival.private else arrival.asserted_name or arrival.claimed_name,
        sip_headers=arrival.headers,
        verstat=arrival.verstat,
    )
