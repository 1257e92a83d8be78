"""The far ends of calls: phones, browsers, SRTP peers with fixed keys. They send, receive, spot bursts."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
from pylibsrtp import Error, Policy, Session

from benchmarks.capacity.speech import BURST_LEVEL, Speech
from bridge.media.codec import AudioFormat, make_decoder
from bridge.media.rtp import build_rtp, is_rtcp, parse_rtp
from tests.support.raw_webrtc import RawWebRtcClient

FORMATS = {
    "PCMU": AudioFormat("PCMU", 0, 8000),
    "PCMA": AudioFormat("PCMA", 8, 8000),
    "opus": AudioFormat("opus", 111, 48000),
}


class Endpoint(Protocol):
    """One side of a call."""

    speaker: Speaker

    def fileno(self) -> int:
        """For the poller."""
        ...

    def send(self) -> None:
        """Send the next frame."""
        ...

    def receive(self) -> None:
        """Read what came."""
        ...

    def close(self) -> None:
        """Free the socket."""
        ...


class Speaker:
    """What an endpoint says and hears, whatever carries it."""

    def __init__(self, codec: str, speech: Speech, number: int) -> None:
        self.codec = codec
        self.speech = speech
        self.partner: Speaker | None = None
        self.frame = number * 7
        """Calls are at different places of the loop."""
        self.burst_sent: float | None = None
        self.heard_frames = 0
        self.delays: list[float] = []
        self._decoder = make_decoder(FORMATS[codec], 8000)
        self._loud = False

    def next_payload(self) -> bytes:
        """The payload to send now."""
        speech = self.speech
        if speech.begins_burst(self.frame):
            self.burst_sent = time.monotonic()
        payload = speech.payloads[self.frame % len(speech.payloads)]
        self.frame += 1
        return payload

    def hear(self, data: bytes) -> None:
        """Take one plain packet that came."""
        if is_rtcp(data):
            return
        self.heard_frames += 1
        partner = self.partner
        if partner is None or not partner.speech.probe:
            return
        now = time.monotonic()
        packet = parse_rtp(data)
        samples = None if packet is None else self._decoder.decode(packet.payload)
        if samples is None:
            return
        level = float(np.sqrt(np.mean(np.square(samples.astype(np.float32)))))
        loud = level > BURST_LEVEL / 2
        if loud and not self._loud and partner.burst_sent is not None:
            self.delays.append(now - partner.burst_sent)
        self._loud = loud


class UdpEndpoint:
    """A phone: plain RTP, or SRTP with the keys of a native server's command line."""

    def __init__(self, speaker: Speaker, keys: tuple[bytes, bytes] | None = None) -> None:
        self.speaker = speaker
        self.remote = ("127.0.0.1", 0)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self._sequence_number = 1
        self._timestamp = 0
        self._protect: Callable[[bytes], bytes] | None = None
        self._unprotect: Callable[[bytes], bytes] | None = None
        self.ssrc = self.port
        if keys is not None:
            profile = Policy.SRTP_PROFILE_AES128_CM_SHA1_80
            sending = Policy(key=keys[0], ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile)
            receiving = Policy(key=keys[1], ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profile)
            self._protect, self._unprotect = Session(sending).protect, Session(receiving).unprotect

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._socket.getsockname()[1]
        return port

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self) -> None:
        speaker = self.speaker
        payload = speaker.next_payload()
        payload_type = FORMATS[speaker.codec].payload_type
        data = build_rtp(payload_type, False, self._sequence_number, self._timestamp, self.ssrc, payload)
        self._sequence_number += 1
        self._timestamp += speaker.speech.timestamp_step
        if self._protect is not None:
            data = self._protect(data)
        try:
            self._socket.sendto(data, self.remote)
        except OSError:  # a refused or full path shows as loss
            return

    def receive(self) -> None:
        try:
            data = self._socket.recv(2048)
        except OSError:
            return
        if self._unprotect is not None:
            try:
                data = self._unprotect(data)
            except Error:
                return
        self.speaker.hear(data)

    def close(self) -> None:
        self._socket.close()


class BrowserEndpoint:
    """A WebRTC peer: ICE, DTLS, SRTP."""

    def __init__(self, speaker: Speaker) -> None:
        self.speaker = speaker
        audio = FORMATS[speaker.codec]
        channels = "/2" if speaker.codec == "opus" else ""
        self.client = RawWebRtcClient(
            payload_type=audio.payload_type, codec=f"{speaker.codec}/{audio.clock_rate}{channels}"
        )

    def fileno(self) -> int:
        return self.client.fileno()

    def send(self) -> None:
        self.client.send_audio(self.speaker.next_payload(), samples=self.speaker.speech.timestamp_step)

    def receive(self) -> None:
        self.client.step(time.monotonic())
        for data in self.client.received:
            self.speaker.hear(data)
        self.client.received.clear()

    def close(self) -> None:
        self.client.close(say_good_bye=False)
