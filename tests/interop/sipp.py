"""Runs a SIPp scenario against a SIP server on this machine and reads what SIPp counted. Knows no bridge.

SIPp is Debian's package `sip-tester`. A run that fails carries the messages that were exchanged, so that the
report of a failed test shows the ladder and not only a number.
"""

from __future__ import annotations

import csv
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SCENARIOS = Path(__file__).parent / "sipp"
_PORT_TAKEN = 254
"""SIPp's exit code -2: it could not bind a socket."""
_ATTEMPTS = 5
_TRACE_LIMIT = 12_000
"""Characters of the message trace that a failure shows."""


class SippFailedError(AssertionError):
    """Not every call of the run went as its scenario says; the text has SIPp's errors and the messages."""


@dataclass(frozen=True, slots=True)
class SippRun:
    """One run of one scenario."""

    scenario: str
    """The file's name in `directory`, without `.xml`."""
    host: str
    port: int
    number: str
    """The called number: the Request-URI's user part."""
    directory: Path = SCENARIOS
    transport: str = "u1"
    """As SIPp has it: `u1` UDP, `t1` TCP with one connection, `tn` TCP with one connection a call."""
    calls: int = 1
    rate: float = 10.0
    """New calls a second."""
    limit: int = 1000
    """Calls at once."""
    pause_ms: int = 200
    """How long the scenario's unspecified pauses are: the call's length, mostly."""
    username: str = ""
    password: str = field(default="", repr=False)
    lost_percent: float = 0.0
    """Messages lost on purpose, in both directions."""
    source: str = ""
    """Address to call from; empty: the target's."""
    timeout_seconds: int = 60
    keys: Mapping[str, str] = field(default_factory=dict)
    """Words of the scenario: `[name]`."""
    prefix: Sequence[str] = ()
    """What SIPp is started with, such as `taskset -c 1`."""
    trace_messages: bool = True
    options: Sequence[str] = ()
    """Further options of SIPp."""


@dataclass(frozen=True, slots=True)
class SippOutcome:
    """What SIPp counted."""

    successful: int
    failed: int
    retransmissions: int
    """Messages that SIPp had to send again."""
    response_times_ms: tuple[float, ...]
    """From each call's first request to the response that the scenario marks with `rtd`."""
    counters: Mapping[str, str]
    """The last line of SIPp's statistics file."""
    messages: str = field(default="", repr=False)
    """The message trace, when the run asked for one."""

    def received(self, start: str, cseq: str) -> int:
        """How often a message with this start line and CSeq came, repetitions included."""
        parts = self.messages.split("message received")[1:]
        return sum(
            1
            for part in parts
            if f"\n{start}" in (text := part.split("-----")[0]) and f"CSeq: {cseq}" in text
        )


def sipp_missing() -> str:
    """Why SIPp tests cannot run, in words for the user; empty when they can."""
    return "" if shutil.which("sipp") else "SIPp is not installed: sudo apt-get install sip-tester"


def run_sipp(run: SippRun) -> SippOutcome:
    """Run to the end. Raises `SippFailedError` when a call failed or the time was up."""
    for _ in range(_ATTEMPTS):
        with tempfile.TemporaryDirectory(prefix="trunkline-sipp-") as directory:
            outcome = _run_in(run, Path(directory))
            if outcome is not None:
                return outcome
    raise SippFailedError(f"SIPp found no free media ports in {_ATTEMPTS} attempts")


def _run_in(run: SippRun, directory: Path) -> SippOutcome | None:
    """None when somebody else has taken one of the four media ports that were free a moment ago."""
    completed = subprocess.run(
        command(run, directory),
        cwd=directory,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=run.timeout_seconds + 30,
        check=False,
    )
    if completed.returncode == _PORT_TAKEN:
        return None
    outcome = _outcome(directory)
    if completed.returncode != 0 or outcome is None or outcome.failed or outcome.successful < run.calls:
        raise SippFailedError(_report(run, directory, completed, outcome))
    return outcome


def command(run: SippRun, directory: Path) -> list[str]:
    """The command line of a run whose files go to `directory`."""
    source = run.source or run.host
    target = f"[{run.host}]:{run.port}" if ":" in run.host else f"{run.host}:{run.port}"
    words = [*run.prefix, "sipp", target, "-sf", str(run.directory / f"{run.scenario}.xml")]
    words += ["-s", run.number, "-t", run.transport, "-i", source, "-mi", source]
    words += [
        "-mp",
        str(_free_port(source)),
        "-m",
        str(run.calls),
        "-r",
        f"{run.rate:g}",
        "-l",
        str(run.limit),
    ]
    words += ["-d", str(run.pause_ms), "-timeout", f"{run.timeout_seconds}s", "-timeout_error", "-nostdin"]
    words += ["-max_socket", "1000"]
    words += ["-trace_stat", "-stf", str(directory / "statistics.csv"), "-fd", "1"]
    words += ["-trace_rtt", "-rtt_freq", "1", "-trace_err", "-error_file", str(directory / "errors.log")]
    if run.trace_messages:
        words += ["-trace_msg", "-message_file", str(directory / "messages.log")]
    if run.username:
        words += ["-au", run.username, "-ap", run.password]
    if run.lost_percent:
        words += ["-lost", f"{run.lost_percent:g}"]
    for name, value in run.keys.items():
        words += ["-key", name, value]
    return [*words, *run.options]


def _outcome(directory: Path) -> SippOutcome | None:
    statistics, messages = directory / "statistics.csv", directory / "messages.log"
    if not statistics.exists():
        return None
    with statistics.open(newline="", errors="replace") as lines:
        rows = list(csv.DictReader(lines, delimiter=";"))
    if not rows:
        return None
    last = {
        name: value for name, value in rows[-1].items() if isinstance(name, str) and isinstance(value, str)
    }
    return SippOutcome(
        successful=int(last["SuccessfulCall(C)"]),
        failed=int(last["FailedCall(C)"]),
        retransmissions=int(last["Retransmissions(C)"]),
        response_times_ms=_response_times(directory),
        counters=last,
        messages=messages.read_text(errors="replace") if messages.exists() else "",
    )


def _response_times(directory: Path) -> tuple[float, ...]:
    times = []
    for path in directory.glob("*_rtt.csv"):
        for line in path.read_text(errors="replace").splitlines()[1:]:
            _, _, rest = line.partition(";")
            milliseconds, _, _ = rest.partition(";")
            times.append(float(milliseconds))
    return tuple(times)


def _report(
    run: SippRun,
    directory: Path,
    completed: subprocess.CompletedProcess[str],
    outcome: SippOutcome | None,
) -> str:
    counted = "nothing" if outcome is None else f"{outcome.successful} successful, {outcome.failed} failed"
    parts = [f"SIPp {run.scenario} ended with {completed.returncode}; counted {counted} of {run.calls}"]
    for name in ("errors.log", "messages.log"):
        path = directory / name
        if path.exists():
            parts.append(f"--- {name}\n{path.read_text(errors='replace')[-_TRACE_LIMIT:]}")
    if outcome is None:
        parts.append(completed.stderr[-2000:] or completed.stdout[-2000:])
    return "\n".join(parts)


def _free_port(host: str) -> int:
    """An even port for RTP that was free a moment ago."""
    while True:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
            port = int(probe.getsockname()[1])
        if port % 2 == 0:
            return port
