"""Our OpenAPI document against Stream's API as the `getstream` package has it: its models and methods."""

from __future__ import annotations

import dataclasses
import inspect
import json
import types
import typing
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import getstream.models
import httpx
import pytest
from getstream import Stream
from getstream.exceptions import StreamApiException

from api_document.generation import PATH, document_text
from trunking.http.schema_types import EXTENSION

DOCUMENT: dict[str, Any] = json.loads(PATH.read_text())
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
STREAM_MODELS = [
    "CreateSIPTrunkRequest",
    "CreateSIPTrunkResponse",
    "UpdateSIPTrunkRequest",
    "UpdateSIPTrunkResponse",
    "ListSIPTrunksResponse",
    "DeleteSIPTrunkResponse",
    "SIPTrunkResponse",
    "SIPInboundRoutingRuleRequest",
    "SIPInboundRoutingRuleResponse",
    "UpdateSIPInboundRoutingRuleRequest",
    "UpdateSIPInboundRoutingRuleResponse",
    "ListSIPInboundRoutingRuleResponse",
    "DeleteSIPInboundRoutingRuleResponse",
    "SIPCallConfigsRequest",
    "SIPCallConfigsResponse",
    "SIPCallerConfigsRequest",
    "SIPCallerConfigsResponse",
    "SIPDirectRoutingRuleCallConfigsRequest",
    "SIPDirectRoutingRuleCallConfigsResponse",
    "SIPInboundRoutingRulePinConfigsRequest",
    "SIPInboundRoutingRulePinConfigsResponse",
    "SIPPinProtectionConfigsRequest",
    "SIPPinProtectionConfigsResponse",
    "ResolveSipAuthRequest",
    "ResolveSipAuthResponse",
    "ResolveSipInboundRequest",
    "ResolveSipInboundResponse",
    "SIPChallengeRequest",
    "SipInboundCredentials",
    "APIError",
]

TRUNK: dict[str, Any] = {"name": "trunk", "numbers": ["+15551230001"]}
RULE: dict[str, Any] = {
    "name": "rule",
    "trunk_ids": ["trunk"],
    "caller_configs": getstream.models.SIPCallerConfigsRequest(id="phone"),
}
NUMBERS: dict[str, Any] = {"sip_caller_number": "+12125550100", "sip_trunk_number": "+15551230001"}
CLIENT_CALLS: dict[str, dict[str, Any]] = {
    "list_sip_trunks": {},
    "create_sip_trunk": TRUNK,
    "update_sip_trunk": {"id": "the-id", **TRUNK},
    "delete_sip_trunk": {"id": "the-id"},
    "list_sip_inbound_routing_rule": {},
    "create_sip_inbound_routing_rule": RULE,
    "update_sip_inbound_routing_rule": {"id": "the-id", **RULE},
    "delete_sip_inbound_routing_rule": {"id": "the-id"},
    "resolve_sip_auth": NUMBERS,
    "resolve_sip_inbound": NUMBERS,
}


def test_document_is_the_code_s() -> None:
    assert PATH.read_text() == document_text(), "run `python -m api_document.generation`"


@pytest.mark.parametrize("name", STREAM_MODELS)
def test_fields_are_stream_s(name: str) -> None:
    """Each field of Stream's, with its type; what is required there is required here, and nothing else."""
    model = getattr(getstream.models, name)
    ours = SCHEMAS[name]
    properties = ours.get("properties", {})
    stream = {
        field.metadata["dataclasses_json"]["letter_case"]("x"): field for field in dataclasses.fields(model)
    }
    hints = typing.get_type_hints(model, vars(getstream.models))
    for field_name, field in stream.items():
        assert field_name in properties, f"{name}.{field_name} is missing"
        _assert_same_type(f"{name}.{field_name}", hints[field.name], properties[field_name])
    required = {
        field_name
        for field_name, field in stream.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    ours_required = {
        field_name for field_name in ours.get("required", []) if not properties[field_name].get(EXTENSION)
    }
    assert ours_required == required
    unmarked = {
        field_name
        for field_name, schema in properties.items()
        if field_name not in stream and not schema.get(EXTENSION)
    }
    assert unmarked == set(), "a field that Stream does not have is marked as an extension"


def test_operations_are_stream_s() -> None:
    """Every SIP method of Stream's client finds its path, method and success status in our document."""
    asked = set(_operations_of_the_client())
    assert len(asked) == 10
    for method, path in asked:
        operation = DOCUMENT["paths"][path][method]
        assert EXTENSION not in operation
        success = "201" if method in ("post", "put") else "200"
        assert success in operation["responses"]
    ours = {
        (method, path)
        for path, operations in DOCUMENT["paths"].items()
        for method, operation in operations.items()
        if EXTENSION not in operation
    }
    assert ours == asked


def _operations_of_the_client() -> Iterator[tuple[str, str]]:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        error = {"code": 4, "message": "", "StatusCode": 400, "duration": "", "more_info": "", "details": []}
        return httpx.Response(400, json=error)

    video = Stream(api_key="key", api_secret="s" * 32, transport=httpx.MockTransport(answer)).video
    names = {name for name, _ in inspect.getmembers(video, inspect.ismethod) if "sip" in name}
    assert names == set(CLIENT_CALLS)
    for name, given in CLIENT_CALLS.items():
        with pytest.raises(StreamApiException):
            getattr(video, name)(**given)
        yield asked[-1].method.lower(), asked[-1].url.path.replace("the-id", "{id}")


def _assert_same_type(place: str, hint: Any, schema: dict[str, Any]) -> None:
    choices = [_resolved(choice) for choice in schema.get("anyOf", [schema])]
    found = {choice.get("type") for choice in choices} - {"null"}
    parts = [part for part in typing.get_args(hint) if part is not types.NoneType]
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        hint = parts[0]
    origin = typing.get_origin(hint) or hint
    expected: dict[Any, str] = {
        str: "string",
        int: "integer",
        bool: "boolean",
        float: "number",
        list: "array",
        dict: "object",
        datetime: "integer",
    }
    kind = "object" if dataclasses.is_dataclass(origin) else expected.get(origin)
    assert found == {kind}, place
    if origin is list:
        (array,) = [choice for choice in choices if choice.get("type") == "array"]
        _assert_same_type(f"{place}[]", typing.get_args(hint)[0], array["items"])


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    return SCHEMAS[reference.rsplit("/", 1)[-1]] if reference else schema
