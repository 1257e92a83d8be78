"""A control plane for each test; emulated AWS is fast enough to start anew."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.control_plane import ControlPlane, running_control_plane


@pytest.fixture
def control_plane() -> Iterator[ControlPlane]:
    """Emulated AWS, an application, and the handlers."""
    with running_control_plane() as running:
        yield running
