"""`python -m benchmarks.capacity [case ...]`: the largest number of calls that one core carries, as a table.

The engine has one core, the load generator the other. A count passes when 99 % of bursts come through
within 30 ms, 99.8 % of all frames arrive, and no more than 0.5 % of the audio had to be made up. `us` is
CPU time of the engine for 20 ms of one call, both directions; `floor` is what libopus, libsrtp and system
calls take of it. Wants an idle machine; as root it takes real-time priority, so that what else runs does
not blur the figures.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.capacity.bisection import largest_passing
from benchmarks.capacity.floor import floor
from benchmarks.capacity.load import Heard, talk
from benchmarks.capacity.subjects import BridgeEngine, CallKind, GStreamer, Subject

_DEADLINE = 0.030
_COMPLETE = 0.998
_MADE_UP = 0.005
_WARM_UP = 2.0
_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the table."""

    title: str
    kind: CallKind
    start: int
    """Calls to try first."""
    native: bool = False
    """Carried by GStreamer instead."""
    target: int = 0
    fixed: bool = False
    """Try `start` alone."""


class Trial(NamedTuple):
    """What one count of calls gave."""

    passed: bool
    heard: Heard
    micros: float
    busy: float
    kilobytes: float
    set_up_millis: float
    made_up: float


CASES = {
    "opus5": Case(
        "PCMU phone to Opus browser (SRTP), complexity 5",
        CallKind(("phone:PCMU", "browser:opus")),
        100,
        target=100,
    ),
    "opus0": Case(
        "PCMU phone to Opus browser (SRTP), complexity 0",
        CallKind(("phone:PCMU", "browser:opus"), complexity=0),
        130,
        target=150,
    ),
    "pcmu": Case(
        "PCMU phone to PCMU browser (SRTP), passthrough",
        CallKind(("phone:PCMU", "browser:PCMU")),
        250,
        target=200,
    ),
    "phones": Case(
        "PCMU phone to PCMU phone, passthrough", CallKind(("phone:PCMU", "phone:PCMU")), 400, target=600
    ),
    "mixed": Case("PCMU phone to PCMA phone, mixed", CallKind(("phone:PCMU", "phone:PCMA")), 200),
    "room": Case(
        "One room, 200 phones, 8 loudest mixed",
        CallKind(("phone:PCMU", "phone:PCMU"), one_room=True),
        100,
        fixed=True,
        target=100,
    ),
    "native5": Case(
        "GStreamer: PCMU to Opus (SRTP), complexity 5",
        CallKind(("phone:PCMU", "peer:opus")),
        45,
        native=True,
    ),
    "native0": Case(
        "GStreamer: PCMU to Opus (SRTP), complexity 0",
        CallKind(("phone:PCMU", "peer:opus"), complexity=0),
        55,
        native=True,
    ),
}


def run_trial(case: Case, count: int, core: int) -> Trial:
    """Carry `count` calls for a few seconds."""
    engine = BridgeEngine(core)
    subject: Subject = GStreamer(core) if case.native else engine
    endpoints = subject.open_calls(case.kind, count)
    try:
        talk(endpoints, _WARM_UP, 0.1)
        before = subject.usage()
        cpu, began = subject.cpu_seconds(), time.monotonic()
        heard = talk(endpoints, 0.2, _SECONDS)
        used, elapsed = subject.cpu_seconds() - cpu, time.monotonic() - began
        after = subject.usage()
    finally:
        subject.close()
        for endpoint in endpoints:
            endpoint.close()
    made_up = after.concealed_share if after is not None else 0.0
    complete = heard.frames_share >= _COMPLETE
    in_time = heard.delay_p99 < _DEADLINE
    memory = (after.resident_bytes - _BASE_BYTES) / 1024 / count if before and after else 0.0
    return Trial(
        passed=complete and in_time and made_up < _MADE_UP,
        heard=heard,
        micros=1e6 * used / elapsed / 50 / count,
        busy=used / elapsed,
        kilobytes=memory,
        set_up_millis=0.0 if case.native else 1000 * engine.set_up_seconds,
        made_up=made_up,
    )


_BASE_BYTES = 80 * 1024 * 1024
"""What the engine's process holds without calls: Python, numpy, libopus, OpenSSL."""


def measure(case: Case, core: int) -> tuple[int, dict[int, Trial]]:
    """The largest count that passes, and all trials."""
    trials: dict[int, Trial] = {}

    def trial(count: int) -> bool:
        for _ in range(2):  # one disturbance from outside must not decide
            trials[count] = run_trial(case, count, core)
            report(f"  {count:4} calls: {describe(trials[count])}")
            if trials[count].passed:
                return True
            if trials[count].heard.frames_share < 0.95:
                return False
        return False

    if case.fixed:
        return (case.start if trial(case.start) else 0), trials
    return largest_passing(trial, case.start), trials


def describe(trial: Trial) -> str:
    """One trial in words."""
    heard = trial.heard
    return (
        f"{'passed' if trial.passed else 'failed'}, {100 * heard.frames_share:.2f} % of frames, "
        f"delay p50 {1000 * heard.delay_p50:.1f} p99 {1000 * heard.delay_p99:.1f} ms "
        f"({heard.bursts} bursts), "
        f"{trial.micros:.0f} us, busy {100 * trial.busy:.0f} %, made up {100 * trial.made_up:.2f} %"
    )


def report(line: str) -> None:
    """Show progress."""
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Measure the cases named, or all of them."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("the capacity benchmark needs two cores: one for the engine, one for the load")
    os.sched_setaffinity(0, {cores[1]})
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    names = [argument for argument in sys.argv[1:] if argument != "--real-time"]
    if len(names) < len(sys.argv) - 1:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(10))
    floors = {
        (codec, complexity): 1e6 * floor(codec, complexity)
        for codec, complexity in (("opus", 5), ("opus", 0), ("PCMU", 5))
    }
    header = (
        f"{'case':50} {'calls':>5} {'target':>6} {'us':>5} {'floor':>6} {'p50 ms':>7} {'p99 ms':>7}"
        f" {'KiB/call':>8} {'set-up ms':>9}"
    )
    rows = [header]
    for name in names or list(CASES):
        case = CASES[name]
        if case.native and not GStreamer.available():
            rows.append(f"{case.title:50} left out: GStreamer with srtpenc and opusenc is not installed")
            continue
        report(case.title)
        count, trials = measure(case, cores[0])
        shown = trials.get(count) or trials[min(trials)]
        second = case.kind.sides[1].split(":")
        share = floors.get((second[1], case.kind.complexity)) if second[0] != "phone" else None
        floor_text = f"{100 * share / shown.micros:.0f} %" if share and not case.native else ""
        rows.append(
            f"{case.title:50} {count:5} {case.target or '':>6} {shown.micros:5.0f} {floor_text:>6}"
            f" {1000 * shown.heard.delay_p50:7.1f} {1000 * shown.heard.delay_p99:7.1f}"
            f" {shown.kilobytes:8.0f} {shown.set_up_millis:9.1f}"
        )
    print("\n".join(rows))


if __name__ == "__main__":
    main()
