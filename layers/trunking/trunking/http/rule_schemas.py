"""Inbound routing rules in requests and responses. Imports pydantic and the domain's values."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import Field

from trunking.aws.rule_changes import MAX_TRUNKS_OF_RULE
from trunking.http.schema_types import (
    CustomData,
    Nanoseconds,
    RequestModel,
    ResponseModel,
    Text,
    Whole,
    extension,
)
from trunking.public_form import nanoseconds
from trunking.routing_rule import CallerConfig, DirectRouting, PinProtection, PinRouting, RoutingRule
from trunking.settings import RuleSettings

Value = TypeVar("Value")
MAX_PRIORITY = 1_000_000
Prompt = Annotated[Text, Field(max_length=500)]


class SIPCallConfigsRequest(RequestModel):
    """Configuration for SIP call settings."""

    custom_data: CustomData | None = Field(None, description="Custom data associated with the call")


class SIPCallerConfigsRequest(RequestModel):
    """Configuration for SIP caller settings."""

    id: Annotated[str, Field(max_length=255)] = Field(
        description="Unique identifier for the caller (handlebars template)"
    )
    custom_data: CustomData | None = Field(
        None, description="Custom data associated with the caller (values are handlebars templates)"
    )


class SIPDirectRoutingRuleCallConfigsRequest(RequestModel):
    """Configuration for direct routing rule calls."""

    call_type: Annotated[str, Field(max_length=100)] = Field(description="Type of the call")
    call_id: Annotated[str, Field(max_length=255)] = Field(description="ID of the call (handlebars template)")


class SIPInboundRoutingRulePinConfigsRequest(RequestModel):
    """Configuration for PIN routing rule calls."""

    custom_webhook_url: Annotated[str, Field(max_length=2048)] | None = Field(
        None, description="Optional webhook URL for custom PIN handling, https"
    )
    pin_prompt: Prompt | None = Field(None, description="Prompt message for PIN input")
    pin_success_prompt: Prompt | None = Field(None, description="Prompt message for successful PIN input")
    pin_failed_attempt_prompt: Prompt | None = Field(
        None, description="Prompt message for failed PIN attempts"
    )
    pin_hangup_prompt: Prompt | None = Field(None, description="Prompt message for hangup after PIN input")


class SIPPinProtectionConfigsRequest(RequestModel):
    """Configuration for PIN protection settings."""

    enabled: bool | None = Field(None, description="Whether PIN protection is enabled")
    default_pin: Annotated[str, Field(min_length=3, max_length=20)] | None = Field(
        None, description="Default PIN to use if there is no PIN set on the call object"
    )
    max_attempts: Annotated[Whole, Field(ge=1, le=10)] | None = Field(
        None, description="Maximum number of PIN attempts allowed"
    )
    required_pin_digits: Annotated[Whole, Field(ge=3, le=10)] | None = Field(
        None, description="Number of digits required for the PIN"
    )


class _RuleRequest(RequestModel):
    caller_configs: SIPCallerConfigsRequest = Field(description="Caller configuration (required)")
    call_configs: SIPCallConfigsRequest | None = Field(None, description="Call configuration")
    direct_routing_configs: SIPDirectRoutingRuleCallConfigsRequest | None = Field(
        None, description="Direct routing configuration (mutually exclusive with pin_routing_configs)"
    )
    pin_routing_configs: SIPInboundRoutingRulePinConfigsRequest | None = Field(
        None, description="PIN routing configuration (mutually exclusive with direct_routing_configs)"
    )
    pin_protection_configs: SIPPinProtectionConfigsRequest | None = Field(
        None, description="PIN protection configuration"
    )
    enabled: bool | None = Field(
        None, description="Whether the rule takes calls", json_schema_extra=extension
    )
    priority: Annotated[Whole, Field(ge=-MAX_PRIORITY, le=MAX_PRIORITY)] | None = Field(
        None, description="Among equally specific rules the highest wins", json_schema_extra=extension
    )

    def _settings(
        self,
        before: RoutingRule | None,
        name: str,
        trunk_ids: list[str],
        called_numbers: list[str] | None,
        caller_numbers: list[str] | None,
    ) -> RuleSettings:
        direct, pin, protection = (
            self.direct_routing_configs,
            self.pin_routing_configs,
            self.pin_protection_configs,
        )
        caller = self.caller_configs
        return RuleSettings(
            name=name,
            trunk_ids=tuple(trunk_ids),
            caller=CallerConfig(caller.id, caller.custom_data or {}),
            called_numbers=tuple(called_numbers or ()),
            caller_numbers=tuple(caller_numbers or ()),
            call_custom_data=(self.call_configs.custom_data or {}) if self.call_configs is not None else {},
            direct_routing=None if direct is None else DirectRouting(direct.call_type, direct.call_id),
            pin_routing=None if pin is None else PinRouting(**pin.model_dump()),
            pin_protection=(
                None
                if protection is None
                else PinProtection(
                    bool(protection.enabled),
                    protection.default_pin,
                    protection.max_attempts,
                    protection.required_pin_digits,
                )
            ),
            enabled=_first(self.enabled, None if before is None else before.enabled, True),
            priority=_first(self.priority, None if before is None else before.priority, 0),
        )


class SIPInboundRoutingRuleRequest(_RuleRequest):
    """Request to create a SIP inbound routing rule."""

    name: Annotated[Text, Field(min_length=1, max_length=100)] = Field(
        description="Name of the SIP Inbound Routing Rule"
    )
    trunk_ids: Annotated[list[str], Field(min_length=1, max_length=50)] = Field(
        description="List of SIP trunk IDs"
    )
    called_numbers: Annotated[list[str], Field(max_length=50)] | None = Field(
        None, description="List of called numbers: E.164, or a prefix such as +1212*"
    )
    caller_numbers: Annotated[list[str], Field(max_length=50)] | None = Field(
        None, description="List of caller numbers (optional): E.164, or a prefix such as +1212*"
    )

    def settings(self) -> RuleSettings:
        """As the domain's settings."""
        return self._settings(None, self.name, self.trunk_ids, self.called_numbers, self.caller_numbers)


