"""GStreamer's jitter buffer in real time: all networks at once, each a pipeline, audio recorded to files."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bridge.media.codec import AudioFormat
from bridge.media.g711 import Samples
from bridge.media.rtp import build_rtp
from tests.unit.media.loss_patterns import Arrival

LATENCY_MS = 60
_ELEMENTS = ("rtpjitterbuffer", "opusdec", "mulawdec", "spanplc")


def available() -> bool:
    """Whether GStreamer and its elements are installed."""
    program = shutil.which("gst-inspect-1.0")
    return program is not None and all(
        subprocess.run([program, "--exists", element], check=False).returncode == 0 for element in _ELEMENTS
    )


def receive(
    payloads: Sequence[bytes], audio: AudioFormat, networks: Sequence[Sequence[Arrival]], seconds: float
) -> list[Samples]:
    """What is heard of each network's arrivals, 8 kHz."""
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ports = [_free_port() for _ in networks]
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{port}.raw" for port in ports]
        pipelines = " ".join(_pipeline(audio, port, path) for port, path in zip(ports, files, strict=True))
        running = subprocess.Popen(
            ["gst-launch-1.0", "-q", "-e", *pipelines.split()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(1.0)
        _send(sender, payloads, audio, networks, ports)
        time.sleep(1.0)
        running.send_signal(2)
        running.wait(10)
        heard = [np.fromfile(path, np.int16) for path in files]
    sender.close()
    return [samples[: int(seconds * 8000)] for samples in heard]


def _send(
    sender: socket.socket,
    payloads: Sequence[bytes],
    audio: AudioFormat,
    networks: Sequence[Sequence[Arrival]],
    ports: Sequence[int],
) -> None:
    ticks = audio.clock_rate // 50
    schedule = sorted(
        (arrival.seconds, port, arrival.number)
        for arrivals, port in zip(networks, ports, strict=True)
        for arrival in arrivals
    )
    began = time.monotonic()
    for seconds, port, number in schedule:
        wait = began + seconds - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        data = build_rtp(audio.payload_type, False, number, number * ticks, 7, payloads[number])
        sender.sendto(data, ("127.0.0.1", port))


def _pipeline(audio: AudioFormat, port: int, path: Path) -> str:
    caps = f"application/x-rtp,media=audio,clock-rate={audio.clock_rate},payload={audio.payload_type}"
    if audio.name == "opus":
        decoder = "rtpopusdepay ! opusdec plc=true use-inband-fec=true"
        encoding = "OPUS"
    else:
        decoder = "rtppcmudepay ! mulawdec ! spanplc"
        encoding = "PCMU"
    return (
        f"udpsrc address=127.0.0.1 port={port} caps={caps},encoding-name={encoding} "
        f"! rtpjitterbuffer latency={LATENCY_MS} do-lost=true ! {decoder} "
        f"! audioconvert ! audioresample ! audio/x-raw,rate=8000,channels=1,format=S16LE "
        f"! filesink location={path} "
    )


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
