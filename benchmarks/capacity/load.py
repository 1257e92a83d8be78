"""The load generator: each endpoint sends every 20 ms at a phase of its own; what comes back is timed."""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.capacity.endpoints import Endpoint

_SLOTS = 20
"""Phases, 1 ms apart."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the far ends measured."""

    frames_share: float
    """Frames that came, of those that should have."""
    delay_p50: float
    """Seconds from sending a burst's first frame to receiving it on the other side."""
    delay_p99: float
    delay_max: float
    bursts: int
    lateness_p99: float
    """Seconds by which the generator itself was late: its share of the delay."""


def talk(endpoints: Sequence[Endpoint], warm_up: float, seconds: float) -> Heard:
    """Let all endpoints talk; measure after the warm-up."""
    poller = select.epoll()
    by_descriptor = {endpoint.fileno(): endpoint for endpoint in endpoints}
    for descriptor in by_descriptor:
        poller.register(descriptor, select.EPOLLIN)
    # Both ends of a call are half a frame apart, and calls are spread.
    slots: list[list[Endpoint]] = [[] for _ in range(_SLOTS)]
    for number, endpoint in enumerate(endpoints):
        slots[(number * 7) % _SLOTS].append(endpoint)
    began = time.monotonic()
    lateness: list[float] = []
    total = int((warm_up + seconds) * 1000)
    for turn in range(total):
        due = began + turn * 0.001
        if turn == int(warm_up * 1000):
            for endpoint in endpoints:
                endpoint.speaker.heard_frames = 0
                endpoint.speaker.delays.clear()
            lateness.clear()
        while True:
            wait = due - time.monotonic()
            for descriptor, _ in poller.poll(max(wait, 0.0), 256):
                by_descriptor[descriptor].receive()
            if time.monotonic() >= due:
                break
        lateness.append(time.monotonic() - due)
        for endpoint in slots[turn % _SLOTS]:
            endpoint.send()
    poller.close()
    delays = [delay for endpoint in endpoints for delay in endpoint.speaker.delays]
    frames = sum(endpoint.speaker.heard_frames for endpoint in endpoints)
    return Heard(
        frames_share=frames / (len(endpoints) * seconds * 50),
        delay_p50=float(np.percentile(delays, 50)) if delays else float("inf"),
        delay_p99=float(np.percentile(delays, 99)) if delays else float("inf"),
        delay_max=max(delays, default=float("inf")),
        bursts=len(delays),
        lateness_p99=float(np.percentile(lateness, 99)),
    )
