"""What a function does while it starts."""

from __future__ import annotations

import pytest

from tests.support.control_plane import ControlPlane
from trunking.aws.deployment import current_deployment
from trunking.http.api import Api
from trunks_api.operations import OPERATIONS

CLIENTS = {"dynamodb", "secrets_manager"}


@pytest.mark.parametrize(("in_lambda", "clients"), [(True, CLIENTS), (False, set())])
def test_in_lambda_the_clients_are_there_before_the_first_request(
    control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch, in_lambda: bool, clients: set[str]
) -> None:
    monkeypatch.setenv("TRUNKLINE_TABLE", f"{control_plane.deployment.table}-{in_lambda}")
    if in_lambda:
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "TrunksApi")
    Api(OPERATIONS)
    assert CLIENTS & set(vars(current_deployment())) == clients


def test_a_function_without_operations_needs_no_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "ApiDocument")
    monkeypatch.delenv("TRUNKLINE_TABLE", raising=False)
    Api(())
