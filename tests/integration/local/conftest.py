"""The emulated AWS with the template's resources, for one test at a time."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest

from local.aws.deployment import Deployment
from local.aws.server import AwsServer
from local.aws.template import REGION, Template, load_template


@dataclass
class EmulatedAws:
    """A running emulation."""

    server: AwsServer
    session: boto3.Session
    template: Template
    deployment: Deployment

    @property
    def table(self) -> str:
        """The table's name."""
        return self.deployment.only("AWS::DynamoDB::Table").ref


def reset(server: AwsServer) -> None:
    """Forget all resources."""
    request = urllib.request.Request(f"{server.endpoint_url}/moto-api/reset", method="POST")
    with urllib.request.urlopen(request) as response:
        assert response.status == 200


@pytest.fixture
def emulated_aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatedAws]:
    """Empty, but deployed. All emulations in a process share their content, so it is reset first."""
    server = AwsServer()
    server.start()
    reset(server)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint_url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    template = load_template(Path("template.yaml"))
    session = boto3.Session()
    deployment = Deployment(template, session, {"SipHost": "127.0.0.1:5060"})
    deployment.create()
    yield EmulatedAws(server, session, template, deployment)
    server.stop()