class UpdateSIPInboundRoutingRuleRequest(_RuleRequest):
    """Request to update a SIP inbound routing rule."""

    name: Annotated[Text, Field(max_length=255)] = Field(description="Name of the SIP Inbound Routing Rule")
    trunk_ids: Annotated[list[str], Field(min_length=1, max_length=MAX_TRUNKS_OF_RULE)] = Field(
        description="List of SIP trunk IDs"
    )
    called_numbers: list[str] | None = Field(
        None, description="List of called numbers: E.164, or a prefix such as +1212*"
    )
    caller_numbers: list[str] | None = Field(
        None, description="List of caller numbers (optional): E.164, or a prefix such as +1212*"
    )

    def settings(self, before: RoutingRule) -> RuleSettings:
        """As the domain's settings; what Stream's clients do not know is kept where it is not mentioned."""
        return self._settings(before, self.name, self.trunk_ids, self.called_numbers, self.caller_numbers)


class SIPCallConfigsResponse(ResponseModel):
    """SIP call configuration response."""

    custom_data: CustomData = Field(description="Custom data associated with the call")


class SIPCallerConfigsResponse(ResponseModel):
    """SIP caller configuration response."""

    id: str = Field(description="Unique identifier for the caller")
    custom_data: CustomData = Field(description="Custom data associated with the caller")


class SIPDirectRoutingRuleCallConfigsResponse(ResponseModel):
    """Direct routing rule call configuration response."""

    call_type: str = Field(description="Type of the call")
    call_id: str = Field(description="ID of the call")


class SIPInboundRoutingRulePinConfigsResponse(ResponseModel):
    """PIN routing rule call configuration response."""

    custom_webhook_url: str | None = Field(None, description="Optional webhook URL for custom PIN handling")
    pin_prompt: str | None = Field(None, description="Prompt message for PIN input")
    pin_success_prompt: str | None = Field(None, description="Prompt message for successful PIN input")
    pin_failed_attempt_prompt: str | None = Field(None, description="Prompt message for failed PIN attempts")
    pin_hangup_prompt: str | None = Field(None, description="Prompt message for hangup after PIN input")


class SIPPinProtectionConfigsResponse(ResponseModel):
    """PIN protection configuration response."""

    enabled: bool = Field(description="Whether PIN protection is enabled")
    default_pin: str | None = Field(
        None, description="Default PIN to use if there is no PIN set on the call object"
    )
    max_attempts: int | None = Field(None, description="Maximum number of PIN attempts allowed")
    required_pin_digits: int | None = Field(None, description="Number of digits required for the PIN")


