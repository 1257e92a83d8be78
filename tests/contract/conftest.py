"""The control plane over HTTP, once for all contract tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.control_plane import ServedControlPlane, served_control_plane


@pytest.fixture(scope="package")
def served() -> Iterator[ServedControlPlane]:
    """The template's API over HTTP."""
    with served_control_plane() as control_plane:
        yield control_plane
