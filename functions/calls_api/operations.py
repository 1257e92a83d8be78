"""SIP call records and bridges, which the bridges write. Nothing is written here."""

from __future__ import annotations

from collections.abc import Mapping

from trunking.aws.bridges import Bridges
from trunking.aws.call_records import CallRecords
from trunking.aws.live_quality import LiveQuality
from trunking.call_record import CallRecord
from trunking.errors import NotFoundError
from trunking.http.api_errors import invalid
from trunking.http.call_schemas import (
    GetSIPCallResponse,
    ListSIPBridgesResponse,
    ListSIPCallsQuery,
    ListSIPCallsResponse,
    SIPBridgeResponse,
    SIPCallResponse,
)
from trunking.http.operation import Answer, ApiCall, Operation
from trunking.live_quality import CallQuality

SIP = "/api/v2/video/sip"


def list_calls(call: ApiCall) -> Answer:
    """A page of the application's calls, the newest first."""
    query = call.query_as(ListSIPCallsQuery)
    try:
        page = CallRecords(call.deployment).list(
            call.application.application_id, limit=query.limit, cursor=query.cursor
        )
    except ValueError as error:
        raise invalid({"cursor": "is not a cursor of this list"}) from error
    live: Mapping[str, CallQuality] = {}
    if any(_running(record) for record in page.records):
        live = LiveQuality(call.deployment).read(call.application.application_id, call.now)
    calls = [SIPCallResponse.of(record, live.get(record.id)) for record in page.records]
    return Answer(
        ListSIPCallsResponse(duration=call.duration(), sip_calls=calls, next_cursor=page.next_cursor)
    )


def read_call(call: ApiCall) -> Answer:
    """One call."""
    application_id = call.application.application_id
    record = CallRecords(call.deployment).get(application_id, call.subject_id)
    if record is None:
        raise NotFoundError("SIP call", call.subject_id)
    live = None
    if _running(record):
        # Only the items of the bridge that carries the call.
        live = LiveQuality(call.deployment).read(application_id, call.now, record.bridge_id).get(record.id)
    return Answer(GetSIPCallResponse(duration=call.duration(), sip_call=SIPCallResponse.of(record, live)))


def _running(record: CallRecord) -> bool:
    return record.answered_at is not None and record.ended_at is None


def list_bridges(call: ApiCall) -> Answer:
    """The deployment's bridges that were seen lately."""
    bridges = [SIPBridgeResponse.of(status) for status in Bridges(call.deployment).list(call.now)]
    return Answer(ListSIPBridgesResponse(duration=call.duration(), sip_bridges=bridges))


OPERATIONS = (
    Operation(
        "ListSIPCalls",
        "GET",
        f"{SIP}/calls",
        "List SIP Calls",
        list_calls,
        ListSIPCallsResponse,
        200,
        query=ListSIPCallsQuery,
        extension=True,
    ),
    Operation(
        "GetSIPCall",
        "GET",
        f"{SIP}/calls/{{id}}",
        "Get SIP Call",
        read_call,
        GetSIPCallResponse,
        200,
        extension=True,
    ),
    Operation(
        "ListSIPBridges",
        "GET",
        f"{SIP}/bridges",
        "List SIP Bridges",
        list_bridges,
        ListSIPBridgesResponse,
        200,
        extension=True,
    ),
)
