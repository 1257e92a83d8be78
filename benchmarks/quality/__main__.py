"""`python -m benchmarks.quality`: PESQ and delay after bad networks, for three jitter buffers, as a table.

The bridge's and aiortc's run in virtual time on the same arrivals; GStreamer's (fixed at 60 ms, with
spandsp's and libopus' concealment) runs in real time on them. Every figure is PESQ narrowband MOS-LQO
against what was sent; in brackets the delay in ms from sending to hearing, of which the network takes 30.
`sent` is the codec alone.
"""

from __future__ import annotations

import importlib.util
import sys

from benchmarks.quality import gstreamer
from benchmarks.quality.receivers import aiortc_buffer, bridge_playout
from benchmarks.quality.speech import packets, spoken
from bridge.media.codec import AudioFormat
from tests.unit.media.loss_patterns import (
    Network,
    bursts,
    drift,
    duplication,
    gaps,
    jitter,
    random_loss,
    stalls,
    steady,
)

_NETWORKS: dict[str, tuple[Network, int]] = {
    "nothing lost": (steady, 0),
    "1 % lost": (random_loss(0.01), 1),
    "3 % lost": (random_loss(0.03), 3),
    "5 % lost": (random_loss(0.05), 5),
    "10 % lost": (random_loss(0.10), 10),
    "bursts of 3 in 50": (bursts(3, 50), 6),
    "jitter 20 ms": (jitter(20, reorder=False), 0),
    "jitter 60 ms, reordered": (jitter(60, reorder=True), 0),
    "a fifth doubled": (duplication(0.2), 0),
    "200 ms gaps each 6 s": (gaps(200, 6.0), 0),
    "stalls of up to 120 ms": (stalls(120, 0.5), 0),
    "drift of 200 ppm": (drift(200), 0),
}
_NETWORK_MS = 30
_CODECS = (AudioFormat("PCMU", 0, 8000), AudioFormat("opus", 111, 48000))


def main() -> None:
    """Play, score and print."""
    if importlib.util.find_spec("pesq") is None:
        sys.exit(
            "the quality benchmark scores with pesq: pip install 'pesq>=0.0.4,<0.1' (wants a C compiler)"
        )
    from benchmarks.quality.score import delay_ms, score

    speech = spoken()
    count = len(speech) // 160
    arrivals = {name: network(count) for name, (network, _) in _NETWORKS.items()}
    seconds = len(speech) / 8000 + 0.6
    with_gstreamer = gstreamer.available()
    if not with_gstreamer:
        print(
            "GStreamer is left out: gst-launch-1.0 with rtpjitterbuffer, spanplc and opusdec is not installed"
        )
    for audio in _CODECS:
        payloads = {name: packets(speech, audio, loss) for name, (_, loss) in _NETWORKS.items()}
        native = dict.fromkeys(arrivals, "")
        if with_gstreamer:
            heard = gstreamer.receive(payloads["5 % lost"], audio, list(arrivals.values()), seconds)
            native = {
                name: f"{score(speech, samples):.2f} ({_NETWORK_MS + gstreamer.LATENCY_MS})"
                for name, samples in zip(arrivals, heard, strict=True)
            }
        print(f"\n{audio.name:24} {'bridge':>12} {'aiortc':>12} {'GStreamer':>12}")
        for name, network_arrivals in arrivals.items():
            cells = []
            for receiver in (bridge_playout, aiortc_buffer):
                samples = receiver(payloads[name], audio, network_arrivals, seconds)
                cells.append(f"{score(speech, samples):.2f} ({delay_ms(speech, samples):.0f})")
            print(f"{name:24} {cells[0]:>12} {cells[1]:>12} {native[name]:>12}")


if __name__ == "__main__":
    main()
