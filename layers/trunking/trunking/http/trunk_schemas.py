"""Trunks in requests and responses. Imports pydantic and the domain's values."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from trunking.aws.trunk_changes import TrunkWithCredentials
from trunking.http.schema_types import E164, Nanoseconds, RequestModel, ResponseModel, Text, Whole, extension
from trunking.public_form import nanoseconds, trunk_uri
from trunking.settings import TrunkSettings
from trunking.trunk import Trunk

MAX_CONCURRENT_CALLS = 100_000


class _TrunkRequest(RequestModel):
    name: Annotated[Text, Field(min_length=1, max_length=100)] = Field(description="Name of the SIP trunk")
    numbers: Annotated[list[E164], Field(min_length=1, max_length=50)] = Field(
        description="Phone numbers associated with this SIP trunk, in E.164"
    )
    password: Annotated[Text, Field(max_length=255)] | None = Field(
        None, description="Password for SIP trunk authentication; one is made up when a new trunk has none"
    )
    enabled: bool | None = Field(
        None, description="Whether the trunk takes calls", json_schema_extra=extension
    )
    max_concurrent_calls: Annotated[Whole, Field(ge=0, le=MAX_CONCURRENT_CALLS)] | None = Field(
        None, description="SIP calls at once; null is without limit", json_schema_extra=extension
    )
    max_calls_per_second: Annotated[float, Field(gt=0, le=10_000)] | None = Field(
        None, description="New SIP calls per second; null is without limit", json_schema_extra=extension
    )
    country: Annotated[str, Field(min_length=2, max_length=2)] | None = Field(
        None,
        description="ISO 3166 alpha-2 code of the plan that national numbers are read in",
        json_schema_extra=extension,
    )

    def _settings(self, before: Trunk | None, allowed_ips: list[str] | None) -> TrunkSettings:
        """As the domain's settings. What Stream's clients do not know is kept where it is not mentioned."""
        named = self.model_fields_set
        kept = TrunkSettings("", ()) if before is None else before
        return TrunkSettings(
            name=self.name,
            numbers=tuple(self.numbers),
            allowed_ips=tuple(allowed_ips or ()),
            enabled=kept.enabled if self.enabled is None else self.enabled,
            max_concurrent_calls=(
                self.max_concurrent_calls if "max_concurrent_calls" in named else kept.max_concurrent_calls
            ),
            max_calls_per_second=(
                self.max_calls_per_second if "max_calls_per_second" in named else kept.max_calls_per_second
            ),
            country=self.country if "country" in named else kept.country,
        )


class CreateSIPTrunkRequest(_TrunkRequest):
    """Request to create a new SIP trunk."""

    allowed_ips: Annotated[list[str], Field(max_length=50)] | None = Field(
        None, description="IPv4 or IPv6 addresses or CIDR blocks that may call without digest"
    )

    def settings(self) -> TrunkSettings:
        """As the domain's settings."""
        return self._settings(None, self.allowed_ips)


class UpdateSIPTrunkRequest(_TrunkRequest):
    """Request to update a SIP trunk."""

    allowed_ips: list[str] | None = Field(
        None, description="IPv4 or IPv6 addresses or CIDR blocks that may call without digest"
    )

    def settings(self, before: Trunk) -> TrunkSettings:
        """As the domain's settings."""
        return self._settings(before, self.allowed_ips)


class RotatePasswordRequest(RequestModel):
    """Request to give a trunk a new password while the old one stays valid for a time."""

    password: Annotated[Text, Field(min_length=1, max_length=255)] | None = Field(
        None, description="The new password; one is made up when absent"
    )
    grace_period_seconds: Annotated[Whole, Field(ge=0, le=604_800)] = Field(
        86_400, description="How long the old password stays valid besides"
    )


class SIPTrunkResponse(ResponseModel):
    """SIP trunk information."""

    id: str = Field(description="Unique identifier for the SIP trunk")
    name: str = Field(description="Name of the SIP trunk")
    numbers: list[str] = Field(description="Phone numbers associated with this SIP trunk")
    uri: str = Field(description="The URI for the SIP trunk")
    username: str = Field(description="Username for SIP trunk authentication")
    password: str = Field(description="Password for SIP trunk authentication")
    allowed_ips: list[str] = Field(description="Allowed IPv4/IPv6 addresses or CIDR blocks")
    created_at: Nanoseconds = Field(description="Creation timestamp")
    updated_at: Nanoseconds = Field(description="Last update timestamp")
    enabled: bool = Field(description="Whether the trunk takes calls", json_schema_extra=extension)
    rev: int = Field(description="Revision, the value of ETag and If-Match", json_schema_extra=extension)
    max_concurrent_calls: int | None = Field(
        None, description="SIP calls at once", json_schema_extra=extension
    )
    max_calls_per_second: float | None = Field(
        None, description="New SIP calls per second", json_schema_extra=extension
    )
    country: str | None = Field(None, description="ISO 3166 alpha-2 code", json_schema_extra=extension)
    previous_password_valid_until: Nanoseconds | None = Field(
        None, description="When the password before a rotation ends", json_schema_extra=extension
    )

    @classmethod
    def of(cls, found: TrunkWithCredentials, sip_host: str) -> SIPTrunkResponse:
        """The response for a trunk."""
        trunk, credentials = found.trunk, found.credentials
        until = credentials.previous_valid_until
        return cls(
            id=trunk.id,
            name=trunk.name,
            numbers=list(trunk.numbers),
            uri=trunk_uri(sip_host),
            username=trunk.username,
            password=credentials.password,
            allowed_ips=list(trunk.allowed_ips),
            created_at=nanoseconds(trunk.created_at),
            updated_at=nanoseconds(trunk.updated_at),
            enabled=trunk.enabled,
            rev=trunk.rev,
            max_concurrent_calls=trunk.max_concurrent_calls,
            max_calls_per_second=trunk.max_calls_per_second,
            country=trunk.country,
            previous_password_valid_until=None if until is None else nanoseconds(until),
        )


class CreateSIPTrunkResponse(ResponseModel):
    """Response containing the created SIP trunk."""

    duration: str
    sip_trunk: SIPTrunkResponse | None = Field(None, description="The created SIP trunk")


class UpdateSIPTrunkResponse(ResponseModel):
    """Response containing the updated SIP trunk."""

    duration: str
    sip_trunk: SIPTrunkResponse | None = Field(None, description="The updated SIP trunk")


class GetSIPTrunkResponse(ResponseModel):
    """Response containing one SIP trunk."""

    duration: str
    sip_trunk: SIPTrunkResponse


class ListSIPTrunksResponse(ResponseModel):
    """Response containing the list of SIP trunks."""

    duration: str
    sip_trunks: list[SIPTrunkResponse] = Field(description="List of SIP trunks for the application")


class DeleteSIPTrunkResponse(ResponseModel):
    """Response confirming SIP trunk deletion."""

    duration: str
