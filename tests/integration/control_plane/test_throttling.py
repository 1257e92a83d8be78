"""AWS throttles or fails: retried, or answered 429 or 503 with nothing half done."""

from __future__ import annotations

import pytest

from tests.integration.control_plane.test_concurrent_writers import trunk_secret_names
from tests.support.control_plane import Answer, ControlPlane
from tests.support.failing_client import Failure, failing
from trunking.aws.deployment import Deployment
from trunking.http.api import Api

TRUNK = {"name": "Main line", "numbers": ["+15551230001"]}
ALWAYS = 10_000


def deployment_of(control_plane: ControlPlane) -> Deployment:
    """The deployment that the function of trunks holds on to."""
    handler = control_plane.handlers["TrunksApi"]
    assert isinstance(handler, Api)
    return handler.reach().deployment


def create(control_plane: ControlPlane, failure: Failure) -> Answer:
    """Create a trunk while AWS fails."""
    assert control_plane.ask("GET", "/inbound_trunks").status == 200
    with failing(deployment_of(control_plane), failure):
        return control_plane.ask("POST", "/inbound_trunks", TRUNK)


@pytest.mark.parametrize(
    ("client", "operation", "code", "status"),
    [
        ("dynamodb", "transact_write_items", "ThrottlingException", 429),
        ("dynamodb", "transact_write_items", "ProvisionedThroughputExceededException", 429),
        ("dynamodb", "transact_write_items", "TransactionInProgressException", 429),
        ("dynamodb", "get_item", "RequestLimitExceeded", 429),
        ("dynamodb", "transact_write_items", "InternalServerError", 503),
        ("secrets_manager", "create_secret", "ThrottlingException", 429),
        ("secrets_manager", "create_secret", "InternalServiceError", 503),
        ("secrets_manager", "create_secret", "LimitExceededException", 429),
    ],
)
def test_lasting_failure(
    control_plane: ControlPlane,
    monkeypatch: pytest.MonkeyPatch,
    client: str,
    operation: str,
    code: str,
    status: int,
) -> None:
    monkeypatch.setattr("trunking.aws.change_chain.random.uniform", lambda low, high: 0.0)
    answer = create(control_plane, Failure(client, operation, code, times=ALWAYS))
    assert answer.status == status, answer.body
    assert answer.body["code"] == (9 if status == 429 else -1)
    assert int(answer.headers["retry-after"]) >= 1
    assert trunk_secret_names(control_plane.deployment) == set()
    assert control_plane.ask("GET", "/inbound_trunks").body["sip_trunks"] == []
    assert control_plane.ask("POST", "/inbound_trunks", TRUNK).status == 201, "nothing is in the way"


def test_passing_throttling_is_not_seen(control_plane: ControlPlane) -> None:
    failure = Failure("dynamodb", "transact_write_items", "ThrottlingException", times=3)
    assert create(control_plane, failure).status == 201
    assert failure.happened == 3


def test_unforeseen_failure_is_answered_500_without_detail(control_plane: ControlPlane) -> None:
    answer = create(control_plane, Failure("dynamodb", "transact_write_items", "AccessDeniedException"))
    assert answer.status == 500
    assert answer.body["message"] == 'CreateSIPTrunk failed with error: "internal error"'
