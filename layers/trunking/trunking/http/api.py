"""The entry of every API function: a payload-v2 event in, a response in Stream's shapes out.

Finds the operation, authenticates, validates, calls it, and writes one log line and the metrics; knows
nothing of what operations do. Imports Powertools.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit

from trunking.aws.applications import Applications
from trunking.aws.deployment import Deployment, current_deployment, reach_at_start
from trunking.errors import TrunkingError
from trunking.http.api_errors import (
    DOES_NOT_EXIST,
    INTERNAL,
    ApiError,
    api_error_of,
    invalid,
    method_not_allowed,
)
from trunking.http.authentication import authenticate
from trunking.http.body import read_body, read_query
from trunking.http.operation import Answer, ApiCall, Operation, duration_since
from trunking.http.request import Request
from trunking.settings import MAX_ID

_HEADERS = {
    "content-type": "application/json",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True)
class Reached:
    """The deployment that this process reaches, kept while its environment stays the same."""

    deployment: Deployment
    applications: Applications


class Api:
    """A handler for some operations; instances are what Lambda calls."""

    def __init__(
        self, operations: Sequence[Operation], now: Callable[[], datetime] = lambda: datetime.now(tz=UTC)
    ) -> None:
        self._operations = {(operation.method, operation.path): operation for operation in operations}
        self._now = now
        self._reached: Reached | None = None
        self._logger = Logger()
        self._metrics = Metrics(namespace="Trunkline")
        # Only AWS calls: patching every library that it knows takes as long as all of our imports.
        self._tracer = Tracer(patch_modules=("botocore",))
        if operations:
            reach_at_start()

    def __call__(self, event: Mapping[str, Any], context: object) -> dict[str, Any]:
        """Answer one request. Whatever fails unforeseen is logged and answered 500."""
        started = time.perf_counter()
        operation: Operation | None = None
        try:
            request = Request.of(event)
            operation = self._find(request)
            # Not Powertools' decorators: they put responses into traces, and ours hold passwords.
            with self._tracer.provider.in_subsegment(f"## {operation.id}"):
                answer = self._run(operation, request, started)
            body = answer.body.model_dump(mode="json", exclude_none=True)
            response = _response(operation.status, body, answer.headers)
        except ApiError as error:
            response = _refusal(error, operation, started)
        except TrunkingError as error:
            response = _refusal(api_error_of(error), operation, started)
        except Exception:
            self._logger.exception("request failed", operation=operation and operation.id)
            response = _refusal(ApiError(500, INTERNAL, "internal error"), operation, started)
        self._report(event, operation, response, started)
        return response

    def refuse(self, event: Mapping[str, Any], error: ApiError) -> dict[str, Any]:
        """Answer a request that a function refuses before any operation; logged and counted as all are."""
        started = time.perf_counter()
        response = _refusal(error, None, started)
        self._report(event, None, response, started)
        return response

    def _find(self, request: Request) -> Operation:
        path = request.path.rstrip("/") or "/"
        subject = request.path_parameters.get("id")
        if subject is not None and len(subject) > MAX_ID:
            raise invalid({"id": f"has more than {MAX_ID} characters"})
        if subject is not None and not subject.isascii():
            raise ApiError(404, DOES_NOT_EXIST, "no id of this API has such characters")
        for template in {path for _, path in self._operations}:
            if _matches(template, path):
                operation = self._operations.get((request.method, template))
                if operation is None:
                    allowed = [method for method, known in self._operations if known == template]
                    raise method_not_allowed(request.method, allowed)
                return operation
        raise ApiError(404, DOES_NOT_EXIST, f"{path[:200]} does not exist")

    def _run(self, operation: Operation, request: Request, started: float) -> Answer:
        reached = self.reach()
        application = authenticate(request, reached.applications)
        body = read_body(request, operation.request) if operation.request is not None else None
        query = read_query(request, operation.query) if operation.query is not None else None
        call = ApiCall(request, application, reached.deployment, self._now(), started, body, query)
        return operation.run(call)

    def reach(self) -> Reached:
        """The deployment that the environment names now."""
        deployment = current_deployment()
        if self._reached is None or self._reached.deployment is not deployment:
            self._reached = Reached(deployment, Applications(deployment))
        return self._reached

    def _report(
        self, event: Mapping[str, Any], operation: Operation | None, response: dict[str, Any], started: float
    ) -> None:
        name = operation.id if operation is not None else "unknown"
        status = response["statusCode"]
        milliseconds = (time.perf_counter() - started) * 1000
        self._logger.info(
            "request",
            operation=name,
            status=status,
            duration_ms=round(milliseconds, 2),
            request_id=event.get("requestContext", {}).get("requestId"),
        )
        self._metrics.add_dimension("operation", name)
        self._metrics.add_metric("Latency", MetricUnit.Milliseconds, milliseconds)
        self._metrics.add_metric("Requests", MetricUnit.Count, 1)
        self._metrics.add_metric("ClientErrors", MetricUnit.Count, int(400 <= status < 500))
        self._metrics.add_metric("ServerErrors", MetricUnit.Count, int(status >= 500))
        self._metrics.flush_metrics()
        # Where metrics are switched off, flushing forgets nothing.
        self._metrics.clear_metrics()


def _matches(template: str, path: str) -> bool:
    parts, wanted = path.split("/"), template.split("/")
    return len(parts) == len(wanted) and all(
        part != "" if want == "{id}" else part == want for part, want in zip(parts, wanted, strict=True)
    )


def _refusal(error: ApiError, operation: Operation | None, started: float) -> dict[str, Any]:
    name = None if operation is None else operation.id
    return _response(error.status, error.body(name, duration_since(started)), error.headers)


def _response(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {**_HEADERS, **headers},
        "body": json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        "isBase64Encoded": False,
    }
