"""A request's body as a validated model, and what is wrong with it field by field. Imports pydantic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from trunking.http.api_errors import INPUT, TOO_LARGE, ApiError, invalid
from trunking.http.request import Request
from trunking.shown_value import shortened

MAX_BODY = 64 * 1024
_MAX_FAULTS = 20
_SECRET = frozenset({"password", "default_pin", "challenge", "custom_webhook_url"})
"""Fields whose values no answer repeats."""


def read_body(request: Request, model: type[BaseModel]) -> BaseModel:
    """The body. Raises ApiError 413, 415 or 400 with `exception_fields`."""
    if len(request.body) > MAX_BODY:
        raise ApiError(413, TOO_LARGE, f"the body has {len(request.body)} bytes, {MAX_BODY} are taken")
    media_type = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if media_type != "application/json":
        raise ApiError(
            415, INPUT, "the body has to be application/json", headers={"accept": "application/json"}
        )
    try:
        value = from_json(request.body, allow_inf_nan=False)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, INPUT, f"the body is not valid JSON: {str(error)[:200]}") from error
    if not isinstance(value, dict):
        raise ApiError(400, INPUT, "the body is not a JSON object")
    return validate(model, value)


def read_query(request: Request, model: type[BaseModel]) -> BaseModel:
    """The query parameters that the model names. Raises ApiError 400."""
    return validate(
        model, {name: request.query[name] for name in model.model_fields if name in request.query}
    )


def validate(model: type[BaseModel], value: Mapping[str, Any]) -> BaseModel:
    """`value` as the model. Raises ApiError 400 with a reason for each field."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise invalid(_faults(error)) from error


def _faults(error: ValidationError) -> dict[str, str]:
    faults: dict[str, str] = {}
    for fault in error.errors(include_url=False, include_context=False)[:_MAX_FAULTS]:
        reason = _reason(fault["type"], fault["msg"])
        if fault["type"] != "missing" and not _SECRET.intersection(fault["loc"]):
            reason = f"{reason}; received {shortened(fault['input'])}"
        faults.setdefault(_place(fault["loc"]), reason)
    return faults


def _place(location: tuple[int | str, ...]) -> str:
    place = ""
    for part in location:
        if isinstance(part, int):
            place += f"[{part}]"
        else:
            place += f".{part}" if place else str(part)
    return place[:200] or "body"


def _reason(kind: str, message: str) -> str:
    if kind == "missing":
        return "is a required field"
    if message.startswith("Value error, "):
        return message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
