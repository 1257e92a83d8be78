"""Starts PJSIP phones and talks to them; the phone itself is `pjsip_phone`, in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import queue
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

_RATE = 16_000


@dataclass(frozen=True)
class PjsipSettings:
    """One phone."""

    user: str = "+12125550133"
    host: str = "127.0.0.1"
    transport: str = "udp"
    codec: str = "PCMU"
    srtp: bool = False
    """SDES keys, and no call without them."""
    reliable: bool = False
    """`Require: 100rel`."""
    username: str = ""
    password: str = field(default="", repr=False)
    tone_hertz: float = 440.0
    certificate_authority: str = ""


def pjsip_missing() -> str:
    """Why PJSIP tests cannot run, in words for the user; empty when they can."""
    if importlib.util.find_spec("pjsua2") is not None:
        return ""
    return "PJSIP is not installed: its package pjsua2-python exists for Python 3.11 and 3.12 on x86_64 alone"


class PjsipPhone:
    """A running phone."""

    def __init__(self, process: subprocess.Popen[str], directory: Path) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin: IO[str] = process.stdin
        self._directory = directory
        self._events: queue.Queue[dict[str, Any]] = queue.Queue()
        self._reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
        self._reader.start()
        self.events: list[Mapping[str, Any]] = []
        """What it told and nobody waited for, in order."""

    def tell(self, line: str) -> None:
        """Write a line to it."""
        self._stdin.write(line + "\n")
        self._stdin.flush()

    def command(self, line: str) -> None:
        """Give a command and wait until it is carried out."""
        self.tell(line)
        self.wait_for("done")

    def wait_for(self, kind: str, seconds: float = 40.0, **details: object) -> Mapping[str, Any]:
        """The next event of this type with these details; raises AssertionError."""
        deadline = time.monotonic() + seconds
        while True:
            for event in self.events:
                if event["type"] == kind and details.items() <= event.items():
                    self.events.remove(event)
                    return event
            try:
                self.events.append(self._events.get(timeout=max(0.01, deadline - time.monotonic())))
            except queue.Empty:
                text = (self._directory / "pjsip.log").read_text(errors="replace")[-3000:]
                raise AssertionError(f"no {kind} {details}; there were {self.events}\n{text}") from None

    def call(self, number: str, host: str, port: int, transport: str = "udp") -> None:
        """Dial and wait until the call is up."""
        self.command(f"dial sip:{number}@{host}:{port};transport={transport}")
        self.wait_for("state", state="CONFIRMED")

    def hang_up(self) -> None:
        """End the call from this side and finish the recording."""
        self.command("hangup")
        self.wait_for("state", state="DISCONNECTED")

    def heard(self) -> tuple[npt.NDArray[np.int16], int]:
        """What it recorded, mono, and the rate in Hz; the phone is told to quit."""
        self.tell("quit")
        self._reader.join(10)
        with wave.open(str(self._directory / "heard.wav")) as recording:
            frames = recording.readframes(recording.getnframes())
            return np.frombuffer(frames, dtype="<i2").astype(np.int16), recording.getframerate()

    def _read(self, stdout: IO[str]) -> None:
        for line in stdout:
            self._events.put(json.loads(line))


@contextmanager
def pjsip_phone(settings: PjsipSettings, directory: Path) -> Iterator[PjsipPhone]:
    """A phone until the block ends; its files are in `directory`, which is made."""
    directory.mkdir(parents=True)
    moments = np.arange(_RATE * 20) / _RATE
    tone = (12_000 * np.sin(2 * np.pi * settings.tone_hertz * moments)).astype("<i2")
    with wave.open(str(directory / "tone.wav"), "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(_RATE)
        recording.writeframes(tone.tobytes())
    files = {"plays": str(directory / "tone.wav"), "records": str(directory / "heard.wav")}
    with (directory / "pjsip.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("pjsip_phone.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        phone = PjsipPhone(process, directory)
        phone.tell(json.dumps({**asdict(settings), **files}))
        phone.wait_for("ready")
        yield phone
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
