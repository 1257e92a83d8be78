"""The codecs behind one interface: 20 ms frames of linear samples to payloads and back. Imports bridge.media.

A codec works at a rate of its own (8 kHz for G.711, 16 kHz for G.722) or at whatever rate its room runs at
(Opus); what does not fit is resampled here, so that legs and rooms see one rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import G722
import numpy as np

from bridge.media import g711
from bridge.media.g711 import Samples
from bridge.media.opus import OpusDecoder, OpusEncoder
from bridge.media.resampling import Downsampler, Upsampler

NARROWBAND = 8000
WIDEBAND = 16000
OPUS_NARROWBAND_BIT_RATE = 20_000
OPUS_WIDEBAND_BIT_RATE = 28_000


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """A codec as negotiated (RFC 3551, RFC 7587)."""

    name: str
    """`PCMU`, `PCMA`, `G722`, `opus` or `L16`."""
    payload_type: int
    clock_rate: int
    """Of its RTP timestamps, Hz. G.722 says 8000 for 16 kHz audio (RFC 3551 section 4.5.2)."""

    @property
    def wideband(self) -> bool:
        """Whether it can carry what is above 4 kHz."""
        return self.name in ("G722", "opus") or (self.name == "L16" and self.clock_rate > NARROWBAND)

    @property
    def stateless(self) -> bool:
        """Whether equal samples always give equal payloads, so that one encoding serves many listeners."""
        return self.name in ("PCMU", "PCMA")


class Decoder(Protocol):
    """Payloads of one stream to samples at the room's rate."""

    def decode(self, payload: bytes) -> Samples | None:
        """Samples, or None when the payload is not valid."""
        ...

    def conceal(self, count: int) -> Samples | None:
        """`count` samples for lost audio, or None when the codec has no concealment of its own."""
        ...

    def recover(self, next_payload: bytes, count: int) -> Samples | None:
        """`count` lost samples from redundancy in the packet after them, or None."""
        ...

    def redundant(self, payload: bytes) -> bool:
        """Whether a payload holds redundancy for the one before it."""
        ...


class Encoder(Protocol):
    """Samples at the room's rate to payloads of one stream."""

    def encode(self, samples: Samples) -> bytes:
        """One payload."""
        ...

    def adapt(self, complexity: int, loss_percent: int) -> None:
        """Change effort and redundancy; a no-op for codecs that have neither."""
        ...


class _WithoutConcealment:
    def conceal(self, count: int) -> Samples | None:
        return None

    def recover(self, next_payload: bytes, count: int) -> Samples | None:
        return None

    def redundant(self, payload: bytes) -> bool:
        return False


class G711Decoder(_WithoutConcealment):
    """PCMU or PCMA to 8 or 16 kHz."""

    def __init__(self, law: str, rate: int) -> None:
        self._law = law
        self._upsampler = Upsampler() if rate == WIDEBAND else None

    def decode(self, payload: bytes) -> Samples | None:
        samples = g711.decode(self._law, payload)
        return samples if self._upsampler is None else self._upsampler.convert(samples)


class G711Encoder:
    """8 or 16 kHz to PCMU or PCMA."""

    def __init__(self, law: str, rate: int) -> None:
        self._law = law
        self._downsampler = Downsampler() if rate == WIDEBAND else None

    def encode(self, samples: Samples) -> bytes:
        if self._downsampler is not None:
            samples = self._downsampler.convert(samples)
        return g711.encode(self._law, samples)

    def adapt(self, complexity: int, loss_percent: int) -> None:
        return None


class G722Decoder(_WithoutConcealment):
    """G.722 at 64 kbit/s to 16 or 8 kHz."""

    def __init__(self, rate: int) -> None:
        self._state = G722.G722(WIDEBAND, 64000)
        self._downsampler = Downsampler() if rate == NARROWBAND else None

    def decode(self, payload: bytes) -> Samples | None:
        samples: Samples = np.frombuffer(self._state.decode(payload), np.int16)
        return samples if self._downsampler is None else self._downsampler.convert(samples)


