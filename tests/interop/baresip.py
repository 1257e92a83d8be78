"""baresip (Debian's package, a SIP stack of its own in C) as a phone: plays a tone, records what it hears.

No sound card: the source is a WAV file, the sink a bridge to nowhere, and the module `sndfile` writes the
decoded audio. Controlled over its own TCP interface (netstrings with JSON, module `ctrl_tcp`).
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import wave
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

MODULES = Path("/usr/lib/baresip/modules")
_START_SECONDS = 40.0
_TONE_SECONDS = 20
_CODEC_RATES = {"PCMU": 8000, "PCMA": 8000, "G722": 16000, "opus": 48000}


@dataclass(frozen=True)
class BaresipSettings:
    """One phone."""

    user: str = "+12125550111"
    host: str = "127.0.0.1"
    codec: str = "PCMU"
    media_encryption: str = ""
    """`srtp-mand`: SDES keys, and no call without them."""
    username: str = ""
    password: str = field(default="", repr=False)
    tone_hertz: float = 440.0
    certificate_authority: Path | None = None


def baresip_missing() -> str:
    """Why baresip tests cannot run, in words for the user; empty when they can."""
    if shutil.which("baresip") and MODULES.is_dir():
        return ""
    return "baresip is not installed: sudo apt-get install baresip-core"


class _ControlClosedError(Exception):
    """baresip has closed the connection over which it is controlled."""


class BaresipPhone:
    """A running baresip."""

    def __init__(self, connect: Callable[[], socket.socket], directory: Path) -> None:
        """`connect` gives a control connection, or says by AssertionError why there is none."""
        self._connect = connect
        self._control = connect()
        self._directory = directory
        self._received = b""
        self._token = 0
        self.events: list[Mapping[str, Any]] = []
        """What it told, in order; `type` says what."""

    def command(self, name: str, parameters: str = "") -> str:
        """Give a command, as one would type it; returns what baresip said."""
        self._token += 1
        message = json.dumps({"command": name, "params": parameters, "token": str(self._token)}).encode()
        deadline = time.monotonic() + 30
        answer: Mapping[str, Any] = {}
        self._control.sendall(b"%d:%s," % (len(message), message))
        while not answer.get("response") or answer.get("token") != str(self._token):
            try:
                answer = self._next(deadline)
            except _ControlClosedError:
                # baresip 1.0 now and then cannot read a netstring (NETSTRING_ERROR_NO_LENGTH): it has not
                # taken the command, closes the connection and goes on.
                self._reconnect()
                self._control.sendall(b"%d:%s," % (len(message), message))
                continue
            if not answer.get("response"):
                self.events.append(answer)
        assert answer["ok"], f"baresip refused {name} {parameters}: {answer}"
        return str(answer.get("data", ""))

    def wait_for(self, kind: str, seconds: float = 40.0) -> Mapping[str, Any]:
        """The next event of this type, or one that came already; raises AssertionError."""
        deadline = time.monotonic() + seconds
        while True:
            for event in self.events:
                if event.get("type") == kind:
                    self.events.remove(event)
                    return event
            try:
                self.events.append(self._next(deadline))
            except _ControlClosedError:
                self._reconnect()
            except TimeoutError:
                raise AssertionError(f"no {kind} in {seconds:g} s\n{self.log()[-4000:]}") from None

    def call(self, number: str, host: str, port: int, transport: str = "udp") -> None:
        """Dial and wait until the call is up."""
        self.command("dial", f"sip:{number}@{_bracketed(host)}:{port};transport={transport}")
        self.wait_for("CALL_ESTABLISHED")

    def hang_up(self) -> None:
        """End the call from this side."""
        self.command("hangup")
        # The recording is complete once the call's audio is taken down, right after this answer.
        time.sleep(0.3)

    def heard(self) -> tuple[npt.NDArray[np.int16], int]:
        """What it decoded in the longest call that is over, mono, and the rate in Hz."""
        paths = sorted(self._directory.glob("dump-*-dec.wav"), key=lambda path: path.stat().st_size)
        assert paths, f"baresip recorded nothing\n{self.log()[-4000:]}"
        with wave.open(str(paths[-1])) as recording:
            frames = recording.readframes(recording.getnframes())
            samples = np.frombuffer(frames, dtype="<i2").astype(np.int16)
            return samples.reshape(-1, recording.getnchannels())[:, 0], recording.getframerate()

    def close(self) -> None:
        """Control it no more."""
        self._control.close()

    def log(self) -> str:
        """What it printed."""
        return (self._directory / "baresip.log").read_text(errors="replace")

    def _reconnect(self) -> None:
        self._control.close()
        self._received = b""
        self._control = self._connect()

    def _next(self, deadline: float) -> dict[str, Any]:
        while True:
            head, colon, rest = self._received.partition(b":")
            if colon and len(rest) > int(head):
                self._received = rest[int(head) + 1 :]
                message: dict[str, Any] = json.loads(rest[: int(head)])
                return message
            self._control.settimeout(max(0.01, deadline - time.monotonic()))
            data = self._control.recv(65_536)
            if not data:
                raise _ControlClosedError
            self._received += data


@contextmanager
def baresip_phone(settings: BaresipSettings, directory: Path) -> Iterator[BaresipPhone]:
    """A phone until the block ends; its files are in `directory`, which is made."""
    directory.mkdir(parents=True)
    control_port = _free_port(settings.host)
    rate = _CODEC_RATES[settings.codec]
    _write_tone(directory / "tone.wav", settings.tone_hertz, rate, 2 if settings.codec == "opus" else 1)
    (directory / "config").write_text(_config(settings, directory, control_port))
    (directory / "accounts").write_text(_account(settings))
    (directory / "contacts").touch()
    with (directory / "baresip.log").open("wb") as log:
        process = subprocess.Popen(
            ["baresip", "-f", str(directory)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory
        )
    try:
        phone = BaresipPhone(lambda: _connected(settings.host, control_port, process, directory), directory)
        try:
            yield phone
        finally:
            phone.close()
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _connected(host: str, port: int, process: subprocess.Popen[bytes], directory: Path) -> socket.socket:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            return socket.create_connection((host, port), timeout=1)
        except ConnectionRefusedError:
            if process.poll() is not None or time.monotonic() > deadline:
                log = (directory / "baresip.log").read_text(errors="replace")
                raise AssertionError(f"baresip is not there\n{log}") from None
            time.sleep(0.05)  # Another process's start: there is no clock to pass in.


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _config(settings: BaresipSettings, directory: Path, control_port: int) -> str:
    rate = _CODEC_RATES[settings.codec]
    lines = [
        "poll_method epoll",
        f"sip_listen {_bracketed(settings.host)}:0",
        f"net_interface {settings.host}",
        f"net_af {'ipv6' if ':' in settings.host else 'ipv4'}",
        f"audio_source aufile,{directory / 'tone.wav'}",
        "audio_player aubridge,nowhere",
        "audio_alert aubridge,nothing",
        f"ausrc_srate {rate}",
        "rtp_timeout 60",
        "jitter_buffer_delay 2-5",
        "opus_bitrate 32000",
        f"module_path {MODULES}",
        *(f"module {name}.so" for name in ("g711", "g722", "opus", "aufile", "aubridge", "sndfile", "srtp")),
        "module_tmp account.so",
        *(f"module_app {name}.so" for name in ("contact", "menu", "ctrl_tcp")),
        f"ctrl_tcp_listen {_bracketed(settings.host)}:{control_port}",
        f"snd_path {directory}",
    ]
    if settings.certificate_authority is not None:
        lines.append(f"sip_cafile {settings.certificate_authority}")
    return "\n".join(lines) + "\n"


def _account(settings: BaresipSettings) -> str:
    rate, channels = _CODEC_RATES[settings.codec], 2 if settings.codec == "opus" else 1
    parts = [
        f"<sip:{settings.user}@{_bracketed(settings.host)}>",
        "regint=0",
        f"audio_codecs={settings.codec}/{rate}/{channels}",
    ]
    if settings.media_encryption:
        parts.append(f"mediaenc={settings.media_encryption}")
    if settings.username:
        parts += [f"auth_user={settings.username}", f"auth_pass={settings.password}"]
    return ";".join(parts) + "\n"


def _write_tone(path: Path, hertz: float, rate: int, channels: int) -> None:
    moments = np.arange(rate * _TONE_SECONDS) / rate
    tone = (12_000 * np.sin(2 * np.pi * hertz * moments)).astype("<i2")
    with wave.open(str(path), "wb") as recording:
        recording.setnchannels(channels)
        recording.setsampwidth(2)
        recording.setframerate(rate)
        recording.writeframes(np.repeat(tone, channels).tobytes())


def _free_port(host: str) -> int:
    with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        return int(probe.getsockname()[1])
