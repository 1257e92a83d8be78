"""The floor: what a call-frame costs in libopus, libsrtp and system calls, whatever language calls them."""

from __future__ import annotations

import os
import socket
import time

from pylibsrtp import Policy, Session

from benchmarks.capacity.speech import speech
from bridge.media.g711 import decode
from bridge.media.opus import OpusDecoder, OpusEncoder
from bridge.media.rtp import build_rtp

_FRAMES = 3000


def floor(codec: str, complexity: int) -> float:
    """Seconds of CPU for one call-frame: PCMU phone to a `codec` SRTP peer and back; four datagrams."""
    phone, peer = speech("PCMU", probe=False), speech(codec, probe=False)
    encoder, decoder = OpusEncoder(8000, complexity, 20_000), OpusDecoder(8000)
    key = os.urandom(28)
    profile = Policy.SRTP_PROFILE_AEAD_AES_128_GCM
    ours = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))
    theirs = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profile))
    protected = [
        ours.protect(build_rtp(111, False, n, n * 960, 1, peer.payloads[n % len(peer.payloads)]))
        for n in range(_FRAMES)
    ]
    sending = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))
    samples = [decode("PCMU", payload) for payload in phone.payloads]
    left, right = _connected_pair()
    packet = bytes(172)
    began = time.process_time()
    for number in range(_FRAMES):
        left.send(packet)
        right.recv(2048)
        left.send(protected[number])
        plain = theirs.unprotect(right.recv(2048))
        if codec == "opus":
            decoder.decode(plain[12:])
            payload = encoder.encode(samples[number % len(samples)])
        else:
            payload = plain[12:]
        sending.protect(build_rtp(111, False, number, number, 2, payload))
    seconds = (time.process_time() - began) / _FRAMES
    left.close()
    right.close()
    return seconds


def _connected_pair() -> tuple[socket.socket, socket.socket]:
    left, right = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    left.bind(("127.0.0.1", 0))
    right.bind(("127.0.0.1", 0))
    left.connect(right.getsockname())
    right.connect(left.getsockname())
    return left, right
