"""`sip/auth`, `sip/resolve` and `sip/explain` in requests and responses. Imports pydantic."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from trunking.challenge import ChallengeResponse
from trunking.http.rule_schemas import SIPInboundRoutingRuleResponse
from trunking.http.schema_types import CustomData, RequestModel, ResponseModel
from trunking.http.trunk_schemas import SIPTrunkResponse


class ResolveSipAuthRequest(RequestModel):
    """Request to determine SIP trunk authentication requirements."""

    sip_trunk_number: str = Field(description="SIP trunk number to look up")
    sip_caller_number: str = Field(description="SIP caller number")
    source_ip: str | None = Field(None, description="Transport-layer source IP address of the SIP request")
    from_host: str | None = Field(None, description="Host from the SIP From header")


class ResolveSipAuthResponse(ResponseModel):
    """Response containing the pre-authentication decision for a SIP trunk."""

    duration: str
    auth_result: str = Field(description="Authentication result: password, accept, or no_trunk_found")
    trunk_id: str | None = Field(None, description="ID of the matched SIP trunk")
    username: str | None = Field(
        None, description="Username for digest authentication (when auth_result is password)"
    )
    password: str | None = Field(
        None, description="Password for digest authentication (when auth_result is password)"
    )


class SIPChallengeRequest(RequestModel):
    """SIP digest challenge authentication data."""

    a1: str | None = Field(None, description="Deprecated: A1 hash for backward compatibility; ignored")
    algorithm: str | None = Field(None, description="Hash algorithm (e.g., MD5, SHA-256)")
    charset: str | None = Field(None, description="Character set")
    cnonce: str | None = Field(None, description="Client nonce for qop=auth")
    domain: list[str] | None = Field(None, description="Domain list")
    method: str | None = Field(None, description="SIP method (e.g., INVITE)")
    nc: str | None = Field(None, description="Nonce count for qop=auth")
    nonce: str | None = Field(None, description="Server nonce")
    opaque: str | None = Field(None, description="Opaque value")
    qop: list[str] | None = Field(None, description="Quality of protection options")
    realm: str | None = Field(None, description="Authentication realm")
    response: str | None = Field(None, description="Digest response hash from client")
    stale: bool | None = Field(None, description="Whether the nonce is stale")
    uri: str | None = Field(None, description="Request URI")
    userhash: bool | None = Field(None, description="Whether to hash the username")
    username: str | None = Field(None, description="Username for authentication")

    def challenge_response(self) -> ChallengeResponse:
        """As the domain checks it. A client nonce says that qop was used."""
        return ChallengeResponse(
            username=self.username or "",
            realm=self.realm or "",
            nonce=self.nonce or "",
            uri=self.uri or "",
            response=self.response or "",
            method=self.method or "INVITE",
            algorithm=self.algorithm or "MD5",
            qop="auth" if self.cnonce and "auth" in (self.qop or ["auth"]) else "",
            nonce_count=self.nc or "",
            client_nonce=self.cnonce or "",
            username_is_hashed=bool(self.userhash),
        )


class ResolveSipInboundRequest(RequestModel):
    """Request to resolve SIP inbound routing using challenge authentication."""

    sip_trunk_number: str = Field(description="SIP trunk number to resolve")
    sip_caller_number: str = Field(description="SIP caller number")
    challenge: SIPChallengeRequest | None = Field(None, description="SIP challenge authentication data")
    trunk_id: str | None = Field(
        None, description="Optional pre-authenticated trunk ID (from PreAuth no-auth flow)"
    )
    routing_number: Annotated[str, Field(min_length=3, max_length=12)] | None = Field(
        None, description="Optional routing number for routing number-based call routing (10 digits)"
    )
    sip_headers: dict[str, str] | None = Field(None, description="Optional SIP headers as key-value pairs")


class SipInboundCredentials(ResponseModel):
    """Credentials for SIP inbound call authentication."""

    api_key: str = Field(description="API key for the application")
    token: str = Field(description="Authentication token for the call")
    user_id: str = Field(description="User ID for the call")
    user_custom_data: CustomData = Field(description="Custom data associated with the user")
    call_type: str = Field(description="Type of the call")
    call_id: str = Field(description="ID of the call")
    call_custom_data: CustomData = Field(description="Custom data associated with the call")


class ResolveSipInboundResponse(ResponseModel):
    """Response containing resolved SIP inbound routing information."""

    duration: str
    credentials: SipInboundCredentials = Field(description="Credentials for the SIP call")
    sip_routing_rule: SIPInboundRoutingRuleResponse | None = Field(
        None, description="The matching SIP inbound routing rule"
    )
    sip_trunk: SIPTrunkResponse | None = Field(
        None, description="The resolved SIP trunk for the inbound call"
    )


class ExplainSipInboundRequest(RequestModel):
    """Request to explain what would happen to a SIP call; nothing happens."""

    sip_trunk_number: str = Field(description="The number that would be called")
    sip_caller_number: str = Field("", description="Who would call; empty for an anonymous caller")
    caller_name: str = Field("", description="The caller's display name")
    source_ip: str | None = Field(None, description="The address that the INVITE would come from")
    sip_headers: dict[str, str] | None = Field(None, description="Headers of the INVITE")
    verstat: str = Field("", description="The carrier's verification of the caller's number")
    digits: str = Field("", description="What the caller would key in")


class ExplainedNumber(ResponseModel):
    """A number before and after normalisation."""

    received: str
    normalised: str | None = Field(None, description="In E.164; absent when it is no number")


class FailedConditionResponse(ResponseModel):
    """Why a trunk or rule does not take the call."""

    id: str
    name: str
    condition: str = Field(description="The first condition that failed")
    expected: str
    received: str


class ExplainedRejection(ResponseModel):
    """Why the call goes nowhere."""

    termination: str = Field(description="The reason, as call records and events have it")
    expected: str
    received: str


class ExplainedRoute(ResponseModel):
    """Where the call goes."""

    rule_id: str
    rule_name: str
    user_id: str
    call_type: str | None = Field(None, description="Absent where the caller keys in the routing number")
    call_id: str | None = None
    user_custom_data: CustomData
    call_custom_data: CustomData
    asks_for: list[str] = Field(description="What the caller has to key in: routing_number, pin")


class ExplainSipInboundResponse(ResponseModel):
    """What would happen to a SIP call, and why."""

    duration: str
    called_number: ExplainedNumber
    caller_number: ExplainedNumber
    trunk_id: str | None = Field(None, description="The trunk that takes the call")
    trunk_name: str | None = None
    authentication: str | None = Field(None, description="accept (by source address) or password (digest)")
    route: ExplainedRoute | None = None
    rejection: ExplainedRejection | None = None
    rejected_trunks: list[FailedConditionResponse]
    rejected_rules: list[FailedConditionResponse]
