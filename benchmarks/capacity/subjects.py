"""What is loaded: the bridge's engine, or GStreamer with the same calls. Each tells its CPU time."""

from __future__ import annotations

import multiprocessing
import os
import secrets
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.capacity.endpoints import FORMATS, BrowserEndpoint, Endpoint, Speaker, UdpEndpoint
from benchmarks.capacity.engine_process import Usage, run_engine
from benchmarks.capacity.speech import speech

_CLOCK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class CallKind:
    """What a call is made of."""

    sides: tuple[str, str]
    """Each side: `phone:CODEC` or `browser:CODEC`."""
    complexity: int = 5
    one_room: bool = False
    """All sides in a single room."""
    max_speakers: int = 8


class Subject(Protocol):
    """Something that carries calls on one core."""

    def open_calls(self, kind: CallKind, count: int) -> list[Endpoint]:
        """Start, open `count` calls; returns both ends of each, in turn."""
        ...

    def cpu_seconds(self) -> float:
        """CPU time used so far."""
        ...

    def usage(self) -> Usage | None:
        """More figures, when the subject has them."""
        ...

    def close(self) -> None:
        """End it."""
        ...


def _speakers(kind: CallKind, number: int, probes: int) -> tuple[Speaker, Speaker]:
    """Both sides of a call. Some calls are probes; in a single room the first speaker is, for all others."""
    codecs = [side.split(":")[1] for side in kind.sides]
    if kind.one_room:
        first, second = (
            Speaker(codec, speech(codec, probe=number + place == 0, quiet=True), number)
            for place, codec in enumerate(codecs)
        )
    else:
        probe = number % max(probes, 1) == 0
        first, second = (Speaker(codec, speech(codec, probe=probe), number) for codec in codecs)
    first.partner, second.partner = second, first
    return first, second


