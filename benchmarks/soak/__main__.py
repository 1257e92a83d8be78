"""`python -m benchmarks.soak [--calls N] [--minutes M]`: calls that talk, come and go, for long.

A phone and a browser are in each call. A tenth of the calls is closed and opened anew each minute, so that
leaks of ports, sockets or memory show. One line a minute; fails when memory grew, a frame in a thousand was
late, or a socket was left over.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from benchmarks.capacity.endpoints import Endpoint
from benchmarks.capacity.load import talk
from benchmarks.capacity.subjects import BridgeEngine, CallKind

_KIND = CallKind(("phone:PCMU", "browser:opus"))
_GROWTH = 1.05
"""Memory at the end over memory after the first tenth of the time."""
_LATE = 0.001
_SLICE = 20.0


def main() -> None:
    """Run, print, judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--calls", type=int, default=60)
    parser.add_argument("--minutes", type=float, default=1.0)
    arguments = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    engine = BridgeEngine(cores[0])
    endpoints = engine.open_calls(_KIND, arguments.calls)
    descriptors = engine.open_descriptors()
    print(f"{arguments.calls} calls, {arguments.minutes:g} minutes; {descriptors} descriptors open")
    print("minute  resident MiB  busy %  frames %  late %  p50 ms  p99 ms  descriptors  reopened", flush=True)
    memory: list[float] = []
    late_shares: list[float] = []
    reopened = 0
    began = time.monotonic()
    while time.monotonic() - began < 60 * arguments.minutes:
        before = engine.figures()
        cpu, start = before.cpu_seconds, time.monotonic()
        heard = talk(endpoints, 1.0, _SLICE)
        after = engine.figures()
        busy = (after.cpu_seconds - cpu) / (time.monotonic() - start)
        # A late tick holds a quarter of the rooms' frames.
        late = (after.late_ticks - before.late_ticks) / ((time.monotonic() - start) / 0.02)
        memory.append(after.resident_bytes / 2**20)
        late_shares.append(late)
        print(
            f"{(time.monotonic() - began) / 60:6.1f}  {memory[-1]:12.1f}  {100 * busy:6.1f}"
            f"  {100 * heard.frames_share:8.2f}  {100 * late:6.2f}  {1000 * heard.delay_p50:6.1f}"
            f"  {1000 * heard.delay_p99:6.1f}  {engine.open_descriptors():11}  {reopened:8}",
            flush=True,
        )
        reopened += _renew(engine, endpoints, reopened, max(arguments.calls // 30, 1))
    left_over = engine.open_descriptors() - descriptors
    engine.close()
    early = memory[len(memory) // 10]
    verdicts = {
        f"memory {early:.1f} to {memory[-1]:.1f} MiB": memory[-1] <= _GROWTH * early,
        f"late frames {100 * sum(late_shares) / len(late_shares):.3f} %": (
            sum(late_shares) / len(late_shares) <= _LATE
        ),
        f"descriptors left over: {left_over}": left_over <= 0,
    }
    for words, passed in verdicts.items():
        print(f"{'ok    ' if passed else 'FAILED'}  {words}")
    sys.exit(0 if all(verdicts.values()) else 1)


def _renew(engine: BridgeEngine, endpoints: list[Endpoint], already: int, count: int) -> int:
    """Close some calls and open others in their place."""
    for number in range(already, already + count):
        place = 2 * (number % (len(endpoints) // 2))
        for endpoint in endpoints[place : place + 2]:
            endpoint.close()
        endpoints[place : place + 2] = engine.renew_call(_KIND, place // 2)
    return count


if __name__ == "__main__":
    main()
