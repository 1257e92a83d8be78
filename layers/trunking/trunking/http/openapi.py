"""The OpenAPI 3.1 document, generated from the operations that the functions serve. Imports pydantic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from trunking.http.body import MAX_BODY
from trunking.http.operation import Operation
from trunking.http.schema_types import EXTENSION

REFERENCE = "#/components/schemas/{model}"
_ERROR = {"$ref": "#/components/schemas/APIError"}
_JSON = "application/json"


class APIError(BaseModel):
    """Error response."""

    model_config = ConfigDict(extra="forbid")

    code: int = Field(description="API error code")
    message: str = Field(description="Message describing an error")
    StatusCode: int = Field(description="Response HTTP status code")
    duration: str = Field(description="Request duration")
    more_info: str = Field(description="URL with additional information")
    details: list[int] = Field(description="Additional error-specific information")
    exception_fields: dict[str, str] = Field(default={}, description="Additional error info, by field")
    unrecoverable: bool = Field(default=False, description="Whether repeating the request is useless")


def openapi_document(operations: Sequence[Operation], version: str) -> dict[str, Any]:
    """The document of these operations; what Stream's API does not have is marked."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Trunkline API",
            "version": version,
            "description": (
                "Inbound SIP trunks and routing rules, as Stream's SIP API has them. "
                f"What Stream's API does not have is marked `{EXTENSION}: true`."
            ),
        },
        "security": [{"api_key": [], "token": []}],
        "paths": paths,
        "components": {
            "schemas": _schemas(operations),
            "securitySchemes": {
                "api_key": {"type": "apiKey", "in": "query", "name": "api_key"},
                "token": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "HS256 JWT, signed with the application's secret, without user_id",
                },
            },
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "description": (operation.run.__doc__ or operation.summary).strip(),
        "tags": ["product:video"],
        "parameters": list(_parameters(operation)),
        "responses": _responses(operation),
    }
    if operation.request is not None:
        found["requestBody"] = {
            "required": True,
            "description": f"At most {MAX_BODY} bytes",
            "content": {_JSON: {"schema": _reference(operation.request)}},
        }
    if operation.extension:
        found[EXTENSION] = True
    return found


def _parameters(operation: Operation) -> Iterable[dict[str, Any]]:
    if "{id}" in operation.path:
        schema = {"type": "string", "minLength": 1, "maxLength": 255}
        yield {"name": "id", "in": "path", "required": True, "schema": schema}
    if operation.query is not None:
        for name, schema in operation.query.model_json_schema()["properties"].items():
            yield {"name": name, "in": "query", "required": False, "schema": schema, EXTENSION: True}
    if operation.if_match:
        yield _header(
            "If-Match",
            'An entity tag such as "3": 412 when the entity is another by now',
            r'^("[0-9]{1,15}"|\*)$',
        )
    if operation.idempotency_key:
        yield _header(
            "Idempotency-Key", "Repeated within 24 hours, it makes no second entity", r"^[!-~]{1,255}$"
        )


def _header(name: str, description: str, pattern: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string", "pattern": pattern},
        EXTENSION: True,
    }


def _responses(operation: Operation) -> dict[str, Any]:
    errors: dict[int, str] = {
        400: "Bad request",
        401: "Not authenticated",
        403: "A user's token, where a server-side one is needed",
        429: "Too many requests; Retry-After says when to ask again",
        503: "A service behind the API does not answer; Retry-After says when to ask again",
    }
    if "{id}" in operation.path:
        errors[404] = "Does not exist"
    if operation.request is not None:
        errors |= {413: "The body is too large", 415: "The body is not application/json"}
    if operation.if_match:
        errors[412] = "The entity is another by now than If-Match says"
    errors |= operation.errors
    responses: dict[str, Any] = {
        str(operation.status): {
            "description": "Done",
            "content": {_JSON: {"schema": _reference(operation.response)}},
        }
    }
    for status, description in sorted(errors.items()):
        responses[str(status)] = {"description": description, "content": {_JSON: {"schema": _ERROR}}}
    return responses


def _schemas(operations: Sequence[Operation]) -> dict[str, Any]:
    requests = {operation.request for operation in operations if operation.request is not None}
    responses = {operation.response for operation in operations} | {APIError}
    models = [
        *((model, "validation") for model in sorted(requests, key=lambda model: model.__name__)),
        *((model, "serialization") for model in sorted(responses, key=lambda model: model.__name__)),
    ]
    _, definitions = models_json_schema(models, ref_template=REFERENCE)  # type: ignore[arg-type]
    schemas: dict[str, Any] = definitions["$defs"]
    return dict(sorted(schemas.items()))


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REFERENCE.format(model=model.__name__)}
