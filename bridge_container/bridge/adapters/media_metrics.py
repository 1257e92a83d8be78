"""The media workers' load and refusals as Prometheus metrics, read when somebody asks for the page.

It keeps no counter of its own: workers report theirs. Labels are worker numbers and bounded words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bridge.adapters.media_settings import EngineLoad


class MediaMetrics(Collector):
    """A Prometheus collector over the engine's workers."""

    def __init__(self, loads: Callable[[], Sequence[EngineLoad]]) -> None:
        self._loads = loads

    def collect(self) -> Iterable[Metric]:
        """The metrics as of now, or as of the workers' last reports."""
        busy = GaugeMetricFamily(
            "trunkline_media_busy", "Share of its core a media worker uses", labels=["worker"]
        )
        legs = GaugeMetricFamily("trunkline_media_legs", "Legs open in a media worker", labels=["worker"])
        rooms = GaugeMetricFamily("trunkline_media_rooms", "Rooms in a media worker", labels=["worker"])
        full = GaugeMetricFamily(
            "trunkline_media_full", "1 while a media worker refuses new legs", labels=["worker"]
        )
        late = CounterMetricFamily(
            "trunkline_media_late_ticks", "Ticks that came more than 20 ms late", labels=["worker"]
        )
        skipped = CounterMetricFamily(
            "trunkline_media_skipped_ticks", "Ticks given up after a stall", labels=["worker"]
        )
        refused = CounterMetricFamily(
            "trunkline_webrtc_refused_datagrams",
            "Datagrams of the WebRTC port that were dropped, by reason",
            labels=["worker", "why"],
        )
        for number, load in enumerate(self._loads()):
            worker = [str(number)]
            busy.add_metric(worker, load.busy)
            legs.add_metric(worker, load.legs)
            rooms.add_metric(worker, load.rooms)
            full.add_metric(worker, float(load.full))
            late.add_metric(worker, load.late_ticks)
            skipped.add_metric(worker, load.skipped_ticks)
            for why, count in load.webrtc_refused.items():
                refused.add_metric([*worker, why], count)
        return [busy, legs, rooms, full, late, skipped, refused]
