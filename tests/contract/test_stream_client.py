"""The unmodified `getstream` client runs the whole life of a trunk and a rule."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from getstream import Stream
from getstream.exceptions import StreamApiException, build_api_exception
from getstream.models import (
    SIPCallConfigsRequest,
    SIPCallerConfigsRequest,
    SIPChallengeRequest,
    SIPDirectRoutingRuleCallConfigsRequest,
    SIPInboundRoutingRulePinConfigsRequest,
    SIPPinProtectionConfigsRequest,
    SIPTrunkResponse,
)

from local.gateway.server import gateway_error
from tests.support.control_plane import ServedControlPlane


@pytest.fixture
def stream(served: ServedControlPlane) -> Stream:
    """Stream's own client, pointed at the handlers."""
    return Stream(
        api_key=served.application.api_key, api_secret=served.application.api_secret, base_url=served.url
    )


@pytest.fixture
def trunk(stream: Stream) -> Iterator[SIPTrunkResponse]:
    """A trunk with one number, removed again together with its rules."""
    made = stream.video.create_sip_trunk(name="Main line", numbers=["+15551230001"]).data.sip_trunk
    assert made is not None
    yield made
    for rule in stream.video.list_sip_inbound_routing_rule().data.sip_inbound_routing_rules:
        stream.video.delete_sip_inbound_routing_rule(rule.id)
    stream.video.delete_sip_trunk(made.id)


