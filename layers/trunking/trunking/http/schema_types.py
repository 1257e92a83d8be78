"""The kinds of field that requests and responses are made of. Imports pydantic."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

EXTENSION = "x-trunkline-extension"
"""Marks what Stream's API does not have."""
extension: dict[str, Any] = {EXTENSION: True}

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class RequestModel(BaseModel):
    """A request body: types are not coerced; fields that nobody knows are ignored, as Stream's API does."""

    model_config = ConfigDict(strict=True, extra="ignore")


class QueryModel(BaseModel):
    """Query parameters, which are all text."""

    model_config = ConfigDict(extra="ignore")


class ResponseModel(BaseModel):
    """A response body; what is None is left out."""

    model_config = ConfigDict(extra="forbid")


def _without_controls(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("has control characters")
    return text


def _whole(value: object) -> object:
    """JSON has one kind of number: 3.0 is the integer 3."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Text = Annotated[str, AfterValidator(_without_controls)]
Whole = Annotated[int, BeforeValidator(_whole)]
Nanoseconds = Annotated[int, Field(json_schema_extra={"format": "date-time"})]
"""Since 1970: how Stream's API writes time."""
E164 = Annotated[str, Field(json_schema_extra={"pattern": r"^\+[1-9][0-9]{6,14}$"})]
"""The pattern guides who reads the document; `phonenumbers` decides."""
CustomData = dict[str, Any]


class DurationOnly(ResponseModel):
    """An answer that says no more than that it was done."""

    duration: str = Field(description="How long the request took")
