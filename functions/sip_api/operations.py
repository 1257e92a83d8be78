"""`sip/auth`, `sip/resolve` and `sip/explain`: which trunk and rule take a call. Nothing is written."""

from __future__ import annotations

from uuid import uuid4

from sip_api.explanation import explain
from trunking.aws.items import StoredTrunk
from trunking.aws.trunk_changes import TrunkWithCredentials
from trunking.aws.trunk_secrets import TrunkSecrets
from trunking.aws.trunk_table import read_stored_rule, read_trunk_of_number
from trunking.call import CallIdentity
from trunking.challenge import is_correct
from trunking.http.api_errors import DOES_NOT_EXIST, INPUT, ApiError, invalid
from trunking.http.authentication import user_token
from trunking.http.operation import Answer, ApiCall, Operation
from trunking.http.rule_schemas import SIPInboundRoutingRuleResponse
from trunking.http.sip_schemas import (
    ExplainSipInboundRequest,
    ExplainSipInboundResponse,
    ResolveSipAuthRequest,
    ResolveSipAuthResponse,
    ResolveSipInboundRequest,
    ResolveSipInboundResponse,
    SipInboundCredentials,
)
from trunking.http.trunk_schemas import SIPTrunkResponse
from trunking.matching import best
from trunking.numbers import normalise
from trunking.routing import InboundCall, Rejection, Route, call_of_routing_number, decide
from trunking.source_addresses import is_allowed
from trunking.templates import header_variables
from trunking.trunk import TrunkCredentials

SIP = "/api/v2/video/sip"


def authenticate_call(call: ApiCall) -> Answer:
    """How a call to a number has to authenticate."""
    body = call.body_as(ResolveSipAuthRequest)
    stored = _trunk_of(call, body.sip_trunk_number)
    if stored is None or not stored.trunk.enabled:
        return Answer(ResolveSipAuthResponse(duration=call.duration(), auth_result="no_trunk_found"))
    if body.source_ip is not None and is_allowed(body.source_ip, stored.trunk.allowed_ips):
        answer = ResolveSipAuthResponse(
            duration=call.duration(), auth_result="accept", trunk_id=stored.trunk.id
        )
        return Answer(answer)
    credentials = _credentials(call, stored)
    return Answer(
        ResolveSipAuthResponse(
            duration=call.duration(),
            auth_result="password",
            trunk_id=stored.trunk.id,
            username=credentials.username,
            password=credentials.password,
        )
    )


def resolve_call(call: ApiCall) -> Answer:
    """Where an authenticated call goes, with what the caller's user joins with."""
    body = call.body_as(ResolveSipInboundRequest)
    stored = _trunk_of(call, body.sip_trunk_number)
    if stored is None:
        raise ApiError(404, DOES_NOT_EXIST, "no trunk has this number")
    credentials = _credentials(call, stored)
    _check_authentication(body, stored, credentials, call)
    route = _route(call, body, stored)
    identity = route.call or _call_of_routing_number(call, body)
    application = call.application
    return Answer(
        ResolveSipInboundResponse(
            duration=call.duration(),
            credentials=SipInboundCredentials(
                api_key=application.api_key,
                token=user_token(application, route.user_id, identity.cid, int(call.now.timestamp())),
                user_id=route.user_id,
                user_custom_data=dict(route.user_custom_data),
                call_type=identity.call_type,
                call_id=identity.call_id,
                call_custom_data=dict(route.call_custom_data),
            ),
            sip_routing_rule=SIPInboundRoutingRuleResponse.of(route.rule, call.duration()),
            sip_trunk=SIPTrunkResponse.of(
                TrunkWithCredentials(stored.trunk, credentials), call.deployment.sip_host
            ),
        )
    )


def explain_call(call: ApiCall) -> Answer:
    """What would happen to a call, and why not something else."""
    return Answer(explain(call, call.body_as(ExplainSipInboundRequest)))


def _trunk_of(call: ApiCall, number: str) -> StoredTrunk | None:
    normalised = normalise(number)
    if normalised is None:
        return None
    return read_trunk_of_number(call.deployment, call.application.application_id, normalised)


def _credentials(call: ApiCall, stored: StoredTrunk) -> TrunkCredentials:
    credentials = TrunkSecrets(call.deployment).read(stored, call.now)
    if credentials is None:
        raise ApiError(404, DOES_NOT_EXIST, "no trunk has this number")
    return credentials


def _check_authentication(
    body: ResolveSipInboundRequest, stored: StoredTrunk, credentials: TrunkCredentials, call: ApiCall
) -> None:
    if body.challenge is not None:
        response = body.challenge.challenge_response()
        if not is_correct(response, credentials.username, credentials.passwords(call.now)):
            raise invalid({"challenge": "is not answered with this trunk's username and password"})
    elif body.trunk_id is None:
        raise invalid({"challenge": "or trunk_id is required"})
    if body.trunk_id is not None and body.trunk_id != stored.trunk.id:
        raise invalid({"trunk_id": "is not the trunk of this number"})


def _route(call: ApiCall, body: ResolveSipInboundRequest, stored: StoredTrunk) -> Route:
    trunk = stored.trunk
    headers = body.sip_headers or {}
    uuid = str(uuid4())
    inbound = InboundCall(
        called_number=normalise(body.sip_trunk_number) or "",
        caller_number=normalise(body.sip_caller_number, trunk.country) or "",
        sip_call_id=next((value for name, value in headers.items() if name.lower() == "call-id"), uuid),
        received_at=call.now,
        uuid=uuid,
        sip_headers=header_variables(headers),
        digits=body.routing_number or "",
    )
    winner = best(stored.rules.values(), inbound.called_number, inbound.caller_number)
    rule = None
    if winner is not None:
        rule = read_stored_rule(call.deployment, call.application.application_id, winner.id)
    decision = decide(inbound, trunk, rule)
    if isinstance(decision, Rejection):
        raise ApiError(
            404,
            DOES_NOT_EXIST,
            f"{decision.termination.value}: expected {decision.expected}, received {decision.received}",
        )
    return decision


def _call_of_routing_number(call: ApiCall, body: ResolveSipInboundRequest) -> CallIdentity:
    if body.routing_number is None:
        raise invalid({"routing_number": "is required, the rule routes by what the caller keys in"})
    identity = call_of_routing_number(call.application.application_id, body.routing_number)
    if identity is None:
        raise ApiError(400, INPUT, "no call has this routing number")
    return identity


OPERATIONS = (
    Operation(
        "ResolveSipAuth",
        "POST",
        f"{SIP}/auth",
        "Resolve SIP Auth",
        authenticate_call,
        ResolveSipAuthResponse,
        201,
        request=ResolveSipAuthRequest,
    ),
    Operation(
        "ResolveSipInbound",
        "POST",
        f"{SIP}/resolve",
        "Resolve SIP Inbound Routing",
        resolve_call,
        ResolveSipInboundResponse,
        201,
        request=ResolveSipInboundRequest,
        errors={404: "No trunk or no routing rule takes the call"},
    ),
    Operation(
        "ExplainSipInbound",
        "POST",
        f"{SIP}/explain",
        "Explain SIP Inbound Routing",
        explain_call,
        ExplainSipInboundResponse,
        200,
        request=ExplainSipInboundRequest,
        extension=True,
    ),
)