def test_life_of_a_trunk(stream: Stream) -> None:
    created = stream.video.create_sip_trunk(
        name="Front desk", numbers=["+15551230011"], allowed_ips=["192.0.2.0/24", "2001:db8::/32"]
    ).data
    trunk = created.sip_trunk
    assert trunk is not None
    assert created.duration.endswith("ms")
    assert trunk.uri == "sip:sip.example.com:5060"
    assert len(trunk.password) >= 20
    assert abs(trunk.created_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert [found.id for found in stream.video.list_sip_trunks().data.sip_trunks] == [trunk.id]

    updated = stream.video.update_sip_trunk(
        id=trunk.id, name="Reception", numbers=["+15551230012"], password="of our own"
    ).data.sip_trunk
    assert updated is not None
    assert (updated.name, updated.numbers, updated.password) == ("Reception", ["+15551230012"], "of our own")
    assert updated.username == trunk.username
    assert updated.allowed_ips == []
    assert updated.updated_at >= trunk.updated_at

    stream.video.delete_sip_trunk(trunk.id)
    assert stream.video.list_sip_trunks().data.sip_trunks == []
    with pytest.raises(StreamApiException) as refused:
        stream.video.delete_sip_trunk(trunk.id)
    assert (refused.value.status_code, refused.value.code) == (404, 16)


def test_life_of_a_rule(stream: Stream, trunk: SIPTrunkResponse) -> None:
    rule = stream.video.create_sip_inbound_routing_rule(
        name="To the ward",
        trunk_ids=[trunk.id],
        caller_configs=SIPCallerConfigsRequest(
            id="phone-{{caller_number}}", custom_data={"name": "{{caller_name}}"}
        ),
        called_numbers=["+15551230001"],
        caller_numbers=["+1212*"],
        call_configs=SIPCallConfigsRequest(
            custom_data={"day": "{{date}}", "nested": {"n": 1.5, "none": None}}
        ),
        direct_routing_configs=SIPDirectRoutingRuleCallConfigsRequest(
            call_type="default", call_id="ward-{{uuid}}"
        ),
        pin_protection_configs=SIPPinProtectionConfigsRequest(
            enabled=True, default_pin="1234", max_attempts=3, required_pin_digits=4
        ),
    ).data
    assert rule.direct_routing_configs is not None
    assert rule.direct_routing_configs.call_id == "ward-{{uuid}}"
    assert rule.pin_protection_configs is not None
    assert rule.pin_protection_configs.default_pin == "1234"
    assert rule.call_configs is not None
    assert rule.call_configs.custom_data["nested"] == {"n": 1.5}  # the client itself drops what is None

    updated = stream.video.update_sip_inbound_routing_rule(
        id=rule.id,
        name="By number",
        trunk_ids=[trunk.id],
        caller_configs=SIPCallerConfigsRequest(id="phone-{{caller_number}}"),
        pin_routing_configs=SIPInboundRoutingRulePinConfigsRequest(pin_prompt="Which call?"),
    ).data.sip_inbound_routing_rule
    assert updated is not None
    assert updated.direct_routing_configs is None
    assert updated.pin_routing_configs is not None
    assert updated.pin_routing_configs.pin_prompt == "Which call?"
    assert updated.created_at == rule.created_at

    stream.video.delete_sip_inbound_routing_rule(rule.id)
    assert stream.video.list_sip_inbound_routing_rule().data.sip_inbound_routing_rules == []


def test_authentication_and_routing_of_a_call(stream: Stream, trunk: SIPTrunkResponse) -> None:
    stream.video.create_sip_inbound_routing_rule(
        name="To the ward",
        trunk_ids=[trunk.id],
        caller_configs=SIPCallerConfigsRequest(id="phone-{{caller_number}}"),
        call_configs=SIPCallConfigsRequest(custom_data={"account": "{{sip_headers.x_account}}"}),
        direct_routing_configs=SIPDirectRoutingRuleCallConfigsRequest(call_type="default", call_id="ward"),
    )
    asked = stream.video.resolve_sip_auth(
        sip_caller_number="+12125550100", sip_trunk_number="+15551230001", source_ip="198.51.100.7"
    ).data
    assert (asked.auth_result, asked.trunk_id) == ("password", trunk.id)
    assert (asked.username, asked.password) == (trunk.username, trunk.password)

    challenge = _answered_challenge(trunk.username, trunk.password)
    resolved = stream.video.resolve_sip_inbound(
        sip_caller_number="+12125550100",
        sip_trunk_number="+15551230001",
        challenge=challenge,
        sip_headers={"X-Account": "7", "From": "ignored"},
    ).data
    credentials = resolved.credentials
    assert (credentials.call_type, credentials.call_id) == ("default", "ward")
    assert credentials.user_id == "phone-12125550100"
    assert credentials.call_custom_data == {"account": "7"}
    assert credentials.api_key == stream.api_key
    assert resolved.sip_trunk is not None
    assert resolved.sip_trunk.id == trunk.id

    with pytest.raises(StreamApiException) as refused:
        stream.video.resolve_sip_inbound(
            sip_caller_number="+12125550100",
            sip_trunk_number="+15551230001",
            challenge=_answered_challenge(trunk.username, "another password"),
        )
    assert refused.value.status_code == 400
    assert "challenge" in refused.value.exception_fields


def test_unknown_number_has_no_trunk(stream: Stream) -> None:
    asked = stream.video.resolve_sip_auth(sip_caller_number="", sip_trunk_number="+15550000000").data
    assert asked.auth_result == "no_trunk_found"
    assert asked.password is None


def test_errors_tell_the_fields(stream: Stream) -> None:
    with pytest.raises(StreamApiException) as refused:
        stream.video.create_sip_trunk(name="", numbers=["5551230001", "+15551230009"])
    assert (refused.value.status_code, refused.value.code) == (400, 4)
    assert set(refused.value.exception_fields) == {"name"}
    assert refused.value.message.startswith("CreateSIPTrunk failed with error:")


def test_wrong_secret_is_refused(served: ServedControlPlane) -> None:
    stranger = Stream(api_key=served.application.api_key, api_secret="x" * 64, base_url=served.url)
    with pytest.raises(StreamApiException) as refused:
        stranger.video.list_sip_trunks()
    assert (refused.value.status_code, refused.value.code) == (401, 5)


def _answered_challenge(username: str, password: str) -> SIPChallengeRequest:
    """As a phone answers a SHA-256 challenge with qop (RFC 7616)."""

    def digest(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    secret = digest(f"{username}:trunkline:{password}")
    request = digest("INVITE:sip:+15551230001@sip.example.com")
    return SIPChallengeRequest(
        algorithm="SHA-256",
        username=username,
        realm="trunkline",
        nonce="abc",
        uri="sip:+15551230001@sip.example.com",
        method="INVITE",
        qop=["auth"],
        nc="00000001",
        cnonce="xyz",
        response=digest(f"{secret}:abc:00000001:xyz:auth:{request}"),
    )


@pytest.mark.parametrize(
    ("status", "message"),
    [(429, "Too Many Requests"), (413, "Request Entity Too Large"), (503, "Service Unavailable")],
)
def test_the_client_does_not_understand_what_api_gateway_answers_by_itself(status: int, message: str) -> None:
    """As docs/api.md says. When this fails the client has learnt it, and the page has to say so."""
    answer = gateway_error(status, message)
    response = httpx.Response(status, headers=list(answer.headers), content=answer.body)
    with pytest.raises(KeyError, match="code"):
        build_api_exception(response)
