"""A bridge for the whole folder, and the tools that a test asks for by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.sipp import sipp_missing
from tests.support.running_bridge import CarrierWorld, RunningBridge, carrier_world, running_bridge
from tests.support.sip_listener import write_certificate


@pytest.fixture(scope="package")
def world() -> Iterator[CarrierWorld]:
    """Trunks and rules in emulated AWS."""
    with carrier_world() as found:
        yield found


@pytest.fixture(scope="package")
def bridge(
    world: CarrierWorld, certificate: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningBridge]:
    """One bridge on 127.0.0.1 and ::1, by UDP, TCP and TLS."""
    directory = tmp_path_factory.mktemp("bridge")
    settings = {
        "SIP_TCP_PORT": "0",
        "SIP_TLS_PORT": "0",
        "TLS_CERTIFICATE": str(certificate),
        "TLS_KEY": str(certificate.with_name("key.pem")),
    }
    with running_bridge(world, directory, settings) as running:
        yield running


@pytest.fixture(scope="package")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bridge's certificate, signed by itself, so also the authority that phones are told to trust."""
    path = tmp_path_factory.mktemp("certificate") / "certificate.pem"
    write_certificate(path, path.with_name("key.pem"), "127.0.0.1")
    return path


@pytest.fixture(scope="package")
def sipp() -> None:
    """SIPp is installed; the test is skipped with the reason when it is not."""
    if missing := sipp_missing():
        pytest.skip(missing)


@pytest.fixture(scope="package")
def impatient_bridge(
    world: CarrierWorld, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningBridge]:
    """Ends calls whose media stays away for four seconds, offers MD5 alone as old peers need it, and asks for
    PINs before it answers."""
    settings = {
        "MEDIA_INITIAL_SECONDS": "4",
        "MEDIA_RUNNING_SECONDS": "4",
        "DIGEST_ALGORITHMS": "MD5",
        "PROMPTS": "early",
    }
    with running_bridge(world, tmp_path_factory.mktemp("impatient-bridge"), settings) as running:
        yield running
