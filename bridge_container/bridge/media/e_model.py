"""An estimate of call quality from what was measured (ITU-T G.107, simplified). Imports nothing of ours.

R = 93.2 - Id - Ie,eff; every other impairment keeps G.107's default. Id uses the two-line fit of Cole and
Rosenbluth for delay with good echo control. Ie,eff is G.107's with random loss (BurstR = 1); G.711 with
concealment has Ie = 0 and Bpl = 25.1 (G.113 table I.1). Opus and G.722 have no narrowband values there;
they are taken as G.711 with concealment (G.722) and as a little more robust (Opus). Loss counts what was
concealed, late packets included.
"""

from __future__ import annotations

_BASE = 93.2
_CODECS = {
    "PCMU": (0.0, 25.1),
    "PCMA": (0.0, 25.1),
    "L16": (0.0, 25.1),
    "G722": (0.0, 25.1),
    "opus": (2.0, 30.0),
}
"""Equipment impairment Ie and packet-loss robustness Bpl."""


def transmission_rating(codec: str, loss: float, one_way_delay: float) -> float:
    """The R factor, 0 to 93.2. `loss` is a share, `one_way_delay` is seconds mouth to ear."""
    impairment, robustness = _CODECS.get(codec, (0.0, 25.1))
    percent = 100.0 * max(loss, 0.0)
    effective = impairment + (95.0 - impairment) * percent / (percent + robustness)
    milliseconds = 1000.0 * max(one_way_delay, 0.0)
    delayed = 0.024 * milliseconds + 0.11 * max(milliseconds - 177.3, 0.0)
    return max(_BASE - effective - delayed, 0.0)


def mean_opinion_score(rating: float) -> float:
    """MOS, 1.0 to 4.5, of an R factor (G.107 annex B)."""
    if rating <= 0:
        return 1.0
    if rating >= 100:
        return 4.5
    score = 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6
    return max(score, 1.0)


def estimate(codec: str, loss: float, one_way_delay: float) -> float:
    """MOS for a codec, a share of audio lost and a delay in seconds."""
    return mean_opinion_score(transmission_rating(codec, loss, one_way_delay))
