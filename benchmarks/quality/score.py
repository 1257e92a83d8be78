"""How near to the original something sounds: PESQ (ITU-T P.862), and how late it is."""

from __future__ import annotations

import numpy as np
from pesq import NoUtterancesError, pesq

from bridge.media.g711 import Samples

_STEP = 80


def delay_ms(original: Samples, heard: Samples) -> float:
    """By how much the loudness of what is heard lags behind, in steps of 10 ms."""
    count = min(len(original), len(heard)) // _STEP
    first, second = (
        np.abs(signal[: count * _STEP].astype(np.float64)).reshape(count, _STEP).mean(axis=1)
        for signal in (original, heard)
    )
    first, second = first - first.mean(), second - second.mean()
    lags = range(60)
    scores = [float(np.dot(first[: count - lag], second[lag:])) for lag in lags]
    return 10.0 * int(np.argmax(scores))


def score(original: Samples, heard: Samples) -> float:
    """PESQ narrowband MOS-LQO, 1.0 to 4.5, the mean of pieces of about 8 s."""
    lag = int(delay_ms(original, heard) * 8)
    aligned = heard[lag:]
    length = min(len(original), len(aligned))
    pieces = max(length // 64000, 1)
    size = length // pieces
    scores = []
    for piece in range(pieces):
        part = slice(piece * size, (piece + 1) * size)
        try:
            scores.append(float(pesq(8000, original[part], aligned[part], "nb")))
        except NoUtterancesError:  # nothing but silence came through
            scores.append(1.0)
    return float(np.mean(scores))
