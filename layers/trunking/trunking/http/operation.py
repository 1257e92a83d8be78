"""One operation of the API, as data: routing, validation and the OpenAPI document all read it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from pydantic import BaseModel

from trunking.aws.applications import ApplicationCredentials
from trunking.aws.deployment import Deployment
from trunking.http.request import Request

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One call of an operation, authenticated and validated."""

    request: Request
    application: ApplicationCredentials
    deployment: Deployment
    now: datetime
    started: float
    """Of `time.perf_counter`."""
    body: BaseModel | None = None
    query: BaseModel | None = None

    def body_as(self, model: type[Model]) -> Model:
        """The body, which is of the operation's request model."""
        assert isinstance(self.body, model)
        return self.body

    def query_as(self, model: type[Model]) -> Model:
        """The query, which is of the operation's query model."""
        assert isinstance(self.query, model)
        return self.query

    @property
    def subject_id(self) -> str:
        """The path's `{id}`."""
        return self.request.path_parameters["id"]

    def duration(self) -> str:
        """How long the call has taken, in Stream's form."""
        return duration_since(self.started)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation returns."""

    body: BaseModel
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation."""

    id: str
    """Stream's operation id where Stream has the operation."""
    method: str
    path: str
    """With `{id}` for its variable part."""
    summary: str
    run: Callable[[ApiCall], Answer]
    response: type[BaseModel]
    status: int
    request: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    extension: bool = False
    """Trunkline's own, which Stream's API does not have."""
    errors: Mapping[int, str] = field(default_factory=dict)
    """Statuses beside those that every operation can answer, and when."""
    if_match: bool = False
    """Whether `If-Match` with an entity's revision is honoured."""
    idempotency_key: bool = False
    """Whether `Idempotency-Key` is honoured."""


def duration_since(started: float) -> str:
    """Milliseconds with two decimals, as `3.21ms`."""
    return f"{(time.perf_counter() - started) * 1000:.2f}ms"
