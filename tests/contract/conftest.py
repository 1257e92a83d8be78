"""The control plane over HTTP, once for all contract tests."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.support.control_plane import SIP, ServedControlPlane, served_control_plane, server_token


@pytest.fixture(scope="package")
def served() -> Iterator[ServedControlPlane]:
    """The template's API over HTTP."""
    with served_control_plane() as control_plane:
        yield control_plane


@pytest.fixture(scope="package")
def client(served: ServedControlPlane) -> Iterator[httpx.Client]:
    """An authenticated client whose paths start below `/api/v2/video/sip`."""
    headers = {"authorization": server_token(served.application), "stream-auth-type": "jwt"}
    params = {"api_key": served.application.api_key}
    with httpx.Client(base_url=served.url + SIP, headers=headers, params=params, timeout=30) as made:
        yield made
