"""The browsers' side of the benchmark, in a process of its own: raw clients that connect and talk."""

from __future__ import annotations

import os
import time
from multiprocessing.connection import Connection

from tests.support.raw_webrtc import RawWebRtcClient

FRAME = 0.02
PAYLOAD = bytes(60)
"""As long as 20 ms of Opus at 24 kbit/s."""


def run(pipe: Connection, clients: int, core: int) -> None:
    """Serve the subject: offers out, answers in, then audio until it says stop."""
    os.sched_setaffinity(0, {core})
    peers = [RawWebRtcClient() for _ in range(clients)]
    for peer in peers:
        pipe.send(peer.offer())
        peer.accept(pipe.recv())
        while not peer.connected:
            peer.step(time.monotonic())
            time.sleep(0.0005)
        pipe.send("connected")
    pipe.recv()
    _talk(pipe, peers)
    for peer in peers:
        peer.close()


def _talk(pipe: Connection, peers: list[RawWebRtcClient]) -> None:
    """Send each client's frame once in 20 ms, a fifth of the clients every 4 ms."""
    began, turn, received = time.monotonic(), 0, 0
    while not pipe.poll():
        for peer in peers[turn % 5 :: 5]:
            peer.step(time.monotonic())
            peer.send_audio(PAYLOAD)
            received += len(peer.received)
            peer.received.clear()
        turn += 1
        time.sleep(max(0.0, began + turn * FRAME / 5 - time.monotonic()))
    pipe.recv()
    pipe.send(received)
