"""A bridge for the whole folder, and the tools that a test asks for by name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.sipp import sipp_missing
from tests.support.running_bridge import CarrierWorld, RunningBridge, carrier_world, running_bridge


@pytest.fixture(scope="package")
def world() -> Iterator[CarrierWorld]:
    """Trunks and rules in emulated AWS."""
    with carrier_world() as found:
        yield found


@pytest.fixture(scope="package")
def bridge(world: CarrierWorld, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBridge]:
    """One bridge on 127.0.0.1 and ::1."""
    with running_bridge(world, tmp_path_factory.mktemp("bridge")) as running:
        yield running


@pytest.fixture(scope="package")
def sipp() -> None:
    """SIPp is installed; the test is skipped with the reason when it is not."""
    if missing := sipp_missing():
        pytest.skip(missing)


@pytest.fixture(scope="package")
def impatient_bridge(
    world: CarrierWorld, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningBridge]:
    """Ends calls whose media stays away for two seconds, and offers MD5 alone as old peers need it."""
    settings = {"MEDIA_INITIAL_SECONDS": "2", "MEDIA_RUNNING_SECONDS": "2", "DIGEST_ALGORITHMS": "MD5"}
    with running_bridge(world, tmp_path_factory.mktemp("impatient-bridge"), settings) as running:
        yield running