class G722Encoder:
    """16 or 8 kHz to G.722 at 64 kbit/s."""

    def __init__(self, rate: int) -> None:
        self._state = G722.G722(WIDEBAND, 64000)
        self._upsampler = Upsampler() if rate == NARROWBAND else None

    def encode(self, samples: Samples) -> bytes:
        if self._upsampler is not None:
            samples = self._upsampler.convert(samples)
        return bytes(self._state.encode(samples))

    def adapt(self, complexity: int, loss_percent: int) -> None:
        return None


class L16Decoder(_WithoutConcealment):
    """Linear PCM in network order (RFC 3551 section 4.5.11), 8, 16 or 48 kHz, to the room's rate."""

    def __init__(self, clock_rate: int, rate: int) -> None:
        self._decimate = max(clock_rate // WIDEBAND, 1)
        inner = clock_rate // self._decimate
        self._upsampler = Upsampler() if inner < rate else None
        self._downsampler = Downsampler() if inner > rate else None

    def decode(self, payload: bytes) -> Samples | None:
        samples = np.frombuffer(payload[: len(payload) & ~1], ">i2").astype(np.int16)
        if self._decimate > 1:
            usable = len(samples) - len(samples) % self._decimate
            samples = samples[:usable].reshape(-1, self._decimate).mean(axis=1).astype(np.int16)
        if self._upsampler is not None:
            return self._upsampler.convert(samples)
        return samples if self._downsampler is None else self._downsampler.convert(samples)


class L16Encoder:
    """The room's rate to linear PCM in network order."""

    def __init__(self, clock_rate: int, rate: int) -> None:
        self._repeat = max(clock_rate // WIDEBAND, 1)
        inner = clock_rate // self._repeat
        self._upsampler = Upsampler() if inner > rate else None
        self._downsampler = Downsampler() if inner < rate else None

    def encode(self, samples: Samples) -> bytes:
        if self._upsampler is not None:
            samples = self._upsampler.convert(samples)
        if self._downsampler is not None:
            samples = self._downsampler.convert(samples)
        if self._repeat > 1:
            samples = np.repeat(samples, self._repeat)
        return samples.astype(">i2").tobytes()

    def adapt(self, complexity: int, loss_percent: int) -> None:
        return None


class OpusStreamEncoder:
    """Opus at the room's own rate: narrowband at 8 kHz, wideband at 16 kHz."""

    def __init__(self, rate: int, complexity: int) -> None:
        bit_rate = OPUS_NARROWBAND_BIT_RATE if rate == NARROWBAND else OPUS_WIDEBAND_BIT_RATE
        self._encoder = OpusEncoder(rate, complexity, bit_rate)

    def encode(self, samples: Samples) -> bytes:
        return self._encoder.encode(samples)

    def adapt(self, complexity: int, loss_percent: int) -> None:
        self._encoder.set_complexity(complexity)
        self._encoder.set_expected_loss(loss_percent)


def make_decoder(audio: AudioFormat, rate: int) -> Decoder:
    """A decoder that gives `rate`. Raises ValueError for a codec that we do not have."""
    match audio.name:
        case "PCMU" | "PCMA":
            return G711Decoder(audio.name, rate)
        case "G722":
            return G722Decoder(rate)
        case "opus":
            return OpusDecoder(rate)
        case "L16" if audio.clock_rate in (8000, 16000, 48000):
            return L16Decoder(audio.clock_rate, rate)
    raise ValueError(f"no decoder for {audio.name}/{audio.clock_rate}")


def make_encoder(audio: AudioFormat, rate: int, complexity: int) -> Encoder:
    """An encoder that takes `rate`. Raises ValueError for a codec that we do not have."""
    match audio.name:
        case "PCMU" | "PCMA":
            return G711Encoder(audio.name, rate)
        case "G722":
            return G722Encoder(rate)
        case "opus":
            return OpusStreamEncoder(rate, complexity)
        case "L16" if audio.clock_rate in (8000, 16000, 48000):
            return L16Encoder(audio.clock_rate, rate)
    raise ValueError(f"no encoder for {audio.name}/{audio.clock_rate}")
