"""The operations of inbound routing rules: HTTP to domain and back, nothing more."""

from __future__ import annotations

from trunking.aws.action import Action
from trunking.aws.idempotency import create_once
from trunking.aws.rule_changes import RuleChanges
from trunking.aws.trunk_table import list_rules, read_stored_rule
from trunking.errors import NotFoundError
from trunking.http.operation import Answer, ApiCall, Operation
from trunking.http.preconditions import etag, expected_rev, idempotency_key
from trunking.http.rule_schemas import (
    DeleteSIPInboundRoutingRuleResponse,
    GetSIPInboundRoutingRuleResponse,
    ListSIPInboundRoutingRuleResponse,
    SIPInboundRoutingRuleRequest,
    SIPInboundRoutingRuleResponse,
    UpdateSIPInboundRoutingRuleRequest,
    UpdateSIPInboundRoutingRuleResponse,
)
from trunking.identifiers import new_id
from trunking.routing_rule import RoutingRule

RULES = "/api/v2/video/sip/inbound_routing_rules"
RULE = f"{RULES}/{{id}}"


def list_all(call: ApiCall) -> Answer:
    """Every routing rule of the application."""
    rules = [
        SIPInboundRoutingRuleResponse.of(rule, call.duration())
        for rule in list_rules(call.deployment, call.application.application_id)
    ]
    return Answer(
        ListSIPInboundRoutingRuleResponse(duration=call.duration(), sip_inbound_routing_rules=rules)
    )


def read(call: ApiCall) -> Answer:
    """One routing rule."""
    rule = _read(call, call.subject_id)
    response = SIPInboundRoutingRuleResponse.of(rule, call.duration())
    body = GetSIPInboundRoutingRuleResponse(duration=call.duration(), sip_inbound_routing_rule=response)
    return Answer(body, etag(rule.rev))


def create(call: ApiCall) -> Answer:
    """A new routing rule."""
    body = call.body_as(SIPInboundRoutingRuleRequest)

    def make(extra: list[Action], rule_id: str) -> RoutingRule:
        return RuleChanges(call.deployment).create(
            call.application.application_id, body.settings(), call.now, rule_id=rule_id, extra=extra
        )

    rule = create_once(
        idempotency_key(call, "CreateSIPInboundRoutingRule"),
        call.deployment,
        call.now,
        make,
        lambda rule_id: _read(call, rule_id),
        new_id,
    )
    return Answer(SIPInboundRoutingRuleResponse.of(rule, call.duration()), etag(rule.rev))


def update(call: ApiCall) -> Answer:
    """What Stream's clients can set is replaced."""
    body = call.body_as(UpdateSIPInboundRoutingRuleRequest)
    rule = RuleChanges(call.deployment).update(
        call.application.application_id,
        call.subject_id,
        body.settings,
        call.now,
        expected_rev=expected_rev(call),
    )
    response = SIPInboundRoutingRuleResponse.of(rule, call.duration())
    answer = UpdateSIPInboundRoutingRuleResponse(duration=call.duration(), sip_inbound_routing_rule=response)
    return Answer(answer, etag(rule.rev))


def delete(call: ApiCall) -> Answer:
    """The rule goes."""
    RuleChanges(call.deployment).delete(
        call.application.application_id, call.subject_id, call.now, expected_rev=expected_rev(call)
    )
    return Answer(DeleteSIPInboundRoutingRuleResponse(duration=call.duration()))


def _read(call: ApiCall, rule_id: str) -> RoutingRule:
    rule = read_stored_rule(call.deployment, call.application.application_id, rule_id)
    if rule is None:
        raise NotFoundError("routing rule", rule_id)
    return rule


OPERATIONS = (
    Operation(
        "ListSIPInboundRoutingRule",
        "GET",
        RULES,
        "List SIP Inbound Routing Rules",
        list_all,
        ListSIPInboundRoutingRuleResponse,
        200,
    ),
    Operation(
        "CreateSIPInboundRoutingRule",
        "POST",
        RULES,
        "Create SIP Inbound Routing Rule",
        create,
        SIPInboundRoutingRuleResponse,
        201,
        request=SIPInboundRoutingRuleRequest,
        idempotency_key=True,
    ),
    Operation(
        "GetSIPInboundRoutingRule",
        "GET",
        RULE,
        "Get SIP Inbound Routing Rule",
        read,
        GetSIPInboundRoutingRuleResponse,
        200,
        extension=True,
    ),
    Operation(
        "UpdateSIPInboundRoutingRule",
        "PUT",
        RULE,
        "Update SIP Inbound Routing Rule",
        update,
        UpdateSIPInboundRoutingRuleResponse,
        201,
        request=UpdateSIPInboundRoutingRuleRequest,
        if_match=True,
    ),
    Operation(
        "DeleteSIPInboundRoutingRule",
        "DELETE",
        RULE,
        "Delete SIP Inbound Routing Rule",
        delete,
        DeleteSIPInboundRoutingRuleResponse,
        200,
        if_match=True,
    ),
)
