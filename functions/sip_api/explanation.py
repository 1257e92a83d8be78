"""The dry run behind `sip/explain`: the real decision over all trunks and rules, told in full."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from trunking.aws.trunk_table import list_rules, list_trunks
from trunking.http.operation import ApiCall
from trunking.http.sip_schemas import (
    ExplainedNumber,
    ExplainedRejection,
    ExplainedRoute,
    ExplainSipInboundRequest,
    ExplainSipInboundResponse,
    FailedConditionResponse,
)
from trunking.numbers import normalise
from trunking.routing import InboundCall, Rejection, Route, resolve
from trunking.routing_rule import RoutingRule
from trunking.source_addresses import is_allowed
from trunking.templates import header_variables
from trunking.termination import Termination
from trunking.trunk import Trunk


def explain(call: ApiCall, body: ExplainSipInboundRequest) -> ExplainSipInboundResponse:
    """Which trunk and rule would take the call, and why each other would not."""
    application_id = call.application.application_id
    trunks = [stored.trunk for stored in list_trunks(call.deployment, application_id)]
    rules = list_rules(call.deployment, application_id)
    called = normalise(body.sip_trunk_number)
    trunk = next((each for each in trunks if called in each.numbers), None)
    caller = normalise(body.sip_caller_number, None if trunk is None else trunk.country)
    response = ExplainSipInboundResponse(
        duration="",
        called_number=ExplainedNumber(received=body.sip_trunk_number, normalised=called),
        caller_number=ExplainedNumber(received=body.sip_caller_number, normalised=caller),
        rejected_trunks=[_rejected_trunk(each, called) for each in trunks if each is not trunk],
        rejected_rules=[],
    )
    if trunk is None:
        response.rejection = ExplainedRejection(
            termination=Termination.UNKNOWN_NUMBER.value,
            expected="a number of one of the application's trunks",
            received=called or f"{body.sip_trunk_number!r}, which is no number",
        )
    else:
        _explain_on_trunk(response, body, call, trunk, rules)
    response.duration = call.duration()
    return response


def _explain_on_trunk(
    response: ExplainSipInboundResponse,
    body: ExplainSipInboundRequest,
    call: ApiCall,
    trunk: Trunk,
    rules: Sequence[RoutingRule],
) -> None:
    uuid = str(uuid4())
    inbound = InboundCall(
        called_number=response.called_number.normalised or "",
        caller_number=response.caller_number.normalised or "",
        sip_call_id=uuid,
        received_at=call.now,
        uuid=uuid,
        caller_name=body.caller_name,
        sip_headers=header_variables(body.sip_headers or {}),
        verstat=body.verstat,
        digits=body.digits,
    )
    decision = resolve(inbound, trunk, rules)
    by_source = body.source_ip is not None and is_allowed(body.source_ip, trunk.allowed_ips)
    response.trunk_id, response.trunk_name = trunk.id, trunk.name
    response.authentication = "accept" if by_source else "password"
    names = {rule.id: rule.name for rule in rules}
    response.rejected_rules = [
        FailedConditionResponse(
            id=rule_id,
            name=names[rule_id],
            condition=failed.condition,
            expected=failed.expected,
            received=failed.received,
        )
        for rule_id, failed in decision.explanation.rejected_rules.items()
    ]
    if isinstance(decision, Rejection):
        response.rejection = ExplainedRejection(
            termination=decision.termination.value, expected=decision.expected, received=decision.received
        )
    else:
        response.route = _route(decision)


def _route(route: Route) -> ExplainedRoute:
    asks_for = []
    if route.call is None:
        asks_for.append("routing_number")
    if route.rule.pin_protection is not None and route.rule.pin_protection.enabled:
        asks_for.append("pin")
    return ExplainedRoute(
        rule_id=route.rule.id,
        rule_name=route.rule.name,
        user_id=route.user_id,
        call_type=None if route.call is None else route.call.call_type,
        call_id=None if route.call is None else route.call.call_id,
        user_custom_data=dict(route.user_custom_data),
        call_custom_data=dict(route.call_custom_data),
        asks_for=asks_for,
    )


def _rejected_trunk(trunk: Trunk, called: str | None) -> FailedConditionResponse:
    return FailedConditionResponse(
        id=trunk.id,
        name=trunk.name,
        condition="called_number",
        expected=" or ".join(trunk.numbers),
        received=called or "no number",
    )