class SIPInboundRoutingRuleResponse(ResponseModel):
    """SIP inbound routing rule response."""

    duration: str
    id: str = Field(description="Unique identifier of the SIP Inbound Routing Rule")
    name: str = Field(description="Name of the SIP Inbound Routing Rule")
    trunk_ids: list[str] = Field(description="List of SIP trunk IDs")
    called_numbers: list[str] = Field(description="List of called numbers")
    caller_numbers: list[str] | None = Field(None, description="List of caller numbers")
    caller_configs: SIPCallerConfigsResponse | None = Field(None, description="Caller configuration")
    call_configs: SIPCallConfigsResponse | None = Field(None, description="Call configuration")
    direct_routing_configs: SIPDirectRoutingRuleCallConfigsResponse | None = Field(
        None, description="Direct routing configuration"
    )
    pin_routing_configs: SIPInboundRoutingRulePinConfigsResponse | None = Field(
        None, description="PIN routing configuration"
    )
    pin_protection_configs: SIPPinProtectionConfigsResponse | None = Field(
        None, description="PIN protection configuration"
    )
    created_at: Nanoseconds = Field(description="Creation timestamp")
    updated_at: Nanoseconds = Field(description="Last update timestamp")
    enabled: bool = Field(description="Whether the rule takes calls", json_schema_extra=extension)
    priority: int = Field(
        description="Among equally specific rules the highest wins", json_schema_extra=extension
    )
    rev: int = Field(description="Revision, the value of ETag and If-Match", json_schema_extra=extension)

    @classmethod
    def of(cls, rule: RoutingRule, duration: str) -> SIPInboundRoutingRuleResponse:
        """The response for a rule."""
        direct, pin, protection = rule.direct_routing, rule.pin_routing, rule.pin_protection
        return cls(
            duration=duration,
            id=rule.id,
            name=rule.name,
            trunk_ids=list(rule.trunk_ids),
            called_numbers=list(rule.called_numbers),
            caller_numbers=list(rule.caller_numbers),
            caller_configs=SIPCallerConfigsResponse(
                id=rule.caller.id, custom_data=dict(rule.caller.custom_data)
            ),
            call_configs=SIPCallConfigsResponse(custom_data=dict(rule.call_custom_data)),
            direct_routing_configs=(
                None
                if direct is None
                else SIPDirectRoutingRuleCallConfigsResponse(
                    call_type=direct.call_type, call_id=direct.call_id
                )
            ),
            pin_routing_configs=(
                None
                if pin is None
                else SIPInboundRoutingRulePinConfigsResponse(
                    **{name: getattr(pin, name) for name in PinRouting.__slots__}
                )
            ),
            pin_protection_configs=(
                None
                if protection is None
                else SIPPinProtectionConfigsResponse(
                    **{name: getattr(protection, name) for name in PinProtection.__slots__}
                )
            ),
            created_at=nanoseconds(rule.created_at),
            updated_at=nanoseconds(rule.updated_at),
            enabled=rule.enabled,
            priority=rule.priority,
            rev=rule.rev,
        )


class UpdateSIPInboundRoutingRuleResponse(ResponseModel):
    """Response containing the updated SIP inbound routing rule."""

    duration: str
    sip_inbound_routing_rule: SIPInboundRoutingRuleResponse | None = Field(
        None, description="The updated SIP Inbound Routing Rule"
    )


class GetSIPInboundRoutingRuleResponse(ResponseModel):
    """Response containing one SIP inbound routing rule."""

    duration: str
    sip_inbound_routing_rule: SIPInboundRoutingRuleResponse


class ListSIPInboundRoutingRuleResponse(ResponseModel):
    """Response containing the list of SIP inbound routing rules."""

    duration: str
    sip_inbound_routing_rules: list[SIPInboundRoutingRuleResponse] = Field(
        description="List of SIP Inbound Routing Rules for the application"
    )


class DeleteSIPInboundRoutingRuleResponse(ResponseModel):
    """Response confirming SIP inbound routing rule deletion."""

    duration: str


def _first(*values: Value | None) -> Value:
    return next(value for value in values if value is not None)
