"""No variable of a developer's machine leads the local stack to a real account."""

from __future__ import annotations

import os

import boto3
import pytest

from local.aws.environment import lead_to_emulation


def test_what_would_lead_elsewhere_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {
        "AWS_PROFILE": "production",
        "AWS_SESSION_TOKEN": "x",
        "AWS_ENDPOINT_URL_DYNAMODB": "https://dynamodb.eu-west-1.amazonaws.com",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "NO_PROXY": "example.com",
        "HOME": "/home/somebody",
    }
    environment = dict(before)
    lead_to_emulation("http://127.0.0.1:4566", environment)
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_DYNAMODB"} & environment.keys()
    assert environment["NO_PROXY"] == "example.com,127.0.0.1,localhost,::1"
    assert environment["HOME"] == "/home/somebody"
    for name in before:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for service in ("dynamodb", "secretsmanager", "events", "sqs", "sns"):
        client = boto3.Session().client(service)
        assert client.meta.endpoint_url == "http://127.0.0.1:4566"


def test_this_process_is_left_alone() -> None:
    kept = dict(os.environ)
    lead_to_emulation("http://127.0.0.1:4566", {})
    assert dict(os.environ) == kept
