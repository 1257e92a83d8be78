"""`python -m benchmarks.sip_setup`: the highest rate that holds, and what half of it costs, for each subject.

A rate holds when every call of it succeeds, no message has to be sent again and no answer takes longer than
SIPp's first retransmission. SIPp, with its own core, is the load.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.sip_setup.subjects import (
    LOAD_CORE,
    Subject,
    bridge_subject,
    on_core,
    sippy_missing,
    sippy_subject,
)
from tests.interop.sipp import SippFailedError, SippOutcome, SippRun, run_sipp
from tests.support.running_bridge import CarrierWorld, carrier_world

RATES = (50, 100, 150, 200, 250, 300, 350, 400, 450, 500, 550, 600, 700, 800, 900, 1000, 1200)
SCENARIOS = Path(__file__).parent


def load(subject: Subject, rate: float, seconds: float, *, digest: bool) -> SippOutcome:
    """Calls at this rate for so long."""
    return run_sipp(
        SippRun(
            "digest_call" if digest else "call",
            "127.0.0.1",
            subject.port,
            subject.digest_number if digest else subject.number,
            directory=SCENARIOS,
            calls=round(rate * seconds),
            rate=rate,
            limit=20_000,
            pause_ms=0,
            username=subject.username if digest else "",
            password=subject.password if digest else "",
            timeout_seconds=round(seconds * 3 + 20),
            prefix=on_core(LOAD_CORE),
            trace_messages=False,
        )
    )


def holds(subject: Subject, rate: float, seconds: float, *, digest: bool) -> bool:
    """Whether the rate holds; tried twice, because a machine has other things to do at times."""
    for _ in range(2):
        try:
            if load(subject, rate, seconds, digest=digest).retransmissions == 0:
                return True
        except SippFailedError:
            continue
    return False


def measure(subject: Subject, seconds: float, *, digest: bool) -> str:
    """A line of the table."""
    highest = 0.0
    for rate in RATES:
        if not holds(subject, rate, seconds, digest=digest):
            break
        highest = rate
    if not highest:
        return f"| {subject.name} | {'yes' if digest else 'no'} | below {RATES[0]} | | | | |"
    before = subject.processor_seconds()
    outcome = load(subject, highest / 2, seconds * 3, digest=digest)
    spent = (subject.processor_seconds() - before) / outcome.successful
    times = statistics.quantiles(outcome.response_times_ms, n=100)
    return (
        f"| {subject.name} | {'yes' if digest else 'no'} | {highest:g} | {times[49]:.0f} | {times[98]:.0f} "
        f"| {outcome.retransmissions} | {spent * 1000:.2f} |"
    )


def measure_memory(subject: Subject, calls: int, rate: float) -> None:
    """Resident memory over many calls; SIPp runs them in ten portions."""
    print(f"memory of {subject.name}: {subject.memory_mib():.1f} MiB before")
    for portion in range(1, 11):
        outcome = load(subject, rate, calls / 10 / rate, digest=False)
        print(
            f"  {portion * calls // 10} calls: {subject.memory_mib():.1f} MiB, "
            f"{outcome.retransmissions} retransmissions",
            flush=True,
        )


@contextmanager
def subject_named(name: str, world: CarrierWorld, directory: Path) -> Iterator[Subject]:
    """The subject that an argument names."""
    if name == "sippy":
        with sippy_subject(directory) as subject:
            yield subject
    else:
        with bridge_subject(world, directory / name, media=name == "bridge") as subject:
            yield subject


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sip_setup", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each rate that is tried")
    parser.add_argument("--subjects", default="no-media,bridge,sippy")
    parser.add_argument(
        "--memory-calls", type=int, default=0, help="measure memory over so many calls instead"
    )
    parser.add_argument("--rate", type=float, default=200.0, help="calls a second while memory is measured")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as text, carrier_world() as world:
        directory = Path(text)
        if not arguments.memory_calls:
            print("| called side | digest | calls/s | p50 ms | p99 ms at half | sent again | CPU ms a call |")
            print("|---|---|---|---|---|---|---|")
        for name in arguments.subjects.split(","):
            if name == "sippy" and sippy_missing():
                print("sippy is left out: pip install sippy")
                continue
            with subject_named(name, world, directory) as subject:
                if arguments.memory_calls:
                    measure_memory(subject, arguments.memory_calls, arguments.rate)
                    continue
                print(measure(subject, arguments.seconds, digest=False), flush=True)
                if subject.digest_number:
                    print(measure(subject, arguments.seconds, digest=True), flush=True)


if __name__ == "__main__":
    main()
