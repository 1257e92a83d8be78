"""Generated requests, valid or not, against the served API: no 5xx, every answer as the document says."""

from __future__ import annotations

import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.checks import CHECKS, load_all_checks

from api_document.generation import PATH
from tests.support.control_plane import ServedControlPlane, server_token

load_all_checks()
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "8"))
"""Requests for each operation; more with SCHEMATHESIS_EXAMPLES=100 in the environment."""
NAMES = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "unsupported_method",
)
schema: Any = schemathesis.openapi.from_path(str(PATH))


@pytest.mark.filterwarnings("ignore")
@schema.parametrize()  # type: ignore[untyped-decorator]
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_generated_requests(case: Case[Any], served: ServedControlPlane) -> None:
    token = server_token(served.application)
    checks: list[Any] = [CHECKS.get_one(name) for name in NAMES if name in CHECKS.get_all_names()]
    case.call_and_validate(
        base_url=served.url,
        checks=checks,
        headers={"authorization": token},
        params={"api_key": served.application.api_key},
    )
