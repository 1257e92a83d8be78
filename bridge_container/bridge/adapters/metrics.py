"""The bridge's counters, for Prometheus and CloudWatch. Labels are bounded words, never a peer's text."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from bridge.calls.media_engine import LegStatistics
from trunking.termination import Termination

_SETUP_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_SCORE_BUCKETS = (1.5, 2.0, 2.5, 3.0, 3.3, 3.6, 3.8, 4.0, 4.1, 4.2, 4.3, 4.4, 4.5)
_RATIO_BUCKETS = (0.0, 0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_JITTER_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2)
_ROUND_TRIP_BUCKETS = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)
_DURATION_BUCKETS = (1, 5, 15, 30, 60, 180, 600, 1800, 3600, 7200, 21600, 86400)
EMF_NAMESPACE = "Trunkline"


class BridgeMetrics:
    """Implements `bridge.calls.call_reports.CallMeters`, and counts for the adapters."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self._arrived = Counter(
            "trunkline_sip_calls_arrived_total", "SIP calls of authenticated peers", registry=registry
        )
        self._challenged = Counter(
            "trunkline_sip_challenges_total",
            "INVITEs that were challenged for credentials",
            registry=registry,
        )
        self._answered = Counter(
            "trunkline_sip_calls_answered_total", "SIP calls answered", registry=registry
        )
        self._ended = Counter(
            "trunkline_sip_calls_ended_total",
            "SIP calls ended or rejected, by their one termination",
            ["termination", "answered"],
            registry=registry,
        )
        self._active = Gauge("trunkline_sip_calls_active", "SIP calls alive", registry=registry)
        self._setup = Histogram(
            "trunkline_sip_setup_seconds", "INVITE to 200", buckets=_SETUP_BUCKETS, registry=registry
        )
        self._duration = Histogram(
            "trunkline_sip_duration_seconds",
            "INVITE to the end of answered calls",
            buckets=_DURATION_BUCKETS,
            registry=registry,
        )
        self._refused = Counter(
            "trunkline_sip_refused_total",
            "Requests refused or dropped outside of any call, by reason",
            ["why"],
            registry=registry,
        )
        self._illegal = Counter(
            "trunkline_sip_illegal_triggers_total",
            "Triggers that a call's state did not allow: our own bugs",
            ["state", "trigger"],
            registry=registry,
        )
        self._lost = Counter(
            "trunkline_reports_lost_total",
            "Call records and events given up because AWS did not take them",
            ["what"],
            registry=registry,
        )
        self._changes = Counter(
            "trunkline_routing_changes_total",
            "What the routing table's subscription did",
            ["what"],
            registry=registry,
        )
        self._score = Histogram(
            "trunkline_call_mos",
            "MOS estimate of running calls, each once in a period",
            ["direction"],
            buckets=_SCORE_BUCKETS,
            registry=registry,
        )
        self._loss = Histogram(
            "trunkline_call_loss_ratio",
            "Share of packets lost in running calls, each once in a period",
            ["direction"],
            buckets=_RATIO_BUCKETS,
            registry=registry,
        )
        self._jitter = Histogram(
            "trunkline_call_jitter_seconds",
            "Jitter of running calls, each once in a period",
            ["direction"],
            buckets=_JITTER_BUCKETS,
            registry=registry,
        )
        self._concealed = Histogram(
            "trunkline_call_concealed_ratio",
            "Share of phones' audio that was made up, each running call once in a period",
            buckets=_RATIO_BUCKETS,
            registry=registry,
        )
        self._round_trip = Histogram(
            "trunkline_call_round_trip_seconds",
            "Round trip to phones, each running call once in a period",
            buckets=_ROUND_TRIP_BUCKETS,
            registry=registry,
        )
        self._connections = Gauge(
            "trunkline_sip_connections", "Open SIP connections", ["transport"], registry=registry
        )
        self._ready = Gauge("trunkline_ready", "1 while new calls are taken", registry=registry)

    def arrived(self) -> None:
        """An authenticated INVITE."""
        self._arrived.inc()

    def challenged(self) -> None:
        """A challenge was sent."""
        self._challenged.inc()

    def answered(self, seconds: float) -> None:
        """A call was answered."""
        self._answered.inc()
        self._setup.observe(seconds)

    def ended(self, termination: Termination, *, answered: bool, seconds: float) -> None:
        """A call ended or was rejected."""
        self._ended.labels(termination.value, "yes" if answered else "no").inc()
        if answered:
            self._duration.observe(seconds)

    def measured(self, figures: LegStatistics) -> None:
        """The quality of one running call. A phone's own reports tell how it hears us, if it sends any."""
        for histogram, from_phone, to_phone in (
            (self._score, figures.mos, figures.peer_mos),
            (self._loss, figures.loss_ratio, figures.peer_loss_ratio),
            (self._jitter, figures.jitter_ms / 1000, _seconds(figures.peer_jitter_ms)),
        ):
            if from_phone is not None and figures.mos is not None:
                histogram.labels("from_phone").observe(from_phone)
            if to_phone is not None:
                histogram.labels("to_phone").observe(to_phone)
        if figures.mos is not None:
            self._concealed.observe(figures.concealed_ratio)
        if figures.round_trip_ms is not None:
            self._round_trip.observe(figures.round_trip_ms / 1000)

    def refused(self, why: str) -> None:
        """Something outside of any call was refused or dropped."""
        self._refused.labels(why).inc()

    def illegal(self, state: str, trigger: str) -> None:
        """A state machine met what its table does not allow."""
        self._illegal.labels(state, trigger).inc()

    def active(self, calls: int) -> None:
        """So many calls are alive."""
        self._active.set(calls)

    def reports_lost(self, what: str) -> Callable[[int], None]:
        """A counter of `records` or `events` that were given up."""
        return self._lost.labels(what).inc

    def routing_change(self, what: str) -> None:
        """The subscription did something."""
        self._changes.labels(what).inc()

    def connections(self, transport: str, count: int) -> None:
        """So many connections are open."""
        self._connections.labels(transport).set(count)

    def ready(self, ready: bool) -> None:
        """Whether new calls are taken."""
        self._ready.set(1 if ready else 0)

    def table_sizes(self, sizes: Callable[[], tuple[int, int]]) -> None:
        """Show the routing table's sizes, read when somebody asks."""
        trunks = Gauge("trunkline_routing_trunks", "Trunks in the routing table", registry=self.registry)
        rules = Gauge("trunkline_routing_rules", "Rules in the routing table", registry=self.registry)
        trunks.set_function(lambda: sizes()[0])
        rules.set_function(lambda: sizes()[1])

    def page(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)

    def embedded_metric(self, bridge_id: str, calls: int, capacity: int) -> str:
        """One line of CloudWatch's embedded metric format: what the service scales on."""
        at = int(datetime.now(UTC).timestamp() * 1000)
        names = [{"Name": "ActiveCalls", "Unit": "Count"}, {"Name": "CallsPercent", "Unit": "Percent"}]
        directive = {"Namespace": EMF_NAMESPACE, "Dimensions": [[], ["Service"]], "Metrics": names}
        return json.dumps(
            {
                "_aws": {"Timestamp": at, "CloudWatchMetrics": [directive]},
                "Service": "bridge",
                "bridge_id": bridge_id,
                "ActiveCalls": calls,
                "CallsPercent": round(100 * calls / capacity, 1),
            }
        )


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
