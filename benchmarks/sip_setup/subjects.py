"""What is measured: the bridge without media, the bridge whole, and sippy, each alone on one core."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.running_bridge import (
    DIGEST_NUMBER,
    PASSWORD,
    ROOM_NUMBER,
    CarrierWorld,
    running_bridge,
)

SUBJECT_CORE, LOAD_CORE = 0, 1
PRIORITY = ("nice", "-n", "-15") if os.geteuid() == 0 else ()
"""Ahead of what else the machine does; only root may."""
LIMITS = {
    "LOG_LEVEL": "WARNING",
    "DIGEST_ALGORITHMS": "MD5",  # The only one that SIPp knows.
    "MAX_CALLS": "20000",
    "MAX_CALLS_PER_SOURCE": "20000",
    "MAX_CALLS_PER_SECOND_PER_SOURCE": "100000",
}


@dataclass(frozen=True)
class Subject:
    """A called side that runs."""

    name: str
    port: int
    pid: int
    number: str
    digest_number: str = ""
    """Empty: it does not authenticate."""
    username: str = ""
    password: str = ""

    def processor_seconds(self) -> float:
        """Processor time of its process so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mib(self) -> float:
        """Resident memory."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024


def on_core(core: int) -> tuple[str, ...]:
    """What a process is started with to have a core for itself."""
    return ("taskset", "-c", str(core), *PRIORITY)


@contextmanager
def bridge_subject(world: CarrierWorld, directory: Path, *, media: bool) -> Iterator[Subject]:
    """The bridge; its records and events go to an endpoint that takes them at once."""
    with _report_sink() as endpoint:
        environment: Mapping[str, str] = dict(os.environ)
        os.environ["AWS_ENDPOINT_URL"] = endpoint
        try:
            module = "bridge" if media else "benchmarks.sip_setup.bridge_without_media"
            prefix = on_core(SUBJECT_CORE)
            with running_bridge(world, directory, LIMITS, prefix=prefix, module=module) as bridge:
                yield Subject(
                    "bridge" if media else "bridge without media",
                    bridge.udp_port,
                    bridge.pid,
                    ROOM_NUMBER,
                    DIGEST_NUMBER,
                    world.digest_trunk.username,
                    PASSWORD,
                )
        finally:
            os.environ["AWS_ENDPOINT_URL"] = environment["AWS_ENDPOINT_URL"]


@contextmanager
def sippy_subject(directory: Path) -> Iterator[Subject]:
    """A called side of sippy."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [*on_core(SUBJECT_CORE), sys.executable, "-m", "benchmarks.sip_setup.sippy_peer", str(port)]
    with (directory / "sippy.log").open("wb") as log, _process(command, log=log) as process:
        yield Subject("sippy 2.5", port, process.pid, ROOM_NUMBER)


def sippy_missing() -> bool:
    """Whether sippy has to be left out."""
    return importlib.util.find_spec("sippy") is None


@contextmanager
def _report_sink() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    upstream = os.environ["AWS_ENDPOINT_URL"]
    command = [*on_core(LOAD_CORE), sys.executable, "-m", "benchmarks.sip_setup.report_sink"]
    with _process([*command, upstream, str(port)]):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _process(command: list[str], log: object = None) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # type: ignore[call-overload]
    try:
        time.sleep(1.5)  # Neither tells when it serves.
        yield process
    finally:
        process.terminate()
        process.wait()
