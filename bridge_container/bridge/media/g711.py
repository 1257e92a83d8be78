"""G.711, both laws, by table (ITU-T G.711), any number of samples at a time. Imports numpy only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]
"""16-bit linear PCM, mono."""

_MU_LAW_BIAS = 33
"""G.711 table 2a, in the 14-bit domain."""


def _mu_law_table() -> Samples:
    codes = ~np.arange(256, dtype=np.uint8)
    exponent = ((codes >> 4) & 7).astype(np.int32)
    mantissa = (codes & 15).astype(np.int32)
    magnitude = ((((mantissa << 1) + _MU_LAW_BIAS) << exponent) - _MU_LAW_BIAS) << 2
    return np.where(codes & 0x80, -magnitude, magnitude).astype(np.int16)


def _a_law_table() -> Samples:
    codes = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent = ((codes >> 4) & 7).astype(np.int32)
    mantissa = (codes & 15).astype(np.int32)
    steps = (mantissa << 1) + 1
    magnitude = np.where(exponent == 0, steps, (steps + 32) << np.maximum(exponent - 1, 0)) << 3
    return np.where(codes & 0x80, magnitude, -magnitude).astype(np.int16)


def _nearest_codes(decoded: Samples) -> npt.NDArray[np.uint8]:
    """For each of the 65,536 inputs, indexed by its unsigned value, the code that decodes nearest to it."""
    order = np.argsort(decoded, kind="stable")
    levels = decoded[order].astype(np.int32)
    borders = (levels[1:] + levels[:-1] + 1) >> 1
    inputs = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    return order[np.searchsorted(borders, inputs, side="right")].astype(np.uint8)


_DECODE = {"PCMU": _mu_law_table(), "PCMA": _a_law_table()}
_ENCODE = {law: _nearest_codes(table) for law, table in _DECODE.items()}


def decode(law: str, payload: bytes) -> Samples:
    """Linear samples of a payload. `law` is `PCMU` or `PCMA`."""
    return _DECODE[law][np.frombuffer(payload, np.uint8)]


def encode(law: str, samples: Samples) -> bytes:
    """One byte for each sample."""
    return _ENCODE[law][samples.view(np.uint16)].tobytes()
