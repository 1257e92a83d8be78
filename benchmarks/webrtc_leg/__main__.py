"""`python -m benchmarks.webrtc_leg [legs] [seconds]`: prints one line per way to carry WebRTC legs.

The subject runs on one core, its clients in a process on another. CPU is the subject process' whole time, the
event loop included; a frame is one packet received and one sent. Memory is resident memory per leg.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import sys
import time
from pathlib import Path

from benchmarks.webrtc_leg import load
from benchmarks.webrtc_leg.subjects import FRAMES_PER_SECOND, AiortcTransports, OneSocket, Subject

PAGE = os.sysconf("SC_PAGE_SIZE")


def resident() -> int:
    """Bytes of memory that this process holds now."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


async def measure(subject: Subject, legs: int, seconds: float) -> str:
    """One line of the table."""
    cores = sorted(os.sched_getaffinity(0))
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    clients = context.Process(target=load.run, args=(theirs, legs, cores[-1]), daemon=True)
    clients.start()
    os.sched_setaffinity(0, {cores[0]})
    # The first leg brings what all share: certificate, socket, code.
    await subject.connect(ours)
    memory, cpu = resident(), time.process_time()
    for _ in range(legs - 1):
        await subject.connect(ours)
    set_up = (time.process_time() - cpu) / (legs - 1)
    per_leg = (resident() - memory) / (legs - 1)
    ours.send("talk")
    await subject.carry(1.0)
    cpu = time.process_time()
    received = await subject.carry(seconds)
    frames = legs * seconds * FRAMES_PER_SECOND
    per_frame = (time.process_time() - cpu) / frames
    ours.send("stop")
    await subject.close()
    await asyncio.to_thread(clients.join, 10)
    os.sched_setaffinity(0, set(cores))
    return (
        f"{subject.name:45} {set_up * 1e3:10.1f} {per_leg / 1024:12.0f} {per_frame * 1e6:14.1f}"
        f" {100 * received / frames:11.1f}"
    )


def main() -> None:
    """Measure both and print."""
    legs = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 5.0
    print(f"{legs} legs, one core, {seconds:g} s of audio both ways")
    print(f"{'':45} {'set-up ms':>10} {'KiB per leg':>12} {'us per frame':>14} {'received %':>11}")
    for subject in (OneSocket, AiortcTransports):
        print(asyncio.run(measure(subject(), legs, seconds)), flush=True)


if __name__ == "__main__":
    main()
