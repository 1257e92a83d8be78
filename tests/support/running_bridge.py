"""A real bridge as a process of its own, on ephemeral ports, with trunks and rules in emulated AWS.

For tests with foreign SIP stacks and for benchmarks. What a test changes is a setting of the bridge, by its
environment variable, as an operator would.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from local.aws.server import AwsServer
from tests.support.control_plane import ROOT, create_table, emulated_aws
from trunking.aws.applications import ApplicationCredentials, create_application
from trunking.aws.call_records import CallRecords
from trunking.aws.deployment import Deployment
from trunking.aws.rule_changes import RuleChanges
from trunking.aws.trunk_changes import TrunkChanges
from trunking.call_record import CallRecord
from trunking.routing_rule import CallerConfig, DirectRouting, PinProtection
from trunking.settings import RuleSettings, TrunkSettings
from trunking.trunk import Trunk

SOURCE_ROOTS = tuple(ROOT / name for name in ("layers/trunking", "functions", "bridge_container", "."))
READY_SECONDS = 90.0
STOP_SECONDS = 45.0

NUMBER = "+15551230001"
"""Of the trunk that trusts 127.0.0.1 and ::1; leads to the call `default:front-desk`."""
DIGEST_NUMBER = "+15551230002"
"""Of the trunk that wants digest; leads to the call `default:digest-desk`."""
PIN_NUMBER = "+15551230003"
"""Of the trusting trunk; asks for `PIN`, then leads to the call `default:guarded-desk`."""
ROOM_NUMBER = "+15551230004"
"""Of the trusting trunk; each caller gets a call."""
UNKNOWN_NUMBER = "+15551239999"
PIN = "2468"
_worlds = itertools.count(1)
PASSWORD = "password-for-tests"


@dataclass(frozen=True)
class CarrierWorld:
    """Emulated AWS with one application, its trunks and rules."""

    deployment: Deployment
    application: ApplicationCredentials
    trusting_trunk: Trunk
    digest_trunk: Trunk
    aws: AwsServer = field(repr=False)
    """To be stopped by tests of what goes on without AWS."""

    def records(self) -> list[CallRecord]:
        """The application's call records, the newest first."""
        return list(CallRecords(self.deployment).list(self.application.application_id).records)


@dataclass(frozen=True)
class RunningBridge:
    """Where the bridge listens, and what it tells."""

    sip: Mapping[str, tuple[str, int]]
    http: tuple[str, int]
    pid: int
    log_file: Path = field(repr=False)

    @property
    def udp_port(self) -> int:
        """The UDP port, the same on each address."""
        return self.sip["udp"][1]

    def log(self) -> str:
        """What it logged so far."""
        return self.log_file.read_text(errors="replace")

    def metrics(self) -> dict[str, float]:
        """The samples of /metrics by name and labels."""
        with urllib.request.urlopen(f"http://{self.http[0]}:{self.http[1]}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        samples: dict[str, float] = {}
        for line in text.splitlines():
            name, _, value = line.rpartition(" ")
            if name and not line.startswith("#"):
                samples[name] = float(value)
        return samples

    def processor_seconds(self) -> float:
        """Processor time of the signalling process so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_kib(self) -> int:
        """Resident memory of the signalling process."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))


@contextmanager
def carrier_world(trusted: Sequence[str] = ("127.0.0.1/32", "::1/128")) -> Iterator[CarrierWorld]:
    """Emulated AWS until the block ends; its variables are in the environment for that long."""
    # Moto keeps one state for the whole process, so each world has names of its own.
    name = f"trunkline-test-{next(_worlds)}"
    deployment = Deployment(table=name, secret_prefix=f"{name}/", bus=name, sip_host="127.0.0.1")
    with emulated_aws() as aws:
        create_table(deployment)
        deployment.events.create_event_bus(Name=deployment.bus)
        application = create_application(deployment)
        now = datetime.now(UTC)
        trunks, rules = TrunkChanges(deployment), RuleChanges(deployment)
        trusting = trunks.create(
            application.application_id,
            TrunkSettings("Trusted carrier", (NUMBER, PIN_NUMBER, ROOM_NUMBER), allowed_ips=tuple(trusted)),
            None,
            now,
        ).trunk
        digest = trunks.create(
            application.application_id,
            TrunkSettings("Digest carrier", (DIGEST_NUMBER,)),
            PASSWORD,
            now,
        ).trunk
        for trunk, number, call_id, protection in (
            (trusting, NUMBER, "front-desk", None),
            (digest, DIGEST_NUMBER, "digest-desk", None),
            (trusting, PIN_NUMBER, "guarded-desk", PinProtection(True, PIN, 3, len(PIN))),
            (trusting, ROOM_NUMBER, "desk-{{uuid}}", None),
        ):
            settings = RuleSettings(
                name=call_id,
                trunk_ids=(trunk.id,),
                caller=CallerConfig("phone-{{caller_number}}"),
                called_numbers=(number,),
                direct_routing=DirectRouting("default", call_id),
                pin_protection=protection,
            )
            rules.create(application.application_id, settings, now)
        yield CarrierWorld(deployment, application, trusting, digest, aws)


@contextmanager
def running_bridge(
    world: CarrierWorld,
    directory: Path,
    settings: Mapping[str, str] | None = None,
    *,
    prefix: Sequence[str] = (),
    module: str = "bridge",
) -> Iterator[RunningBridge]:
    """`python -m bridge` until the block ends. `settings` by name without `BRIDGE_`; `prefix` starts it."""
    directory.mkdir(parents=True, exist_ok=True)
    ready_file, log_file = directory / "bridge.json", directory / "bridge.log"
    values = {
        "TABLE": world.deployment.table,
        "BUS": world.deployment.bus,
        "SECRET_PREFIX": world.deployment.secret_prefix,
        "SIP_HOST": "127.0.0.1,::1",
        "SIP_PORT": "0",
        "RTP_HOST_IPV6": "::1",
        "HTTP_PORT": "0",
        "READY_FILE": str(ready_file),
        "CALL_ACCESS": "open",
        "CALL_APPLICATION": world.application.application_id,
        "DRAIN_SECONDS": "1",
        **(settings or {}),
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}
    environment |= {f"BRIDGE_{name}": value for name, value in values.items()}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, SOURCE_ROOTS))
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [*prefix, sys.executable, "-m", module],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(
            lambda: ready_file.exists() or process.poll() is not None,
            READY_SECONDS,
            lambda: f"the bridge is not ready\n{log_file.read_text(errors='replace')[-4000:]}",
        )
        assert process.poll() is None, f"the bridge ended\n{log_file.read_text(errors='replace')[-4000:]}"
        ready = json.loads(ready_file.read_text())
        yield RunningBridge(
            {name: (host, port) for name, (host, port) in ready["sip"].items()},
            (ready["http"][0], ready["http"][1]),
            ready["pid"],
            log_file,
        )
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until(
    condition: Callable[[], bool], seconds: float, why: Callable[[], str] | str = "it did not happen"
) -> None:
    """Poll what another process does; raises AssertionError with `why` when the time is up."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(why if isinstance(why, str) else why())
        time.sleep(0.02)  # Another process's progress: there is no clock to pass in.
