"""SIPVicious, the scanner that every public SIP port meets: it learns no number and no password.

While it scans, a carrier's calls go on undisturbed.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.sipp import SippRun, run_sipp
from tests.support.running_bridge import (
    DIGEST_NUMBER,
    NUMBER,
    PASSWORD,
    PIN_NUMBER,
    UNKNOWN_NUMBER,
    CarrierWorld,
    RunningBridge,
    carrier_world,
    running_bridge,
)

CARRIER = "127.0.0.9"
"""The address that the trusting trunk allows; SIPVicious calls from another one."""
FOUND_NOTHING = "found nothing"


@pytest.fixture(scope="module")
def exposed_world() -> Iterator[CarrierWorld]:
    """A trunk trusts the carrier's address alone."""
    with carrier_world((f"{CARRIER}/32",)) as world:
        yield world


@pytest.fixture
def exposed_bridge(exposed_world: CarrierWorld, tmp_path: Path) -> Iterator[RunningBridge]:
    """A fresh bridge for each scan: one that has shunned the scanner would not answer the next.

    It offers MD5 alone, the only digest that SIPVicious knows.
    """
    with running_bridge(exposed_world, tmp_path / "bridge", {"DIGEST_ALGORITHMS": "MD5"}) as bridge:
        yield bridge


def scan(tool: str, bridge: RunningBridge, directory: Path, *words: str, seconds: float = 60.0) -> str:
    """What the tool printed; svcrack never gives up by itself and is ended."""
    if importlib.util.find_spec("sipvicious") is None:
        pytest.skip("SIPVicious is not installed: pip install sipvicious")
    process = subprocess.Popen(
        [
            str(Path(sys.executable).with_name(f"sipvicious_{tool}")),
            *("-p", str(bridge.udp_port), "-t", "0.01", *words, "127.0.0.1"),
        ],
        env={**os.environ, "HOME": str(directory), "PYTHONUNBUFFERED": "1"},
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        return process.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]


def word_list(directory: Path, *words: str) -> str:
    """A dictionary file."""
    path = directory / "words.txt"
    path.write_text("\n".join(words) + "\n")
    return str(path)


def refused(bridge: RunningBridge, why: str) -> float:
    """The counter of what was refused for this reason."""
    return bridge.metrics().get(f'trunkline_sip_refused_total{{why="{why}"}}', 0.0)


def test_svmap_learns_a_name_without_a_version(exposed_bridge: RunningBridge, tmp_path: Path) -> None:
    assert "| Trunkline  |" in scan("svmap", exposed_bridge, tmp_path)


@pytest.mark.parametrize("force", [(), ("--force",)], ids=["polite", "forced"])
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "REGISTER"])
def test_svwar_finds_no_number(
    exposed_bridge: RunningBridge, tmp_path: Path, method: str, force: tuple[str, ...]
) -> None:
    numbers = ("100", NUMBER, "101", DIGEST_NUMBER, PIN_NUMBER, UNKNOWN_NUMBER, "admin")
    printed = scan(
        "svwar", exposed_bridge, tmp_path, "-m", method, *force, "-d", word_list(tmp_path, *numbers)
    )
    assert FOUND_NOTHING in printed
    assert "reqauth" not in printed
    assert "noauth" not in printed


def test_svcrack_is_shunned_before_it_comes_to_the_password(
    exposed_bridge: RunningBridge, exposed_world: CarrierWorld, tmp_path: Path
) -> None:
    guesses = word_list(tmp_path, *(f"guess-{number}" for number in range(40)), PASSWORD)
    outcomes: list[int] = []

    def carrier_calls() -> None:
        run = SippRun(
            "basic",
            "127.0.0.1",
            exposed_bridge.udp_port,
            NUMBER,
            source=CARRIER,
            calls=40,
            rate=8,
            options=("-bind_local",),
        )
        outcomes.append(run_sipp(run).successful)

    others = threading.Thread(target=carrier_calls)
    others.start()
    username = exposed_world.digest_trunk.username
    words = ("-m", "INVITE", "-u", username, "-e", DIGEST_NUMBER, "-d", guesses)
    printed = scan("svcrack", exposed_bridge, tmp_path, *words, seconds=10)
    others.join()
    assert PASSWORD not in printed
    assert refused(exposed_bridge, "shunned") > 0
    failed = 'trunkline_sip_calls_ended_total{answered="no",termination="authentication_failed"}'
    assert 0 < exposed_bridge.metrics()[failed] < 40
    assert outcomes == [40]
