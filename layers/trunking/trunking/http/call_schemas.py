"""SIP call records and bridges in responses; all of it Trunkline's own. Imports pydantic."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from trunking.bridge_status import BridgeStatus
from trunking.call_record import CallRecord
from trunking.http.schema_types import Nanoseconds, QueryModel, ResponseModel
from trunking.live_quality import CallQuality
from trunking.public_form import nanoseconds


class ListSIPCallsQuery(QueryModel):
    """Which page of the records."""

    limit: Annotated[int, Field(ge=1, le=100)] = Field(25, description="Records of one page")
    cursor: Annotated[str, Field(max_length=200)] | None = Field(
        None, description="`next_cursor` of the page before"
    )


class SIPCallStepResponse(ResponseModel):
    """One step of what happened."""

    at: Nanoseconds
    what: str
    detail: dict[str, Any]


class SIPCallResponse(ResponseModel):
    """One SIP call, live or past."""

    id: str
    sip_call_id: str = Field(description="The Call-ID header")
    state: str = Field(description="ringing, answered or ended")
    bridge_id: str
    source: str = Field(description="Where the INVITE came from")
    called_number: str
    caller_number: str
    received_at: Nanoseconds
    answered_at: Nanoseconds | None = None
    ended_at: Nanoseconds | None = None
    trunk_id: str | None = None
    rule_id: str | None = None
    call_cid: str | None = None
    user_id: str | None = None
    termination: str | None = Field(None, description="Why the call ended; absent while it lives")
    sip_status: int | None = Field(None, description="Final status of the INVITE")
    codec: str | None = None
    quality: dict[str, float] = Field(
        description="Of an ended call as a whole; of a running one, what was measured last"
    )
    quality_measured_at: Nanoseconds | None = Field(
        None, description="When a running call was measured; absent before that, and once it has ended"
    )
    dtmf_count: int
    ladder: list[SIPCallStepResponse]

    @classmethod
    def of(cls, record: CallRecord, live: CallQuality | None = None) -> SIPCallResponse:
        """The response for a record; `live` is the latest quality of a call that has not ended."""
        answered, ended = record.answered_at, record.ended_at
        if ended is not None:
            live = None
        return cls(
            id=record.id,
            sip_call_id=record.sip_call_id,
            state="ended" if ended is not None else "answered" if answered is not None else "ringing",
            bridge_id=record.bridge_id,
            source=record.source,
            called_number=record.called_number,
            caller_number=record.caller_number,
            received_at=nanoseconds(record.received_at),
            answered_at=None if answered is None else nanoseconds(answered),
            ended_at=None if ended is None else nanoseconds(ended),
            trunk_id=record.trunk_id,
            rule_id=record.rule_id,
            call_cid=record.call_cid,
            user_id=record.user_id,
            termination=None if record.termination is None else record.termination.value,
            sip_status=record.sip_status,
            codec=record.codec,
            quality=dict(record.quality if live is None else live.figures),
            quality_measured_at=None if live is None else nanoseconds(live.measured_at),
            dtmf_count=record.dtmf_count,
            ladder=[
                SIPCallStepResponse(at=nanoseconds(step.at), what=step.what, detail=dict(step.detail))
                for step in record.ladder
            ],
        )


class ListSIPCallsResponse(ResponseModel):
    """Live and recent SIP calls, the newest first."""

    duration: str
    sip_calls: list[SIPCallResponse]
    next_cursor: str | None = Field(None, description="For the next page; absent on the last")


class GetSIPCallResponse(ResponseModel):
    """One SIP call."""

    duration: str
    sip_call: SIPCallResponse


class SIPBridgeResponse(ResponseModel):
    """One running bridge."""

    id: str
    state: str = Field(description="starting, ready or draining")
    version: str
    sip_address: str
    calls: int
    capacity: int
    started_at: Nanoseconds
    seen_at: Nanoseconds

    @classmethod
    def of(cls, status: BridgeStatus) -> SIPBridgeResponse:
        """The response for a bridge."""
        return cls(
            id=status.id,
            state=status.state,
            version=status.version,
            sip_address=status.sip_address,
            calls=status.calls,
            capacity=status.capacity,
            started_at=nanoseconds(status.started_at),
            seen_at=nanoseconds(status.seen_at),
        )


class ListSIPBridgesResponse(ResponseModel):
    """The bridges that were seen lately."""

    duration: str
    sip_bridges: list[SIPBridgeResponse]