class BridgeEngine:
    """The bridge's own engine in a process on one core."""

    def __init__(self, core: int) -> None:
        self._core = core
        self._legs: list[str] = []
        self.set_up_seconds = 0.0
        """CPU time of the engine for opening one WebRTC leg, its handshake included."""

    def open_calls(self, kind: CallKind, count: int) -> list[Endpoint]:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=run_engine, args=(theirs, self._core, kind.complexity, kind.max_speakers), daemon=True
        )
        self._process.start()
        self._pipe.recv()
        endpoints: list[Endpoint] = []
        self._probes = max(count // 12, 1)
        before = self.cpu_seconds()
        for number in range(count):
            endpoints += self._open_call(kind, number)
        if kind.one_room:
            for endpoint in endpoints[1:]:
                endpoint.speaker.partner = endpoints[0].speaker
        browsers = sum(isinstance(endpoint, BrowserEndpoint) for endpoint in endpoints)
        self.set_up_seconds = (self.cpu_seconds() - before) / browsers if browsers else 0.0
        return endpoints

    def _open_call(self, kind: CallKind, number: int) -> list[Endpoint]:
        endpoints: list[Endpoint] = []
        for place, (side, speaker) in enumerate(
            zip(kind.sides, _speakers(kind, number, self._probes), strict=True)
        ):
            leg_id = f"{number}-{place}"
            endpoints.append(self._open(side, speaker, leg_id, "all" if kind.one_room else f"room{number}"))
            self._legs.append(leg_id)
        return endpoints

    def renew_call(self, kind: CallKind, number: int) -> list[Endpoint]:
        """Close a call's legs and open them anew."""
        for place in range(2):
            leg_id = f"{number}-{place}"
            self._legs.remove(leg_id)
            self._pipe.send(("close", leg_id))
            self._pipe.recv()
        return self._open_call(kind, number)

    def open_descriptors(self) -> int:
        """How many files and sockets the engine's process holds."""
        return len(list(Path(f"/proc/{self._process.pid}/fd").iterdir()))

    def figures(self) -> Usage:
        """What the engine used, without its legs' counts."""
        return self._ask([])

    def _open(self, side: str, speaker: Speaker, leg_id: str, room: str) -> Endpoint:
        if side.startswith("phone"):
            phone = UdpEndpoint(speaker)
            payload_type = FORMATS[speaker.codec].payload_type
            self._pipe.send(("phone", leg_id, room, speaker.codec, payload_type, phone.port))
            phone.remote = ("127.0.0.1", self._pipe.recv())
            return phone
        browser = BrowserEndpoint(speaker)
        self._pipe.send(("browser", leg_id, room, browser.client.offer()))
        browser.client.accept(self._pipe.recv())
        while not browser.client.connected:
            browser.client.step(time.monotonic())
            time.sleep(0.0005)
        return browser

    def cpu_seconds(self) -> float:
        return self._ask([]).cpu_seconds

    def usage(self) -> Usage | None:
        return self._ask(self._legs)

    def _ask(self, legs: list[str]) -> Usage:
        self._pipe.send(("usage", legs))
        answer = self._pipe.recv()
        if not isinstance(answer, Usage):
            raise TypeError("the engine answered out of turn")
        return answer

    def close(self) -> None:
        self._pipe.send(("stop",))
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()


class GStreamer:
    """GStreamer with one pipeline per direction, without a jitter buffer: PCMU to Opus over SRTP and back."""

    def __init__(self, core: int) -> None:
        self._core = core

    @staticmethod
    def available() -> bool:
        """Whether it is installed, with the SRTP and Opus elements."""
        program = shutil.which("gst-inspect-1.0")
        if program is None:
            return False
        elements = ("srtpenc", "srtpdec", "opusenc", "opusdec", "mulawdec", "udpsrc", "rtpopuspay")
        return all(
            subprocess.run([program, "--exists", element], check=False).returncode == 0
            for element in elements
        )

    def open_calls(self, kind: CallKind, count: int) -> list[Endpoint]:
        endpoints: list[Endpoint] = []
        pipelines: list[str] = []
        port = 20000  # below the range that the kernel gives to the far ends
        for number in range(count):
            first, second = _speakers(kind, number, max(count // 12, 1))
            keys = secrets.token_bytes(30), secrets.token_bytes(30)
            phone, peer = UdpEndpoint(first), UdpEndpoint(second, keys)
            phone.remote, peer.remote = ("127.0.0.1", port), ("127.0.0.1", port + 1)
            pipelines += _pipelines(phone, peer, keys, kind.complexity, port)
            endpoints += [phone, peer]
            port += 2
        command = ["taskset", "-c", str(self._core), "gst-launch-1.0", "-q", *" ".join(pipelines).split()]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(1.0 + 0.05 * count)
        return endpoints

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _CLOCK

    def usage(self) -> Usage | None:
        return None

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)


def _pipelines(
    phone: UdpEndpoint, peer: UdpEndpoint, keys: tuple[bytes, bytes], complexity: int, port: int
) -> list[str]:
    """Both directions of one call."""
    to_peer = (
        f"udpsrc address=127.0.0.1 port={port} "
        "caps=application/x-rtp,media=audio,clock-rate=8000,encoding-name=PCMU,payload=0 "
        "! rtppcmudepay ! mulawdec "
        f"! opusenc bitrate=20000 complexity={complexity} frame-size=20 audio-type=voice "
        f"! rtpopuspay pt=111 ! srtpenc key={keys[1].hex()} "
        f"! udpsink host=127.0.0.1 port={peer.port} sync=false async=false"
    )
    caps = (
        f"application/x-srtp,media=audio,clock-rate=48000,encoding-name=OPUS,payload=111,ssrc=(uint){peer.ssrc},"
        f"srtp-key=(buffer){keys[0].hex()},srtp-cipher=aes-128-icm,srtp-auth=hmac-sha1-80,"
        "srtcp-cipher=aes-128-icm,srtcp-auth=hmac-sha1-80"
    )
    to_phone = (
        f"udpsrc address=127.0.0.1 port={port + 1} caps={caps} ! srtpdec ! rtpopusdepay "
        "! opusdec ! audio/x-raw,rate=8000,channels=1 "
        "! mulawenc ! rtppcmupay min-ptime=20000000 max-ptime=20000000 "
        f"! udpsink host=127.0.0.1 port={phone.port} sync=false async=false"
    )
    return [to_peer, to_phone]
