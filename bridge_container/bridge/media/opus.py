"""Opus by libopus (RFC 6716, RFC 7587), called through ctypes, which releases the interpreter lock meanwhile.

Encodes and decodes at the rate asked for (8, 16 or 48 kHz): telephone audio never passes a resampler. The
library is the one inside PyAV's wheel, which aiortc requires and which is newer than Debian's; else the
system's. Imports numpy only.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.util
from pathlib import Path

import numpy as np

from bridge.media.g711 import Samples

_APPLICATION_VOIP = 2048
_SET_BITRATE = 4002
_SET_COMPLEXITY = 4010
_SET_INBAND_FEC = 4012
_SET_PACKET_LOSS = 4014
_SET_DTX = 4016
_RESET_STATE = 4028
MAX_PAYLOAD = 1275
MAX_FRAME_SECONDS = 0.12


class OpusError(Exception):
    """libopus cannot be loaded, or refused its arguments: our own fault."""


def library_path() -> str:
    """Where libopus is: PyAV's bundled copy first, then the system's. Raises `OpusError`."""
    specification = importlib.util.find_spec("av")
    if specification is not None and specification.origin is not None:
        folder = Path(specification.origin).parent.parent / "av.libs"
        bundled = sorted(folder.glob("libopus-*.so*"))
        if bundled:
            return str(bundled[0])
    system = ctypes.util.find_library("opus")
    if system is None:
        raise OpusError("libopus was found neither in the av package nor on the system (Debian: libopus0)")
    return system


def _load() -> ctypes.CDLL:
    library = ctypes.CDLL(library_path())
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    library.opus_get_version_string.restype = text
    library.opus_encoder_create.restype = pointer
    library.opus_encoder_create.argtypes = [number, number, number, pointer]
    library.opus_encoder_destroy.restype = None
    library.opus_encoder_destroy.argtypes = [pointer]
    library.opus_encode.argtypes = [pointer, text, number, pointer, number]
    library.opus_decoder_create.restype = pointer
    library.opus_decoder_create.argtypes = [number, number, pointer]
    library.opus_decoder_destroy.restype = None
    library.opus_decoder_destroy.argtypes = [pointer]
    library.opus_decode.argtypes = [pointer, text, number, pointer, number, number]
    return library


_LIBRARY = _load()

_HAS_REDUNDANCY = getattr(_LIBRARY, "opus_packet_has_lbrr", None)
"""Since libopus 1.5; without it, redundancy is used when it happens to be there, and not waited for."""


def version() -> str:
    """The library's own name and version."""
    name: bytes = _LIBRARY.opus_get_version_string()
    return name.decode()


class OpusEncoder:
    """A mono speech encoder. One for each outgoing stream: it has state."""

    def __init__(self, rate: int, complexity: int, bit_rate: int) -> None:
        error = ctypes.c_int(0)
        self._state = ctypes.c_void_p(
            _LIBRARY.opus_encoder_create(rate, 1, _APPLICATION_VOIP, ctypes.byref(error))
        )
        if error.value != 0:
            raise OpusError(f"opus_encoder_create({rate}) failed with {error.value}")
        self._output = ctypes.create_string_buffer(MAX_PAYLOAD)
        self._address = ctypes.addressof(self._output)
        self._complexity = -1
        self._loss_percent = -1
        self._control(_SET_BITRATE, bit_rate)
        self.set_complexity(complexity)

    def _control(self, request: int, value: int) -> None:
        result = _LIBRARY.opus_encoder_ctl(self._state, request, ctypes.c_int(value))
        if result != 0:
            raise OpusError(f"opus_encoder_ctl({request}, {value}) failed with {result}")

    def set_complexity(self, complexity: int) -> None:
        """0 (cheapest) to 10. May change between frames."""
        if complexity != self._complexity:
            self._control(_SET_COMPLEXITY, complexity)
            self._complexity = complexity

    def set_expected_loss(self, percent: int) -> None:
        """Above 0, spend bits on in-band FEC for a receiver that loses this share of packets."""
        if percent != self._loss_percent:
            self._control(_SET_INBAND_FEC, 1 if percent else 0)
            self._control(_SET_PACKET_LOSS, min(percent, 100))
            self._loss_percent = percent

    def set_discontinuous(self, enabled: bool) -> None:
        """Let the encoder send next to nothing in silence (DTX)."""
        self._control(_SET_DTX, 1 if enabled else 0)

    def encode(self, samples: Samples) -> bytes:
        """One payload for a frame of 2.5 to 60 ms."""
        length = _LIBRARY.opus_encode(
            self._state, samples.tobytes(), len(samples), self._address, MAX_PAYLOAD
        )
        if length < 0:
            raise OpusError(f"opus_encode of {len(samples)} samples failed with {length}")
        return ctypes.string_at(self._address, length)

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            _LIBRARY.opus_encoder_destroy(self._state)


class OpusDecoder:
    """A mono decoder that gives any stream at `rate`. One for each incoming stream."""

    def __init__(self, rate: int) -> None:
        error = ctypes.c_int(0)
        self._state = ctypes.c_void_p(_LIBRARY.opus_decoder_create(rate, 1, ctypes.byref(error)))
        if error.value != 0:
            raise OpusError(f"opus_decoder_create({rate}) failed with {error.value}")
        self._rate = rate
        self._capacity = int(rate * MAX_FRAME_SECONDS)
        self._output = ctypes.create_string_buffer(2 * self._capacity)
        self._address = ctypes.addressof(self._output)

    def decode(self, payload: bytes) -> Samples | None:
        """The samples of one payload, or None when it is not valid Opus."""
        length = _LIBRARY.opus_decode(self._state, payload, len(payload), self._address, self._capacity, 0)
        return self._samples(length)

    def conceal(self, count: int) -> Samples | None:
        """`count` samples in place of a lost packet (libopus PLC); a multiple of 2.5 ms."""
        return self._samples(_LIBRARY.opus_decode(self._state, None, 0, self._address, count, 0))

    def recover(self, next_payload: bytes, count: int) -> Samples | None:
        """The `count` samples before `next_payload`, from the copy that it may carry (in-band FEC)."""
        length = _LIBRARY.opus_decode(self._state, next_payload, len(next_payload), self._address, count, 1)
        return self._samples(length)

    def redundant(self, payload: bytes) -> bool:
        """Whether a payload holds a copy of the one before it (RFC 6716 section 2.1.7)."""
        return _HAS_REDUNDANCY is not None and _HAS_REDUNDANCY(payload, len(payload)) == 1

    def _samples(self, length: int) -> Samples | None:
        if length <= 0:
            return None
        return np.frombuffer(ctypes.string_at(self._address, 2 * length), np.int16)

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            _LIBRARY.opus_decoder_destroy(self._state)
